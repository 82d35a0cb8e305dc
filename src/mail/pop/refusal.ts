/**
 * What a server's -ERR means: the one place that reads Exchange's and other servers' texts.
 *
 * The hard thing: there are no codes to rely on, so the match is on a part of the text, never on a whole line; and what has no rule
 * keeps its text and gets no cause.
 */
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { PopStatus } from './wire.ts';

/** What was being done, for the refusals that mean something only there. `mechanism`: before the server had anything of the credential. */
export type Purpose = 'mechanism' | 'login' | 'password-login' | 'other';

/** Server texts in evidence are cut here: they are for reading. */
const maxTextLength = 500;

/** Lines that mean the same wherever they come. Undefined: none of them. */
export function knownRefusal(answer: PopStatus, evidence: Evidence): Fault | undefined {
  const { code, text } = answer;
  const seen = { ...evidence, ...evidenceOf(answer) };
  // M365 (doc, seen 2025-11): `Protocol error. Connection is closed. 10`, for a token on the line of AUTH.
  if (/Protocol error\b.*Connection is closed/i.test(text)) return new Fault('pop.protocol-error-closed', seen);
  // M365 (assumed: documented for IMAP, whose server shares these texts): token expiry, backoff, unavailability.
  if (/AccessTokenExpired/i.test(text)) return new Fault('pop.token-expired', seen);
  const backoff = /Suggested Backoff Time: *(\d{1,12})/i.exec(text)?.[1];
  if (backoff !== undefined) return new Fault('pop.throttled', { ...seen, backoffMs: Number(backoff) });
  if (/Request is throttled/i.test(text)) return new Fault('pop.throttled', seen);
  // RFC 3206 §4: a passing failure of something behind the server.
  if (/Server Unavailable/i.test(text) || code === 'SYS/TEMP') return new Fault('pop.server-unavailable', seen);
  // RFC 2449 §8.1.
  if (code === 'LOGIN-DELAY') return new Fault('pop.login-delay', seen);
  if (code === 'IN-USE' || /\b(?:maildrop|mail ?box|mail drop)\b.*\b(?:locked|in use)\b/i.test(text)) {
    return new Fault('pop.mailbox-locked', seen);
  }
  if (/\bconnection (?:is )?(?:being )?closed|\bclosing connection\b/i.test(text)) return new Fault('pop.closed-by-server', seen);
  return undefined;
}

/** The fault for a -ERR to a command. */
export function refusal(answer: PopStatus, purpose: Purpose, evidence: Evidence): Fault {
  const known = knownRefusal(answer, evidence);
  if (known !== undefined) return known;
  const seen = { ...evidence, ...evidenceOf(answer) };
  if (purpose === 'mechanism') return new Fault('pop.no-xoauth2', seen);
  if (purpose === 'login') return new Fault('pop.authenticate-refused', seen);
  if (purpose === 'password-login') return new Fault('pop.logon-refused', seen);
  return new Fault('pop.refused', seen);
}

/** The fault for a -ERR in place of a greeting, or for one that answers nothing. */
export function farewell(answer: PopStatus, evidence: Evidence): Fault {
  return knownRefusal(answer, evidence) ?? new Fault('pop.closed-by-server', { ...evidence, ...evidenceOf(answer) });
}

function evidenceOf({ code, text }: PopStatus): Evidence {
  const server = text.slice(0, maxTextLength);
  return code === undefined ? { server } : { server, responseCode: code };
}
