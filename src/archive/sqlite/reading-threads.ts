/**
 * Reading beside everything else: the same port, but what may take long is answered by threads, each question within a bound of time.
 *
 * The hard thing is a question that does not end. SQLite cannot be called off from outside, so its thread is given up: it ends by itself when
 * SQLite comes back, another takes its place, and whoever asked is told. Only so many may be on their way out at once, so that somebody who
 * asks such things all day holds up his like and not the machine.
 */
import { Worker } from 'node:worker_threads';
import { Fault } from '../../fault/fault.ts';
import type { Archive, ArchiveReader, AttachmentContent, Query, StoredMessage } from '../archive.ts';
import { endThread, newGate } from '../endable-thread.ts';
import { unpackFailure } from '../thread-failure.ts';
import { contentAt } from './derived-reader.ts';
import type { FromReader, Questions, ToReader } from './reading-thread.ts';

export interface ReadingLimits {
  /** Questions that are answered at once. */
  readonly threads: number;
  /** Threads that were given up and have not ended. */
  readonly givenUp: number;
  /** From the question to its answer, in milliseconds, waiting for a thread among it; of a patient question from when a thread takes it. */
  readonly ms: number;
}

/** What a page or an export is made of: it waits for its turn behind somebody's slow search instead of failing by it. */
const patient: ReadonlySet<keyof Questions> = new Set(['matches', 'stored', 'text', 'hasHtml', 'html', 'attachmentPlace', 'stats']);
/** So many times the bound such a question waits for a thread; and so long an export may look for its matches. */
const patience = 8;

const measuredLimits: ReadingLimits = { threads: 2, givenUp: 2, ms: 8_000 };
/** Messages that are handed over at once while all matches are gone through. */
const batchMessages = 100;
const heapMb = 512;

/**
 * The archive with its reading on threads. `close` closes both.
 * @param archive that is open
 */
export function withReadingThreads(archive: Archive, dataFolder: string, limits: ReadingLimits = measuredLimits): Archive {
  const threads = new ReadingThreads(dataFolder, limits);
  const ask = threads.ask.bind(threads);
  const reading: Pick<
    ArchiveReader,
    'search' | 'facets' | 'conversation' | 'text' | 'hasHtml' | 'html' | 'attachment' | 'stats' | 'matches'
  > = {
    search: (query, limit, options) => {
      const { signal, ...rest } = options ?? {};
      return ask('search', [query, limit, rest], signal);
    },
    facets: (query) => ask('facets', [query]),
    conversation: (id, options) => ask('conversation', options === undefined ? [id] : [id, options]),
    text: (sha256) => ask('text', [sha256]),
    hasHtml: (sha256) => ask('hasHtml', [sha256]),
    html: (sha256) => ask('html', [sha256]),
    attachment: async (sha256, index): Promise<AttachmentContent> =>
      contentAt(await ask('attachmentPlace', [sha256, index]), () => archive.read(sha256)),
    stats: () => ask('stats', []),
    matches: (query) => matching(threads, query),
  };
  return {
    ...archive,
    ...reading,
    async close() {
      await threads.close();
      await archive.close();
    },
  };
}

async function* matching(threads: ReadingThreads, query: Query): AsyncGenerator<StoredMessage> {
  const seqs = await threads.ask('matches', [query]);
  for (let at = 0; at < seqs.length; at += batchMessages) yield* await threads.ask('stored', [seqs.slice(at, at + batchMessages)]);
}

/** A question that waits or is being answered. */
interface Asked {
  readonly name: keyof Questions;
  readonly args: readonly unknown[];
  readonly answer: PromiseWithResolvers<unknown>;
  timer: NodeJS.Timeout | undefined;
  thread: Worker | undefined;
}

class ReadingThreads {
  readonly #dataFolder: string;
  readonly #limits: ReadingLimits;
  readonly #idle: Worker[] = [];
  readonly #waiting: Asked[] = [];
  readonly #asked = new Map<Worker, Asked>();
  /** All that run, those that were given up among them, with their gates. */
  readonly #all = new Map<Worker, SharedArrayBuffer>();
  readonly #givenUp = new Set<Worker>();
  #closed = false;
  #last = 0;

  constructor(dataFolder: string, limits: ReadingLimits) {
    this.#dataFolder = dataFolder;
    this.#limits = limits;
  }

  /** @throws Fault archive.query-too-slow, and what the question throws */
  async ask<Name extends keyof Questions>(
    name: Name,
    args: Parameters<Questions[Name]>,
    signal?: AbortSignal,
  ): Promise<Awaited<ReturnType<Questions[Name]>>> {
    signal?.throwIfAborted();
    if (this.#closed) throw new Error('the archive is closed');
    const one: Asked = { name, args, answer: Promise.withResolvers(), timer: undefined, thread: undefined };
    one.timer = setTimeout(() => this.#tooSlow(one), this.#limits.ms * (patient.has(name) ? patience : 1));
    const leave = (): void => this.#leave(one, signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    this.#waiting.push(one);
    this.#next();
    try {
      return (await one.answer.promise) as Awaited<ReturnType<Questions[Name]>>; // the thread answers by the same table
    } finally {
      clearTimeout(one.timer);
      signal?.removeEventListener('abort', leave);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const one of [...this.#waiting, ...this.#asked.values()]) one.answer.reject(new Error('the archive is closed'));
    this.#waiting.length = 0;
    await Promise.all([...this.#all].map(([thread, gate]) => endThread(thread, gate)));
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idle.pop() ?? this.#started();
      const one = thread === undefined ? undefined : this.#waiting.shift();
      if (thread === undefined || one === undefined) return;
      one.thread = thread;
      if (patient.has(one.name)) {
        clearTimeout(one.timer);
        one.timer = setTimeout(() => this.#tooSlow(one), this.#limits.ms * (one.name === 'matches' ? patience : 1));
      }
      this.#asked.set(thread, one);
      thread.ref();
      this.#last += 1;
      thread.postMessage({ id: this.#last, name: one.name, args: one.args } satisfies ToReader);
    }
  }

  #started(): Worker | undefined {
    const { threads, givenUp } = this.#limits;
    if (this.#closed || this.#all.size - this.#givenUp.size >= threads || this.#all.size >= threads + givenUp) return undefined;
    const gate = newGate();
    const thread = new Worker(new URL('./reading-thread.ts', import.meta.url), {
      workerData: { dataFolder: this.#dataFolder, gate },
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    this.#all.set(thread, gate);
    thread.on('message', (message: FromReader) => this.#answered(thread, message));
    thread.on('error', (error) => this.#asked.get(thread)?.answer.reject(error));
    thread.on('exit', () => {
      this.#asked.get(thread)?.answer.reject(new Error('a reading thread of the archive ended'));
      this.#asked.delete(thread);
      this.#all.delete(thread);
      this.#givenUp.delete(thread);
      const place = this.#idle.indexOf(thread);
      if (place >= 0) this.#idle.splice(place, 1);
      if (!this.#closed) this.#next();
    });
    return thread;
  }

  #answered(thread: Worker, message: FromReader): void {
    const one = this.#asked.get(thread);
    this.#asked.delete(thread);
    if (this.#givenUp.has(thread)) return; // it ends
    if ('failure' in message) one?.answer.reject(unpackFailure(message.failure));
    else one?.answer.resolve(message.value);
    // Waiting for nothing does not keep a process alive.
    thread.unref();
    this.#idle.push(thread);
    this.#next();
  }

  #tooSlow(one: Asked): void {
    one.answer.reject(new Fault('archive.query-too-slow', { seconds: Math.round(this.#limits.ms / 1000) }));
    this.#forget(one);
    const { thread } = one;
    const gate = thread && this.#all.get(thread);
    if (thread === undefined || gate === undefined || this.#asked.get(thread) !== one) return;
    this.#asked.delete(thread);
    this.#givenUp.add(thread);
    void endThread(thread, gate);
    this.#next();
  }

  /** Nobody waits for it: it is not begun; if it was, its thread answers into the void. */
  #leave(one: Asked, reason: unknown): void {
    this.#forget(one);
    one.answer.reject(reason);
  }

  #forget(one: Asked): void {
    const place = this.#waiting.indexOf(one);
    if (place >= 0) this.#waiting.splice(place, 1);
  }
}
