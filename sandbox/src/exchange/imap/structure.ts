/**
 * ENVELOPE and BODYSTRUCTURE: what a server says about a message without sending it. RFC 3501 §7.4.2.
 *
 * The hard thing is addresses: groups, comments, quoted names and unquoted commas are all met in real mail. What is no address at all
 * still becomes one entry, never an error.
 */

import { type Header, headerValue, type Part, readParameters } from '../mime.ts';

/** A string of the protocol, or NIL: quoted when it may be, else a literal. The result is latin1. */
export function nstring(text: string | undefined): string {
  if (text === undefined) return 'NIL';
  return /^[\x20-\x7e]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `{${text.length}}\r\n${text}`;
}

interface Address {
  readonly name: string | undefined;
  readonly mailbox: string | undefined;
  readonly host: string | undefined;
}

export function envelope(headers: readonly Header[]): string {
  const text = (name: string) => nstring(headerValue(headers, name));
  const from = addresses(headerValue(headers, 'from'));
  // RFC 3501 §7.4.2: Sender and Reply-To default to From.
  const orFrom = (name: string) => {
    const own = addresses(headerValue(headers, name));
    return own === 'NIL' ? from : own;
  };
  const others = ['to', 'cc', 'bcc'].map((name) => addresses(headerValue(headers, name)));
  const parts = [
    text('date'),
    text('subject'),
    from,
    orFrom('sender'),
    orFrom('reply-to'),
    ...others,
    text('in-reply-to'),
    text('message-id'),
  ];
  return `(${parts.join(' ')})`;
}

function addresses(value: string | undefined): string {
  const list = value === undefined ? [] : readAddresses(value);
  if (list.length === 0) return 'NIL';
  return `(${list.map((one) => `(${nstring(one.name)} NIL ${nstring(one.mailbox)} ${nstring(one.host)})`).join('')})`;
}

/** Splits at commas outside quotes, comments and angle brackets; a group becomes a start, its members, an end. */
export function readAddresses(value: string): readonly Address[] {
  const list: Address[] = [];
  for (const piece of splitAddresses(value)) {
    const group = /^([^<>@":]+):(.*?);?$/s.exec(piece);
    if (group) {
      list.push({ name: undefined, mailbox: (group[1] ?? '').trim(), host: undefined });
      if ((group[2] ?? '').trim() !== '') list.push(...readAddresses(group[2] ?? ''));
      list.push({ name: undefined, mailbox: undefined, host: undefined });
    } else list.push(readAddress(piece));
  }
  return list;
}

function readAddress(piece: string): Address {
  const angle = /^(.*)<([^<>]*)>[^<>]*$/s.exec(piece);
  const comment = /\(([^()]*)\)/.exec(piece)?.[1];
  const address = (angle ? (angle[2] ?? '') : piece.replace(/\([^()]*\)/g, '')).trim();
  const shown = angle
    ? (angle[1] ?? '')
        .trim()
        .replace(/^"((?:[^"\\]|\\.)*)"$/s, '$1')
        .replace(/\\(.)/g, '$1')
    : comment;
  const at = address.lastIndexOf('@');
  const name = shown === undefined || shown === '' ? undefined : shown;
  return at < 0 ? { name, mailbox: address, host: '' } : { name, mailbox: address.slice(0, at), host: address.slice(at + 1) };
}

function splitAddresses(value: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  let isQuoted = false;
  let depth = 0;
  let isGroup = false;
  for (let at = 0; at < value.length; at += 1) {
    const one = value[at] ?? '';
    if (one === '\\' && (isQuoted || depth > 0)) {
      piece += one + (value[at + 1] ?? '');
      at += 1;
      continue;
    }
    if (one === '"') isQuoted = !isQuoted;
    else if (!isQuoted) {
      if (one === '(' || one === '<') depth += 1;
      else if ((one === ')' || one === '>') && depth > 0) depth -= 1;
      else if (one === ':' && depth === 0) isGroup = true;
      else if (one === ';') isGroup = false;
    }
    const ends = !isQuoted && depth === 0 && !isGroup && (one === ',' || one === ';');
    if (one === ';') piece += one;
    if (!ends) piece += one === ';' ? '' : one;
    else {
      pieces.push(piece);
      piece = '';
    }
  }
  return [...pieces, piece].map((one) => one.trim()).filter((one) => one !== '' && one !== ';');
}

/** BODYSTRUCTURE, or BODY without the extension data. */
export function bodyStructure(bytes: Buffer, part: Part, isExtended: boolean): string {
  if (part.parts.length > 0) {
    const inside = part.parts.map((one) => bodyStructure(bytes, one, isExtended)).join('');
    const extension = isExtended ? ` ${parameterList(part.parameters)} ${tail(part)}` : '';
    return `(${inside} ${nstring(part.subtype)}${extension})`;
  }
  const field = (name: string) => headerValue(part.headers, name);
  const encoding = (field('content-transfer-encoding') ?? '7bit').toLowerCase();
  const size = part.end - part.bodyStart;
  const basics = [
    nstring(part.type),
    nstring(part.subtype),
    parameterList(part.parameters),
    nstring(field('content-id')),
    nstring(field('content-description')),
    nstring(encoding),
    String(size),
  ];
  const lines = String(countLines(bytes, part.bodyStart, part.end));
  if (part.inner) basics.push(envelope(part.inner.headers), bodyStructure(bytes, part.inner, isExtended), lines);
  else if (part.type === 'text') basics.push(lines);
  if (isExtended) basics.push(nstring(field('content-md5')), tail(part));
  return `(${basics.join(' ')})`;
}

/** Disposition, language, location. */
function tail(part: Part): string {
  const disposition = headerValue(part.headers, 'content-disposition');
  const read = disposition === undefined ? undefined : readParameters(disposition);
  const shown = read ? `(${nstring(read.value)} ${parameterList(read.parameters)})` : 'NIL';
  return `${shown} ${nstring(headerValue(part.headers, 'content-language'))} ${nstring(headerValue(part.headers, 'content-location'))}`;
}

function parameterList(parameters: ReadonlyMap<string, string>): string {
  if (parameters.size === 0) return 'NIL';
  return `(${[...parameters].map(([name, value]) => `${nstring(name)} ${nstring(value)}`).join(' ')})`;
}

function countLines(bytes: Buffer, start: number, end: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a, start); at >= 0 && at < end; at = bytes.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}
