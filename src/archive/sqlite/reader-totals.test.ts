/** The sums of an archive: right in strides, and each row counted once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Totals } from './reader-totals.ts';
import { openLedger } from './schema.ts';

test('many rows are counted in strides between which others have their turn, and no row twice', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-totals-'));
  const db = openLedger(join(folder, 'archive.sqlite'));
  try {
    db.exec("insert into era (id, source, folder, uid_validity) values (1, 'one', 'INBOX', 7), (2, 'two', 'INBOX', 7)");
    const totals = new Totals(db);
    assert.deepEqual([totals.count(), totals.sums.messages], [false, 0]);
    add(db, 1, 45_000);
    let strides = 1;
    while (totals.count()) strides += 1;
    assert.ok(strides >= 3);
    const expected = { messages: 45_000, bytes: 45_000 * 10, storedBytes: 4_500 * 10 + 40_500 * 4 };
    assert.deepEqual(said(totals), expected);
    assert.deepEqual(Object.fromEntries(totals.sums.eras), {
      1: { archived: 15_000, duplicate: 0, quarantined: 0 },
      2: { archived: 0, duplicate: 30_000, quarantined: 0 },
    });

    // What is counted is not looked at again: this would show.
    db.exec('update message set bytes = 1000000 where seq = 5');
    add(db, 45_001, 45_002);
    assert.equal(totals.count(), false);
    assert.deepEqual(said(totals), { messages: 45_002, bytes: expected.bytes + 20, storedBytes: expected.storedBytes + 8 });

    db.exec('delete from ledger; delete from message where seq > 3');
    while (totals.count());
    assert.deepEqual([totals.sums.messages, totals.sums.bytes, totals.sums.eras.size], [3, 30, 0]);
  } finally {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Every tenth lies in a file of its own; every third row is of another source. */
function add(db: DatabaseSync, first: number, last: number): void {
  const numbers = `with recursive n (i) as (select ${first} union all select i + 1 from n where i < ${last})`;
  db.exec(`
    insert into message (seq, sha256, bytes, encoding, body)
      ${numbers} select i, cast('hash' || i as blob), 10, case when i % 10 = 0 then 2 else 1 end, case when i % 10 = 0 then null else x'01020304' end from n;
    insert into ledger (row, era, uid, state, message, accepted_at, link)
      ${numbers} select i, case when i % 3 = 0 then 1 else 2 end, i, case when i % 3 = 0 then 'archived' else 'duplicate' end, i, 0, x'00' from n;
  `);
}

function said({ sums: { messages, bytes, storedBytes } }: Totals): Record<string, number> {
  return { messages, bytes, storedBytes };
}
