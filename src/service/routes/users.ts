/**
 * Users: who they are and what they may. Whoever is changed has to log in again; an administrator never learns a password that stays.
 *
 * The hard thing is an API token in wrong hands: it is got rid of by revoking it. So it gives nobody a way in: who makes a user, or gives one
 * a password or a role, has logged in.
 */
import { z } from 'zod';
import type { UserAccount } from '../../accounts/accounts.ts';
import { Fault } from '../../fault/fault.ts';
import { Secret } from '../../runtime/secret.ts';
import { Turns } from '../../runtime/turns.ts';
import { newUser, type User, user, userChange, userList, userName } from '../api/session.ts';
import { BadFields } from '../http/bad-fields.ts';
import { type Route, route, type Who } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

export function usersRoutes({ accounts }: ServiceParts): readonly Route[] {
  const one = async (name: string): Promise<User> => {
    const found = (await accounts.users()).find((known) => known.name === name);
    if (found === undefined) throw new Fault('accounts.user-unknown', { user: name });
    return shown(found);
  };
  const named = z.strictObject({ name: userName });
  /** Changes, by name. */
  const turns = new Turns();
  return [
    route({
      method: 'GET',
      path: '/users',
      may: 'administer',
      summary: 'All users.',
      tag: 'users',
      answer: userList,
      handle: async () => ({ users: (await accounts.users()).map(shown) }),
    }),
    route({
      method: 'POST',
      path: '/users',
      may: 'administer',
      summary: 'Makes a user, who has to choose another password at the first login. Only for who is logged in, not for a token.',
      tag: 'users',
      body: newUser,
      answer: user,
      handle: async ({ body: { name, role, password }, who, log }) => {
        demandLogin(who);
        if ((await accounts.users()).some((known) => known.name === name)) throw new Fault('accounts.user-exists', { user: name });
        await log('user.add', name, role);
        if (!(await accounts.addUser({ name, role, password: new Secret(password), mustChangePassword: true }))) {
          throw new Fault('accounts.user-exists', { user: name });
        }
        return await one(name);
      },
    }),
    route({
      method: 'PATCH',
      path: '/users/:name',
      may: 'administer',
      summary: 'Changes role, password or whether a user may log in; a token may only shut out. The sessions of the user end.',
      tag: 'users',
      params: named,
      body: userChange,
      answer: user,
      handle: async ({ params: { name }, body: { role, disabled, password, seen }, who, log }) => {
        if (password !== undefined && name === who.name) {
          throw new BadFields([
            { field: 'password', says: 'Your own password is changed by PUT /session/password, which asks for the current one.' },
          ]);
        }
        if (role !== undefined || password !== undefined || disabled === false) demandLogin(who);
        return await turns.take(name, async () => {
          const now = await one(name);
          if (seen !== undefined && (seen.role !== now.role || seen.disabled !== now.disabled)) throw await changedMeanwhile(accounts, now);
          const told = [role, disabled === undefined ? undefined : disabled ? 'disabled' : 'enabled', password && 'a new password'];
          await log('user.change', name, told.filter((text) => text !== undefined).join(', '));
          await accounts.changeUser(name, {
            ...(role === undefined ? {} : { role }),
            ...(disabled === undefined ? {} : { disabled }),
            ...(password === undefined ? {} : { password: new Secret(password), mustChangePassword: true }),
          });
          return await one(name);
        });
      },
    }),
    route({
      method: 'DELETE',
      path: '/users/:name',
      may: 'administer',
      summary: 'Removes a user, with all sessions and the API tokens that the user has made. What the access log says of it stays.',
      tag: 'users',
      params: named,
      answer: 'nothing',
      handle: async ({ params: { name }, log }) => {
        await one(name);
        await log('user.remove', name);
        if (!(await accounts.removeUser(name))) throw new Fault('accounts.user-unknown', { user: name });
        return undefined;
      },
    }),
  ];
}

/** So many changes of users are looked through for the one that somebody did not see. */
const changesLookedAt = 500;

async function changedMeanwhile(accounts: ServiceParts['accounts'], { name, role, disabled }: User): Promise<Fault> {
  const changes = await accounts.log({ limit: changesLookedAt, action: 'user.change' });
  const last = changes.find(({ object, outcome }) => object === name && outcome === 'done');
  const done = last === undefined ? {} : { by: last.who, at: last.at.toISOString() };
  return new Fault('accounts.user-changed', { user: name, role, disabled, ...done });
}

/** @throws Fault service.not-allowed */
function demandLogin({ by, role }: Who): void {
  if (by !== 'session') throw new Fault('service.not-allowed', { role, needs: 'a login with a password' });
}

function shown({ name, role, created, lastLogin, disabled, lockedUntil }: UserAccount): User {
  return {
    name,
    role,
    created: created.toISOString(),
    lastLogin: lastLogin?.toISOString() ?? null,
    disabled,
    lockedUntil: lockedUntil?.toISOString() ?? null,
  };
}
