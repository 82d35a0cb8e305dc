/**
 * The attachments of a message: name and type as declared, size and hash of the decoded bytes, and what kind of thing each one is.
 *
 * The hard thing is that most of them are left out before the parser reads: what it calls an attachment is found again among the parts
 * that were measured on the way, by the mark that each one carries.
 */
import { hash } from 'node:crypto';
import { type Attachment, decodeWords } from 'postal-mime';
import type { AttachmentRecord, AttachmentRole } from '../../record.ts';
import type { Part, Slim } from '../slim.ts';
import { clean, present } from './reading.ts';

const maxNameChars = 1_000;

/** First bytes by which a type is known whatever is declared; `at` counts from the beginning. */
const signatures: readonly { readonly type: string; readonly at: number; readonly bytes: string }[] = [
  { type: 'image/jpeg', at: 0, bytes: '\xff\xd8\xff' },
  { type: 'image/png', at: 0, bytes: '\x89PNG\r\n\x1a\n' },
  { type: 'image/gif', at: 0, bytes: 'GIF8' },
  { type: 'image/webp', at: 8, bytes: 'WEBP' },
  { type: 'audio/wav', at: 8, bytes: 'WAVE' },
  { type: 'audio/mpeg', at: 0, bytes: 'ID3' },
  { type: 'audio/mpeg', at: 0, bytes: '\xff\xfb' },
  { type: 'audio/ogg', at: 0, bytes: 'OggS' },
  { type: 'video/3gpp', at: 4, bytes: 'ftyp3g' },
  { type: 'video/mp4', at: 4, bytes: 'ftyp' },
  { type: 'application/pdf', at: 0, bytes: '%PDF-' },
  { type: 'application/zip', at: 0, bytes: 'PK\x03\x04' },
  { type: 'text/vcard', at: 0, bytes: 'BEGIN:VCARD' },
];

/**
 * In the order of the parts. Messages within the message are among them, and so are their own attachments and texts that have a name.
 * @param isLeftOut of a part that is no attachment: the message inside a journal report
 */
export function readAttachments(list: readonly Attachment[], slimmed: Slim, isLeftOut: (part: number) => boolean): AttachmentRecord[] {
  return placedAttachments(list, slimmed, isLeftOut).map((one) => one.record);
}

/** An attachment with the part that it is; `parsed` is what the parser made of it, whose content may have been left out. */
export interface PlacedAttachment {
  /** Undefined where no part was seen that is it: then the parser's content is whole. */
  readonly part: number | undefined;
  readonly parsed: Attachment | undefined;
  readonly record: AttachmentRecord;
}

/** The same with their places. */
export function placedAttachments(
  list: readonly Attachment[],
  slimmed: Slim,
  isLeftOut: (part: number) => boolean,
): readonly PlacedAttachment[] {
  const found: (PlacedAttachment & { readonly order: number })[] = [];
  const taken = new Set<number>();
  for (const one of list) {
    const part = slimmed.partOf(one.description) ?? rootPart(slimmed);
    if (part !== undefined) taken.add(part);
    const order = part ?? Number.MAX_SAFE_INTEGER;
    const known = part === undefined ? undefined : slimmed.parts[part];
    found.push({ order, part, parsed: one, record: attachmentRecord(one, known, slimmed.truncated) });
  }
  for (const [order, part] of slimmed.parts.entries()) {
    // A text with a file name is shown with the message and is a file all the same.
    const isListed = part.kind === 'message' || (part.kind === 'leaf' && part.name !== '' && /^text\/(?:plain|html)$/.test(part.type));
    if (!isListed || order === 0 || taken.has(order) || isLeftOut(order)) continue;
    found.push({ order, part: order, parsed: undefined, record: record(decodeWords(part.name), part.type, part.digest, 0) });
  }
  return found.sort((a, b) => a.order - b.order);
}

/** A message that is nothing but one attachment has no mark. */
function rootPart(slimmed: Slim): number | undefined {
  return slimmed.parts[0]?.kind === 'multipart' ? undefined : 0;
}

function attachmentRecord(one: Attachment, part: Part | undefined, truncated: boolean): AttachmentRecord {
  const name = one.filename ?? '';
  if (part?.digest !== undefined) return record(name, one.mimeType, part.digest, 0);
  const content = typeof one.content === 'string' ? Buffer.from(one.content) : new Uint8Array(one.content);
  if (truncated) return record(name, one.mimeType, undefined, content.length);
  const sha256 = hash('sha256', content, 'hex');
  return record(name, one.mimeType, { bytes: content.length, sha256, head: content.subarray(0, 16) }, 0);
}

function record(rawName: string, rawType: string, digest: Part['digest'], bytesSeen: number): AttachmentRecord {
  const name = clean(rawName).slice(0, maxNameChars);
  const type = clean(rawType).toLowerCase();
  const sniffedType = digest === undefined ? undefined : sniffed(digest.head);
  return present<AttachmentRecord>({
    name,
    type,
    bytes: digest?.bytes ?? bytesSeen,
    sha256: digest?.sha256,
    sniffedType: sniffedType === type ? undefined : sniffedType,
    role: roleOf(name.toLowerCase(), type, sniffedType ?? type),
  });
}

function sniffed(head: Uint8Array): string | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
  return signatures.find(({ at, bytes }) => text.startsWith(bytes, at))?.type;
}

/** A sticker and the sound of a call look like other media: only the item that they belong to tells. */
function roleOf(name: string, declared: string, type: string): AttachmentRole {
  if (declared === 'message/rfc822') return 'message';
  if (/^text\/(?:x-)?vcard$/.test(type) || name.endsWith('.vcf')) return 'contact';
  if (declared === 'text/calendar' || declared === 'application/ics') return 'calendar';
  if (/^(?:image|audio|video)\//.test(type)) return 'media';
  return /^(?:application|text)\//.test(declared) ? 'document' : 'other';
}

/** The roles that the captured item gives. */
export function capturedRoles(attachments: readonly AttachmentRecord[], isCall: boolean): AttachmentRecord[] {
  return attachments.map((one) => {
    const type = one.sniffedType ?? one.type;
    // The app records calls as .3gp too, which is a type of video by its first bytes.
    if (isCall && (/^audio\//.test(type) || one.type.startsWith('audio/') || /\.(?:mp3|wav|3gp)$/i.test(one.name))) {
      return { ...one, role: 'call-audio' };
    }
    return type === 'image/webp' ? { ...one, role: 'sticker' } : one;
  });
}
