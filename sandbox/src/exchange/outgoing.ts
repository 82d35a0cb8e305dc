/**
 * What the server sends: collected into large writes, with a wait when the client does not read.
 *
 * The hard thing is a FETCH of 100,000 messages to a slow client: nothing may pile up here. Callers await `ready()` between messages.
 */

import type { Socket } from 'node:net';

const flushBytes = 64 * 1024;

export class Outgoing {
  readonly #socket: Socket;
  #parts: Buffer[] = [];
  #size = 0;
  #contentBytes = 0;
  /** When set: the connection is destroyed once so many bytes of messages have gone out. Scenario `drops`. */
  cutAfterBytes: number | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  line(text: string): void {
    this.text(`${text}\r\n`);
  }

  text(text: string): void {
    this.#add(Buffer.from(text, 'latin1'));
  }

  /** A literal: its length, then the bytes. RFC 3501 §4.3. */
  literal(chunks: readonly Buffer[]): void {
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.text(`{${size}}\r\n`);
    this.content(chunks);
  }

  /** The bytes of a message. They count towards `cutAfterBytes`; once that is reached the connection is over. */
  content(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      const limit = this.cutAfterBytes;
      if (limit !== undefined && this.#contentBytes + chunk.length > limit) {
        this.#add(chunk.subarray(0, Math.max(0, limit - this.#contentBytes)));
        this.flush();
        // `destroy` would throw away what is still queued in TLS; `destroySoon` sends it and then cuts.
        this.#socket.destroySoon();
        return;
      }
      this.#contentBytes += chunk.length;
      this.#add(chunk);
    }
  }

  #add(bytes: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (this.#size >= flushBytes) this.flush();
  }

  flush(): void {
    if (this.#size === 0) return;
    const joined = this.#parts.length === 1 && this.#parts[0] ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    if (!this.#socket.destroyed && !this.#socket.writableEnded) this.#socket.write(joined);
  }

  get isOver(): boolean {
    return this.#socket.destroyed || this.#socket.writableEnded;
  }

  /** Resolves when more may be written; at once when the socket is over. */
  async ready(): Promise<void> {
    if (!this.#socket.writableNeedDrain || this.isOver) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  /** Sends what waits and closes. */
  end(): void {
    this.flush();
    this.#socket.destroySoon();
  }
}
