/** How the people of a record are called in a few words; everybody who shows a message says it in the same way. */
import type { MessageRecord, Participant } from './record.ts';

/** The name, else the number, else the address, else as the message writes him. */
export function called({ name, e164, phoneRaw, email, displayRaw }: Participant): string {
  return name ?? e164 ?? phoneRaw ?? email ?? displayRaw;
}

/** Who sent it; of a message that nobody could be read from the field as it stands. */
export function senderOf(record: MessageRecord): string {
  const sender = record.participants.find(({ role }) => role === 'sender' || role === 'on-behalf-of');
  return sender === undefined ? record.from : called(sender);
}

/** To whom: at most `most` by name, and the group where there is one. */
export function recipientsOf(record: MessageRecord, most = 4): string {
  const to = record.participants.filter(({ role }) => role !== 'sender' && role !== 'on-behalf-of' && role !== 'owner');
  const names = to.slice(0, most).map(called);
  if (to.length > most) names.push(`and ${to.length - most} more`);
  if (record.groupName !== undefined) names.push(`in ${JSON.stringify(record.groupName)}`);
  return names.length === 0 ? record.to.slice(0, 300) : names.join(', ');
}

/** Whether the record's owner is this participant, in whatever form the feed gives him. */
export function isOwner(participant: Participant, owner: string | undefined): boolean {
  if (owner === undefined) return false;
  const named = owner.toLowerCase();
  if (named === participant.email || named === participant.syntheticEmail) return true;
  const digits = owner.replace(/\D+/g, '');
  return (
    digits !== '' &&
    !owner.includes('@') &&
    [participant.e164, participant.phoneRaw].some((number) => number !== undefined && number.replace(/\D+/g, '') === digits)
  );
}
