/**
 * The first administrator, and a new password for somebody who has forgotten the old one. Both are random, and given back once for the
 * terminal: no password is a default, and none is kept in readable form.
 */
import { randomInt } from 'node:crypto';
import { Secret } from '../runtime/secret.ts';
import type { Accounts } from './accounts.ts';

/** Without signs that are mistaken for one another when they are typed from a screen. */
const signs = 'abcdefghijkmnpqrstuvwxyz23456789';
const groups = 5;
const groupLength = 5;

/** 125 bits, in groups for the eye: `h7kqm-2xw9d-…`. */
export function randomPassword(): Secret {
  const group = (): string => Array.from({ length: groupLength }, () => signs[randomInt(signs.length)]).join('');
  return new Secret(Array.from({ length: groups }, group).join('-'));
}

/**
 * Makes the user `admin` where there is no user at all.
 * @returns undefined where there is one. @throws Fault accounts.*
 */
export async function firstAdministrator(
  accounts: Accounts,
  wish: { readonly user?: string; readonly password?: Secret; readonly mustChangePassword?: boolean } = {},
): Promise<{ readonly user: string; readonly password: Secret } | undefined> {
  if ((await accounts.users()).length > 0) return undefined;
  const { user = 'admin', password = randomPassword(), mustChangePassword = true } = wish;
  const isMade = await accounts.addUser({ name: user, role: 'administrator', password, mustChangePassword });
  return isMade ? { user, password } : undefined;
}

/**
 * A password for this user, who has to change it at the next login and whose sessions end.
 * @returns undefined where there is no such user. @throws Fault accounts.*
 */
export async function newPassword(accounts: Accounts, user: string): Promise<Secret | undefined> {
  const password = randomPassword();
  return (await accounts.changeUser(user, { password, mustChangePassword: true })) ? password : undefined;
}
