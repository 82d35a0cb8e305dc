/**
 * Brings one folder in: what the server lists and the ledger has not, until the two agree.
 *
 * The hard thing is to trust nothing but the comparison of the two lists. A FETCH may end well and leave messages out, a message may
 * be counted before it is listed and listed before it can be read, another may vanish while we look, one may end the connection each
 * time, and `n:*` may bring what nobody asked for (M365 facts §5.1). So what is listed is held against the
 * ledger until the two agree, and a message without a row is fetched, noted as quarantined, gone, or named as missing.
 *
 * Long because each step of that reads and writes the same few sets of UIDs.
 */
import type { Archive, Arrival, Era, LedgerState, QuarantineReason, Receipt, UidSet } from '../archive/archive.ts';
import { Fault } from '../fault/fault.ts';
import { slowProbeMs } from './backoff.ts';
import type { FolderSummary, Tally } from './events.ts';
import { isOf } from './fault-classes.ts';
import type { Lanes, SharedRun } from './lanes.ts';
import { Listing, lateUidWaitsMs } from './listing.ts';
import type { ArrivingMessage, DescribedMessage, Mailbox, OpenFolder } from './mailbox.ts';
import { type PausePorts, patiently } from './patience.ts';
import { Row, Share } from './row.ts';
import { Sniffer } from './substitute.ts';
import { describedBy, fetchPastRefusals, handsOutOne } from './withheld.ts';

/** Mail that goes on arriving must not keep a run from ending: what comes after this many rounds is for the next run. */
const maxRounds = 10;

/** A message at which the connection ended this often is asked for last and alone, so that it holds up no other. */
const cutsOfSuspect = 2;

/** And after so many it is named as missing and left for a while, so that a pass comes to its end: alone it would be asked for for ever. */
const cutsOfGivenUp = 4;

/**
 * A folder that is numbered anew more often than this in one run, each time before it was in, would keep the run from ever ending: what
 * came already comes again, as duplicates, and looks like a gain.
 */
const maxRenumberings = 5;

/** From so many messages on {@link FolderImport.settle} is worth reading the ledger again. */
const manyTaken = 10_000;

/** UIDs that stand in the evidence at most. */
const namedUids = 20;

/** So many messages left are worth another connection: fewer are here before it has logged in. */
const worthALane = 500;

export interface FolderPorts extends PausePorts {
  readonly archive: Archive;
}

export interface FolderOptions {
  /** Messages whose INTERNALDATE is before this are counted and never fetched. */
  readonly since?: Date | undefined;
  /** Connections that may help. */
  readonly lanes?: Lanes | undefined;
}

/** Runs over a folder of one connection; can be run again on the next connection and goes on where it stopped. */
export class FolderImport {
  readonly #source: string;
  readonly #folder: string;
  readonly #ports: FolderPorts;
  readonly #options: FolderOptions;
  readonly #listing: Listing;
  #era: Era | undefined;
  /** Rows that stood before this run, so that the summary can tell them apart. */
  #before: UidSet | undefined;
  /** Of these, the ones without bytes: asked for once more in this run. */
  #again = new Set<number>();
  /** Taken over in this run under this era; what became of it once it is durable. */
  #taken = new Map<number, LedgerState | undefined>();
  /** Taken, and the archive has not got them in its row yet: another message must not call them settled. */
  readonly #underWay = new Set<number>();
  /** Older than `since`. */
  #excluded = new Set<number>();
  #vanished = new Set<number>();
  /** By a person, and not answered yet. */
  readonly #asked = new Map<string, { readonly uidValidity: number; readonly uid: number; isLookedFor: boolean }>();
  /** How often its UIDVALIDITY changed while it was brought in. */
  #renumberings = 0;
  #uidlOf: OpenFolder['uidlOf'];
  /** Taken over without bytes. */
  readonly #empty = new Set<number>();
  /** Connections that ended while this UID was the next to come, and when the last one did. */
  #cuts = new Map<number, { readonly times: number; readonly lastMs: number }>();
  /** UIDs below it stood at the last settling; the summary counts what came behind. */
  #countedFrom = 1;
  /** Index into the list behind everything that is settled without a hole. */
  #settledUpTo = 0;
  /** Messages that the server handed out and the archive took, under whatever UIDVALIDITY. Only grows. */
  #delivered = 0;
  /** Durable ones by what became of them, under whatever UIDVALIDITY. */
  readonly #settled = { archived: 0, duplicate: 0, quarantined: 0 };
  #bytes = 0;

  constructor(source: string, folder: string, ports: FolderPorts, options: FolderOptions = {}) {
    this.#source = source;
    this.#folder = folder;
    this.#ports = ports;
    this.#options = options;
    this.#listing = new Listing(source, ports);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that the server handed out in this run, under whatever UIDVALIDITY. Only grows. */
  get delivered(): number {
    return this.#delivered;
  }

  /** What became of those that are durable by now, under whatever UIDVALIDITY. */
  get settled(): Tally {
    return this.#settled;
  }

  /** The folder as it was opened last; undefined before. */
  get era(): Era | undefined {
    return this.#era;
  }

  /** What the last look saw. */
  get looked(): { readonly listed: number; readonly excluded: number; readonly missing: readonly number[] } {
    return { listed: this.#listing.count, excluded: this.#excluded.size, missing: this.#missing };
  }

  /** Lasting names of messages of the folder as it was opened last; undefined where their numbers last. */
  uidlsOf(uids: readonly number[]): readonly string[] | undefined {
    const uidlOf = this.#uidlOf;
    return uidlOf === undefined ? undefined : uids.map((uid) => uidlOf(uid) ?? '');
  }

  /** A person wants this message asked for again, though it is in quarantine. The next run compares everything. */
  askAgain(uidValidity: number, uid: number): void {
    this.#asked.set(`${uidValidity} ${uid}`, { uidValidity, uid, isLookedFor: false });
    this.#listing.forget();
  }

  get wasAskedAgain(): boolean {
    return this.#asked.size > 0;
  }

  /** What became of a message that was asked for again, once what came is durable. Undefined: not asked, or not known yet. */
  answer(uidValidity: number, uid: number): 'came' | 'quarantined-again' | 'gone' | undefined {
    const key = `${uidValidity} ${uid}`;
    if (this.#asked.get(key)?.isLookedFor !== true || this.#era === undefined) return undefined;
    const state = this.#taken.get(uid);
    const isListed = this.#era.uidValidity === uidValidity && this.#listing.uids.includes(uid);
    if (isListed && state === undefined) return undefined;
    this.#asked.delete(key);
    if (this.#era.uidValidity !== uidValidity || state === undefined) return 'gone';
    return state === 'quarantined' ? 'quarantined-again' : 'came';
  }

  /**
   * @param news whether the server told of a change since this was run last on the same open folder; undefined where it was just opened
   * @throws Fault of the connection or of this folder (`import.incomplete`, a refusal), after which everything taken over so far is still
   * on its way to being durable
   */
  async run(opened: OpenFolder, news?: boolean): Promise<void> {
    this.#uidlOf = opened.uidlOf;
    await this.#enter(opened.uidValidity);
    for (const { uidValidity, uid } of this.#asked.values()) {
      if (uidValidity !== opened.uidValidity) continue;
      this.#again.add(uid);
      this.#taken.delete(uid);
      this.#cuts.delete(uid);
    }
    const { report } = this.#ports;
    const [source, folder, listing] = [this.#source, this.#folder, this.#listing];
    if (!(await listing.look(opened, news))) return;
    for (const wish of this.#asked.values()) wish.isLookedFor = true;
    for (let round = 1; ; round += 1) {
      this.#settledUpTo = 0;
      await this.#exclude(opened);
      const [missing, givenUp] = [this.#missing, this.#givenUp];
      const wanted = givenUp.size === 0 ? missing : missing.filter((uid) => !givenUp.has(uid));
      if (round === 1 || wanted.length > 0) report({ kind: 'folder', source, folder, listed: listing.count, toFetch: wanted.length });
      if (wanted.length === 0) {
        const { unlisted, count } = listing;
        if (missing.length > 0) {
          await this.#quarantineCut(opened, missing);
          continue;
        }
        if (unlisted > 0) throw this.#incomplete({ missing: unlisted, counted: count + unlisted, listed: count });
        if (count >= opened.exists) break;
      }
      if (round > maxRounds) throw this.#incomplete(named(wanted));
      if (wanted.length > 0) await this.#fetchRound(opened, wanted);
      // What came meanwhile was told with the answers. Where nothing was, and all is here, the server need not be asked again.
      if (listing.count === opened.exists && listing.uids.every((uid) => this.#isDone(uid))) break;
      await listing.announced(opened);
    }
    listing.settled(opened);
  }

  /** The equation of the folder; call it when all receipts are settled. */
  summary(fault: FolderSummary['fault']): FolderSummary {
    const tally: Record<LedgerState, number> = { archived: 0, duplicate: 0, quarantined: 0 };
    const { uids, count } = this.#listing;
    // Counted in one pass, without a set of what is listed: of 100,000 messages it would be 2.6 MB, and as much again while it grew.
    let [stoodBefore, listedAndTaken, listedAndExcluded] = [0, 0, 0];
    for (const uid of uids) {
      if (this.#excluded.has(uid)) listedAndExcluded += 1;
      if (!this.#taken.has(uid)) stoodBefore += this.#stoodBefore(uid) ? 1 : 0;
      else if (uid >= this.#countedFrom) listedAndTaken += 1;
    }
    const below = count - uids.length - (this.#excluded.size - listedAndExcluded);
    let taken = 0;
    for (const [uid, state] of this.#taken) {
      if (uid < this.#countedFrom) continue;
      taken += 1;
      if (state !== undefined) tally[state] += 1;
    }
    return {
      folder: this.#folder,
      uidValidity: this.#era?.uidValidity,
      listed: count + taken - listedAndTaken,
      before: below + stoodBefore,
      ...tally,
      excluded: this.#excluded.size,
      vanished: this.#vanished.size,
      missing: this.#missing,
      fault,
    };
  }

  /** For an import that goes on for years: what is durable by now is read back from the ledger as ranges, so that memory does not grow. */
  async settle(): Promise<void> {
    if (this.#era === undefined) return;
    if (this.#taken.size >= manyTaken) {
      await this.#ports.archive.flush();
      this.#before = await this.#ports.archive.settled(this.#era);
      this.#again = new Set(this.#before.withoutBytes);
      this.#taken = new Map();
      this.#cuts = new Map();
    }
    this.#vanished = new Set();
    this.#renumberings = 0;
    if (this.#listing.shrink()) this.#countedFrom = this.#listing.from;
  }

  #has(uid: number): boolean {
    return this.#stoodBefore(uid) || this.#taken.has(uid);
  }

  /** Listed, and not done. */
  get #missing(): readonly number[] {
    return this.#listing.uids.filter((uid) => !this.#isDone(uid));
  }

  get #givenUp(): ReadonlySet<number> {
    const nowMs = this.#ports.clock.monotonic();
    // One that is in quarantine already is only asked for once more.
    const enough = (uid: number): number => (this.#before?.has(uid) === true ? 1 : cutsOfGivenUp);
    const found = [...this.#cuts].filter(([uid, { times, lastMs }]) => times >= enough(uid) && nowMs - lastMs < slowProbeMs);
    return new Set(found.map(([uid]) => uid));
  }

  /** Nothing is to be done about it any more. */
  #isDone(uid: number): boolean {
    return this.#has(uid) || this.#excluded.has(uid);
  }

  #stoodBefore(uid: number): boolean {
    return this.#before?.has(uid) === true && !this.#again.has(uid);
  }

  async #enter(uidValidity: number): Promise<void> {
    if (this.#era?.uidValidity === uidValidity) return;
    const { archive, report } = this.#ports;
    const era = { source: this.#source, folder: this.#folder, uidValidity };
    if (this.#era !== undefined) {
      this.#renumberings += 1;
      if (this.#renumberings > maxRenumberings) {
        throw this.#incomplete({ seen: `its UIDVALIDITY changed ${this.#renumberings} times while it was brought in`, uidValidity });
      }
      await archive.flush(); // what this run took over under the era before
    }
    const known = this.#era?.uidValidity ?? (await archive.cursor(era.source, era.folder))?.uidValidity;
    if (known !== undefined && known !== uidValidity) {
      // Not an error (M365 facts §5.1): the folder was made anew or the mailbox moved. All is listed under new numbers and fetched
      // again; bytes that the archive has already become `duplicate` rows, so nothing is archived twice.
      report({ kind: 'uid-validity-changed', source: era.source, folder: era.folder, before: known, now: uidValidity });
    }
    this.#before = await archive.settled(era);
    this.#again = new Set(this.#before.withoutBytes);
    this.#era = era;
    this.#taken = new Map();
    this.#empty.clear();
    this.#excluded = new Set();
    this.#vanished = new Set();
    this.#cuts = new Map();
    this.#countedFrom = 1;
    this.#listing.forget();
  }

  /** Which of those that are to be fetched are too old for that. */
  async #exclude(opened: OpenFolder): Promise<void> {
    const { since } = this.#options;
    const { uids, from } = this.#listing;
    if (from === 1 && this.#excluded.size > 0) this.#excluded = new Set(uids.filter((uid) => this.#excluded.has(uid)));
    const first = uids.find((uid) => !this.#isDone(uid));
    if (since === undefined || first === undefined) return;
    const found = await patiently(this.#source, this.#ports, async () => (await opened.older?.(since, first)) ?? []);
    for (const uid of found) if (!this.#has(uid)) this.#excluded.add(uid);
  }

  async #fetchRound(opened: OpenFolder, wanted: readonly number[]): Promise<void> {
    const deliveredBefore = this.#delivered;
    const suspects = wanted.filter((uid) => (this.#cuts.get(uid)?.times ?? 0) >= cutsOfSuspect);
    let left = await this.#fetchMost(opened, suspects.length === 0 ? wanted : wanted.filter((uid) => !suspects.includes(uid)));
    for (const waitMs of lateUidWaitsMs) {
      if (left.length === 0) break;
      await this.#ports.clock.sleep(waitMs, this.#ports.signal);
      left = await this.#fetchMost(opened, left);
    }
    const empty = new Map<number, Fault | undefined>();
    for (const uid of [...left, ...suspects]) {
      const outcome = await this.#fetchAlone(opened, uid);
      if (outcome !== 'came') empty.set(uid, outcome);
    }
    if (empty.size === 0) return;
    const listed = new Set(await this.#listing.list(opened));
    this.#noteVanished([...empty.keys()].filter((uid) => !listed.has(uid)));
    for (const uid of this.#vanished) empty.delete(uid);
    if (empty.size === 0) return;
    // To note a message as one that the server does not give is to stop waiting for it. So the server must show that it gives others now,
    // but for those that were noted before and are only asked for once more.
    const isNew = [...empty.keys()].some((uid) => this.#before?.has(uid) !== true);
    if (isNew && this.#delivered === deliveredBefore && !(await this.#handsOutAnother(opened))) {
      const [fault] = [...empty.values()].filter((one) => one !== undefined);
      throw fault ?? this.#incomplete({ ...named([...empty.keys()]), seen: 'FETCH brought no content' });
    }
    const known = await describedBy(opened, [...empty.keys()]);
    for (const [uid, fault] of empty) await this.#quarantineEmpty(uid, fault === undefined ? 'no-data' : 'refused', known.get(uid));
  }

  /** Fetches and returns what did not come though the server still lists it. One message can spoil the command of many. */
  async #fetchMost(opened: OpenFolder, wanted: readonly number[]): Promise<readonly number[]> {
    if (wanted.length === 0) return [];
    await fetchPastRefusals(
      wanted,
      (uid) => this.#has(uid),
      (row) => this.#fetchTogether(opened, row),
    );
    const left = wanted.filter((uid) => !this.#has(uid));
    if (left.length === 0) return left;
    const stillListed = new Set(await this.#listing.list(opened));
    this.#noteVanished(left.filter((uid) => !stillListed.has(uid)));
    this.#listing.keep((uid) => stillListed.has(uid) || this.#has(uid));
    this.#settledUpTo = 0;
    return left.filter((uid) => stillListed.has(uid));
  }

  /** @returns whether it came; else the refusal, or undefined where the server says OK and sends nothing */
  async #fetchAlone(opened: OpenFolder, uid: number): Promise<'came' | Fault | undefined> {
    try {
      await this.#fetch(opened, new Share(new Row([uid]), (one) => this.#has(one)));
    } catch (error) {
      if (!isOf(error, 'refused')) throw error;
      return error;
    }
    return this.#has(uid) ? 'came' : undefined;
  }

  /**
   * Whether the server hands out a message that it has handed out before. If it does not, what it holds back now is about the folder or
   * the moment, and to note messages as withheld would be to lose them. Several are tried: one of them may be spoilt since.
   */
  async #handsOutAnother(opened: OpenFolder): Promise<boolean> {
    const withBytes = this.#listing.uids.filter((uid) => this.#stoodBefore(uid) || (this.#taken.has(uid) && !this.#empty.has(uid)));
    return await handsOutOne(opened, new Set([withBytes.at(-1), withBytes[0], withBytes[withBytes.length >> 1]]));
  }

  /** On this connection, and on others where that is worth it. @throws Fault of this connection; of the archive */
  async #fetchTogether(opened: OpenFolder, row: Row): Promise<void> {
    const { uidValidity } = opened;
    const came = (uid: number): boolean => this.#has(uid);
    const part = async (mailbox: Mailbox, isOver: () => boolean): Promise<void> => {
      const folder = await mailbox.open(this.#folder);
      if (folder.uidValidity !== uidValidity) return;
      const share = new Share(row, came, isOver);
      try {
        // No pause here: a connection that is asked for one gives way to the others.
        await this.#fetchOnce(folder, share, run);
      } finally {
        share.giveUp();
      }
    };
    const run: SharedRun | undefined = this.#options.lanes?.share({ isWorth: () => row.left > worthALane, part });
    try {
      await this.#fetch(opened, new Share(row, came), run);
      await run?.end();
    } catch (error) {
      await run?.cancel();
      throw error;
    }
    // What a connection that broke has put back behind our end.
    if (row.left > 0) await this.#fetch(opened, new Share(row, came));
  }

  async #fetch(opened: OpenFolder, share: Share, run?: SharedRun): Promise<void> {
    await patiently(
      this.#source,
      this.#ports,
      () => this.#fetchOnce(opened, share, run),
      () => this.#delivered,
    );
  }

  async #fetchOnce(opened: OpenFolder, share: Share, run: SharedRun | undefined): Promise<void> {
    const { signal } = this.#ports;
    try {
      for await (const message of opened.fetch(share)) {
        signal.throwIfAborted();
        // Without a body nothing is taken over here: it is asked for again, alone, after the round.
        if (message.body !== undefined) await this.#take(message, message.body, share);
        run?.offer();
      }
    } catch (error) {
      const [next] = share.left();
      if (next !== undefined && isOf(error, 'cut')) {
        this.#cuts.set(next, { times: (this.#cuts.get(next)?.times ?? 0) + 1, lastMs: this.#ports.clock.monotonic() });
      }
      throw error;
    }
  }

  async #take(message: ArrivingMessage, body: AsyncIterable<Uint8Array>, share: Share): Promise<void> {
    const { archive, report } = this.#ports;
    const sniffer = new Sniffer();
    let uid: number | undefined;
    let internalDate: Date | undefined;
    let bytes = 0;
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        bytes += chunk.length;
        sniffer.look(chunk);
        yield chunk;
      }
    };
    let quarantine: 'substitute' | undefined;
    try {
      const receipt = await archive.accept(watched(), () => {
        const attributes = message.attributes();
        if (attributes.uid === undefined || this.#has(attributes.uid)) throw new LeftAlone();
        // Sent without a byte, and not announced as empty: that is no message, but the server's way to give nothing.
        if (bytes === 0 && attributes.announcedBytes !== 0) throw new LeftAlone();
        ({ uid, internalDate } = attributes);
        quarantine = sniffer.isSubstitute() ? 'substitute' : undefined;
        return {
          ...this.#arrival(attributes.uid),
          ...(attributes.uidl === undefined ? {} : { uidl: attributes.uidl }),
          ...(attributes.internalDate === undefined ? {} : { internalDate: attributes.internalDate }),
          ...(attributes.announcedBytes === undefined ? {} : { announcedBytes: attributes.announcedBytes }),
          ...(quarantine === undefined ? {} : { quarantine }),
        };
      });
      if (uid !== undefined) this.#note(uid, receipt);
    } catch (error) {
      if (error instanceof LeftAlone) return;
      // The archive did not take it: it is wanted again.
      if (uid !== undefined) this.#taken.delete(uid);
      this.#settledUpTo = 0;
      throw error;
    } finally {
      if (uid !== undefined) this.#underWay.delete(uid);
    }
    if (uid !== undefined) share.settle(uid);
    this.#delivered += 1;
    this.#bytes += bytes;
    report({ kind: 'message', source: this.#source, folder: this.#folder, bytes, internalDate });
    if (uid !== undefined && quarantine !== undefined) this.#tellQuarantined(uid, quarantine);
  }

  /**
   * Keeps messages apart at which the connection ended each time, where the server hands out others; they are asked for again in each run.
   * @throws Fault import.incomplete where it does not, or its connection
   */
  async #quarantineCut(opened: OpenFolder, uids: readonly number[]): Promise<void> {
    if (!(await this.#handsOutAnother(opened))) {
      throw this.#incomplete({ ...named(uids), seen: 'the connection ended each time that it was asked for' });
    }
    // Not described: a question about one might end this connection too.
    for (const uid of uids) await this.#quarantineEmpty(uid, 'cut', undefined);
  }

  async #quarantineEmpty(uid: number, reason: QuarantineReason, described: DescribedMessage | undefined): Promise<void> {
    this.#empty.add(uid);
    const [uidl] = this.uidlsOf([uid]) ?? [];
    const { internalDate, announcedBytes } = described ?? {};
    const arrival = {
      ...this.#arrival(uid),
      ...(uidl === undefined || uidl === '' ? {} : { uidl }),
      ...(internalDate === undefined ? {} : { internalDate }),
      ...(announcedBytes === undefined ? {} : { announcedBytes }),
      quarantine: reason,
    };
    this.#note(uid, await this.#ports.archive.acceptNothing(arrival));
    this.#underWay.delete(uid);
    this.#tellQuarantined(uid, reason);
  }

  /** Marks the UID as taken and says how far everything is settled with it. */
  #arrival(uid: number): Arrival {
    if (this.#era === undefined) throw new Error('a message arrived before its folder was opened');
    this.#taken.set(uid, undefined);
    this.#vanished.delete(uid);
    const { uids, from } = this.#listing;
    let settled = this.#settledUpTo;
    for (let next = uids[settled]; next !== undefined && this.#isDone(next) && !this.#underWay.has(next); next = uids[settled])
      settled += 1;
    this.#settledUpTo = settled;
    this.#underWay.add(uid);
    return { era: this.#era, uid, cursor: uids[settled - 1] ?? from - 1 };
  }

  #note(uid: number, receipt: Receipt): void {
    const taken = this.#taken;
    receipt.durable.then(
      ({ state }) => {
        taken.set(uid, state);
        this.#settled[state] += 1;
      },
      () => undefined, // whoever flushes the archive gets to know
    );
  }

  #incomplete(evidence: Fault['evidence']): Fault {
    return new Fault('import.incomplete', { source: this.#source, folder: this.#folder, ...evidence });
  }

  #noteVanished(uids: readonly number[]): void {
    if (uids.length === 0) return;
    for (const uid of uids) this.#vanished.add(uid);
    const uidValidity = this.#era?.uidValidity ?? 0;
    const uidls = this.uidlsOf(uids);
    this.#ports.report({ kind: 'vanished', source: this.#source, folder: this.#folder, uidValidity, uids, uidls });
  }

  #tellQuarantined(uid: number, reason: QuarantineReason): void {
    this.#ports.report({ kind: 'quarantined', source: this.#source, folder: this.#folder, uid, reason });
  }
}

function named(uids: readonly number[]): Fault['evidence'] {
  return { missing: uids.length, uids: uids.slice(0, namedUids).join(' ') };
}

/** A message that was not asked for, came twice, or came empty: left alone. */
class LeftAlone extends Error {}
