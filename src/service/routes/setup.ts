/** What an administrator of the tenant would have to do, as a plan, a script and commands. Nothing is changed from here. */
import { z } from 'zod';
import { planSignIn, setupPlan } from '../api/tenant.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { accessOf } from '../setup/access-view.ts';
import { desiredAccess } from '../setup/desired-access.ts';
import { planView } from '../setup/plan-view.ts';
import { SignIns } from '../setup/sign-ins.ts';
import { tenantNamed } from '../setup/tenants.ts';
import { tenantName } from './access.ts';

const tag = 'setup';
const signInId = z.object({ id: z.string().max(64) });

export function setupRoutes(parts: ServiceParts): readonly Route[] {
  const signIns = new SignIns(parts);
  const oidOf = (name: string): string | undefined => accessOf(parts, tenantNamed(parts, name)).servicePrincipalId ?? undefined;
  return [
    route({
      method: 'GET',
      path: '/setup/:tenant/plan',
      may: 'read',
      summary: 'The plan for a tenant that nobody has looked at, with the PowerShell script and the commands.',
      tag,
      params: tenantName,
      answer: setupPlan,
      handle: ({ params: { tenant } }) => {
        const known = tenantNamed(parts, tenant);
        return planView(known, desiredAccess(known), undefined, oidOf(tenant));
      },
    }),
    route({
      method: 'POST',
      path: '/setup/:tenant/sign-ins',
      may: 'administer',
      summary: 'Begins the sign-in of an administrator by a code, to look at the tenant and plan from what is there.',
      tag,
      params: tenantName,
      answer: planSignIn,
      handle: async ({ params: { tenant }, log }) => {
        const known = tenantNamed(parts, tenant);
        await log('setup.sign-in', tenant);
        return signIns.start(known, oidOf(tenant));
      },
    }),
    route({
      method: 'GET',
      path: '/setup/sign-ins/:id',
      may: 'administer',
      summary: 'How a sign-in goes: the code to enter, what is looked at, and in the end the plan.',
      tag,
      params: signInId,
      answer: planSignIn,
      handle: ({ params }) => signIns.get(params.id),
    }),
    route({
      method: 'DELETE',
      path: '/setup/sign-ins/:id',
      may: 'administer',
      summary: 'Ends a sign-in; its tokens are forgotten.',
      tag,
      params: signInId,
      answer: 'nothing',
      handle: ({ params }) => {
        signIns.stop(params.id);
        return undefined;
      },
    }),
  ];
}
