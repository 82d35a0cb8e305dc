/**
 * What a server sends, as events: a socket read into a reader that has no I/O.
 *
 * The hard thing: bytes must not cross the border of a TLS handshake, so an upgrade asks here whether anything lies unread, and
 * begins with a new reader.
 */
import { type Evidence, Fault } from '../fault/fault.ts';
import type { ByteSocket } from '../runtime/socket.ts';

export interface EventReader<Event> {
  /** Whether everything that was pushed has been read to its last byte, and the last answer is complete. */
  readonly clean: boolean;
  push(chunk: Uint8Array): void;
  next(): Event | undefined;
}

export class Intake<Event, Reader extends EventReader<Event>> {
  readonly #socket: ByteSocket;
  readonly #where: Evidence;
  reader: Reader;

  constructor(socket: ByteSocket, reader: Reader, where: Evidence) {
    this.#socket = socket;
    this.reader = reader;
    this.#where = where;
  }

  /** Whether something has arrived that was not read. */
  get pending(): boolean {
    return !this.reader.clean || this.#socket.bufferedBytes > 0;
  }

  /** The next event out of what is here already. */
  ready(): Event | undefined {
    for (;;) {
      const event = this.reader.next();
      if (event !== undefined) return event;
      const chunk = this.#socket.take();
      if (chunk === undefined) return undefined;
      this.reader.push(chunk);
    }
  }

  /** The next event. @throws Fault of the reader, `network.timeout`, `network.connection-lost`. */
  async next(timeoutMs: number): Promise<Event> {
    for (;;) {
      const event = this.ready();
      if (event !== undefined) return event;
      const chunk = await this.#socket.read({ timeoutMs });
      if (chunk === undefined) throw new Fault('network.connection-lost', { ...this.#where, closedBy: 'server' });
      this.reader.push(chunk);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#socket.write(bytes);
  }

  /** The caller has seen that nothing is `pending`. @throws Fault `network.*`. */
  async startTls(reader: Reader, timeoutMs: number): Promise<void> {
    await this.#socket.startTls(timeoutMs);
    this.reader = reader;
  }

  /** Hands the connection over; see `ByteSocket.release`. */
  release(): ReturnType<ByteSocket['release']> {
    return this.#socket.release();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
