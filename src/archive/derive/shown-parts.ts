/**
 * The HTML and the attachments of a stored message, for whoever shows it to a person.
 *
 * The hard thing is a message of any size: what is parsed is bounded, as for its record, and an attachment is decoded while the message
 * passes by a second time, so that it is never in memory as a whole.
 */
import type { Email } from 'postal-mime';
import type { AttachmentContent, MessageHtml, MessagePicture } from '../content.ts';
import type { RecordProfile } from '../record.ts';
import { opened, readLimitBytes } from './extract.ts';
import { parse } from './parser.ts';
import { type PlacedAttachment, placedAttachments } from './record/attachments.ts';
import { newScratch } from './scratch.ts';
import { type Slim, slim } from './slim.ts';

/** Pictures that are read for one HTML text, and their bytes, each and together. */
const picturesMost = 60;
const pictureBytes = 3 * 1024 * 1024;
const picturesBytes = 10 * 1024 * 1024;
/** Of a message so much is looked at to see whether it has HTML: it stands before large attachments. */
const glanceBytes = 2 * 1024 * 1024;

/** Reads the message from its beginning. Asked more than once. */
export type ReadAgain = () => AsyncIterable<Uint8Array>;

/** Whether {@link htmlOf} would find some, by a look that parses nothing. */
export async function hasHtml(read: ReadAgain): Promise<boolean> {
  const { parts } = await slim(firstOf(read(), glanceBytes), readLimitBytes);
  return parts.some(({ kind, type, name }) => kind === 'leaf' && type === 'text/html' && name === '');
}

export async function htmlOf(read: ReadAgain, profile: RecordProfile): Promise<MessageHtml> {
  const { email, slimmed, attachments } = await parsed(read, profile);
  const html = slimmed.unmarked(email?.html ?? '');
  return { html, cut: slimmed.truncated, pictures: html === '' ? [] : await picturesOf(html, attachments, read) };
}

/** What is known of the attachment at this place of the record's list; undefined where there is none. */
export async function attachmentAt(
  read: ReadAgain,
  profile: RecordProfile,
  index: number,
): Promise<{ readonly found: Omit<AttachmentContent, 'content'>; readonly from: { part: number } | { bytes: Uint8Array } } | undefined> {
  const { attachments, slimmed } = await parsed(read, profile);
  const one = attachments[index];
  if (one === undefined) return undefined;
  const { name, type } = one.record;
  const digest = one.part === undefined ? undefined : slimmed.parts[one.part]?.digest;
  const content = contentOf(one);
  // What was not measured was either not all seen, or is in the parser's hands.
  if (digest === undefined && !slimmed.truncated) return { found: { name, type, bytes: content.length }, from: { bytes: content } };
  const from = one.part === undefined ? { bytes: content } : { part: one.part };
  return { found: { name, type, bytes: digest?.bytes }, from };
}

/** The decoded content of a part, as far as possible while it is read. */
export async function* partContent(chunks: AsyncIterable<Uint8Array>, part: number): AsyncGenerator<Uint8Array> {
  let blocks: Uint8Array[] = [];
  let ready = Promise.withResolvers<void>();
  let drained = Promise.withResolvers<void>();
  let given = false;
  // The next chunk is only read when what came of the one before has been taken.
  const gated = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      yield chunk;
      ready.resolve();
      await drained.promise;
      if (given) return;
      drained = Promise.withResolvers<void>();
    }
  };
  const reading = slim(gated(), readLimitBytes, newScratch(), (one) =>
    one === part ? (block) => blocks.push(new Uint8Array(block)) : undefined,
  );
  const ended = reading.then(
    () => true,
    () => true,
  );
  try {
    for (;;) {
      const isOver = await Promise.race([ended, ready.promise.then(() => false)]);
      const taken = blocks;
      blocks = [];
      ready = Promise.withResolvers<void>();
      yield* taken;
      if (isOver) break;
      drained.resolve();
    }
    await reading;
  } finally {
    given = true;
    drained.resolve();
  }
}

interface Parsed {
  /** Of a journal report the message inside; undefined where the parser gave up. */
  readonly email: Email | undefined;
  readonly slimmed: Slim;
  readonly attachments: readonly PlacedAttachment[];
}

/** As extract.ts reads it for the record, so that an attachment has the place that it has there. */
async function parsed(read: ReadAgain, profile: RecordProfile): Promise<Parsed> {
  const slimmed = await slim(read(), readLimitBytes);
  try {
    const outer = await opened(slimmed.bytes, profile);
    if (outer.email.headers.length === 0) return { email: undefined, slimmed, attachments: [] };
    const { report } = outer;
    const email = report === undefined ? outer.email : await parse(report.inner, false);
    const inside = report === undefined ? undefined : slimmed.partOf(report.description);
    return { email, slimmed, attachments: placedAttachments(email.attachments, slimmed, (part) => part === inside) };
  } catch {
    return { email: undefined, slimmed, attachments: [] }; // its record says that no parser understood it
  }
}

async function picturesOf(html: string, attachments: readonly PlacedAttachment[], read: ReadAgain): Promise<readonly MessagePicture[]> {
  const named = new Set([...html.matchAll(/cid:([^"'\s)>]{1,400})/gi)].map(([, id = '']) => plainId(id)));
  const wanted = attachments
    .flatMap((one) => {
      const contentId = plainId(one.parsed?.contentId ?? '');
      return contentId !== '' && named.has(contentId) && one.record.bytes <= pictureBytes ? [{ ...one, contentId }] : [];
    })
    .slice(0, picturesMost);
  const taken = new Map(wanted.flatMap(({ part }) => (part === undefined ? [] : [[part, [] as Uint8Array[]] as const])));
  let room = picturesBytes;
  if (taken.size > 0) {
    await slim(read(), readLimitBytes, newScratch(), (part) => {
      const blocks = taken.get(part);
      if (blocks === undefined) return undefined;
      return (block) => {
        room -= block.length;
        if (room >= 0) blocks.push(new Uint8Array(block));
      };
    });
  }
  return wanted.map((one) => ({
    contentId: one.contentId,
    bytes: one.part === undefined ? contentOf(one) : Buffer.concat(taken.get(one.part) ?? []),
  }));
}

/** RFC 2392 §2: in an address the id is percent-encoded, and without its angle brackets. */
function plainId(id: string): string {
  const bare = id.replace(/^<|>$/g, '');
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}

function contentOf({ parsed: one }: PlacedAttachment): Uint8Array {
  const content = one?.content ?? '';
  return typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content);
}

async function* firstOf(chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    if (bytes >= most) return;
  }
}
