/**
 * A conversation as a person reads it on a terminal, in a pager, or printed: days, then who said what when, with what became of it.
 *
 * The hard thing is to show everything and stay readable: an original keeps its words whatever was edited or deleted later, each copy
 * and each gap is named, and long texts say how they end and where the rest is.
 */
import type { Conversation, ConversationChange, ConversationItem, MessageRecord } from '../archive/archive.ts';
import { attachmentText, callText, shownDigits, what, whoToWhom } from './archive-text.ts';
import { count, number, printable } from './print.ts';

/** A page of paper and most terminals have room for this. */
const columns = 100;
/** Under the time of an item. */
const indent = '       ';
const shownLines = 40;
const shownNames = 12;
const shownOwners = 6;

/** Texts of the messages by their SHA-256; undefined where one cannot be read. */
export type Texts = ReadonlyMap<string, string | undefined>;

/** @param full whether long texts are shown to their end */
export function conversationText(conversation: Conversation, texts: Texts, full: boolean): string {
  const lines = heading(conversation);
  let day = '';
  for (const item of conversation.items) {
    const today = dayOf(item.at);
    if (today !== day) lines.push('', `${today} ${'─'.repeat(Math.max(0, columns - today.length - 1))}`);
    day = today;
    lines.push('', ...itemLines(item, texts, full));
  }
  return `${lines.join('\n')}\n`;
}

function heading({ platform, chatType, name, threadId, inferred, participants, messages, items }: Conversation): string[] {
  const first = items.find(({ message }) => message !== undefined)?.message?.record;
  const kind = chatType === 'unknown' ? 'conversation' : chatType === 'direct' ? 'direct chat' : chatType;
  const title = name ?? (first?.format === 'mail' || first?.format === 'journal' ? first.subject : undefined);
  const names = participants.slice(0, shownNames).join(', ');
  const more = participants.length > shownNames ? ` and ${number(participants.length - shownNames)} more` : '';
  return [
    printable([platform ?? 'mail', kind].join(' ') + (title === undefined || title === '' ? '' : `: ${title}`)),
    ...wrapped(printable(`${names}${more}`), ''),
    `${count(messages, 'message')}; times are UTC`,
    ...(threadId === undefined ? [] : [printable(`thread ${threadId}${inferred ? ' (inferred from platform and participants)' : ''}`)]),
  ];
}

function itemLines(item: ConversationItem, texts: Texts, full: boolean): string[] {
  const { message } = item;
  if (message === undefined) return gapLines(item, texts, full);
  const { record } = message;
  const lines = [headLine(timeOf(item.at), whoToWhom(record), message.sha256), ...kindLine(record)];
  // A mail's subject is a part of what it says; a captured item's is made by the app.
  if (record.format !== 'telemessage' && record.subject !== '') lines.push(...wrapped(printable(record.subject), indent));
  lines.push(...bodyLines(record, texts.get(message.sha256), full));
  if (item.owners.length > 1 || item.copies.length > 0) lines.push(copiesLine(item));
  for (const change of item.changes) lines.push(...changeLines(change, item.at, texts, full, false));
  return lines;
}

function headLine(time: string, who: string, sha256: string): string {
  const id = sha256.slice(0, shownDigits);
  const room = columns - indent.length - id.length - 2;
  const name = [...printable(who)];
  const cut = name.length > room ? [...name.slice(0, room - 1), '…'] : name;
  return `${time.padEnd(indent.length)}${cut.join('').padEnd(room)}  ${id}`;
}

function kindLine(record: MessageRecord): string[] {
  const marks: string[] = [];
  if (record.eventKind !== 'message') marks.push(what(record));
  const call = record.call === undefined ? '' : callText(record.call);
  if (call !== '') marks.push(call);
  if (record.encrypted) marks.push("sealed with the customer's key");
  if (record.problem !== undefined) marks.push('not understood by the parser');
  if (record.flags.some(({ code }) => code === 'unrecognised')) marks.push('of a shape that is not known');
  if (record.flags.some(({ code }) => code === 'clock-skew')) marks.push('its date does not fit its arrival');
  const said = marks.filter((mark) => mark !== '').join(', ');
  return said === '' ? [] : [printable(`${indent}[${said}]`)];
}

function bodyLines(record: MessageRecord, text: string | undefined, full: boolean): string[] {
  const lines = text === undefined ? [`${indent}(its stored bytes cannot be read: postern archive verify)`] : textLines(text, full);
  for (const one of record.attachments) lines.push(`${indent}attached: ${printable(attachmentText(one))}`);
  for (const leg of record.call?.legs ?? []) lines.push(...wrapped(printable(leg.raw), indent));
  return lines;
}

function textLines(text: string, full: boolean): string[] {
  const said = text
    .replace(/\r\n?/g, '\n')
    .replace(/\t/g, '    ')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  if (said === '') return [];
  const lines = said.split('\n').flatMap((line) => wrapped(printable(line), indent));
  if (full || lines.length <= shownLines) return lines;
  return [...lines.slice(0, shownLines), `${indent}… ${count(lines.length - shownLines, 'more line')}; --full shows them`];
}

function copiesLine({ copies, owners }: ConversationItem | ConversationChange): string {
  const ids = copies.slice(0, shownOwners).map(({ sha256 }) => sha256.slice(0, shownDigits));
  const more = copies.length > shownOwners ? ', …' : '';
  const others =
    copies.length === 0 ? '' : `${owners.length === 0 ? '' : '; '}${count(copies.length, 'copy', 'copies')}: ${ids.join(', ')}${more}`;
  if (owners.length === 0) return `${indent}${others}`;
  const names = owners.slice(0, shownOwners).join(', ') + (owners.length > shownOwners ? ', …' : '');
  return printable(`${indent}archived for ${count(owners.length, 'owner')} (${names})${others}`);
}

/** @param alone whether its original is missing: then its own words are all there is */
function changeLines(change: ConversationChange, at: Date, texts: Texts, full: boolean, alone: boolean): string[] {
  const { message, kind } = change;
  const { record } = message;
  const when = dayOf(change.at) === dayOf(at) ? timeOf(change.at) : `${dayOf(change.at)} ${timeOf(change.at)}`;
  const whom = record.deletedFor === 'all' ? ' for everyone' : record.deletedFor === 'me' ? ' for the owner only' : '';
  const read = record.readState === undefined || record.readState === 'unknown' ? '' : `, ${record.readState} before`;
  const said = `${kind === 'edit' ? 'edited' : 'deleted'} ${when}${kind === 'delete' ? whom : ''}${read}`;
  const id = message.sha256.slice(0, shownDigits);
  const lines = [`${`${indent}${said}`.padEnd(columns - id.length - 2)}  ${id}`];
  // A deletion repeats what stands above it.
  if (kind === 'edit' || alone) lines.push(...bodyLines(record, texts.get(message.sha256), full).map((line) => `  ${line}`));
  if (change.copies.length > 0) lines.push(`  ${copiesLine(change)}`);
  return lines;
}

function gapLines(item: ConversationItem, texts: Texts, full: boolean): string[] {
  const named = item.missing?.nativeId;
  const what = named === undefined ? 'an item that is not named' : `item ${named}`;
  const [first] = item.changes;
  const who = first === undefined ? '' : whoToWhom(first.message.record);
  return [
    ...wrapped(printable(`GAP: ${what} is not in the archive; known only by what became of it:`), indent, timeOf(item.at)),
    ...(who === '' ? [] : [printable(`${indent}${who}`)]),
    ...item.changes.flatMap((change) => changeLines(change, item.at, texts, full, true)),
  ];
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function dayOf(at: Date): string {
  return `${days[at.getUTCDay()] ?? ''} ${at.toISOString().replace(/T.*$/, '')}`;
}

function timeOf(at: Date): string {
  return at.toISOString().replace(/^.*T(\d\d:\d\d).*$/, '$1');
}

/** Broken at blanks, so that each line has room behind its indent; a word that is too long stands alone. @param first stands in the indent of the first */
function wrapped(text: string, before: string, first = ''): string[] {
  const room = columns - before.length;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<= )(?=[^ ])/)) {
    if ([...line, ...word.trimEnd()].length > room && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
  }
  lines.push(line.trimEnd());
  return lines.map((one, index) => (one === '' ? '' : (index === 0 && first !== '' ? first.padEnd(before.length) : before) + one));
}
