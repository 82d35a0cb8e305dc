/**
 * What stands on both sides of the forwarders that are measured: an IMAP server that holds thousands of sessions and does nothing else, as a
 * process of its own; and a client that logs in, asks one thing, or swallows a message as fast as it comes.
 *
 * The hard thing is to be no bottleneck: the client reads into one buffer again and again and only counts.
 *
 * proxy-ends.ts CERTIFICATE KEY [GROUPS] runs the server, which takes these groups for its keys or whatever Node takes; it prints its port
 * and lives until it is ended.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import tls from 'node:tls';

const deadlineMs = 60_000;

/** How a client reaches the forwarder, and what it says to log in. */
export interface Way {
  readonly port: number;
  /** PEM of the authority; plain text without it. */
  readonly ca: string | undefined;
  /** The command behind the tag. */
  readonly login: (mailbox: string) => string;
}

/** A session that has logged in. */
export class Session {
  readonly #socket: Socket;
  #text = '';
  #waiting: { readonly pattern: RegExp; readonly done: (text: string) => void; readonly fail: (error: Error) => void } | undefined;
  /** Undefined: text is collected; else bytes are only counted, up to so many. */
  #counting: { left: number; readonly done: () => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#waiting?.fail(new Error(`closed; heard ${this.#text.slice(-200)}`)));
  }

  static async open({ port, ca, login }: Way, mailbox: string): Promise<Session> {
    const where = { host: '127.0.0.1', port, noDelay: true };
    const socket = ca === undefined ? net.connect(where) : tls.connect({ ...where, servername: 'localhost', ca });
    await once(socket, ca === undefined ? 'connect' : 'secureConnect', { signal: AbortSignal.timeout(deadlineMs) });
    const session = new Session(socket);
    await session.until(/^\* OK .*\r\n/m);
    await session.ask(login(mailbox));
    return session;
  }

  /** One command and its OK. */
  async ask(command: string): Promise<string> {
    this.#socket.write(`a ${command}\r\n`);
    const text = await this.until(/^a (?:OK|NO|BAD) .*\r\n/m);
    if (!/^a OK/m.test(text)) throw new Error(text.slice(-300));
    return text;
  }

  /** Fetches the first message of the open folder so many times. @returns bytes of bodies */
  async swallow(times: number, bytes: number): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      await new Promise<void>((done) => {
        this.#counting = { left: bytes, done };
        this.#socket.write('b UID FETCH 1 (BODY.PEEK[])\r\n');
      });
      await this.until(/^b OK .*\r\n/m);
    }
  }

  end(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  async until(pattern: RegExp): Promise<string> {
    return await new Promise<string>((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`no answer; heard ${this.#text.slice(-200)}`)), deadlineMs);
      this.#waiting = {
        pattern,
        fail,
        done: (text) => {
          clearTimeout(timer);
          done(text);
        },
      };
      this.#look();
    });
  }

  #take(chunk: Buffer): void {
    const counting = this.#counting;
    if (counting !== undefined) {
      counting.left -= chunk.length;
      if (counting.left > 0) return;
      this.#counting = undefined;
      // The last piece may hold the end of the answer.
      this.#text = chunk.toString('latin1', Math.max(0, chunk.length - 200));
      counting.done();
      return;
    }
    this.#text += chunk.toString('latin1');
    this.#look();
  }

  #look(): void {
    const waiting = this.#waiting;
    const found = waiting?.pattern.exec(this.#text);
    if (waiting === undefined || found === null || found === undefined) return;
    this.#waiting = undefined;
    const text = this.#text;
    this.#text = '';
    waiting.done(text);
  }
}

/** The holder as a process of its own. */
export async function startHolder(certificate: string, key: string, groups = 'auto'): Promise<{ readonly port: number; end(): void }> {
  const child = spawn(process.execPath, [import.meta.filename, certificate, key, groups], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(deadlineMs) });
  return { port: Number(line), end: () => void child.kill() };
}

async function hold(certificate: string, key: string, ecdhCurve: string): Promise<void> {
  const server = tls.createServer({ cert: readFileSync(certificate), key: readFileSync(key), ecdhCurve }, (socket) => {
    socket.on('error', () => undefined);
    socket.write('* OK ready\r\n');
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString('latin1').split('\r\n')) {
        const [, tag, command] = /^(\S+) (\S+)/.exec(line) ?? [];
        if (tag === undefined) continue;
        if (command === 'CAPABILITY') socket.write('* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR IDLE\r\n');
        socket.write(`${tag} OK done\r\n`);
      }
    });
  });
  server.listen(0, '127.0.0.1', 8192);
  await once(server, 'listening');
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
}

if (import.meta.main) await hold(process.argv[2] ?? '', process.argv[3] ?? '', process.argv[4] ?? 'auto');
