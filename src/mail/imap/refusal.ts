/**
 * What a server's no means: the one place that reads Exchange's and other servers' texts.
 *
 * The hard thing: wording changes and gets host, time and trace data appended, so the match is on a part, never on a whole line; and
 * what has no rule keeps its text and gets no cause.
 */
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { StatusText } from './responses.ts';

/** What was being done, for the refusals that mean something only there. */
export type Purpose = 'login' | 'password-login' | 'open' | 'other';

/** Server texts in evidence are cut here: they are for reading. */
const maxTextLength = 500;

/** M365 (doc): these lines mean the same wherever they come: tagged NO or BAD, BYE, without any tag. Undefined: none of them. */
export function knownRefusal(answer: StatusText, evidence: Evidence): Fault | undefined {
  const { text } = answer;
  const seen = { ...evidence, ...evidenceOf(answer) };
  if (/authenticated but not connected/i.test(text)) return new Fault('imap.not-connected', seen);
  if (/AccessTokenExpired/i.test(text)) return new Fault('imap.token-expired', seen);
  const backoff = /Suggested Backoff Time: *(\d{1,12})/i.exec(text)?.[1];
  if (backoff !== undefined) return new Fault('imap.throttled', { ...seen, backoffMs: Number(backoff) });
  if (/Request is throttled/i.test(text) || answer.code?.name === 'THROTTLED') return new Fault('imap.throttled', seen);
  // RFC 5530 §3: UNAVAILABLE is a passing failure of something behind the server.
  if (/Server Unavailable/i.test(text) || answer.code?.name === 'UNAVAILABLE') return new Fault('imap.server-unavailable', seen);
  return undefined;
}

/** The fault for a tagged NO or BAD. */
export function refusal(status: 'NO' | 'BAD', answer: StatusText, purpose: Purpose, evidence: Evidence): Fault {
  const known = knownRefusal(answer, evidence);
  if (known !== undefined) return known;
  const seen = { ...evidence, ...evidenceOf(answer) };
  // M365 (doc): `LogonDenied-BasicAuthBlocked`.
  if (purpose === 'password-login' && /BasicAuthBlocked/i.test(answer.text)) return new Fault('imap.login-disabled', seen);
  if (status === 'BAD') return new Fault('imap.bad-command', seen);
  if (purpose === 'login' || purpose === 'password-login') return new Fault('imap.authenticate-refused', seen);
  if (purpose === 'open' && meansUnknownFolder(answer)) return new Fault('imap.folder-unknown', seen);
  return new Fault('imap.refused', seen);
}

/** The fault for a BYE that we did not ask for. */
export function farewell(answer: StatusText, evidence: Evidence): Fault {
  return knownRefusal(answer, evidence) ?? new Fault('imap.closed-by-server', { ...evidence, ...evidenceOf(answer) });
}

/** RFC 5530 §3: NONEXISTENT. RFC 9051 §7.1: TRYCREATE. Exchange sends no code: `NO Foo doesn't exist.` (M365 (assumed)). */
function meansUnknownFolder({ code, text }: StatusText): boolean {
  if (code?.name === 'NONEXISTENT' || code?.name === 'TRYCREATE') return true;
  return (
    code?.name !== 'NOPERM' &&
    /does ?n[o']t exist|not exist|non-?existent|no such (?:mailbox|folder)|unknown (?:mailbox|folder)|not found/i.test(text)
  );
}

function evidenceOf({ code, text }: StatusText): Evidence {
  const server = text.slice(0, maxTextLength);
  return code === undefined ? { server } : { server, responseCode: `${code.name} ${code.argument}`.trim().slice(0, maxTextLength) };
}
