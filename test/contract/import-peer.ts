/**
 * A small IMAP server that does what no well-meant one does: refuses a message, hangs up at it, falls silent at a word. In plain text on
 * loopback, so that a test can open a thousand connections to it. It knows just the commands of the import.
 */
import { once } from 'node:events';
import net from 'node:net';
import { imapMailbox } from '../../src/import/from-imap.ts';
import type { ImportSource } from '../../src/import/source.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';

export type Whim = 'obey' | 'silence' | 'cut' | 'refuse';

export interface StubbornOptions {
  readonly messages: readonly Uint8Array[];
  /** What to do at a command (`GREETING`, `LOGIN`, `EXAMINE`, `UID SEARCH`, `LOGOUT` …); by default to obey. */
  readonly at?: (command: string) => Whim;
  /** What to do at a message; `cut` and `silence` come in the middle of its body. */
  readonly atMessage?: (uid: number) => Whim;
}

export interface Stubborn {
  readonly connections: { readonly now: number; readonly most: number; readonly all: number };
  /** A source that reads from it. */
  source(name: string, folders?: readonly string[]): ImportSource;
  close(): Promise<void>;
}

export async function startStubborn(options: StubbornOptions): Promise<Stubborn> {
  const sockets = new Set<net.Socket>();
  const connections = { now: 0, most: 0, all: 0 };
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
    talk(socket, options);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    connections,
    source: (name, folders = ['INBOX']) => ({
      name,
      folders,
      everyMs: 3_600_000,
      connect: imapMailbox(
        { host: '127.0.0.1', port: address.port, tls: 'none' },
        { kind: 'password', user: name, password: async () => new Secret('word') },
        systemClock,
      ),
    }),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function talk(socket: net.Socket, options: StubbornOptions): void {
  const at = options.at ?? (() => 'obey');
  let idleTag = '';
  let rest = '';
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  const whim = at('GREETING');
  if (whim === 'cut') socket.destroy();
  if (whim === 'obey') say('* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] ready');
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
      const does = at(command);
      if (does === 'silence') continue;
      if (does === 'cut') socket.destroy();
      else if (does === 'refuse') say(`${tag} NO not now`);
      else answer(socket, tag, command, args, options);
    }
  });
}

function answer(socket: net.Socket, tag: string, command: string, args: string, options: StubbornOptions): void {
  const { messages } = options;
  const says: Readonly<Record<string, string>> = {
    LOGIN: `${tag} OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] welcome`,
    EXAMINE:
      args === '"none"'
        ? `${tag} NO [NONEXISTENT] no such folder`
        : `* ${messages.length} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n${tag} OK examined`,
    'UID SEARCH': `* SEARCH ${messages.map((_, index) => index + 1).join(' ')}\r\n${tag} OK found`,
    IDLE: '+ listening',
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
      if (does !== 'obey') {
        socket.write(body.subarray(0, body.length >> 1));
        if (does === 'cut') socket.destroySoon();
        return;
      }
      socket.write(body);
      socket.write(')\r\n');
    }
  }
  socket.write(`${tag} OK fetched\r\n`);
}
