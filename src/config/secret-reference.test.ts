import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { isFault } from '../fault/fault.ts';
import type { RawSecretReference } from './schema.ts';
import { type SecretContext, secretReference } from './secret-reference.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-secret-'));
after(() => rmSync(folder, { recursive: true }));
const guid = '6f1c2a70-1111-2222-3333-444455556666';

function context(changes: Partial<SecretContext> = {}): SecretContext {
  return {
    key: 'tenants.contoso.credential.secret',
    clientSecret: true,
    folder,
    env: { CONTOSO_SECRET: 'hunter2~Q', PATH: process.env['PATH'] },
    ...changes,
  };
}

async function resolved(raw: RawSecretReference, changes: Partial<SecretContext> = {}): Promise<string> {
  return (await secretReference(raw, context(changes)).resolve()).reveal();
}

/** The code of the fault and what was seen, after making sure that nothing of the secret is in it. */
async function refusal(raw: RawSecretReference, changes: Partial<SecretContext> = {}): Promise<readonly unknown[]> {
  try {
    await resolved(raw, changes);
  } catch (error) {
    assert.ok(isFault(error));
    assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/);
    assert.equal(error.evidence['key'], 'tenants.contoso.credential.secret');
    return [error.code, error.evidence['seen']];
  }
  assert.fail('this reference resolves');
}

function script(source: string): string[] {
  return [process.execPath, '-e', source];
}

test('a secret comes out of an environment variable, each time anew', async () => {
  const env: Record<string, string> = { CONTOSO_SECRET: 'old' };
  const reference = secretReference({ env: 'CONTOSO_SECRET' }, context({ env }));
  assert.equal((await reference.resolve()).reveal(), 'old');
  env['CONTOSO_SECRET'] = 'new';
  assert.equal((await reference.resolve()).reveal(), 'new');
  assert.deepEqual([reference.kind, reference.describe], ['env', 'environment variable CONTOSO_SECRET']);
});

test('a variable that is not set or empty is a fault', async () => {
  assert.deepEqual(await refusal({ env: 'NOT_SET' }), ['config.secret-not-set', undefined]);
  assert.deepEqual(await refusal({ env: 'EMPTY' }, { env: { EMPTY: '' } }), ['config.secret-not-set', undefined]);
});

test('a secret comes out of a file without its line end, blanks kept', async () => {
  writeFileSync(join(folder, 'secret'), ' a b ~c\r\n\n');
  writeFileSync(join(folder, 'notepad'), '\uFEFFabc');
  assert.equal(await resolved({ file: 'secret' }), ' a b ~c');
  assert.equal(await resolved({ file: join(folder, 'notepad') }), 'abc');
});

test('a file that is absent, empty or far too large is a fault', async () => {
  writeFileSync(join(folder, 'empty'), '\n');
  writeFileSync(join(folder, 'large'), 'hunter2'.repeat(10_000));
  assert.deepEqual(await refusal({ file: 'none' }), ['config.secret-file-unreadable', 'ENOENT']);
  assert.deepEqual(await refusal({ file: 'empty' }), ['config.secret-file-unreadable', 'an empty file']);
  assert.deepEqual(await refusal({ file: 'large' }), ['config.secret-file-unreadable', 'more than 65536 bytes']);
});

test('a secret comes out of a command, started without a shell in the folder of the configuration', async () => {
  assert.equal(
    await resolved({ command: script('console.log("$HOME " + (process.cwd() === process.argv[1]))').concat(folder) }),
    '$HOME true',
  );
});

test('a command that fails says how, and never what it printed', async () => {
  assert.deepEqual(await refusal({ command: script('console.log("hunter2"); console.error("hunter2"); process.exit(3)') }), [
    'config.secret-command-failed',
    'exit code 3',
  ]);
  assert.deepEqual(await refusal({ command: ['./no-such-program', 'hunter2'] }), ['config.secret-command-failed', 'not started: ENOENT']);
  assert.deepEqual(await refusal({ command: script('') }), ['config.secret-command-failed', 'it printed nothing']);
  assert.deepEqual(await refusal({ command: script('console.log("hunter2".repeat(10000))') }), [
    'config.secret-command-failed',
    'it printed more than 65536 bytes',
  ]);
  assert.deepEqual(await refusal({ command: script('process.kill(process.pid, "SIGTERM")') }), [
    'config.secret-command-failed',
    'ended by SIGTERM',
  ]);
});

test('a command that hangs is ended at its deadline, and one that waits for input gets none', async () => {
  assert.deepEqual(await refusal({ command: script('setInterval(() => {}, 1000)') }, { commandTimeoutMs: 300 }), [
    'config.secret-command-failed',
    'still running after 300 ms',
  ]);
  assert.equal(await resolved({ command: script('process.stdin.on("end", () => console.log("ended")).resume()') }), 'ended');
});

test('a client secret in the shape of a GUID is its id, but a password may look like that', async () => {
  assert.deepEqual(await refusal({ env: 'ID' }, { env: { ID: ` ${guid}` } }), ['config.secret-is-an-id', undefined]);
  assert.equal(await resolved({ env: 'ID' }, { env: { ID: guid }, clientSecret: false }), guid);
});
