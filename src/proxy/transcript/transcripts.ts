/**
 * Talks with applications, written down for a while because a person asked for it: one file a connection in `proxy/transcripts`.
 *
 * The hard thing is to stay small and silent: a device that tries every second, for a day, must not fill a disk. Each talk, their number
 * and their age are bounded; a talk is kept in memory and written when it is over, when all is known that must not stand in it.
 */
import { randomBytes } from 'node:crypto';
import { type Dirent, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../fault/fault.ts';
import type { DialogueLine } from '../../mail/endpoint.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LoginAttempt } from '../clients/admission.ts';
import { isWithin } from '../clients/client.ts';
import type { Ear } from '../talk.ts';
import { Speakable, type TalkProtocol } from './speakable.ts';
import { readTranscriptWish, type TranscriptWish, transcriptWishPath } from './wish.ts';

export interface TranscriptFacts {
  readonly protocol: TalkProtocol;
  readonly address: string;
  /** Of the listener. */
  readonly tls: string;
}

/** Of one talk. */
const mostBytes = 64 * 1024;
/** Talks at once; more are not written down. */
const mostAtOnce = 50;
/** Files; the oldest make room. */
const mostKept = 200;
const keptForMs = 7 * 86_400_000;
const namePattern = /^(\d{8}T\d{9}Z-[0-9a-f]{8})\.txt$/;

export function transcriptFolder(dataFolder: string): string {
  return join(dataFolder, 'proxy', 'transcripts');
}

export interface KeptTranscript {
  readonly id: string;
  readonly text: string;
}

/** Newest last. Empty where there are none. Throws what the system says, but for one that is gone. */
export async function readTranscripts(dataFolder: string): Promise<readonly KeptTranscript[]> {
  const folder = transcriptFolder(dataFolder);
  const kept: KeptTranscript[] = [];
  for (const name of await namesIn(folder)) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => undefined);
    if (text !== undefined) kept.push({ id: name.slice(0, -'.txt'.length), text });
  }
  return kept;
}

/** @returns how many there were */
export async function removeTranscripts(dataFolder: string): Promise<number> {
  const folder = transcriptFolder(dataFolder);
  const names = await namesIn(folder);
  for (const name of names) await rm(join(folder, name), { force: true });
  return names.length;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown): readonly Dirent[] => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .map(({ name }) => name)
    .filter((name) => namePattern.test(name))
    .sort();
}

export interface TranscriptsParts {
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly onFault: (fault: Fault) => void;
}

export class Transcripts {
  readonly #parts: TranscriptsParts;
  #wish: TranscriptWish | undefined;
  #version = '';
  #open = 0;
  /** One after another: each makes room for itself. */
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: TranscriptsParts) {
    this.#parts = parts;
    this.look();
  }

  /** Sees what a person wishes now. @returns whether that is something else */
  look(): boolean {
    // Its owner is set after it was written, which only changes `ctime`.
    const { ctimeMs, ino, size } = statSync(transcriptWishPath(this.#parts.dataFolder), { throwIfNoEntry: false }) ?? {};
    const version = `${ctimeMs} ${ino} ${size}`;
    if (version === this.#version) return false;
    this.#version = version;
    this.#wish = readTranscriptWish(this.#parts.dataFolder);
    return true;
  }

  /** Undefined: this one is not written down. */
  begin(facts: TranscriptFacts): Transcript | undefined {
    const { clock } = this.#parts;
    const wish = this.#wish;
    if (wish === undefined || clock.now() >= wish.untilMs || this.#open >= mostAtOnce || !isWithin(wish.networks, facts.address)) {
      return undefined;
    }
    this.#open += 1;
    return new Transcript(facts, wish, clock, (text) => {
      this.#open -= 1;
      if (text !== undefined) this.#writing = this.#writing.then(() => this.#write(text));
    });
  }

  /** When all that has ended is on the disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(text: string): Promise<void> {
    const { dataFolder, clock, onFault } = this.#parts;
    const folder = transcriptFolder(dataFolder);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = await namesIn(folder);
      const oldest = nameAt(clock.now() - keptForMs);
      const tooMany = names.slice(0, Math.max(0, names.length - mostKept + 1));
      for (const name of new Set([...tooMany, ...names.filter((one) => one < oldest)])) await rm(join(folder, name), { force: true });
      await writeFile(join(folder, `${nameAt(clock.now())}-${randomBytes(4).toString('hex')}.txt`), text, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      onFault(new Fault('proxy.transcript-unwritable', { folder, errno }, { cause: error }));
    }
  }
}

function nameAt(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:.]/g, '');
}

/** Of one connection. */
export class Transcript implements Ear {
  readonly #facts: TranscriptFacts;
  readonly #wish: TranscriptWish;
  readonly #clock: Clock;
  readonly #done: (text: string | undefined) => void;
  readonly #speakable: Speakable;
  readonly #startedMs: number;
  readonly #lines: string[] = [];
  readonly #names = new Set<string>();
  #bytes = 0;
  #isFull = false;
  #isOver = false;
  #content = 0;

  constructor(facts: TranscriptFacts, wish: TranscriptWish, clock: Clock, done: (text: string | undefined) => void) {
    this.#facts = facts;
    this.#wish = wish;
    this.#clock = clock;
    this.#done = done;
    this.#speakable = new Speakable(facts.protocol);
    this.#startedMs = clock.now();
  }

  heard(line: string): void {
    this.#add('application', this.#speakable.heard(line));
  }

  literal(bytes: Uint8Array): void {
    this.#add('application', this.#speakable.literal(bytes));
  }

  content(bytes: number): void {
    this.#content += bytes;
  }

  said(text: string): void {
    for (const line of text.split('\r\n')) if (line !== '') this.#add('postern', this.#speakable.said(line));
  }

  note(text: string): void {
    this.#add('', this.#speakable.without(text));
  }

  /** Between Postern and the server behind it; credentials are out of it already. */
  behind({ from, text }: DialogueLine): void {
    this.#add(from === 'server' ? 'server' : 'to server', this.#speakable.without(text));
  }

  /** Somebody logs in. @param client whose name or password it was, where that is known */
  attempt({ name, password }: LoginAttempt, client: string | undefined): void {
    this.#speakable.show(name);
    this.#speakable.hide(Buffer.from(password).toString('latin1'));
    if (client !== undefined) this.#names.add(client);
  }

  /** @param why as its last words */
  end(why = ''): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (why !== '') this.note(why);
    const { clients } = this.#wish;
    const isWanted = clients.length === 0 || clients.some((name) => this.#names.has(name));
    this.#flushContent();
    const { protocol, address, tls } = this.#facts;
    const head = `${new Date(this.#startedMs).toISOString()} protocol=${protocol} address=${address} tls=${tls}`;
    // Once more over all of it: what was not known to be a secret when it was said may be by now.
    const lines = this.#lines.map((line) => this.#speakable.without(line));
    this.#done(isWanted ? `${[head, ...lines].join('\n')}\n` : undefined);
  }

  #flushContent(): void {
    const bytes = this.#content;
    this.#content = 0;
    if (bytes > 0) this.#add('application', `[${bytes} bytes of a message]`);
  }

  #add(who: string, text: string): void {
    if (this.#content > 0) this.#flushContent();
    if (this.#isFull) return;
    const atMs = this.#clock.now();
    this.#isFull = this.#bytes > mostBytes || atMs >= this.#wish.untilMs;
    const why = atMs >= this.#wish.untilMs ? 'the time for transcripts is over' : 'the transcript is full';
    const line = `${((atMs - this.#startedMs) / 1000).toFixed(3).padStart(9)} ${(this.#isFull ? '' : who).padStart(11)}  ${this.#isFull ? why : text}`;
    this.#bytes += Buffer.byteLength(line) + 1;
    this.#lines.push(line);
  }
}
