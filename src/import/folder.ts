/**
 * Brings one folder in: what the server lists and the ledger has not, until the two agree.
 *
 * The hard thing is to trust nothing but the comparison of the two lists. A FETCH may end well and leave messages out, a message may
 * be listed before it can be read, another may vanish while we look, and `n:*` may bring what nobody asked for (M365 facts §5.1). So
 * after each round the server is asked again, and a message without a ledger row is either fetched, noted as quarantined, or gone.
 */
import type { Archive, Arrival, Era, QuarantineReason, Receipt, UidSet } from '../archive/archive.ts';
import { isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FolderSummary, ImportEvent } from './events.ts';
import type { ArrivingMessage, OpenFolder } from './mailbox.ts';
import { sniff } from './substitute.ts';

/** Mail that goes on arriving must not keep a run from ending: what comes after this many rounds is for the next run. */
const maxRounds = 10;

/** M365 (assumed): a message can be listed a moment before it can be fetched. Tried again after these waits, milliseconds. */
const lateUidWaitsMs = [500, 2_000];

export interface FolderPorts {
  readonly archive: Archive;
  readonly clock: Clock;
  readonly report: (event: ImportEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs over a folder of one connection; can be run again on the next connection and goes on where it stopped. */
export class FolderImport {
  readonly #source: string;
  readonly #folder: string;
  readonly #ports: FolderPorts;
  #era: Era | undefined;
  /** Rows that stood before this run, so that the summary can tell them apart. */
  #before: UidSet | undefined;
  /** Taken over in this run, durable or on the way. */
  #taken = new Set<number>();
  #tally = { archived: 0, duplicate: 0, quarantined: 0 };
  #vanished = 0;
  #listed: readonly number[] = [];
  /** Index into the list behind everything that is settled without a hole. */
  #settledUpTo = 0;
  #bytes = 0;

  constructor(source: string, folder: string, ports: FolderPorts) {
    this.#source = source;
    this.#folder = folder;
    this.#ports = ports;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Messages taken over in this run. */
  get arrived(): number {
    return this.#taken.size;
  }

  /** @throws Fault, after which everything taken over so far is still on its way to being durable */
  async run(opened: OpenFolder): Promise<void> {
    await this.#enter(opened.uidValidity);
    for (let round = 1; round <= maxRounds; round += 1) {
      this.#listed = await opened.list();
      this.#settledUpTo = 0;
      const wanted = this.#listed.filter((uid) => !this.#has(uid));
      if (round === 1 || wanted.length > 0) {
        this.#ports.report({
          kind: 'folder',
          source: this.#source,
          folder: this.#folder,
          listed: this.#listed.length,
          toFetch: wanted.length,
        });
      }
      if (wanted.length === 0) return;
      await this.#fetchRound(opened, wanted);
    }
  }

  /** The equation of the folder; call it when all receipts are settled. */
  summary(fault: FolderSummary['fault']): FolderSummary {
    return {
      folder: this.#folder,
      uidValidity: this.#era?.uidValidity,
      listed: this.#listed.length,
      before: this.#listed.filter((uid) => this.#before?.has(uid) === true).length,
      ...this.#tally,
      vanished: this.#vanished,
      missing: this.#listed.filter((uid) => !this.#has(uid)),
      fault,
    };
  }

  #has(uid: number): boolean {
    return this.#before?.has(uid) === true || this.#taken.has(uid);
  }

  async #enter(uidValidity: number): Promise<void> {
    if (this.#era?.uidValidity === uidValidity) return;
    const { archive, report } = this.#ports;
    const era = { source: this.#source, folder: this.#folder, uidValidity };
    const known = this.#era?.uidValidity ?? (await archive.cursor(era.source, era.folder))?.uidValidity;
    if (known !== undefined && known !== uidValidity) {
      // Not an error (M365 facts §5.1): the folder was made anew or the mailbox moved. All is listed under new numbers and fetched
      // again; bytes that the archive has already become `duplicate` rows, so nothing is archived twice.
      report({ kind: 'uid-validity-changed', source: era.source, folder: era.folder, before: known, now: uidValidity });
    }
    await archive.flush();
    this.#before = await archive.settled(era);
    this.#era = era;
    this.#taken = new Set();
  }

  async #fetchRound(opened: OpenFolder, wanted: readonly number[]): Promise<void> {
    let left = await this.#fetchMost(opened, wanted);
    for (const waitMs of lateUidWaitsMs) {
      if (left.length === 0) return;
      await this.#ports.clock.sleep(waitMs, this.#ports.signal);
      left = await this.#fetchMost(opened, left);
    }
    for (const uid of left) await this.#fetchAlone(opened, uid);
  }

  /** Fetches and returns what did not come though the server still lists it. One message can spoil the command of many. */
  async #fetchMost(opened: OpenFolder, wanted: readonly number[]): Promise<readonly number[]> {
    try {
      await this.#fetch(opened, wanted);
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
    }
    const left = wanted.filter((uid) => !this.#has(uid));
    if (left.length === 0) return left;
    const stillListed = new Set(await opened.list());
    const gone = left.filter((uid) => !stillListed.has(uid));
    this.#vanished += gone.length;
    this.#listed = this.#listed.filter((uid) => stillListed.has(uid) || this.#has(uid));
    this.#settledUpTo = 0;
    return left.filter((uid) => stillListed.has(uid));
  }

  async #fetchAlone(opened: OpenFolder, uid: number): Promise<void> {
    let reason: QuarantineReason = 'no-data';
    try {
      await this.#fetch(opened, [uid]);
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
      reason = 'refused';
    }
    if (this.#has(uid)) return;
    this.#note(await this.#ports.archive.acceptNothing({ ...this.#arrival(uid), quarantine: reason }));
    this.#quarantined(uid, reason);
  }

  async #fetch(opened: OpenFolder, uids: readonly number[]): Promise<void> {
    for await (const message of opened.fetch(uids)) {
      this.#ports.signal.throwIfAborted();
      // Without a body nothing is taken over here: it is asked for again, alone, after the round.
      if (message.body !== undefined) await this.#take(message, message.body);
    }
  }

  async #take(message: ArrivingMessage, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { archive, report } = this.#ports;
    const sniffed = sniff(body);
    let uid: number | undefined;
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of sniffed.chunks) {
        bytes += chunk.length;
        yield chunk;
      }
    };
    try {
      const receipt = await archive.accept(counted(), () => {
        const attributes = message.attributes();
        uid = attributes.uid;
        if (uid === undefined || this.#has(uid)) throw new Unasked();
        return {
          ...this.#arrival(uid),
          ...(attributes.internalDate === undefined ? {} : { internalDate: attributes.internalDate }),
          ...(attributes.announcedBytes === undefined ? {} : { announcedBytes: attributes.announcedBytes }),
          ...(sniffed.isSubstitute() ? { quarantine: 'substitute' as const } : {}),
        };
      });
      this.#note(receipt);
    } catch (error) {
      if (error instanceof Unasked) return;
      throw error;
    }
    this.#bytes += bytes;
    report({ kind: 'message', source: this.#source, folder: this.#folder, bytes });
    if (uid !== undefined && sniffed.isSubstitute()) this.#quarantined(uid, 'substitute');
  }

  /** Marks the UID as taken and says how far everything is settled with it. */
  #arrival(uid: number): Arrival {
    if (this.#era === undefined) throw new Error('a message arrived before its folder was opened');
    this.#taken.add(uid);
    let settled = this.#settledUpTo;
    while (settled < this.#listed.length && this.#has(this.#listed[settled] ?? 0)) settled += 1;
    this.#settledUpTo = settled;
    return { era: this.#era, uid, cursor: this.#listed[settled - 1] ?? 0 };
  }

  #note(receipt: Receipt): void {
    const tally = this.#tally;
    receipt.durable.then(
      (settled) => {
        tally[settled.state] += 1;
      },
      () => undefined, // whoever flushes the archive gets to know
    );
  }

  #quarantined(uid: number, reason: QuarantineReason): void {
    this.#ports.report({ kind: 'quarantined', source: this.#source, folder: this.#folder, uid, reason });
  }
}

/** A message that was not asked for, or came twice: left alone. */
class Unasked extends Error {}
