/**
 * One thread that makes HTML safe, one text at a time, each with a deadline.
 *
 * The hard thing is a text that takes for ever: nothing but ending the thread stops it, and the next text needs a new one. So a text that does
 * not come back in time is tried again with less of it, and then given up; whoever waits behind it waits for a bounded time.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CleanHtml } from './clean-html.ts';
import type { FromView, ToView } from './view-thread.ts';

/** How much of a text is read, and how long that may take. */
export interface Try {
  readonly limitChars: number;
  readonly ms: number;
}

/** One after the other until one succeeds. */
const usualTries: readonly Try[] = [
  { limitChars: 1_500_000, ms: 1_000 },
  { limitChars: 150_000, ms: 500 },
];
/** A thread that does not start is no thread; on a busy machine it takes its time. */
const startMs = 10_000;
/** A thread that nobody needed for so long is ended. */
const idleMs = 60_000;
const heapMb = 192;

export class Cleaning {
  #thread: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #tries: readonly Try[];

  constructor(tries: readonly Try[] = usualTries) {
    this.#tries = tries;
  }

  /** @returns undefined where it could not be made safe in time: then nothing of the HTML may be shown */
  clean(html: string, pictures: ToView['pictures'], signal: AbortSignal): Promise<CleanHtml | undefined> {
    const mine = this.#last.then(() => (signal.aborted ? undefined : this.#tried(html, pictures)));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  async #tried(html: string, pictures: ToView['pictures']): Promise<CleanHtml | undefined> {
    clearTimeout(this.#idle);
    try {
      for (const { limitChars, ms } of this.#tries) {
        const clean = await this.#once({ html: html.slice(0, limitChars), pictures, limitChars }, ms);
        if (clean !== undefined) return { ...clean, cut: clean.cut || html.length > limitChars };
      }
      return undefined;
    } finally {
      this.#idle = setTimeout(() => void this.#end(), idleMs).unref();
    }
  }

  async #once(text: ToView, ms: number): Promise<CleanHtml | undefined> {
    const thread = await this.#started();
    if (thread === undefined) return undefined;
    thread.postMessage(text);
    const answer = await answerOf(thread, ms);
    if (answer?.kind === 'clean') return answer.clean;
    if (answer === undefined) await this.#end();
    return undefined;
  }

  async #started(): Promise<Worker | undefined> {
    if (this.#closed) return undefined;
    if (this.#thread !== undefined) return this.#thread;
    const thread = new Worker(new URL('./view-thread.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: heapMb } });
    // Out of memory, or a bug in the parser: the text is not shown, and that is all.
    thread.on('error', () => undefined);
    thread.once('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    thread.unref();
    this.#thread = thread;
    if ((await answerOf(thread, startMs))?.kind === 'ready') return thread;
    await this.#end();
    return undefined;
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }
}

/** Undefined where it ended, or does not say anything in time. */
async function answerOf(thread: Worker, ms: number): Promise<FromView | undefined> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ms);
  const ended = (): void => over.abort();
  thread.once('exit', ended);
  try {
    const [answer] = await once(thread, 'message', { signal: over.signal });
    return answer as FromView; // our own thread's
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    thread.off('exit', ended);
  }
}
