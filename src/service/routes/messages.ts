/**
 * Messages: searching, and one message with its text, its HTML made safe, its source, its bytes and its attachments.
 *
 * The hard thing is that everything here shows what somebody else wrote: every look is noted in the access log before anything is shown, and
 * what leaves is text in JSON, a document for a locked frame, or a file to save.
 */
import type { ArchiveReader, Query, StoredMessage } from '../../archive/archive.ts';
import { readQuery } from '../../archive/query.ts';
import { type Fault, isFault } from '../../fault/fault.ts';
import {
  attachmentParams,
  facetsQuery,
  htmlReport,
  type MessageNews,
  type MessagePage,
  messageDetail,
  messageFacets,
  messageNews,
  messagePage,
  messageParams,
  messageSource,
  messageText,
  newsQuery,
  searchQuery,
} from '../api/message.ts';
import { type Ask, type Route, route } from '../http/route.ts';
import { MailView } from '../mail-view/mail-view.ts';
import { detailOf, rowOf, wantsText } from '../message-view.ts';
import type { ServiceParts } from '../parts.ts';
import { shownFault } from '../shown.ts';
import { sourceOf } from './message-source.ts';
import { NotedSearches } from './noted-searches.ts';

const textChars = 500_000;
/** For the texts of a page whose words are not in their beginnings: what is not read in time shows its beginning. */
const snippetMs = 50;
/** Longer ones are not read for a snippet. */
const snippetBytes = 512 * 1024;
const relatedMost = 20;

export function messagesRoutes(parts: ServiceParts): readonly Route[] {
  const { archive, clock } = parts;
  const view = new MailView(parts);
  const noted = new NotedSearches();
  const noteSearch = ({ who, log }: Pick<Ask<unknown, unknown, unknown>, 'who' | 'log'>, q: string, of: 'page' | 'beside'): Promise<void> =>
    noted.note(who, q, of, () => log('message.search', q === '' ? 'everything' : 'messages', q));
  const one = { params: messageParams, tag: 'messages', method: 'GET', may: 'read' } as const;
  return [
    route({
      method: 'GET',
      path: '/messages',
      may: 'read',
      summary: 'Finds messages, newest first, with what was searched for marked.',
      tag: 'messages',
      query: searchQuery,
      answer: messagePage,
      handle: async ({ query: { q, order, after, limit }, signal, who, log }) => {
        await noteSearch({ who, log }, q, after === undefined ? 'page' : 'beside');
        return await answered(q, { rows: [], next: null, lag: 0 }, async (query) => {
          const found = await archive.search(query, limit, { order, signal, ...(after === undefined ? {} : { after }) });
          const texts = await textsFor(archive, found.hits, query, clock.monotonic);
          const rows = found.hits.map((message) => rowOf(message, query, texts.get(message.sha256)));
          return { rows, next: found.next ?? null, lag: found.lag };
        });
      },
    }),
    route({
      method: 'GET',
      path: '/messages/facets',
      may: 'read',
      summary: 'Counts what a search finds by platform, modality, direction, source, owner and month.',
      tag: 'messages',
      query: facetsQuery,
      answer: messageFacets,
      handle: async ({ query: { q }, who, log }) => {
        await noteSearch({ who, log }, q, 'beside');
        const none = { platform: [], modality: [], direction: [], source: [], owner: [], month: [], messages: 0, complete: true };
        const { problemAt: _, ...facets } = await answered(q, none, async (query) => {
          const { lag: __, ...counts } = await archive.facets(query);
          return {
            platform: [...counts.platform],
            modality: [...counts.modality],
            direction: [...counts.direction],
            source: [...counts.source],
            owner: [...counts.owner],
            month: [...counts.month],
            messages: counts.messages,
            complete: counts.complete,
          };
        });
        return facets;
      },
    }),
    route({
      method: 'GET',
      path: '/messages/news',
      may: 'read',
      summary: 'How many messages that a search finds have arrived since one of them; shows none of them. Noted where the search is not.',
      tag: 'messages',
      query: newsQuery,
      answer: messageNews,
      handle: async ({ query: { q, known }, signal, who, log }) => {
        await noteSearch({ who, log }, q, 'beside');
        return await newsOf(archive, q, known, signal);
      },
    }),
    route({
      ...one,
      path: '/messages/:id',
      summary: 'Everything that is known of a message, each field with the place that it was read from.',
      answer: messageDetail,
      handle: async ({ params: { id }, log }) => {
        const message = await archive.message(id);
        await log('message.view', id);
        return { ...detailOf(message), relations: await relationsOf(archive, message), hasHtml: await hasHtml(archive, id) };
      },
    }),
    route({
      ...one,
      path: '/messages/:id/text',
      summary: 'The text of a message.',
      answer: messageText,
      handle: async ({ params: { id }, log }) => {
        await archive.message(id);
        await log('message.text', id);
        const text = await archive.text(id);
        return { text: text.slice(0, textChars).toWellFormed(), cut: text.length > textChars };
      },
    }),
    route({
      ...one,
      path: '/messages/:id/source',
      summary: 'The header fields of a message in their order, and the beginning of its bytes as text.',
      answer: messageSource,
      handle: async ({ params: { id }, log }) => {
        await archive.message(id);
        await log('message.source', id);
        return await sourceOf(archive.read(id));
      },
    }),
    route({
      ...one,
      path: '/messages/:id/html',
      summary: 'The HTML of a message, made safe, as a document for a frame in which nothing runs and nothing is loaded.',
      answer: 'framed-document',
      handle: async ({ params: { id }, log, signal }) => {
        const message = await archive.message(id);
        await log('message.html', id);
        return { kind: 'framed-document', html: (await view.shown(message, signal)).html };
      },
    }),
    route({
      ...one,
      path: '/messages/:id/html-report',
      summary: 'What was left out of the HTML of a message, and where its links lead.',
      answer: htmlReport,
      handle: async ({ params: { id }, log, signal }) => {
        const message = await archive.message(id);
        // It holds words of the message: those of its links.
        await log('message.html', id, 'report');
        return (await view.shown(message, signal)).report;
      },
    }),
    route({
      ...one,
      path: '/messages/:id/raw',
      summary: 'The bytes of a message as they arrived, checked against their SHA-256 while they are sent.',
      answer: 'download',
      handle: async ({ params: { id }, log }) => {
        const { bytes } = await archive.message(id);
        await log('message.raw', id);
        return { kind: 'download', fileName: `${id}.eml`, type: 'message/rfc822', bytes, body: archive.read(id) };
      },
    }),
    route({
      ...one,
      path: '/messages/:id/attachments/:index',
      params: attachmentParams,
      summary: 'An attachment, decoded, as a file to save.',
      answer: 'download',
      handle: async ({ params: { id, index }, log }) => {
        const { name, type, bytes, content } = await archive.attachment(id, index);
        await log('message.attachment', id, `${index}: ${name}`.slice(0, 300));
        const fileName = name === '' ? `attachment-${index}` : name;
        return { kind: 'download', fileName, type: plainType(type), bytes, body: content };
      },
    }),
  ];
}

/** A query that cannot be read, or that takes too long, is an answer too: a person is about to mend it. */
async function answered<T extends object>(
  q: string,
  none: T,
  ask: (query: Query) => Promise<T>,
): Promise<T & Pick<MessagePage, 'problem' | 'problemAt'>> {
  try {
    return { ...(await ask(readQuery(q))), problem: null, problemAt: null };
  } catch (error) {
    if (!isFault(error, 'archive.query-unreadable', 'archive.query-too-slow')) throw error;
    return { ...none, problem: shownFault(error), problemAt: placeOf(error, q) };
  }
}

/** Pages of this many are walked through, newest first, until the known one is met. */
const newsPage = 20;
const newsMost = 200;

async function newsOf(archive: ArchiveReader, q: string, known: string | undefined, signal: AbortSignal): Promise<MessageNews> {
  try {
    const query = readQuery(q);
    const first = await archive.search(query, known === undefined ? 1 : newsPage, { order: 'arrival', signal });
    const newest = first.hits[0]?.sha256 ?? null;
    if (known === undefined) return { newest, messages: 0, more: false };
    let messages = 0;
    for (let page = first; ; page = await archive.search(query, newsPage, { order: 'arrival', signal, after: page.next })) {
      const place = page.hits.findIndex(({ sha256 }) => sha256 === known);
      if (place >= 0) return { newest, messages: messages + place, more: false };
      messages += page.hits.length;
      if (page.next === undefined || messages >= newsMost) return { newest, messages, more: true };
    }
  } catch (error) {
    if (!isFault(error, 'archive.query-unreadable', 'archive.query-too-slow')) throw error;
    return { newest: null, messages: 0, more: false };
  }
}

/** Where in the query the part stands that could not be read; it begins a word. */
function placeOf({ evidence }: Fault, q: string): MessagePage['problemAt'] {
  const part = evidence['part'];
  if (typeof part !== 'string' || part === '') return null;
  for (let at = q.indexOf(part); at >= 0; at = q.indexOf(part, at + 1)) {
    if (at === 0 || /\s/.test(q.charAt(at - 1))) return { from: at, to: at + part.length };
  }
  return null;
}

/** Texts of the hits whose snippet is not to be had from the record, as many as can be read in the time. */
async function textsFor(
  archive: ArchiveReader,
  hits: readonly StoredMessage[],
  query: Query,
  now: () => number,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  const until = now() + snippetMs;
  for (const hit of hits) {
    if (now() >= until) break;
    if (hit.bytes > snippetBytes || !wantsText(hit, query)) continue;
    // What cannot be read is said where the message is opened.
    const text = await archive.text(hit.sha256).catch(() => undefined);
    if (text !== undefined) texts.set(hit.sha256, text);
  }
  return texts;
}

async function relationsOf(
  archive: ArchiveReader,
  { record }: StoredMessage,
): Promise<{ kind: 'edits' | 'deletes' | 'replyTo' | 'status'; nativeId: string | null; messages: string[] }[]> {
  const relations = record?.relatesTo ?? [];
  return await Promise.all(
    relations.slice(0, relatedMost).map(async ({ kind, nativeId }) => {
      if (nativeId === undefined) return { kind, nativeId: null, messages: [] };
      const { hits } = await archive.search({ terms: [], facts: [{ field: 'id', values: [nativeId], not: false }] }, relatedMost);
      return { kind, nativeId, messages: hits.map(({ sha256 }) => sha256) };
    }),
  );
}

/** The page of a message whose bytes are damaged shows what is known of it all the same. */
async function hasHtml(archive: ArchiveReader, id: string): Promise<boolean> {
  try {
    return await archive.hasHtml(id);
  } catch (error) {
    if (isFault(error, 'archive.body-changed', 'archive.body-missing', 'archive.damaged')) return false;
    throw error;
  }
}

/** The declared type where it is one that a header can hold; nothing that a browser would run. */
function plainType(type: string): string {
  const isPlain = /^[a-z0-9][a-z0-9.+-]{0,60}\/[a-z0-9][a-z0-9.+-]{0,100}$/.test(type);
  return isPlain && !/html|xml|svg|script|multipart/.test(type) ? type : 'application/octet-stream';
}
