/**
 * `npm start`, the first thing that anybody does: in a copy of the checkout, so that a demonstration that runs in this one is left alone.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { buildConsole } from '../../tools/build-console.ts';
import { loggedIn } from '../contract/service-place.ts';
import { root } from './postern.ts';

const deadlineMs = 90_000;
const password = 'a quiet lamp in the harbour';

test('npm start prints where to look and how to log in, mail is there and arrives, and Ctrl-C ends all of it', {
  timeout: 200_000,
}, async () => {
  await buildConsole();
  const copy = mkdtempSync(join(tmpdir(), 'postern-start-'));
  const copied = ['src', 'sandbox', 'tools', 'console', 'bin', 'package.json', 'package-lock.json'];
  const isOurs = (path: string): boolean => !/(?:^|[\\/])(?:node_modules|\.dist-[^\\/]*)$/.test(path);
  for (const name of copied) cpSync(join(root, name), join(copy, name), { recursive: true, filter: isOurs });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const start = () => spawn(process.execPath, [join(copy, 'tools', 'start.ts')], { cwd: copy, stdio: ['ignore', 'ignore', 'pipe'] });
  const demonstration = start();
  const ended = once(demonstration, 'exit');
  let said = '';
  demonstration.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  try {
    await until(
      () => /Password: +\S+/.test(said) || demonstration.exitCode !== null,
      () => said,
    );
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? '';
    const printed = /Password: +(\S+)/.exec(said)?.[1] ?? '';
    assert.match(await (await fetch(url, { signal: AbortSignal.timeout(60_000) })).text(), /<script type="module"/);

    const first = await loggedIn(url, 'admin', printed);
    assert.equal((await first('PUT', '/session/password', { current: printed, next: password })).status, 200);
    const admin = await loggedIn(url, 'admin', password);
    let last = '';
    const messages = async (): Promise<number> => {
      last = (await admin('GET', '/overview')).text;
      const { messages: count } = JSON.parse(last);
      return Number(count);
    };
    await until(
      async () => (await messages()) > 40,
      () => last,
    );
    const before = await messages();
    await until(
      async () => (await messages()) > before,
      () => `nothing arrives behind ${last}`,
    );

    const second = start();
    let refused = '';
    second.stderr.setEncoding('utf8').on('data', (text: string) => {
      refused += text;
    });
    const [code] = await once(second, 'exit');
    assert.deepEqual([code, /running in this checkout already/.test(refused)], [1, true], refused);
  } finally {
    demonstration.kill('SIGINT');
    const timer = setTimeout(() => demonstration.kill('SIGKILL'), 30_000);
    const [code, signal] = await ended.finally(() => clearTimeout(timer));
    rmSync(copy, { recursive: true, force: true });
    assert.deepEqual([code, signal], [0, null], said);
  }
});

async function until(isSo: () => boolean | Promise<boolean>, seen: () => string): Promise<void> {
  for (const began = performance.now(); !(await isSo()); await systemClock.sleep(100)) {
    if (performance.now() - began > deadlineMs) throw new Error(`it did not come to be within ${deadlineMs} ms: ${seen()}`);
  }
}
