/**
 * Reconciliation: what the servers list, held against the ledger, folder by folder and day by day, and what follows for the gaps.
 *
 * The hard thing is that both sides move while they are compared, for the service may be running. So the head of the chain is noted
 * first, then the servers are asked, then the ledger is read: a message that is listed and has no row by then is looked at once more,
 * and a row that is younger than the head and not listed says nothing. Reading takes no lock of the archive.
 */
import type { ArchiveReader, LedgerEntry } from '../../archive/archive.ts';
import type { FaultCode } from '../../fault/catalog.ts';
import { Fault } from '../../fault/fault.ts';
import type { Journal, NewGap } from '../../journal/journal.ts';
import { waitBefore } from '../backoff.ts';
import { isOf } from '../fault-classes.ts';
import type { Mailbox } from '../mailbox.ts';
import { type PausePorts, patiently } from '../patience.ts';
import { Slots } from '../slots.ts';
import { type Comparison, FolderComparison, type Listing, type Pending } from './compare.ts';
import { type FolderNow, rowsOf, settleGaps } from './gaps.ts';
import { describedIn, foldersOf, listingOf, type ReconcileSource } from './look.ts';
import { HashSet, indexOf, NumberList } from './numbers.ts';
import {
  type AbsentMessage,
  type EarlierEra,
  type FolderReport,
  isBalanced,
  type NamedMessage,
  namedAtMost,
  nothing,
  type Report,
  type SourceReport,
  sum,
  type VanishedMessage,
} from './report.ts';

export type ReconcileArchive = Pick<ArchiveReader, 'heads' | 'ledger' | 'absent' | 'completions' | 'settled' | 'uidls'>;

export interface ReconcilePorts extends PausePorts {
  readonly archive: ReconcileArchive;
  /** A forgiving one: a comparison is worth having also where the gaps cannot be written. */
  readonly journal: Journal;
  /** Messages are missing that may be on their way: the source is looked at again after `waitMs`. */
  readonly onLookAgain?: (wait: { readonly source: string; readonly missing: number; readonly waitMs: number }) => void;
  /** What is being done just now, for a line of progress. */
  readonly onProgress?: (progress: { readonly source: string; readonly folder: string | undefined; readonly rows: number }) => void;
}

export interface ReconcileOptions {
  /** Only messages of this UTC day or later. */
  readonly sinceDay?: string | undefined;
  /** Only these folders of the sources. */
  readonly onlyFolders?: readonly string[] | undefined;
  /** Sources that are connected at the same time, at most. */
  readonly connections: number;
}

export interface Reconciled {
  readonly report: Report;
  /** What kept sources or folders from being compared. */
  readonly faults: readonly { readonly source: string; readonly folder: string | undefined; readonly fault: Fault }[];
}

/** How often a source is looked at anew because messages came while it was compared. */
const mostRounds = 3;
/** Failures of a connection in a row after which a source is given up for this time. */
const mostAttempts = 3;
/** A line of progress is worth it after so many rows. */
const rowsPerProgress = 5_000;

/**
 * Compares all sources. Opens and closes gaps; changes nothing on the servers and nothing in the archive.
 * @throws Fault of the archive; the signal's reason
 */
export async function reconcile(
  sources: readonly ReconcileSource[],
  ports: ReconcilePorts,
  options: ReconcileOptions,
): Promise<Reconciled> {
  const faults: { source: string; folder: string | undefined; fault: Fault }[] = [];
  const slots = new Slots(options.connections);
  const tell = (source: string, folder: string | undefined, fault: Fault): FaultCode => {
    faults.push({ source, folder, fault });
    return fault.code;
  };
  const stop = new AbortController();
  const signal = AbortSignal.any([ports.signal, stop.signal]);
  const tasks = sources.map((source) =>
    slots.within(signal, () => new SourceReconciliation(source, { ...ports, signal }, options, tell).run()),
  );
  const reports = await Promise.all(tasks).catch(async (error: unknown) => {
    stop.abort(error);
    await Promise.allSettled(tasks);
    throw error;
  });
  const { ledger, completions } = await ports.archive.heads();
  const begun = await ports.journal.begun();
  const report: Report = {
    format: 1,
    at: new Date(ports.clock.now()).toISOString(),
    since: options.sinceDay ?? null,
    ledger,
    completions,
    gapsKnownSince: begun?.toISOString() ?? null,
    sources: reports,
    equal: reports.every(({ equal }) => equal),
  };
  return { report, faults };
}

/** A folder that was listed and compared, or the fault that kept it from that. */
type Compared =
  | {
      readonly listing: Listing;
      readonly comparison: Comparison;
      readonly missing: readonly NamedMessage[];
      readonly earlier: readonly EarlierEra[];
    }
  | { readonly folder: string; readonly fault: Fault };

class SourceReconciliation {
  readonly #source: ReconcileSource;
  readonly #ports: ReconcilePorts;
  readonly #options: ReconcileOptions;
  readonly #tell: (source: string, folder: string | undefined, fault: Fault) => FaultCode;
  #rows = 0;

  constructor(
    source: ReconcileSource,
    ports: ReconcilePorts,
    options: ReconcileOptions,
    tell: (source: string, folder: string | undefined, fault: Fault) => FaultCode,
  ) {
    this.#source = source;
    this.#ports = ports;
    this.#options = options;
    this.#tell = tell;
  }

  async run(): Promise<SourceReport> {
    const { name, mailbox, protocol, server, since } = this.#source;
    const head = { source: name, mailbox, protocol, server, excludedBefore: since?.toISOString().slice(0, 10) ?? null };
    try {
      const looked = await this.#compareWithRetry();
      await this.#noteGaps(looked.compared);
      const absent = await this.#absent();
      const folders = await this.#reports(looked.compared, absent);
      const unlisted = looked.unlisted.map((one) => ({ ...one, absent: absent.get(one.folder) ?? [] }));
      const isWhole = looked.unmatched.length === 0 && unlisted.every((one) => one.absent.length === 0);
      const equal = isWhole && folders.every((folder) => folder.equal);
      return { ...head, folders, unmatched: looked.unmatched, unlisted, fault: null, equal };
    } catch (error) {
      if (!(error instanceof Fault) || error.code.startsWith('archive.')) throw error;
      return { ...head, folders: [], unmatched: [], unlisted: [], fault: this.#tell(name, undefined, error), equal: false };
    }
  }

  /** @throws Fault that ended it; the signal's reason */
  async #compareWithRetry(): Promise<Looked> {
    const { clock, random, signal, report } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#compare();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Fault) || attempt === mostAttempts) throw error;
        const waitMs = isOf(error, 'token-expired') ? 0 : waitBefore(error, attempt, random());
        if (waitMs === undefined) throw error;
        if (waitMs > 0) report({ kind: 'waiting', source: this.#source.name, fault: error, waitMs });
        await clock.sleep(waitMs, signal);
      }
    }
  }

  async #compare(): Promise<Looked> {
    const looked = await this.#compareAtRest();
    const missing = sum(looked.compared.flatMap((one) => ('listing' in one ? [...one.comparison.days.values()] : []))).pending;
    const waitMs = this.#source.lookAgainAfterMs;
    if (missing === 0 || waitMs === undefined) return looked;
    this.#ports.onLookAgain?.({ source: this.#source.name, missing, waitMs });
    await this.#ports.clock.sleep(waitMs, this.#ports.signal);
    return await this.#compareAtRest();
  }

  /** Compares until nothing came in between. */
  async #compareAtRest(): Promise<Looked> {
    for (let round = 1; ; round += 1) {
      // Before the connection: over POP3 that is when messages get their numbers, and rows of before say which are taken.
      const knownRows = (await this.#ports.archive.heads()).ledger.rows;
      const mailbox = await this.#source.connect(this.#ports.signal, this.#ports.archive);
      try {
        const looked = await this.#look(mailbox, knownRows);
        if (round === mostRounds || !(await this.#cameMeanwhile(looked.compared))) return looked;
      } finally {
        await mailbox.close();
      }
    }
  }

  async #look(mailbox: Mailbox, knownRows: number): Promise<Looked> {
    const done = await this.#doneHere();
    const { folders, unmatched } = await this.#ask(() => foldersOf(this.#source, mailbox));
    const { onlyFolders } = this.#options;
    const asked = onlyFolders === undefined ? folders : folders.filter((folder) => onlyFolders.includes(folder));
    const listings: (Listing | { readonly folder: string; readonly fault: Fault })[] = [];
    for (const folder of asked) {
      this.#show(folder);
      try {
        listings.push(await this.#ask(() => listingOf(this.#source, mailbox, folder, this.#ports.clock, this.#ports.signal)));
      } catch (error) {
        if (!isOf(error, 'folder')) throw error;
        listings.push({ folder, fault: error });
      }
    }
    const comparisons = new Map<string, { readonly listing: Listing; readonly comparison: FolderComparison }>();
    const { sinceDay } = this.#options;
    for (const listing of listings) {
      if ('fault' in listing) continue;
      const none = new NumberList();
      const of = { sinceDay, excludedBefore: this.#source.since, knownRows, done: done.get(eraKey(listing)) ?? none };
      comparisons.set(listing.folder, { listing, comparison: new FolderComparison(listing, of) });
    }
    const unlisted = new Map<string, number>();
    for await (const entry of this.#ledger()) {
      const of = comparisons.get(entry.folder);
      if (of !== undefined) of.comparison.add(entry);
      else if (!folders.includes(entry.folder)) unlisted.set(entry.folder, (unlisted.get(entry.folder) ?? 0) + 1);
    }
    const compared: Compared[] = [];
    for (const listing of listings) {
      if ('fault' in listing) compared.push(listing);
      else compared.push(await this.#finish(mailbox, listing, comparisons.get(listing.folder)?.comparison));
    }
    const others = onlyFolders === undefined ? [...unlisted].sort() : [];
    return { compared, unmatched, unlisted: others.map(([folder, rows]) => ({ folder, rows })) };
  }

  async #finish(mailbox: Mailbox, listing: Listing, work: FolderComparison | undefined): Promise<Compared> {
    if (work === undefined) throw new Error(`the folder ${listing.folder} was listed and not compared`);
    const uids = work.pending();
    const missing = new Map<number, NamedMessage>();
    const dates = new Map<number, Date>();
    if (uids.length > 0) {
      this.#show(listing.folder);
      await this.#ask(async () => {
        for await (const { uid, uidl, internalDate, announcedBytes, messageId } of describedIn(mailbox, listing, uids)) {
          this.#ports.signal.throwIfAborted();
          if (internalDate !== undefined) dates.set(uid, internalDate);
          if (missing.size >= namedAtMost && !missing.has(uid)) continue;
          const date = internalDate?.toISOString() ?? null;
          missing.set(uid, {
            uid: uidl === undefined ? uid : null,
            uidl: uidl ?? null,
            internalDate: date,
            bytes: announcedBytes ?? null,
            messageId: messageId ?? null,
          });
        }
      });
    }
    const { sinceDay } = this.#options;
    const pending: Pending[] = [];
    const named: NamedMessage[] = [];
    for (const uid of uids) {
      const at = dates.get(uid);
      if (at !== undefined && sinceDay !== undefined && at.toISOString() < sinceDay) continue;
      pending.push({ uid, at });
      if (named.length < namedAtMost) named.push(missing.get(uid) ?? { uid, uidl: null, internalDate: null, bytes: null, messageId: null });
    }
    const comparison = work.finish(pending);
    return { listing, comparison, missing: named, earlier: await this.#earlier(listing, comparison) };
  }

  /** Whether some of what was missing has its row by now: then the comparison is out of date. */
  async #cameMeanwhile(compared: readonly Compared[]): Promise<boolean> {
    for (const one of compared) {
      if (!('listing' in one) || one.missing.length === 0) continue;
      const { folder, uidValidity } = one.listing;
      const hasRow = await rowsOf({ source: this.#source.name, folder, uidValidity }, this.#ports.archive);
      if (one.missing.some(({ uid, uidl }) => hasRow({ uid: uid ?? 0, uidl: uidl ?? undefined }))) return true;
    }
    return false;
  }

  /** Rows under other numbers, found again by their bytes. Reads the ledger twice more, only where there are any. */
  async #earlier({ folder, uidValidity }: Listing, { earlier }: Comparison): Promise<readonly EarlierEra[]> {
    if (earlier.length === 0) return [];
    const present = new HashSet();
    for await (const entry of this.#ledger(folder)) {
      if (entry.uidValidity === uidValidity && entry.sha256 !== undefined) present.add(entry.sha256);
    }
    const again = new Map<number, number>();
    for await (const entry of this.#ledger(folder)) {
      if (entry.uidValidity === uidValidity || entry.state === 'quarantined' || entry.sha256 === undefined) continue;
      if (present.has(entry.sha256)) again.set(entry.uidValidity, (again.get(entry.uidValidity) ?? 0) + 1);
    }
    return earlier.map((era) => ({ ...era, listedAgain: again.get(era.uidValidity) ?? 0 }));
  }

  async #reports(compared: readonly Compared[], absent: ReadonlyMap<string, readonly AbsentMessage[]>): Promise<readonly FolderReport[]> {
    const { name } = this.#source;
    const { sinceDay } = this.#options;
    const gaps = await this.#ports.journal.gaps({ source: name, state: 'permanent', limit: namedAtMost });
    return compared.map((one): FolderReport => {
      const folder = 'listing' in one ? one.listing.folder : one.folder;
      const vanished = gaps
        .filter((gap) => gap.folder === folder)
        .filter(({ internalDate }) => sinceDay === undefined || internalDate === undefined || internalDate.toISOString() >= sinceDay)
        .map(
          (gap): VanishedMessage => ({
            uid: gap.uidl === undefined ? gap.uid : null,
            uidl: gap.uidl ?? null,
            internalDate: gap.internalDate?.toISOString() ?? null,
            bytes: gap.announcedBytes ?? null,
            messageId: gap.messageId ?? null,
            uidValidity: gap.uidValidity,
            noted: gap.opened.toISOString(),
            explanation: gap.explanation ?? '',
          }),
        );
      const missingBytes = absent.get(folder) ?? [];
      if ('fault' in one) return { ...notCompared(folder, this.#tell(name, folder, one.fault)), vanished, absent: missingBytes };
      const { listing, comparison, missing, earlier } = one;
      const days = [...comparison.days].map(([day, counts]) => ({ day, ...counts }));
      const totals = sum([...comparison.days.values()]);
      const isWhole = totals.pending === 0 && missingBytes.length === 0 && listing.counted === listing.uids.length;
      return {
        folder,
        uidValidity: listing.uidValidity,
        listedAt: listing.listedAt.toISOString(),
        counted: listing.counted,
        listed: listing.uids.length,
        upToRow: comparison.upToRow,
        totals,
        days,
        missing,
        quarantined: comparison.quarantined.slice(0, namedAtMost),
        absent: missingBytes,
        vanished,
        earlier,
        fault: null,
        equal: isWhole && isBalanced(totals),
      };
    });
  }

  async #noteGaps(compared: readonly Compared[]): Promise<void> {
    const { archive, journal } = this.#ports;
    const { name } = this.#source;
    const folders = new Map<string, FolderNow>();
    for (const one of compared) {
      if (!('listing' in one)) continue;
      const { folder, uidValidity, uids, counted } = one.listing;
      const uidls = new Set(one.missing.map(({ uidl }) => uidl));
      // Where the server counts more than it lists, that a message is not in the list says nothing.
      if (counted === uids.length)
        folders.set(folder, {
          uidValidity,
          isListed: ({ uid, uidl }) => (uidl === undefined ? indexOf(uids, uid) !== -1 : uidls.has(uidl)),
        });
      await journal.openGaps(
        // Over POP3 one without its name cannot be known again.
        one.missing
          .filter(({ uidl }) => uidValidity !== 0 || uidl !== null)
          .map(
            (missing): NewGap => ({
              source: name,
              folder,
              uidValidity,
              uid: missing.uid ?? 0,
              uidl: missing.uidl ?? undefined,
              openedBy: 'reconciliation',
              internalDate: missing.internalDate === null ? undefined : new Date(missing.internalDate),
              announcedBytes: missing.bytes ?? undefined,
              messageId: missing.messageId ?? undefined,
            }),
          ),
      );
    }
    await settleGaps(name, folders, archive, journal);
  }

  /** Rows whose bytes are not in the store, by folder. */
  async #absent(): Promise<ReadonlyMap<string, readonly AbsentMessage[]>> {
    const byFolder = new Map<string, AbsentMessage[]>();
    for await (const { folder, row, uidValidity, uid, sha256, seen } of this.#ports.archive.absent({ source: this.#source.name })) {
      const messages = byFolder.get(folder) ?? [];
      byFolder.set(folder, messages);
      if (messages.length < namedAtMost) messages.push({ row, uidValidity, uid, sha256: sha256 ?? null, seen });
    }
    return byFolder;
  }

  /**
   * By era: what Postern moved or deleted on the server. One that it asked for without hearing how that ended (a crash came between) is
   * among them: only those count that are gone.
   */
  async #doneHere(): Promise<ReadonlyMap<string, NumberList>> {
    const done = new Map<string, NumberList>();
    const unheard = new Map<string, Set<number>>();
    const listOf = (key: string): NumberList => {
      const list = done.get(key) ?? new NumberList();
      done.set(key, list);
      return list;
    };
    for await (const { era, uid, step, phase } of this.#ports.archive.completions({ source: this.#source.name })) {
      if (step === 'seen') continue;
      const key = eraKey(era);
      const open = unheard.get(key) ?? new Set();
      unheard.set(key, open);
      if (phase === 'asked') open.add(uid);
      else open.delete(uid);
      if (phase === 'done') listOf(key).add(uid);
    }
    for (const [key, uids] of unheard) for (const uid of uids) listOf(key).add(uid);
    return done;
  }

  async *#ledger(folder?: string): AsyncGenerator<LedgerEntry> {
    const { name: source } = this.#source;
    for await (const entry of this.#ports.archive.ledger(folder === undefined ? { source } : { source, folder })) {
      this.#rows += 1;
      if (this.#rows % rowsPerProgress === 0) {
        this.#ports.signal.throwIfAborted();
        this.#show(entry.folder);
      }
      yield entry;
    }
  }

  #ask<T>(act: () => Promise<T>): Promise<T> {
    return patiently(this.#source.name, this.#ports, act);
  }

  #show(folder: string | undefined): void {
    this.#ports.onProgress?.({ source: this.#source.name, folder, rows: this.#rows });
  }
}

interface Looked {
  readonly compared: readonly Compared[];
  readonly unmatched: readonly string[];
  readonly unlisted: readonly { readonly folder: string; readonly rows: number }[];
}

function eraKey({ folder, uidValidity }: { readonly folder: string; readonly uidValidity: number }): string {
  return JSON.stringify([folder, uidValidity]);
}

function notCompared(folder: string, fault: FaultCode): FolderReport {
  return {
    folder,
    uidValidity: null,
    listedAt: null,
    counted: 0,
    listed: 0,
    upToRow: 0,
    totals: nothing,
    days: [],
    missing: [],
    quarantined: [],
    absent: [],
    vanished: [],
    earlier: [],
    fault,
    equal: false,
  };
}
