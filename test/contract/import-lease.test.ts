/** Two runs of one source never meet: within a process by the lease, between processes by the archive's lock, which a crash gives back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFault } from '../../src/fault/fault.ts';
import { Leases } from '../../src/import/lease.ts';
import { runOn, runOnce } from '../../src/import/run.ts';
import { binary, postern } from '../cli/postern.ts';
import { startStubborn } from './import-peer.ts';
import { mails, until, watched, withArchive } from './import-place.ts';

test('a lease is had once, and again when it has ended', () => {
  const leases = new Leases();
  const first = leases.take('one');
  assert.throws(
    () => leases.take('one'),
    (error) => isFault(error, 'import.already-running'),
  );
  leases.take('another').end();
  first.end();
  const second = leases.take('one');
  // The first one, ended again, does not end the second.
  first.end();
  assert.throws(() => leases.take('one'));
  second.end();
});

test('a run of a source that is being imported ends at once and says so; the one that goes on brings everything', async () => {
  const server = await startStubborn({ messages: mails('leased', 5) });
  try {
    await withArchive(async (archive) => {
      const leases = new Leases();
      let second: ReturnType<typeof runOnce> | undefined;
      const ports = watched(archive, (event, { stop }) => {
        if (event.kind === 'folder') second ??= runOnce([server.source('one')], { ...watched(archive), leases }, { connections: 1 });
        if (event.kind === 'pass') stop();
      });
      await runOn([server.source('one')], { ...ports, leases }, { connections: 1 });
      const [summary] = (await second)?.sources ?? [];
      assert.deepEqual([summary?.fault?.code, summary?.complete], ['import.already-running', false]);
      assert.equal((await archive.stats()).messages, 5);
      const after = await runOnce([server.source('one')], { ...watched(archive), leases }, { connections: 1 });
      assert.ok(after.complete);
    });
  } finally {
    await server.close();
  }
});

test('a second process is refused while the first one imports, and goes on when that one was killed', async () => {
  const messages = mails('killed', 6, 50_000);
  let isSilent = false;
  const server = await startStubborn({
    messages,
    atMessage: (uid) => {
      if (uid !== 4 || isSilent) return 'obey';
      isSilent = true;
      return 'silence';
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'postern-lease-'));
  try {
    writeFileSync(
      join(folder, 'postern.yaml'),
      `data: ./data
sources:
  one:
    mailbox: one@contoso.test
    server: { host: 127.0.0.1, port: ${server.port}, tls: none }
    auth: { password: { env: LEASE_PASSWORD } }
`,
    );
    const args = ['import', 'run', '--once', '--json', '--config', join(folder, 'postern.yaml')];
    const env = { LEASE_PASSWORD: 'word' };
    // The script becomes the program (exec), so a SIGKILL strikes the program itself.
    const first = spawn(binary, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
    const ended = once(first, 'exit');
    await until(() => isSilent);
    const refused = await postern(args, { env });
    assert.match(refused.talk, /archive\.in-use/);
    first.kill('SIGKILL');
    await ended;
    const next = await postern(args, { env });
    assert.equal(next.code, 0, next.talk);
    assert.equal(JSON.parse(next.out).sources[0].folders[0].listed, 6);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
