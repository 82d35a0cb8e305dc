/**
 * AUTH XOAUTH2 and AUTH LOGIN. RFC 4954.
 *
 * The hard thing is the order of refusals: a switch that is off is named before anybody looks at the token, and M365 (doc) whoever sees
 * `535 5.7.3` has passed the switches.
 */

import { mailboxOf } from '../../tenant.ts';
import { judgeSender, readXoauth2 } from '../auth.ts';
import { answerOf, SmtpError, type SmtpSession } from './session.ts';

const help = 'Visit https://aka.ms/smtp_auth_disabled for more information.';

export async function auth(session: SmtpSession, rest: string): Promise<string> {
  const [mechanism = '', initial, ...more] = rest.split(' ').filter((word) => word !== '');
  // M365 (assumed): without TLS nothing of AUTH is known.
  if (!session.isSecure) throw new SmtpError('504 5.7.4 Unrecognized authentication type');
  if (!session.hasGreeted) throw new SmtpError('503 5.5.2 Send hello first');
  if (session.sender || session.transaction) throw new SmtpError('503 5.5.1 Bad sequence of commands');
  if (more.length > 0) throw new SmtpError('501 5.5.4 Invalid arguments');
  const name = mechanism.toUpperCase();
  if (name === 'XOAUTH2') return await xoauth2(session, initial ?? (await asked(session, '')));
  if (name === 'LOGIN') return await password(session, initial);
  throw new SmtpError('504 5.7.4 Unrecognized authentication type');
}

/** Sends a challenge and waits for the answer. RFC 4954 §4: `*` gives up. */
async function asked(session: SmtpSession, challenge: string): Promise<string> {
  session.outgoing.line(`334 ${challenge}`);
  session.outgoing.flush();
  const line = await session.incoming.line();
  session.touch();
  if (line === '*') throw new SmtpError('501 5.7.0 Authentication cancelled');
  return line;
}

/** M365 (recorded): refused at once, without a challenge that tells why. */
async function xoauth2(session: SmtpSession, response: string): Promise<string> {
  const parts = readXoauth2(response);
  if (!parts) throw refused(session, '535 5.7.3 Authentication unsuccessful');
  const mailbox = mailboxOf(session.tenant, parts.user);
  const instead = mailbox && answerOf(mailbox.quirks, 'login');
  if (instead !== undefined) throw refused(session, instead);
  const outcome = await judgeSender(session.tenant, parts.user, parts.token);
  if (outcome.kind === 'open') {
    session.loggedIn(outcome.sender);
    if (outcome.sender.lacks) session.tenant.note(`smtp login of ${parts.user} will not submit: ${outcome.sender.lacks}`);
    return '235 2.7.0 Authentication successful';
  }
  session.tenant.note(`smtp login of ${parts.user} ${outcome.kind}: ${outcome.because}`);
  if (outcome.kind === 'refused') throw refused(session, '535 5.7.3 Authentication unsuccessful');
  throw refused(session, `535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the ${outcome.by}. ${help}`);
}

function refused(session: SmtpSession, reply: string): SmtpError {
  return new SmtpError(session.signed(reply));
}

/** M365 (recorded): passwords are refused whatever they are; which words come depends on how far basic authentication is switched off. */
async function password(session: SmtpSession, initial: string | undefined): Promise<string> {
  const user = initial ?? (await asked(session, 'VXNlcm5hbWU6'));
  await asked(session, 'UGFzc3dvcmQ6');
  const mailbox = mailboxOf(session.tenant, Buffer.from(user, 'base64').toString());
  const instead = mailbox && answerOf(mailbox.quirks, 'password');
  throw refused(session, instead ?? '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.');
}
