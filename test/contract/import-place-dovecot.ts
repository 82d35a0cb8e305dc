/**
 * Debian's Dovecot as a place to import from. It takes XOAUTH2 and nothing else; the tokens come from the sandbox's token endpoint, and
 * Dovecot checks their signature by the sandbox's public key.
 */
import { readdirSync, readFileSync, renameSync, rmSync, unlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { thumbprints } from '../../sandbox/src/certificates.ts';
import { startSandbox } from '../../sandbox/src/place.ts';
import type { ImportPlace } from './import-place.ts';
import { tenantOf } from './import-place-sandbox.ts';
import { selfSignedCertificate } from './places/certificate.ts';
import { type DovecotPlace, startDovecot } from './places/dovecot.ts';

export interface DovecotImportPlace extends ImportPlace {
  readonly dovecot: DovecotPlace;
}

/** @param passwords with them AUTH=PLAIN is offered too */
export async function dovecotPlace(passwords?: Readonly<Record<string, string>>): Promise<DovecotImportPlace> {
  const [sandbox, tls] = await Promise.all([startSandbox({ withoutSeed: true }), selfSignedCertificate()]);
  const dovecot = await startDovecot({
    tls,
    signer: {
      issuer: `https://sts.windows.net/${sandbox.tenant.id}/`,
      kid: thumbprints(sandbox.tenant.signingKey.certificate).x5t,
      publicKeyPem: sandbox.tokenKeyPem,
    },
    ...(passwords === undefined ? {} : { passwords }),
  }).catch(async (error: unknown) => {
    await sandbox.close();
    throw error;
  });
  const { tenant, files } = tenantOf(sandbox);
  let made = 0;
  return {
    name: 'Dovecot',
    dovecot,
    tenant,
    files: { ...files, 'dovecot.pem': tls.certificatePem },
    server: {
      implicit: `{ host: localhost, port: ${dovecot.ports.imaps}, ca: dovecot.pem }`,
      starttls: `{ host: localhost, port: ${dovecot.ports.imap}, tls: starttls, ca: dovecot.pem }`,
    },
    mailbox() {
      made += 1;
      return `import${made}@contoso.test`;
    },
    deliver(mailbox, folder, messages, at) {
      const before = new Set(at === undefined ? [] : dovecot.listMessages(mailbox, folder).map(({ name }) => name));
      dovecot.deliver(mailbox, folder, messages);
      if (at === undefined) return;
      // Dovecot's INTERNALDATE of a Maildir is the time of the file.
      const path = join(dovecot.maildir(mailbox, folder), 'cur');
      for (const file of readdirSync(path)) if (!before.has(file.replace(/:2,.*$/, ''))) utimesSync(join(path, file), at, at);
    },
    list: (mailbox, folder) => dovecot.listMessages(mailbox, folder).map((message) => ({ bytes: message.read(), flags: message.flags })),
    remove(mailbox, folder, index) {
      const gone = dovecot.listMessages(mailbox, folder)[index];
      for (const part of ['cur', 'new']) {
        const path = join(dovecot.maildir(mailbox, folder), part);
        for (const file of readdirSync(path)) if (gone !== undefined && file.startsWith(gone.name)) unlinkSync(join(path, file));
      }
    },
    renumber(mailbox, folder) {
      const path = dovecot.maildir(mailbox, folder);
      for (const file of readdirSync(path)) if (/^dovecot[-.](?:uidlist|index)/.test(file)) rmSync(join(path, file));
    },
    mark(mailbox, folder, index) {
      const path = join(dovecot.maildir(mailbox, folder), 'cur');
      const { name = '' } = dovecot.listMessages(mailbox, folder)[index] ?? {};
      for (const file of readdirSync(path)) if (file.startsWith(name)) renameSync(join(path, file), join(path, `${name}:2,T`));
    },
    rename: (mailbox, folder, name) => {
      const now = dovecot.maildir(mailbox, name);
      rmSync(now, { recursive: true });
      renameSync(dovecot.maildir(mailbox, folder), now);
    },
    cut: () => cutProcesses(dovecot, 'imap'),
    async close() {
      await dovecot.close();
      await sandbox.close();
    },
  };
}

/** Ends the processes that speak with logged-in clients, without a word: `imap` or `pop3`. */
export function cutProcesses(dovecot: DovecotPlace, name: string): void {
  for (const pid of children(dovecot.pid)) if (commandOf(pid) === name) process.kill(pid, 'SIGKILL');
}

function children(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // it has ended in between
  }
}
