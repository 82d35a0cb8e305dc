/** The binary's words: helps, their speed, wrong words, and the Node that it asks for. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { binary, postern, ran, root } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'));
after(() => rmSync(folder, { recursive: true }));

test('--help lists every command with its sentence, and nothing else is printed', async () => {
  const { code, out, talk } = await postern(['--help']);
  assert.deepEqual([code, talk], [0, '']);
  for (const { name, summary } of commands) assert.match(out, new RegExp(`^  ${name} +${summary.replace(/[.?]/g, '\\$&')}$`, 'm'));
});

test('--version is the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.deepEqual(await postern(['--version']), { code: 0, out: `${version}\n`, talk: '' });
});

test('an unknown word is wrong use and names the nearest one', async () => {
  const { code, out, talk } = await postern(['config', 'chek']);
  assert.deepEqual([code, out], [2, '']);
  assert.match(talk, /^cli\.unknown-command: [\s\S]*nearest: config check\n/);
});

test('the binary finds itself through symbolic links', async () => {
  symlinkSync(binary, join(folder, 'postern'));
  symlinkSync('./postern', join(folder, 'again'));
  assert.equal((await ran(join(folder, 'again'), ['--version'])).code, 0);
});

test('an old Node is told in one sentence what is needed', async () => {
  // A checkout in which nothing is installed, on a machine whose Node is old.
  mkdirSync(join(folder, 'checkout/bin'), { recursive: true });
  mkdirSync(join(folder, 'path'));
  cpSync(binary, join(folder, 'checkout/bin/postern'));
  writeFileSync(join(folder, 'path/node'), '#!/bin/sh\n[ "$1" = --version ] && echo v20.20.2 && exit 0\nexit 1\n');
  chmodSync(join(folder, 'path/node'), 0o755);
  const path = `${join(folder, 'path')}:${process.env['PATH']}`;
  const { code, talk } = await ran(join(folder, 'checkout/bin/postern'), ['--help'], { env: { PATH: path } });
  assert.equal(code, 2);
  assert.match(talk, /^Postern needs Node 24 or newer, and this machine has v20\.20\.2\./);
});

/** Median of five, in milliseconds, after one run that fills the caches. */
/** The least of several: what the machine does beside it can only add to a time. */
async function leastMs(run: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 8; round += 1) {
    const startedAt = performance.now();
    await run();
    least = Math.min(least, performance.now() - startedAt);
  }
  return least;
}

/** On a quiet machine 100 ms more than bare Node is the bound; where that one is slow itself, four times its time. */
test('every help is there within 100 ms of what Node itself needs to start', async (context) => {
  const bare = await leastMs(() => ran(process.execPath, ['-e', '0']));
  context.diagnostic(`node -e 0: ${bare.toFixed(0)} ms`);
  for (const words of [[], ['config', 'check'], ['import', 'run'], ['archive', 'search']]) {
    const took = await leastMs(() => postern([...words, '--help']));
    context.diagnostic(`postern ${[...words, '--help'].join(' ')}: ${took.toFixed(0)} ms`);
    assert.ok(
      took < bare + Math.max(100, 3 * bare),
      `${words.join(' ')} --help took ${took.toFixed(0)} ms, bare node ${bare.toFixed(0)} ms`,
    );
  }
});
