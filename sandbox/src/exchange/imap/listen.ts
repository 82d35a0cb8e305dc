/**
 * The IMAP server: two listeners (TLS on connect; plain with STARTTLS) and the loop of one connection.
 *
 * The hard thing is order: commands of one connection are answered one after the other however many were sent at once, and whatever
 * fails ends in an answer or in the end of that connection, never of the process.
 */

import type { Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Tenant } from '../../tenant.ts';
import { ConnectionOver, LineTooLong } from '../incoming.ts';
import { frontEndInBase64, plainDoor, type TlsKeys, tlsDoor, upgraded } from '../listeners.ts';
import { backoffMs } from '../oddities.ts';
import { badCommand, type Command, LiteralTooLong, type Pieces, parseCommand, Refusal, readPieces, tagOf } from './command.ts';
import { commands, keepsNumbers, throttled } from './commands.ts';
import { Session } from './session.ts';

export interface ImapServers {
  readonly tls: Server;
  readonly starttls: Server;
}

export function serveImap(tenant: Tenant, keys: TlsKeys): ImapServers {
  const run = (socket: Socket, isSecure: boolean) => void converse(new Session(tenant, socket, isSecure), keys);
  return { tls: tlsDoor(keys, (socket) => run(socket, true)), starttls: plainDoor((socket) => run(socket, false)) };
}

/** M365 (recorded): greeting. */
async function converse(session: Session, keys: TlsKeys): Promise<void> {
  try {
    session.outgoing.line(`* OK The Microsoft Exchange IMAP4 service is ready. [${frontEndInBase64}]`);
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
  if (!quirks.throttle || !throttled.has(command.name)) return;
  const backoff = backoffMs(quirks.throttle, session.tenant.now());
  // M365 (recorded): `Request is throttled. Suggested Backoff Time`.
  if (backoff !== undefined) throw new Refusal(`BAD Request is throttled. Suggested Backoff Time: ${backoff} milliseconds`);
}

/** RFC 3501 §6.2.1. Bytes that came in clear after the command are thrown away. */
async function startTls(session: Session, command: Command, keys: TlsKeys): Promise<void> {
  if (session.isSecure) throw new Refusal('BAD Command received in Invalid state.');
  const { socket } = session;
  session.incoming.detach();
  session.outgoing.line(`${command.tag} OK Begin TLS negotiation now.`);
  session.outgoing.flush();
  session.secured(upgraded(socket, keys));
}
