/**
 * The SMTP submission server: one plain port that is upgraded with STARTTLS, as on port 587. RFC 6409, RFC 3207.
 *
 * The hard thing is what is said when: nothing of AUTH before TLS, and mail without TLS or login is refused by two different replies.
 */

import type { Server } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Tenant } from '../../tenant.ts';
import { ConnectionOver, LineTooLong } from '../incoming.ts';
import { frontEnd, plainDoor, type TlsKeys, upgraded } from '../listeners.ts';
import { auth } from './login.ts';
import { SmtpError, SmtpSession, sizeLimitBytes } from './session.ts';
import { bdat, data, mail, rcpt } from './submit.ts';

/** Does the command and returns its whole reply. Throws {@link SmtpError}. */
type Handler = (session: SmtpSession, rest: string) => string | Promise<string>;

const handlers: Readonly<Record<string, Handler>> = {
  AUTH: auth,
  BDAT: bdat,
  DATA: data,
  EHLO: ehlo,
  HELO: helo,
  MAIL: mail,
  NOOP: () => '250 2.0.0 OK',
  RCPT: rcpt,
  RSET: rset,
  VRFY: () => '252 2.1.5 Cannot VRFY user',
};

export function serveSmtp(tenant: Tenant, keys: TlsKeys): Server {
  return plainDoor((socket) => void converse(new SmtpSession(tenant, socket), keys));
}

/** M365 (recorded): greeting, without the domain of the real one. */
async function converse(session: SmtpSession, keys: TlsKeys): Promise<void> {
  try {
    const date = session.tenant.now().toUTCString().replace('GMT', '+0000');
    session.outgoing.line(`220 ${frontEnd} Microsoft ESMTP MAIL Service ready at ${date}`);
    while (!session.isEnding) {
      if (!session.incoming.hasBytes) session.outgoing.flush();
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

function farewell(session: SmtpSession, error: unknown): void {
  if (error instanceof ConnectionOver) session.cut();
  else if (error instanceof LineTooLong) session.end('500 5.3.3 Line too long');
  else {
    session.tenant.note(`a bug of the sandbox: ${error instanceof Error ? error.stack : String(error)}`);
    session.end('421 4.3.2 Service not available');
  }
}

async function obey(session: SmtpSession, line: string, keys: TlsKeys): Promise<void> {
  const blank = line.indexOf(' ');
  const name = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
  const rest = blank < 0 ? '' : line.slice(blank + 1).trim();
  if (session.sender) {
    const { quirks, seen } = session.sender.mailbox;
    seen.commands += 1;
    if (quirks.slow) await wait(quirks.slow.commandMs);
  }
  if (name === 'STARTTLS') return startTls(session, keys);
  if (name === 'QUIT') return session.end('221 2.0.0 Service closing transmission channel');
  try {
    const handler = handlers[name];
    // M365 (assumed): the words; RFC 5321 §4.2.4: 500 for a command that is not known.
    if (!handler) throw new SmtpError(`500 5.3.3 Unrecognized command '${name.slice(0, 40).replace(/[^A-Z0-9]/g, '')}'`);
    session.outgoing.line(await handler(session, rest));
  } catch (error) {
    if (!(error instanceof SmtpError)) throw error;
    if (error.reply.startsWith('421')) session.end(error.reply);
    else session.outgoing.line(error.reply);
  }
}

/** M365 (recorded): the list, before and after TLS. */
function ehlo(session: SmtpSession, name: string): string {
  if (name === '') throw new SmtpError('501 5.5.4 Invalid domain name');
  session.hasGreeted = true;
  session.transaction = undefined;
  const words = [
    `${frontEnd} Hello [127.0.0.1]`,
    `SIZE ${sizeLimitBytes}`,
    'PIPELINING',
    'DSN',
    'ENHANCEDSTATUSCODES',
    session.isSecure ? 'AUTH LOGIN XOAUTH2' : 'STARTTLS',
    '8BITMIME',
    'BINARYMIME',
    'CHUNKING',
    'SMTPUTF8',
  ];
  return words.map((word, index) => `250${index === words.length - 1 ? ' ' : '-'}${word}`).join('\r\n');
}

function helo(session: SmtpSession, name: string): string {
  if (name === '') throw new SmtpError('501 5.5.4 Invalid domain name');
  session.hasGreeted = true;
  session.transaction = undefined;
  return `250 ${frontEnd} Hello [127.0.0.1]`;
}

function rset(session: SmtpSession): string {
  session.transaction = undefined;
  return '250 2.0.0 Resetting';
}

/** RFC 3207. Bytes that came in clear after the command are thrown away. */
function startTls(session: SmtpSession, keys: TlsKeys): void {
  if (session.isSecure || !session.hasGreeted) {
    session.outgoing.line('503 5.5.2 Send hello first');
    return;
  }
  const { socket } = session;
  session.incoming.detach();
  session.outgoing.line('220 2.0.0 SMTP server ready');
  session.outgoing.flush();
  session.secured(upgraded(socket, keys));
}
