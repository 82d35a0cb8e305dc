/**
 * Brings one folder in: what the server lists and the ledger has not, until the two agree.
 *
 * The hard thing is to trust nothing but the comparison of the two lists. A FETCH may end well and leave messages out, a message may
 * be counted before it is listed and listed before it can be read, another may vanish while we look, one may end the connection each
 * time, and `n:*` may bring what nobody asked for (M365 facts §5.1). So after each round the server is asked again, and a message
 * without a ledger row is either fetched, noted as quarantined, gone, or named as missing.
 */
import type { Archive, Arrival, Era, LedgerState, QuarantineReason, Receipt, UidSet } from '../archive/archive.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { FolderSummary } from './events.ts';
import type { ArrivingMessage, OpenFolder } from './mailbox.ts';
import { type PausePorts, patiently } from './patience.ts';
import { Sniffer } from './substitute.ts';

/** Mail that goes on arriving must not keep a run from ending: what comes after this many rounds is for the next run. */
const maxRounds = 10;

/** M365 (assumed): a message is counted a moment before it is listed, or listed before it can be fetched. Waits in between, milliseconds. */
const lateUidWaitsMs = [500, 2_000];

/** A message at which the connection ended this often is asked for last and alone, so that it holds up no other. */
const cutsOfSuspect = 2;

/** From so many messages on {@link FolderImport.settle} is worth reading the ledger again. */
const manyTaken = 10_000;

/** UIDs that stand in the evidence at most. */
const namedUids = 20;

export interface FolderPorts extends PausePorts {
  readonly archive: Archive;
}

/** Runs over a folder of one connection; can be run again on the next connection and goes on where it stopped. */
export class FolderImport {
  readonly #source: string;
  readonly #folder: string;
  readonly #ports: FolderPorts;
  #era: Era | undefined;
  /** Rows that stood before this run, so that the summary can tell them apart. */
  #before: UidSet | undefined;
  /** Of these, the ones without bytes: asked for once more in this run. */
  #again = new Set<number>();
  /** Taken over in this run under this era; what became of it once it is durable. */
  #taken = new Map<number, LedgerState | undefined>();
  #vanished = new Set<number>();
  /** Taken over without bytes. */
  readonly #empty = new Set<number>();
  /** Connections that ended while this UID was the next to come. */
  #cuts = new Map<number, number>();
  #listed: readonly number[] = [];
  /** Index into the list behind everything that is settled without a hole. */
  #settledUpTo = 0;
  /** Messages that the server handed out and the archive took, under whatever UIDVALIDITY. Only grows. */
  #delivered = 0;
  /** Durable ones by what became of them, under whatever UIDVALIDITY. */
  readonly #settled = { archived: 0, duplicate: 0, quarantined: 0 };
  #bytes = 0;

  constructor(source: string, folder: string, ports: FolderPorts) {
    this.#source = source;
    this.#folder = folder;
    this.#ports = ports;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that the server handed out in this run, under whatever UIDVALIDITY. Only grows. */
  get delivered(): number {
    return this.#delivered;
  }

  /** What became of those that are durable by now, under whatever UIDVALIDITY. */
  get settled(): Readonly<Record<LedgerState, number>> {
    return this.#settled;
  }

  /**
   * @throws Fault of the connection or of this folder (`import.incomplete`, `imap.refused`, `imap.bad-command`), after which everything
   * taken over so far is still on its way to being durable
   */
  async run(opened: OpenFolder): Promise<void> {
    await this.#enter(opened.uidValidity);
    this.#listed = await this.#listAnnounced(opened);
    const unlisted = opened.exists - this.#listed.length;
    for (let round = 1; ; round += 1) {
      this.#settledUpTo = 0;
      const wanted = this.#listed.filter((uid) => !this.#has(uid));
      if (round === 1 || wanted.length > 0) this.#tellFolder(wanted.length);
      if (wanted.length === 0) break;
      if (round > maxRounds) throw this.#incomplete({ missing: wanted.length, uids: wanted.slice(0, namedUids).join(' ') });
      await this.#fetchRound(opened, wanted);
      this.#listed = await this.#list(opened);
    }
    if (unlisted > 0) throw this.#incomplete({ missing: unlisted, counted: opened.exists, listed: opened.exists - unlisted });
  }

  /** The equation of the folder; call it when all receipts are settled. */
  summary(fault: FolderSummary['fault']): FolderSummary {
    const tally: Record<LedgerState, number> = { archived: 0, duplicate: 0, quarantined: 0 };
    const listed = new Set(this.#listed);
    let gone = 0;
    for (const [uid, state] of this.#taken) {
      if (state !== undefined) tally[state] += 1;
      if (!listed.has(uid)) gone += 1;
    }
    return {
      folder: this.#folder,
      uidValidity: this.#era?.uidValidity,
      listed: this.#listed.length + gone,
      before: this.#listed.filter((uid) => this.#stoodBefore(uid) && !this.#taken.has(uid)).length,
      ...tally,
      vanished: this.#vanished.size,
      missing: this.#listed.filter((uid) => !this.#has(uid)),
      fault,
    };
  }

  /** For an import that goes on for years: what is durable by now is read back from the ledger as ranges, so that memory does not grow. */
  async settle(): Promise<void> {
    if (this.#era === undefined || this.#taken.size < manyTaken) return;
    await this.#ports.archive.flush();
    this.#before = await this.#ports.archive.settled(this.#era);
    this.#again = new Set(this.#before.withoutBytes);
    this.#taken = new Map();
    this.#vanished = new Set();
    this.#cuts = new Map();
  }

  #has(uid: number): boolean {
    return this.#stoodBefore(uid) || this.#taken.has(uid);
  }

  #stoodBefore(uid: number): boolean {
    return this.#before?.has(uid) === true && !this.#again.has(uid);
  }

  async #enter(uidValidity: number): Promise<void> {
    if (this.#era?.uidValidity === uidValidity) return;
    const { archive, report } = this.#ports;
    const era = { source: this.#source, folder: this.#folder, uidValidity };
    await archive.flush();
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
    this.#vanished = new Set();
    this.#cuts = new Map();
    this.#listed = [];
  }

  #list(opened: OpenFolder): Promise<readonly number[]> {
    return patiently(this.#source, this.#ports, () => opened.list());
  }

  /** The list, asked for again while the server counts more than it lists. What it still counts after that is for the caller to tell. */
  async #listAnnounced(opened: OpenFolder): Promise<readonly number[]> {
    let listed = await this.#list(opened);
    for (const waitMs of lateUidWaitsMs) {
      if (listed.length >= opened.exists) break;
      await this.#ports.clock.sleep(waitMs, this.#ports.signal);
      listed = await this.#list(opened);
    }
    return listed;
  }

  async #fetchRound(opened: OpenFolder, wanted: readonly number[]): Promise<void> {
    const deliveredBefore = this.#delivered;
    const suspects = wanted.filter((uid) => (this.#cuts.get(uid) ?? 0) >= cutsOfSuspect);
    let left = await this.#fetchMost(
      opened,
      wanted.filter((uid) => !suspects.includes(uid)),
    );
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
    const listed = new Set(await this.#list(opened));
    for (const uid of empty.keys()) {
      if (listed.has(uid)) continue;
      this.#vanished.add(uid);
      empty.delete(uid);
    }
    if (empty.size === 0) return;
    // To note a message as one that the server does not give is to stop waiting for it. So the server must show that it gives others now.
    if (this.#delivered === deliveredBefore && !(await this.#handsOutAnother(opened))) {
      const [fault] = [...empty.values()].filter((one) => one !== undefined);
      throw (
        fault ??
        this.#incomplete({ missing: empty.size, uids: [...empty.keys()].slice(0, namedUids).join(' '), seen: 'FETCH brought no content' })
      );
    }
    for (const [uid, fault] of empty) await this.#quarantineEmpty(uid, fault === undefined ? 'no-data' : 'refused');
  }

  /** Fetches and returns what did not come though the server still lists it. One message can spoil the command of many. */
  async #fetchMost(opened: OpenFolder, wanted: readonly number[]): Promise<readonly number[]> {
    if (wanted.length === 0) return [];
    try {
      await this.#fetch(opened, wanted);
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
    }
    const left = wanted.filter((uid) => !this.#has(uid));
    if (left.length === 0) return left;
    const stillListed = new Set(await this.#list(opened));
    for (const uid of left) if (!stillListed.has(uid)) this.#vanished.add(uid);
    this.#listed = this.#listed.filter((uid) => stillListed.has(uid) || this.#has(uid));
    this.#settledUpTo = 0;
    return left.filter((uid) => stillListed.has(uid));
  }

  /** @returns whether it came; else the refusal, or undefined where the server says OK and sends nothing */
  async #fetchAlone(opened: OpenFolder, uid: number): Promise<'came' | Fault | undefined> {
    try {
      await this.#fetch(opened, [uid]);
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
      return error;
    }
    return this.#has(uid) ? 'came' : undefined;
  }

  /**
   * Whether the server hands out a message that it has handed out before. If it does not, what it holds back now is about the folder or
   * the moment, and to note messages as withheld would be to lose them. Several are tried: one of them may be spoilt since.
   */
  async #handsOutAnother(opened: OpenFolder): Promise<boolean> {
    const withBytes = this.#listed.filter((uid) => this.#stoodBefore(uid) || (this.#taken.has(uid) && !this.#empty.has(uid)));
    const tried = new Set([withBytes.at(-1), withBytes[0], withBytes[withBytes.length >> 1]]);
    for (const known of tried) {
      if (known === undefined) continue;
      try {
        let bytes = 0;
        for await (const message of opened.fetch([known])) {
          for await (const chunk of message.body ?? []) bytes += chunk.length;
        }
        if (bytes > 0) return true;
      } catch (error) {
        if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
      }
    }
    return false;
  }

  async #fetch(opened: OpenFolder, uids: readonly number[]): Promise<void> {
    const { signal } = this.#ports;
    const left = (): readonly number[] => uids.filter((uid) => !this.#has(uid));
    const act = async (): Promise<void> => {
      for await (const message of opened.fetch(left())) {
        signal.throwIfAborted();
        // Without a body nothing is taken over here: it is asked for again, alone, after the round.
        if (message.body !== undefined) await this.#take(message, message.body);
      }
    };
    try {
      await patiently(this.#source, this.#ports, act, () => this.#delivered);
    } catch (error) {
      const [next] = left();
      if (next !== undefined && isFault(error, 'imap.closed-by-server', 'imap.protocol', 'network.connection-lost', 'network.timeout')) {
        this.#cuts.set(next, (this.#cuts.get(next) ?? 0) + 1);
      }
      throw error;
    }
  }

  async #take(message: ArrivingMessage, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { archive, report } = this.#ports;
    const sniffer = new Sniffer();
    let uid: number | undefined;
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
        // Announced with a size and sent without a byte: that is no message, but the server's way to give nothing.
        if (bytes === 0 && (attributes.announcedBytes ?? 0) > 0) throw new LeftAlone();
        uid = attributes.uid;
        quarantine = sniffer.isSubstitute() ? 'substitute' : undefined;
        return {
          ...this.#arrival(uid),
          ...(attributes.internalDate === undefined ? {} : { internalDate: attributes.internalDate }),
          ...(attributes.announcedBytes === undefined ? {} : { announcedBytes: attributes.announcedBytes }),
          ...(quarantine === undefined ? {} : { quarantine }),
        };
      });
      if (uid !== undefined) this.#note(uid, receipt);
    } catch (error) {
      if (error instanceof LeftAlone) return;
      if (uid !== undefined) this.#forget(uid);
      throw error;
    }
    this.#delivered += 1;
    this.#bytes += bytes;
    report({ kind: 'message', source: this.#source, folder: this.#folder, bytes });
    if (uid !== undefined && quarantine !== undefined) this.#tellQuarantined(uid, quarantine);
  }

  async #quarantineEmpty(uid: number, reason: QuarantineReason): Promise<void> {
    this.#empty.add(uid);
    this.#note(uid, await this.#ports.archive.acceptNothing({ ...this.#arrival(uid), quarantine: reason }));
    this.#tellQuarantined(uid, reason);
  }

  /** Marks the UID as taken and says how far everything is settled with it. */
  #arrival(uid: number): Arrival {
    if (this.#era === undefined) throw new Error('a message arrived before its folder was opened');
    this.#taken.set(uid, undefined);
    this.#vanished.delete(uid);
    let settled = this.#settledUpTo;
    while (settled < this.#listed.length && this.#has(this.#listed[settled] ?? 0)) settled += 1;
    this.#settledUpTo = settled;
    return { era: this.#era, uid, cursor: this.#listed[settled - 1] ?? 0 };
  }

  /** The archive did not take it: it is wanted again. */
  #forget(uid: number): void {
    this.#taken.delete(uid);
    this.#settledUpTo = 0;
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

  #tellFolder(toFetch: number): void {
    this.#ports.report({ kind: 'folder', source: this.#source, folder: this.#folder, listed: this.#listed.length, toFetch });
  }

  #tellQuarantined(uid: number, reason: QuarantineReason): void {
    this.#ports.report({ kind: 'quarantined', source: this.#source, folder: this.#folder, uid, reason });
  }
}

/** A message that was not asked for, came twice, or came empty: left alone. */
class LeftAlone extends Error {}
