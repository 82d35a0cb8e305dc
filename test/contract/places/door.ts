/**
 * A door in front of a server that passes bytes on and, when told to, holds them back, cuts the connection, resets it, or falls silent.
 *
 * The hard thing is to be exact: a mishap strikes behind a number of bytes from the server, not behind a chunk, so that it can hit the
 * middle of a line or of a literal. What came before still reaches the client (but for a reset, by which TCP throws it away).
 * On a connection with TLS the bytes are those of the records, so a cut falls inside one.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What happens to a connection once the server has sent `afterBytes`. `cut`: both sides see the end of the stream. `reset`: the client
 * sees ECONNRESET. `stall`: nothing passes any more in either direction, and nothing ends.
 */
export interface Mishap {
  readonly does: 'cut' | 'reset' | 'stall';
  readonly afterBytes: number;
}

export interface DoorOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /** Every byte from the server is held back so long. Order is kept, throughput is not limited. */
  readonly delayMs?: number;
  /** Asked for each connection, counted from 1, as it opens. Without it, or with undefined, nothing happens to it. */
  readonly mishap?: (connection: number) => Mishap | undefined;
}

export interface Door {
  readonly port: number;
  /** How many connections came so far. */
  readonly connections: number;
  /** What has struck so far, in its order. */
  readonly struck: readonly Mishap[];
  /** Lets it happen to all open connections now. */
  strike(does: Mishap['does']): void;
  /** Ends all connections and closes the door. */
  close(): Promise<void>;
}

/** Opens it on 127.0.0.1, on a port that the system chooses. */
export async function startDoor({ target, delayMs = 0, mishap }: DoorOptions): Promise<Door> {
  const open = new Set<Passage>();
  const struck: Mishap[] = [];
  let connections = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections += 1;
    const farSide = connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true, noDelay: true });
    const passage = new Passage(client, farSide, { delayMs, mishap: mishap?.(connections), onStruck: (one) => struck.push(one) });
    open.add(passage);
    client.once('close', () => open.delete(passage));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    struck,
    strike(does) {
      for (const passage of open) passage.strike(does);
    },
    async close() {
      for (const passage of open) passage.end();
      await once(server.close(), 'close');
    },
  };
}

interface Fate {
  readonly delayMs: number;
  readonly mishap: Mishap | undefined;
  readonly onStruck: (mishap: Mishap) => void;
}

/** One connection through the door. */
class Passage {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #fate: Fate;
  readonly #timers = new Set<NodeJS.Timeout>();
  #passedBytes = 0;
  #isOver = false;

  constructor(client: Socket, server: Socket, fate: Fate) {
    this.#client = client;
    this.#server = server;
    this.#fate = fate;
    client.on('data', (bytes) => this.#send(client, server, bytes));
    server.on('data', (bytes) => this.#later(() => this.#fromServer(bytes)));
    // After a mishap the client's goodbye ends it all: there is nobody left to pass it on to.
    client.on('end', () => (this.#isOver ? this.end() : server.end()));
    client.on('error', () => this.end());
    client.on('close', () => this.end());
    server.on('end', () => this.#later(() => this.#isOver || client.end()));
    server.on('error', () => this.#isOver || client.resetAndDestroy());
    if (fate.mishap?.afterBytes === 0) this.strike(fate.mishap.does);
  }

  strike(does: Mishap['does']): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#fate.onStruck({ does, afterBytes: this.#passedBytes });
    this.#client.removeAllListeners('data').resume(); // what it still says is for nobody, but its end is to be seen
    this.#server.removeAllListeners('data').pause();
    switch (does) {
      case 'cut':
        this.#client.end();
        this.#server.destroy();
        return;
      case 'reset':
        this.#client.resetAndDestroy();
        this.#server.destroy();
        return;
      case 'stall':
        return;
      default:
        does satisfies never;
    }
  }

  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromServer(bytes: Buffer): void {
    if (this.#isOver) return;
    const { mishap } = this.#fate;
    const left = mishap === undefined ? bytes.length : mishap.afterBytes - this.#passedBytes;
    const passed = bytes.subarray(0, left);
    this.#passedBytes += passed.length;
    this.#send(this.#server, this.#client, passed);
    if (mishap !== undefined && left <= bytes.length) this.strike(mishap.does);
  }

  #send(from: Socket, to: Socket, bytes: Buffer): void {
    if (to.write(bytes) || from.isPaused()) return;
    from.pause();
    to.once('drain', () => this.#isOver || from.resume());
  }

  #later(act: () => void): void {
    if (this.#fate.delayMs === 0) {
      act();
      return;
    }
    // Timers of the same length end in the order in which they began.
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, this.#fate.delayMs);
    this.#timers.add(timer);
  }
}
