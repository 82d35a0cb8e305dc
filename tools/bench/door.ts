/**
 * A door with a delay: passes TCP connections on and holds every byte back for half a round trip each way, without limiting throughput.
 *
 * The hard part is not to become the bottleneck: what is held back is bounded only far above bandwidth times delay, and the order and the end
 * of each direction are kept. A real connection also pays one round trip to open, which loopback does not; the first bytes of the client pay it.
 * On a connection without TLS the door can also hide a word of the server's (PIPELINING, as Exchange does not have it), and listen.
 *
 * door.ts TARGET-PORT [DELAY-MS [HIDDEN-WORD]], DELAY-MS one way, 20 unless given; prints the port it listens on and runs until it is ended.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Held back in one direction of one connection before reading pauses: 1.6 GB/s at 20 ms. */
const heldBackBytes = 32 * 1024 * 1024;

export interface Door {
  readonly port: number;
  close(): Promise<void>;
}

export interface DoorOptions {
  /** A line that consists of this word is left out of what the server says. Where the word comes in pieces it is not seen. */
  readonly hides?: string;
  /** Hears what each side says, piece by piece. */
  readonly listen?: (connection: number, from: 'client' | 'server', bytes: Buffer) => void;
}

export async function openDoor(targetPort: number, delayMs: number, { hides, listen }: DoorOptions = {}): Promise<Door> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('close', () => {
        open.delete(one);
        other.destroySoon();
      });
      one.on('error', () => other.destroy());
    }
    connections += 1;
    const connection = connections;
    if (listen !== undefined) {
      near.on('data', (bytes) => listen(connection, 'client', bytes));
      far.on('data', (bytes) => listen(connection, 'server', bytes));
    }
    passOn(near, far, delayMs, 2 * delayMs);
    passOn(far, near, delayMs, 0, hides === undefined ? undefined : without(hides));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

interface Held {
  /** Undefined: the end of this direction. */
  readonly bytes: Buffer | undefined;
  readonly dueAt: number;
}

/** Longer pieces are mail: they are not looked at. */
const longestTalkBytes = 4_096;

function without(word: string): (bytes: Buffer) => Buffer {
  const line = `\r\n${word}\r\n`;
  return (bytes) => {
    const at = bytes.length > longestTalkBytes ? -1 : bytes.indexOf(line, 0, 'latin1');
    return at < 0 ? bytes : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + line.length - 2)]);
  };
}

function passOn(from: Socket, to: Socket, delayMs: number, openingMs: number, change = (bytes: Buffer): Buffer => bytes): void {
  const held: Held[] = [];
  let heldBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const notBefore = performance.now() + openingMs + delayMs;

  function hold(bytes: Buffer | undefined): void {
    held.push({ bytes, dueAt: Math.max(notBefore, performance.now() + delayMs) });
    heldBytes += bytes?.length ?? 0;
    if (heldBytes > heldBackBytes) from.pause();
    timer ??= setTimeout(release, delayMs);
  }

  function release(): void {
    const now = performance.now();
    while (held[0] !== undefined && held[0].dueAt <= now) {
      const { bytes } = held.shift() ?? {};
      heldBytes -= bytes?.length ?? 0;
      if (bytes === undefined) to.end();
      else if (!to.destroyed) to.write(bytes);
    }
    if (heldBytes <= heldBackBytes && to.writableLength < heldBackBytes) from.resume();
    const first = held[0];
    timer = first === undefined ? undefined : setTimeout(release, Math.max(0, first.dueAt - performance.now()));
  }

  from.on('data', (bytes) => hold(change(bytes)));
  from.on('end', () => hold(undefined));
  to.on('drain', () => from.resume());
  from.on('close', () => {
    if (to.destroyed) clearTimeout(timer);
  });
}

/** The door as a process of its own: it must not share a core's turn with whoever measures. */
export async function startDoorProcess(
  targetPort: number,
  delayMs: number,
  hides?: string,
): Promise<{ readonly port: number; end(): void }> {
  const words = [String(targetPort), String(delayMs), ...(hides === undefined ? [] : [hides])];
  const child = spawn(process.execPath, [import.meta.filename, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const text of child.stdout) return { port: Number(text), end: () => void child.kill() };
  throw new Error('the door did not open');
}

if (import.meta.main) {
  const [port, delay = '20', hides] = process.argv.slice(2);
  const door = await openDoor(Number(port), Number(delay), hides === undefined ? {} : { hides });
  process.stdout.write(`${door.port}\n`);
}
