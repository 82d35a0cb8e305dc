/**
 * What happens to messages on the server once they are safe in the archive: marked as read, moved, or deleted. A step of its own, on a
 * connection of its own, and noted in the archive before and after each command.
 *
 * The hard thing is a crash between the command and the note of how it ended. So `asked` is durable before the server hears of it; what
 * was asked and not answered is looked at again: gone from the folder means that it was done, still there means that it is asked anew.
 * And nothing is deleted whose stored bytes have not just been read again and found to be the ones that arrived.
 */
import type { Archive, CompletionPhase, CompletionStep, Era } from '../../archive/archive.ts';
import type { CompletionConfig } from '../../config/config.ts';
import { Fault, isFault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ConnectWriter, MailboxWriter, WritableFolder } from '../mailbox.ts';
import { ClockWatch } from './clock-watch.ts';
import { FolderWork, type SafeMessage } from './folder-work.ts';

/** UIDs of one command. Small enough that a refusal concerns few, large enough that a full mailbox needs few round trips. */
const batchMessages = 200;
/** Where removal happens at the end of a session (POP3): so many a session, so that little is open when it ends badly. */
const sessionMessages = 1_000;

export interface CompletionSettings {
  /** Name of the source. */
  readonly source: string;
  /** `leave` has no {@link SourceCompletion} at all, and neither has a source on hold whose messages would be moved or deleted. */
  readonly act: Exclude<CompletionConfig, { readonly kind: 'leave' }>;
  readonly connect: ConnectWriter;
}

export interface CompletionPorts {
  readonly archive: Archive;
  readonly clock: Clock;
}

/** What one run did in one folder. */
export interface CompletionSummary {
  readonly folder: string;
  readonly step: CompletionStep;
  /** Where messages were moved to. */
  readonly target: string | undefined;
  /** Messages of which the server confirmed it, or that were asked for before and are gone since. */
  readonly done: number;
  /** Messages that the server refused, and those whose stored bytes could not be proven: left as they are. */
  readonly failed: number;
}

export interface SourceCompletion {
  /**
   * Whether something may be due in these folders. Asks the archive only.
   * @throws Fault of the archive
   */
  due(eras: readonly Era[]): Promise<boolean>;
  /**
   * Does what is due. Everything that it did is noted when it resolves or throws; what it left is tried again, later each time.
   * @param onSummary told of each folder in which something was done or failed, also where the run throws afterwards
   * @throws Fault: of the connection; of the archive; of the first message that was refused or not proven, once the others were seen to
   */
  run(eras: readonly Era[], signal: AbortSignal, onSummary: (summary: CompletionSummary) => void): Promise<void>;
}

export function sourceCompletion(settings: CompletionSettings, ports: CompletionPorts): SourceCompletion {
  return new Completing(settings, ports);
}

const steps = { seen: 'seen', move: 'moved', delete: 'deleted' } as const satisfies Record<string, CompletionStep>;

class Completing implements SourceCompletion {
  readonly #settings: CompletionSettings;
  readonly #ports: CompletionPorts;
  readonly #step: CompletionStep;
  readonly #target: string | undefined;
  readonly #clockWatch: ClockWatch;
  readonly #works = new Map<string, FolderWork>();

  constructor(settings: CompletionSettings, ports: CompletionPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#step = steps[settings.act.kind];
    this.#target = settings.act.kind === 'move' ? settings.act.folder : undefined;
    this.#clockWatch = new ClockWatch(ports.clock);
  }

  async due(eras: readonly Era[]): Promise<boolean> {
    for (const era of eras) if (await (await this.#work(era)).isDue()) return true;
    return false;
  }

  async run(eras: readonly Era[], signal: AbortSignal, onSummary: (summary: CompletionSummary) => void): Promise<void> {
    for (let isMore = true; isMore; ) {
      const due = await this.#dueWorks(eras);
      if (due.length === 0) return;
      if (this.#step === 'deleted') this.#clockWatch.check();
      let session: Session;
      try {
        session = await this.#session(due, signal, onSummary);
      } catch (error) {
        for (const work of due) work.postpone();
        throw error;
      }
      for (const work of due) work.calm();
      // Of single messages, each of which waits by itself: they hold up no others.
      if (session.fault !== undefined) throw session.fault;
      isMore = session.isFull;
    }
  }

  async #dueWorks(eras: readonly Era[]): Promise<readonly FolderWork[]> {
    const due: FolderWork[] = [];
    for (const era of eras) {
      const work = await this.#work(era);
      if (await work.isDue()) due.push(work);
    }
    return due;
  }

  async #session(works: readonly FolderWork[], signal: AbortSignal, onSummary: (summary: CompletionSummary) => void): Promise<Session> {
    const writer = await this.#settings.connect(signal, this.#ports.archive);
    const session = new Session(this.#ports.archive, writer, this.#step, this.#target, signal);
    try {
      this.#checkPowers(writer);
      for (const work of works) await session.over(work);
      await session.finish();
      return session;
    } catch (error) {
      await writer.close();
      throw error;
    } finally {
      for (const summary of session.summaries()) onSummary(summary);
    }
  }

  /** Before anything is noted as asked for. @throws Fault imap.cannot-change */
  #checkPowers({ powers }: MailboxWriter): void {
    const able = { seen: powers.seen, moved: powers.move, deleted: powers.remove !== 'never' }[this.#step];
    if (!able) throw new Fault('imap.cannot-change', { source: this.#settings.source, step: this.#step });
  }

  async #work(era: Era): Promise<FolderWork> {
    const known = this.#works.get(era.folder);
    if (known !== undefined && known.era.uidValidity === era.uidValidity) return known;
    const { act } = this.#settings;
    const work = await FolderWork.read(era, this.#step, act.kind === 'delete' ? act.afterMs : 0, this.#ports);
    this.#works.set(era.folder, work);
    return work;
  }
}

/** One connection's work, over one folder after the other. */
class Session {
  readonly #archive: Archive;
  readonly #writer: MailboxWriter;
  readonly #step: CompletionStep;
  readonly #target: string | undefined;
  readonly #signal: AbortSignal;
  readonly #tally = new Map<FolderWork, { done: number; failed: number }>();
  /** Marked for removal, which the end of the session does. */
  readonly #marked: { readonly work: FolderWork; readonly uids: readonly number[] }[] = [];
  #markedMessages = 0;
  #fault: Fault | undefined;

  constructor(archive: Archive, writer: MailboxWriter, step: CompletionStep, target: string | undefined, signal: AbortSignal) {
    this.#archive = archive;
    this.#writer = writer;
    this.#step = step;
    this.#target = target;
    this.#signal = signal;
  }

  /** The first thing that went wrong with a single message. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Whether it took as much as one session may, so that something may be left. */
  get isFull(): boolean {
    return this.#markedMessages >= sessionMessages;
  }

  async over(work: FolderWork): Promise<void> {
    const folder = await this.#writer.open(work.era.folder);
    // Numbered anew since the pass: these UIDs are others now. The next pass meets the folder under its new UIDVALIDITY.
    if (folder.uidValidity !== work.era.uidValidity) return;
    const listed = new Set(await folder.list());
    // What was asked for and is gone has been done. What is still there (all that was to be marked as read, too) is asked for anew, and
    // of what the server names ambiguously nothing is said.
    const unlisted = work.unanswered().filter((uid) => !listed.has(uid));
    const gone = unlisted.length === 0 ? [] : await folder.gone(unlisted);
    await this.#done(work, gone, 'no longer in the folder when it was looked at again');
    work.lookedAtAsked();
    for await (const batch of work.batches(listed, batchMessages)) {
      this.#signal.throwIfAborted();
      if (this.isFull) return work.putBack(batch);
      const proven = this.#step === 'deleted' ? await this.#proven(work, batch) : batch;
      if (proven.length > 0) await this.#act(work, folder, proven);
    }
  }

  /** Ends the session; where that is what removes, it is done once the server has confirmed it. */
  async finish(): Promise<void> {
    await this.#writer.finish();
    for (const { work, uids } of this.#marked) await this.#done(work, uids);
  }

  *summaries(): Generator<CompletionSummary> {
    for (const [work, { done, failed }] of this.#tally) {
      if (done + failed > 0) yield { folder: work.era.folder, step: this.#step, target: this.#target, done, failed };
    }
  }

  async #act(work: FolderWork, folder: WritableFolder, messages: readonly SafeMessage[]): Promise<void> {
    const uids = messages.map(({ uid }) => uid);
    await this.#note(work, uids, 'asked');
    work.asked(messages);
    try {
      await this.#command(folder, uids);
    } catch (error) {
      if (!isRefusal(error)) throw error; // not answered: the next look tells
      if (messages.length > 1) {
        // One of them may have spoilt the command for all.
        for (const message of messages) await this.#act(work, folder, [message]);
        return;
      }
      await this.#note(work, uids, 'failed', error.code);
      this.#failed(work, messages, error);
      return;
    }
    if (this.#step === 'deleted' && this.#writer.powers.remove === 'at-quit') {
      this.#marked.push({ work, uids });
      this.#markedMessages += uids.length;
    } else {
      await this.#done(work, uids);
    }
  }

  async #command(folder: WritableFolder, uids: readonly number[]): Promise<void> {
    switch (this.#step) {
      case 'seen':
        return await folder.setSeen(uids);
      case 'moved':
        await folder.move(uids, this.#target ?? '');
        return;
      case 'deleted':
        return await folder.remove(uids);
      default:
        this.#step satisfies never;
    }
  }

  /** Reads the stored bytes of each again, which holds them against their SHA-256. */
  async #proven(work: FolderWork, messages: readonly SafeMessage[]): Promise<readonly SafeMessage[]> {
    const proven: SafeMessage[] = [];
    for (const message of messages) {
      this.#signal.throwIfAborted();
      try {
        for await (const _ of this.#archive.read(message.sha256));
        proven.push(message);
      } catch (error) {
        if (!isFault(error, 'archive.body-changed', 'archive.body-missing')) throw error;
        this.#failed(work, [message], new Fault('completion.not-proven', { seen: error.code, ...error.evidence }, { cause: error }));
      }
    }
    return proven;
  }

  async #done(work: FolderWork, uids: readonly number[], detail?: string): Promise<void> {
    if (uids.length === 0) return;
    await this.#note(work, uids, 'done', detail);
    work.done(uids, this.#step === 'seen');
    this.#count(work).done += uids.length;
  }

  #failed(work: FolderWork, messages: readonly SafeMessage[], fault: Fault): void {
    work.failed(messages);
    this.#count(work).failed += messages.length;
    this.#fault ??= fault;
  }

  async #note(work: FolderWork, uids: readonly number[], phase: CompletionPhase, detail?: string): Promise<void> {
    const target = this.#target === undefined ? {} : { target: this.#target };
    const more = { ...target, ...(detail === undefined ? {} : { detail }) };
    await this.#archive.complete(uids.map((uid) => ({ era: work.era, uid, step: this.#step, phase, ...more })));
  }

  #count(work: FolderWork): { done: number; failed: number } {
    const tally = this.#tally.get(work) ?? { done: 0, failed: 0 };
    this.#tally.set(work, tally);
    return tally;
  }
}

/** The server said no to a command; the connection and the rest of the folder are as they were. */
function isRefusal(error: unknown): error is Fault {
  return isFault(error, 'imap.refused', 'imap.bad-command', 'pop.refused');
}
