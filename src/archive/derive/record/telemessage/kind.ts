/**
 * What kind of captured item a mail is: its platform, whether it is a message, a call, an edit or a deletion, and what it is about.
 *
 * The hard thing is that up to four places say so, none of them for certain: each has its rank, and what contradicts it is flagged.
 */
import type { EventKind, Origin, Relation } from '../../../record.ts';
import type { Notes } from '../reading.ts';
import {
  callResults,
  deliveryStates,
  followUpIds,
  itemKinds,
  normalName,
  type PlatformWord,
  platformOf,
  telephonyProducts,
} from './codes.ts';
import type { Furniture } from './furniture.ts';
import type { Claim, Claims } from './recognise.ts';
import type { SubjectReading } from './subject.ts';

/** Notes the platform. Returns what is known of it; undefined where no place names one that a table knows. */
export function readPlatform(claims: Claims, subject: SubjectReading | undefined, notes: Notes): PlatformWord | undefined {
  const said: { readonly word: PlatformWord; readonly origin: Origin }[] = [];
  let strange: Claim | undefined;
  for (const field of ['networkType', 'captureProduct'] as const) {
    const claim = claims[field];
    if (claim === undefined) continue;
    const word = platformOf(claim.value);
    if (word !== undefined) said.push({ word, origin: claim.origin });
    else if (!telephonyProducts.has(normalName(claim.value))) {
      notes.flag('unknown-value', field);
      strange ??= claim;
    }
  }
  if (subject?.platform !== undefined) said.push({ word: subject.platform, origin: 'subject' });
  else if (subject?.platformWord !== undefined) {
    notes.flag('unknown-value', 'platform');
    strange ??= { value: subject.platformWord, origin: 'subject' };
  }
  const [first] = said;
  if (first === undefined) {
    notes.put('platform', strange?.value.toLowerCase(), strange?.origin ?? 'inferred');
    return undefined;
  }
  if (said.some(({ word }) => word.platform !== first.word.platform)) notes.flag('disagreement', 'platform');
  notes.put('platform', first.word.platform, first.origin);
  return first.word;
}

/** What kind of item, and by what it went. */
export function readKind(
  claims: Claims,
  subject: SubjectReading | undefined,
  platform: PlatformWord | undefined,
  furniture: Furniture,
  notes: Notes,
): void {
  const claim = claims.itemKind;
  const name = claim === undefined ? '' : normalName(claim.value);
  const kind = Object.hasOwn(itemKinds, name) ? itemKinds[name] : undefined;
  if (claim !== undefined && kind === undefined) notes.flag('unknown-value', 'itemKind');
  if (
    kind !== undefined &&
    subject !== undefined &&
    (kind.eventKind === 'call') !== (subject.modality === 'voice' || subject.modality === 'video')
  ) {
    notes.flag('disagreement', 'modality');
  }
  if (kind?.modality === 'voice' && name === 'calllog' && subject?.modality === 'video') notes.put('modality', 'video', 'subject');
  else if (kind !== undefined) notes.put('modality', kind.modality, claim?.origin ?? 'inferred');
  else notes.put('modality', subject?.modality, 'subject');

  const isDay =
    subject === undefined && claim === undefined && claims.nativeId === undefined && (claims.threadId ?? claims.threadName) !== undefined;
  const signals = kindSignals(claims, subject, furniture);
  const [first] = signals.filter(({ origin }) => origin !== 'body');
  if (new Set(signals.map((one) => one.kind)).size > 1 || (first === undefined && signals.length > 0))
    notes.flag('disagreement', 'eventKind');
  if (first !== undefined) notes.put('eventKind', first.kind, first.origin);
  else if (subject !== undefined && kind?.modality !== 'event') notes.put('eventKind', subject.eventKind, 'subject');
  else if (subject?.eventKind === 'system') notes.put('eventKind', 'system', 'subject');
  else if (kind !== undefined) notes.put('eventKind', kind.eventKind, claim?.origin ?? 'inferred');
  else if (isDay) {
    notes.put('eventKind', 'thread-day', 'inferred');
    notes.put('confidence', 'low', 'inferred');
    notes.flag('thread-day');
    if (platform?.isApp === true) notes.put('modality', 'im', 'inferred');
  }
  notes.put('readState', subject?.readState, 'subject');
  notes.put(
    'deletedFor',
    subject?.deletedFor ?? followUpOf(claims)?.deletedFor,
    subject?.deletedFor === undefined ? (claims.nativeId?.origin ?? 'inferred') : 'subject',
  );
  const state = claims.deliveryStatus;
  if (state !== undefined && !isKnownState(state.value)) notes.flag('unknown-value', 'deliveryStatus');
}

/** Every place that says `edit` or `delete` (or, the subject, `status`). */
function kindSignals(
  claims: Claims,
  subject: SubjectReading | undefined,
  furniture: Furniture,
): { readonly kind: EventKind; readonly origin: Origin }[] {
  const signals: { readonly kind: EventKind; readonly origin: Origin }[] = [];
  const prefixed = subject?.eventKind;
  if (prefixed === 'edit' || prefixed === 'delete' || prefixed === 'status') signals.push({ kind: prefixed, origin: 'subject' });
  const followUp = followUpOf(claims);
  if (followUp !== undefined) {
    signals.push({ kind: followUp.kind === 'edits' ? 'edit' : 'delete', origin: claims.nativeId?.origin ?? 'inferred' });
  }
  const state = normalName(claims.deliveryStatus?.value ?? '');
  if (claims.deliveryStatus !== undefined && (state.startsWith('delete') || state.startsWith('edit'))) {
    signals.push({ kind: state.startsWith('edit') ? 'edit' : 'delete', origin: claims.deliveryStatus.origin });
  }
  if (furniture.hasEditBlocks || furniture.editId !== undefined) signals.push({ kind: 'edit', origin: 'body' });
  if (furniture.deletedId !== undefined) signals.push({ kind: 'delete', origin: 'body' });
  return signals;
}

interface FollowUp {
  readonly kind: 'edits' | 'deletes';
  readonly nativeId: string;
  readonly deletedFor: 'me' | 'all' | undefined;
}

/** The original that an id like `EDIT-<id>-<n>` names. */
function followUpOf(claims: Claims): FollowUp | undefined {
  const id = claims.nativeId?.value ?? '';
  const row = followUpIds.find(({ prefix }) => id.slice(0, prefix.length).toUpperCase() === prefix);
  if (row === undefined) return undefined;
  const rest = id.slice(row.prefix.length);
  const number = /-\d{1,9}$/.exec(rest);
  const nativeId = row.kind === 'edits' && number !== null ? rest.slice(0, number.index) : rest;
  return nativeId === '' ? undefined : { kind: row.kind, nativeId, deletedFor: row.deletedFor };
}

/** Which item an edit or a deletion is about. The original is never changed: this is a record of its own. */
export function readFollowUp(claims: Claims, furniture: Furniture, notes: Notes): void {
  const kind = notes.fields.eventKind;
  if (kind !== 'edit' && kind !== 'delete') return;
  const relation = kind === 'edit' ? 'edits' : 'deletes';
  const byId = followUpOf(claims);
  const byText = (kind === 'delete' ? furniture.deletedId : undefined) ?? furniture.originalId;
  if (byId !== undefined && byText !== undefined && byId.nativeId !== byText) notes.flag('disagreement', 'relatesTo');
  if (byId !== undefined) {
    notes.put('relatesTo', [{ kind: relation, nativeId: byId.nativeId } satisfies Relation], claims.nativeId?.origin ?? 'inferred');
  } else if (byText !== undefined) {
    notes.put('relatesTo', [{ kind: relation, nativeId: byText } satisfies Relation], 'body');
  } else {
    notes.flag('original-unknown');
    notes.put('relatesTo', [{ kind: relation } satisfies Relation], 'subject');
  }
}

function isKnownState(value: string): boolean {
  const name = normalName(value);
  return deliveryStates.has(name) || Object.hasOwn(callResults, name) || name.startsWith('delete') || name.startsWith('edit');
}
