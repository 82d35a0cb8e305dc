/**
 * The full text, cut into parts by the numbers of messages: which part holds which messages, and which of them have the words of a search.
 *
 * The hard thing is the beginning of a word: FTS5 puts the lists of all words that go on from it together each time that it is asked, be it
 * for one message, and lists of such beginnings beside those of the words take twice the time to write and 2.7 times the room (measured). In
 * a part there are so few that they are put together at once, and the newest messages, which most searches end with, are in one or two parts.
 * The parts grow with the archive, so that a word that stands nowhere is not looked for in hundreds of them.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** Messages of the first parts. Measured: two letters and whatever follows are put together in about 80 ms where each message has 300 words. */
const leastPartRows = 16_384;
/** A part is not larger than this share of what was there before it. */
const partShare = 16;
/** Up to so many matches are noted while they are counted: they are few, so they will be asked for. */
const notedMatches = 5_000;
/** Messages with fewer numbers between them are asked for together. */
const nearRows = 64;
/** To ask for one message alone takes as long as to have this many handed out and sorted out. */
const askCost = 250;
/** Parts that a writer remembers: deriving threads write side by side. */
const rememberedParts = 4;

/** Where the words of some messages are; `last` may be a message that is to come. */
export interface WordPart {
  readonly table: string;
  readonly first: number;
  readonly last: number;
}

/** What makes a table of words; contentless: the text itself stays in the archive. */
export function wordsTable(table: string): string {
  return `create virtual table ${table} using fts5 (
    subject, sender, recipients, attachments, headers, body,
    content = '', tokenize = "unicode61 remove_diacritics 2"
  );`;
}

/** The parts of an attached index (`ix`), those of the newest messages first. */
export function wordParts(db: DatabaseSync): readonly WordPart[] {
  // The format before had no parts. A writer may raise it while it is read.
  const hasParts = db.prepare("select 1 from ix.sqlite_schema where name = 'part'").get() !== undefined;
  if (!hasParts) return [{ table: 'words', first: 1, last: Number.MAX_SAFE_INTEGER }];
  return db.prepare('select name, first, last from ix.part order by first desc').all().map(partOf);
}

function partOf(row: Readonly<Record<string, unknown>>): WordPart {
  return { table: `"${String(row['name']).replaceAll('"', '""')}"`, first: Number(row['first']), last: Number(row['last']) };
}

/** Which messages a part is for, where none is there. */
function rangeFor(message: number): { readonly first: number; readonly last: number } {
  let first = 1;
  for (;;) {
    const next = first + Math.max(leastPartRows, 2 ** Math.floor(Math.log2(first / partShare)));
    if (message < next) return { first, last: next - 1 };
    first = next;
  }
}

/** Writes words into the parts that they belong to, which are made when they are needed. */
export class WordWriter {
  readonly #db: DatabaseSync;
  #parts: (WordPart & { readonly add: StatementSync })[] = [];

  /** @param db an index, open for writing */
  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Within a transaction of the caller. @param words by columns, as {@link wordsTable} has them */
  write(message: number, words: readonly string[]): void {
    this.#part(message).add.run(BigInt(message), ...words);
  }

  /** A transaction was rolled back: a part that was made in it is not there. */
  forget(): void {
    this.#parts = [];
  }

  #part(message: number): { readonly add: StatementSync } {
    const known = this.#parts.find(({ first, last }) => first <= message && message <= last);
    if (known !== undefined) return known;
    const { table, first, last } = this.#found(message) ?? this.#made(message);
    const add = this.#db.prepare(
      `insert into ${table} (rowid, subject, sender, recipients, attachments, headers, body) values (?, ?, ?, ?, ?, ?, ?)`,
    );
    const part = { table, first, last, add };
    this.#parts = [part, ...this.#parts].slice(0, rememberedParts);
    return part;
  }

  #found(message: number): WordPart | undefined {
    const row = this.#db.prepare('select name, first, last from part where first <= ? and last >= ?').get(message, message);
    return row && partOf(row);
  }

  #made(message: number): WordPart {
    const range = rangeFor(message);
    // What was raised from the format before has all its words in one part, which ends anywhere.
    const before = this.#db.prepare('select max(last) as last from part where last < ?').get(message)?.['last'];
    const after = this.#db.prepare('select min(first) as first from part where first > ?').get(message)?.['first'];
    const first = Math.max(range.first, Number(before ?? 0) + 1);
    const last = Math.min(range.last, Number(after ?? Number.MAX_SAFE_INTEGER) - 1);
    const table = `words_${first}`;
    this.#db.exec(wordsTable(table));
    this.#db.prepare('insert into part (first, last, name) values (?, ?, ?)').run(first, last, table);
    return { table, first, last };
  }
}

/** What a search asks of the full text. */
export interface WordQuestion {
  /** In FTS5's language. */
  readonly match: string;
  /** Whether the messages that match are looked for, or the others. */
  readonly wanted: boolean;
  /** Whether a beginning of a word is in it. */
  readonly hasPrefix: boolean;
}

/** One question to an attached index (`ix`); what it has found once it knows. */
export class WordSearch {
  readonly wanted: boolean;
  readonly hasPrefix: boolean;
  readonly #db: DatabaseSync;
  readonly #match: string;
  readonly #parts: readonly WordPart[];
  /** Messages of each part that match, of questions with a beginning of a word. */
  readonly #gathered = new Map<WordPart, ReadonlySet<number>>();
  readonly #ranges = new Map<WordPart, StatementSync>();
  /** All that match, where they are few. */
  #noted: readonly number[] | undefined;
  #lastMessage: number | undefined;
  /** How many, and of how many messages, the newest ones. */
  #counted: { readonly count: number; readonly isAll: boolean; readonly of: number } | undefined;

  constructor(db: DatabaseSync, { match, wanted, hasPrefix }: WordQuestion) {
    this.#db = db;
    this.#match = match;
    this.wanted = wanted;
    this.hasPrefix = hasPrefix;
    this.#parts = wordParts(db);
  }

  /** How many messages match, up to one more than `most`. */
  count(most: number): number {
    const known = this.#counted;
    if (known !== undefined && (known.isAll || known.count > most)) return Math.min(known.count, most + 1);
    const noted: number[] | undefined = this.hasPrefix || most > notedMatches ? undefined : [];
    let count = 0;
    let first = 1;
    for (const part of this.#parts) {
      first = part.first;
      if (noted !== undefined) count = noted.push(...this.#matching(part, most + 1 - count));
      else count += this.hasPrefix ? this.#gather(part).size : this.#countIn(part, most + 1 - count);
      if (count > most) break;
    }
    this.#counted = { count, isAll: count <= most, of: count <= most ? this.lastMessage : this.lastMessage - first + 1 };
    if (count <= most) this.#noted = noted;
    return Math.min(count, most + 1);
  }

  /** In how many messages one is found that is looked for, as far as has been counted. */
  get oneIn(): { readonly messages: number; readonly isAll: boolean } {
    if (!this.wanted || this.#counted === undefined) return { messages: 1, isAll: false };
    const { count, isAll, of } = this.#counted;
    return { messages: Math.max(1, of / Math.max(1, count)), isAll };
  }

  get lastMessage(): number {
    this.#lastMessage ??= Number(this.#db.prepare('select max(message) as last from ix.record').get()?.['last'] ?? 0);
    return this.#lastMessage;
  }

  /** All messages that match. */
  all(): readonly number[] {
    return this.#noted ?? this.#parts.flatMap((part) => (this.hasPrefix ? [...this.#gather(part)] : this.#matching(part)));
  }

  /** Which of these messages match. */
  among(messages: readonly number[]): ReadonlySet<number> {
    const found = new Set<number>();
    const ascending = messages.toSorted((a, b) => a - b);
    for (const part of this.#parts) {
      const asked = ascending.splice(ascending.findLastIndex((message) => message < part.first) + 1);
      for (const message of this.#amongPart(part, asked)) found.add(message);
    }
    return found;
  }

  #amongPart(part: WordPart, asked: readonly number[]): readonly number[] {
    const [first, last] = [asked[0], asked.at(-1)];
    if (first === undefined || last === undefined) return [];
    if (this.hasPrefix) {
      const matching = this.#gather(part);
      return asked.filter((message) => matching.has(message));
    }
    const ranges = neighbours(asked);
    const matches = this.#counted?.isAll === true ? this.#counted.count : last - first;
    if (ranges.length * askCost < matches) return ranges.flatMap((range) => this.#between(part, range.first, range.last));
    // The plus keeps SQLite from asking for each of them alone.
    const rows = `select rowid from ix.${part.table} where ${part.table} match ? and rowid between ? and ? and +rowid in (select value from json_each(?))`;
    return this.#numbers(rows, this.#match, BigInt(first), BigInt(last), JSON.stringify(asked));
  }

  #countIn({ table }: WordPart, most: number): number {
    const rows = `select rowid from ix.${table} where ${table} match ? limit ${most}`;
    return Number(this.#db.prepare(`select count(*) as count from (${rows})`).get(this.#match)?.['count']);
  }

  #gather(part: WordPart): ReadonlySet<number> {
    const known = this.#gathered.get(part) ?? new Set(this.#matching(part));
    this.#gathered.set(part, known);
    return known;
  }

  #matching({ table }: WordPart, most?: number): readonly number[] {
    const limit = most === undefined ? '' : `limit ${most}`;
    return this.#numbers(`select rowid from ix.${table} where ${table} match ? ${limit}`, this.#match);
  }

  #between(part: WordPart, first: number, last: number): readonly number[] {
    const { table } = part;
    const sql = `select group_concat(rowid) as list from ix.${table} where ${table} match ? and rowid between ? and ?`;
    const statement = this.#ranges.get(part) ?? this.#db.prepare(sql);
    this.#ranges.set(part, statement);
    // FTS5 looks at integers only: it would go through everything for a number, which is bound as a real.
    return listed(statement.get(this.#match, BigInt(first), BigInt(last))?.['list']);
  }

  /** One text, because a row for each would take longer than to find it. */
  #numbers(rows: string, ...values: readonly SQLInputValue[]): readonly number[] {
    return listed(this.#db.prepare(`select group_concat(rowid) as list from (${rows})`).get(...values)?.['list']);
  }
}

function listed(list: unknown): readonly number[] {
  return typeof list === 'string' ? list.split(',').map(Number) : [];
}

/** Runs of messages that are near to each other. */
function neighbours(ascending: readonly number[]): readonly { readonly first: number; readonly last: number }[] {
  const ranges: { first: number; last: number }[] = [];
  for (const message of ascending) {
    const last = ranges.at(-1);
    if (last !== undefined && message - last.last <= nearRows) last.last = message;
    else ranges.push({ first: message, last: message });
  }
  return ranges;
}
