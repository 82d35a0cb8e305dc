/**
 * What copies of one message share. TeleMessage archives a message once for every monitored participant, and a journal report wraps a mail
 * that lies in a mailbox too: all are kept, and these keys tie them together.
 *
 * The hard thing is that no id can be trusted alone: an item's id is the feed's word, a Message-ID anybody's. So a second key is made of
 * who, when and what; two records are copies if they share either.
 */
import { hash } from 'node:crypto';
import type { MessageRecord } from '../../record.ts';
import { identityOf } from './participants.ts';

/** @param text the person's words, without what an app wrote around them */
export function copyKeys(record: MessageRecord, text: string, country: string | undefined): string[] {
  return record.format === 'telemessage' ? capturedKeys(record, text, country) : mailKeys(record);
}

/** Runs of white space, but for what is one space already: most of them are. */
const uneven = /[^\S ]\s*| \s+/g;

function capturedKeys(record: MessageRecord, text: string, country: string | undefined): string[] {
  const keys = record.nativeId === undefined ? [] : [`id:${record.platform ?? ''}:${record.nativeId}`];
  const said = text.replace(uneven, ' ').trim();
  const hashes = record.attachments.map((one) => one.sha256 ?? one.name).sort();
  const identities = record.participants
    .filter((one) => one.role !== 'owner')
    .map((one) => `${one.role === 'sender'}${identityOf(one, country)}`);
  // Without a time or any content two different items would look the same.
  if (record.sentAt === undefined || identities.length < 2 || (said === '' && hashes.length === 0)) return keys;
  const parts = [record.platform ?? '', record.eventKind, record.sentAt.toISOString(), ...identities.sort(), said, ...hashes];
  return [...keys, `content:${hashOf(parts)}`];
}

function mailKeys(record: MessageRecord): string[] {
  if (record.messageId === '') return [];
  return [`mail:${hashOf([record.messageId, record.sentAt?.toISOString() ?? record.rawDate, record.from, record.subject])}`];
}

function hashOf(parts: readonly string[]): string {
  return hash('sha256', parts.join('\0'), 'hex');
}
