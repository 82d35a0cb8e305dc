/**
 * The queue on disk: one message is two files, its bytes (`ID.eml`) and what is to be done with it (`ID.json`).
 *
 * The hard thing is the order. The bytes are durable under their name before the note has its own, and the note is what makes the message
 * exist: killed between the two, the application was not told 250, and a later start removes the bytes that nobody owns. A change is a whole
 * new note in place of the old one. Nobody else waits for the disk meanwhile, and messages that come at once share its syncs.
 * The folder is also the interface between processes: `postern proxy queue` writes notes beside a running proxy.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultCode } from '../../fault/catalog.ts';
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import { FolderSync, syncFolderAside } from './folder-sync.ts';

/** What an application gave along with a message. */
export interface Envelope {
  readonly client: string;
  readonly mailbox: string;
  readonly tenant: string;
  /** Envelope addresses without brackets; the sender is never empty. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly smtpUtf8: boolean;
}

export type RecipientState = 'waiting' | 'sent' | 'failed';

export interface QueuedRecipient {
  readonly address: string;
  readonly state: RecipientState;
  /** The server's answer that decided it. */
  readonly seen?: string;
}

export interface NotedAttempt {
  readonly at: string;
  readonly code: FaultCode;
  readonly evidence: Evidence;
}

/** `waiting`: tried at `nextAt`. `failed`: set aside until a person decides. */
export interface QueuedMessage {
  readonly schema: 'postern.queue/1';
  readonly id: string;
  readonly client: string;
  readonly mailbox: string;
  readonly tenant: string;
  readonly from: string;
  readonly recipients: readonly QueuedRecipient[];
  readonly smtpUtf8: boolean;
  readonly bytes: number;
  readonly sha256: string;
  readonly eightBit: boolean;
  readonly taken: string;
  /** Since when it is being tried, where that is not since it was taken: a person has had it tried again. */
  readonly since?: string;
  readonly state: 'waiting' | 'failed';
  readonly nextAt: string;
  readonly giveUpAt: string;
  /** How often it was tried. */
  readonly tries: number;
  /** The last ones that failed, newest first. */
  readonly attempts: readonly NotedAttempt[];
}

export interface Incoming {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes it durable. @returns its id; the message is then in the queue */
  commit(): Promise<QueuedMessage>;
  discard(): Promise<void>;
}

const attemptsKept = 10;
const notePattern = /^([0-9a-z]{8,40})\.json$/;
/** Bytes without a note are younger than this while a message is being taken. */
const orphanAfterMs = 60 * 60_000;

const readAtOnce = 32;

export class Spool {
  readonly folder: string;
  readonly #names: FolderSync;
  /** Have a name perhaps, and may still be refused: not to be seen yet. */
  readonly #unsaid = new Set<string>();
  readonly #read = new Map<string, { readonly version: string; readonly message: QueuedMessage | undefined }>();

  constructor(folder: string) {
    this.folder = folder;
    this.#names = new FolderSync(() => syncFolderAside(folder));
  }

  /** Makes the folder, and removes bytes that a crash left without a note. @throws Fault queue.unreadable */
  async prepare(nowMs: number): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(this.folder)) {
        const [, id, kind = ''] = /^([0-9a-z]+)\.(eml|part|json\.[0-9a-f]+\.new)$/.exec(name) ?? [];
        const path = join(this.folder, name);
        if (id === undefined || (!kind.endsWith('.new') && existsSync(join(this.folder, `${id}.json`)))) continue;
        if (nowMs - (await stat(path)).mtimeMs > orphanAfterMs) await rm(path, { force: true });
      }
    } catch (error) {
      throw new Fault('queue.unreadable', { folder: this.folder, seen: wordOf(error) }, { cause: error });
    }
  }

  /** Begins to take a message. @throws Fault queue.unwritable, also while it is written */
  async begin(envelope: Envelope, nowMs: number, retryForMs: number): Promise<Incoming> {
    // In the order of their arrival by name, and never twice.
    const id = `${nowMs.toString(36).padStart(9, '0')}${randomBytes(5).toString('hex')}`;
    const [part, whole] = [join(this.folder, `${id}.part`), join(this.folder, `${id}.eml`)];
    const failed = (error: unknown): Fault => new Fault('queue.unwritable', { folder: this.folder, seen: wordOf(error) }, { cause: error });
    let file: FileHandle;
    try {
      file = await open(part, 'wx', 0o600);
    } catch (error) {
      throw failed(error);
    }
    const hash = createHash('sha256');
    let [bytes, eightBit] = [0, false];
    const discard = async (): Promise<void> => {
      await file.close().catch(() => undefined);
      await rm(part, { force: true });
    };
    return {
      async write(chunk) {
        try {
          await file.writeFile(chunk);
        } catch (error) {
          throw failed(error);
        }
        hash.update(chunk);
        bytes += chunk.length;
        eightBit ||= chunk.some((byte) => byte > 127);
      },
      commit: async () => {
        const note: QueuedMessage = {
          schema: 'postern.queue/1',
          id,
          ...envelope,
          recipients: envelope.recipients.map((address) => ({ address, state: 'waiting' })),
          bytes,
          sha256: hash.digest('hex'),
          eightBit,
          taken: new Date(nowMs).toISOString(),
          state: 'waiting',
          nextAt: new Date(nowMs).toISOString(),
          giveUpAt: new Date(nowMs + retryForMs).toISOString(),
          tries: 0,
          attempts: [],
        };
        const named = join(this.folder, `${id}.json`);
        const written = this.#draft(note);
        this.#unsaid.add(id);
        try {
          // Whichever fails, the other one is waited for: nothing may come to be behind our back.
          const [synced] = await Promise.allSettled([file.sync(), written]);
          if (synced.status === 'rejected') throw synced.reason;
          await file.close();
          await rename(part, whole);
          await this.#names.sync();
          await rename(await written, named);
          await this.#names.sync();
        } catch (error) {
          // The application hears that it was not taken, so nothing of it may stay.
          await file.close().catch(() => undefined);
          const draft = await written.catch(() => undefined);
          for (const path of [named, ...(draft === undefined ? [] : [draft]), part, whole])
            await rm(path, { force: true }).catch(() => undefined);
          throw failed(error);
        } finally {
          this.#unsaid.delete(id);
        }
        return note;
      },
      discard,
    };
  }

  /** Writes a note in place of the old one, durable when it is done; of a message that was removed meanwhile nothing is left. Throws what the system says. */
  async note(message: QueuedMessage): Promise<void> {
    const draft = await this.#draft(message);
    const named = join(this.folder, `${message.id}.json`);
    try {
      await rename(draft, named);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    if (!existsSync(this.fileOf(message.id))) await rm(named, { force: true });
    await this.#names.sync();
  }

  /** A note that has not got its name yet; what is in it is durable. @returns its path */
  async #draft(message: QueuedMessage): Promise<string> {
    // Two may write the same note, also in two processes: each has a draft of its own, and the later one wins as a whole.
    const path = join(this.folder, `${message.id}.json.${randomBytes(4).toString('hex')}.new`);
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(message, undefined, 1)}\n`);
      if (process.getuid?.() === 0) {
        // Root beside the proxy (`postern proxy queue retry`) leaves the note to whose queue it is.
        const { uid, gid } = await stat(this.folder);
        if (uid !== 0) await file.chown(uid, gid);
      }
      await file.sync();
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(path, { force: true });
      throw error;
    }
    await file.close();
    return path;
  }

  /**
   * All that are there, oldest first; what is no note of ours is left out.
   * @param onUnreadable hears of single notes that cannot be read; without it they are thrown
   * @throws Fault queue.unreadable
   */
  async list(onUnreadable?: (fault: Fault) => void): Promise<readonly QueuedMessage[]> {
    let names: readonly string[];
    try {
      names = await readdir(this.folder);
    } catch (error) {
      if (wordOf(error) === 'ENOENT') return [];
      throw new Fault('queue.unreadable', { folder: this.folder, seen: wordOf(error) }, { cause: error });
    }
    const ids = names
      .flatMap((name) => notePattern.exec(name)?.[1] ?? [])
      .filter((id) => !this.#unsaid.has(id))
      .sort();
    const found: QueuedMessage[] = [];
    for (let at = 0; at < ids.length; at += readAtOnce) {
      const some = await Promise.all(ids.slice(at, at + readAtOnce).map((id) => this.#seen(id, onUnreadable)));
      for (const message of some) if (message !== undefined) found.push(message);
    }
    const there = new Set(ids);
    for (const id of this.#read.keys()) if (!there.has(id)) this.#read.delete(id);
    return found;
  }

  /** Thousands of notes are looked at every few seconds: each is read when its file has changed. A note is never written in place. */
  async #seen(id: string, onUnreadable: ((fault: Fault) => void) | undefined): Promise<QueuedMessage | undefined> {
    const { mtimeMs, ino, size } = (await stat(join(this.folder, `${id}.json`)).catch(() => undefined)) ?? {};
    const version = `${mtimeMs} ${ino} ${size}`;
    const known = this.#read.get(id);
    if (known?.version === version) return known.message;
    try {
      const message = await this.get(id);
      if (mtimeMs !== undefined) this.#read.set(id, { version, message });
      return message;
    } catch (error) {
      if (onUnreadable === undefined || !isFault(error)) throw error;
      onUnreadable(error);
      return undefined;
    }
  }

  /** Undefined: it is not there, or its note is none. @throws Fault queue.unreadable */
  async get(id: string): Promise<QueuedMessage | undefined> {
    try {
      return noteFrom(await readFile(join(this.folder, `${id}.json`), 'utf8'), id);
    } catch (error) {
      if (wordOf(error) === 'ENOENT') return undefined;
      throw new Fault('queue.unreadable', { folder: this.folder, file: `${id}.json`, seen: wordOf(error) }, { cause: error });
    }
  }

  /** By its id or the first letters of it. @throws Fault queue.unknown */
  async find(words: string): Promise<QueuedMessage> {
    const whole = notePattern.test(`${words}.json`) ? await this.get(words) : undefined;
    if (whole !== undefined) return whole;
    const fitting = /^[0-9a-z]{4,40}$/.test(words) ? (await this.list()).filter(({ id }) => id.startsWith(words)) : [];
    const [found, another] = fitting;
    if (found === undefined || another !== undefined)
      throw new Fault('queue.unknown', { given: words.slice(0, 60), found: fitting.length });
    return found;
  }

  /** The bytes, checked against their SHA-256 while they are read: the last chunk is held back until they fit. @throws Fault queue.damaged */
  async *read(message: Pick<QueuedMessage, 'id' | 'sha256' | 'bytes'>): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let [seen, held]: [number, Buffer | undefined] = [0, undefined];
    const damaged = (what: string): Fault => new Fault('queue.damaged', { id: message.id, seen: what });
    try {
      for await (const chunk of createReadStream(this.fileOf(message.id), { highWaterMark: 64 * 1024 })) {
        if (!Buffer.isBuffer(chunk)) throw new Error('a stream of bytes gave something else');
        if (held !== undefined) yield held;
        hash.update(chunk);
        seen += chunk.length;
        held = chunk;
      }
    } catch (error) {
      const word = wordOf(error);
      if (word === 'ENOENT') throw damaged(word);
      // Too many open files, a disk that is away: that passes.
      if (word !== 'unknown') throw new Fault('queue.unreadable', { folder: this.folder, file: `${message.id}.eml`, seen: word });
      throw error;
    }
    if (seen !== message.bytes) throw damaged(`${seen} bytes, ${message.bytes} were taken`);
    if (hash.digest('hex') !== message.sha256) throw damaged('another SHA-256');
    if (held !== undefined) yield held;
  }

  fileOf(id: string): string {
    return join(this.folder, `${id}.eml`);
  }

  /**
   * Removes the note first: what is left without one is nothing. And once more at the end, for somebody may have written it anew in between,
   * in another process, too; who comes later sees that there are no bytes. Throws what the system says.
   */
  async remove(id: string): Promise<void> {
    const named = join(this.folder, `${id}.json`);
    await rm(named, { force: true });
    await this.#names.sync();
    await rm(this.fileOf(id), { force: true });
    if (!existsSync(named)) return;
    await rm(named, { force: true });
    await this.#names.sync();
  }

  /** Has a message tried again, as it is at this moment: the proxy may have sent it, or a part of it, since it was listed. @returns whether it was there */
  async retry(id: string, nowMs: number): Promise<boolean> {
    const message = await this.get(id);
    if (message === undefined || !existsSync(join(this.folder, `${id}.json`))) return false;
    await this.note(triedAgain(message, nowMs));
    return true;
  }
}

/** The message after a try that failed. */
export function afterFailure(message: QueuedMessage, fault: Fault, nowMs: number, waitMs: number): QueuedMessage {
  const attempt: NotedAttempt = { at: new Date(nowMs).toISOString(), code: fault.code, evidence: fault.evidence };
  return {
    ...message,
    tries: message.tries + 1,
    attempts: [attempt, ...message.attempts].slice(0, attemptsKept),
    nextAt: new Date(nowMs + waitMs).toISOString(),
  };
}

/** Until when it is tried. @param retryForMs as it is configured now; undefined: as it was when the message was taken */
export function triedUntilMs({ since, taken, giveUpAt }: QueuedMessage, retryForMs: number | undefined): number {
  return retryForMs === undefined ? Date.parse(giveUpAt) : Date.parse(since ?? taken) + retryForMs;
}

/** The message as a person wants it tried again, now and for as long as at first: whoever says so has changed something. */
export function triedAgain(message: QueuedMessage, nowMs: number): QueuedMessage {
  const recipients = message.recipients.map((one) => (one.state === 'failed' ? { address: one.address, state: 'waiting' as const } : one));
  const keptForMs = Date.parse(message.giveUpAt) - Date.parse(message.since ?? message.taken);
  const [since, giveUpAt] = [new Date(nowMs).toISOString(), new Date(nowMs + keptForMs).toISOString()];
  return { ...message, recipients, state: 'waiting', tries: 0, nextAt: since, since, giveUpAt };
}

function noteFrom(text: string, id: string): QueuedMessage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isNote(value) && value.id === id ? value : undefined;
  } catch {
    return undefined; // no JSON: nothing that we wrote whole
  }
}

function isNote(value: unknown): value is QueuedMessage {
  if (typeof value !== 'object' || value === null) return false;
  const note = new Map<string, unknown>(Object.entries(value));
  const texts = ['id', 'client', 'mailbox', 'tenant', 'from', 'sha256', 'taken', 'state', 'nextAt', 'giveUpAt'];
  return (
    note.get('schema') === 'postern.queue/1' &&
    texts.every((name) => typeof note.get(name) === 'string') &&
    Array.isArray(note.get('recipients')) &&
    Array.isArray(note.get('attempts')) &&
    typeof note.get('bytes') === 'number' &&
    typeof note.get('tries') === 'number'
  );
}

function wordOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
