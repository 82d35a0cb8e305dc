/**
 * A conversation as people read one: who said what when, with what became of each item, page by page.
 *
 * The hard thing is the side. Where one person is monitored it is plain; where several are, their copies of one item are one item here, so the
 * side is that of one owner for the whole conversation: of whom most of it was archived.
 */
import type { ArchiveReader, Conversation, ConversationChange, ConversationItem, MessageRecord, Recorded } from '../../archive/archive.ts';
import { isOwner, recipientsOf, senderOf } from '../../archive/called.ts';
import { isFault } from '../../fault/fault.ts';
import { type ConversationPage, conversationPage, conversationParams, conversationQuery } from '../api/message.ts';
import { type Route, route } from '../http/route.ts';
import { attachmentsOf, callOf, shownDate } from '../message-view.ts';
import type { ServiceParts } from '../parts.ts';

type Item = ConversationPage['items'][number];

/** Of an item's text; the rest is at the message. */
const textChars = 6_000;
const recipients = 3;
/** Held of an item's text while the others are read: it may have millions, and a page a hundred of them. */
const heldChars = 4 * textChars;

export function conversationsRoutes({ archive }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/conversations/:id',
      may: 'read',
      summary: 'A page of a conversation in the order of its time: by the id of a thread, of an item or of a message.',
      tag: 'messages',
      params: conversationParams,
      query: conversationQuery,
      answer: conversationPage,
      handle: async ({ params: { id }, query: { after, before, around, limit }, signal, log }) => {
        const from = after !== undefined ? { after } : before !== undefined ? { before } : around !== undefined ? { around } : {};
        const conversation = await archive.conversation(id, { limit, ...from });
        await log('conversation.view', conversation.threadId ?? id);
        const texts = await textsOf(archive, conversation, signal);
        return pageOf(conversation, texts);
      },
    }),
  ];
}

/** Texts by SHA-256; undefined where the stored bytes cannot be read. */
type Texts = ReadonlyMap<string, string | undefined>;

async function textsOf(archive: ArchiveReader, { items }: Conversation, signal: AbortSignal): Promise<Texts> {
  const shown = items.flatMap(({ message, changes }) => [
    ...(message === undefined ? [] : [message]),
    ...changes.map((one) => one.message),
  ]);
  const texts = new Map<string, string | undefined>();
  const wanted = [...new Map(shown.map((message) => [message.sha256, message])).values()];
  await Promise.all(
    wanted.map(async (message) => {
      signal.throwIfAborted();
      texts.set(message.sha256, await textOf(archive, message));
    }),
  );
  return texts;
}

/** Neither a damaged body nor one that takes too long keeps the rest of the conversation from being read. */
async function textOf(archive: ArchiveReader, { sha256, record }: Recorded): Promise<string | undefined> {
  try {
    return ownCopy((await archive.text(sha256)).trimStart().slice(0, heldChars));
  } catch (error) {
    if (isFault(error, 'archive.query-too-slow')) return `${record.preview} …`;
    if (!isFault(error, 'archive.body-changed', 'archive.body-missing', 'archive.damaged')) throw error;
    return undefined;
  }
}

/** A piece of a long text keeps all of it in memory; this one does not. */
function ownCopy(piece: string): string {
  return Buffer.from(piece, 'utf16le').toString('utf16le');
}

function pageOf(conversation: Conversation, texts: Texts): ConversationPage {
  const { threadId, inferred, name, platform, chatType, participants, owners, messages, items, next, previous, lag } = conversation;
  const [owner] = owners;
  const mail = items.find(({ message }) => message !== undefined)?.message?.record;
  // A conversation by mail is called as its first subject.
  const subject = mail === undefined || mail.format === 'telemessage' || mail.subject === '' ? null : mail.subject;
  return {
    threadId: threadId ?? null,
    inferred,
    name: name ?? subject,
    platform: platform ?? null,
    chatType,
    participants: [...participants],
    owner: owner ?? null,
    messages,
    items: items.map((item) => itemOf(item, texts, owner)),
    next: next ?? null,
    previous: previous ?? null,
    lag,
  };
}

function itemOf(item: ConversationItem, texts: Texts, owner: string | undefined): Item {
  const { message, changes, owners, copies } = item;
  const common = {
    at: shownDate(item.at),
    owners: [...owners],
    copies: copies.map(({ sha256 }) => sha256),
    changes: changes.map((change) => changeOf(change, texts)),
    missing: item.missing === undefined ? null : { nativeId: item.missing.nativeId ?? null },
  };
  if (message === undefined) return { ...common, ...gapOf(changes[0], owner) };
  const { record } = message;
  return {
    ...common,
    ...wordsOf(message, texts),
    id: message.sha256,
    from: senderOf(record),
    own: isOwn(record, owner),
    to: recipientsOf(record, recipients),
    direction: record.direction,
    kind: record.eventKind,
    modality: record.modality,
    // The subject of a captured item is made by the app.
    subject: record.format === 'telemessage' ? null : record.subject,
    marks: marksOf(message),
    attachments: attachmentsOf(record.attachments),
    call: callOf(record.call),
  };
}

function wordsOf({ sha256 }: Recorded, texts: Texts): Pick<Item, 'text' | 'cut' | 'damaged'> {
  const text = texts.get(sha256);
  if (text === undefined) return { text: '', cut: false, damaged: true };
  const said = text.replace(/\r\n?/g, '\n').trim();
  return { text: said.slice(0, textChars).toWellFormed(), cut: said.length > textChars, damaged: false };
}

/** What must have been there: of whom it was is known from what became of it. */
function gapOf(
  change: ConversationChange | undefined,
  owner: string | undefined,
): Omit<Item, 'at' | 'owners' | 'copies' | 'changes' | 'missing'> {
  const record = change?.message.record;
  return {
    id: null,
    from: record === undefined ? '' : senderOf(record),
    own: record !== undefined && isOwn(record, owner),
    to: record === undefined ? '' : recipientsOf(record, recipients),
    direction: record?.direction ?? null,
    kind: null,
    modality: record?.modality ?? null,
    subject: null,
    text: '',
    cut: false,
    damaged: false,
    marks: [],
    attachments: [],
    call: null,
  };
}

function changeOf({ kind, at, message, copies }: ConversationChange, texts: Texts): Item['changes'][number] {
  const { record } = message;
  return {
    kind,
    at: shownDate(at),
    id: message.sha256,
    text: wordsOf(message, texts).text,
    from: senderOf(record),
    readState: record.readState ?? null,
    deletedFor: record.deletedFor ?? null,
    copies: copies.map(({ sha256 }) => sha256),
  };
}

function marksOf({ marks, record }: Recorded): string[] {
  const skewed = record.flags.some(({ code }) => code === 'clock-skew') ? ['clock-skew'] : [];
  return [...marks, ...skewed];
}

function isOwn(record: MessageRecord, owner: string | undefined): boolean {
  if (owner === undefined) return false;
  const senders = record.participants.filter(({ role }) => role === 'sender' || role === 'on-behalf-of');
  if (senders.some((one) => isOwner(one, owner))) return true;
  return record.owner === owner && record.direction === 'out';
}
