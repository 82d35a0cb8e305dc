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
  /** Taken over in this run under this era; what became of it once it is durable. */
  #taken = new Map<number, LedgerState | undefined>();
  #vanished = new Set<number>();
  /** Connections that ended while this UID was the next to come. */
  #cuts = new Map<number, number>();
  #listed: readonly number[] = [];
  /** Index into the list behind everything that is settled without a hole. */
  #settledUpTo = 0;
  #arrived = 0;
  #bytes = 0;

  constructor(source: string, folder: string, ports: FolderPorts) {
    this.#source = source;
    this.#folder = folder;
    this.#ports = ports;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Messages taken over in this run, under whatever UIDVALIDITY. Only grows. */
  get arrived(): number {
    return this.#arrived;
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
    const tally = { archived: 0, duplicate: 0, quarantined: 0 };
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
      before: this.#listed.filter((uid) => this.#before?.has(uid) === true).length,
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
    this.#taken = new Map();
    this.#vanished = new Set();
    this.#cuts = new Map();
  }

  #has(uid: number): boolean {
    return this.#before?.has(uid) === true || this.#taken.has(uid);
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
    this.#era = era;
    this.#taken = new Map();
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
    const arrivedBefore = this.#arrived;
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
    const refused = new Map<number, Fault>();
    for (const uid of [...left, ...suspects]) {
      const fault = await this.#fetchAlone(opened, uid);
      if (fault !== undefined) refused.set(uid, fault);
    }
    const [fault] = refused.values();
    if (fault === undefined) return;
    if (this.#arrived === arrivedBefore && !(await this.#handsOutAnother(opened))) throw fault;
    for (const uid of refused.keys()) await this.#quarantineEmpty(uid, 'refused');
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

  /** Notes a message as quarantined when the server gives nothing for it. @returns the refusal, where it says no */
  async #fetchAlone(opened: OpenFolder, uid: number): Promise<Fault | undefined> {
    try {
      await this.#fetch(opened, [uid]);
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
      return error;
    }
    if (!this.#has(uid)) await this.#quarantineEmpty(uid, 'no-data');
    return undefined;
  }

  /**
   * Whether the server hands out a message that it has handed out before. If it does not, its refusals are about the folder or the
   * moment, and to note messages as refused, for ever, would lose them.
   */
  async #handsOutAnother(opened: OpenFolder): Promise<boolean> {
    const known = this.#listed.findLast((uid) => this.#has(uid));
    if (known === undefined) return false;
    try {
      let came = false;
      for await (const message of opened.fetch([known])) came ||= message.body !== undefined;
      return came;
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
      return false;
    }
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
      await patiently(this.#source, this.#ports, act, () => this.#arrived);
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
        if (attributes.uid === undefined || this.#has(attributes.uid)) throw new Unasked();
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
      if (error instanceof Unasked) return;
      if (uid !== undefined) this.#forget(uid);
      throw error;
    }
    this.#arrived += 1;
    this.#bytes += bytes;
    report({ kind: 'message', source: this.#source, folder: this.#folder, bytes });
    if (uid !== undefined && quarantine !== undefined) this.#tellQuarantined(uid, quarantine);
  }

  async #quarantineEmpty(uid: number, reason: QuarantineReason): Promise<void> {
    this.#note(uid, await this.#ports.archive.acceptNothing({ ...this.#arrival(uid), quarantine: reason }));
    this.#arrived += 1;
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
      ({ state }) => taken.set(uid, state),
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

/** A message that was not asked for, or came twice: left alone. */
class Unasked extends Error {}
