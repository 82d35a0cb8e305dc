/**
 * Every message of the corpora as a record, beside what a parser that nobody here wrote makes of it (Python's email package, its values in
 * the manifest of the corpora): leaf parts, attachments with their hashes, Message-ID, date, sender, subject.
 *
 * The hard thing is that neither side is right by definition: the reference says of many messages that it stumbled. So every difference
 * stands in a table with its reason, a new one fails, and one that is gone fails too, so that the table stays true.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { extract } from '../../src/archive/derive/extract.ts';
import { slim } from '../../src/archive/derive/slim.ts';
import type { MessageRecord, RecordProfile } from '../../src/archive/record.ts';
import { corporaFolder, unlessCorpora } from './places/peers.ts';
import { type Compared, explained } from './records-corpora-explained.ts';

interface ReferenceAttachment {
  readonly name: string | null;
  readonly type: string;
  /** Null of an embedded message. */
  readonly sha256?: string | null;
}

interface Reference {
  readonly path: string;
  readonly kind: string;
  readonly message_id?: unknown;
  readonly date_iso?: string | null;
  readonly from?: unknown;
  readonly subject?: unknown;
  readonly leaf_parts?: number;
  readonly attachments?: readonly ReferenceAttachment[];
  readonly items?: readonly (Omit<Reference, 'path' | 'kind' | 'items'> & { readonly attachment_count?: number })[];
}

/** As the reference looks at it: what stands in a report is not taken out of it. */
const asMail: RecordProfile = { format: 'mail', nameOrder: 'first-last', owners: [] };

test('every message of the corpora says what the reference says, or differs for a reason that is known', {
  skip: unlessCorpora(),
}, async (t) => {
  const manifest: { readonly files: readonly Reference[] } = JSON.parse(readFileSync(join(corporaFolder, 'manifest.json'), 'utf8'));
  const found = new Map<string, string>();
  let [messages, attachments] = [0, 0];
  for (const reference of manifest.files) {
    if (reference.kind !== 'message' && reference.kind !== 'mbox') continue;
    const bytes = readFileSync(join(corporaFolder, reference.path));
    const items = reference.kind === 'message' ? [{ bytes, reference }] : mboxItems(bytes, reference);
    for (const [index, item] of items.entries()) {
      messages += 1;
      attachments += item.reference.attachments?.length ?? 0;
      const name = reference.kind === 'message' ? reference.path : `${reference.path}#${index + 1}`;
      for (const [field, what] of await differences(item.bytes, item.reference)) found.set(`${name} ${field}`, what);
    }
  }
  const known = new Set(explained.flatMap(({ field, files }) => files.map((file) => `${file} ${field}`)));
  assert.deepEqual(
    [...found].filter(([place]) => !known.has(place)).map(([place, what]) => `${place}: ${what}`),
    [],
    'differences without a reason',
  );
  assert.deepEqual(
    [...known].filter((place) => !found.has(place)),
    [],
    'reasons without a difference',
  );
  t.diagnostic(`${messages} messages with ${attachments} attachments of the reference; ${known.size} differences, each with its reason`);
});

/** The messages of an mbox, with one `>` taken off as the reference does; undefined where the two disagree about how many there are. */
function mboxItems(bytes: Buffer, mbox: Reference): { readonly bytes: Buffer; readonly reference: Omit<Reference, 'path' | 'kind'> }[] {
  const texts = bytes
    .toString('latin1')
    .split(/^From [^\r\n]*\r?\n/m)
    .slice(1);
  const items = mbox.items ?? [];
  assert.equal(texts.length, items.length, mbox.path);
  return items.flatMap((reference, index) => {
    const text = texts[index];
    return text === undefined ? [] : [{ bytes: Buffer.from(text.replaceAll(/^>(>*From )/gm, '$1'), 'latin1'), reference }];
  });
}

async function differences(bytes: Buffer, reference: Omit<Reference, 'path' | 'kind'>): Promise<(readonly [Compared, string])[]> {
  const { record } = await extract([bytes], asMail);
  const pairs: (readonly [Compared, string, string])[] = [
    ['Message-ID', text(record.messageId), text(reference.message_id)],
    ['subject', text(record.subject), text(reference.subject)],
    ['date', instant(record.sentAt?.toISOString()), instant(reference.date_iso)],
    ['sender', sender(record.from, reference.from), sender(text(reference.from), record.from)],
    ['leaf parts', ...(await leafParts(bytes, reference.leaf_parts ?? 0))],
    ['attachments', '', missing(record, reference.attachments ?? []).join('; ')],
  ];
  return pairs.flatMap(([field, ours, theirs]) =>
    ours === theirs ? [] : [[field, `${JSON.stringify(ours)}, reference ${JSON.stringify(theirs)}`] as const],
  );
}

/** White space counts as one space; what the reference could not decode stands in its manifest as an object. */
function text(value: unknown): string {
  const plain = typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);
  return plain.replaceAll(/\s+/g, ' ').trim();
}

function instant(iso: string | null | undefined): string {
  return iso === null || iso === undefined ? '' : new Date(iso).toISOString();
}

/** The addresses, and the names where both sides have one: a name in a comment is none to the reference. Quotes are a matter of writing. */
function sender(one: string, other: unknown): string {
  const [names, otherNames] = [nameOf(one), nameOf(text(other))];
  const withoutNames = one.replaceAll(/"(?:[^"\\]|\\.)*"(?!@)/g, '');
  const addresses = [...withoutNames.matchAll(/<([^<>]+)>/g)].map((match) => match[1]?.toLowerCase());
  const plain =
    addresses.length > 0
      ? addresses.join(',')
      : one
          .replaceAll(/["\\]|<>/g, '')
          .trim()
          .toLowerCase();
  return names === '' || otherNames === '' || addresses.length === 0 ? plain : `${names} ${plain}`;
}

function nameOf(from: string): string {
  return from.includes('<') ? text(from.replaceAll(/["\\']|<[^<>]*>/g, ' ')) : '';
}

/**
 * How many leaves each side counts. Where the rules of counting differ, ours are counted by theirs: a multipart without parts is one to
 * the reference, and so is each block of a delivery report, which to us is one leaf (RFC 3464 §2.1).
 */
async function leafParts(bytes: Buffer, theirs: number): Promise<readonly [string, string]> {
  const { parts } = await slim([bytes], Number.POSITIVE_INFINITY);
  const ours = parts.filter(({ kind }) => kind === 'leaf').length;
  const hasBlocks = parts.some(({ kind, type }) => kind === 'leaf' && type.startsWith('message/'));
  if (hasBlocks && theirs > ours) return ['', ''];
  return ours === 0 && theirs === 1 ? ['', ''] : [String(ours), String(theirs)];
}

/** The reference's attachments that our record does not have, by content and name; of messages it gives no content. */
function missing(record: MessageRecord, theirs: readonly ReferenceAttachment[]): string[] {
  return theirs
    .filter(({ name, type, sha256 }) => {
      const same = record.attachments.filter((one) => (typeof sha256 === 'string' ? one.sha256 === sha256 : one.type === type));
      return !same.some((one) => text(one.name) === text(name));
    })
    .map(({ name, type }) => `${name ?? 'nameless'} (${type})`);
}
