/**
 * A message as a person reads it: a hit of a search, and everything that its record says.
 *
 * The hard thing is that every word of it comes from outside: whatever is shown goes through `printable`, line by line.
 */
import type {
  AttachmentRecord,
  Call,
  JournalEnvelope,
  MessageRecord,
  Participant,
  ParticipantRole,
  StoredMessage,
} from '../archive/archive.ts';
import { called } from '../archive/called.ts';
import { bytes, count, duration, number, printable, quarantineReasons } from './print.ts';

/** Digits of a message's id that are shown: enough for a billion messages. */
export const shownDigits = 12;
const shownParticipants = 50;
const shownPreview = 120;
/** Of a line of a hit: a subject or a sender may be as long as its writer likes. */
const shownLine = 300;

/** `2026-01-31 10:00`, UTC; a dash where there is none. */
export function minute(date: Date | undefined): string {
  return (
    date
      ?.toISOString()
      .replace(/:\d\d\.\d{3}Z$/, '')
      .replace('T', ' ') ?? '—'
  );
}

function calledLong(one: Participant): string {
  const more = [one.e164 ?? one.phoneRaw, one.email ?? one.syntheticEmail].filter((part) => part !== undefined);
  return one.name === undefined ? more.join(', ') || one.displayRaw : `${one.name}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}

/** `Eva Brandt → Sam Hill, +447700900777`; at most `most` of those on the right by name. */
export function whoToWhom(record: MessageRecord, most = 4): string {
  const { participants, groupName } = record;
  const from = participants.find(({ role }) => role === 'sender' || role === 'on-behalf-of');
  const to = participants.filter(({ role }) => role !== 'sender' && role !== 'on-behalf-of' && role !== 'owner');
  if (participants.length === 0) return record.to === '' ? record.from : `${record.from} → ${record.to.slice(0, 200)}`;
  const names = to.slice(0, most).map(called);
  if (to.length > most) names.push(`and ${number(to.length - most)} more`);
  const group = groupName === undefined ? '' : ` in ${JSON.stringify(groupName)}`;
  return `${from === undefined ? '(nobody named)' : called(from)}${names.length === 0 ? '' : ` → ${names.join(', ')}`}${group}`;
}

/** `WhatsApp voice call, out`: what a captured item is, in a few words; empty for mail. */
export function what(record: MessageRecord): string {
  const { platform, modality, eventKind, direction, format } = record;
  if (format !== 'telemessage') return format === 'journal' ? 'journal report' : '';
  const kind = eventKind === 'call' ? `${modality} call` : eventKind;
  return [[platform, kind].filter((word) => word !== undefined).join(' '), direction === 'unknown' ? '' : direction]
    .filter((word) => word !== '')
    .join(', ');
}

/** `3 m 05 s, ok`, or what of it is known; empty for nothing. */
export function callText({ durationSec, result, legs = [] }: Call): string {
  const parts = [
    durationSec === undefined ? '' : duration(durationSec * 1000),
    result ?? '',
    legs.length === 0 ? '' : count(legs.length, 'call'),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

export function attachmentText({ name, type, bytes: size, role }: AttachmentRecord): string {
  return `${name === '' ? '(no name)' : name} (${role === 'other' ? type : `${role}, ${type}`}, ${bytes(size)})`;
}

/** For a message that is nowhere but in quarantine. */
function quarantineText(message: StoredMessage): string | undefined {
  const reasons = new Set(message.occurrences.map((one) => one.reason));
  if (message.occurrences.some((one) => one.state !== 'quarantined')) return undefined;
  return `in quarantine: ${[...reasons].map((reason) => (reason === undefined ? 'no reason noted' : quarantineReasons[reason])).join('; ')}`;
}

/** Two to four lines: when and who, what it says, where it lies. */
export function hitText(message: StoredMessage): string {
  const { record } = message;
  const when = minute(record?.sentAt ?? message.occurrences[0]?.internalDate);
  const isCaptured = record?.format === 'telemessage';
  const who = record === undefined ? '' : isCaptured ? `${what(record)}  ${whoToWhom(record)}` : record.from;
  const where = [...new Set(message.occurrences.map((one) => `${one.source}/${one.folder}`))].join(', ');
  const files = record === undefined || record.attachments.length === 0 ? '' : `  [${count(record.attachments.length, 'attachment')}]`;
  const call = record?.call === undefined ? '' : callText(record.call);
  const said = (isCaptured ? call : undefined) ?? (record?.subject === '' ? '(no subject)' : (record?.subject ?? '(not read yet)'));
  const preview = record?.preview.slice(0, shownPreview) ?? '';
  const quarantine = quarantineText(message);
  const body = isCaptured
    ? [`${[call, preview].filter((text) => text !== '').join('  ') || '(no text)'}${files}`]
    : [`${said}${files}`, preview];
  const lines = [
    `${message.sha256.slice(0, shownDigits)}  ${when}  ${who}`,
    ...body.filter((line) => line !== '').map((line) => `    ${line}`),
    `    (${where}, ${bytes(message.bytes)})`,
    ...(quarantine === undefined ? [] : [`    ${quarantine}`]),
  ];
  return `${lines.map((line) => printable(cut(line))).join('\n')}\n`;
}

function cut(line: string): string {
  return line.length <= shownLine ? line : `${line.slice(0, shownLine).replace(/[\ud800-\udbff]$/, '')}…`;
}

const roleNames: Readonly<Record<ParticipantRole, string>> = {
  sender: 'from',
  'on-behalf-of': 'behalf',
  recipient: 'to',
  cc: 'cc',
  bcc: 'bcc',
  'group-member': 'member',
  owner: 'owner',
};

/** Everything that is known of a message. @param withProvenance where each field was read too */
export function messageText(message: StoredMessage, withProvenance: boolean): string {
  const lines: string[] = [];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') lines.push(`${name.padEnd(9)} ${value}`);
  };
  add('id', message.sha256);
  add('bytes', number(message.bytes));
  for (const one of message.occurrences) {
    add(
      'found',
      `${one.source}, ${one.folder}, UIDVALIDITY ${one.uidValidity}, UID ${one.uid}: ${one.state} ${one.acceptedAt.toISOString()}`,
    );
  }
  add('state', quarantineText(message));
  const { record } = message;
  if (record === undefined) {
    add('record', 'not derived yet');
    return textOf(lines);
  }
  addRecord(add, record);
  if (record.journal !== undefined) addEnvelope(add, record.journal);
  for (const { code, detail } of record.flags) add('flag', detail === undefined ? code : `${code}: ${detail}`);
  for (const shape of record.drift) add('unknown', shape);
  add('problem', record.problem);
  if (withProvenance) addProvenance(lines, record);
  if (record.preview !== '') lines.push('', record.preview);
  return textOf(lines);
}

function textOf(lines: readonly string[]): string {
  return `${lines.map(printable).join('\n')}\n`;
}

type Add = (name: string, value: string | undefined) => void;

function addRecord(add: Add, record: MessageRecord): void {
  add('format', record.format === 'mail' ? undefined : `${record.format} (confidence ${record.confidence})`);
  add('what', what(record));
  const named = record.participants.filter(({ role }) => roleNames[role] !== undefined);
  for (const one of named.slice(0, shownParticipants)) {
    const marks = [one.monitored === true ? 'monitored' : '', one.external === true ? 'external' : ''].filter((mark) => mark !== '');
    add(roleNames[one.role], `${calledLong(one)}${marks.length === 0 ? '' : `  [${marks.join(', ')}]`}`);
  }
  if (named.length > shownParticipants) add('', `and ${number(named.length - shownParticipants)} more`);
  if (named.length === 0) {
    add('from', record.from);
    add('to', record.to);
  }
  if (!named.some(({ role }) => role === 'owner')) add('owner', record.owner);
  add('subject', record.subject);
  add('date', record.sentAt?.toISOString() ?? 'none that can be read');
  add('id field', record.messageId);
  if (record.nativeId !== record.messageId) add('item id', record.nativeId);
  add('thread', record.threadId === undefined ? undefined : `${record.threadId}${record.threadInferred ? '  [inferred]' : ''}`);
  add('named', record.threadName ?? record.groupName);
  for (const { kind, nativeId } of record.relatesTo)
    add(kind === 'replyTo' ? 'reply to' : kind, nativeId ?? 'an item that it does not name');
  if (record.call !== undefined) add('call', callText(record.call));
  if (record.encrypted) add('sealed', "with the customer's key: only what stands in the clear is known");
  for (const one of record.attachments) {
    const name = one.name === '' ? '(no name)' : one.name;
    add('attached', `${name}, ${one.type}, ${number(one.bytes)} bytes${one.sha256 === undefined ? '' : `, SHA-256 ${one.sha256}`}`);
  }
}

/** What the server wrote around a journaled message: the evidence of who got it. */
function addEnvelope(add: Add, envelope: JournalEnvelope): void {
  add(
    'journal',
    `sender ${envelope.sender ?? 'not named'}${envelope.onBehalfOf === undefined ? '' : `, on behalf of ${envelope.onBehalfOf}`}`,
  );
  for (const { kind, address, via } of envelope.recipients.slice(0, shownParticipants)) {
    add('journal', `${kind} ${address}${via === undefined ? '' : `, ${via.how} from ${via.address}`}`);
  }
  const more = envelope.recipients.length - shownParticipants;
  if (more > 0) add('journal', `and ${number(more)} more recipients`);
  add('journal', envelope.reportMessageId === undefined ? undefined : `report ${envelope.reportMessageId}`);
}

function addProvenance(lines: string[], record: MessageRecord): void {
  const origins = Object.entries(record.provenance);
  const width = Math.max(0, ...origins.map(([name]) => name.length));
  lines.push('', `read by version ${record.parserVersion} of the parser from`);
  for (const [name, origin] of origins) lines.push(`  ${name.padEnd(width)}  ${origin}`);
  if (record.rawDate !== '') lines.push('', 'date as it stands', `  ${record.rawDate}`);
  if (record.unparsedHeaders.length > 0) lines.push('', 'headers that nothing was read from');
  for (const { name, value } of record.unparsedHeaders) lines.push(`  ${name}: ${value}`);
}
