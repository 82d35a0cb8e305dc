/**
 * What is known about the messages of each source, as the deriving threads get it, and how the index remembers what it was made with.
 *
 * The hard thing is a source that the configuration no longer names: its messages stay, so its profile stays too, noted in the index.
 */
import { hash } from 'node:crypto';
import { plainProfile, type RecordProfile } from '../record.ts';

/** By name of the source; plain data, so that it can be handed to a thread. */
export type Profiles = Readonly<Record<string, RecordProfile>>;

export function profileOf(profiles: Profiles, source: string): RecordProfile {
  return Object.hasOwn(profiles, source) ? (profiles[source] ?? plainProfile) : plainProfile;
}

/** A short name for what a profile says: two that say the same have the same one, in whatever order their owners stand. */
export function profileName({ format, nameOrder, country, owners, mailbox }: RecordProfile): string {
  const said = JSON.stringify([format, nameOrder, country ?? '', [...owners].sort(), mailbox ?? '']);
  return hash('sha256', said).slice(0, 16);
}

/** @param text as {@link writeProfiles} made it, by this version or another one. What cannot be read counts as not noted. */
export function readProfiles(text: string | undefined): Profiles {
  if (text === undefined) return {};
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null) return {};
    return Object.fromEntries(Object.entries(found).flatMap(([source, one]) => (isProfile(one) ? [[source, one]] : [])));
  } catch {
    return {};
  }
}

export function writeProfiles(profiles: Profiles): string {
  return JSON.stringify(profiles);
}

function isProfile(value: unknown): value is RecordProfile {
  if (typeof value !== 'object' || value === null) return false;
  const { format, nameOrder, owners } = value as Partial<Record<keyof RecordProfile, unknown>>;
  const isFormat = format === 'auto' || format === 'mail' || format === 'journal' || format === 'telemessage';
  return isFormat && (nameOrder === 'first-last' || nameOrder === 'last-first') && Array.isArray(owners);
}
