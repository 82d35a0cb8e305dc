/**
 * A new credential in the place of the old one, without a moment in which none works.
 *
 * The hard thing is the order: the new one is made, kept beside the old one, proven by a token, and only then put in its place; the old
 * one stays for the overlap, and goes only if it is ours and another one is known to work. Cut off anywhere, the next run goes on.
 */
import { getApplication } from '../admin/graph/applications.ts';
import type { SecretInfo } from '../admin/graph/shapes.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { Secret } from '../runtime/secret.ts';
import { addSecret, type CredentialPorts, lostSecrets, removeNamed, removeSecret } from './credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { ourPrefix } from './desired.ts';
import type { Kept } from './notes.ts';
import { onceKnown } from './patience.ts';
import { isLost } from './plan-credential.ts';

const dayMs = 86_400_000;

export interface RotatePorts extends Omit<CredentialPorts, 'store'> {
  readonly store: CredentialStore;
  /**
   * Asks for a token with this secret, and where it can logs in to a mailbox with it.
   * @throws Fault token.secret-wrong while the new one is not known everywhere, and what else keeps it from working
   */
  readonly prove: (secret: Secret) => Promise<void>;
}

export interface Rotation {
  /** Key id of the new secret and when it ends. */
  readonly keyId: string;
  readonly ends: Date;
  /** Key ids that were removed in this run, and those that wait for the end of the overlap. */
  readonly removed: readonly string[];
  readonly waiting: readonly { readonly keyId: string; readonly after: Date }[];
}

export interface RotateOptions {
  readonly kept: Kept;
  readonly lifetimeDays: number;
  readonly overlapDays: number;
}

/** Adds, proves, switches, and notes when the old ones may go. @throws Fault setup.*, graph.*; after any of them the old one still works */
export async function rotateSecret({ kept, lifetimeDays, overlapDays }: RotateOptions, ports: RotatePorts): Promise<Rotation> {
  const { clock, notes } = ports;
  const before = await ours(kept, ports);
  // Caught on its way into the store, proven first.
  const proving: CredentialStore = {
    describe: ports.store.describe,
    hint: () => ports.store.hint(),
    async put(value) {
      await proven(value, ports);
      await ports.store.put(value);
    },
  };
  const storedHint = await ports.store.hint();
  const lost = before.filter((one) => isLost(one, { lost: lostSecrets(notes), storedHint }));
  await addSecret({ id: kept.appObjectId }, lifetimeDays, { ...ports, store: proving });
  const after = new Date(clock.now() + overlapDays * dayMs);
  const now = notes.read() ?? kept;
  const retiring = before.filter((one) => !lost.includes(one) && !now.retired.some((known) => known.keyId === one.keyId));
  notes.keep({ ...now, retired: [...now.retired, ...retiring.map(({ keyId }) => ({ keyId, after: after.toISOString() }))] });
  // Nobody has the value of these: they need no overlap. Only now, when another one is known to work.
  for (const { displayName } of lost) await removeNamed(kept.appObjectId, displayName ?? '', ports);
  const removed = await removeRetired(ports);
  const last = notes.read() ?? now;
  return {
    keyId: last.keyId ?? '',
    ends: new Date(last.credentialEnds ?? 0),
    removed,
    waiting: last.retired.map((one) => ({ keyId: one.keyId, after: new Date(one.after) })),
  };
}

/** Waits until a new secret is taken. M365 (recorded): seconds to minutes. @throws Fault setup.new-credential-unused */
async function proven(secret: Secret, ports: RotatePorts): Promise<void> {
  try {
    await onceKnown(
      'the new secret, at the token endpoint',
      ports,
      (fault) => fault.code === 'token.secret-wrong',
      () => ports.prove(secret),
    );
  } catch (error) {
    if (!isFault(error, 'token.secret-wrong')) throw error;
    throw new Fault(
      'setup.new-credential-unused',
      { waitedSeconds: Math.round(ports.waitMs / 1_000), answer: error.code },
      { cause: error },
    );
  }
}

/**
 * Removes those of our old secrets whose overlap is over. Never the one in use, never one that is not ours, and none while the one in use
 * is not there.
 * @returns key ids
 * @throws Fault setup.last-credential
 */
export async function removeRetired(ports: CredentialPorts): Promise<readonly string[]> {
  const { graph, notes, clock } = ports;
  const kept = notes.read();
  if (kept === undefined) return [];
  const due = kept.retired.filter((one) => Date.parse(one.after) <= clock.now());
  if (due.length === 0) return [];
  const app = await getApplication(graph, { by: 'id', value: kept.appObjectId });
  const secrets = app?.passwordCredentials ?? [];
  if (!secrets.some((one) => one.keyId === kept.keyId)) throw new Fault('setup.last-credential', { keyId: kept.keyId ?? 'unknown' });
  const removed: string[] = [];
  for (const { keyId } of due) {
    if (keyId !== kept.keyId && secrets.some((one) => one.keyId === keyId && isOurs(one))) {
      await removeSecret(kept.appObjectId, { keyId }, ports);
      removed.push(keyId);
    }
    const now = notes.read() ?? kept;
    notes.keep({ ...now, retired: now.retired.filter((one) => one.keyId !== keyId) });
  }
  return removed;
}

async function ours(kept: Kept, { graph }: RotatePorts): Promise<readonly SecretInfo[]> {
  const app = await getApplication(graph, { by: 'id', value: kept.appObjectId });
  if (app === undefined) throw new Fault('setup.app-not-found', { appId: kept.appId });
  return app.passwordCredentials.filter(isOurs);
}

function isOurs({ displayName }: SecretInfo): boolean {
  return displayName?.startsWith(ourPrefix) === true;
}
