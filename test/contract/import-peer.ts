/**
 * A small IMAP server that does what no well-meant one does: refuses a message, hangs up at it, falls silent at a word. In plain text on
 * loopback, so that a test can open a thousand connections to it. It knows just the commands of the import.
 */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { exactly } from '../../src/import/folders.ts';
import { imapMailbox } from '../../src/import/from-imap.ts';
import type { ImportSource } from '../../src/import/source.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';

export type Whim = 'obey' | 'silence' | 'cut' | 'refuse' | 'throttle' | 'twice';

export interface StubbornOptions {
  /** The whole folder; may grow while the server runs. What is gone is undefined. */
  readonly messages: readonly (Uint8Array | undefined)[];
  /** What to do at a command (`GREETING`, `LOGIN`, `EXAMINE`, `UID SEARCH`, `LOGOUT` …); by default to obey. */
  readonly at?: (command: string) => Whim;
  /** Sent in front of the answer to a command: news of the folder. */
  readonly news?: (command: string) => string;
  /** Once more than so many are logged in, LOGIN is refused as Exchange does it. */
  readonly mostSessions?: number;
  /** Every FETCH takes so long on its connection: a server that hands out only so much on each. */
  readonly fetchMs?: number;
  /** Of the sources that read from it. */
  readonly clock?: Clock;
  /** Instead of those of a server with IDLE. */
  readonly capabilities?: string;
  /** What to do at a message; `cut` and `silence` come in the middle of its body, `twice` sends it again under the same UID. */
  readonly atMessage?: (uid: number) => Whim;
}

export interface Stubborn {
  readonly port: number;
  readonly connections: { readonly now: number; readonly most: number; readonly all: number };
  /** A source that reads from it. */
  source(name: string, folders?: readonly string[], more?: Partial<ImportSource>): ImportSource;
  /** Commands after the login so far, in their order. */
  readonly commands: string[];
  close(): Promise<void>;
}

export async function startStubborn(options: StubbornOptions): Promise<Stubborn> {
  const sockets = new Set<net.Socket>();
  const connections = { now: 0, most: 0, all: 0 };
  const commands: string[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    connections.now += 1;
    connections.all += 1;
    connections.most = Math.max(connections.most, connections.now);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      connections.now -= 1;
    });
    talk(socket, options, commands, () => connections.now);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connections,
    commands,
    source: (name, folders = ['INBOX'], more = {}) => ({
      name,
      folders: exactly(folders),
      everyMs: 3_600_000,
      connect: imapMailbox(
        { host: '127.0.0.1', port: address.port, tls: 'none' },
        { kind: 'password', user: name, password: async () => new Secret('word') },
        options.clock ?? systemClock,
      ),
      ...more,
    }),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function talk(socket: net.Socket, options: StubbornOptions, commands: string[], sessions: () => number): void {
  const at = options.at ?? (() => 'obey');
  let idleTag = '';
  let rest = '';
  let busy: Promise<void> = Promise.resolve();
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  const whim = at('GREETING');
  if (whim === 'cut') socket.destroy();
  const capabilities = options.capabilities ?? 'IMAP4rev1 IDLE LITERAL+';
  if (whim === 'obey') say(`* OK [CAPABILITY ${capabilities}] ready`);
  socket.setEncoding('latin1').on('data', (chunk) => {
    const lines = `${rest}${String(chunk)}`.split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'DONE') {
        say(`${idleTag} OK done`);
        continue;
      }
      const [, tag = '', command = '', args = ''] = /^(\S+) ((?:UID )?\S+) ?(.*)$/.exec(line) ?? [];
      if (command === 'IDLE') idleTag = tag;
      if (!['LOGIN', 'CAPABILITY'].includes(command))
        commands.push(args === '' || command === 'UID FETCH' ? command : `${command} ${args}`);
      const does = at(command);
      if (does === 'silence') continue;
      if (does === 'cut') socket.destroy();
      else if (does === 'refuse') say(`${tag} NO not now`);
      else if (does === 'throttle') say(`${tag} NO Request is throttled. Suggested Backoff Time: 10 milliseconds`);
      else if (command === 'LOGIN' && sessions() > (options.mostSessions ?? Number.POSITIVE_INFINITY)) {
        say(`${tag} BAD User is authenticated but not connected.`);
      } else if (options.fetchMs === undefined) answer(socket, tag, command, args, options);
      else {
        busy = busy
          .then(() => pause(command === 'UID FETCH' ? options.fetchMs : 0))
          .then(() => answer(socket, tag, command, args, options));
      }
    }
  });
}

function answer(socket: net.Socket, tag: string, command: string, args: string, options: StubbornOptions): void {
  const { messages } = options;
  const there = messages.flatMap((message, index) => (message === undefined ? [] : [index + 1]));
  const [, from = '1', to = '*'] = /^UID (\d+):(\d+|\*)/.exec(args) ?? [];
  const last = there.at(-1) ?? 0;
  // RFC 9051 §9: n:* is the last one at least, also where n is behind it.
  const low = to === '*' ? Math.min(Number(from), last) : Number(from);
  const found = there.filter((uid) => uid >= low && (to === '*' || uid <= Number(to)));
  socket.write(options.news?.(command) ?? '');
  const says: Readonly<Record<string, string>> = {
    LOGIN: `${tag} OK [CAPABILITY ${options.capabilities ?? 'IMAP4rev1 IDLE LITERAL+'}] welcome`,
    EXAMINE:
      args === '"none"'
        ? `${tag} NO [NONEXISTENT] no such folder`
        : `* ${there.length} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT ${messages.length + 1}] next\r\n${tag} OK examined`,
    'UID SEARCH': `* SEARCH ${found.join(' ')}\r\n${tag} OK found`,
    IDLE: '+ listening',
    NOOP: `${tag} OK`,
    LOGOUT: `* BYE farewell\r\n${tag} OK bye`,
  };
  if (command === 'UID FETCH') fetch(socket, tag, args, options);
  else socket.write(`${says[command] ?? `${tag} BAD unknown`}\r\n`);
  if (command === 'LOGOUT') socket.end();
}

function fetch(socket: net.Socket, tag: string, args: string, { messages, atMessage = () => 'obey' }: StubbornOptions): void {
  for (const range of (args.split(' ')[0] ?? '').split(',')) {
    const [first = 0, last = first] = range.split(':').map(Number);
    for (let uid = first; uid <= last; uid += 1) {
      const body = messages[uid - 1];
      if (body === undefined) continue;
      const does = atMessage(uid);
      if (does === 'refuse') {
        socket.write(`${tag} NO this one I do not give\r\n`);
        return;
      }
      socket.write(`* ${uid} FETCH (UID ${uid} FLAGS () RFC822.SIZE ${body.length} BODY[] {${body.length}}\r\n`);
      if (does === 'cut' || does === 'silence') {
        socket.write(body.subarray(0, body.length >> 1));
        if (does === 'cut') socket.destroySoon();
        return;
      }
      socket.write(body);
      socket.write(')\r\n');
      if (does === 'twice') socket.write(`* ${uid} FETCH (UID ${uid} RFC822.SIZE 5 BODY[] {5}\r\nother)\r\n`);
    }
  }
  socket.write(`${tag} OK fetched\r\n`);
}
