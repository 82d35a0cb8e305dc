/**
 * The difference between what a tenant should have and what it has, as a list of steps. Pure: no network, no clock of its own.
 *
 * The hard thing is to say enough for a person to approve it and for a program to do it, in one value: a step is data, it is printed,
 * saved, applied and turned into a script, and nothing is done that does not stand in it. What is only worth knowing is a remark.
 */
import { consentPages } from './consent-page.ts';
import { type Desired, rolesWanted, sendRole, wantsFullAccess } from './desired.ts';
import { Draft } from './draft.ts';
import { drift } from './drift.ts';
import { canonical, type Observed } from './observed.ts';
import { credential } from './plan-credential.ts';
import { app, delegated, principal, roles } from './plan-entra.ts';
import { mailboxes, pointer, preflight, sendAs, sending, unlisted } from './plan-exchange.ts';
import type { Plan } from './step.ts';

/**
 * The order is the one in which it is done: the credential last, so that a failed run leaves no live secret behind.
 * @param observedHash that of `observed`; `desiredHash` that of `desired`
 */
export function makePlan(desired: Desired, observed: Observed, observedHash: string, desiredHash: string, nowMs: number): Plan {
  const draft = new Draft(desired, observed, nowMs);
  const parts = [
    app,
    principal,
    roles,
    delegated,
    pointer,
    mailboxes,
    sendAs,
    unlisted,
    sending,
    credential,
    drift,
    consentPages,
    preflight,
  ];
  for (const part of parts) part(draft);
  const { entra } = observed;
  return {
    schema: 'postern.plan/1',
    tenant: desired.tenant,
    organization: entra.organization,
    ids: { appId: entra.app?.appId, appObjectId: entra.app?.id, principalId: entra.principal?.id },
    steps: draft.steps,
    remarks: draft.remarks,
    reach: reachOf(desired, observed),
    observed: observedHash,
    desired: desiredHash,
  };
}

/** What the app will be able to do when all is done: the lines that an administrator approves by. */
function reachOf(desired: Desired, { entra, exchange }: Observed): readonly string[] {
  const { mailboxes, smtp } = desired;
  const roles = rolesWanted(desired);
  const opened = mailboxes.filter((one) => wantsFullAccess(one, desired)).length;
  // What a pointer has that was there before, only a look at every mailbox could tell.
  const isNew = entra.principal === undefined || exchange?.pointers.every((one) => one.objectId !== entra.principal?.id) === true;
  return [
    ...(roles.length === 0
      ? []
      : [`${roles.join(', ')}: ${roles.length === 1 ? 'opens' : 'open'} no mailbox by ${roles.length === 1 ? 'itself' : 'themselves'}.`]),
    `FullAccess on ${many(opened)}${isNew ? onNoOther : whetherOnOthers}:`,
    ...mailboxes.map((one) => {
      const by = one.protocols.filter((protocol) => protocol !== 'smtp' || smtp.mode === 'claims');
      const more = one.sendAs.length === 0 ? '' : `; sends as ${one.sendAs.join(', ')} too`;
      return `  ${one.address}: ${by.length === 0 ? 'sends only' : `all of it, by ${by.join(', ')}`}${more}`;
    }),
    ...(smtp.mode === 'claims' || exchange?.sending === undefined
      ? []
      : [`${sendRole}: sends as each direct member of ${smtp.group}: ${exchange.sending.members.join(', ') || 'none'}`]),
  ];
}

const onNoOther = ', on no other';
const whetherOnOthers = ' (whether on others too, `setup audit --all-mailboxes` tells)';

/** The reach of a plan after every mailbox was asked. @param unlisted how many open to the app and are not listed */
export function reachAfterSweep(reach: readonly string[], unlisted: number): readonly string[] {
  const found = unlisted === 0 ? onNoOther : `, and on ${many(unlisted)} not listed`;
  return reach.map((line) => line.replace(whetherOnOthers, found));
}

function many(mailboxes: number): string {
  return mailboxes === 1 ? '1 mailbox' : `${mailboxes} mailboxes`;
}

/** What the configuration wants, as one text to hold a saved plan against. */
export function desiredText(desired: Desired): string {
  return canonical(desired);
}
