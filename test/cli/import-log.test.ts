/** `import run --log json`: what happens, a line each, for machines; and what it never says. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startStubborn } from '../contract/import-peer.ts';
import { mails } from '../contract/import-place.ts';
import { postern } from './postern.ts';

test('each event is one JSON line on stderr, faults by their code, and no word of a message is among them', async () => {
  const server = await startStubborn({ messages: mails('confidential words', 3), atMessage: (uid) => (uid === 2 ? 'refuse' : 'obey') });
  const folder = mkdtempSync(join(tmpdir(), 'postern-log-'));
  try {
    const source = (name: string, folders: string): string => `  ${name}:
    mailbox: ${name}@contoso.test
    folders: ${folders}
    server: { host: 127.0.0.1, port: ${server.port}, tls: none }
    auth: { password: { env: LOG_PASSWORD } }
`;
    writeFileSync(join(folder, 'postern.yaml'), `data: ./data\nsources:\n${source('one', '[INBOX, none]')}`);
    const args = ['import', 'run', '--once', '--log', 'json', '--config', join(folder, 'postern.yaml')];
    const { code, out, talk } = await postern(args, { env: { LOG_PASSWORD: 'word of no one' } });
    const lines: readonly Readonly<Record<string, unknown>>[] = talk
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    assert.ok(lines.every(({ time }) => typeof time === 'string' && !Number.isNaN(Date.parse(time))));
    const kinds = new Set(lines.map(({ event }) => event));
    for (const kind of ['connecting', 'logged-in', 'folder', 'quarantined', 'pass']) assert.ok(kinds.has(kind), `${kind} is not told`);
    assert.ok(!kinds.has('message'));
    const pass = lines.find(({ event }) => event === 'pass');
    assert.deepEqual([pass?.['source'], pass?.['arrived'], pass?.['quarantined'], pass?.['listed']], ['one', 2, 1, 3]);
    assert.match(JSON.stringify(pass?.['faults']), /imap\.folder-unknown/);
    assert.doesNotMatch(talk, /confidential|word of no one/);
    assert.match(out, /NOT complete/);
    assert.notEqual(code, 0);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a form of the log that there is not is told with those that there are', async () => {
  const { code, talk } = await postern(['import', 'run', '--once', '--log', 'xml', '--config', 'no-such.yaml']);
  assert.equal(code, 2);
  assert.match(talk, /--log/);
  assert.match(talk, /text or json/);
});
