/**
 * What could be typed next in the box: the name of a field, or a value of one.
 *
 * The hard thing is to help and never to be in the way: nothing is suggested for words, nor for what stands there whole already, and what
 * a suggestion replaces is only the piece that is being typed.
 */
import type { MessageFacets } from '../../../../src/service/api.ts';
import { condition } from './query-text.ts';
import { directionText, modalityText, platformText } from './words.ts';

export interface Suggestion {
  /** How it is shown, and what it becomes: `platform:signal`. */
  readonly text: string;
  readonly says: string;
  /** The whole of the box with it. */
  readonly whole: string;
  /** Where the cursor goes then. */
  readonly caret: number;
  /** It is a condition that can be searched for; else a value has to follow. */
  readonly isWhole: boolean;
}

const most = 8;

const fields: readonly (readonly [string, string])[] = [
  ['with', 'takes part: a number, an address, a part of a name'],
  ['from', 'the sender'],
  ['to', 'the recipients'],
  ['subject', 'words of the subject'],
  ['body', 'words of the text'],
  ['attachment', 'words of a file’s name'],
  ['header', 'words of a header'],
  ['platform', 'WhatsApp, Signal, SMS …'],
  ['modality', 'mail, chat, SMS, voice call …'],
  ['kind', 'message, edit, delete, call …'],
  ['direction', 'as seen from the owner'],
  ['chat', 'direct, group or channel'],
  ['format', 'TeleMessage, journal report or mail'],
  ['owner', 'archived for this person'],
  ['source', 'met by this source'],
  ['since', 'from the beginning of a day, month or year'],
  ['until', 'to the end of a day, month or year'],
  ['has', 'with attachments'],
  ['is', 'edited, deleted, flagged, copy …'],
  ['flag', 'something that a person should know of'],
  ['thread', 'a conversation, by its id'],
  ['id', 'an item, by its id or Message-ID'],
];

const closed: Readonly<Record<string, readonly string[]>> = {
  modality: ['mail', 'sms', 'mms', 'im', 'voice', 'video', 'event', 'unknown'],
  kind: ['message', 'edit', 'delete', 'reaction', 'join', 'leave', 'rename', 'call', 'status', 'system', 'thread-day', 'unknown'],
  direction: ['in', 'out', 'internal', 'unknown'],
  chat: ['direct', 'group', 'channel', 'unknown'],
  format: ['telemessage', 'journal', 'mail'],
  has: ['attachment'],
  is: ['edited', 'deleted', 'encrypted', 'unrecognised', 'unreadable', 'flagged', 'copy', 'quarantined'],
};

const spoken: Readonly<Record<string, (value: string) => string>> = {
  modality: modalityText,
  direction: directionText,
  platform: platformText,
};

/** @param caret where the cursor stands in the text */
export function suggestions(text: string, caret: number, facets: MessageFacets | undefined): readonly Suggestion[] {
  const before = text.slice(0, caret);
  // Within quotation marks anything may follow.
  if ((before.match(/"/g)?.length ?? 0) % 2 === 1 && !/[a-z]:"[^"]*$/.test(before)) return [];
  const [piece = '', minus = '', field, value = ''] = /(-?)(?:([a-z-]+):)?"?([^\s":]*)$/.exec(before) ?? [];
  if (piece === '' || /\S/.test(text.slice(caret, caret + 1))) return [];
  const start = caret - piece.length;
  const put = (said: string, says: string, isWhole: boolean): Suggestion => {
    const rest = text.slice(caret).replace(/^"?/, '');
    const gap = isWhole && rest === '' ? ' ' : '';
    return { text: said, says, whole: `${text.slice(0, start)}${said}${gap}${rest}`, caret: start + said.length + gap.length, isWhole };
  };
  if (field === undefined) {
    const typed = value.toLowerCase();
    if (typed === '') return [];
    return fields
      .filter(([name]) => name.startsWith(typed))
      .slice(0, most)
      .map(([name, says]) => put(`${minus}${name}:`, says, false));
  }
  return valuesOf(field, facets)
    .filter(({ of }) => of.toLowerCase().startsWith(value.toLowerCase()) && of.toLowerCase() !== value.toLowerCase())
    .slice(0, most)
    .map(({ of, says }) => put(condition(field, of, minus === '-'), says, true));
}

function valuesOf(field: string, facets: MessageFacets | undefined): readonly { readonly of: string; readonly says: string }[] {
  const word = spoken[field] ?? (() => '');
  const counted = field === 'platform' || field === 'owner' || field === 'source' ? (facets?.[field] ?? []) : [];
  if (counted.length > 0) return counted.filter(({ value }) => value !== '').map(({ value }) => ({ of: value, says: word(value) }));
  if (field === 'since' || field === 'until') return (facets?.month ?? []).map(({ value }) => ({ of: value, says: '' })).reverse();
  return (closed[field] ?? []).map((value) => ({ of: value, says: word(value) }));
}
