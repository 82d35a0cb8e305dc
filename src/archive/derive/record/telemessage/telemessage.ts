/**
 * A mail of TeleMessage's feed as a record: headers, subject, addresses and text put together (facts and their grades: docs/records.md).
 *
 * The hard thing is that no complete mail of the feed is public. So each field has an order of places that it may come from, two places
 * that contradict one another are flagged and neither is mended, and what has an unknown shape is kept, counted and told.
 */
import type { Call, Participant } from '../../../record.ts';
import { identityOf } from '../participants.ts';
import { withoutBidi } from '../phone.ts';
import { clean, type Notes, present, type Reading } from '../reading.ts';
import { callResults, normalName } from './codes.ts';
import { type Furniture, readFurniture, readLegs } from './furniture.ts';
import { readFollowUp, readKind, readPlatform } from './kind.ts';
import { readOwner, readParticipants } from './people.ts';
import type { Claims, Recognised } from './recognise.ts';
import { type SubjectReading, shapeOf } from './subject.ts';

export interface Captured {
  /** The person's words without the app's. */
  readonly text: string;
}

/** Notes all that a captured item says. */
export function readCaptured(reading: Reading, recognised: Recognised, notes: Notes): Captured {
  const { claims, subject } = recognised;
  notes.put('confidence', recognised.confidence, 'inferred');
  for (const field of ['nativeId', 'threadName', 'groupId', 'captureProduct', 'networkType', 'deliveryStatus'] as const) {
    notes.put(field, claims[field]?.value, claims[field]?.origin ?? 'inferred');
  }
  const isSealed = claims.sealed !== undefined;
  if (isSealed) {
    notes.put('encrypted', true, claims.sealed?.origin ?? 'inferred');
    notes.flag('encrypted');
  }
  // What is sealed says nothing: its text is another one's bytes.
  const furniture = readFurniture(isSealed ? '' : reading.text);
  if (furniture.lines.length > 0) notes.put('furniture', furniture.lines.join('\n'), 'body');
  const platform = readPlatform(claims, subject, notes);
  readKind(claims, subject, platform, furniture, notes);
  readFollowUp(claims, furniture, notes);
  const participants = readParticipants(reading, claims, subject, notes);
  readOwner(reading, claims, subject, participants, notes);
  readChat(claims, subject, notes);
  readThread(reading, claims, notes);
  readCall(reading, claims, subject, notes);
  checkFiles(reading, furniture, notes);
  if (subject === undefined) {
    notes.flag('unknown-value', 'subject');
    notes.strange(`subject:${shapeOf(clean(reading.email.subject ?? ''))}`);
  }
  return { text: furniture.text };
}

/** One to one, group or channel, and its name. */
function readChat(claims: Claims, subject: SubjectReading | undefined, notes: Notes): void {
  const participants = notes.fields.participants ?? [];
  if (claims.groupName !== undefined) notes.put('groupName', claims.groupName.value, claims.groupName.origin);
  else notes.put('groupName', subject?.groupName, 'subject');
  if (
    claims.groupName !== undefined &&
    subject?.groupName !== undefined &&
    matching(claims.groupName.value) !== matching(subject.groupName)
  ) {
    notes.flag('disagreement', 'groupName');
  }
  const isGroup = claims.groupId !== undefined || claims.groupName !== undefined;
  const other = subject?.to === undefined ? '' : matching(subject.to);
  if (subject?.chatType === 'channel') notes.put('chatType', 'channel', 'subject');
  else if (subject?.chatType === 'group') notes.put('chatType', 'group', 'subject');
  else if (isGroup) notes.put('chatType', 'group', (claims.groupId ?? claims.groupName)?.origin ?? 'inferred');
  else if (subject?.chatType === 'direct') notes.put('chatType', 'direct', 'subject');
  else if (subject?.to !== undefined && participants.some((one) => one.role !== 'sender' && named(one, other))) {
    notes.put('chatType', 'direct', 'inferred');
  } else if (subject?.shape === 'message' && subject.to !== undefined && other !== 'unknown') {
    // `… to <group name>` without the word: seen in the vendor's documents, and nobody among the participants is called so.
    notes.put('chatType', 'group', 'subject');
    if (notes.fields.groupName === undefined) notes.put('groupName', subject.to, 'subject');
  }
  if (notes.fields.chatType === 'group') {
    const members = participants.map((one) =>
      one.role === 'recipient' || one.role === 'cc' ? { ...one, role: 'group-member' as const } : one,
    );
    notes.put('participants', members, notes.provenance['participants'] ?? 'address');
  }
}

function named(one: Participant, name: string): boolean {
  const names = [one.name, one.displayRaw, [one.lastName, one.firstName].filter((part) => part !== undefined).join(' ')];
  return names.some((other) => other !== undefined && other !== '' && matching(other) === name);
}

function matching(text: string): string {
  return withoutBidi(text).replace(/\s+/g, ' ').trim().toLowerCase();
}

function readThread(reading: Reading, claims: Claims, notes: Notes): void {
  const { platform, participants, eventKind, groupName } = notes.fields;
  if (eventKind === 'system') return;
  const given = claims.threadId ?? claims.groupId;
  if (given !== undefined) {
    notes.put('threadId', given.value, given.origin);
    return;
  }
  const sides = (participants ?? []).filter((one) => one.role !== 'owner');
  const keys = sides.map((one) => identityOf(one, reading.profile.country));
  if (sides.length < 2 || keys.some((key) => key === undefined)) return;
  const sorted = [...new Set(keys)].sort().join(',');
  const name = groupName === undefined ? '' : `${matching(groupName)}|`;
  notes.put('threadId', `${platform ?? 'unknown'}|${name}${sorted}`, 'inferred');
  notes.put('threadInferred', true, 'inferred');
}

function readCall(reading: Reading, claims: Claims, subject: SubjectReading | undefined, notes: Notes): void {
  if (notes.fields.eventKind !== 'call') return;
  const state = normalName(claims.deliveryStatus?.value ?? '');
  const stated = Object.hasOwn(callResults, state) ? callResults[state] : undefined;
  const legs = notes.fields.encrypted === true ? [] : readLegs(reading.text);
  const call = present<Call>({
    result: stated ?? (subject?.isUnanswered === true ? 'unanswered' : undefined),
    legs: legs.length === 0 ? undefined : legs,
    durationSec: legs.length === 1 ? legs[0]?.durationSec : undefined,
  });
  notes.put('call', call, stated !== undefined ? (claims.deliveryStatus?.origin ?? 'inferred') : legs.length > 0 ? 'body' : 'subject');
}

/** Names under `Files:` that no part has. A deletion does not repeat its attachments: there it is no loss. */
function checkFiles(reading: Reading, furniture: Furniture, notes: Notes): void {
  if (notes.fields.eventKind === 'delete' || furniture.files.length === 0) return;
  const there = new Set(reading.attachments.map((one) => one.name.toLowerCase()));
  const missing = furniture.files.filter((name) => !there.has(clean(name).toLowerCase())).length;
  if (missing > 0) notes.flag('attachment-missing', String(missing));
}
