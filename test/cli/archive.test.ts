/** Search and conversation through the real binary: what a person and a machine read of an archive. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Conversation, Facets, SearchResult } from '../../src/archive/archive.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { exit } from '../../src/cli/command.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { pieces } from '../contract/archive-suite.ts';
import { ana, type Captured, captured, eva, sam } from '../contract/captured.ts';
import { postern, type Ran } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-archive-cli-'));
const config = join(folder, 'postern.yaml');
const evil = 'words \x1b[2J\x1b]0;title\x07 \u202Eback\u202C';

const items: readonly Captured[] = [
  { id: 'a', text: 'Can you talk about the figures?', thread: 't', date: '2026-01-12T10:02:00Z', owner: 'eva@contoso.test' },
  { id: 'a', text: 'Can you talk about the figures?', thread: 't', date: '2026-01-12T10:02:00Z', owner: 'sam@contoso.test' },
  { id: 'EDIT-a-1', subject: 'EDIT READ WhatsApp message', text: 'Can you talk?', thread: 't', date: '2026-01-12T10:05:00Z' },
  { id: 'DELETE_FOR_ALL-gone', subject: 'DELETED For All READ WhatsApp message', text: evil, thread: 't', date: '2026-01-12T11:00:00Z' },
  {
    id: 'g',
    from: ana,
    to: [eva, sam],
    text: evil,
    thread: 't',
    date: '2026-01-13T09:00:00Z',
    headers: [`X-TELEMESSAGE-ThreadName: Desk \x1b[31m4`],
  },
  { id: 's', from: sam, to: [eva], subject: 'Signal message', network: 'SIGNAL', text: 'elsewhere', date: '2026-02-01T09:00:00Z' },
];

before(async () => {
  writeFileSync(config, 'data: data\n');
  const archive = await openArchive(join(folder, 'data'), systemClock);
  for (const [index, item] of items.entries()) {
    const era = { source: 'feed', folder: 'INBOX', uidValidity: 1 };
    await archive.accept(pieces(captured(item)), () => ({ era, uid: index + 1, cursor: index + 1 }));
  }
  await archive.flush();
  await archive.derived();
  await archive.close();
});

after(() => rmSync(folder, { recursive: true, force: true }));

const archive = (verb: string, ...args: readonly string[]): Promise<Ran> => postern(['archive', verb, '--config', config, ...args]);

function assertHarmless(text: string): void {
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
}

test('a search shows who wrote to whom on what, newest first, and nothing of theirs moves the cursor', async () => {
  const { code, out, talk } = await archive('search');
  assert.deepEqual([code, talk], [exit.done, '']);
  assert.match(
    out,
    /^[0-9a-f]{12} {2}2026-02-01 09:00 {2}signal message.* {2}Sam Hill → Eva Brandt\n {4}elsewhere\n {4}\(feed\/INBOX, \d+ B\)\n/,
  );
  assert.equal(out.match(/^[0-9a-f]{12}/gm)?.length, 6);
  assertHarmless(out);
});

test('pages go on where the talk on stderr says', async () => {
  const first = await archive('search', '--limit', '4');
  const after = /--after (\S+)/.exec(first.talk)?.[1] ?? '';
  const second = await archive('search', '--limit', '4', '--after', after);
  const ids = [first.out, second.out].flatMap((out) => out.match(/^[0-9a-f]{12}/gm) ?? []);
  assert.deepEqual([new Set(ids).size, second.talk], [6, '']);
  const wrong = await archive('search', '--after', 'nonsense');
  assert.equal(wrong.code, exit.fault);
  assert.match(wrong.talk, /^archive\.query-unreadable/);
});

test('a minus works behind two dashes, a number in any spelling, and a wrong field is told with the right one', async () => {
  const found = JSON.parse(
    (await archive('search', '--json', '--', 'with:+44 7700 900777', '-is:copy', '-platform:signal')).out,
  ) as SearchResult;
  assert.deepEqual(
    found.hits.map(({ record }) => record?.nativeId),
    ['g', 'DELETE_FOR_ALL-gone', 'EDIT-a-1', 'a'],
  );
  const wrong = await archive('search', 'platfrom:signal');
  assert.equal(wrong.code, exit.fault);
  assert.match(wrong.talk, /nearest: platform/);
});

test('counts stand in place of messages where they are asked for', async () => {
  const text = await archive('search', '--counts');
  assert.match(text.out, /^6 messages\n\nPLATFORM +MESSAGES\nwhatsapp +5\nsignal +1\n/);
  const counts = JSON.parse((await archive('search', '--counts', '--json', 'platform:signal')).out) as Facets;
  assert.deepEqual(counts.month, [{ value: '2026-02', messages: 1 }]);
});

test('a conversation is printed whole, and nothing of theirs moves the cursor', async () => {
  const { code, out, talk } = await archive('conversation', 't');
  assert.deepEqual([code, talk], [exit.done, '']);
  for (const words of [
    '5 messages; times are UTC',
    'archived for 2 owners',
    'edited 10:05, read before',
    'GAP: item gone is not in the archive',
    'Tue 2026-01-13',
  ]) {
    assert.ok(out.includes(words), `${words}\n${out}`);
  }
  assertHarmless(out);
});

test('a conversation for machines has the whole text of each message', async () => {
  const { out } = await archive('conversation', 't', '--json', '--limit', '2');
  const conversation = JSON.parse(out) as Conversation & { readonly items: readonly { readonly message: { readonly text: string } }[] };
  assert.equal(conversation.items[0]?.message.text.trim(), 'Can you talk about the figures?');
  assert.deepEqual([conversation.items.length, conversation.messages, typeof conversation.next], [1, 5, 'string']);
});

test('what has no such id is told as that', async () => {
  const { code, talk } = await archive('conversation', 'no-such-thread');
  assert.equal(code, exit.fault);
  assert.match(talk, /^archive\.unknown-conversation/);
});

test('a message is shown with where each field was read', async () => {
  const [id = ''] = (await archive('search', 'kind:edit')).out.match(/^[0-9a-f]{12}/) ?? [];
  const { out } = await archive('show', id, '--provenance');
  assert.match(out, /^edits +a$/m);
  assert.match(out, /^ {2}relatesTo +header:X-TELEMESSAGE-ArchiveMessageID$/m);
  assertHarmless(out);
});

test('changed settings of a source are told by the numbers, and reindex makes the records again', async () => {
  const source = (order: string): string =>
    `data: data\nsources:\n  feed:\n    server: { host: mail.contoso.test, port: 993 }\n    auth: { user: feed, password: { env: NONE } }\n    mailbox: feed@contoso.test\n    nameOrder: ${order}\n`;
  writeFileSync(config, source('last-first'));
  try {
    assert.match((await archive('stats')).out, /^records made with other settings of feed, or another version of the parser: 6 \(/m);
    const { code, out } = await archive('reindex');
    assert.deepEqual([code, out], [exit.done, '6 messages searchable, 0 of them by their raw headers only\n']);
    assert.doesNotMatch((await archive('stats')).out, /records made/);
    assert.match((await archive('search', 'kind:edit')).out, /Brandt Eva → Hill Sam/);
  } finally {
    writeFileSync(config, 'data: data\n');
  }
});
