/**
 * Plans a search: which condition hands out candidates, and which are only asked of each.
 *
 * The hard thing is that the newest twenty of a million have to be found fast whether a condition fits three messages or nine hundred
 * thousand. So the number of candidates of each condition is looked up first, up to a bound. If one has few, they are all taken, tested
 * and sorted. If every condition has many, the messages are walked through from the newest one: twenty that fit are met soon. And if they
 * are not (conditions that exclude each other), all candidates are gone through after all. Measured on a million messages: the full text
 * hands out ten candidates in a microsecond and takes twenty to say whether one message fits, so it hands out wherever that is cheaper.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { backwards, flagBit, identityKind, keyOf, markBit, roleBits } from '../derive/record-keys.ts';
import type { FactField, Query, QueryFact, QueryParticipant, QueryTerm, SearchOrder } from '../search.ts';

export interface PlanLimits {
  /** Candidates up to this number are all taken and sorted: about 10 ms. */
  readonly few: number;
  /** The same for those that the full text hands out, counted and taken: about 40 ms. */
  readonly fewWords: number;
  /** To ask a message for words costs as much as to be handed out this many. */
  readonly wordsTestCost: number;
  /** Messages that are walked through before the walk is given up: about 50 ms; fewer where each is asked for words. */
  readonly walkRows: number;
  readonly walkRowsForWords: number;
}

const measuredLimits: PlanLimits = { few: 10_000, fewWords: 150_000, wordsTestCost: 100, walkRows: 50_000, walkRowsForWords: 3_000 };
/** Numbers that end with the same digits are few; more than these are not told apart by a search. */
const identityLimit = 5_000;

/** Where one page ended: the time and the number of its last message. */
export interface Position {
  readonly at: number;
  readonly message: number;
}

interface Condition {
  /** Of the record `r`. */
  readonly where: string;
  readonly values: readonly SQLInputValue[];
  readonly candidates?: Candidates;
  readonly asksWords?: boolean;
}

interface Candidates {
  /** Selects `message`, each once. */
  readonly rows: string;
  readonly values: readonly SQLInputValue[];
  /** How many, counted up to one more than `few`. */
  readonly count: number;
  /** So many are all taken. */
  readonly few: number;
  readonly isWords: boolean;
}

interface Found {
  readonly message: number;
  readonly at: number;
}

/** A query against an attached index (`ix`). */
export class SearchPlan {
  readonly #db: DatabaseSync;
  readonly #limits: PlanLimits;
  readonly #conditions: readonly Condition[];

  /** @throws errors of SQLite as they are */
  constructor(db: DatabaseSync, query: Query, limits: PlanLimits = measuredLimits) {
    this.#db = db;
    this.#limits = limits;
    const counting = { db, limits };
    this.#conditions = [
      ...wordConditions(counting, query.terms),
      ...factConditions(counting, query.facts ?? []),
      ...(query.participants ?? []).map((one) => participantCondition(counting, one)),
      ...markConditions(query),
      ...timeConditions(counting, query),
      ...sourceConditions(counting, query.source),
    ];
  }

  /** Messages of a page in their order. */
  page(order: SearchOrder, after: Position | undefined, limit: number): readonly Found[] {
    const taken = this.#chosen();
    if (taken !== undefined && taken.count <= taken.few) return this.#taken(taken, order, after, limit);
    const floor = this.#floor(order, after);
    const walked = this.#walked(order, after, limit, floor);
    if (walked.length >= limit || floor === undefined) return walked;
    return taken === undefined ? this.#walked(order, after, limit, undefined) : this.#taken(taken, order, after, limit);
  }

  /** All matches in the order of their arrival. */
  all(): readonly number[] {
    const taken = this.#chosen();
    const from = taken === undefined ? 'ix.record r' : `(${taken.rows}) c cross join ix.record r on r.message = c.message`;
    const { where, values } = this.#where(taken, []);
    return this.#db
      .prepare(`select r.message from ${from} ${where} order by r.message`)
      .all(...(taken?.values ?? []), ...values)
      .map((row) => Number(row['message']));
  }

  /** How many match, by their shape and month of being sent, of the newest `limit` at most. */
  counts(limit: number): { readonly rows: readonly { shape: number; month: string; messages: number }[]; readonly complete: boolean } {
    const found = this.page('sent', undefined, limit + 1);
    const complete = found.length <= limit;
    const ids = JSON.stringify(found.slice(0, limit).map(({ message }) => message));
    const rows = this.#db
      .prepare(
        `select r.shape, strftime('%Y-%m', r.at / 1000, 'unixepoch') as month, count(*) as messages
         from json_each(?) j cross join ix.record r on r.message = j.value group by 1, 2`,
      )
      .all(ids);
    return { rows: rows.map(countOf), complete };
  }

  /** Whose candidates cost least to go through. */
  #chosen(): Candidates | undefined {
    let words: Candidates | undefined;
    let rarest: Candidates | undefined;
    for (const { candidates } of this.#conditions) {
      if (candidates?.isWords === true) words = candidates;
      else if (candidates !== undefined && (rarest === undefined || candidates.count < rarest.count)) rarest = candidates;
    }
    if (words === undefined || rarest === undefined) return words ?? rarest;
    return rarest.count * this.#limits.wordsTestCost <= words.count ? rarest : words;
  }

  #taken(candidates: Candidates, order: SearchOrder, after: Position | undefined, limit: number): readonly Found[] {
    const { where, values } = this.#where(candidates, pageConditions(order, after));
    const sql = `select r.message, r.at from (${candidates.rows}) c cross join ix.record r on r.message = c.message
      ${where} order by ${orderOf[order]} limit ?`;
    return this.#found(sql, [...candidates.values, ...values, limit]);
  }

  #walked(order: SearchOrder, after: Position | undefined, limit: number, floor: Condition | undefined): readonly Found[] {
    const { where, values } = this.#where(undefined, [...pageConditions(order, after), ...(floor === undefined ? [] : [floor])]);
    const by = order === 'sent' ? 'indexed by record_at' : 'not indexed';
    return this.#found(`select r.message, r.at from ix.record r ${by} ${where} order by ${orderOf[order]} limit ?`, [...values, limit]);
  }

  /** Ends a walk after its bound; undefined where there are not so many messages. */
  #floor(order: SearchOrder, after: Position | undefined): Condition | undefined {
    const key = order === 'sent' ? 'at' : 'message';
    const from = after === undefined ? { where: '', values: [] } : { where: `where ${key} <= ?`, values: [after[key]] };
    const last = this.#db
      .prepare(`select ${key} as value from ix.record ${from.where} order by ${key} desc limit 1 offset ?`)
      .get(...from.values, this.#conditions.some(({ asksWords }) => asksWords) ? this.#limits.walkRowsForWords : this.#limits.walkRows);
    return last === undefined ? undefined : { where: `r.${key} >= ?`, values: [Number(last['value'])] };
  }

  #found(sql: string, values: readonly SQLInputValue[]): readonly Found[] {
    return this.#db
      .prepare(sql)
      .all(...values)
      .map((row) => ({ message: Number(row['message']), at: Number(row['at']) }));
  }

  #where(taken: Candidates | undefined, more: readonly Condition[]): { readonly where: string; readonly values: readonly SQLInputValue[] } {
    const tests = this.#conditions
      .filter((one) => taken === undefined || one.candidates !== taken)
      // Of many that the full text hands out: is it among the others' few? Known at once when those are gathered first.
      .map((one) =>
        taken?.isWords === true && one.candidates !== undefined && one.candidates.count <= one.candidates.few ? among(one.candidates) : one,
      );
    const all = [...tests, ...more];
    return {
      where: all.length === 0 ? '' : `where ${all.map((one) => one.where).join(' and ')}`,
      values: all.flatMap((one) => one.values),
    };
  }
}

function among({ rows, values }: Candidates): Condition {
  return { where: `r.message in (${rows})`, values };
}

/** Whether what a query asks for is said by shapes alone, so that it is counted without looking at messages. */
export function asksShapesOnly({ terms, source, since, until, hasAttachment, facts = [], participants = [], marks = [] }: Query): boolean {
  const other =
    [source, since, until, hasAttachment].some((one) => one !== undefined) || terms.length + participants.length + marks.length > 0;
  return !other && facts.every(({ field }) => shapeColumn[field] !== undefined);
}

/** Counts by shape and month, exact. Only for a query that {@link asksShapesOnly}. */
export function shapeCounts(db: DatabaseSync, facts: readonly QueryFact[]): readonly { shape: number; month: string; messages: number }[] {
  const { test, values } = shapeTest(db, facts);
  return db
    .prepare(
      `select t.shape, strftime('%Y-%m', t.hour * 3600, 'unixepoch') as month, sum(t.sent) as messages
       from ix.shape s cross join ix.tally t on t.shape = s.id where ${test} group by 1, 2 having sum(t.sent) > 0`,
    )
    .all(...values)
    .map(countOf);
}

function countOf(row: Readonly<Record<string, unknown>>): { shape: number; month: string; messages: number } {
  return { shape: Number(row['shape']), month: String(row['month'] ?? ''), messages: Number(row['messages']) };
}

const orderOf: Readonly<Record<SearchOrder, string>> = { sent: 'r.at desc, r.message desc', arrival: 'r.message desc' };

function pageConditions(order: SearchOrder, after: Position | undefined): readonly Condition[] {
  if (after === undefined) return [];
  if (order === 'arrival') return [{ where: 'r.message < ?', values: [after.message] }];
  // The first part is what an index understands.
  return [{ where: 'r.at <= ? and (r.at < ? or r.message < ?)', values: [after.at, after.at, after.message] }];
}

/** Where candidates are counted, and up to how many. */
interface Counting {
  readonly db: DatabaseSync;
  readonly limits: PlanLimits;
}

/** @param rows selects `message`, each once */
function candidatesOf({ db, limits }: Counting, rows: string, values: readonly SQLInputValue[], isWords = false): Candidates {
  const few = isWords ? limits.fewWords : limits.few;
  const counted = db.prepare(`select count(*) as count from (${rows} limit ${few + 1})`).get(...values);
  return { rows, values, count: Number(counted?.['count']), few, isWords };
}

/** Columns of the full-text table for each field of a search. */
const wordColumns: Readonly<Record<Exclude<QueryTerm['field'], 'any'>, string>> = {
  subject: 'subject',
  from: 'sender',
  to: 'recipients',
  participant: '{sender recipients}',
  attachment: 'attachments',
  header: 'headers',
  body: 'body',
};

function wordConditions(counting: Counting, terms: readonly QueryTerm[]): readonly Condition[] {
  const wanted = terms.filter((term) => !term.not).map(ftsTerm);
  const unwanted = terms.filter((term) => term.not).map(ftsTerm);
  const match = wanted.length > 0 ? [wanted.join(' AND '), ...unwanted].join(' NOT ') : unwanted.join(' OR ');
  if (terms.some(({ prefix }) => prefix)) return [gathered(counting, match, wanted.length > 0)];
  const test = 'exists (select 1 from ix.words where words match ? and rowid = r.message)';
  if (wanted.length > 0) {
    const candidates = candidatesOf(counting, 'select rowid as message from ix.words where words match ?', [match], true);
    return [{ where: test, values: [match], candidates, asksWords: true }];
  }
  return unwanted.length === 0 ? [] : [{ where: `not ${test}`, values: [match], asksWords: true }];
}

/**
 * For a beginning of words the full text puts the lists of all words together that go on from it, each time that it is asked, be it for one
 * message: half a second for one that stands in everything. So it is asked once.
 */
function gathered({ db, limits }: Counting, match: string, isWanted: boolean): Condition {
  const found = db.prepare('select rowid as message from ix.words where words match ?').all(match);
  const values = [JSON.stringify(found.map(({ message }) => Number(message)))];
  const rows = 'select value as message from json_each(?)';
  if (!isWanted) return { where: `r.message not in (${rows})`, values };
  const candidates: Candidates = { rows, values, count: found.length, few: limits.fewWords, isWords: true };
  return { where: `r.message in (${rows})`, values, candidates };
}

/** A term as FTS5 reads it: a quoted string, so that no character of the user's is an operator. */
function ftsTerm(term: QueryTerm): string {
  const column = term.field === 'any' ? '' : `${wordColumns[term.field]} : `;
  return `${column}"${term.text.replaceAll('"', '""')}"${term.prefix ? ' *' : ''}`;
}

/** Fields that many messages share; the others are looked up by their keys. */
const shapeColumn: Readonly<Partial<Record<FactField, string>>> = {
  platform: 'platform',
  modality: 'modality',
  kind: 'kind',
  direction: 'direction',
  format: 'format',
  chat: 'chat',
  owner: 'owner',
};

/** Which shapes have the values, as a condition on the shape `s`. Owners are named in many ways, so theirs are chosen one by one. */
function shapeTest(db: DatabaseSync, facts: readonly QueryFact[]): { readonly test: string; readonly values: readonly SQLInputValue[] } {
  const owners = facts.filter(({ field }) => field === 'owner');
  const others = facts.filter(({ field }) => field !== 'owner');
  const tests = others.map(({ field, values, not }) => {
    const places = values.map(() => '?').join(', ');
    return `s.${shapeColumn[field] ?? ''} ${not ? 'not ' : ''}in (${places})`;
  });
  const values: SQLInputValue[] = others.flatMap((fact) => fact.values);
  if (owners.length > 0) {
    const named = db
      .prepare('select id, owner from ix.shape')
      .all()
      .filter(({ owner }) => owners.every((fact) => fact.values.some((value) => isOwnerNamed(String(owner), value)) !== fact.not));
    tests.push('s.id in (select value from json_each(?))');
    values.push(JSON.stringify(named.map(({ id }) => Number(id))));
  }
  return { test: tests.length === 0 ? 'true' : tests.join(' and '), values };
}

/** An owner is an address or a number, as the feed writes it; a person names him by either, by the end of the number, or by a part. */
function isOwnerNamed(owner: string, value: string): boolean {
  const digits = value.replace(/[\s().\u2010-\u2015/-]/g, '').replace(/^(?:\+|00|0)/, '');
  if (/^\d{5,}$/.test(digits)) return owner.replace(/\D/g, '').endsWith(digits);
  return value.includes('@') && !value.startsWith('@') ? owner.toLowerCase() === value : owner.toLowerCase().includes(value);
}

function factConditions(counting: Counting, facts: readonly QueryFact[]): readonly Condition[] {
  const { db, limits } = counting;
  const ofShapes = facts.filter(({ field }) => shapeColumn[field] !== undefined);
  const others = facts.filter(({ field }) => shapeColumn[field] === undefined).map((fact) => keyCondition(counting, fact));
  if (ofShapes.length === 0) return others;
  const { test, values } = shapeTest(db, ofShapes);
  const count = Number(db.prepare(`select coalesce(sum(s.messages), 0) as count from ix.shape s where ${test}`).get(...values)?.['count']);
  const rows = `select message from ix.record where shape in (select s.id from ix.shape s where ${test})`;
  const condition: Condition = {
    where: `exists (select 1 from ix.shape s where s.id = r.shape and ${test})`,
    values,
    candidates: { rows, values, count, few: limits.few, isWords: false },
  };
  return [condition, ...others];
}

/** Thread, id and flag. */
function keyCondition(counting: Counting, { field, values, not }: QueryFact): Condition {
  if (field === 'flag') {
    const bits = values.reduce((sum, code) => sum | flagBit(code), 0);
    return { where: `r.marks & ? ${not ? '=' : '<>'} 0`, values: [bits] };
  }
  const keys = values.map((value) => keyOf(field === 'thread' ? 'thread' : 'id', value));
  const places = keys.map(() => '?').join(', ');
  const rows =
    field === 'thread'
      ? `select message from ix.record where thread in (${places})`
      : `select distinct message from ix.link where key in (${places})`;
  if (not) return { where: `r.message not in (${rows})`, values: keys };
  return { where: `r.message in (${rows})`, values: keys, candidates: candidatesOf(counting, rows, keys) };
}

function participantCondition(counting: Counting, participant: QueryParticipant): Condition {
  const ids = JSON.stringify(identityIds(counting.db, participant));
  const roles = roleBits[participant.role];
  const rows = 'select distinct message from ix.participation where identity in (select value from json_each(?)) and roles & ? <> 0';
  const test =
    'exists (select 1 from json_each(?) j cross join ix.participation p on p.identity = j.value and p.message = r.message where p.roles & ? <> 0)';
  if (participant.not) return { where: `not ${test}`, values: [ids, roles] };
  return { where: test, values: [ids, roles], candidates: candidatesOf(counting, rows, [ids, roles]) };
}

/** Shorter numbers (short codes) have no country and are looked for as a whole. */
const shortNumberDigits = 7;

function identityIds(db: DatabaseSync, participant: QueryParticipant): readonly number[] {
  const ids = (kind: number, where: string, ...values: string[]): number[] =>
    db
      .prepare(`select id from ix.identity where kind = ? and ${where} limit ${identityLimit}`)
      .all(kind, ...values)
      .map(({ id }) => Number(id));
  if (participant.kind === 'address') return ids(identityKind.address, 'value = ?', participant.address.toLowerCase());

  const { digits, international } = participant;
  const end = backwards(international ? digits : digits.replace(/^0+/, ''));
  if (international) {
    // A number that came without its country may be this one if it is its end.
    const ends = Array.from({ length: Math.max(0, end.length - shortNumberDigits) }, (_, cut) => end.slice(0, end.length - cut));
    return [
      ...ids(identityKind.international, 'value = ?', end),
      ...ids(identityKind.national, `value in (${ends.map(() => '?').join(', ')})`, ...ends),
    ];
  }
  if (end.length < shortNumberDigits) {
    return [...ids(identityKind.international, 'value = ?', end), ...ids(identityKind.national, 'value = ?', end)];
  }
  // Behind the digits come only digits, and a colon is the character after the nine.
  return [identityKind.international, identityKind.national].flatMap((kind) => ids(kind, 'value >= ? and value < ?', end, `${end}:`));
}

function markConditions({ hasAttachment, marks = [] }: Query): readonly Condition[] {
  const bit = (bits: number, not: boolean): Condition => ({ where: `r.marks & ? ${not ? '=' : '<>'} 0`, values: [bits] });
  const conditions = hasAttachment === undefined ? [] : [bit(markBit.attachment, !hasAttachment)];
  for (const { mark, not } of marks) {
    if (mark === 'quarantined') {
      const elsewhere = "exists (select 1 from main.ledger q where q.message = r.message and q.state <> 'quarantined')";
      conditions.push({ where: not ? elsewhere : `not ${elsewhere}`, values: [] });
    } else {
      conditions.push(bit(mark === 'unrecognised' ? flagBit('unrecognised') : markBit[mark], not));
    }
  }
  return conditions;
}

function timeConditions(counting: Counting, { since, until }: Query): readonly Condition[] {
  if (since === undefined && until === undefined) return [];
  const values = [since?.getTime() ?? Number.MIN_SAFE_INTEGER, until?.getTime() ?? Number.MAX_SAFE_INTEGER];
  const candidates = candidatesOf(counting, 'select message from ix.record where at >= ? and at < ?', values);
  return [{ where: 'r.at >= ? and r.at < ?', values, candidates }];
}

/** Where the messages were met is said by the ledger: the same bytes may have come by several sources. */
function sourceConditions(counting: Counting, source: string | undefined): readonly Condition[] {
  if (source === undefined) return [];
  const { db } = counting;
  const others = db.prepare('select 1 from main.era where source <> ? limit 1').get(source);
  if (others === undefined && db.prepare('select 1 from main.era limit 1').get() !== undefined) return [];
  const rows = 'select distinct message from main.ledger where era in (select id from main.era where source = ?) and message is not null';
  return [
    {
      where: 'exists (select 1 from main.ledger l join main.era e on e.id = l.era where l.message = r.message and e.source = ?)',
      values: [source],
      candidates: candidatesOf(counting, rows, [source]),
    },
  ];
}
