/**
 * The difference between what a tenant should have and what it has, as a list of steps. Pure: no network, no clock of its own.
 *
 * The hard thing is to say enough for a person to approve it and for a program to do it, in one value: a step is data, it is printed,
 * saved, applied and turned into a script, and nothing is done that does not stand in it. What is only worth knowing is a remark.
 */
import { type Desired, roleOf } from './desired.ts';
import { Draft } from './draft.ts';
import { drift } from './drift.ts';
import { canonical, type Observed } from './observed.ts';
import { app, credential, delegated, principal, roles } from './plan-entra.ts';
import { mailboxes, pointer, sendAs } from './plan-exchange.ts';
import type { Plan } from './step.ts';

/**
 * The order is the one in which it is done: the credential last, so that a failed run leaves no live secret behind.
 * @param observedHash that of `observed`; `desiredHash` that of `desired`
 */
export function makePlan(desired: Desired, observed: Observed, observedHash: string, desiredHash: string, nowMs: number): Plan {
  const draft = new Draft(desired, observed, nowMs);
  for (const part of [app, principal, roles, delegated, pointer, mailboxes, sendAs, credential, drift]) part(draft);
  const { entra } = observed;
  return {
    schema: 'postern.plan/1',
    tenant: desired.tenant,
    organization: entra.organization,
    ids: { appId: entra.app?.appId, appObjectId: entra.app?.id, principalId: entra.principal?.id },
    steps: draft.steps,
    remarks: draft.remarks,
    reach: reachOf(desired),
    observed: observedHash,
    desired: desiredHash,
  };
}

function reachOf({ mailboxes, protocols }: Desired): readonly string[] {
  const roles = protocols.map((protocol) => roleOf[protocol]).join(', ');
  return [
    `The app roles ${roles} open no mailbox by themselves.`,
    ...mailboxes.map(({ address, protocols: by, sendAs }) => {
      const more = sendAs.length === 0 ? '' : `, and may send as ${sendAs.join(', ')}`;
      return `${address}: all of it, by ${by.join(', ')}${more}`;
    }),
  ];
}

/** What the configuration wants, as one text to hold a saved plan against. */
export function desiredText(desired: Desired): string {
  return canonical(desired);
}
