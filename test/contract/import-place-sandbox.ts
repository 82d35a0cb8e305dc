/** The sandbox as a place to import from: in this process, so that a test can look at its state and change it between two bytes. */
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { renameFolder } from '../../sandbox/src/exchange/imap/folders.ts';
import { Folder, rawOf } from '../../sandbox/src/folder.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, type Mailbox, mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import type { ImportPlace } from './import-place.ts';

export interface SandboxPlace extends ImportPlace {
  readonly sandbox: Sandbox;
  /** The sandbox's own picture of a mailbox, to be looked at and changed. */
  state(mailbox: string): Mailbox;
  folder(mailbox: string, name?: string): Folder;
}

export async function sandboxPlace(now: () => Date = () => new Date()): Promise<SandboxPlace> {
  const sandbox = await startSandbox({ withoutSeed: true, now });
  let made = 0;
  const state = (address: string): Mailbox => {
    const found = mailboxOf(sandbox.tenant, address);
    if (found === undefined) throw new Error(`the sandbox has no mailbox ${address}`);
    return found;
  };
  const folder = (address: string, name = 'INBOX'): Folder => {
    const mailbox = state(address);
    const found = folderOf(mailbox, name);
    if (found !== undefined) return found;
    const fresh = new Folder({ name, uidValidity: 100 + mailbox.folders.length });
    mailbox.folders.push(fresh);
    return fresh;
  };
  return {
    name: 'sandbox',
    sandbox,
    state,
    folder,
    ...tenantOf(sandbox),
    server: {
      implicit: `{ host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }`,
      starttls: `{ host: localhost, port: ${sandbox.imap.starttlsPort}, tls: starttls, ca: ca.pem }`,
    },
    mailbox() {
      made += 1;
      return addMailbox(sandbox.tenant, makeMailbox(`import${made}@contoso.test`)).address;
    },
    deliver(mailbox, name, messages, at) {
      const target = folder(mailbox, name);
      for (const bytes of messages) target.deliver([Buffer.from(bytes)], { internalDate: at ?? sandbox.tenant.now() });
    },
    list: (mailbox, name) =>
      folder(mailbox, name).messages.map((message) => ({ bytes: rawOf(message), flags: [...message.flags].join(' ') })),
    remove(mailbox, name, index) {
      const target = folder(mailbox, name);
      const gone = target.messages[index];
      if (gone !== undefined) target.remove(new Set([gone]));
    },
    renumber: (mailbox, name) => folder(mailbox, name).renumber(),
    mark(mailbox, name, index) {
      const target = folder(mailbox, name);
      const message = target.messages[index];
      if (message !== undefined) target.setFlags(message, ['\\Deleted']);
    },
    rename: (mailbox, name, now) => renameFolder(state(mailbox), folder(mailbox, name), now),
    cut: () => {
      for (const session of [...sandbox.tenant.sessions]) session.cut();
    },
    close: () => sandbox.close(),
  };
}

/** How a configuration names the sandbox's tenant: also for another server that takes its tokens. */
export function tenantOf(sandbox: Sandbox, clientId = sandbox.clientId): Pick<ImportPlace, 'tenant' | 'files'> {
  const cloud = `{ authority: "${sandbox.authority}", scope: "${sandbox.scope}" }`;
  return {
    tenant: `{ tenantId: ${sandbox.tenant.id}, clientId: ${clientId}, cloud: ${cloud}, credential: { secret: { env: LAB_SECRET } }, ca: ca.pem }`,
    files: { 'ca.pem': sandbox.caPem, 'client-secret': sandbox.clientSecret },
  };
}
