/** What the commands on an archive say of messages that are kept apart or damaged, and how they exit. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { archiveExport, archiveSearch, archiveShow, archiveStats } from '../../src/cli/archive.ts';
import { type Command, exit } from '../../src/cli/command.ts';
import { readArguments } from '../../src/cli/parse.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { inbox, mail, put, sha256, temporaryFolder } from './archive-suite.ts';

/** Runs a command on the archive of `folder`; returns what it said. */
async function said(folder: string, command: Command, ...words: readonly string[]): Promise<{ code: number; out: string; talk: string }> {
  const config = join(folder, 'postern.yaml');
  writeFileSync(config, 'data: data\n');
  let out = '';
  let talk = '';
  const code = await command.run(readArguments(command, [...words, '--config', config]), {
    stdout: {
      write: (text) => {
        out += String(text);
        return true;
      },
    },
    drained: async () => undefined,
    stderr: {
      write: (text) => {
        talk += text;
        return true;
      },
    },
    interactive: false,
    env: {},
    signal: new AbortController().signal,
  });
  return { code, out, talk };
}

const substitute = mail('Retrieval failed', 'The server could not retrieve this message.');
const plain = mail('Plain', 'retrieved');

async function archiveIn(folder: string): Promise<void> {
  const archive = await openArchive(join(folder, 'data'), systemClock);
  await put(archive, 1, plain);
  await put(archive, 2, substitute, { quarantine: 'substitute' });
  for (let uid = 3; uid <= 24; uid += 1) {
    await (await archive.acceptNothing({ era: inbox, uid, cursor: uid, quarantine: 'no-data' })).durable;
  }
  await archive.derived();
  await archive.close();
}

test('search and show mark a message that is nowhere but in quarantine, with the reason', async () => {
  using folder = temporaryFolder();
  await archiveIn(folder.path);
  const mark = 'in quarantine: the server sent a text of its own in its place';
  const { out } = await said(folder.path, archiveSearch, 'retriev*');
  assert.deepEqual(
    out.split('\n').filter((line) => line.includes('quarantine')),
    [`    ${mark}`],
  );
  assert.ok((await said(folder.path, archiveShow, sha256(substitute))).out.includes(`state     ${mark}\n`));
  assert.ok(!(await said(folder.path, archiveShow, sha256(plain))).out.includes('quarantine'));

  const archive = await openArchive(join(folder.path, 'data'), systemClock);
  await put(archive, 30, substitute);
  await archive.close();
  assert.ok(!(await said(folder.path, archiveSearch, 'retriev*')).out.includes('quarantine'));
});

test('a search shows no more of a subject or a sender than a few lines, however long they are', async () => {
  using folder = temporaryFolder();
  const archive = await openArchive(join(folder.path, 'data'), systemClock);
  await put(archive, 1, mail('endless '.repeat(10_000), 'short'));
  await archive.derived();
  await archive.close();
  const { out } = await said(folder.path, archiveSearch, 'short');
  assert.match(out, /endless endless .*…\n/);
  assert.ok(out.length < 1_500, `${out.length} characters`);
});

test('stats names the first twenty messages without content and counts them all', async () => {
  using folder = temporaryFolder();
  await archiveIn(folder.path);
  const { out } = await said(folder.path, archiveStats);
  assert.match(out, /\n22 messages in quarantine without content:\nSOURCE +FOLDER +UIDVALIDITY +UID +REASON\n/);
  assert.equal(out.match(/^telemessage +INBOX +7 +\d+ +the server lists it and gives no content$/gm)?.length, 20);
  assert.ok(out.endsWith('and 2 more\n'));
});

test('an export of a damaged archive says on stderr how many are not there, and exits as a verify with findings does', async () => {
  using folder = temporaryFolder();
  await archiveIn(folder.path);
  const whole = await said(folder.path, archiveExport, join(folder.path, 'whole'));
  assert.deepEqual([whole.code, whole.talk], [exit.done, '']);
  const db = new DatabaseSync(join(folder.path, 'data', 'archive', 'archive.sqlite'));
  db.exec('update message set body = zeroblob(length(body)), encoding = 0 where seq = 1');
  db.close();
  const { code, out, talk } = await said(folder.path, archiveExport, join(folder.path, 'out'));
  assert.equal(code, exit.foundFaults);
  assert.match(out, /^1 message, .* written to /);
  assert.match(talk, /^1 message not written, damaged in the archive/);
});
