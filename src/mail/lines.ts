/**
 * Lines out of chunks of bytes that are cut anywhere. No I/O.
 *
 * The hard thing is the limit: a line is never collected further than it, however small the pieces are in which it comes.
 * A bare LF ends a line too. Text has one character a byte.
 */
import type { Fault } from '../fault/fault.ts';

const LF = 10;
const CR = 13;
const noBytes = Buffer.alloc(0);

export class Lines {
  /** What was pushed last, and how far it is read. Whoever reads bytes that are no lines moves `at` on. */
  chunk: Buffer = noBytes;
  at = 0;
  readonly #maxLineBytes: number;
  readonly #tooLong: () => Fault;
  /** The beginning of a line whose end has not come yet. */
  #start: Buffer[] = [];
  #startBytes = 0;

  constructor(maxLineBytes: number, tooLong: () => Fault) {
    this.#maxLineBytes = maxLineBytes;
    this.#tooLong = tooLong;
  }

  /** Whether everything that was pushed has been read, and no line is half read. */
  get clean(): boolean {
    return this.at === this.chunk.length && this.#startBytes === 0;
  }

  /** What was pushed behind the last line and has not been looked at. */
  get rest(): Uint8Array {
    return this.chunk.subarray(this.at);
  }

  /** Only after the last chunk was read. It must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (this.at < this.chunk.length) throw new Error('push before the last chunk was read');
    this.chunk = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.at = 0;
  }

  /** The next line without its end; undefined: more bytes are needed. @throws the fault for a line that is too long. */
  next(): string | undefined {
    const start = this.at;
    if (start === this.chunk.length) return undefined;
    const lf = this.chunk.indexOf(LF, start);
    const end = lf < 0 ? this.chunk.length : lf;
    if (this.#startBytes + end - start > this.#maxLineBytes) throw this.#tooLong();
    if (lf < 0) {
      this.#start.push(this.chunk.subarray(start));
      this.#startBytes += end - start;
      this.at = end;
      return undefined;
    }
    this.at = end + 1;
    const bytes =
      this.#startBytes === 0 ? this.chunk.subarray(start, end) : Buffer.concat([...this.#start, this.chunk.subarray(start, end)]);
    this.#start = [];
    this.#startBytes = 0;
    return bytes.toString('latin1', 0, bytes.at(-1) === CR ? bytes.length - 1 : bytes.length);
  }
}
