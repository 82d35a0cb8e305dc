/**
 * Plans a search: which condition hands out candidates, and which are only asked of each.
 *
 * The hard thing is that the newest twenty of a million have to be found fast whether a condition fits three messages or nine hundred
 * thousand. So the number of candidates of each condition is looked up first, up to a bound. If one has few, they are all taken, tested
 * and sorted. If every condition has many, the messages are walked through from the newest one: twenty that fit are met soon. And if they
 * are not (conditions that exclude each other), all candidates are gone through after all. For its words a message is never asked alone:
 * the full text says which of many have them, and neighbours cost it next to nothing.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { backwards, flagBit, identityKind, keyOf, markBit, roleBits } from '../derive/record-keys.ts';
import type { FactField, Query, QueryFact, QueryParticipant, QueryTerm, SearchOrder } from '../search.ts';
import { WordSearch } from './index-words.ts';

export interface PlanLimits {
  /** Candidates up to this number are all taken and sorted: about 10 ms. */
  readonly few: number;
  /** The same for those that the full text hands out; and where they cannot be met on a short walk: about 100 ms. */
  readonly fewWords: number;
  readonly mostWords: number;
  /** Messages that are walked through before the walk is given up: about 50 ms; fewer where the full text is asked for them. */
  readonly walkRows: number;
  readonly walkRowsForWords: number;
  /** Messages that the full text is asked for at once: at least, at first where nobody knows how many it takes, and at most. */
  readonly asked: { readonly least: number; readonly first: number; readonly most: number };
}

const measuredLimits: PlanLimits = {
  few: 10_000,
  fewWords: 3_000,
  mostWords: 150_000,
  walkRows: 50_000,
  walkRowsForWords: 30_000,
  asked: { least: 64, first: 256, most: 4_096 },
};
/** To take a candidate of the full text costs as much as to walk over so many messages. */
const takeCost = 3;
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
}

interface Candidates {
  /** Selects `message`, each once. */
  readonly rows: string;
  readonly values: readonly SQLInputValue[];
  /** How many, counted up to one more than are all taken. */
  readonly count: number;
}

interface Found {
  readonly message: number;
  readonly at: number;
}

interface Page {
  readonly order: SearchOrder;
  readonly after: Position | undefined;
  readonly limit: number;
}

/** In place of a limit, where there is none. */
const everything = -1;

/** A query against an attached index (`ix`). */
export class SearchPlan {
  readonly #db: DatabaseSync;
  readonly #limits: PlanLimits;
  readonly #words: WordSearch | undefined;
  readonly #conditions: readonly Condition[];
  readonly #until: number;

  /** @throws errors of SQLite as they are */
  constructor(db: DatabaseSync, query: Query, limits: PlanLimits = measuredLimits) {
    this.#db = db;
    this.#limits = limits;
    const counting = { db, limits };
    this.#words = wordSearch(db, query.terms);
    this.#until = query.until?.getTime() ?? Number.MAX_SAFE_INTEGER;
    this.#conditions = [
      ...factConditions(counting, query.facts ?? []),
      ...(query.participants ?? []).map((one) => participantCondition(counting, one)),
      ...markConditions(query),
      ...timeConditions(counting, query),
      ...sourceConditions(counting, query.source),
    ];
  }

  /** Messages of a page in their order. */
  page(order: SearchOrder, after: Position | undefined, limit: number): readonly Found[] {
    const rarest = this.#rarest();
    if (this.#words !== undefined) return this.#pageOfWords(this.#words, rarest, { order, after, limit });
    if (rarest !== undefined && rarest.count <= this.#limits.few) return this.#taken(rarest, order, after, limit);
    const floor = this.#floor(order, after, this.#limits.walkRows);
    const walked = this.#walked(order, after, limit, floor);
    if (walked.length >= limit || floor === undefined) return walked;
    return rarest === undefined ? this.#walked(order, after, limit, undefined) : this.#taken(rarest, order, after, limit);
  }

  #pageOfWords(words: WordSearch, rarest: Candidates | undefined, page: Page): readonly Found[] {
    const { order, after, limit } = page;
    const { few, fewWords, mostWords, walkRowsForWords } = this.#limits;
    const take = (): readonly Found[] => this.#taken(candidatesIn(words), order, after, limit);
    const isAtMost = (most: number): boolean => words.wanted && words.count(most) <= most;
    if (isAtMost(Math.min(fewWords, rarest?.count ?? fewWords))) return take();
    if (rarest !== undefined && rarest.count <= few) {
      // Of words that are counted it goes through all, instead of asking for each of the few.
      if (!words.hasPrefix) isAtMost(mostWords);
      return this.#having(words, this.#taken(rarest, order, after, everything), limit);
    }
    const otherOneIn = rarest === undefined ? 1 : words.lastMessage / rarest.count;
    const expected = (): number => limit * words.oneIn.messages * otherOneIn;
    const isFar = expected() > walkRowsForWords;
    if (isFar && isAtMost(mostWords) && expected() > takeCost * words.count(mostWords)) return take();
    const floor = this.#floor(order, after, Math.max(walkRowsForWords, words.oneIn.isAll ? Math.ceil(2 * expected()) : 0));
    const walked = this.#walkedForWords(words, page, floor);
    if (walked.length >= limit || floor === undefined) return walked;
    return isAtMost(mostWords) ? take() : this.#walkedForWords(words, page, undefined);
  }

  /** All matches in the order of their arrival. */
  all(): readonly number[] {
    const rarest = this.#rarest();
    const asked = this.#words?.wanted === true && (rarest === undefined || rarest.count > this.#limits.few) ? undefined : this.#words;
    const taken = this.#words === undefined || asked !== undefined ? rarest : candidatesIn(this.#words);
    const from = taken === undefined ? 'ix.record r' : `(${taken.rows}) c cross join ix.record r on r.message = c.message`;
    const { where, values } = this.#where(taken, []);
    const rows = this.#found(`select r.message, 0 as at from ${from} ${where} order by r.message`, [...(taken?.values ?? []), ...values]);
    const found = asked === undefined ? rows : this.#having(asked, rows, everything);
    return found.map(({ message }) => message);
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

  /** The condition other than words that fewest fit. */
  #rarest(): Candidates | undefined {
    const handing = this.#conditions.flatMap(({ candidates }) => candidates ?? []);
    return handing.reduce<Candidates | undefined>(
      (least, one) => (least === undefined || one.count < least.count ? one : least),
      undefined,
    );
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

  #walkedForWords(words: WordSearch, { order, after, limit }: Page, floor: Condition | undefined): readonly Found[] {
    const found: Found[] = [];
    let from = after;
    for (const size of this.#sizes(words, limit)) {
      const rows = this.#walked(order, from, size, floor);
      found.push(...having(words, rows));
      from = rows.at(-1);
      if (found.length >= limit || rows.length < size) break;
    }
    return found.slice(0, limit);
  }

  /** Those of ordered messages that the words are in, or not in, as it is asked. */
  #having(words: WordSearch, rows: readonly Found[], limit: number): readonly Found[] {
    const found: Found[] = [];
    let at = 0;
    for (const size of this.#sizes(words, limit)) {
      if (at >= rows.length || (limit !== everything && found.length >= limit)) break;
      found.push(...having(words, rows.slice(at, at + size)));
      at += size;
    }
    return limit === everything ? found : found.slice(0, limit);
  }

  /** How many are looked at together: as many as it should take, then more each time, for what was not among the newest may be far. */
  *#sizes(words: WordSearch, limit: number): Generator<number> {
    const { least, first, most } = this.#limits.asked;
    const { messages, isAll } = words.oneIn;
    const expected = Math.max(least, 2 * limit * messages);
    const begin = limit === everything ? most : isAll ? expected : Math.min(expected, Math.max(first, limit));
    for (let size = Math.min(most, Math.ceil(begin)); ; size = Math.min(size * 2, most)) yield size;
  }

  /** Ends a walk after its bound; undefined where there are not so many messages. */
  #floor(order: SearchOrder, after: Position | undefined, rows: number): Condition | undefined {
    const key = order === 'sent' ? 'at' : 'message';
    // A walk by time begins where it may find something.
    const begin = Math.min(after?.[key] ?? Number.MAX_SAFE_INTEGER, order === 'sent' ? this.#until : Number.MAX_SAFE_INTEGER);
    const last = this.#db
      .prepare(`select ${key} as value from ix.record where ${key} <= ? order by ${key} desc limit 1 offset ?`)
      .get(begin, rows);
    return last === undefined ? undefined : { where: `r.${key} >= ?`, values: [Number(last['value'])] };
  }

  #found(sql: string, values: readonly SQLInputValue[]): readonly Found[] {
    return this.#db
      .prepare(sql)
      .all(...values)
      .map((row) => ({ message: Number(row['message']), at: Number(row['at']) }));
  }

  #where(taken: Candidates | undefined, more: readonly Condition[]): { readonly where: string; readonly values: readonly SQLInputValue[] } {
    const all = [...this.#conditions.filter(({ candidates }) => taken === undefined || candidates !== taken), ...more];
    return {
      where: all.length === 0 ? '' : `where ${all.map((one) => one.where).join(' and ')}`,
      values: all.flatMap((one) => one.values),
    };
  }
}

function having(words: WordSearch, rows: readonly Found[]): readonly Found[] {
  const matching = words.among(rows.map(({ message }) => message));
  return rows.filter(({ message }) => matching.has(message) === words.wanted);
}

function candidatesIn(words: WordSearch): Candidates {
  const found = words.all();
  return { rows: 'select value as message from json_each(?)', values: [JSON.stringify(found)], count: found.length };
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
function candidatesOf({ db, limits }: Counting, rows: string, values: readonly SQLInputValue[]): Candidates {
  const counted = db.prepare(`select count(*) as count from (${rows} limit ${limits.few + 1})`).get(...values);
  return { rows, values, count: Number(counted?.['count']) };
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

function wordSearch(db: DatabaseSync, terms: readonly QueryTerm[]): WordSearch | undefined {
  if (terms.length === 0) return undefined;
  const wanted = terms.filter((term) => !term.not).map(ftsTerm);
  const unwanted = terms.filter((term) => term.not).map(ftsTerm);
  const match = wanted.length > 0 ? [wanted.join(' AND '), ...unwanted].join(' NOT ') : unwanted.join(' OR ');
  return new WordSearch(db, { match, wanted: wanted.length > 0, hasPrefix: terms.some(({ prefix }) => prefix) });
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
  const { db } = counting;
  const ofShapes = facts.filter(({ field }) => shapeColumn[field] !== undefined);
  const others = facts.filter(({ field }) => shapeColumn[field] === undefined).map((fact) => keyCondition(counting, fact));
  if (ofShapes.length === 0) return others;
  const { test, values } = shapeTest(db, ofShapes);
  const count = Number(db.prepare(`select coalesce(sum(s.messages), 0) as count from ix.shape s where ${test}`).get(...values)?.['count']);
  const rows = `select message from ix.record where shape in (select s.id from ix.shape s where ${test})`;
  const condition: Condition = {
    where: `exists (select 1 from ix.shape s where s.id = r.shape and ${test})`,
    values,
    candidates: { rows, values, count },
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
