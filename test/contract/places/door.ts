/**
 * A door in front of a server that passes bytes on and, when told to, holds them back, cuts the connection, resets it, or falls silent.
 *
 * The hard thing is to be exact: a mishap strikes behind a number of bytes, not behind a chunk, so that it can hit the middle of a line
 * or of a literal. What came before still reaches the other side (but for a reset, by which TCP throws it away). On a connection with TLS
 * the bytes are those of the records, so a cut falls inside one; counted in records it falls between two, where the talk is whole as far
 * as it goes and only the goodbye of TLS is missing.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What happens to a connection once one side has sent so much. `cut`: both sides see the end of the stream. `reset`: the client
 * sees ECONNRESET. `stall`: nothing passes any more in either direction, and nothing ends, unless `forMs` says for how long.
 */
export interface Mishap {
  readonly does: 'cut' | 'reset' | 'stall';
  readonly afterBytes: number;
  /** The client's bytes are counted and not the server's. */
  readonly counts?: 'client';
  /** `afterBytes` is a number of whole TLS records (RFC 8446 §5.1). */
  readonly unit?: 'records';
  /** Of a stall: after so long everything goes on. */
  readonly forMs?: number;
}

export interface DoorOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /** Every byte from the server is held back so long. Order is kept, throughput is not limited. */
  readonly delayMs?: number;
  /** Asked for each connection, counted from 1, as it opens. Without it, or with undefined, nothing happens to it. */
  readonly mishap?: (connection: number) => Mishap | undefined;
  readonly interlude?: Interlude;
}

/** Something that is done at an exact moment of the talk: the connection that came so far waits until it is done. */
export interface Interlude {
  /** At how many bytes from the server, all connections together; undefined: at none. Asked for each chunk. */
  at(): number | undefined;
  /** `at` must be a later one, or none, from here on. */
  act(): Promise<void>;
}

export interface Door {
  readonly port: number;
  /** How many connections came so far. */
  readonly connections: number;
  /** Bytes from the server that were passed on so far. */
  readonly passedBytes: number;
  /** What has struck so far, in its order. */
  readonly struck: readonly Mishap[];
  /** Lets it happen to all open connections now. */
  strike(does: Mishap['does']): void;
  /** Ends all connections and closes the door. */
  close(): Promise<void>;
}

/** Opens it on 127.0.0.1, on a port that the system chooses. */
export async function startDoor({ target, delayMs = 0, mishap, interlude }: DoorOptions): Promise<Door> {
  const open = new Set<Passage>();
  const struck: Mishap[] = [];
  const traffic: Traffic = { passedBytes: 0, interlude };
  let connections = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections += 1;
    const farSide = connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true, noDelay: true });
    const fate = { delayMs, mishap: mishap?.(connections), traffic, onStruck: (one: Mishap) => struck.push(one) };
    const passage = new Passage(client, farSide, fate);
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
    get passedBytes() {
      return traffic.passedBytes;
    },
    struck,
    strike(does) {
      for (const passage of open) passage.strike({ does });
    },
    async close() {
      for (const passage of open) passage.end();
      await once(server.close(), 'close');
    },
  };
}

/** What all connections of a door share. */
interface Traffic {
  passedBytes: number;
  readonly interlude: Interlude | undefined;
}

interface Fate {
  readonly delayMs: number;
  readonly mishap: Mishap | undefined;
  readonly traffic: Traffic;
  readonly onStruck: (mishap: Mishap) => void;
}

/** One connection through the door. */
class Passage {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #fate: Fate;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #passedBytes = { client: 0, server: 0 };
  /** Undefined once it has struck. */
  #meter: Meter | undefined;
  /** What came while the connection is held up. */
  #held: (() => void)[] | undefined;
  #isOver = false;

  constructor(client: Socket, server: Socket, fate: Fate) {
    this.#client = client;
    this.#server = server;
    this.#fate = fate;
    this.#meter = fate.mishap && (fate.mishap.unit === 'records' ? recordMeter : byteMeter)(fate.mishap.afterBytes);
    client.on('data', (bytes) => this.#inTurn(() => this.#pass('client', bytes)));
    server.on('data', (bytes) => this.#later(() => this.#inTurn(() => this.#pass('server', bytes))));
    // After a mishap the client's goodbye ends it all: there is nobody left to pass it on to.
    client.on('end', () => this.#inTurn(() => (this.#isOver ? this.end() : server.end())));
    client.on('error', () => this.end());
    client.on('close', () => this.end());
    server.on('end', () => this.#later(() => this.#inTurn(() => this.#isOver || client.end())));
    server.on('error', () => this.#isOver || client.resetAndDestroy());
    if (fate.mishap?.afterBytes === 0) this.#strikeAsPlanned(fate.mishap);
  }

  strike(mishap: Omit<Mishap, 'afterBytes'>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell(mishap);
    this.#client.removeAllListeners('data').resume(); // what it still says is for nobody, but its end is to be seen
    this.#server.removeAllListeners('data').pause();
    switch (mishap.does) {
      case 'cut':
        this.#client.end();
        this.#server.destroy();
        return;
      case 'reset':
        this.#client.resetAndDestroy();
        this.#server.destroy();
        return;
      case 'stall':
        this.#goOn(); // its goodbye may be waiting
        return;
      default:
        mishap.does satisfies never;
    }
  }

  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#client.destroy();
    this.#server.destroy();
  }

  /** Tells it in the unit in which it was asked for: bytes of the server where it came at command. */
  #tell(mishap: Omit<Mishap, 'afterBytes'>): void {
    const { mishap: planned, onStruck } = this.#fate;
    onStruck({ ...mishap, afterBytes: mishap === planned ? planned.afterBytes : this.#passedBytes.server });
  }

  /** In the order in which it came, also while the connection is held up. */
  #inTurn(act: () => void): void {
    if (this.#held === undefined) act();
    else this.#held.push(act);
  }

  #holdUp(): void {
    this.#held ??= [];
    this.#client.pause();
    this.#server.pause();
  }

  #goOn(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    // One of them may hold it up again: then the rest waits on.
    for (const act of held) this.#inTurn(act);
    if (this.#held !== undefined || this.#isOver) return;
    this.#client.resume();
    this.#server.resume();
  }

  #pass(from: 'client' | 'server', bytes: Buffer): void {
    if (this.#isOver || bytes.length === 0) return;
    const { mishap, traffic } = this.#fate;
    const counts = mishap !== undefined && (mishap.counts ?? 'server') === from;
    const untilMishap = (counts ? this.#meter?.left(bytes) : undefined) ?? Number.POSITIVE_INFINITY;
    const at = from === 'server' ? traffic.interlude?.at() : undefined;
    const untilInterlude = at === undefined ? Number.POSITIVE_INFINITY : Math.max(0, at - traffic.passedBytes);
    const passed = bytes.subarray(0, Math.min(untilMishap, untilInterlude));
    if (counts) this.#meter?.pass(passed);
    this.#passedBytes[from] += passed.length;
    if (from === 'server') traffic.passedBytes += passed.length;
    this.#send(from === 'server' ? this.#server : this.#client, from === 'server' ? this.#client : this.#server, passed);
    const rest = bytes.subarray(passed.length);
    if (untilInterlude <= bytes.length && untilInterlude <= untilMishap) this.#interlude(() => this.#pass(from, rest));
    else if (untilMishap <= bytes.length && mishap !== undefined) this.#strikeAsPlanned(mishap, () => this.#pass(from, rest));
  }

  #strikeAsPlanned(mishap: Mishap, goOn: () => void = () => undefined): void {
    this.#meter = undefined;
    if (mishap.does !== 'stall' || mishap.forMs === undefined) {
      this.strike(mishap);
      return;
    }
    this.#tell(mishap);
    this.#holdUp();
    this.#held?.push(goOn);
    this.#after(mishap.forMs, () => this.#goOn());
  }

  #interlude(goOn: () => void): void {
    this.#holdUp();
    this.#held?.push(goOn);
    const { interlude } = this.#fate.traffic;
    interlude?.act().finally(() => this.#goOn());
  }

  #send(from: Socket, to: Socket, bytes: Buffer): void {
    if (bytes.length === 0 || to.write(bytes) || from.isPaused()) return;
    from.pause();
    to.once('drain', () => this.#isOver || this.#held !== undefined || from.resume());
  }

  #later(act: () => void): void {
    // Timers of the same length end in the order in which they began.
    if (this.#fate.delayMs === 0) act();
    else this.#after(this.#fate.delayMs, act);
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

/** How far it is to a point of the stream. */
interface Meter {
  /** How many of these bytes, the next of the stream, come before the point; undefined where it lies behind them all. */
  left(bytes: Buffer): number | undefined;
  /** These have gone by. */
  pass(bytes: Buffer): void;
}

function byteMeter(after: number): Meter {
  let passed = 0;
  return {
    left: (bytes) => (after - passed <= bytes.length ? after - passed : undefined),
    pass(bytes) {
      passed += bytes.length;
    },
  };
}

/** RFC 8446 §5.1: a record is five bytes of header, the last two of them the length, and so many bytes more. */
const recordHeaderBytes = 5;

function recordMeter(after: number): Meter {
  let records = 0;
  let header: number[] = [];
  let body = 0;
  /** Goes over bytes as long as `isWanted`; returns how many it took. */
  function walk(bytes: Buffer, isWanted: () => boolean): number {
    let at = 0;
    while (at < bytes.length && isWanted()) {
      if (header.length < recordHeaderBytes) {
        header.push(bytes[at] ?? 0);
        at += 1;
        body = ((header[3] ?? 0) << 8) | (header[4] ?? 0);
      } else {
        const step = Math.min(body, bytes.length - at);
        body -= step;
        at += step;
      }
      if (header.length === recordHeaderBytes && body === 0) {
        records += 1;
        header = [];
      }
    }
    return at;
  }
  return {
    left(bytes) {
      const before = { records, header: [...header], body };
      const taken = walk(bytes, () => records < after);
      const isThere = records >= after;
      ({ records, header, body } = before);
      return isThere ? taken : undefined;
    },
    pass(bytes) {
      walk(bytes, () => true);
    },
  };
}
