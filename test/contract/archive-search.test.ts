/** What a search finds by people, facts and times; its pages and counts; what is known of the feeds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Archive, RecordProfile, SearchOrder } from '../../src/archive/archive.ts';
import { readQuery } from '../../src/archive/query.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { inbox, mail, pieces, sha256, temporaryFolder } from './archive-suite.ts';
import { ana, type Captured, captured, eva, sam } from './captured.ts';

const profile: RecordProfile = {
  format: 'telemessage',
  nameOrder: 'first-last',
  country: '44',
  owners: ['eva@contoso.test', 'sam@contoso.test'],
  mailbox: 'feed@contoso.test',
};
const feed = { ...inbox, source: 'feed' };

/** An archive with these items, derived. */
async function holding(items: readonly (Captured | string)[], act: (archive: Archive, folder: string) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock, { feed: profile });
  try {
    await add(archive, items);
    await act(archive, folder.path);
  } finally {
    await archive.close();
  }
}

async function add(archive: Archive, items: readonly (Captured | string)[], firstUid = 1): Promise<void> {
  for (const [index, item] of items.entries()) {
    const text = typeof item === 'string' ? item : captured(item);
    const date = typeof item === 'string' ? undefined : item.date;
    const internalDate = date === undefined ? {} : { internalDate: new Date(Date.parse(date) + 60_000) };
    const uid = firstUid + index;
    await archive.accept(pieces(text), () => ({ era: feed, uid, cursor: uid, ...internalDate }));
  }
  await archive.flush();
  await archive.derived();
}

/** Item ids of what is found. */
async function found(archive: Archive, words: string, order: SearchOrder = 'sent'): Promise<readonly (string | undefined)[]> {
  const { hits } = await archive.search(readQuery(words), 100, { order });
  return hits.map(({ record }) => record?.nativeId);
}

test('somebody is found by his number in any spelling, by its end, by his address and by his name', async () => {
  const items: readonly Captured[] = [
    { id: 'a', from: eva, to: [sam], text: 'one', date: '2026-01-01T10:00:00Z' },
    { id: 'b', from: sam, to: [eva], text: 'two', date: '2026-01-02T10:00:00Z' },
    { id: 'c', from: ana, to: [sam], text: 'three', date: '2026-01-03T10:00:00Z' },
  ];
  await holding(items, async (archive) => {
    const expected: readonly (readonly [string, readonly string[]])[] = [
      ['with:"+44 7700 900123"', ['b', 'a']],
      ['with:+447700900123', ['b', 'a']],
      ['with:"0044 (0)7700 900-123"', ['b', 'a']],
      ['with:"(07700) 900 123"', ['b', 'a']],
      ['with:447700900123', ['b', 'a']],
      ['with:7700900123', ['b', 'a']],
      ['participant:"+34 600 123 456"', ['c']],
      ['with:+447700900124', []],
      ['with:00123', []],
      ['with:eva@contoso.test', ['b', 'a']],
      ['with:EVA@Contoso.Test', ['b', 'a']],
      ['with:a@contoso.test', []],
      ['with:brandt', ['b', 'a']],
      ['with:"Eva Brandt"', ['b', 'a']],
      ['with:ruiz', ['c']],
      ['with:bra*', ['b', 'a']],
      ['from:+447700900123', ['a']],
      ['to:"07700 900123"', ['b']],
      ['with:eva@contoso.test with:+34600123456', []],
      ['with:sam@contoso.test with:+34600123456', ['c']],
      ['-with:eva@contoso.test', ['c']],
      ['-with:+447700900777', []],
    ];
    for (const [words, ids] of expected) assert.deepEqual(await found(archive, words), ids, words);
  });
});

test('messages are found by what they are', async () => {
  const items: readonly (Captured | string)[] = [
    { id: 'm1', from: eva, to: [sam], thread: 't-1', owner: 'eva@contoso.test', date: '2026-01-01T10:00:00Z' },
    { id: 'm2', from: ana, to: [sam], thread: 't-2', owner: 'sam@contoso.test', date: '2026-01-02T10:00:00Z', text: 'hola' },
    {
      id: 's1',
      from: eva,
      to: [ana],
      owner: 'eva@contoso.test',
      subject: 'Signal message',
      network: 'SIGNAL',
      date: '2026-01-03T10:00:00Z',
    },
    {
      id: 'c1',
      from: ana,
      to: [sam],
      owner: 'sam@contoso.test',
      subject: 'unanswered WhatsApp voice call',
      text: '',
      date: '2026-01-04T10:00:00Z',
    },
    {
      id: 'e1',
      from: eva,
      to: [sam],
      headers: ['X-TELEMESSAGE-ENC-DATAKEY: abc', 'X-TELEMESSAGE-ENC-KEY-ID: 1'],
      date: '2026-01-05T10:00:00Z',
    },
    { id: 'f1', from: eva, to: [sam], file: ['q2.pdf', 'content'], date: '2026-01-06T10:00:00Z' },
    mail('Lunch', 'not captured', ['Message-ID: <lunch@contoso.test>', 'Date: Wed, 07 Jan 2026 10:00:00 +0000']),
  ];
  await holding(items, async (archive) => {
    const lunch = '<lunch@contoso.test>';
    const expected: readonly (readonly [string, readonly string[]])[] = [
      ['platform:signal', ['s1']],
      ['platform:signal platform:whatsapp', ['f1', 'e1', 'c1', 's1', 'm2', 'm1']],
      ['-platform:whatsapp -platform:signal', [lunch]],
      ['kind:call', ['c1']],
      ['modality:voice', ['c1']],
      ['-kind:call -modality:mail', ['f1', 'e1', 's1', 'm2', 'm1']],
      ['direction:out platform:signal', ['s1']],
      ['direction:in', ['c1', 'm2']],
      ['owner:sam@contoso.test', ['c1', 'm2']],
      ['owner:SAM', ['c1', 'm2']],
      ['owner:sam hola', ['m2']],
      ['thread:t-1', ['m1']],
      ['thread:t-1 thread:t-2', ['m2', 'm1']],
      ['thread:t', []],
      ['id:s1', ['s1']],
      [`id:${lunch}`, [lunch]],
      ['format:mail', [lunch]],
      ['is:encrypted', ['e1']],
      ['flag:encrypted', ['e1']],
      ['is:unrecognised', [lunch]],
      ['has:attachment', ['f1']],
      ['since:2026-01-03 until:2026-01-04', ['c1', 's1']],
      ['since:2026-01-03T10:00 until:2026-01-04T10:00', ['s1']],
      ['since:2026-01-03T11:00+01:00 until:2026-01-03T12:00+01:00', ['s1']],
      ['since:2026 until:2026-01 kind:call', ['c1']],
      ['until:2025', []],
      ['is:quarantined', []],
      ['-is:quarantined kind:call', ['c1']],
    ];
    for (const [words, ids] of expected) assert.deepEqual(await found(archive, words), ids, words);
  });
});

test('originals that were edited or deleted are found as such, and copies told apart, in whatever order they came', async () => {
  const original = { text: 'first words', date: '2026-01-01T10:00:00Z' };
  const items: readonly Captured[] = [
    { id: 'DELETE_FOR_ALL-late', subject: 'DELETED For All READ WhatsApp message', text: 'first words', date: '2026-01-01T10:30:00Z' },
    { id: 'early', ...original, owner: 'eva@contoso.test' },
    { id: 'EDIT-early-1', subject: 'EDIT READ WhatsApp message', text: 'other words', date: '2026-01-01T10:10:00Z' },
    { id: 'late', ...original, text: 'late words' },
    { id: 'early', ...original, owner: 'sam@contoso.test' },
    { id: 'EDIT-never-1', subject: 'EDIT READ WhatsApp message', text: 'lost words', date: '2026-01-01T11:00:00Z' },
  ];
  await holding(items, async (archive) => {
    assert.deepEqual(await found(archive, 'is:edited'), ['early', 'early']); // the copy as well
    assert.deepEqual(await found(archive, 'is:edited -is:copy'), ['early']);
    assert.deepEqual(await found(archive, 'is:deleted'), ['late']);
    assert.deepEqual(await found(archive, 'is:copy'), ['early']);
    assert.deepEqual((await found(archive, '-is:copy id:early')).length, 1);
    const [gaps] = await archive.feedGaps();
    assert.deepEqual([gaps?.orphans.count, gaps?.orphans.first.map(({ kind, nativeId }) => [kind, nativeId])], [1, [['edits', 'never']]]);
    // What was missing comes after all.
    await add(archive, [{ id: 'never', ...original, text: 'found words' }], 50);
    assert.deepEqual(await found(archive, 'is:edited -is:copy', 'arrival'), ['never', 'early']);
    assert.deepEqual(
      (await archive.feedGaps()).map(({ orphans }) => orphans.count),
      [0],
    );
  });
});

test('pages give every message once in their order, whatever arrives in between', async () => {
  // Many at the same instant: the time alone does not tell where a page ended.
  const items = Array.from({ length: 25 }, (_, index) => ({
    id: `i${index}`,
    text: `word ${index}`,
    date: new Date(Date.UTC(2026, 0, 1 + (index % 3))).toISOString(),
  }));
  await holding(items, async (archive) => {
    for (const words of ['', 'word', 'platform:whatsapp', 'word platform:whatsapp since:2026-01-01']) {
      for (const order of ['sent', 'arrival'] as const) {
        const query = readQuery(words);
        const ids: (string | undefined)[] = [];
        let after: string | undefined;
        do {
          const page = await archive.search(query, 4, { order, ...(after === undefined ? {} : { after }) });
          ids.push(...page.hits.map(({ record }) => record?.nativeId));
          after = page.next;
          // Newer than everything: no page behind the first shows it.
          if (ids.length === 4)
            await add(archive, [{ id: 'new', text: `new ${words} ${order}`, date: '2026-02-01T00:00:00Z' }], 100 + ids.length);
        } while (after !== undefined);
        const old = ids.filter((id) => id !== 'new');
        assert.deepEqual([old.length, new Set(old).size], [25, 25], `${words} ${order}`);
        if (order === 'arrival') assert.deepEqual(old, items.map(({ id }) => id).reverse());
      }
    }
    for (const after of ['', 'sent:1', 'arrival:1:1', "sent:1:1' or 1"]) {
      await assert.rejects(archive.search(readQuery('word'), 4, { after }), (error) => isFault(error, 'archive.query-unreadable'), after);
    }
  });
});

test('what is found is counted by platform, source, owner and month', async () => {
  const items: readonly Captured[] = [
    { id: 'a', owner: 'eva@contoso.test', date: '2026-01-31T23:59:00Z', text: 'one word' },
    { id: 'b', owner: 'eva@contoso.test', date: '2026-02-01T00:00:00Z', text: 'another word' },
    {
      id: 'c',
      from: sam,
      to: [eva],
      owner: 'sam@contoso.test',
      subject: 'Signal message',
      network: 'SIGNAL',
      date: '2026-02-02T00:00:00Z',
    },
  ];
  await holding(items, async (archive) => {
    const whole = await archive.facets(readQuery(''));
    assert.deepEqual(whole.platform, [
      { value: 'whatsapp', messages: 2 },
      { value: 'signal', messages: 1 },
    ]);
    assert.deepEqual(whole.month, [
      { value: '2026-01', messages: 1 },
      { value: '2026-02', messages: 2 },
    ]);
    assert.deepEqual([whole.messages, whole.complete, whole.source], [3, true, [{ value: 'feed', messages: 3 }]]);
    const some = await archive.facets(readQuery('word owner:eva'));
    assert.deepEqual([some.messages, some.complete, some.owner], [2, true, [{ value: 'eva@contoso.test', messages: 2 }]]);
    assert.deepEqual((await archive.facets(readQuery('platform:signal'))).month, [{ value: '2026-02', messages: 1 }]);
    assert.equal((await archive.facets(readQuery('nowhere'))).messages, 0);
  });
});

test('the feed tells each voice, its hours of the last four weeks, and how well its messages were understood', async () => {
  const weekMs = 7 * 86_400_000;
  // 2026-01-29 is a Thursday.
  const thursday = Date.parse('2026-01-29T15:20:00Z');
  const at = (ms: number): string => new Date(ms).toISOString();
  const items: readonly (Captured | string)[] = [
    { id: 'a', owner: 'eva@contoso.test', date: at(thursday) },
    { id: 'b', owner: 'eva@contoso.test', date: at(thursday + 60_000) },
    { id: 'c', owner: 'eva@contoso.test', date: at(thursday - weekMs) },
    { id: 'd', owner: 'eva@contoso.test', date: at(thursday - 4 * weekMs - 3_600_000) },
    { id: 'e', owner: 'sam@contoso.test', from: sam, to: [eva], subject: 'Signal message', network: 'SIGNAL', date: at(thursday) },
    mail('Lunch', 'not captured'),
  ];
  await holding(items, async (archive) => {
    const known = await archive.feed(new Date(thursday + 1_800_000));
    const voice = known.voices.find(({ owner, platform }) => owner === 'eva@contoso.test' && platform === 'whatsapp');
    const hour = 3 * 24 + 15;
    assert.deepEqual([voice?.source, voice?.messages, voice?.hours.length], ['feed', 4, 168]);
    assert.deepEqual([voice?.hours[hour], voice?.active[hour], voice?.hours.reduce((sum, one) => sum + one)], [3, 2, 3]);
    assert.equal(voice?.lastArrived.toISOString(), at(thursday + 120_000));
    assert.equal(voice?.firstArrived.toISOString(), at(thursday - 4 * weekMs - 3_600_000 + 60_000));
    const [source] = known.sources;
    assert.deepEqual([known.sources.length, source?.source, source?.messages, source?.active[hour]], [1, 'feed', 6, 2]);
    const [understanding] = known.understanding;
    assert.deepEqual([understanding?.messages, understanding?.unrecognised, understanding?.unreadable], [6, 1, 0]);
    assert.ok((understanding?.drift.length ?? 0) > 0);
  });
});

test('a clock that is ahead hides no silence', async () => {
  const items = [
    { id: 'a', owner: 'eva@contoso.test', date: '2026-01-29T15:20:00Z' },
    captured({ id: 'b', owner: 'eva@contoso.test', date: '2099-01-01T00:00:00Z' }),
  ];
  await holding(items, async (archive) => {
    const [voice] = (await archive.feed(new Date('2026-01-30T00:00:00Z'))).voices;
    assert.ok((voice?.lastSent.getTime() ?? 0) < Date.parse('2098-01-01'), voice?.lastSent.toISOString());
  });
});

test('a date of arrival that is still to come hides no silence', async () => {
  // The second one is filed with an INTERNALDATE of 2099, as whoever copies mail into a mailbox may do.
  const items = ['2026-01-29T15:20:00Z', '2099-01-01T00:00:00Z'].map(
    (date, at): Captured => ({ id: `${at}`, owner: 'eva@contoso.test', date }),
  );
  await holding(items, async (archive) => {
    const { voices, sources } = await archive.feed(new Date());
    assert.equal(sources[0]?.messages, 2);
    for (const { lastArrived } of [...voices, ...sources]) {
      assert.ok(lastArrived.getTime() <= Date.now(), `the last one came at ${lastArrived.toISOString()}`);
    }
  });
});

test('a copy that never came is named with whose it is', async () => {
  const both = { id: 'x', from: eva, to: [sam], text: 'to both', date: '2026-01-01T10:00:00Z' };
  await holding([{ ...both, owner: 'eva@contoso.test' }], async (archive) => {
    const [before] = await archive.feedGaps();
    assert.deepEqual([before?.lonely.count, before?.complete], [1, true]);
    assert.match(before?.lonely.first[0]?.owner ?? '', /447700900777|sam@contoso\.test/);
    assert.equal(before?.lonely.first[0]?.sha256, sha256(captured({ ...both, owner: 'eva@contoso.test' })));
    await add(archive, [{ ...both, owner: 'sam@contoso.test' }], 2);
    const after = await archive.feedGaps();
    assert.deepEqual(
      after.map(({ lonely }) => lonely.count).filter((count) => count > 0),
      [],
    );
    assert.deepEqual(await archive.feedGaps(new Date('2026-01-02T00:00:00Z')), []);
  });
});

test('ids of items and mails are known with and without angle brackets', async () => {
  await holding([{ id: 'item-1' }, mail('Lunch', 'x', ['Message-ID: <lunch@contoso.test>'])], async (archive) => {
    const asked = ['item-1', '<item-1>', 'item-2', 'lunch@contoso.test', '<lunch@contoso.test>', 'item'];
    assert.deepEqual([...(await archive.identified(asked))], ['item-1', '<item-1>', 'lunch@contoso.test', '<lunch@contoso.test>']);
  });
});

test('changed settings of a source are told, and its records made again while the old ones can be searched', async () => {
  using folder = temporaryFolder();
  const before = { feed: { ...profile, nameOrder: 'first-last' as const } };
  const first = await openArchive(folder.path, systemClock, before);
  await add(
    first,
    Array.from({ length: 300 }, (_, index) => ({ id: `i${index}`, text: `word ${index}` })),
  );
  assert.deepEqual(await first.derivation(), {
    stale: 0,
    parserVersions: (await first.derivation()).parserVersions,
    changedSources: [],
    remaking: undefined,
  });
  await first.close();

  const second = await openArchive(folder.path, systemClock, { feed: { ...profile, nameOrder: 'last-first' } });
  try {
    const told = await second.derivation();
    assert.deepEqual([told.stale, told.changedSources], [300, ['feed']]);
    for (;;) {
      assert.equal((await second.search(readQuery('word'), 1_000)).hits.length, 300);
      await second.derived();
      if ((await second.derivation()).stale === 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await add(second, [{ id: 'later', text: 'word later' }], 301);
    assert.equal((await second.search(readQuery('word'), 1_000)).hits.length, 301);
    assert.equal((await second.stats()).lag, 0);
  } finally {
    await second.close();
  }
  // The settings of a source that is gone from the configuration still hold.
  const third = await openArchive(folder.path, systemClock);
  assert.deepEqual([(await third.derivation()).stale, (await third.search(readQuery('word'), 1_000)).hits.length], [0, 301]);
  await third.reindex();
  assert.equal((await third.derivation()).stale, 0);
  await third.close();
  const fourth = await openArchive(folder.path, systemClock, { feed: { ...profile, nameOrder: 'last-first' } });
  assert.equal((await fourth.derivation()).stale, 0);
  await fourth.close();
});

test('settings that change while the archive is open hold from then on, and make the records before again', async () => {
  using folder = temporaryFolder();
  const first = { ...profile, nameOrder: 'first-last' as const };
  const archive = await openArchive(folder.path, systemClock, { feed: first });
  try {
    await add(
      archive,
      Array.from({ length: 300 }, (_, index) => ({ id: `i${index}`, text: `word ${index}` })),
    );
    await archive.setProfiles({ feed: { ...first }, other: profile });
    assert.equal((await archive.derivation()).stale, 0, 'what says the same changes nothing');
    // Waiting for what is under way and changing it at the same time hinder one another in nothing.
    const waiting = archive.derived();
    await archive.setProfiles({ feed: { ...profile, nameOrder: 'last-first' } });
    assert.deepEqual((await archive.profiles())['feed']?.nameOrder, 'last-first');
    await waiting;
    for (;;) {
      assert.equal((await archive.search(readQuery('word'), 1_000)).hits.length, 300, 'the old records are found meanwhile');
      await archive.derived();
      if ((await archive.derivation()).stale === 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await add(archive, [{ id: 'later', text: 'word later' }], 301);
    assert.equal((await archive.search(readQuery('word'), 1_000)).hits.length, 301);
    assert.equal((await archive.derivation()).stale, 0);
    await Promise.all([
      archive.setProfiles({ feed: first }),
      archive.setProfiles({ feed: { ...profile, nameOrder: 'last-first' } }),
      archive.derived(),
    ]);
    assert.equal((await archive.profiles())['feed']?.nameOrder, 'last-first', 'the last word holds');
  } finally {
    await archive.close();
  }
  const again = await openArchive(folder.path, systemClock);
  assert.deepEqual([(await again.derivation()).stale, (await again.profiles())['other']?.format], [0, profile.format]);
  await again.close();
});

test('a message to twenty thousand people is derived, found by one of them, and shown', async () => {
  const crowd = Array.from({ length: 20_000 }, (_, index) => `p${index}@contoso.test`);
  const many = mail('To all', 'everybody', [`To: ${crowd.join(',\r\n ')}`, 'From: eva@contoso.test']);
  await holding([many, mail('To one', 'somebody', ['To: p5@contoso.test'])], async (archive) => {
    const subjects = async (words: string): Promise<unknown> =>
      (await archive.search(readQuery(words), 10)).hits.map(({ record }) => record?.subject);
    assert.deepEqual(await subjects('with:p7@contoso.test'), ['To all']);
    assert.deepEqual(await subjects('with:p5@contoso.test with:eva@contoso.test'), ['To all']);
    assert.equal((await archive.conversation(sha256(many))).items.length, 1);
  });
});

test('beginnings of words are found, excluded, and met together with other conditions, in both orders', async () => {
  const items: readonly Captured[] = [
    { id: 'a', text: 'the invoice is here', date: '2026-01-01T10:00:00Z' },
    { id: 'b', text: 'two invoices and a draft', date: '2026-01-02T10:00:00Z', network: 'SIGNAL' },
    { id: 'c', text: 'nothing of that kind', date: '2026-01-03T10:00:00Z' },
    { id: 'd', text: 'invoking a drafted clause', date: '2026-01-04T10:00:00Z' },
  ];
  await holding(items, async (archive) => {
    const expected: readonly (readonly [string, readonly string[]])[] = [
      ['invoi*', ['b', 'a']],
      ['invo*', ['d', 'b', 'a']],
      ['invo* draft*', ['d', 'b']],
      ['invo* -draft*', ['a']],
      ['-invo*', ['c']],
      ['-invo* -noth*', []],
      ['invo* platform:signal', ['b']],
      ['platform:whatsapp -draft*', ['c', 'a']],
      ['subject:invo*', []],
      ['body:invo* since:2026-01-02', ['d', 'b']],
      ['nowhere*', []],
    ];
    for (const [words, ids] of expected) {
      for (const order of ['sent', 'arrival'] as const) assert.deepEqual(await found(archive, words, order), ids, `${words} by ${order}`);
    }
  });
});
