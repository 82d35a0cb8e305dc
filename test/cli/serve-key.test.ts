/** `postern serve --rotate-key` as an operator runs it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import type { Definitions } from '../../src/definitions/definitions.ts';
import { openDefinitions } from '../../src/definitions/open-definitions.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { revealed, textOf } from '../contract/definitions-child.ts';
import { binary, ran } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-serve-key-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'postern.yaml');
const sealed = join(folder, 'data/sources/telemessage.json');

async function opened(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<Definitions> {
  writeFileSync(file, `data: ./data\n${yaml}`);
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
  return await openDefinitions(await loadConfig(file, env), { clock: systemClock, env });
}

test('a new key is made and everything sealed with it; the secret is the same, and the command says how many', async () => {
  const definitions = await opened('');
  await definitions.put(textOf('telemessage'), { secret: new Secret('value~0123456789abcdef') }, 'anna');
  const before = readFileSync(sealed, 'utf8');
  const { code, out, talk } = await ran(binary, ['serve', '--rotate-key', '--config', file]);
  assert.deepEqual([code, talk], [0, '']);
  const keyId = /^The secrets of 1 source are encrypted with the new key ([0-9a-f]{12})\.$/m.exec(out)?.[1];
  const after = readFileSync(sealed, 'utf8');
  assert.ok(keyId !== undefined && after.includes(keyId) && !before.includes(keyId), out);
  const definition = await definitions.get('telemessage');
  assert.ok(definition);
  assert.equal(await revealed(await definitions.read(definition)), 'value~0123456789abcdef');
  assert.ok(!`${out}${talk}`.includes('value~'));
});

test('a key of the operator’s own is refused with what to do instead', async () => {
  await opened('service: { key: { env: POSTERN_KEY } }\n');
  const env = { POSTERN_KEY: '0123456789abcdef0123456789abcdef' };
  rmSync(sealed, { force: true });
  const { code, talk } = await ran(binary, ['serve', '--rotate-key', '--config', file], { env });
  assert.notEqual(code, 0);
  assert.match(talk, /definitions\.key-not-ours/);
  assert.match(talk, /new key in front/);
  assert.ok(!talk.includes(env.POSTERN_KEY));
});
