/**
 * Commands of every state, and the login: CAPABILITY, ID, NOOP, LOGOUT, STARTTLS, AUTHENTICATE, LOGIN.
 *
 * The hard thing is what Exchange does not do: no challenge after a refused token, no login by password, and no word on why.
 */

import { judgeLogin, readXoauth2 } from '../auth.ts';
import { badArgument, badCommand, type Command, Refusal, textOf } from './command.ts';
import type { Session } from './session.ts';

/** M365 (recorded): capabilities 2022 to 2026; LOGINDISABLED since 2025; no CONDSTORE, QRESYNC, ENABLE, SPECIAL-USE, ESEARCH … */
const tail = 'SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+';
const clear = 'IMAP4 IMAP4rev1 LOGINDISABLED STARTTLS UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+';
const beforeLogin = `IMAP4 IMAP4rev1 LOGINDISABLED AUTH=PLAIN AUTH=XOAUTH2 ${tail}`;
const afterLogin = `IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 ${tail} MOVE CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE`;

export function capability(session: Session): string {
  const words = session.state.kind !== 'before-login' ? afterLogin : session.isSecure ? beforeLogin : clear;
  session.outgoing.line(`* CAPABILITY ${words}`);
  return 'OK CAPABILITY completed.';
}

export function id(session: Session): string {
  session.outgoing.line('* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")');
  return 'OK ID completed';
}

export function noop(): string {
  return 'OK NOOP completed.';
}

export function logout(session: Session): string {
  session.outgoing.line('* BYE Microsoft Exchange Server IMAP4 server signing off.');
  return 'OK LOGOUT completed.';
}

/** M365 (recorded): passwords are refused whatever they are. */
export function login(session: Session, command: Command): string {
  if (session.state.kind !== 'before-login') throw new Refusal('BAD Command received in Invalid state.');
  if (command.args.length !== 2) throw badArgument();
  throw new Refusal('NO LOGIN failed.');
}

/** M365 (recorded): `AUTHENTICATE XOAUTH2` with the response on the same line (SASL-IR, RFC 4959) or after `+ `; refused at once, without a challenge. */
export async function authenticate(session: Session, command: Command): Promise<string> {
  if (session.state.kind !== 'before-login') throw new Refusal('BAD Command received in Invalid state.');
  if (!session.isSecure) throw new Refusal('NO AUTHENTICATE failed.');
  const mechanism = textOf(command.args[0]).toUpperCase();
  if (mechanism !== 'XOAUTH2' && mechanism !== 'PLAIN') throw new Refusal('NO AUTHENTICATE failed.');
  let response: string;
  if (command.args[1] !== undefined) response = textOf(command.args[1]);
  else {
    session.outgoing.text('+ \r\n');
    session.outgoing.flush();
    response = await session.incoming.line();
  }
  if (response === '*') throw badCommand();
  const parts = mechanism === 'XOAUTH2' ? readXoauth2(response) : undefined;
  if (!parts) throw new Refusal('NO AUTHENTICATE failed.');
  const outcome = await judgeLogin(session.tenant, 'imap', parts.user, parts.token);
  if (outcome.kind === 'refused') {
    session.tenant.note(`imap login of ${parts.user} refused: ${outcome.because}`);
    throw new Refusal('NO AUTHENTICATE failed.');
  }
  if (outcome.kind === 'not-connected') session.tenant.note(`imap login of ${parts.user} is not connected: ${outcome.because}`);
  session.loggedIn({ kind: outcome.kind, mailbox: outcome.mailbox }, outcome.expires);
  const { quirks, seen, folders } = outcome.mailbox;
  const every = quirks.uidValidityChangesEvery;
  if (every && seen.logins > 1 && (seen.logins - 1) % every === 0) folders[0]?.renumber();
  return 'OK AUTHENTICATE completed.';
}
