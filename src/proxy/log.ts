/**
 * What a proxy tells, as lines: text for people and for fail2ban, or JSON for programs. Never a password, a token or a word of a message.
 *
 * The hard thing is that a stranger chooses the name that he logs in with: so in a line for fail2ban the address stands before it, nothing
 * of it can end the line or begin another, and it is quoted.
 */
import type { Fault } from '../fault/fault.ts';
import type { LoginAttempt } from './clients/admission.ts';
import type { LoginAnswer } from './login.ts';
import type { ProxyEvent, SessionView } from './port.ts';

/** One line without its end; undefined: nothing for people. */
export function logText(event: ProxyEvent): string | undefined {
  switch (event.kind) {
    case 'listening': {
      const { protocol, address, tls } = event.listener;
      return `listening: ${protocol} ${address} tls=${tls}`;
    }
    case 'session-opened':
      return `session opened: ${who(event.session)} took=${Math.round(event.tookMs)}ms`;
    case 'session-closed': {
      const { session, outcome, fault } = event;
      const code = fault === undefined ? '' : ` code=${fault.code}`;
      return `session closed: ${who(session)} in=${session.bytesIn} out=${session.bytesOut} messages=${session.messages} outcome=${quoted(outcome)}${code}`;
    }
    case 'login-refused':
      return `login refused: address=${event.address} protocol=${event.protocol} reason=${event.reason} name=${quoted(event.name)}`;
    case 'login-failed': {
      const { address, protocol, client, mailbox, fault } = event;
      return `login failed behind the proxy: address=${address} protocol=${protocol} client=${client} mailbox=${mailbox} ${faultText(fault)}`;
    }
    case 'session-fault':
      return `session fault: ${who(event.session)} ${faultText(event.fault)}`;
    case 'locked':
      return `locked: address=${event.address} until=${new Date(event.untilMs).toISOString()}${event.name === undefined ? '' : ` name=${quoted(event.name)}`}`;
    case 'turned-away':
      return `turned away: address=${event.address} protocol=${event.protocol} reason=${event.reason}`;
    case 'pause':
      return `pause: mailbox=${event.mailbox} protocol=${event.protocol} until=${new Date(event.untilMs).toISOString()} code=${event.fault.code}`;
    case 'reloaded':
      return `reloaded: ${event.what}`;
    case 'queue':
      return queueText(event.event);
    case 'fault':
      return `fault: ${faultText(event.fault)}`;
    case 'draining':
      return `closing: ${event.sessions} sessions are open`;
  }
}

/** What became of a login, for its transcript. */
export function loginText({ name, actAs = '' }: LoginAttempt, answer: LoginAnswer): string {
  const who = `name=${quoted(name.slice(0, 200))}${actAs === '' ? '' : ` as=${quoted(actAs.slice(0, 200))}`}`;
  switch (answer.kind) {
    case 'opened':
      return `logged in: ${who} client=${answer.session.facts.client} mailbox=${answer.session.facts.mailbox}`;
    case 'refused':
      return `login refused: reason=${answer.reason} ${who}`;
    case 'put-off':
      return `login put off: ${who} ${faultText(answer.fault)}`;
    case 'failed':
      return `login failed behind the proxy: ${who} ${faultText(answer.fault)}`;
  }
}

/** The same for programs. */
export function logFields(event: ProxyEvent): Readonly<Record<string, unknown>> {
  const { kind, ...rest } = event;
  const fields: Record<string, unknown> = { event: `proxy-${kind}` };
  for (const [name, value] of Object.entries(rest)) fields[name] = fieldOf(value);
  return fields;
}

function fieldOf(value: unknown): unknown {
  if (value instanceof Error && 'evidence' in value && 'code' in value) return { code: value.code, evidence: value.evidence };
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fieldOf(inner)]));
}

function queueText(event: Extract<ProxyEvent, { kind: 'queue' }>['event']): string {
  const { message } = event;
  const which = `id=${message.id} client=${message.client} mailbox=${message.mailbox}`;
  if (event.kind === 'taken') return `queue: taken ${which}`;
  if (event.kind === 'sent') return `queue: sent ${which} failed=${event.failed}`;
  return `queue: ${event.final ? 'set aside' : 'not sent yet'} ${which} ${faultText(event.fault)}`;
}

function who({ id, client, mailbox, protocol, address }: SessionView): string {
  return `address=${address} protocol=${protocol} client=${client} mailbox=${mailbox} session=${id}`;
}

/** The code, what was seen, and the act that mends it. */
function faultText({ code, evidence, entry }: Fault): string {
  const seen = Object.entries(evidence).map(([name, value]) => `${name}=${typeof value === 'string' ? quoted(value) : String(value)}`);
  return `code=${code} ${seen.join(' ')} fix=${quoted(entry.fix)}`;
}

/** On one line, in quotes, whatever it holds. */
function quoted(text: string): string {
  return JSON.stringify(text.replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD'));
}
