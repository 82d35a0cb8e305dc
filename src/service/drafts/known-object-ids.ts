/** Object ids that are known here, so that one which is pasted for a client id is recognised: from the setup's notes and from tokens. */
import { setupNotes } from '../../setup/notes.ts';
import type { ServiceParts } from '../parts.ts';
import { lastClaims } from '../setup/last-claims.ts';
import { knownTenants } from '../setup/tenants.ts';

/** In small letters, with what each is of. */
export function knownObjectIds(parts: ServiceParts): ReadonlyMap<string, string> {
  const known = new Map<string, string>();
  for (const { name } of parts.config.tenants.values()) {
    const kept = setupNotes(parts.config.dataFolder, name).glance();
    if (kept === undefined) continue;
    known.set(kept.appObjectId.toLowerCase(), `the Object ID of the app registration of ${name}`);
    if (kept.principalId !== undefined) known.set(kept.principalId.toLowerCase(), `the Object ID of the Enterprise application of ${name}`);
  }
  const told = lastClaims(parts);
  for (const { tenant } of knownTenants(parts)) {
    const token = parts.tokens(tenant).kept();
    if (token !== undefined) told.note(tenant.name, token);
  }
  for (const [tenant, { claims }] of told.all()) {
    if (claims.oid !== undefined) known.set(claims.oid.toLowerCase(), `the Object ID of the Enterprise application of ${tenant}`);
  }
  return known;
}
