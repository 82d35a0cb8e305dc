/**
 * Who takes part in a captured item, whose copy it is, and from where he sees it.
 *
 * The hard thing is that the address fields may name the feed in place of the author, give no numbers, or contradict the subject: numbers
 * of the subject fill what is missing and replace nothing.
 */
import type { Participant } from '../../../record.ts';
import { directionOf } from '../mail.ts';
import { capturedParticipant, capturedParticipants, entries, fromField, identityOf } from '../participants.ts';
import { e164, isPhone, phoneKey, withoutBidi } from '../phone.ts';
import { headerValues, type Notes, present, type Reading } from '../reading.ts';
import type { Claims } from './recognise.ts';
import type { SubjectReading } from './subject.ts';

/** The participants of the address fields, completed from the subject where one has no number. */
export function readParticipants(
  reading: Reading,
  claims: Claims,
  subject: SubjectReading | undefined,
  notes: Notes,
): readonly Participant[] {
  const { email, profile, owners } = reading;
  if (subject?.shape === 'system') {
    const named = systemOwner(reading, subject);
    notes.put('participants', named, 'subject');
    return named;
  }
  const isGroup = subject?.chatType === 'group' || claims.groupId !== undefined || claims.groupName !== undefined;
  const found = [
    ...entries(fromField(email), 'sender'),
    ...entries(email.to, isGroup ? 'group-member' : 'recipient'),
    ...entries(email.cc, isGroup ? 'group-member' : 'cc'),
    ...entries(email.bcc, 'bcc'),
  ];
  const addressed = capturedParticipants(found, profile, owners, notes);
  const numbered = withSubject(addressed, subject, reading, notes);
  if (numbered !== addressed) notes.provenance['participants.phoneRaw'] = 'subject';
  const participants = claims.owner === undefined ? numbered : withOwner(numbered, claims.owner.value, reading);
  notes.put('participants', participants, 'address');
  return participants;
}

/** The owner as one more participant, unless he is one already. */
function withOwner(participants: readonly Participant[], owner: string, reading: Reading): readonly Participant[] {
  const { profile, owners } = reading;
  const key = identityKey(owner, profile.country);
  if (participants.some((one) => identityOf(one, profile.country) === key || one.email === key)) return participants;
  const isAddress = owner.includes('@') && !owner.includes(' ');
  const entry = { role: 'owner', name: isAddress ? '' : owner, address: isAddress ? owner : '' } as const;
  return [...participants, capturedParticipant(entry, profile, owners)];
}

/** The order of a name in a subject is nobody's setting: it stays as it is. */
function systemOwner(reading: Reading, subject: SubjectReading): Participant[] {
  const { user, mobile } = subject;
  if (user === undefined && mobile === undefined) return [];
  const numbered = capturedParticipant({ role: 'owner', name: mobile ?? '', address: '' }, reading.profile, reading.owners);
  const displayRaw = [user, mobile].filter((one) => one !== undefined).join(' ');
  return [present<Participant>({ ...numbered, displayRaw, name: user })];
}

/** Numbers that only the subject gives: of the sender, and of the one recipient there is. */
function withSubject(
  participants: readonly Participant[],
  subject: SubjectReading | undefined,
  reading: Reading,
  notes: Notes,
): readonly Participant[] {
  const { country } = reading.profile;
  const sides = [
    { number: numberOf(subject?.from), candidates: participants.filter((one) => one.role === 'sender'), detail: 'sender' },
    { number: numberOf(subject?.to), candidates: participants.filter((one) => one.role !== 'sender'), detail: 'recipient' },
  ];
  const changed = new Map<Participant, Participant>();
  const added: Participant[] = [];
  for (const { number, candidates, detail } of sides) {
    if (number === undefined) continue;
    const key = phoneKey(number, country);
    if (candidates.some((one) => one.phoneRaw !== undefined && phoneKey(one.phoneRaw, country) === key)) continue;
    const role = detail === 'sender' ? 'sender' : 'recipient';
    const [only, ...more] = candidates;
    if (only === undefined) {
      added.push(capturedParticipant({ role, name: number, address: '' }, reading.profile, reading.owners));
    } else if (more.length === 0 && only.phoneRaw === undefined) {
      changed.set(only, withNumber(only, number, reading));
    } else if (candidates.some((one) => one.phoneRaw !== undefined)) {
      notes.flag('disagreement', detail);
    }
  }
  if (changed.size === 0 && added.length === 0) return participants;
  return [...participants.map((one) => changed.get(one) ?? one), ...added];
}

/** An address of the feed itself names no author (its settings against spoofing put it there): then its name is not his. */
function withNumber(one: Participant, number: string, reading: Reading): Participant {
  const { profile, owners } = reading;
  const { role, displayRaw, syntheticEmail } = one;
  return present<Participant>({
    ...(syntheticEmail === undefined ? one : { role, displayRaw, syntheticEmail }),
    phoneRaw: number,
    e164: e164(number, profile.country),
    monitored: owners.known ? owners.has(one.email, number) : undefined,
  });
}

function numberOf(side: string | undefined): string | undefined {
  return side !== undefined && isPhone(side) ? withoutBidi(side).trim() : undefined;
}

function identityKey(value: string, country: string | undefined): string {
  return isPhone(value) ? phoneKey(value, country) : value.toLowerCase();
}

/** Whose copy it is, and from where he sees it. */
export function readOwner(
  reading: Reading,
  claims: Claims,
  subject: SubjectReading | undefined,
  participants: readonly Participant[],
  notes: Notes,
): void {
  const { profile, email } = reading;
  const { country } = profile;
  const matches = (value: string): ((one: Participant) => boolean) => {
    const key = identityKey(value, country);
    return (one) => one.email === key || identityOf(one, country) === key;
  };
  const envelope = [...headerValues(email, 'rcpt_to'), profile.mailbox ?? ''].map((value) => value.replace(/^.*<|>.*$/g, '').trim());
  const byEnvelope = envelope.find((value) => value !== '' && participants.some(matches(value)));
  const monitored = participants.filter((one) => one.monitored === true);
  if (claims.owner !== undefined) notes.put('owner', claims.owner.value, claims.owner.origin);
  else if (subject?.shape === 'system') notes.put('owner', subject.mobile ?? subject.user, 'subject');
  else if (byEnvelope !== undefined) notes.put('owner', byEnvelope, 'envelope');
  else if (monitored.length === 1) notes.put('owner', monitored[0]?.phoneRaw ?? monitored[0]?.email, 'profile');
  const owner = notes.fields.owner;
  // A day of a conversation goes both ways.
  if (subject?.shape === 'system' || notes.fields.eventKind === 'thread-day') return;
  if (owner === undefined && !reading.owners.known) return;
  notes.put('direction', directionOf(participants, owner === undefined ? undefined : matches(owner)), 'inferred');
}
