/**
 * FETCH and UID FETCH.
 *
 * The hard thing is weight: whole messages go out as the Buffers they are, without a copy and without parsing, and the loop waits for the
 * client between two of them. Exchange's own oddities (inexact size, empty answers, substitute texts) are data of the mailbox.
 * RFC 3501 §6.4.5.
 */

import type { Flag, Message } from '../../folder.ts';
import type { MailboxQuirks } from '../../tenant.ts';
import { headerEnd, type Part, readHeaders, readMessage } from '../mime.ts';
import { shownSize, substituteFor } from '../oddities.ts';
import { type Argument, badArgument, type Command, textOf } from './command.ts';
import { positionsIn } from './sequence-set.ts';
import type { Session } from './session.ts';
import { bodyStructure, envelope } from './structure.ts';

type Item =
  | { readonly kind: 'flags' | 'uid' | 'date' | 'size' | 'envelope' | 'structure' | 'body' }
  | {
      readonly kind: 'section';
      /** How the answer names it. */
      readonly label: string;
      readonly path: readonly number[];
      readonly what: 'all' | 'header' | 'text' | 'mime' | 'fields' | 'fields-not';
      readonly fields: readonly string[];
      readonly isPeek: boolean;
      readonly partial: readonly [from: number, count: number] | undefined;
    };

const simple: Readonly<Record<string, Item>> = {
  FLAGS: { kind: 'flags' },
  UID: { kind: 'uid' },
  INTERNALDATE: { kind: 'date' },
  'RFC822.SIZE': { kind: 'size' },
  ENVELOPE: { kind: 'envelope' },
  BODYSTRUCTURE: { kind: 'structure' },
  BODY: { kind: 'body' },
};
const macros: Readonly<Record<string, readonly string[]>> = {
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'],
};
const whole = { kind: 'section', path: [], what: 'all', fields: [], isPeek: false, partial: undefined } as const;

export async function fetch(session: Session, command: Command): Promise<string> {
  const view = session.openView();
  const { quirks } = session.openMailbox();
  const isUid = command.name.startsWith('UID ');
  const items = itemsOf(command.args.slice(1));
  if (isUid && !items.some((item) => item.kind === 'uid')) items.unshift({ kind: 'uid' });
  const reads = items.some((item) => item.kind === 'section' && !item.isPeek);
  for (const position of positionsIn(view.messages, textOf(command.args[0]), isUid)) {
    const message = view.messages[position];
    if (!message) continue;
    if (message.hiddenFor > 0) {
      message.hiddenFor -= 1;
      continue;
    }
    const wantsBody = items.some((item) => item.kind === 'section' && item.what === 'all');
    if (wantsBody && quirks.emptyFetch?.includes(message.uid)) continue;
    if (reads && !view.isReadOnly && !message.flags.has('\\Seen')) {
      view.folder.setFlags(message, new Set<Flag>([...message.flags, '\\Seen']));
      view.forgetFlags(message);
      if (!items.some((item) => item.kind === 'flags')) items.push({ kind: 'flags' });
    }
    answer(session, position + 1, message, items, quirks);
    await session.outgoing.ready();
    if (session.outgoing.isOver) break;
  }
  return 'OK FETCH completed.';
}

function answer(session: Session, sequence: number, message: Message, items: readonly Item[], quirks: MailboxQuirks): void {
  const { outgoing } = session;
  const chunks = quirks.substitute?.includes(message.uid) ? [substituteFor(message, 'IMAP4')] : message.chunks;
  const source = new Source(chunks);
  outgoing.text(`* ${sequence} FETCH (`);
  for (const [index, item] of items.entries()) {
    if (index > 0) outgoing.text(' ');
    if (item.kind !== 'section') {
      outgoing.text(shown(session, message, item.kind, source, quirks));
      continue;
    }
    const content = sectionOf(source, item);
    outgoing.text(content === undefined ? `${item.label} NIL` : `${item.label} `);
    if (content !== undefined) outgoing.literal(content);
  }
  outgoing.text(')\r\n');
}

function shown(session: Session, message: Message, kind: Exclude<Item['kind'], 'section'>, source: Source, quirks: MailboxQuirks): string {
  switch (kind) {
    case 'flags':
      return `FLAGS ${session.flagsOf(message)}`;
    case 'uid':
      return `UID ${message.uid}`;
    case 'date':
      return `INTERNALDATE "${internalDate(message.internalDate)}"`;
    case 'size':
      return `RFC822.SIZE ${shownSize(message, quirks)}`;
    case 'envelope':
      return `ENVELOPE ${envelope(source.tree.headers)}`;
    case 'structure':
      return `BODYSTRUCTURE ${bodyStructure(source.bytes, source.tree, true)}`;
    default:
      return `BODY ${bodyStructure(source.bytes, source.tree, false)}`;
  }
}

/** A message's bytes and tree, made only when an item needs them. */
class Source {
  readonly chunks: readonly Buffer[];
  #bytes: Buffer | undefined;
  #tree: Part | undefined;

  constructor(chunks: readonly Buffer[]) {
    this.chunks = chunks;
  }

  get bytes(): Buffer {
    this.#bytes ??= this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
    return this.#bytes;
  }

  get tree(): Part {
    this.#tree ??= readMessage(this.bytes);
    return this.#tree;
  }
}

function sectionOf(source: Source, item: Extract<Item, { kind: 'section' }>): readonly Buffer[] | undefined {
  if (item.what === 'all' && item.path.length === 0 && !item.partial) return source.chunks;
  const content = sectionBytes(source, item);
  if (!content) return undefined;
  if (!item.partial) return [content];
  const [from, count] = item.partial;
  return [content.subarray(from, from + count)];
}

function sectionBytes(source: Source, item: Extract<Item, { kind: 'section' }>): Buffer | undefined {
  const { bytes } = source;
  if (item.path.length === 0) {
    const end = headerEnd(bytes);
    if (item.what === 'all') return bytes;
    if (item.what === 'header') return bytes.subarray(0, end);
    if (item.what === 'text') return bytes.subarray(end);
    return pickFields(bytes, 0, end, item.fields, item.what === 'fields-not');
  }
  const part = partAt(source.tree, item.path);
  if (!part) return undefined;
  if (item.what === 'all') return bytes.subarray(part.bodyStart, part.end);
  if (item.what === 'mime') return bytes.subarray(part.start, part.bodyStart);
  if (!part.inner) return undefined;
  if (item.what === 'header') return bytes.subarray(part.inner.start, part.inner.bodyStart);
  if (item.what === 'text') return bytes.subarray(part.inner.bodyStart, part.inner.end);
  return pickFields(bytes, part.inner.start, part.inner.bodyStart, item.fields, item.what === 'fields-not');
}

/** RFC 3501 §6.4.5: numbers go into multiparts, through an inner message; a message that is no multipart has itself as part 1. */
function partAt(tree: Part, path: readonly number[]): Part | undefined {
  let part = tree;
  for (const [depth, number] of path.entries()) {
    const holder: Part = depth > 0 && part.inner ? part.inner : part;
    if (holder.parts.length === 0 && number === 1 && (depth === 0 || part.inner)) part = holder;
    else {
      const next: Part | undefined = holder.parts[number - 1];
      if (!next) return undefined;
      part = next;
    }
  }
  return part;
}

function pickFields(bytes: Buffer, start: number, end: number, fields: readonly string[], isNot: boolean): Buffer {
  const wanted = new Set(fields.map((field) => field.toLowerCase()));
  const kept = readHeaders(bytes, start, end).filter((header) => wanted.has(header.name.toLowerCase()) !== isNot);
  return Buffer.from(`${kept.map((header) => header.raw).join('')}\r\n`, 'latin1');
}

function itemsOf(args: readonly Argument[]): Item[] {
  const [only] = args;
  if (args.length !== 1 || !only) throw badArgument();
  const words = only.kind === 'list' ? only.items.map((item) => textOf(item)) : [textOf(only)];
  if (words.length === 0) throw badArgument();
  return words.flatMap((word) => macros[word.toUpperCase()] ?? word).map(itemOf);
}

function itemOf(word: string): Item {
  const capital = word.toUpperCase();
  const known = simple[capital];
  if (known) return known;
  if (capital === 'RFC822') return { ...whole, label: 'RFC822' };
  if (capital === 'RFC822.HEADER') return { ...whole, what: 'header', label: 'RFC822.HEADER', isPeek: true };
  if (capital === 'RFC822.TEXT') return { ...whole, what: 'text', label: 'RFC822.TEXT' };
  const found = /^BODY(\.PEEK)?\[([^\]]*)\](?:<(\d{1,10})\.(\d{1,10})>)?$/i.exec(word);
  if (!found) throw badArgument();
  const section = found[2] ?? '';
  const inside = /^((?:\d{1,5}(?:\.|$))*)(|HEADER|TEXT|MIME|(HEADER\.FIELDS(?:\.NOT)?) \(([^)]*)\))$/i.exec(section);
  if (!inside || (section.endsWith('.') && inside[2] === '')) throw badArgument();
  const path = (inside[1] ?? '')
    .split('.')
    .filter((one) => one !== '')
    .map(Number);
  const what = whatOf(inside[3] ?? inside[2] ?? '');
  if (what === 'mime' && path.length === 0) throw badArgument();
  const partial = found[3] === undefined ? undefined : ([Number(found[3]), Number(found[4])] as const);
  return {
    kind: 'section',
    label: `BODY[${section}]${partial ? `<${partial[0]}>` : ''}`,
    path,
    what,
    fields: (inside[4] ?? '').split(' ').map((field) => field.replace(/^"|"$/g, '')),
    isPeek: found[1] !== undefined,
    partial,
  };
}

function whatOf(word: string): Extract<Item, { kind: 'section' }>['what'] {
  switch (word.toUpperCase()) {
    case '':
      return 'all';
    case 'HEADER':
      return 'header';
    case 'TEXT':
      return 'text';
    case 'MIME':
      return 'mime';
    case 'HEADER.FIELDS':
      return 'fields';
    default:
      return 'fields-not';
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** RFC 3501 §9 date-time: `17-Jul-1996 02:44:25 +0000`, day with a blank in front when it has one digit. */
export function internalDate(date: Date): string {
  const day = String(date.getUTCDate()).padStart(2);
  return `${day}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()} ${date.toISOString().slice(11, 19)} +0000`;
}
