/** A conversation shows everything once, in its order, with what became of it; and what is missing. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Archive, Conversation, ConversationItem, RecordProfile } from '../../src/archive/archive.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { conversationText } from '../../src/cli/conversation-text.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { inbox, mail, pieces, sha256, temporaryFolder } from './archive-suite.ts';
import { ana, type Captured, captured, eva, sam } from './captured.ts';

const profile: RecordProfile = { format: 'telemessage', nameOrder: 'first-last', country: '44', owners: [], mailbox: 'feed@contoso.test' };

async function holding(items: readonly (Captured | string)[], act: (archive: Archive) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock, { telemessage: profile });
  try {
    for (const [index, item] of items.entries()) {
      const text = typeof item === 'string' ? item : captured(item);
      await archive.accept(pieces(text), () => ({ era: inbox, uid: index + 1, cursor: index + 1 }));
    }
    await archive.flush();
    await archive.derived();
    await act(archive);
  } finally {
    await archive.close();
  }
}

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 12, 10, minute)).toISOString();
const edit = (id: string, minute: number, more: Captured = {}): Captured => ({
  id: `EDIT-${id}-1`,
  subject: 'EDIT READ WhatsApp message',
  text: `edited ${id}`,
  thread: 't',
  date: at(minute),
  ...more,
});
const deletion = (id: string, minute: number, more: Captured = {}): Captured => ({
  id: `DELETE_FOR_ALL-${id}`,
  subject: 'DELETED For All READ WhatsApp message',
  text: `words ${id}`,
  thread: 't',
  date: at(minute),
  ...more,
});
const item = (id: string, minute: number, more: Captured = {}): Captured => ({
  id,
  text: `words ${id}`,
  thread: 't',
  date: at(minute),
  ...more,
});

/** Id of each item (`gap` for one), with its changes in brackets. */
function outline(items: readonly ConversationItem[]): readonly string[] {
  return items.map(({ message, changes, missing }) => {
    const name = message?.record.nativeId ?? `gap ${missing?.nativeId ?? '?'}`;
    return changes.length === 0
      ? name
      : `${name} [${changes.map((change) => `${change.kind} ${change.message.record.nativeId}`).join(', ')}]`;
  });
}

test('edits and deletions stand at their original, which is never hidden, in whatever order they came', async () => {
  const items = [
    deletion('b', 9),
    edit('a', 5),
    item('a', 1),
    item('b', 2),
    deletion('a', 7),
    item('c', 3),
    edit('a', 6, { id: 'EDIT-a-2' }),
  ];
  const expected = ['a [edit EDIT-a-1, edit EDIT-a-2, delete DELETE_FOR_ALL-a]', 'b [delete DELETE_FOR_ALL-b]', 'c'];
  for (const order of [items, items.toReversed()]) {
    await holding(order, async (archive) => {
      const conversation = await archive.conversation('t');
      assert.deepEqual(outline(conversation.items), expected);
      assert.deepEqual([conversation.messages, conversation.threadId, conversation.next], [7, 't', undefined]);
    });
  }
});

test('an edit or deletion of something that is not there is a gap, one for each missing item', async () => {
  const unnamed = { ...deletion('', 4), id: 'x9' };
  await holding([item('a', 1), edit('gone', 2), deletion('gone', 3), unnamed], async (archive) => {
    const { items } = await archive.conversation('t');
    assert.deepEqual(outline(items), ['a', 'gap gone [edit EDIT-gone-1, delete DELETE_FOR_ALL-gone]', 'gap ? [delete x9]']);
    assert.equal(items[1]?.at.toISOString(), at(2));
  });
});

test('what each monitored participant archived is one item that names them all, and so are their edits', async () => {
  const owners = ['eva@contoso.test', 'sam@contoso.test', 'third@contoso.test'];
  const copies = owners.flatMap((owner) => [item('a', 1, { owner }), edit('a', 2, { owner })]);
  await holding([...copies, item('b', 3, { owner: owners[0] ?? '' })], async (archive) => {
    const { items, messages } = await archive.conversation('t');
    assert.deepEqual(outline(items), ['a [edit EDIT-a-1]', 'b']);
    assert.deepEqual([items[0]?.owners, items[0]?.copies.length, items[0]?.changes[0]?.owners, messages], [owners, 2, owners, 7]);
    assert.deepEqual([items[1]?.owners, items[1]?.copies.length], [['eva@contoso.test'], 0]);
  });
});

test('pages of a conversation show each item once, its copies and changes with it', async () => {
  const items: Captured[] = [];
  for (let index = 0; index < 30; index += 1) {
    items.push(item(`i${index}`, index, { owner: 'eva@contoso.test' }), item(`i${index}`, index, { owner: 'sam@contoso.test' }));
    if (index % 5 === 0) items.push(edit(`i${index}`, index + 20), deletion(`gone${index}`, index));
  }
  await holding(items, async (archive) => {
    const whole = await archive.conversation('t');
    const paged: ConversationItem[] = [];
    let after: string | undefined;
    do {
      const page: Conversation = await archive.conversation('t', { limit: 7, ...(after === undefined ? {} : { after }) });
      paged.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual(outline(paged), outline(whole.items));
    assert.equal(whole.items.length, 36);
    await assert.rejects(archive.conversation('t', { after: 'x' }), (error) => isFault(error, 'archive.query-unreadable'));
  });
});

test('a conversation is found by its thread, by an item, by a message, and by the first digits of one', async () => {
  const first = item('a', 1);
  const loner = mail('Alone', 'nobody answers', ['Date: Mon, 12 Jan 2026 10:00:00 +0000']);
  const asked = mail('Question', 'what', ['Message-ID: <q@contoso.test>', 'Date: Mon, 12 Jan 2026 10:00:00 +0000']);
  const answered = mail('Re: Question', 'that', [
    'Message-ID: <r@contoso.test>',
    'References: <q@contoso.test>',
    'In-Reply-To: <q@contoso.test>',
    'Date: Mon, 12 Jan 2026 11:00:00 +0000',
  ]);
  await holding([first, item('b', 2), loner, asked, answered], async (archive) => {
    const id = sha256(captured(first));
    for (const name of ['t', 'b', id, id.slice(0, 8)])
      assert.deepEqual(outline((await archive.conversation(name)).items), ['a', 'b'], name);
    for (const name of ['<q@contoso.test>', 'r@contoso.test']) {
      const { items } = await archive.conversation(name);
      assert.deepEqual(
        items.map(({ message }) => message?.record.subject),
        ['Question', 'Re: Question'],
        name,
      );
    }
    const alone = await archive.conversation(sha256(loner));
    assert.deepEqual([alone.items.length, alone.messages], [1, 1]);
    for (const name of ['nothing-of-the-kind', 'ffffffffffff']) {
      await assert.rejects(archive.conversation(name), (error) => isFault(error, 'archive.unknown-conversation'), name);
    }
  });
});

test('the text of a message is the whole of it, and a damaged or unread one is told', async () => {
  const long = 'All the words of a long message. '.repeat(100);
  await holding([item('a', 1, { text: long })], async (archive) => {
    const id = sha256(captured(item('a', 1, { text: long })));
    assert.equal((await archive.text(id)).trim(), long.trim());
    assert.ok(((await archive.message(id)).record?.preview.length ?? 0) < 400);
    await assert.rejects(archive.text('0'.repeat(64)), (error) => isFault(error, 'archive.unknown-message'));
  });
});

test('a conversation of which nothing is derived yet is told as that, and not as unknown', async () => {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock);
  await archive.accept(pieces(captured(item('a', 1))), () => ({ era: inbox, uid: 1, cursor: 1 }));
  await archive.flush();
  await archive.close();
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder.path, 'archive', `index.sqlite${suffix}`), { force: true });
  const reader = openArchiveReader(folder.path);
  await assert.rejects(reader.conversation(sha256(captured(item('a', 1)))), (error) => isFault(error, 'archive.not-derived'));
  assert.match(await reader.text(sha256(captured(item('a', 1)))), /^words a/);
  await reader.close();
});

test('a thread of thousands of items comes in pages that each take little', async () => {
  const items = Array.from({ length: 3_000 }, (_, index) => item(`i${index}`, index));
  await holding(items, async (archive) => {
    const page = await archive.conversation('t', { limit: 100 });
    assert.deepEqual([page.items.length, page.messages, page.next === undefined], [100, 3_000, false]);
  });
});

test('on paper a conversation shows who said what to whom, calls, copies, changes and gaps, and no control character of theirs', async () => {
  const items = [
    item('a', 2, {
      text: 'Can you talk about the figures?\n\n\n\n\x1b[2Jclear \u202Eback\u202C \x07',
      owner: 'eva@contoso.test',
      file: ['q2.pdf', 'x'.repeat(12_000)],
    }),
    item('a', 2, {
      text: 'Can you talk about the figures?\n\n\n\n\x1b[2Jclear \u202Eback\u202C \x07',
      owner: 'sam@contoso.test',
      file: ['q2.pdf', 'x'.repeat(12_000)],
    }),
    edit('a', 5),
    item('b', 7, { from: sam, to: [eva], text: 'Not now. '.repeat(30) }),
    deletion('b', 9, { from: sam, to: [eva] }),
    item('c', 20, { subject: 'unanswered WhatsApp voice call', text: '' }),
    deletion('gone', 30, { text: 'Forget it.' }),
    item('d', 60 * 24, { from: ana, to: [eva, sam], text: 'Hola' }),
  ];
  await holding(items, async (archive) => {
    const conversation = await archive.conversation('t');
    const texts = new Map<string, string | undefined>();
    for (const { message, changes } of conversation.items) {
      for (const one of [...(message === undefined ? [] : [message]), ...changes.map((change) => change.message)]) {
        texts.set(one.sha256, await archive.text(one.sha256));
      }
    }
    const paper = conversationText(conversation, texts, false);
    assert.doesNotMatch(paper, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    assert.ok(
      paper.split('\n').every((line) => [...line].length <= 100),
      'a line is longer than a page is wide',
    );
    for (const words of [
      'Mon 2026-01-12 ─',
      'Tue 2026-01-13 ─',
      '10:02  Eva Brandt → Sam Hill',
      'attached: q2.pdf (document, application/pdf, 12 kB)',
      'archived for 2 owners (eva@contoso.test, sam@contoso.test); 1 copy: ',
      'edited 10:05, read before',
      '         edited a',
      'Not now. Not now.',
      'deleted 10:09 for everyone, read before',
      'unanswered]',
      '10:30  GAP: item gone is not in the archive; known only by what became of it:',
      '         Forget it.',
      'Ana Ruíz → Eva Brandt, Sam Hill',
    ]) {
      assert.ok(paper.includes(words), `${words}\n\n${paper}`);
    }
  });
});
