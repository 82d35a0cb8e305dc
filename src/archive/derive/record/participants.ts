/**
 * Who takes part: addresses and display names into participants.
 *
 * The hard thing is TeleMessage's eight ways to write one (facts: its portal's settings): number before, behind or nowhere, and `Last, First`
 * with a comma that is not quoted, which RFC 5322 reads as two. Nothing in the text says which way was chosen, so the order of names is
 * a setting of the source, and what cannot be told apart is flagged and left as it is.
 */
import { type Address, addressParser, type Email } from 'postal-mime';
import type { Participant, ParticipantRole, RecordProfile } from '../../record.ts';
import { e164, isPhone, phoneKey, withoutBidi } from './phone.ts';
import { clean, type Notes, type OwnerList, present } from './reading.ts';

/** Participants of one message that are read; a list can be endless. */
const maxParticipants = 2_000;
/** Characters of a display name that are taken apart; all of it is kept. */
const displayChars = 1_000;
/** Second words of domains that only send for others: an address there is nobody's. */
const sendingLabels = ['telemessage'];
/** What the app writes in place of a name that it does not know. */
const nameless = /^unknown$/i;

/** An entry of an address field. */
export interface Entry {
  readonly role: ParticipantRole;
  readonly name: string;
  readonly address: string;
}

/** The entries of a parsed address field, groups opened. */
export function entries(list: readonly Address[] | undefined, role: ParticipantRole): Entry[] {
  const found: Entry[] = [];
  for (const one of list ?? []) {
    for (const member of one.group ?? [one]) {
      if (found.length === maxParticipants) return found;
      found.push({ role, name: clean(member.name), address: clean(member.address ?? '') });
    }
  }
  return found;
}

/** All of the From field: the parser takes its first address, and there may be more authors, or a comma in a name. */
export function fromField(email: Email): readonly Address[] {
  const value = email.headers.find((header) => header.key === 'from')?.value ?? '';
  if (value.includes(',')) return addressParser(value);
  return email.from === undefined ? [] : [email.from];
}

/** Of ordinary mail: the address is the person. */
export function mailParticipants(found: readonly Entry[], owners: OwnerList): Participant[] {
  const seen = new Set<string>();
  return found.flatMap(({ role, name, address }) => {
    const email = address.includes('@') ? address.toLowerCase() : undefined;
    const key = `${role} ${email ?? name}`;
    if (seen.has(key) || (email === undefined && name === '')) return [];
    seen.add(key);
    return [
      present<Participant>({
        role,
        displayRaw: name,
        name: name === '' ? undefined : withoutBidi(name),
        email,
        monitored: owners.known ? owners.has(email, undefined) : undefined,
        external: isExternal(email, owners),
      }),
    ];
  });
}

/** Of captured messages: the number is the person, the address often made up. */
export function capturedParticipants(found: readonly Entry[], profile: RecordProfile, owners: OwnerList, notes: Notes): Participant[] {
  return rejoined(found, profile.nameOrder, notes).map((entry) => capturedParticipant(entry, profile, owners));
}

export function capturedParticipant(entry: Entry, profile: RecordProfile, owners: OwnerList): Participant {
  const { role, name: displayRaw } = entry;
  const { names, phone } = splitDisplay(displayRaw);
  const address = entry.address.toLowerCase();
  const local = address.slice(0, Math.max(address.lastIndexOf('@'), 0));
  const isSynthetic = address.includes('@') && (isPhone(local) || isSending(address.slice(local.length + 1)));
  const phoneRaw = phone ?? (isPhone(local) ? local : isPhone(address) ? address : undefined);
  const email = address.includes('@') && !isSynthetic ? address : undefined;
  return present<Participant>({
    role,
    displayRaw,
    ...spelled(names, profile.nameOrder),
    phoneRaw,
    e164: phoneRaw === undefined ? undefined : e164(phoneRaw, profile.country),
    email,
    syntheticEmail: isSynthetic ? address : undefined,
    monitored: owners.known ? owners.has(email, phoneRaw) : undefined,
    external: isExternal(email, owners),
  });
}

/** What two mentions of one participant share; undefined where there is only a name. */
export function identityOf(one: Participant, country: string | undefined): string | undefined {
  return one.phoneRaw !== undefined ? phoneKey(one.phoneRaw, country) : one.email;
}

function isExternal(email: string | undefined, owners: OwnerList): boolean | undefined {
  if (email === undefined || owners.domains.size === 0) return undefined;
  return !owners.domains.has(email.slice(email.lastIndexOf('@') + 1));
}

function isSending(domain: string): boolean {
  const labels = domain.split('.').slice(0, -1);
  return sendingLabels.some((label) => labels.includes(label));
}

/** `Last, First …` without quotes is one entry without an address and one with: put together where names are written that way. */
function rejoined(found: readonly Entry[], nameOrder: RecordProfile['nameOrder'], notes: Notes): Entry[] {
  const whole: Entry[] = [];
  let waiting: Entry | undefined;
  for (const entry of found) {
    const isHalf = entry.address === '' && !hasPhone(entry.name) && !nameless.test(withoutBidi(entry.name));
    if (waiting !== undefined && waiting.role === entry.role && (entry.address !== '' || hasPhone(entry.name))) {
      whole.push({ ...entry, name: entry.name === '' ? waiting.name : `${waiting.name}, ${entry.name}` });
      waiting = undefined;
      continue;
    }
    if (waiting !== undefined) whole.push(waiting);
    waiting = undefined;
    if (isHalf && nameOrder === 'last-first') {
      waiting = entry;
    } else {
      if (isHalf) notes.flag('ambiguous-participants', entry.role);
      whole.push(entry);
    }
  }
  if (waiting !== undefined) {
    notes.flag('ambiguous-participants', waiting.role);
    whole.push(waiting);
  }
  return whole;
}

function hasPhone(display: string): boolean {
  return splitDisplay(display).phone !== undefined;
}

/** The number at the end or the beginning of a display name, and what is left. */
function splitDisplay(display: string): { readonly names: string; readonly phone: string | undefined } {
  const text = clean(withoutBidi(display.slice(0, displayChars))).replace(/^["']+|["']+$/g, '');
  const last = text.slice(text.lastIndexOf(' ') + 1);
  if (isPhone(last)) return { names: text.slice(0, text.length - last.length).trim(), phone: last };
  const end = text.indexOf(' ');
  const first = end < 0 ? text : text.slice(0, end);
  return isPhone(first) ? { names: text.slice(first.length).trim(), phone: first } : { names: text, phone: undefined };
}

/** Only what is certain is told apart: two words, or a comma. */
function spelled(
  names: string,
  nameOrder: RecordProfile['nameOrder'],
): { readonly name: string | undefined; readonly firstName: string | undefined; readonly lastName: string | undefined } {
  const text = names.replace(/,+$/, '').trim();
  if (text === '' || nameless.test(text) || text.includes('@')) return { name: undefined, firstName: undefined, lastName: undefined };
  const comma = text.indexOf(',');
  if (comma > 0) {
    const [lastName, firstName] = [text.slice(0, comma).trim(), text.slice(comma + 1).trim()];
    return { name: `${firstName} ${lastName}`, firstName, lastName };
  }
  const words = text.split(' ');
  const [one, two] = words;
  if (words.length !== 2 || one === undefined || two === undefined) return { name: text, firstName: undefined, lastName: undefined };
  return nameOrder === 'first-last'
    ? { name: text, firstName: one, lastName: two }
    : { name: `${two} ${one}`, firstName: two, lastName: one };
}
