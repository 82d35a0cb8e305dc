/**
 * By what a record is found in the derived database: numbers and addresses of its participants, keys of its names, bits of its marks.
 *
 * The hard thing is one form for each number, however it is written: digits without the plus, backwards, because a person who looks for
 * one often leaves its beginning away (the country, the zero of a national number) and never its end.
 */
import { hash } from 'node:crypto';
import { isOwner } from '../called.ts';
import { type Mark, marks } from '../message.ts';
import type { MessageRecord, Participant, ParticipantRole } from '../record.ts';
import { flagCodes, type QueryParticipant } from '../search.ts';

/** What kind of name an identity is. */
export const identityKind = { address: 1, international: 2, national: 3 } as const;
export type IdentityKind = (typeof identityKind)[keyof typeof identityKind];

export interface Identity {
  readonly kind: IdentityKind;
  /** An address in lower case; a number backwards. */
  readonly value: string;
  readonly roles: number;
}

/** Bits of the column `roles`. */
const roleBit: Readonly<Record<ParticipantRole, number>> = {
  sender: 1,
  'on-behalf-of': 2,
  recipient: 4,
  cc: 8,
  bcc: 16,
  'group-member': 32,
  owner: 64,
};
export const roleBits: Readonly<Record<QueryParticipant['role'], number>> = {
  any: 127,
  from: roleBit.sender | roleBit['on-behalf-of'],
  to: roleBit.recipient | roleBit.cc | roleBit.bcc | roleBit['group-member'],
};

/** Numbers and addresses of a message that are looked up one by one; those behind are found by their words only. */
const identityLimit = 10_000;

/** Everybody who takes part, each number and address once with all its roles. */
export function identitiesOf(record: MessageRecord): readonly Identity[] {
  const found = new Map<string, { kind: IdentityKind; value: string; roles: number }>();
  for (const participant of record.participants) {
    for (const { kind, value } of namesOf(participant)) {
      if (found.size >= identityLimit) return [...found.values()];
      const key = `${kind} ${value}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { kind, value, roles: roleBit[participant.role] });
      else known.roles |= roleBit[participant.role];
    }
  }
  return [...found.values()];
}

function namesOf({
  e164,
  phoneRaw,
  email,
  syntheticEmail,
}: Participant): readonly { readonly kind: IdentityKind; readonly value: string }[] {
  const names: { readonly kind: IdentityKind; readonly value: string }[] = [];
  if (e164 !== undefined) names.push({ kind: identityKind.international, value: backwards(digitsOf(e164)) });
  else if (phoneRaw !== undefined) names.push({ kind: identityKind.national, value: backwards(digitsOf(phoneRaw).replace(/^0+/, '')) });
  if (email !== undefined) names.push({ kind: identityKind.address, value: email.toLowerCase() });
  if (syntheticEmail !== undefined) names.push({ kind: identityKind.address, value: syntheticEmail.toLowerCase() });
  return names.filter(({ value }) => value !== '');
}

export function backwards(digits: string): string {
  return [...digits].reverse().join('');
}

function digitsOf(text: string): string {
  return text.replace(/\D+/g, '');
}

/**
 * Key of a name, for the columns that hold one as a number: 48 bits, so that it is exact in JavaScript. Two names may share one by
 * chance (one of a million names with a probability of 1 in 280 million), so who needs certainty compares the records.
 */
export function keyOf(kind: 'thread' | 'id' | 'copy' | 'about', name: string): number {
  return hash('sha256', `${kind} ${name}`, 'buffer').readUIntBE(0, 6);
}

/** Bits of the column `marks`; a flag of a record has the bit of its place in `flagCodes` above these. */
export const markBit = {
  attachment: 1,
  edited: 2,
  deleted: 4,
  encrypted: 8,
  unreadable: 16,
  flagged: 32,
  /** Another one that says the same was derived before. */
  copy: 64,
  /** An edit, a deletion or a status of an item that is not in the archive. */
  orphan: 128,
  /** A monitored one takes part who is not the owner: his copy is to be expected. */
  others: 256,
} as const;
const firstFlagBit = 9;

/** The bit of a flag; 0 for one that this version does not know. */
export function flagBit(code: string): number {
  const place = (flagCodes as readonly string[]).indexOf(code);
  return place < 0 ? 0 : 2 ** (firstFlagBit + place);
}

/** The names of the marks among these bits. */
export function markNames(bits: number): readonly Mark[] {
  // The bits of flags may reach beyond what a bitwise operation of JavaScript sees.
  const has = (bit: number): boolean => Math.floor(bits / bit) % 2 === 1;
  return marks.filter((mark) => mark !== 'quarantined' && has(mark === 'unrecognised' ? flagBit('unrecognised') : markBit[mark]));
}

/** The marks that a record has by itself; edited, deleted, copy and orphan come from what the archive knows besides. */
export function marksOf(record: MessageRecord): number {
  let bits = record.attachments.length > 0 ? markBit.attachment : 0;
  if (record.encrypted) bits |= markBit.encrypted;
  if (record.problem !== undefined) bits |= markBit.unreadable;
  if (record.flags.length > 0) bits |= markBit.flagged;
  if (record.participants.some((one) => one.monitored === true && one.role !== 'owner' && !isOwner(one, record.owner)))
    bits |= markBit.others;
  for (const { code } of record.flags) bits |= flagBit(code);
  return bits;
}

/** An item that says something of another one, which has to be there. Replies do not count: what is replied to may never have come. */
export function aboutOf(record: MessageRecord): { readonly ids: readonly string[]; readonly unnamed: boolean } {
  const relations = record.relatesTo.filter(({ kind }) => kind !== 'replyTo');
  const ids = relations.flatMap(({ nativeId }) => (nativeId === undefined ? [] : [nativeId]));
  return { ids, unnamed: ids.length < relations.length };
}
