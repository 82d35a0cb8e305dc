/**
 * The part of the reader's port that answers from what is derived: conversations, feeds, counts, text.
 *
 * The hard thing is to say nothing of a message that is not derived, and how many those are, instead of letting an absence look like a fact.
 */
import { DatabaseSync } from 'node:sqlite';
import { Fault, isFault } from '../../fault/fault.ts';
import type { ArchiveReader, AttachmentContent } from '../archive.ts';
import { nextIndexFile } from '../derive/following.ts';
import { neverEnds } from '../derive/never-ends.ts';
import { type Profiles, profileOf } from '../derive/profiles.ts';
import type { attachmentAt } from '../derive/shown-parts.ts';
import type { Derivation } from '../feed.ts';
import { conversationOf } from './conversation-reader.ts';
import { feedOf, gapsOf, identifiedOf, understandingOf } from './feed-reader.ts';
import { isReadableIndex, staleness } from './index-schema.ts';
import type { Layout } from './layout.ts';
import type { SqliteReader } from './reader.ts';

export type DerivedPart = Pick<
  ArchiveReader,
  'facets' | 'conversation' | 'text' | 'hasHtml' | 'html' | 'attachment' | 'feed' | 'feedGaps' | 'identified' | 'profiles' | 'derivation'
>;

/** @param given what is known about each source of the configuration, now */
export function derivedPart(where: Layout, reader: SqliteReader, given: () => Profiles): DerivedPart {
  const { db, index } = reader;
  const profiles = (): Profiles => ({ ...index.profiles(), ...given() });
  return {
    facets: async (query) => ({ ...index.facets(query), lag: reader.lag() }),
    async conversation(id, options) {
      const ports = { db, stored: (seq: number) => reader.stored(seq), seqOf: (sha256: string) => reader.seqOf(sha256) };
      const conversation = index.need(undefined, () => conversationOf(ports, id, options));
      // Where there is no index yet, what is asked for may be there all the same.
      if (conversation === undefined) throw new Fault('archive.not-derived', { id });
      return { ...conversation, lag: reader.lag() };
    },
    async text(sha256) {
      const { record, occurrences } = reader.message(sha256);
      if (record?.problem === neverEnds) return record.preview;
      const { extract } = await import('../derive/extract.ts');
      const { words } = await extract(reader.read(sha256), profileOf(profiles(), occurrences[0]?.source ?? ''));
      return words.body === '' && record?.problem !== undefined ? record.preview : words.body;
    },
    async hasHtml(sha256) {
      if (reader.message(sha256).record?.problem === neverEnds) return false;
      const { hasHtml } = await import('../derive/shown-parts.ts');
      return hasHtml(() => reader.read(sha256));
    },
    async html(sha256) {
      const { record, occurrences } = reader.message(sha256);
      if (record?.problem === neverEnds) return { html: '', cut: true, pictures: [] };
      const { htmlOf } = await import('../derive/shown-parts.ts');
      return htmlOf(() => reader.read(sha256), profileOf(profiles(), occurrences[0]?.source ?? ''));
    },
    async attachment(sha256, number) {
      return contentAt(await attachmentPlace(reader, given, sha256, number), () => reader.read(sha256));
    },
    async feed(now) {
      const none = { voices: [], sources: [], understanding: [] };
      return { ...index.ask(none, () => ({ ...feedOf(db, now), understanding: understandingOf(db) })), lag: reader.lag() };
    },
    feedGaps: async (since) => {
      try {
        return await gapsOf(db, index, since);
      } catch (error) {
        if (isFault(error, 'archive.index-damaged', 'archive.read-failed')) return [];
        throw error;
      }
    },
    identified: async (ids) => index.ask(new Set<string>(), () => identifiedOf(db, ids)),
    profiles: async () => profiles(),
    async derivation() {
      const none: Omit<Derivation, 'remaking'> = { stale: 0, parserVersions: [], changedSources: [] };
      const made = index.ask(none, () => staleness(db.prepare('select * from ix.made').all(), profiles()));
      return { ...made, remaking: made.stale === 0 ? undefined : remaking(where, reader.lastMessage()) };
    },
  };
}

/** What is known of an attachment, and where in the message its bytes are. */
export type AttachmentPlace = NonNullable<Awaited<ReturnType<typeof attachmentAt>>>;

/** @throws Fault archive.unknown-message, archive.unknown-attachment, archive.body-changed, archive.body-missing */
export async function attachmentPlace(
  reader: SqliteReader,
  given: () => Profiles,
  sha256: string,
  index: number,
): Promise<AttachmentPlace> {
  const { record, occurrences } = reader.message(sha256);
  const { attachmentAt: find } = await import('../derive/shown-parts.ts');
  const profile = profileOf({ ...reader.index.profiles(), ...given() }, occurrences[0]?.source ?? '');
  const place = record?.problem === neverEnds ? undefined : await find(() => reader.read(sha256), profile, index);
  if (place === undefined) throw new Fault('archive.unknown-attachment', { id: sha256, index });
  return place;
}

/** @param read the message, from its beginning */
export async function contentAt({ found, from }: AttachmentPlace, read: () => AsyncIterable<Uint8Array>): Promise<AttachmentContent> {
  const { partContent } = await import('../derive/shown-parts.ts');
  return { ...found, content: 'part' in from ? partContent(read(), from.part) : only(from.bytes) };
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** How far the index is that is made beside the present one. */
function remaking(where: Layout, total: number): Derivation['remaking'] {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(nextIndexFile(where), { readOnly: true });
    if (!isReadableIndex(db, 'main')) return undefined;
    return { done: Number(db.prepare("select value from meta where key = 'watermark'").get()?.['value'] ?? 0), total };
  } catch {
    return undefined; // there is none, or it takes its place at this moment
  } finally {
    db?.close();
  }
}
