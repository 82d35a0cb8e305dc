/**
 * The POP3 server: two listeners (TLS on connect; plain with STLS) and the loop of one connection. RFC 1939, RFC 2595 §4.
 *
 * The hard thing is order without an offer: PIPELINING is not in CAPA, yet a client may send ahead. Each command is answered in turn
 * all the same, and counted in `seen.pipelined`, so that a test can see it.
 */

import type { Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Tenant } from '../../tenant.ts';
import { ConnectionOver, LineTooLong } from '../incoming.ts';
import { frontEndInBase64, plainDoor, type TlsKeys, tlsDoor, upgraded } from '../listeners.ts';
import { auth, capa, offersPipelining, pass, user } from './login.ts';
import { dele, list, noop, retr, rset, stat, top, uidl, update } from './maildrop.ts';
import { notInThisState, PopError, PopSession, unavailable } from './session.ts';

/** Does the command and writes its whole answer. Throws {@link PopError}. */
type Handler = (session: PopSession, args: readonly string[]) => void | Promise<void>;

const anyTime: Readonly<Record<string, Handler>> = { CAPA: capa };
const beforeLogin: Readonly<Record<string, Handler>> = { AUTH: auth, USER: user, PASS: pass };
const afterLogin: Readonly<Record<string, Handler>> = {
  STAT: stat,
  LIST: list,
  UIDL: uidl,
  TOP: top,
  RETR: retr,
  DELE: dele,
  RSET: rset,
  NOOP: noop,
};

export interface PopServers {
  readonly tls: Server;
  readonly starttls: Server;
}

export function servePop(tenant: Tenant, keys: TlsKeys): PopServers {
  const run = (socket: Socket, isSecure: boolean) => void converse(new PopSession(tenant, socket, isSecure), keys);
  return { tls: tlsDoor(keys, (socket) => run(socket, true)), starttls: plainDoor((socket) => run(socket, false)) };
}

/** M365 (recorded): greeting. */
async function converse(session: PopSession, keys: TlsKeys): Promise<void> {
  try {
    session.outgoing.line(`+OK The Microsoft Exchange POP3 service is ready. [${frontEndInBase64}]`);
    while (!session.isEnding) {
      if (!session.incoming.hasBytes) session.outgoing.flush();
      else if (session.maildrop && !offersPipelining(session)) session.maildrop.mailbox.seen.pipelined += 1;
      const line = await session.incoming.line();
      session.touch();
      await obey(session, line, keys);
    }
  } catch (error) {
    farewell(session, error);
  } finally {
    session.release();
  }
}

function farewell(session: PopSession, error: unknown): void {
  if (error instanceof ConnectionOver) session.cut();
  else if (error instanceof LineTooLong) session.end('-ERR Protocol error. Connection is closed. 10');
  else {
    session.tenant.note(`a bug of the sandbox: ${error instanceof Error ? error.stack : String(error)}`);
    session.end(unavailable);
  }
}

async function obey(session: PopSession, line: string, keys: TlsKeys): Promise<void> {
  const [verb = '', ...args] = line.split(' ').filter((word) => word !== '');
  const name = verb.toUpperCase();
  try {
    if (name === 'STLS') return startTls(session, keys);
    if (name === 'QUIT') return quit(session);
    if (session.maildrop) await misbehave(session);
    const handler = anyTime[name] ?? (session.maildrop ? afterLogin : beforeLogin)[name];
    if (!handler) throw notInThisState();
    await handler(session, args);
  } catch (error) {
    if (!(error instanceof PopError)) throw error;
    if (error.closes) session.end(error.reply);
    else session.outgoing.line(error.reply);
  }
}

/** What the mailbox's scenario does to every command, before it is obeyed. */
async function misbehave(session: PopSession): Promise<void> {
  if (!session.maildrop) return;
  const { quirks, seen } = session.maildrop.mailbox;
  session.commandsSinceLogin += 1;
  seen.commands += 1;
  if (quirks.slow) await wait(quirks.slow.commandMs);
  session.refuseIfEnded();
}

/** RFC 1939 §6: what DELE has marked goes now, and only now. M365 (recorded): the words. */
function quit(session: PopSession): void {
  const cut = session.maildrop?.mailbox.quirks.pop?.cutAtQuit;
  if (cut !== 'before') update(session);
  if (cut !== undefined) throw new ConnectionOver();
  session.end('+OK Microsoft Exchange Server 2016 POP3 server signing off.');
}

/** RFC 2595 §4. Bytes that came in clear after the command are thrown away. */
function startTls(session: PopSession, keys: TlsKeys): void {
  if (session.isSecure || session.maildrop) throw notInThisState();
  const { socket } = session;
  session.incoming.detach();
  session.outgoing.line('+OK Begin TLS negotiation.');
  session.outgoing.flush();
  session.secured(upgraded(socket, keys));
}
