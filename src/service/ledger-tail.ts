/**
 * What the cards count out of the ledger: messages of each source, their arrivals in the last 24 hours, and how old the newest was when it
 * became durable.
 *
 * The hard thing is a ledger of millions of rows. It is counted whole by nobody here: the numbers of the watch's rare count are taken over
 * with the row they were counted at, and from there on the new rows are read as they come. The last 24 hours are found by halves.
 */
import type { ArchiveReader, ArchiveStats, LedgerEntry } from '../archive/archive.ts';
import type { Clock } from '../runtime/clock.ts';

const hourMs = 3_600_000;
const hours = 24;
/** A server's clock and ours may differ so much; what is older than the service is no sign of how quick it is. */
const clocksApartMs = 60_000;

/** What became durable since the last look. */
export interface Arrived {
  readonly source: string;
  readonly messages: number;
  readonly bytes: number;
}

interface SourceCount {
  /** Rows up to the one that was counted at, and those after it. */
  counted: number;
  since: number;
  /** By number of the hour since 1970. */
  readonly byHour: Map<number, number>;
  lagMs: number | undefined;
}

export class LedgerTail {
  readonly #archive: Pick<ArchiveReader, 'ledger' | 'heads'>;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #sources = new Map<string, SourceCount>();
  /** The last row that was read. */
  #row = 0;
  /** The row that the count of all was taken at. */
  #countedAt: number | undefined;
  #countedBytes = 0;
  #countedMessages = 0;
  #bytesSince = 0;
  #messagesSince = 0;
  #begun = false;

  constructor(archive: Pick<ArchiveReader, 'ledger' | 'heads'>, clock: Clock) {
    this.#archive = archive;
    this.#clock = clock;
    this.#startedMs = clock.now();
  }

  /** Reads the last 24 hours. To be called once. @throws Fault of the archive */
  async begin(): Promise<void> {
    const { rows } = (await this.#archive.heads()).ledger;
    this.#row = await this.#before(this.#clock.now() - hours * hourMs, rows);
    await this.#read(() => undefined);
    this.#begun = true;
  }

  /** What came since it was asked last. @throws Fault of the archive */
  async look(): Promise<readonly Arrived[]> {
    if (!this.#begun) return [];
    const arrived = new Map<string, { messages: number; bytes: number }>();
    await this.#read(({ source, bytes = 0 }) => {
      const sum = arrived.get(source) ?? { messages: 0, bytes: 0 };
      arrived.set(source, { messages: sum.messages + 1, bytes: sum.bytes + bytes });
    });
    return [...arrived].map(([source, sum]) => ({ source, ...sum }));
  }

  /** Takes over what was counted whole. @throws Fault of the archive */
  async count({ sources, head, messages, bytes }: Pick<ArchiveStats, 'sources' | 'head' | 'messages' | 'bytes'>): Promise<void> {
    if (this.#countedAt === head.rows) return;
    for (const one of this.#sources.values()) {
      one.counted = 0;
      one.since = 0;
    }
    for (const { source, rows } of sources) this.#of(source).counted += rows;
    [this.#countedAt, this.#countedMessages, this.#countedBytes] = [head.rows, messages, bytes];
    [this.#messagesSince, this.#bytesSince] = [0, 0];
    // What was read after that row is to be counted again; it is little, for the count is new.
    const until = this.#row;
    if (until <= head.rows) return;
    for await (const entry of this.#archive.ledger({ afterRow: head.rows })) {
      if (entry.row > until) break;
      this.#add(entry);
    }
  }

  /** Rows of a source, kept-apart ones too. */
  rows(source: string): number {
    const one = this.#sources.get(source);
    return one === undefined ? 0 : one.counted + one.since;
  }

  /** Of the archive, each message once; undefined before they were counted. */
  get total(): { readonly messages: number; readonly bytes: number } | undefined {
    if (this.#countedAt === undefined) return undefined;
    return { messages: this.#countedMessages + this.#messagesSince, bytes: this.#countedBytes + this.#bytesSince };
  }

  /** Arrivals of the last 24 hours by hour, the oldest first; the last is the hour that goes on. */
  arrivals(source: string): number[] {
    const now = Math.floor(this.#clock.now() / hourMs);
    const byHour = this.#sources.get(source)?.byHour;
    return Array.from({ length: hours }, (_, index) => byHour?.get(now - hours + 1 + index) ?? 0);
  }

  lagSeconds(source: string): number | null {
    const lagMs = this.#sources.get(source)?.lagMs;
    return lagMs === undefined ? null : Math.round(lagMs / 100) / 10;
  }

  async #read(tell: (entry: LedgerEntry) => void): Promise<void> {
    for await (const entry of this.#archive.ledger({ afterRow: this.#row })) {
      this.#row = entry.row;
      const one = this.#of(entry.source);
      this.#add(entry);
      this.#date(one, entry);
      tell(entry);
    }
  }

  #add(entry: LedgerEntry): void {
    if (this.#countedAt !== undefined && entry.row <= this.#countedAt) return;
    this.#of(entry.source).since += 1;
    if (entry.state !== 'archived') return;
    this.#messagesSince += 1;
    this.#bytesSince += entry.bytes ?? 0;
  }

  #date(one: SourceCount, { acceptedAt, internalDate }: LedgerEntry): void {
    const hour = Math.floor(acceptedAt.getTime() / hourMs);
    const oldest = Math.floor(this.#clock.now() / hourMs) - hours;
    one.byHour.set(hour, (one.byHour.get(hour) ?? 0) + 1);
    for (const known of one.byHour.keys()) if (known < oldest) one.byHour.delete(known);
    if (internalDate === undefined || internalDate.getTime() < this.#startedMs - clocksApartMs) return;
    one.lagMs = Math.max(0, acceptedAt.getTime() - internalDate.getTime());
  }

  #of(source: string): SourceCount {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    const one: SourceCount = { counted: 0, since: 0, byHour: new Map(), lagMs: undefined };
    this.#sources.set(source, one);
    return one;
  }

  /** The last row that was accepted before this instant. Rows are accepted one after the other, but for a clock that was set. */
  async #before(ms: number, rows: number): Promise<number> {
    let [low, high] = [0, rows];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const first = await this.#after(middle - 1);
      if (first === undefined || first.acceptedAt.getTime() >= ms) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  async #after(row: number): Promise<LedgerEntry | undefined> {
    for await (const entry of this.#archive.ledger({ afterRow: row })) return entry;
    return undefined;
  }
}
