/**
 * What a client sends: lines and literals, awaited one after the other.
 *
 * The hard thing is that a socket hands out bytes whenever it likes; here they queue, the socket is paused while enough wait,
 * and every wait ends: by data, by the end of the connection, or by its deadline.
 */

import type { Socket } from 'node:net';

/** M365 (assumed): Exchange on premises takes 10,240 bytes a command line by default; the online value is not public. */
export const lineLimitBytes = 10_240;
/** M365 (doc): 150 MB is the largest message Exchange takes at all. */
export const literalLimitBytes = 150 * 1024 * 1024;
const highWaterBytes = 1024 * 1024;

export class ConnectionOver extends Error {}
export class LineTooLong extends Error {}

export class Incoming {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('close', this.#onEnd);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer) => {
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > highWaterBytes) this.#socket.pause();
    this.#wake?.();
  };

  readonly #onEnd = () => {
    this.#ended = true;
    this.#wake?.();
  };

  /** Stops listening and forgets what waits: bytes sent in clear before STARTTLS must never be read as commands. RFC 3501 §6.2.1. */
  detach(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('end', this.#onEnd);
    this.#chunks = [];
  }

  /** Is there a whole or partial command waiting? */
  get hasBytes(): boolean {
    return this.#waitingBytes > 0;
  }

  /** One line without its CRLF (a bare LF is taken too), as latin1. Throws {@link LineTooLong} or {@link ConnectionOver}. */
  async line(limitBytes: number = lineLimitBytes): Promise<string> {
    const line = await this.rawLine(limitBytes);
    return line.toString('latin1', 0, line.length - (line.at(-2) === 0x0d ? 2 : 1));
  }

  /** One line with its line end, CRLF or LF. Throws {@link LineTooLong} or {@link ConnectionOver}. */
  async rawLine(limitBytes: number): Promise<Buffer> {
    let scanned = 0;
    for (;;) {
      const waiting = this.#joined();
      const end = waiting.indexOf(0x0a, scanned);
      if (end > limitBytes || (end < 0 && waiting.length > limitBytes)) throw new LineTooLong();
      if (end >= 0) {
        this.#keep(waiting.subarray(end + 1));
        return waiting.subarray(0, end + 1);
      }
      scanned = waiting.length;
      await this.#more();
    }
  }

  /** Exactly so many bytes. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#waitingBytes < count) {
      this.#socket.resume();
      await this.#more();
    }
    const waiting = this.#joined();
    this.#keep(waiting.subarray(count));
    return Buffer.from(waiting.subarray(0, count));
  }

  #joined(): Buffer {
    const only = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    const joined = only ?? Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#waitingBytes = rest.length;
    if (rest.length <= highWaterBytes) this.#socket.resume();
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new ConnectionOver();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    if (this.#ended && this.#waitingBytes === 0) throw new ConnectionOver();
  }
}
