/**
 * CAPA and the login: AUTH in two lines, USER and PASS.
 *
 * The hard thing is what Exchange does not take: the token on the same line as AUTH, which nearly every other server takes, ends the
 * connection with an answer that says nothing of it.
 */

import type { Mailbox, Tenant } from '../../tenant.ts';
import { judgeLogin, readXoauth2 } from '../auth.ts';
import { notInThisState, PopError, PopSession, unavailable } from './session.ts';

/** M365 (recorded): neither PIPELINING nor RESP-CODES nor UTF8; M365 (assumed): what is offered before STLS. */
const clear = ['TOP', 'UIDL', 'STLS'];
const secure = ['TOP', 'UIDL', 'SASL PLAIN XOAUTH2', 'USER'];

const refused = () => new PopError('-ERR Authentication failure: unknown user name or bad password.');

export function offersPipelining(session: PopSession): boolean {
  return session.tenant.popPipelining || session.maildrop?.mailbox.quirks.popPipelining === true;
}

export function capa(session: PopSession): void {
  const words = [...(session.isSecure ? secure : clear), ...(offersPipelining(session) ? ['PIPELINING'] : [])];
  for (const line of ['+OK', ...words, '.']) session.outgoing.line(line);
}

/** M365 (recorded): getmail6 issue 256: the response on the same line is a protocol error that closes the connection. */
export async function auth(session: PopSession, args: readonly string[]): Promise<void> {
  const [mechanism = '', ...more] = args;
  if (more.length > 0) throw new PopError('-ERR Protocol error. Connection is closed. 10', true);
  if (!session.isSecure) throw notInThisState();
  const name = mechanism.toUpperCase();
  if (name !== 'XOAUTH2' && name !== 'PLAIN') throw refused();
  session.outgoing.line('+ ');
  session.outgoing.flush();
  const response = await session.incoming.line();
  const parts = name === 'XOAUTH2' ? readXoauth2(response) : undefined;
  if (!parts) throw refused();
  const outcome = await judgeLogin(session.tenant, 'pop', parts.user, parts.token);
  if (outcome.kind === 'open') {
    refuseIfLocked(session.tenant, outcome.mailbox);
    session.loggedIn(outcome.mailbox, outcome.expires);
    session.outgoing.line('+OK User successfully authenticated.');
    return;
  }
  session.tenant.note(`pop login of ${parts.user} ${outcome.kind}: ${outcome.because}`);
  // M365 (assumed): what IMAP shows as "not connected" for want of a free connection is an unavailable server here.
  throw outcome.kind === 'refused' ? refused() : new PopError(unavailable, true);
}

/** RFC 1939 §4 and RFC 2449 §8.1.2. Not known of Exchange. */
function refuseIfLocked(tenant: Tenant, mailbox: Mailbox): void {
  const { pop } = mailbox.quirks;
  if (pop === undefined) return;
  const isHeld =
    pop.exclusive === true && [...tenant.sessions].some((other) => other instanceof PopSession && other.maildrop?.mailbox === mailbox);
  if (!isHeld && !pop.lockedFor) return;
  if (pop.lockedFor) pop.lockedFor -= 1;
  throw new PopError('-ERR [IN-USE] The mailbox is locked by another session.');
}

/** M365 (recorded): a name is always taken, a password never. */
export function user(session: PopSession, args: readonly string[]): void {
  if (!session.isSecure) throw notInThisState();
  session.user = args[0];
  session.outgoing.line('+OK');
}

export function pass(session: PopSession): void {
  if (!session.isSecure || session.user === undefined) throw notInThisState();
  session.user = undefined;
  throw new PopError('-ERR Logon failure: unknown user name or bad password.');
}
