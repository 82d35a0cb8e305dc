/** What the console weighs, and that nothing in what is built reaches for another host or needs an inline script. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildConsole } from '../../tools/build-console.ts';

const mostBytes = 300_000;
const folder = await buildConsole();
const code = globSync('**/*.{js,css}', { cwd: folder });

test('all scripts and styles of the console together are less than 300 KB compressed', () => {
  assert.ok(code.length > 0);
  const bytes = code.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file)), { level: 9 }).length, 0);
  assert.ok(bytes < mostBytes, `${bytes} bytes; the largest: ${largest()}`);
});

function largest(): string {
  return code
    .map((file) => ({ file, bytes: gzipSync(readFileSync(join(folder, file))).length }))
    .sort((one, other) => other.bytes - one.bytes)
    .slice(0, 8)
    .map(({ file, bytes }) => `${file} ${bytes}`)
    .join(', ');
}

test('each script and style lies compressed beside itself, so that the service has nothing to compress', () => {
  const files = new Set(globSync('**/*', { cwd: folder }));
  const lonely = code.filter((file) => !files.has(`${file}.br`) || !files.has(`${file}.gz`));
  assert.deepEqual(lonely, []);
});

test('the page has no inline script or style, and a place for the nonce', () => {
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  assert.doesNotMatch(page, /<style|\sstyle=|\son\w+=/);
  assert.deepEqual(
    [...page.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)].filter(
      ([, words = '', text = '']) => !/\ssrc="\/assets\//.test(words) || text !== '',
    ),
    [],
  );
  assert.match(page, /<meta name="csp-nonce" content="__CSP_NONCE__"/);
});

test('neither page nor styles name another host, and scripts fetch from none', () => {
  const named = ['index.html', ...code.filter((file) => file.endsWith('.css'))].flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}/g)].map(
      (match) => `${file}: ${match[0]}`,
    ),
  );
  assert.deepEqual(named, []);
  const loading = code
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/(?:fetch|import|EventSource|WebSocket)\(\s*[`'"]https?:[^`'"]*/g)].map(
        ([text]) => `${file}: ${text}`,
      ),
    );
  assert.deepEqual(loading, []);
});

test('building again without a change builds nothing', async () => {
  const made = statSync(folder, { bigint: true });
  assert.equal(await buildConsole(), folder);
  const now = statSync(folder, { bigint: true });
  assert.deepEqual([now.ino, now.ctimeNs], [made.ino, made.ctimeNs], 'the folder is the same one, and nothing was put in its place');
});
