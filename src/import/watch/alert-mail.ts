/**
 * Alerts by mail: one message for all that is to be told at a time, plain text, over SMTP submission.
 *
 * The hard thing is that the mail must not feed back. It is marked as written by a machine (RFC 3834), so that nobody's out-of-office
 * answers it, and all notices of a moment go into one: a tenant that stops is one mail and not a hundred.
 */
import { randomUUID } from 'node:crypto';
import { Fault } from '../../fault/fault.ts';
import type { MailCredential, MailEndpoint } from '../../mail/endpoint.ts';
import { connectSmtp } from '../../mail/smtp/client.ts';
import type { AlertWay, Notice } from './notice.ts';

export interface AlertMailOptions {
  readonly endpoint: MailEndpoint;
  /** Undefined: a relay that knows this machine. */
  readonly credential: (signal: AbortSignal) => Promise<MailCredential | undefined>;
  readonly from: string;
  readonly to: readonly string[];
}

/** For everything from the name to the last answer. */
const deadlineMs = 120_000;

/** @throws Fault smtp.*, network.*, token.*, config.secret-* while delivering */
export function mailWay(options: AlertMailOptions): AlertWay {
  return {
    name: 'mail',
    atOnce: 200,
    deliver: async (notices, signal) => {
      const { host, port } = options.endpoint;
      const late = new AbortController();
      const timer = setTimeout(
        () => late.abort(new Fault('network.timeout', { host, port, waitedMs: deadlineMs, waitedFor: 'mail' })),
        deadlineMs,
      );
      const ends = AbortSignal.any([signal, late.signal]);
      try {
        await submit(notices, options, ends);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function submit(notices: readonly Notice[], options: AlertMailOptions, signal: AbortSignal): Promise<void> {
  const client = await connectSmtp(options.endpoint, { signal });
  try {
    const credential = await options.credential(signal);
    if (credential !== undefined) await client.authenticate(credential);
    await client.send({ from: options.from, to: options.to, bytes: Buffer.from(alertMail(notices, options), 'utf8') });
    await client.quit();
  } finally {
    client.close();
  }
}

/** RFC 5322, in UTF-8 by lines of base64, so that no server has a reason to change it. */
export function alertMail(notices: readonly Notice[], { from, to }: Pick<AlertMailOptions, 'from' | 'to'>): string {
  const [first] = notices;
  if (first === undefined) throw new Error('a mail about nothing');
  const domain = from.slice(from.lastIndexOf('@') + 1);
  const header = [
    `From: Postern <${from}>`,
    `To: ${to.map((one) => `<${one}>`).join(',\r\n ')}`,
    `Subject: ${encoded(subjectOf(notices))}`,
    `Date: ${new Date(first.at).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${randomUUID()}@${domain}>`,
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  const body = Buffer.from(bodyOf(notices), 'utf8').toString('base64').replace(/.{76}/g, '$&\r\n');
  return `${header.join('\r\n')}\r\n\r\n${body}\r\n`;
}

function subjectOf(notices: readonly Notice[]): string {
  const [first, ...more] = notices;
  if (first === undefined) return '';
  const rest = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return `[postern] ${label(first)} ${first.alert.text}${rest}`;
}

function label({ event, alert }: Notice): string {
  if (event === 'cleared') return 'over:';
  return event === 'reminder' ? `still ${alert.severity}:` : `${alert.severity}:`;
}

function bodyOf(notices: readonly Notice[]): string {
  const parts = notices.map(({ event, alert }) => {
    const { fault } = alert;
    const seen = Object.entries(fault.evidence).map(([name, value]) => `  ${name}: ${onOneLine(String(value))}`);
    const over = event === 'cleared';
    return [
      `${event.toUpperCase()}: ${alert.text}`,
      `since:  ${alert.opened}`,
      ...(alert.sources.length > 1 ? [`sources: ${alert.sources.join(', ')}`] : []),
      `code:   ${fault.code}`,
      ...(over ? [] : [`cause:  ${fault.cause}`, `fix:    ${fault.fix}`, ...(seen.length === 0 ? [] : ['seen:', ...seen])]),
      ...(over || alert.id === null ? [] : [`Known already? postern import alerts --ack ${alert.id} --note TEXT`]),
    ].join('\n');
  });
  return `${parts.join('\n\n')}\n\n-- \nPostern on ${notices[0]?.host ?? ''}\n`;
}

function onOneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** RFC 2047 §2: lines of 76 signs at most. Not encoded where it is ASCII and short. */
function encoded(text: string): string {
  const clean = onOneLine(text).slice(0, 200);
  if (/^[\x20-\x7e]{1,60}$/.test(clean)) return clean;
  const words: string[] = [];
  let word = '';
  for (const sign of clean) {
    // 36 octets are 48 in base64, with `=?utf-8?B?` and `?=` 60, and fit behind `Subject: ` into 76.
    if (Buffer.byteLength(word + sign) > 36) {
      words.push(word);
      word = '';
    }
    word += sign;
  }
  return [...words, word].map((one) => `=?utf-8?B?${Buffer.from(one, 'utf8').toString('base64')}?=`).join('\r\n ');
}
