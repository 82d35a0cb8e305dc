/**
 * The promise itself: what the server has, or had through a whole look that ended well, is in the archive byte for byte, once; and
 * nothing is there that no server ever had. Pure: compares what was seen on both sides, and says in words what does not agree.
 */
import { type FolderNow, type Id, messageKey, type ServerMailbox } from './mailbox.ts';
import type { Completion } from './schedule.ts';
import type { ArchiveSeen, LedgerRow } from './witness.ts';

/** SHA-256 of no bytes: a server that announces a size and sends nothing gives nothing, so such a message is noted without bytes. */
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const spoiltReasons = new Set(['no-data', 'refused', 'cut', 'substitute']);

/** What holds at any instant, also right after a kill. `before` is what was durable at an earlier one. */
export function alwaysHolds(mailbox: ServerMailbox, completion: Completion, before: ArchiveSeen, now: ArchiveSeen): string[] {
  return [
    ...now.wrong,
    ...vanished(before, now),
    ...now.rows.flatMap((row) => invented(mailbox, row)),
    ...doubled(now),
    ...namedTwice(mailbox, now),
    ...touched(mailbox, completion, now),
    ...now.cursors.flatMap((cursor) => ahead(mailbox, cursor, now)),
  ];
}

function vanished(before: ArchiveSeen, now: ArchiveSeen): string[] {
  return before.rows.flatMap((row) => {
    const same = now.rows[row.row - 1];
    return JSON.stringify(same) === JSON.stringify(row)
      ? []
      : [`row ${row.row} was durable as ${say(row)}, and is ${same ? say(same) : 'gone'}`];
  });
}

function invented(mailbox: ServerMailbox, row: LedgerRow): string[] {
  if (row.state === 'quarantined') {
    if (!spoiltReasons.has(row.reason ?? '')) return [`${say(row)} is in quarantine without a known reason`];
    const isMeant =
      row.reason === 'cut' || // by the network: it is asked for again in the next run
      mailbox.hadSpoiltUids ||
      mailbox.uidsOf(row.folder, row.uidValidity)?.get(idOf(row)) === emptySha256 ||
      mailbox.hasUnknownEras;
    return isMeant ? [] : [`${say(row)} is in quarantine, and the server held nothing back`];
  }
  const expected = mailbox.uidsOf(row.folder, row.uidValidity)?.get(idOf(row));
  if (expected === row.sha256) return [];
  if (mailbox.hasUnknownEras && mailbox.deliveredHashes.has(row.sha256 ?? '')) return [];
  return [`${say(row)}: the server had ${expected === undefined ? 'no such message' : expected}`];
}

/** One row of bytes for each distinct run of them, and each with a ledger row. */
function doubled({ messages, rows }: ArchiveSeen): string[] {
  const met = new Set(rows.map(({ sha256 }) => sha256));
  return messages.flatMap((sha256, index) => [
    ...(messages.indexOf(sha256) === index ? [] : [`the bytes ${sha256} are stored twice`]),
    ...(met.has(sha256) ? [] : [`the bytes ${sha256} are in no ledger row`]),
  ]);
}

/** Over POP3 a size that is another than before may mean another message of the same name: its bytes come once more, as a duplicate. */
function namedTwice(mailbox: ServerMailbox, { rows }: ArchiveSeen): string[] {
  const met = new Set<string>();
  return rows.flatMap((row) => {
    if (row.uidl === undefined || row.state === 'quarantined') return [];
    const isNew = !met.has(row.uidl);
    met.add(row.uidl);
    return isNew || (mailbox.hadOtherSizes && row.state === 'duplicate')
      ? []
      : [`${say(row)}: this message of the server has its row already`];
  });
}

/** On the server nothing changes but what was asked for, and only for messages whose bytes are durable. */
function touched(mailbox: ServerMailbox, completion: Completion, now: ArchiveSeen): string[] {
  const whole = now.rows.filter(({ state }) => state !== 'quarantined');
  const safe = new Set(whole.map((row) => messageKey(row.folder, row.uidValidity, idOf(row))));
  const mayTake = completion === 'move' || completion === 'delete';
  const taken = mailbox.taken
    .filter(({ name, uidValidity, id }) => !mayTake || !safe.has(messageKey(name, uidValidity, id)))
    .map((one) => `${one.name}, ${one.id} (${one.sha256}) is gone from the server`);
  // A mark outlives its UIDVALIDITY, so it is the bytes that have to be there.
  const bytes = new Set(whole.map(({ sha256 }) => sha256));
  const seen = mailbox
    .seenIn()
    .filter(({ sha256 }) => completion !== 'seen' || !bytes.has(sha256))
    .map((one) => `${one.name}, ${one.id} is marked as read`);
  return [...taken, ...seen].map(
    (what) => `${what}, and ${mayTake || completion === 'seen' ? 'its bytes are not durable' : 'nobody asked for it'}`,
  );
}

/** What the server lists up to the cursor has its row. Behind hidden and unknown numbers nothing can be said. */
function ahead(mailbox: ServerMailbox, cursor: ArchiveSeen['cursors'][number], { rows }: ArchiveSeen): string[] {
  if (mailbox.hasUnknownEras || mailbox.hadHiddenUids) return [];
  const settled = settledUids(rows, cursor.folder, cursor.uidValidity);
  // The numbers that stand for UIDLs are given when a message is listed, so the server cannot be asked for them.
  const skipped = [...mailbox.presentIn(cursor.folder, cursor.uidValidity)].filter(
    (uid) => typeof uid === 'number' && uid <= cursor.uid && !settled.has(uid),
  );
  return skipped.length === 0 ? [] : [`the cursor of ${cursor.folder} stands at ${cursor.uid}, and UIDs ${skipped.join(' ')} have no row`];
}

/** After a run that says that this folder is complete: what the server had before the run and still had after it. */
export function isSettled(before: FolderNow, after: FolderNow, now: ArchiveSeen): string[] {
  if (before.uidValidity !== after.uidValidity || before.name !== after.name) return [];
  const settled = settledUids(now.rows, after.name, after.uidValidity);
  const missing = [...after.uids.keys()].filter((uid) => before.uids.has(uid) && !settled.has(uid));
  return missing.length === 0 ? [] : [`${after.name} was told as complete, and UIDs ${missing.join(' ')} of the server have no row`];
}

/** After a run that nothing disturbed: every message has a row with its bytes, or at least one without where the server was to blame. */
export function isComplete(mailbox: ServerMailbox, folders: Iterable<FolderNow>, now: ArchiveSeen): string[] {
  return [...folders].flatMap((folder) => {
    const rows = now.rows.filter((row) => row.folder === folder.name && row.uidValidity === folder.uidValidity);
    return [...folder.uids].flatMap(([uid, sha256]) => {
      const own = rows.filter((row) => idOf(row) === uid);
      const whole = own.filter((row) => row.state !== 'quarantined');
      if (whole.length > 0) return whole.flatMap((row) => (row.sha256 === sha256 ? [] : [`${say(row)} instead of ${sha256}`]));
      if (own.length > 0 && (sha256 === emptySha256 || mailbox.hadSpoiltUids)) return [];
      return [`${folder.name}, ${uid} (${sha256}) has ${own.length} rows and none with its bytes`];
    });
  });
}

function settledUids(rows: readonly LedgerRow[], folder: string, uidValidity: number): ReadonlySet<Id> {
  return new Set(rows.filter((row) => row.folder === folder && row.uidValidity === uidValidity).map(idOf));
}

/** What the server calls the message of a row. */
function idOf({ uid, uidl }: LedgerRow): Id {
  return uidl ?? uid;
}

function say({ row, folder, uidValidity, uid, uidl, state, reason, sha256 }: LedgerRow): string {
  return `row ${row} (${folder}, UIDVALIDITY ${uidValidity}, UID ${uid}${uidl === undefined ? '' : ` (${uidl})`}, ${state}${reason === undefined ? '' : ` ${reason}`}, ${sha256 ?? 'no bytes'})`;
}
