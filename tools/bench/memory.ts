/** How much memory an import of 100,000 messages needs, one of them of 150 MB. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfSignedCertificate } from '../../test/contract/places/certificate.ts';
import { startDovecot } from '../../test/contract/places/dovecot.ts';
import { contenders } from './contenders.ts';
import { buildMailbox } from './mailbox.ts';
import { goalLine, machine, mega, type Section } from './report.ts';
import { takeTurn } from './turn.ts';

const user = 'bench@contoso.test';
const password = 'bench';
const goalBytes = 256e6;
const hugeBytes = 150e6;
/** So that the many make up the time and the one the memory. */
const bytesEach = 6_000;

/** @throws Error where the import fails */
export async function measureMemory(folder: string, messages: number): Promise<Section> {
  const tls = await selfSignedCertificate();
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.certificatePem);
  const dovecot = await startDovecot({ tls, passwords: { [user]: password } });
  try {
    const shape = { messages: messages - 1, totalBytes: messages * bytesEach, seed: 7, withoutLarge: true, hugeBytes };
    const built = buildMailbox(dovecot.maildir(user, 'INBOX'), shape);
    spawnSync('sync');
    const postern = contenders.find(({ name }) => name === 'postern');
    if (postern === undefined) throw new Error('postern does not take part');
    const own = join(folder, 'own');
    mkdirSync(own);
    const accounts = { protocol: 'imap', port: dovecot.ports.imaps, users: [user], password, caFile } as const;
    const { peakBytes, durableMs, completeMs = Number.NaN } = await takeTurn(postern, accounts, own, built.messages);
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;
    return {
      title: 'Memory of a large import',
      text: `${built.messages.toLocaleString('en')} messages, ${mega(built.bytes)} MB, one of them of ${mega(hugeBytes)} MB, from one mailbox over IMAP. ${machine()}

Highest resident memory ${mega(peakBytes)} MB; durable after ${seconds(durableMs)}, searchable after ${seconds(completeMs)}.
${goalLine('under 256 MB resident', `${mega(peakBytes)} MB`, peakBytes < goalBytes)}`,
    };
  } finally {
    await dovecot.close();
  }
}
