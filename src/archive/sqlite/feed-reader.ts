/**
 * What the index knows of the feeds: who was heard of when, how well the messages were understood, and what must have been there and is not.
 *
 * The hard thing is to answer for years of messages at once: voices and habits are read from the small tables that grow with what is
 * counted, and only what is missing is looked for record by record, with turns for others in between.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { isOwner } from '../called.ts';
import { aboutOf, keyOf, markBit } from '../derive/record-keys.ts';
import type { FeedDrift, FeedGaps, FeedHabit, FeedLonely, FeedOrphan, FeedSource, FeedUnderstanding, FeedVoice } from '../feed.ts';
import type { MessageRecord } from '../record.ts';
import type { IndexReader } from './index-reader.ts';
import { unreadableCode } from './index-writer.ts';

type Row = Readonly<Record<string, SQLOutputValue>>;

const hourMs = 3_600_000;
const weekHours = 168;
const windowHours = 4 * weekHours;
/** 1970-01-01T00:00Z was a Thursday: that many hours after its Monday. */
const epochHour = 72;
const driftOfSource = 200;
/** Missing things that are named one by one, and records that are looked at for them at most. */
const namedGaps = 20;
const lookedAtMost = 200_000;
const rowsPerTurn = 200;

interface Habit {
  messages: number;
  firstArrived: number;
  lastArrived: number;
  lastSent: number;
  readonly hours: number[];
  /** A bit for each of the four weeks. */
  readonly weeks: number[];
}

/** @param now end of the window of 28 days. @throws errors of SQLite as they are */
export function feedOf(db: DatabaseSync, now: Date): { readonly voices: readonly FeedVoice[]; readonly sources: readonly FeedSource[] } {
  const end = Math.floor(now.getTime() / hourMs) + 1;
  const voices = new Map<string, { source: string; owner: string; platform: string; habit: Habit }>();
  const sources = new Map<string, Habit>();
  const ofShape = new Map<number, readonly Habit[]>();
  for (const row of db.prepare('select * from ix.shape where messages > 0 order by source, owner, platform').all()) {
    const [source, owner, platform] = [String(row['source']), String(row['owner']), String(row['platform'])];
    const key = JSON.stringify([source, owner, platform]);
    const voice = voices.get(key) ?? { source, owner, platform, habit: noHabit() };
    voices.set(key, voice);
    const whole = sources.get(source) ?? noHabit();
    sources.set(source, whole);
    for (const habit of [voice.habit, whole]) addShape(habit, row);
    ofShape.set(Number(row['id']), [voice.habit, whole]);
  }
  const hours = db
    .prepare('select t.shape, t.hour, t.arrived from ix.shape s cross join ix.tally t on t.shape = s.id where t.hour >= ? and t.hour < ?')
    .all(end - windowHours, end);
  for (const { shape, hour, arrived } of hours) {
    for (const habit of ofShape.get(Number(shape)) ?? []) addHour(habit, Number(hour), Number(arrived), end);
  }
  return {
    voices: [...voices.values()].map(({ source, owner, platform, habit }) => ({
      source,
      owner: owner === '' ? undefined : owner,
      platform: platform === '' ? undefined : platform,
      ...habitOf(habit),
    })),
    sources: [...sources].map(([source, habit]) => ({ source, ...habitOf(habit) })),
  };
}

function noHabit(): Habit {
  return {
    messages: 0,
    firstArrived: Number.POSITIVE_INFINITY,
    lastArrived: Number.NEGATIVE_INFINITY,
    lastSent: Number.NEGATIVE_INFINITY,
    hours: new Array<number>(weekHours).fill(0),
    weeks: new Array<number>(weekHours).fill(0),
  };
}

function addShape(habit: Habit, row: Row): void {
  habit.messages += Number(row['messages']);
  habit.firstArrived = Math.min(habit.firstArrived, Number(row['first_arrived']));
  habit.lastArrived = Math.max(habit.lastArrived, Number(row['last_arrived']));
  habit.lastSent = Math.max(habit.lastSent, Number(row['last_sent']));
}

function addHour(habit: Habit, hour: number, arrived: number, end: number): void {
  if (arrived === 0) return;
  const place = (hour + epochHour) % weekHours;
  habit.hours[place] = (habit.hours[place] ?? 0) + arrived;
  habit.weeks[place] = (habit.weeks[place] ?? 0) | (1 << Math.floor((end - 1 - hour) / weekHours));
}

function habitOf({ messages, firstArrived, lastArrived, lastSent, hours, weeks }: Habit): FeedHabit {
  return {
    messages,
    firstArrived: new Date(firstArrived),
    lastArrived: new Date(lastArrived),
    lastSent: new Date(lastSent),
    hours,
    active: weeks.map((bits) => (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1) + ((bits >> 3) & 1)),
  };
}

/** @throws errors of SQLite as they are */
export function understandingOf(db: DatabaseSync): readonly FeedUnderstanding[] {
  const totals = db.prepare('select source, sum(messages) as messages from ix.shape group by source order by source').all();
  const flagsOf = db.prepare('select code, messages from ix.flag where source = ? order by messages desc, code');
  const driftOf = db.prepare(
    `select shape, sum(messages) as messages, min(first_seen) as first, max(last_seen) as last from ix.drift where source = ?
     group by shape order by 2 desc, 1 limit ${driftOfSource}`,
  );
  return totals.map((total): FeedUnderstanding => {
    const source = String(total['source']);
    const flags = flagsOf.all(source).map(({ code, messages }) => ({ code: String(code), messages: Number(messages) }));
    const having = (code: string): number => flags.find((flag) => flag.code === code)?.messages ?? 0;
    return {
      source,
      messages: Number(total['messages']),
      unreadable: having(unreadableCode),
      unrecognised: having('unrecognised'),
      encrypted: having('encrypted'),
      flags: flags.filter(({ code }) => code !== unreadableCode),
      drift: driftOf.all(source).map(
        ({ shape, messages, first, last }): FeedDrift => ({
          shape: String(shape),
          messages: Number(messages),
          firstSeen: new Date(Number(first)),
          lastSeen: new Date(Number(last)),
        }),
      ),
    };
  });
}

/** Which of these are what a message is called. @throws errors of SQLite as they are */
export function identifiedOf(db: DatabaseSync, ids: readonly string[]): ReadonlySet<string> {
  const find = db.prepare('select 1 from ix.link where key in (?, ?) limit 1');
  return new Set(
    ids.filter((id) => {
      const bare = id.replace(/^<(.*)>$/s, '$1');
      return find.get(keyOf('id', bare), keyOf('id', `<${bare}>`)) !== undefined;
    }),
  );
}

interface Gaps {
  orphans: { count: number; first: FeedOrphan[] };
  lonely: { count: number; first: FeedLonely[] };
  complete: boolean;
}

/**
 * What must have been there and is not. Goes through the few records that may show it, with turns for others.
 * @throws Fault archive.index-damaged
 */
export async function gapsOf(db: DatabaseSync, index: IndexReader, since: Date | undefined): Promise<readonly FeedGaps[]> {
  const found = new Map<string, Gaps>();
  const of = (source: string): Gaps => {
    const known = found.get(source) ?? { orphans: { count: 0, first: [] }, lonely: { count: 0, first: [] }, complete: true };
    found.set(source, known);
    return known;
  };
  for await (const { row, record } of marked(db, index, markBit.orphan, since, of)) {
    const { orphans } = of(String(row['source']));
    orphans.count += 1;
    if (orphans.first.length < namedGaps) orphans.first.push(orphanOf(row, record));
  }
  for await (const { row, record } of marked(db, index, markBit.others, since, of)) {
    const { lonely } = of(String(row['source']));
    for (const owner of index.need([], () => withoutCopy(db, index, Number(row['message']), record))) {
      lonely.count += 1;
      if (lonely.first.length < namedGaps) lonely.first.push({ sha256: String(row['sha256']), owner, at: new Date(Number(row['at'])) });
    }
  }
  return [...found].map(([source, gaps]) => ({ source, ...gaps })).sort((a, b) => (a.source < b.source ? -1 : 1));
}

/** Records with a mark, the earliest sent first. */
async function* marked(
  db: DatabaseSync,
  index: IndexReader,
  mark: typeof markBit.orphan | typeof markBit.others,
  since: Date | undefined,
  of: (source: string) => Gaps,
): AsyncGenerator<{ readonly row: Row; readonly record: MessageRecord }> {
  const sql = `select r.message, r.at, s.source, lower(hex(m.sha256)) as sha256
    from ix.record r join ix.shape s on s.id = r.shape join main.message m on m.seq = r.message
    where r.marks & ${mark} <> 0 and r.at >= ? and (r.at > ? or r.message > ?) order by r.at, r.message limit ${rowsPerTurn}`;
  let at = since?.getTime() ?? Number.MIN_SAFE_INTEGER;
  let message = 0;
  for (let looked = 0; ; ) {
    const rows = index.need<Row[]>([], () => db.prepare(sql).all(at, at, message));
    for (const row of rows) {
      const record = index.record(Number(row['message']));
      if (record !== undefined) yield { row, record };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerTurn) return;
    [at, message] = [Number(last['at']), Number(last['message'])];
    looked += rows.length;
    if (looked >= lookedAtMost) {
      of(String(last['source'])).complete = false;
      return;
    }
    await turn();
  }
}

function orphanOf(row: Row, record: MessageRecord): FeedOrphan {
  const about = record.relatesTo.find(({ kind }) => kind !== 'replyTo');
  const kind = about?.kind === 'edits' || about?.kind === 'deletes' ? about.kind : 'status';
  return { sha256: String(row['sha256']), kind, nativeId: aboutOf(record).ids[0], at: new Date(Number(row['at'])) };
}

/** The monitored ones who take part and of whom there is no copy. */
function withoutCopy(db: DatabaseSync, index: IndexReader, message: number, record: MessageRecord): readonly string[] {
  const expected = record.participants.filter((one) => one.monitored === true && !isOwner(one, record.owner));
  const copies = db.prepare('select message from ix.link where key = ? and message <> ? limit 100');
  const owners = record.copyKeys
    .flatMap((key) => copies.all(keyOf('copy', key), message))
    .map((row) => index.record(Number(row['message']))?.owner);
  const missing = expected.filter((one) => !owners.some((owner) => isOwner(one, owner)));
  return [...new Set(missing.map(({ e164, phoneRaw, email, displayRaw }) => e164 ?? email ?? phoneRaw ?? displayRaw))];
}
