/**
 * Exchange journal reports: the envelope that stands in the first part, and which message is the one inside (MS-XJRNL §2.1).
 *
 * The hard thing is to refuse what only looks like one. A report's header, its two parts and every line of its envelope have to have the
 * known form; one line more, and it is kept as the mail that it is: an unwrapper that is too willing makes evidence disappear.
 */
import type { Email } from 'postal-mime';
import type { JournalEnvelope, JournalRecipient, Participant, ParticipantRole } from '../../record.ts';
import { mailDate } from './mail-date.ts';
import { clean, type OwnerList, present } from './reading.ts';

const maxRecipients = 20_000;
const maxEnvelopeChars = 2 * 1024 * 1024;

type SingleField = 'sender' | 'onBehalfOf' | 'subject' | 'messageId' | 'label' | 'mailbox' | 'sentUtc' | 'receivedUtc';

/** Lines of the envelope by their word, lower-case. */
const singles: Readonly<Record<string, SingleField>> = {
  sender: 'sender',
  'on-behalf-of': 'onBehalfOf',
  subject: 'subject',
  'message-id': 'messageId',
  label: 'label',
  mailbox: 'mailbox',
  sentutc: 'sentUtc',
  receivedutc: 'receivedUtc',
};

/** Whether the message says of itself that it is a report. */
export function claimsJournal(headers: Email['headers']): boolean {
  return headers.some((header) => header.key === 'x-ms-journal-report');
}

/** The message inside a report, and its envelope; undefined where the strict test fails. */
export interface Report {
  readonly envelope: JournalEnvelope;
  readonly inner: Uint8Array<ArrayBuffer>;
  /** The Content-Description of the part that holds it. */
  readonly description: string | undefined;
}

/** @param email parsed with `forceRfc822Attachments`, so that the message inside is an attachment */
export function readReport(email: Email): Report | undefined {
  // The header is empty where it is Exchange's; a value makes it somebody else's.
  const claims = email.headers.filter((header) => header.key === 'x-ms-journal-report');
  const type = email.headers.find((header) => header.key === 'content-type')?.value ?? '';
  if (claims.length !== 1 || claims[0]?.value !== '' || !/^multipart\/mixed\b/i.test(type)) return undefined;
  const [part, ...more] = email.attachments;
  if (part === undefined || more.length > 0 || part.mimeType !== 'message/rfc822' || typeof part.content === 'string') return undefined;
  const envelope = readEnvelope(email.text ?? '', email.messageId);
  if (envelope === undefined) return undefined;
  const content = part.content instanceof Uint8Array ? part.content : new Uint8Array(part.content);
  return { envelope, inner: Uint8Array.from(content), description: part.description };
}

/** Undefined where a line has no known form, where one stands there twice, or where the lines that are always there are not. */
export function readEnvelope(raw: string, reportMessageId: string | undefined): JournalEnvelope | undefined {
  if (raw.length > maxEnvelopeChars) return undefined;
  const fields: Partial<Record<SingleField, string>> = {};
  const recipients: JournalRecipient[] = [];
  for (const line of unfolded(raw)) {
    const colon = line.indexOf(':');
    const word = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = clean(line.slice(colon + 1));
    const single = Object.hasOwn(singles, word) ? singles[word] : undefined;
    const kind = recipientKind(word);
    if (single !== undefined && fields[single] === undefined) fields[single] = value;
    else if (kind !== undefined && value !== '' && recipients.length < maxRecipients) recipients.push(readRecipient(kind, value));
    else return undefined;
  }
  if (fields.sender === undefined || fields.messageId === undefined || recipients.length === 0) return undefined;
  const { sentUtc, receivedUtc, ...texts } = fields;
  return present<JournalEnvelope>({
    ...texts,
    sentUtc: sentUtc === undefined ? undefined : mailDate(sentUtc),
    receivedUtc: receivedUtc === undefined ? undefined : mailDate(receivedUtc),
    recipients,
    reportMessageId: reportMessageId === undefined || reportMessageId === '' ? undefined : clean(reportMessageId),
    raw,
  });
}

/** Lines that are not blank; a long subject goes on in lines that begin with white space. */
function unfolded(raw: string): string[] {
  const lines: string[] = [];
  for (const line of raw.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const last = lines.at(-1);
    if (last !== undefined && /^[ \t]/.test(line)) lines[lines.length - 1] = `${last} ${line.trim()}`;
    else lines.push(line);
  }
  return lines;
}

function recipientKind(word: string): JournalRecipient['kind'] | undefined {
  return word === 'to' || word === 'cc' || word === 'bcc' || word === 'recipient' ? word : undefined;
}

/** `a@b`, `a@b, Expanded: list@b` or `a@b, Forwarded: x@b`. */
function readRecipient(kind: JournalRecipient['kind'], value: string): JournalRecipient {
  const comma = value.indexOf(',');
  const via = comma < 0 ? null : /^\s*(expanded|forwarded):\s*(\S.*)$/i.exec(value.slice(comma + 1));
  const address = plainAddress(via === null ? value : value.slice(0, comma));
  const how = via?.[1]?.toLowerCase() === 'expanded' ? 'expanded' : 'forwarded';
  return via === null ? { kind, address } : { kind, address, via: { how, address: plainAddress(via[2] ?? '') } };
}

function plainAddress(text: string): string {
  return text.trim().replace(/^<|>$/g, '').toLowerCase();
}

/**
 * The participants of the header and those that only the envelope knows. What the envelope says of one that both know counts; one whom
 * the header does not name came as a blind copy, unless a list that the header names was expanded to him.
 */
export function withEnvelope(found: readonly Participant[], envelope: JournalEnvelope, owners: OwnerList): Participant[] {
  const named = new Map(found.flatMap((one) => (one.email === undefined ? [] : [[one.email, one]])));
  const roles = new Map<string, ParticipantRole>();
  for (const { kind, address, via } of envelope.recipients) {
    const known = kind === 'to' ? 'recipient' : kind === 'recipient' ? undefined : kind;
    const byList = via === undefined ? undefined : named.get(via.address)?.role;
    const role = known ?? named.get(address)?.role ?? byList ?? 'bcc';
    roles.set(address, role === 'sender' ? 'bcc' : role);
  }
  const changed = found.map((one) => {
    const role = one.role === 'sender' || one.email === undefined ? undefined : roles.get(one.email);
    return role === undefined ? one : { ...one, role };
  });
  const listed = new Set(found.flatMap((one) => (one.role === 'sender' || one.email === undefined ? [] : [one.email])));
  const added = [...roles].flatMap(([email, role]) => (listed.has(email) ? [] : [envelopeOne(email, role, owners)]));
  const behalf = envelope.onBehalfOf === undefined ? [] : [envelopeOne(plainAddress(envelope.onBehalfOf), 'on-behalf-of', owners)];
  return [...changed, ...added, ...behalf];
}

function envelopeOne(email: string, role: ParticipantRole, owners: OwnerList): Participant {
  const domain = email.slice(email.lastIndexOf('@') + 1);
  return present<Participant>({
    role,
    displayRaw: '',
    email,
    monitored: owners.known ? owners.has(email, undefined) : undefined,
    external: owners.domains.size === 0 ? undefined : !owners.domains.has(domain),
  });
}
