/**
 * The main thread's side of the ledger: gathers messages into batches, hands them to the writer thread, and settles their receipts.
 *
 * The hard thing is the size of a transaction. While the thread works on one, the next fills up, so a busy import makes large
 * transactions and a single message is durable at once; and whoever brings more waits, so that memory stays bounded.
 */
import { Worker } from 'node:worker_threads';
import type { Receipt, Settled } from '../archive.ts';
import { endThread, newGate } from '../endable-thread.ts';
import { unpackFailure } from '../thread-failure.ts';
import type { CompletionToWrite } from './completion-writer.ts';
import type { FromWriter, ToWriter, WriterRow } from './writer-thread.ts';

/** A batch is closed at this size even though the thread could take more. Twice and four times as much gained no speed, only memory. */
const batchBytes = 2 * 1024 * 1024;
const batchRows = 2_000;
/** Not yet durable bytes beyond which `add` waits. */
const waitingBytes = 4 * 1024 * 1024;
/** The young generation of the thread's heap: Node's own choice costs 30 MB more in no less time (measured). */
const threadYoungMb = 2;
/** How long a lonely message waits for company before it is committed, milliseconds. */
const gatherMs = 25;
/** Counted for each row besides its bytes, so that many empty messages close a batch too. */
const rowBytes = 256;

interface Entry {
  readonly row: WriterRow;
  readonly resolve: (settled: Settled) => void;
  readonly reject: (reason: unknown) => void;
}

export class LedgerWriter {
  readonly #thread: Worker;
  readonly #onStored: (lastMessage: number) => void;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #waiting: Entry[] = [];
  #waitingBytes = 0;
  #inHand: readonly Entry[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Rows taken over, and of these the durable ones. */
  #added = 0;
  #stored = 0;
  #failure: unknown;
  #drained: PromiseWithResolvers<void>[] = [];
  readonly #gate = newGate();
  /** Asked of the thread and not answered yet, by their numbers. */
  readonly #completing = new Map<number, PromiseWithResolvers<void>>();
  #lastCompletion = 0;

  /** @param onStored called after each durable batch with the highest `message.seq` */
  constructor(archiveFile: string, onStored: (lastMessage: number) => void) {
    this.#onStored = onStored;
    this.#thread = new Worker(new URL('./writer-thread.ts', import.meta.url), {
      workerData: { archive: archiveFile, gate: this.#gate },
      resourceLimits: { maxYoungGenerationSizeMb: threadYoungMb },
    });
    this.#thread.on('message', (message: FromWriter) => this.#receive(message));
    this.#thread.on('error', (error) => this.#fail(error));
    this.#thread.on('exit', () => {
      this.#fail(new Error('the writer thread of the archive ended'));
      this.#closed.resolve();
    });
    this.#opened.promise.catch(() => undefined);
  }

  /** Resolves when the ledger is open. @throws the Fault that kept it from opening */
  opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Takes a row over; waits first while too much is not durable yet. @throws the Fault that stopped the archive */
  async add(row: WriterRow): Promise<Receipt> {
    while (this.#waitingBytes > waitingBytes && this.#failure === undefined) await this.#someDrained();
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<Settled>();
    promise.catch(() => undefined); // a receipt that nobody waits for must not end the process
    this.#waiting.push({ row, resolve, reject });
    this.#added += 1;
    this.#waitingBytes += rowBytes + (row.body?.inline?.length ?? 0);
    if (this.#waitingBytes >= batchBytes || this.#waiting.length >= batchRows) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), gatherMs);
    return { durable: promise };
  }

  /** Writes them all or none; durable when it resolves. @throws Error (a bug) where one is not allowed; the Fault that stopped the archive */
  async complete(notes: readonly CompletionToWrite[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (notes.length === 0) return;
    this.#lastCompletion += 1;
    const id = this.#lastCompletion;
    const answer = Promise.withResolvers<void>();
    this.#completing.set(id, answer);
    this.#thread.postMessage({ kind: 'complete', id, notes } satisfies ToWriter);
    await answer.promise;
  }

  #completed(id: number): PromiseWithResolvers<void> | undefined {
    const answer = this.#completing.get(id);
    this.#completing.delete(id);
    return answer;
  }

  /** Resolves when every row added before is durable, whatever is added meanwhile. @throws the Fault that stopped the archive */
  async flush(): Promise<void> {
    this.#send();
    const last = this.#added;
    while (this.#stored < last && this.#failure === undefined) await this.#someDrained();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) {
      await this.flush().catch(() => undefined);
      this.#thread.postMessage({ kind: 'close' } satisfies ToWriter);
      await this.#closed.promise;
    } else {
      await endThread(this.#thread, this.#gate);
    }
  }

  #someDrained(): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#drained.push(waiter);
    return waiter.promise;
  }

  #wake(): void {
    for (const waiter of this.#drained.splice(0)) waiter.resolve();
  }

  #send(): void {
    if (this.#inHand !== undefined || this.#waiting.length === 0 || this.#failure !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#waiting;
    this.#inHand = entries;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const rows = entries.map((entry) => entry.row);
    const transfer = rows.flatMap((row) => (row.body?.inline === undefined ? [] : [row.body.inline.buffer]));
    this.#thread.postMessage({ kind: 'batch', rows } satisfies ToWriter, transfer);
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'opened':
        this.#onStored(message.lastMessage);
        this.#opened.resolve();
        return;
      case 'stored': {
        const entries = this.#inHand ?? [];
        this.#inHand = undefined;
        this.#stored += entries.length;
        this.#send();
        entries.forEach((entry, index) => {
          const settled = message.settled[index];
          if (settled !== undefined) entry.resolve(settled);
        });
        this.#onStored(message.lastMessage);
        this.#wake();
        return;
      }
      case 'completed':
        this.#completed(message.id)?.resolve();
        return;
      case 'not-allowed':
        this.#completed(message.id)?.reject(new Error(message.text));
        return;
      case 'failed':
        this.#fail(unpackFailure(message.failure));
        return;
      default:
        message satisfies never;
    }
  }

  #fail(reason: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    clearTimeout(this.#timer);
    this.#opened.reject(reason);
    for (const entry of [...(this.#inHand ?? []), ...this.#waiting]) entry.reject(reason);
    this.#inHand = undefined;
    this.#waiting = [];
    for (const answer of this.#completing.values()) answer.reject(reason);
    this.#completing.clear();
    this.#wake();
  }
}
