/**
 * Ordinary mail as a conversation: participants, thread and direction by what RFC 5322 gives.
 *
 * The hard thing is to claim no more than the header does: the thread is the first message that the others refer to (RFC 5322 §3.6.4),
 * which a mailer may have cut off, and the direction is known only where the owners are.
 */
import type { Direction, Participant, Relation } from '../../record.ts';
import { entries, fromField, mailParticipants } from './participants.ts';
import type { Notes, Reading } from './reading.ts';

/** Characters of a message identifier that count. */
const maxIdChars = 998;

/** Notes participants, thread, owner and direction of an ordinary mail. */
export function readMail(reading: Reading, notes: Notes): void {
  const { email, owners } = reading;
  const found = [
    ...entries(fromField(email), 'sender'),
    ...entries(email.to, 'recipient'),
    ...entries(email.cc, 'cc'),
    ...entries(email.bcc, 'bcc'),
  ];
  const participants = mailParticipants(found, owners);
  notes.put('participants', participants, 'address');
  notes.put('modality', 'mail', 'inferred');
  notes.put('platform', 'mail', 'inferred');
  notes.put('eventKind', 'message', 'inferred');
  notes.put('confidence', 'high', 'inferred');
  const own = firstId(email.messageId ?? '');
  notes.put('nativeId', own, 'header:Message-ID');
  const references = firstId(email.references ?? '');
  const parent = firstId(email.inReplyTo ?? '') ?? lastId(email.references ?? '');
  if (references !== undefined) notes.put('threadId', references, 'header:References');
  else if (parent !== undefined) notes.put('threadId', parent, 'header:In-Reply-To');
  else notes.put('threadId', own, 'header:Message-ID');
  if (parent !== undefined) {
    const origin = email.inReplyTo === undefined ? 'header:References' : 'header:In-Reply-To';
    notes.put('relatesTo', [{ kind: 'replyTo', nativeId: parent } satisfies Relation], origin);
  }
  readOwner(reading, participants, notes);
}

/** The mailbox is somebody's copy if he takes part in the message, or is monitored; else it is the copy of the one who is monitored. */
function readOwner({ owners, profile }: Reading, participants: readonly Participant[], notes: Notes): void {
  const mailbox = profile.mailbox?.toLowerCase();
  const monitored = participants.filter((one) => one.monitored === true);
  if (mailbox !== undefined && (owners.has(mailbox, undefined) || participants.some((one) => one.email === mailbox))) {
    notes.put('owner', mailbox, 'profile');
  } else if (monitored.length === 1) {
    notes.put('owner', monitored[0]?.email, 'address');
  }
  const { owner } = notes.fields;
  if (owner === undefined && !owners.known) return;
  // A mailbox on the list that is not named was reached by a list or a blind copy: then whoever is monitored gives the direction.
  const isNamed = owner !== undefined && participants.some((one) => one.email === owner);
  notes.put('direction', directionOf(participants, isNamed ? (one): boolean => one.email === owner : undefined), 'inferred');
}

/**
 * As seen from the owner; where he is not named, from all who are monitored.
 * @param isOwner undefined where nobody says who the owner is
 */
export function directionOf(participants: readonly Participant[], isOwner: ((one: Participant) => boolean) | undefined): Direction {
  const senders = participants.filter((one) => one.role === 'sender');
  const others = participants.filter((one) => one.role !== 'sender' && one.role !== 'owner' && one.role !== 'on-behalf-of');
  const all = [...senders, ...others];
  if (senders.length > 0 && others.length > 0 && all.every((one) => one.monitored === true)) return 'internal';
  const counts = isOwner ?? ((one: Participant): boolean => one.monitored === true);
  if (senders.some(counts)) return 'out';
  return others.some(counts) ? 'in' : 'unknown';
}

/** The first `<…>` of a field, with its brackets; a bare word where there are none. */
function firstId(field: string): string | undefined {
  const start = field.indexOf('<');
  const end = start < 0 ? -1 : field.indexOf('>', start);
  return shortened(end < 0 ? field.trim().split(/\s/, 1)[0] : field.slice(start, end + 1));
}

function lastId(field: string): string | undefined {
  const end = field.lastIndexOf('>');
  const start = end < 0 ? -1 : field.lastIndexOf('<', end);
  return shortened(start < 0 ? field.trim().split(/\s/).at(-1) : field.slice(start, end + 1));
}

function shortened(id: string | undefined): string | undefined {
  return id === undefined || id === '' || id.length > maxIdChars ? undefined : id;
}
