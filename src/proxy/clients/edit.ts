/** What `postern proxy client` does to the list of clients. Each is one change of the file, whole or not at all. */
import { Fault } from '../../fault/fault.ts';
import { passwordHashing } from '../../runtime/password-hash.ts';
import type { Secret } from '../../runtime/secret.ts';
import { clientHashCost } from './admission.ts';
import type { ProxyClient } from './client.ts';
import { changeClients } from './client-file.ts';
import { makePassword } from './client-password.ts';

export type ClientRights = Pick<ProxyClient, 'mailboxes' | 'protocols' | 'networks'>;

/** @returns the password, which nobody can read again. @throws Fault proxy.client-taken, proxy.clients-* */
export async function addClient(file: string, name: string, rights: ClientRights, nowMs: number): Promise<Secret> {
  return await withPassword(file, async (clients, fresh) => {
    if (clients.some((one) => one.name === name)) throw new Fault('proxy.client-taken', { name });
    return [...clients, { name, ...lower(rights), ...fresh, createdMs: nowMs }];
  });
}

/** @returns the new password; the old one is of no use any more. @throws Fault proxy.client-unknown, proxy.clients-* */
export async function newPassword(file: string, name: string): Promise<Secret> {
  return await withPassword(file, async (clients, fresh) => {
    known(clients, name);
    return clients.map((one) => (one.name === name ? { ...one, ...fresh } : one));
  });
}

/** @returns the client as it is now. @throws Fault proxy.client-unknown, proxy.clients-* */
export async function changeClient(file: string, name: string, rights: Partial<ClientRights>): Promise<ProxyClient> {
  let changed: ProxyClient | undefined;
  await changeClients(file, async (clients) => {
    changed = { ...known(clients, name), ...lower(rights) };
    const now = changed;
    return clients.map((one) => (one.name === name ? now : one));
  });
  if (changed === undefined) throw new Error('a change that was written has no result');
  return changed;
}

/** @throws Fault proxy.client-unknown, proxy.clients-* */
export async function removeClient(file: string, name: string): Promise<void> {
  await changeClients(file, async (clients) => {
    known(clients, name);
    return clients.filter((one) => one.name !== name);
  });
}

async function withPassword(
  file: string,
  change: (clients: readonly ProxyClient[], fresh: Pick<ProxyClient, 'tag' | 'hash'>) => Promise<readonly ProxyClient[]>,
): Promise<Secret> {
  let made: Secret | undefined;
  await changeClients(file, async (clients) => {
    const { password, tag } = makePassword(new Set(clients.map((one) => one.tag)));
    made = password;
    return await change(clients, { tag, hash: await passwordHashing(clientHashCost).hash(password) });
  });
  if (made === undefined) throw new Error('a password that was written is not there');
  return made;
}

function known(clients: readonly ProxyClient[], name: string): ProxyClient {
  const client = clients.find((one) => one.name === name);
  if (client === undefined) throw new Fault('proxy.client-unknown', { name, known: clients.map((one) => one.name).join(', ') });
  return client;
}

function lower<R extends Partial<ClientRights>>(rights: R): R {
  return rights.mailboxes === undefined ? rights : { ...rights, mailboxes: rights.mailboxes.map((pattern) => pattern.toLowerCase()) };
}
