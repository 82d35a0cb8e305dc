/** The access of each tenant: ids, credential and its end, and what a token says. */
import { z } from 'zod';
import { isFault } from '../../fault/fault.ts';
import { access, accessList } from '../api/tenant.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { accessOf } from '../setup/access-view.ts';
import { lastClaims } from '../setup/last-claims.ts';
import { knownTenants, tenantNamed } from '../setup/tenants.ts';
import { shownFault } from '../shown.ts';

const tag = 'access';
export const tenantName = z.object({ tenant: z.string().min(1).max(80) });

export function accessRoutes(parts: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/access',
      may: 'read',
      summary: 'Ids, credential and last token of every tenant.',
      tag,
      answer: accessList,
      handle: () => ({ tenants: knownTenants(parts).map((one) => accessOf(parts, one)) }),
    }),
    route({
      method: 'POST',
      path: '/access/:tenant/token',
      may: 'operate',
      summary: 'Asks for a token and says what stands in it. The token itself is shown to nobody.',
      tag,
      params: tenantName,
      answer: access,
      handle: async ({ params, signal, log }) => {
        const known = tenantNamed(parts, params.tenant);
        await log('access.token', known.tenant.name);
        const tokens = parts.tokens(known.tenant);
        try {
          // A new one: what was granted since the last one stands in no other.
          const kept = tokens.kept();
          if (kept !== undefined) tokens.drop(kept);
          lastClaims(parts).note(known.tenant.name, await tokens.token(signal));
          return accessOf(parts, known);
        } catch (error) {
          if (!isFault(error)) throw error;
          return { ...accessOf(parts, known), fault: shownFault(error) };
        }
      },
    }),
  ];
}
