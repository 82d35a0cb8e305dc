/**
 * How the app proves itself: what is missing, what nobody has the value of, what ends soon.
 *
 * The hard thing is which secret is the one in use: Entra shows three characters of each, and those of the stored one are held against them.
 */
import type { SecretInfo } from '../admin/graph/shapes.ts';
import { ourPrefix } from './desired.ts';
import { certificateName, type Draft, entraAdmin, isGood } from './draft.ts';

const dayMs = 86_400_000;
/** Days ahead at which a plan and an audit tell that a credential ends. */
const tellDays = 60;

export function credential(draft: Draft): void {
  const { credential } = draft.desired;
  switch (credential.kind) {
    case 'secret':
      secret(draft, credential.lifetimeDays);
      return;
    case 'certificate': {
      const { app } = draft.observed.entra;
      const ours = (app?.keyCredentials ?? []).filter((one) => one.displayName?.startsWith(certificateName(draft.desired.app.uniqueName)));
      const { storedHint } = draft.observed.entra;
      const good = ours.filter((one) => isGood(one.endDateTime, draft.nowMs));
      const inUse = good.filter((one) => isStored(one.customKeyIdentifier?.toUpperCase(), storedHint));
      for (const one of inUse.length === 0 ? [] : good.filter((other) => !inUse.includes(other))) {
        draft.remark('drift', `A certificate of ours that is not the stored one: ${one.displayName} (${one.keyId}).`);
      }
      if (inUse.length > 0) {
        endsSoon(draft, 'certificate', 'move its files away, then `postern setup apply` makes a new one', inUse);
        return;
      }
      draft.step({
        plane: 'entra',
        sign: '+',
        object: 'certificate',
        key: `for ${credential.lifetimeDays} days`,
        reason: certificateReason(ours.length, good.length),
        needs: entraAdmin,
        undo: 'setup destroy',
        act: { kind: 'add-certificate', days: credential.lifetimeDays },
      });
      return;
    }
    case 'federated': {
      const { kind: _, ...wanted } = credential;
      const { federated } = draft.observed.entra;
      if (
        federated.some((one) => one.issuer === wanted.issuer && one.subject === wanted.subject && one.audiences.includes(wanted.audience))
      )
        return;
      draft.step({
        plane: 'entra',
        sign: '+',
        object: 'federated credential',
        key: wanted.name,
        to: `${wanted.subject} of ${wanted.issuer}`,
        reason: 'the app proves itself by the identity of where it runs; nothing expires',
        needs: entraAdmin,
        undo: 'setup destroy',
        act: { kind: 'add-federated', ...wanted },
      });
      return;
    }
    default:
      credential satisfies never;
  }
}

function secret(draft: Draft, lifetimeDays: number): void {
  const { app, storedHint, retired } = draft.observed.entra;
  const ours = (app?.passwordCredentials ?? []).filter((one) => one.displayName?.startsWith(ourPrefix));
  const lost = ours.filter((one) => isLost(one, draft.observed.entra));
  const good = ours.filter((one) => !lost.includes(one) && isGood(one.endDateTime, draft.nowMs));
  const inUse = good.filter((one) => isStored(one.hint, storedHint));
  if (inUse.length === 0) {
    mayBeMade(draft, lifetimeDays);
    draft.step({
      plane: 'entra',
      sign: '+',
      object: 'client secret',
      key: `for ${lifetimeDays} days`,
      reason: good.length > 0 ? 'the one that is stored here is none of this app' : 'the app proves itself by it',
      needs: entraAdmin,
      undo: 'setup destroy; setup rotate replaces it',
      act: { kind: 'add-secret', days: lifetimeDays },
    });
  } else {
    // Where the store cannot be looked at, the one that lives longest is taken for the one in use.
    const [longest] = inUse.toSorted((one, other) => ends(other) - ends(one));
    endsSoon(draft, 'client secret', '`postern setup rotate`', longest === undefined ? [] : [longest]);
    const strays = storedHint === undefined ? [] : good.filter((one) => !inUse.includes(one) && !retired.includes(one.keyId));
    for (const { displayName, keyId } of strays) {
      draft.remark(
        'drift',
        `A secret of ours that is not the stored one: ${displayName} (${keyId}). \`setup rotate\` takes it away after the overlap.`,
      );
    }
  }
  // After the new one, so that there is no moment without any.
  for (const one of lost) {
    draft.step({
      plane: 'entra',
      sign: '-',
      object: 'client secret',
      key: one.displayName ?? one.keyId,
      reason: 'it was made and never stored: nobody has its value',
      needs: entraAdmin,
      undo: 'nothing is lost with it',
      act: { kind: 'remove-secret', keyId: one.keyId, name: one.displayName ?? '' },
    });
  }
}

/**
 * Whether a secret was asked for and never stored. One whose beginning is the stored one's was: the run ended between storing and noting.
 * @param one of ours
 */
export function isLost(
  one: SecretInfo,
  { lost, storedHint }: { readonly lost: readonly string[]; readonly storedHint: string | undefined },
): boolean {
  if (!lost.includes(one.displayName ?? '')) return false;
  return storedHint === undefined || storedHint === '' || one.hint !== storedHint;
}

function mayBeMade(draft: Draft, lifetimeDays: number): void {
  const { secretPolicy } = draft.observed.entra;
  if (secretPolicy === undefined) return;
  if (!secretPolicy.allowed) {
    draft.remark('blocked', 'A policy of the tenant allows no secrets: use a certificate or a federated credential.');
  } else if (secretPolicy.maxDays !== undefined && secretPolicy.maxDays < lifetimeDays) {
    draft.remark(
      'blocked',
      `A policy of the tenant allows secrets for ${secretPolicy.maxDays} days: write \`lifetime: ${secretPolicy.maxDays}d\`.`,
    );
  }
}

function endsSoon(draft: Draft, what: string, how: string, good: readonly { readonly endDateTime?: string | null | undefined }[]): void {
  const last = Math.max(...good.map(ends));
  const days = Math.floor((last - draft.nowMs) / dayMs);
  if (days >= tellDays || !Number.isFinite(last)) return;
  draft.remark('expiring', `The ${what} ends in ${days} days, on ${new Date(last).toISOString().slice(0, 10)}: ${how}.`);
}

function certificateReason(ours: number, good: number): string {
  if (good > 0) return 'the one that is stored here is none of this app';
  return ours === 0 ? 'the app proves itself by it; its key is made here and never leaves' : 'ours have expired';
}

function ends({ endDateTime }: { readonly endDateTime?: string | null | undefined }): number {
  return Date.parse(endDateTime ?? '');
}

/** Where the store cannot be looked at, a secret that is there is taken for the one that is stored. */
function isStored(hint: string | null | undefined, storedHint: string | undefined): boolean {
  return storedHint === undefined || hint === undefined || hint === null || hint === storedHint;
}
