/**
 * What a server's 4yz and 5yz mean: the one place that reads Exchange's codes and texts. M365 (doc) where nothing else is said.
 *
 * The hard thing: neither the number nor the enhanced code suffices. 5.2.252 is a missing right under 554 and a punishment under 550;
 * 5.7.139 is told apart by its wording only. So it is a table of all three, the first row that fits wins, and what has no row
 * keeps its text and gets no cause.
 */
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { SmtpReply } from './wire.ts';

/** What was being done, for the refusals that mean something only there. */
export type Purpose = 'login' | 'password-login' | 'other';

interface Rule {
  readonly fault: SmtpRefusal;
  readonly code?: readonly number[];
  readonly enhanced?: RegExp;
  readonly text?: RegExp;
}

type SmtpRefusal = Extract<Fault['code'], `smtp.${string}`>;

const rules: readonly Rule[] = [
  { fault: 'smtp.disabled-for-tenant', text: /SmtpClientAuthentication is disabled for the Tenant/i },
  { fault: 'smtp.disabled-for-mailbox', text: /SmtpClientAuthentication is disabled for the Mailbox/i },
  // M365 (assumed): this wording is widely quoted for passwords.
  { fault: 'smtp.basic-auth-off', enhanced: /^5\.7\.139$/, text: /basic authentication is disabled/i },
  {
    fault: 'smtp.policy-refused',
    enhanced: /^5\.7\.139$/,
    text: /did not meet the criteria|organization configuration|security defaults/i,
  },
  { fault: 'smtp.basic-auth-off', enhanced: /^5\.7\.30$/ },
  { fault: 'smtp.xoauth2-malformed', enhanced: /^5\.5\.12[1-6]$/ },
  { fault: 'smtp.token-expired', enhanced: /^5\.7\.14[23]$/ },
  { fault: 'smtp.not-authenticated', enhanced: /^5\.7\.57$/ },
  // RFC 4954 §6.
  { fault: 'smtp.not-authenticated', code: [530], text: /authenticat/i },
  { fault: 'smtp.send-as-denied', code: [554], enhanced: /^5\.2\.252$/ },
  { fault: 'smtp.throttled-by-errors', code: [550], enhanced: /^5\.2\.25[1-5]$/ },
  { fault: 'smtp.send-as-denied', text: /SendAsDenied/i },
  { fault: 'smtp.send-as-denied', enhanced: /^5\.7\.60$/ },
  { fault: 'smtp.recipient-busy', code: [432], text: /recipient thread limit/i },
  { fault: 'smtp.too-many-connections', code: [432], text: /sender thread limit|concurrent connections limit/i },
  { fault: 'smtp.rate', code: [421], text: /submission rate/i },
  { fault: 'smtp.mailbox-logon-failed', text: /mailbox logon failure|MapiExceptionLogonFailed/i },
  { fault: 'smtp.quota', text: /SubmissionQuotaExceeded/i },
  { fault: 'smtp.quota', enhanced: /^5\.1\.90$/ },
  { fault: 'smtp.mailbox-full', code: [554], enhanced: /^5\.2\.2$/ },
  { fault: 'smtp.external-limit', enhanced: /^5\.7\.23[23]$/ },
  { fault: 'smtp.spam-blocked', text: /OutboundSpamException/i },
  { fault: 'smtp.spam-blocked', enhanced: /^5\.7\.705$/ },
  { fault: 'smtp.high-volume-rule', enhanced: /^(?:5\.5\.105|5\.7\.240|5\.7\.62|5\.6\.241|5\.2\.240)$/ },
  { fault: 'smtp.service-unavailable', enhanced: /^4\.7\.[56]\d\d$/ },
  // RFC 5321 §4.2.2: 421, 451. RFC 4954 §6: 454, a passing failure of the authentication.
  { fault: 'smtp.service-unavailable', code: [421, 451, 454] },
];

/** Server texts in evidence are cut here: they are for reading. */
const maxTextLength = 500;

/** The fault for an answer that is not the hoped for. */
export function refusal(reply: SmtpReply, purpose: Purpose, evidence: Evidence): Fault {
  const seen = { ...evidence, ...replyEvidence(reply) };
  const known = knownRefusal(reply);
  if (known !== undefined) return new Fault(known, seen);
  // RFC 4954 §4: the mechanism is not known here.
  if (reply.code === 504 && purpose === 'login') return new Fault('smtp.no-xoauth2', seen);
  if (reply.code >= 500 && purpose !== 'other') return new Fault('smtp.authenticate-refused', seen);
  return new Fault(reply.code >= 500 ? 'smtp.refused' : 'smtp.refused-for-now', seen);
}

/** The fault for a refusal in place of a greeting, or for one that answers nothing. */
export function farewell(reply: SmtpReply, evidence: Evidence): Fault {
  return new Fault(knownRefusal(reply) ?? 'smtp.closed-by-server', { ...evidence, ...replyEvidence(reply) });
}

function knownRefusal(reply: SmtpReply): SmtpRefusal | undefined {
  const line = onOneLine(reply);
  const fits = (rule: Rule): boolean =>
    (rule.code === undefined || rule.code.includes(reply.code)) &&
    (rule.enhanced === undefined || rule.enhanced.test(reply.enhanced ?? '')) &&
    (rule.text === undefined || rule.text.test(line));
  return reply.code < 400 ? undefined : rules.find(fits)?.fault;
}

/** `server`: the answer as it came, on one line, with the bracket text that Microsoft's support asks for. */
function replyEvidence(reply: SmtpReply): Evidence {
  const server = onOneLine(reply).slice(0, maxTextLength);
  return reply.enhanced === undefined ? { server } : { server, enhancedCode: reply.enhanced };
}

/** The answer for a person: `535 5.7.3 Authentication unsuccessful`. */
export function onOneLine({ code, text }: SmtpReply): string {
  return `${code} ${text.replaceAll('\n', ' ')}`.trim();
}
