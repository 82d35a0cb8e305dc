/**
 * The IMAP server: two listeners (TLS on connect; plain with STARTTLS) and the loop of one connection.
 *
 * The hard thing is order: commands of one connection are answered one after the other however many were sent at once, and whatever
 * fails ends in an answer or in the end of that connection, never of the process.
 */

import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { Tenant } from '../../tenant.ts';
import { badCommand, type Command, LiteralTooLong, type Pieces, parseCommand, Refusal, readPieces, tagOf } from './command.ts';
import { commands, keepsNumbers, throttled } from './commands.ts';
import { ConnectionOver, LineTooLong } from './incoming.ts';
import { Session } from './session.ts';

export interface TlsKeys {
  readonly key: string;
  readonly cert: string;
}

export interface ImapServers {
  readonly tls: Server;
  readonly starttls: Server;
}

/** M365 (recorded): greeting; the bracket is the front end's name in UTF-16LE, base64. */
const frontEnd = Buffer.from('SBX0P189CA0001.sandbox.test', 'utf16le').toString('base64');

export function serveImap(tenant: Tenant, keys: TlsKeys): ImapServers {
  const run = (socket: Socket, isSecure: boolean) => {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    void converse(new Session(tenant, socket, isSecure), keys);
  };
  const tls = createTlsServer(keys, (socket) => run(socket, true));
  // A failed handshake is the client's affair: it has been told by TLS.
  tls.on('tlsClientError', (_, socket) => socket.destroy());
  return { tls, starttls: createPlainServer((socket) => run(socket, false)) };
}

async function converse(session: Session, keys: TlsKeys): Promise<void> {
  try {
    session.outgoing.line(`* OK The Microsoft Exchange IMAP4 service is ready. [${frontEnd}]`);
    while (!session.isEnding) {
      if (!session.incoming.hasBytes) session.outgoing.flush();
      const pieces = await readPieces(session.incoming, () => {
        session.outgoing.line('+ Ready for additional command text.');
        session.outgoing.flush();
      });
      session.touch();
      await session.command(() => obey(session, pieces, keys));
    }
  } catch (error) {
    farewell(session, error);
  } finally {
    session.release();
  }
}

function farewell(session: Session, error: unknown): void {
  if (error instanceof ConnectionOver) {
    session.cut();
    return;
  }
  if (error instanceof LineTooLong || error instanceof LiteralTooLong) session.outgoing.line('* BAD Command Error. 10');
  else if (error instanceof Refusal) session.outgoing.line(`* ${error.reply}`);
  else {
    session.tenant.note(`a bug of the sandbox: ${error instanceof Error ? error.stack : String(error)}`);
    session.outgoing.line('* BYE Server Unavailable. 15');
  }
  session.outgoing.end();
}

async function obey(session: Session, pieces: Pieces, keys: TlsKeys): Promise<void> {
  const tag = tagOf(pieces);
  try {
    const command = parseCommand(pieces);
    if (command.name === 'STARTTLS') return await startTls(session, command, keys);
    const handler = commands.get(command.name);
    if (!handler) throw badCommand();
    await misbehave(session, command);
    if (session.isEnding) return;
    const reply = await handler(session, command);
    if (session.isEnding && reply === '') return;
    session.writeChanges(!keepsNumbers.has(command.name));
    session.outgoing.line(`${tag} ${reply}`);
    if (command.name === 'LOGOUT') session.outgoing.end();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    session.outgoing.line(`${tag} ${error.reply}`);
  }
}

/** What the mailbox's scenario does to every command, before it is obeyed. */
async function misbehave(session: Session, command: Command): Promise<void> {
  if (session.state.kind === 'before-login') return;
  const { mailbox } = session.state;
  const { quirks } = mailbox;
  session.commandsSinceLogin += 1;
  mailbox.seen.commands += 1;
  const commandMs = quirks.slow?.commandMs;
  if (commandMs) await wait(commandMs);
  if (command.name === 'LOGOUT') return;
  if (session.isExpired) {
    session.end('* BYE Session invalidated - AccessTokenExpired');
    throw new Refusal('BAD Session invalidated - AccessTokenExpired');
  }
  if (quirks.expires && session.commandsSinceLogin > quirks.expires.afterCommands) {
    return session.end('* BYE Session invalidated - AccessTokenExpired');
  }
  if (quirks.throttle && throttled.has(command.name)) throttle(session, quirks.throttle);
}

const budgets = new WeakMap<object, { count: number; until: number }>();

/** M365 (recorded): `Request is throttled. Suggested Backoff Time`; who comes back earlier is refused again. */
function throttle(session: Session, rule: { readonly everyNth: number; readonly backoffMs: number }): void {
  const budget = budgets.get(rule) ?? { count: 0, until: 0 };
  budgets.set(rule, budget);
  const now = session.tenant.now().getTime();
  budget.count += 1;
  if (now >= budget.until && budget.count % rule.everyNth !== 0) return;
  if (now >= budget.until) budget.until = now + rule.backoffMs;
  throw new Refusal(`BAD Request is throttled. Suggested Backoff Time: ${budget.until - now} milliseconds`);
}

/** RFC 3501 §6.2.1. Bytes that came in clear after the command are thrown away. */
async function startTls(session: Session, command: Command, keys: TlsKeys): Promise<void> {
  if (session.isSecure) throw new Refusal('BAD Command received in Invalid state.');
  const { socket } = session;
  session.incoming.detach();
  session.outgoing.line(`${command.tag} OK Begin TLS negotiation now.`);
  session.outgoing.flush();
  const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(keys) });
  secured.on('error', () => secured.destroy());
  session.secured(secured);
}
