/**
 * API tokens for programs. A token is shown once, when it is made, and is good while the administrator who made it is one who may log in.
 * So it can only be made by somebody who has logged in: a token that made tokens could never be got rid of.
 */
import { z } from 'zod';
import type { TokenAccount } from '../../accounts/accounts.ts';
import { Fault } from '../../fault/fault.ts';
import { type ApiToken, apiTokenList, madeApiToken, newApiToken } from '../api/session.ts';
import { BadFields } from '../http/bad-fields.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

const dayMs = 24 * 3_600_000;

export function tokensRoutes({ accounts, clock }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/tokens',
      may: 'administer',
      summary: 'All API tokens, without what would log in by them.',
      tag: 'tokens',
      answer: apiTokenList,
      handle: async () => ({ tokens: (await accounts.tokens()).map(shown) }),
    }),
    route({
      method: 'POST',
      path: '/tokens',
      may: 'administer',
      summary: 'Makes an API token and shows it, this once. Only for who is logged in: a token makes no tokens.',
      tag: 'tokens',
      body: newApiToken,
      answer: madeApiToken,
      handle: async ({ body: { name, role, expiresInDays }, who, log }) => {
        if (who.by !== 'session') throw new Fault('service.not-allowed', { role: who.role, needs: 'a login with a password' });
        // The access log knows a token by its name.
        if ((await accounts.tokens()).some((known) => known.name.toLowerCase() === name.toLowerCase())) {
          throw new BadFields([{ field: 'name', says: 'There is a token of this name. Revoke that one first, or choose another name.' }]);
        }
        await log('token.add', name, `${role}, ${expiresInDays === null ? 'without end' : `for ${expiresInDays} days`}`);
        const expires = expiresInDays === null ? undefined : new Date(clock.now() + expiresInDays * dayMs);
        const { token, made } = await accounts.addToken({ name, role, createdBy: who.name, expires });
        // The one answer that holds it.
        return { token: token.reveal(), made: shown(made) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/tokens/:id',
      may: 'administer',
      summary: 'Revokes an API token, at once.',
      tag: 'tokens',
      params: z.strictObject({ id: z.string().max(100) }),
      answer: 'nothing',
      handle: async ({ params: { id }, log }) => {
        const known = (await accounts.tokens()).find((one) => one.id === id);
        if (known === undefined) throw new Fault('accounts.token-unknown', { id });
        await log('token.remove', known.name);
        await accounts.removeToken(id);
        return undefined;
      },
    }),
  ];
}

function shown({ id, name, role, createdBy, created, expires, lastUsed }: TokenAccount): ApiToken {
  return {
    id,
    name,
    role,
    createdBy,
    created: created.toISOString(),
    expires: expires?.toISOString() ?? null,
    lastUsed: lastUsed?.toISOString() ?? null,
  };
}
