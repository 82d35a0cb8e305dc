/** What an idle session of the proxy costs, as the whole binary holds it: what keeps 5,000 of them from being cheap is mostly not ours. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSandbox } from '../../sandbox/src/place.ts';
import { Session, startHolder } from '../../tools/bench/proxy-ends.ts';
import { type Ground, startField } from '../../tools/bench/proxy-field.ts';
import { memoryOf } from '../../tools/bench/turn.ts';
import { selfSignedCertificate } from '../contract/places/certificate.ts';
import { unlessPeers } from '../contract/places/peers.ts';

/** Measured 51 to 53 kB; 64 where keys are offered that the server does not take, 73 where malloc keeps what handshakes have touched, 82 with both. */
const mostBytesEach = 58_000;
/** What a heap is about to give back counts too: of some turns the least says what a session keeps. */
const turns = 4;
const [few, many] = [100, 600];

test('an idle session keeps no more than its connections need', { skip: unlessPeers('openssl') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-proxy-memory-'));
  const sandbox = await startSandbox({ withoutSeed: true });
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  try {
    const { certificatePem, keyPem } = await selfSignedCertificate();
    writeFileSync(certificate, certificatePem);
    writeFileSync(key, keyPem);
    const holder = await startHolder(certificate, key, 'X25519:P-256');
    const ground = { folder, sandbox, token: '', certificate, key, certificatePem };
    try {
      const measured: number[] = [];
      while (measured.length < turns && !measured.some((each) => each < mostBytesEach)) {
        measured.push(await bytesEach(ground, holder.port, join(folder, `turn-${measured.length}`)));
      }
      assert.ok(Math.min(...measured) < mostBytesEach, `${measured.map(Math.round).join(', ')} bytes for a session`);
    } finally {
      holder.end();
    }
  } finally {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** What each of some hundred sessions adds to the proxy. */
async function bytesEach(ground: Ground, port: number, folder: string): Promise<number> {
  const field = await startField(ground, port, folder, ['postern']);
  try {
    const [way, pid] = [field.ways.get('postern'), field.pids.get('postern')];
    assert.ok(way !== undefined && pid !== undefined);
    const open: Session[] = [];
    const bytesWith = async (count: number): Promise<number> => {
      while (open.length < count) {
        const more = Array.from({ length: 20 }, (_, index) => Session.open(way, `u${open.length + index}@contoso.test`));
        open.push(...(await Promise.all(more)));
      }
      return memoryOf(pid, 'VmRSS');
    };
    const before = await bytesWith(few);
    const each = ((await bytesWith(many)) - before) / (many - few);
    for (const session of open) session.end();
    return each;
  } finally {
    await field.end();
  }
}
