/**
 * Secrets and certificates of the app: made, stored, and taken away again.
 *
 * The hard thing: a call that makes a secret makes another one when it is repeated, and only its answer has the value. So its name is used
 * once and noted before; a lost answer, or a store that fails, ends with the secret removed by its name, never with one that nobody has.
 */
import { addPassword, changeApplication, getApplication, removePassword } from '../admin/graph/applications.ts';
import type { GraphClient } from '../admin/graph/client.ts';
import type { Application } from '../admin/graph/shapes.ts';
import { isFault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { makeCertificate } from './certificate.ts';
import type { CredentialStore } from './credential-store.ts';
import { ourPrefix } from './desired.ts';
import { certificateName } from './draft.ts';
import type { SetupNotes } from './notes.ts';
import { isTooEarly, isUnknown, onceKnown, type Patience, untilSeen } from './patience.ts';

const dayMs = 86_400_000;
/** Times that a secret is asked for when its answer is lost. */
const maxAttempts = 3;

export interface CredentialPorts extends Patience {
  readonly graph: GraphClient;
  readonly notes: SetupNotes;
  readonly store: CredentialStore;
  readonly run: string;
  readonly actor: string;
}

/** Makes a secret and stores it. @throws Fault setup.store-failed, after the secret was removed again; graph.* */
export async function addSecret(app: Pick<Application, 'id'>, days: number, ports: CredentialPorts): Promise<void> {
  const { graph, notes, store, run, clock } = ports;
  const ends = new Date(clock.now() + days * dayMs);
  for (let attempt = 1; ; attempt += 1) {
    const name = `${ourPrefix}${run}-${attempt}`;
    note(ports, 'secret-asked', { name });
    try {
      const made = await onceKnown('the app registration', ports, isTooEarly, () => addPassword(graph, app.id, name, ends));
      note(ports, 'secret-received', { name, keyId: made.keyId });
      try {
        await store.put(new Secret(made.secretText));
      } catch (error) {
        await removeSecret(app.id, { keyId: made.keyId, name }, ports);
        throw error;
      }
      note(ports, 'secret-stored', { name, keyId: made.keyId });
      keepCredential(notes, made.keyId, ends);
      await untilSeen('the new secret', ports, async () => (await named(graph, app.id, name)) !== undefined);
      return;
    } catch (error) {
      if (!isUnknown(error) || attempt === maxAttempts) throw error;
      await removeNamed(app.id, name, ports);
    }
  }
}

/** Makes a key pair and a certificate here, stores the key with the certificate, and shows Entra the certificate. */
export async function addCertificate(app: Application, uniqueName: string, days: number, ports: CredentialPorts): Promise<void> {
  const { graph, notes, store, run, clock } = ports;
  const ends = new Date(clock.now() + days * dayMs);
  const { certificatePem, keyPem, base64, thumbprint } = await makeCertificate(
    `${certificateName(uniqueName)}-${run}`,
    new Date(clock.now()),
    ends,
  );
  // Stored before Entra hears of it: a certificate without its key would be of no use, a key without its certificate does no harm.
  await store.put(new Secret(`${certificatePem}${keyPem}`));
  note(ports, 'certificate-stored', { thumbprint });
  const current = (await getApplication(graph, { by: 'id', value: app.id })) ?? app;
  const entry = { type: 'AsymmetricX509Cert', usage: 'Verify', key: base64, displayName: `${certificateName(uniqueName)}-${run}` };
  await onceKnown('the app registration', ports, isTooEarly, () =>
    changeApplication(graph, app.id, { keyCredentials: [...current.keyCredentials, entry] }),
  );
  const mine = async () =>
    (await getApplication(graph, { by: 'id', value: app.id }))?.keyCredentials.find(
      (one) => one.customKeyIdentifier?.toUpperCase() === thumbprint,
    );
  await untilSeen('the new certificate', ports, async () => (await mine()) !== undefined);
  const keyId = (await mine())?.keyId;
  if (keyId !== undefined) keepCredential(notes, keyId, ends);
}

/** Names of secrets that were asked for and, as the journal says, never stored. */
export function lostSecrets(notes: SetupNotes): readonly string[] {
  const asked = new Set<string>();
  for (const { event, name } of notes.lines()) {
    if (typeof name !== 'string') continue;
    if (event === 'secret-asked') asked.add(name);
    if (event === 'secret-stored' || event === 'secret-removed') asked.delete(name);
  }
  return [...asked];
}

/**
 * Removes the secret of this name, if it is seen. One that is not seen may still show up: it stays noted as lost, and the next plan and the
 * next rotation look for it again.
 */
export async function removeNamed(id: string, name: string, ports: CredentialPorts): Promise<void> {
  const keyId = await named(ports.graph, id, name);
  if (keyId !== undefined) await removeSecret(id, { keyId, name }, ports);
}

/** Removes a secret and waits until it is gone. @throws Fault graph.*, setup.not-consistent */
export async function removeSecret(
  id: string,
  { keyId, name }: { readonly keyId: string; readonly name?: string },
  ports: CredentialPorts,
): Promise<void> {
  try {
    await removePassword(ports.graph, id, keyId);
  } catch (error) {
    // M365 (recorded): a key that is not there any more is a bad request.
    const isGone = isFault(error, 'graph.refused') && /no password credential found/i.test(String(error.evidence['text']));
    if (!isGone && !isFault(error, 'graph.not-found') && !isUnknown(error)) throw error;
  }
  await untilSeen('the removal of the secret', ports, async () => {
    const app = await getApplication(ports.graph, { by: 'id', value: id });
    return app !== undefined && !app.passwordCredentials.some((one) => one.keyId === keyId);
  });
  note(ports, 'secret-removed', { keyId, ...(name === undefined ? {} : { name }) });
}

/** Notes the secret whose beginning is the stored one's, where a run ended between storing and noting it. */
export function noteInUse(app: Application, { storedHint }: { readonly storedHint: string | undefined }, { notes }: CredentialPorts): void {
  if (storedHint === undefined || storedHint === '') return;
  const known = notes.read();
  const mine = app.passwordCredentials.filter((one) => one.displayName?.startsWith(ourPrefix) === true && one.hint === storedHint);
  const [only, another] = mine;
  if (known === undefined || only === undefined || another !== undefined || only.keyId === known.keyId) return;
  keepCredential(notes, only.keyId, new Date(only.endDateTime ?? 0));
}

/**
 * Secrets of ours that are neither in use nor waiting (a file that was lost, a run that was cut off) begin to wait for the end of an overlap.
 */
export async function retireStrays(app: Pick<Application, 'id'>, overlapDays: number, ports: CredentialPorts): Promise<void> {
  const { graph, notes, clock } = ports;
  const kept = notes.read();
  if (kept?.keyId === undefined) return;
  const now = await getApplication(graph, { by: 'id', value: app.id });
  const after = new Date(clock.now() + overlapDays * dayMs).toISOString();
  const strays = (now?.passwordCredentials ?? []).filter(
    ({ keyId, displayName }) =>
      displayName?.startsWith(ourPrefix) === true && keyId !== kept.keyId && !kept.retired.some((one) => one.keyId === keyId),
  );
  if (strays.length > 0) notes.keep({ ...kept, retired: [...kept.retired, ...strays.map(({ keyId }) => ({ keyId, after }))] });
}

/** Key id of the secret with this name. */
async function named(graph: GraphClient, id: string, name: string): Promise<string | undefined> {
  const app = await getApplication(graph, { by: 'id', value: id });
  return app?.passwordCredentials.find((one) => one.displayName === name)?.keyId;
}

export function keepCredential(notes: SetupNotes, keyId: string, ends: Date): void {
  const known = notes.read();
  if (known !== undefined) notes.keep({ ...known, keyId, credentialEnds: ends.toISOString() });
}

export function note({ notes, run, actor, clock }: CredentialPorts, event: string, more: Readonly<Record<string, unknown>>): void {
  notes.note({ at: new Date(clock.now()).toISOString(), run, actor, event, ...more });
}
