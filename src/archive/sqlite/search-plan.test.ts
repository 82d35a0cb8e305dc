/** Whichever way a search takes, it finds the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { captured, eva, sam } from '../../../test/contract/captured.ts';
import { systemClock } from '../../runtime/clock.ts';
import { readQuery } from '../query.ts';
import { layout } from './layout.ts';
import { type PlanLimits, SearchPlan } from './search-plan.ts';
import { openArchive } from './sqlite-archive.ts';

const ways: Readonly<Record<string, PlanLimits | undefined>> = {
  'as it is': undefined,
  'all candidates are taken': {
    few: 1e6,
    fewWords: 1e6,
    mostWords: 1e6,
    walkRows: 10,
    walkRowsForWords: 10,
    asked: { least: 2, first: 2, most: 4 },
  },
  'messages are walked through to the end': {
    few: -1,
    fewWords: -1,
    mostWords: -1,
    walkRows: 1e6,
    walkRowsForWords: 1e6,
    asked: { least: 2, first: 2, most: 4 },
  },
  'a walk is given up at once': {
    few: -1,
    fewWords: -1,
    mostWords: -1,
    walkRows: 3,
    walkRowsForWords: 3,
    asked: { least: 1, first: 1, most: 1 },
  },
  'the full text hands out, the others are walked through': {
    few: -1,
    fewWords: -1,
    mostWords: 1e6,
    walkRows: 3,
    walkRowsForWords: 3,
    asked: { least: 64, first: 256, most: 4_096 },
  },
};

const queries = [
  '',
  'even',
  'even third',
  'even -third',
  '-even',
  'with:eva@contoso.test',
  'from:+447700900777 even',
  '-with:eva@contoso.test third',
  'platform:signal',
  'platform:signal even third',
  'owner:sam direction:in',
  'thread:t-3 even',
  'since:2026-01-03 until:2026-01-05',
  'since:2026-01-03 third has:attachment',
  'source:one',
  'source:two even',
  'is:deleted',
  'kind:delete platform:whatsapp even',
  'id:i7',
  'nowhere even',
  'ev*',
  'ev* -third platform:signal',
  '-thi*',
  '"even third"',
];

test('every way finds the same messages in the same order, page by page', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-plan-'));
  try {
    await fill(folder);
    const where = layout(folder);
    const db = new DatabaseSync(where.archive, { readOnly: true });
    db.prepare('attach database ? as ix').run(where.index);
    for (const words of queries) {
      for (const order of ['sent', 'arrival'] as const) {
        const expected = new SearchPlan(db, readQuery(words)).page(order, undefined, 1_000);
        for (const [way, limits] of Object.entries(ways)) {
          const plan = new SearchPlan(db, readQuery(words), limits);
          assert.deepEqual(plan.page(order, undefined, 1_000), expected, `${words}, ${order}: ${way}`);
          const after = expected[4];
          assert.deepEqual(
            plan.page(order, after, 7),
            expected.slice(after === undefined ? 0 : 5).slice(0, 7),
            `${words}, ${order}: ${way}`,
          );
          assert.deepEqual(
            plan.all(),
            expected.map(({ message }) => message).sort((a, b) => a - b),
            `${words}: ${way}`,
          );
        }
      }
    }
    assert.ok(new SearchPlan(db, readQuery('platform:signal even third')).all().length > 3);
    db.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function fill(folder: string): Promise<void> {
  const archive = await openArchive(folder, systemClock);
  for (let index = 1; index <= 200; index += 1) {
    const isSignal = index % 4 < 2;
    const text = captured({
      id: index % 20 === 0 ? `DELETE_FOR_ALL-i${index - 1}` : `i${index}`,
      from: index % 7 === 0 ? sam : eva,
      to: [index % 7 === 0 ? eva : sam],
      owner: index % 5 === 0 ? 'sam@contoso.test' : 'eva@contoso.test',
      subject: `${index % 20 === 0 ? 'DELETED For All READ ' : ''}${isSignal ? 'Signal' : 'WhatsApp'} message`,
      network: isSignal ? 'SIGNAL' : 'WHATSAPP_ARCHIVER',
      thread: `t-${index % 9}`,
      text: `${index % 2 === 0 ? 'even' : 'odd'} ${index % 3 === 0 ? 'third' : ''} number ${index}`,
      // Not in the order of arrival, and some at the same time.
      date: new Date(Date.UTC(2026, 0, 1 + ((index * 7) % 10), index % 4)).toISOString(),
      ...(index % 6 === 0 ? { file: ['f.pdf', 'content'] as const } : {}),
    });
    const era = { source: index % 10 === 0 ? 'two' : 'one', folder: 'INBOX', uidValidity: 1 };
    await archive.accept(once(text), () => ({ era, uid: index, cursor: index }));
  }
  await archive.flush();
  await archive.derived();
  await archive.close();
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
