/**
 * The subject that the phone app writes, read from the left (shapes and their grades: docs/records.md).
 *
 * The hard thing is that names stand in it unmarked: a group may be called `Deals to close`. So a number or name behind `from` ends at the
 * first ` to `, and whatever is left, with all its words, is the other side. Platforms, separators and prefixes are matched by tables and
 * by position; there is no pattern that could look back.
 */
import type { ChatType, EventKind, Modality, ReadState } from '../../../record.ts';
import { isPhone, withoutBidi } from '../phone.ts';
import { normalName, type PlatformWord, platformOf, shapeWords } from './codes.ts';

export interface SubjectReading {
  /** The row of the grammar that matched. */
  readonly shape: Shape;
  readonly eventKind: EventKind;
  readonly modality: Modality;
  /** The platform's word as it stands, and what is known of it. */
  readonly platformWord?: string;
  readonly platform?: PlatformWord;
  readonly from?: string;
  /** The other side where it is a number or a person. */
  readonly to?: string;
  readonly groupName?: string;
  /** `unknown` where the other side is a name that may be a person or a group. */
  readonly chatType: ChatType;
  readonly readState?: ReadState;
  readonly deletedFor?: 'me' | 'all';
  readonly isUnanswered: boolean;
  /** Of a system event. */
  readonly user?: string;
  readonly mobile?: string;
}

export type Shape = 'message' | 'group-prefix' | 'group-suffix' | 'channel' | 'sms' | 'call' | 'multi-call' | 'system';

/** Characters of a subject that are read: a group's name is at most some hundred. */
const subjectChars = 2_000;
/** A platform's name has at most so many characters. */
const platformChars = 40;
/** A prefix before a prefix (`STATUS - DELETED – READ – …`). */
const maxPrefixes = 3;

/** What stands between a prefix and the rest: dashes, and what is left of them where their bytes were read as another charset. */
const separators = [
  '\u00e2\u20ac\u201c',
  '\u00e2\u20ac\u201d',
  '\u00e2\u0080\u0093',
  '\u00e2\u0080\u0094',
  '–',
  '—',
  '‐',
  '‑',
  '−',
  '-',
  '\ufffd',
  '?',
  ':',
];

type Prefix = Pick<SubjectReading, 'readState' | 'deletedFor'> & { readonly eventKind?: EventKind };

/** Words before the base subject. A row matches where its words stand, in this order, with separators between them. */
const prefixes: readonly { readonly words: readonly string[]; readonly means: Prefix }[] = [
  { words: ['deleted', 'for', 'me'], means: { eventKind: 'delete', deletedFor: 'me' } },
  { words: ['deleted', 'for', 'all'], means: { eventKind: 'delete', deletedFor: 'all' } },
  { words: ['deleted'], means: { eventKind: 'delete' } },
  { words: ['edit'], means: { eventKind: 'edit' } },
  { words: ['status'], means: { eventKind: 'status' } },
];

const readStates: readonly ReadState[] = ['read', 'unread', 'unknown'];

/** `[platform ]verb from <side> to <side>`: the rows by their verb. */
const bases: readonly {
  readonly shape: Shape;
  readonly verb: string;
  readonly platform: 'needed' | 'optional' | 'none';
  readonly modality: Modality;
  readonly eventKind: EventKind;
}[] = [
  { shape: 'message', verb: 'message', platform: 'needed', modality: 'im', eventKind: 'message' },
  { shape: 'sms', verb: 'sms', platform: 'none', modality: 'sms', eventKind: 'message' },
  { shape: 'call', verb: 'voice call', platform: 'optional', modality: 'voice', eventKind: 'call' },
  { shape: 'call', verb: 'video call', platform: 'optional', modality: 'video', eventKind: 'call' },
];

/**
 * @param anyPlatform whether a platform's word that no table knows is taken for one: only where something else shows whose mail it is
 * @returns undefined where no row matches
 */
export function readSubject(subject: string, anyPlatform: boolean): SubjectReading | undefined {
  let rest = withoutBidi(subject.slice(0, subjectChars)).replace(/\s+/g, ' ').trim();
  if (!mayMatch(rest)) return undefined;
  let prefix: Prefix = {};
  for (let count = 0; count < maxPrefixes; count += 1) {
    const found = readPrefix(rest);
    if (found === undefined) break;
    // The first one is the outermost; what it says counts.
    prefix = { ...found.means, ...prefix };
    rest = found.rest;
  }
  const base = readBase(rest, anyPlatform);
  if (base === undefined) return undefined;
  return { ...base, ...prefix, eventKind: prefix.eventKind ?? base.eventKind };
}

/** Whether the words of any row stand there at all: most mail is of no feed, and is so told without looking at row after row. */
function mayMatch(text: string): boolean {
  const words = text.toLowerCase();
  return (words.includes('from ') && words.includes(' to ')) || words.includes(systemWords) || normalName(words).includes(multiCallWords);
}

const systemWords = 'android archiver system event';
const multiCallWords = 'callswithmultipleparticipants';

function readPrefix(text: string): { readonly means: Prefix; readonly rest: string } | undefined {
  for (const { words, means } of prefixes) {
    const behind = words.reduce<string | undefined>((rest, word) => (rest === undefined ? undefined : behindWord(rest, word)), text);
    if (behind === undefined) continue;
    for (const readState of readStates) {
      const further = means.eventKind === 'status' ? undefined : behindWord(behind, readState);
      if (further !== undefined) return { means: { ...means, readState }, rest: further };
    }
    return { means, rest: behind };
  }
  return undefined;
}

/** What follows the word and the separators behind it; undefined where it does not stand there as a word of its own. */
function behindWord(text: string, word: string): string | undefined {
  if (!startsWith(text, word)) return undefined;
  const rest = text.slice(word.length);
  const behind = behindSeparators(rest);
  return behind.length === rest.length && rest !== '' ? undefined : behind;
}

function behindSeparators(text: string): string {
  let at = 0;
  for (;;) {
    if (text[at] === ' ') {
      at += 1;
      continue;
    }
    const separator = separators.find((one) => text.startsWith(one, at));
    if (separator === undefined) return text.slice(at);
    at += separator.length;
  }
}

function readBase(text: string, anyPlatform: boolean): SubjectReading | undefined {
  if (normalName(text) === multiCallWords) {
    return { shape: 'multi-call', eventKind: 'call', modality: 'voice', chatType: 'unknown', isUnanswered: false };
  }
  if (startsWith(text, systemWords)) return systemEvent(text.slice(systemWords.length));
  const isUnanswered = startsWith(text, 'unanswered ');
  const words = isUnanswered ? text.slice('unanswered '.length) : text;
  for (const row of bases) {
    if (isUnanswered && row.eventKind !== 'call') continue;
    const found = behindVerb(words, row.verb, row.platform);
    if (found === undefined) continue;
    const platform = found.platformWord === undefined ? undefined : platformOf(found.platformWord);
    if (found.platformWord !== undefined && platform === undefined && !anyPlatform) continue;
    const sides = readSides(found.rest);
    if (sides === undefined) continue;
    const isSms = row.shape === 'sms' || platform?.platform === 'sms' || platform?.platform === 'mms';
    return {
      shape: row.eventKind === 'call' ? row.shape : (sides.shape ?? row.shape),
      eventKind: row.eventKind,
      modality: row.eventKind === 'call' ? row.modality : platform?.platform === 'mms' ? 'mms' : isSms ? 'sms' : row.modality,
      ...(found.platformWord === undefined ? {} : { platformWord: found.platformWord }),
      ...(row.shape === 'sms' ? { platformWord: 'SMS', platform: { platform: 'sms', isApp: false } } : {}),
      ...(platform === undefined ? {} : { platform }),
      from: sides.from,
      ...(sides.to === undefined ? {} : { to: sides.to }),
      ...(sides.groupName === undefined ? {} : { groupName: sides.groupName }),
      chatType: sides.chatType,
      isUnanswered,
    };
  }
  return undefined;
}

/** `[platform ]verb from …`: the platform's word and what stands behind `from `. */
function behindVerb(
  text: string,
  verb: string,
  platform: 'needed' | 'optional' | 'none',
): { readonly platformWord: string | undefined; readonly rest: string } | undefined {
  const phrase = `${verb} from `;
  if (startsWith(text, phrase)) return platform === 'needed' ? undefined : { platformWord: undefined, rest: text.slice(phrase.length) };
  const at = positionOf(text.slice(0, platformChars + phrase.length + 1), ` ${phrase}`);
  if (platform === 'none' || at <= 0) return undefined;
  return { platformWord: text.slice(0, at), rest: text.slice(at + 1 + phrase.length) };
}

interface Sides {
  readonly shape?: Shape;
  readonly from: string;
  readonly to?: string;
  readonly groupName?: string;
  readonly chatType: ChatType;
}

/** `<from> to <other side>`: the first ` to ` divides, all words behind it are the other side's. */
function readSides(text: string): Sides | undefined {
  const at = positionOf(text, ' to ');
  if (at <= 0) return undefined;
  const [from, other] = [text.slice(0, at).trim(), text.slice(at + 4).trim()];
  if (from === '' || other === '') return undefined;
  if (startsWith(other, 'chat group ')) return { shape: 'group-prefix', from, groupName: other.slice(11).trim(), chatType: 'group' };
  if (startsWith(other, 'channel ')) return { shape: 'channel', from, groupName: other.slice(8).trim(), chatType: 'channel' };
  if (other.slice(-11).toLowerCase() === ' chat group') {
    return { shape: 'group-suffix', from, groupName: other.slice(0, -11).trim(), chatType: 'group' };
  }
  return isPhone(other) ? { from, to: other, chatType: 'direct' } : { from, to: other, chatType: 'unknown' };
}

/** `[ - User <u> mobile <n> …]`. */
function systemEvent(tail: string): SubjectReading {
  const base = { shape: 'system', eventKind: 'system', modality: 'event', chatType: 'unknown', isUnanswered: false } as const;
  const rest = behindSeparators(tail);
  if (!startsWith(rest, 'user ')) return base;
  const at = positionOf(rest, ' mobile ');
  if (at < 0) return base;
  const user = rest.slice(5, at).trim();
  const mobile =
    rest
      .slice(at + 8)
      .trim()
      .split(' ', 1)[0] ?? '';
  return { ...base, ...(user === '' ? {} : { user }), ...(isPhone(mobile) ? { mobile } : {}) };
}

/** Without case, and counted in the text itself: lower case can be longer than what it was made of. */
function positionOf(text: string, words: string): number {
  for (let at = text.indexOf(' '); at >= 0; at = text.indexOf(' ', at + 1)) {
    if (startsWith(text.slice(at, at + words.length), words)) return at;
  }
  return -1;
}

function startsWith(text: string, word: string): boolean {
  return text.slice(0, word.length).toLowerCase() === word;
}

/**
 * The shape of a subject that no row matches, for counting: known words stay, platforms become `%`, and everything that could be a name,
 * a number or a person's word becomes `#`.
 */
export function shapeOf(subject: string): string {
  const words = withoutBidi(subject.slice(0, subjectChars))
    .toLowerCase()
    .split(/[\s–—-]+/);
  const shape: string[] = [];
  for (const word of words) {
    const bare = word.replace(/[^a-z]/g, '');
    const kept = shapeWords.has(word) ? word : platformOf(bare) !== undefined ? '%' : '#';
    if (word !== '' && !(kept === '#' && shape.at(-1) === '#')) shape.push(kept);
    if (shape.length === maxShapeWords) break;
  }
  return shape.join(' ');
}

const maxShapeWords = 16;
