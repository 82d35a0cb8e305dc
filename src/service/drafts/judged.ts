/** A draft judged against the saved source that it replaces, and what is done only with a sound one. */
import type { SourceConfig } from '../../config/config.ts';
import type { Definition } from '../../definitions/definitions.ts';
import { Fault } from '../../fault/fault.ts';
import type { SourceDraft } from '../api/source.ts';
import { BadFields } from '../http/bad-fields.ts';
import type { ServiceParts } from '../parts.ts';
import { type Judged, judgeDraft } from './judge.ts';

/** @param name of the saved source; undefined: it is new */
export async function judged(parts: ServiceParts, draft: SourceDraft, name: string | undefined): Promise<Judged> {
  return await judgeDraft(draft, name === undefined ? undefined : await savedAs(parts, name), parts);
}

/**
 * For a try, which keeps nothing: a login and what it opens. What is wrong with the rest of the draft does not matter yet.
 * @param change what the try is about
 */
export async function tried(
  parts: ServiceParts,
  draft: SourceDraft,
  name: string | undefined,
  change: Partial<SourceDraft> = {},
): Promise<SourceConfig> {
  const unused = { every: '1m', since: null, country: null, owners: [], onCompletion: { kind: 'leave' }, silentAfter: null } as const;
  const login = { ...draft, ...unused, owners: [], name: name ?? 'draft', ...change };
  const saved = name === undefined ? undefined : await savedAs(parts, name);
  return sound(await judgeDraft(login, saved, parts, 'try'));
}

async function savedAs(parts: ServiceParts, name: string): Promise<Definition> {
  const saved = await parts.definitions.get(name);
  if (saved === undefined) throw new Fault('service.not-found', { source: name });
  return saved;
}

/** @throws BadFields */
export function sound({ config, remarks }: Judged): SourceConfig {
  if (config !== undefined) return config;
  throw new BadFields(remarks.filter(({ level }) => level === 'error').map(({ field, says }) => ({ field, says })));
}
