/**
 * Logging in and out, and one's own password.
 *
 * The hard thing is to say as little as possible: a wrong name and a wrong password are the same answer after the same time, and what was
 * typed as a name is noted only where there is such a user, for people type their password there.
 */
import type { AccountRole, OpenSession } from '../../accounts/accounts.ts';
import { Fault } from '../../fault/fault.ts';
import { Secret } from '../../runtime/secret.ts';
import { login, passwordChange, type Session, session } from '../api/session.ts';
import { type Route, route, type Who } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

export function sessionRoutes({ accounts, version, clock }: ServiceParts): readonly Route[] {
  const waits = (untilMs: number): Fault =>
    new Fault('service.login-wait', { seconds: Math.max(1, Math.ceil((untilMs - clock.now()) / 1000)) });
  const noted = (who: string, role: AccountRole | undefined, address: string, action: string, object: string): Promise<void> =>
    accounts.note({ who, role, address, action, object, outcome: who === '' ? 'refused' : 'done', detail: '' });
  return [
    route({
      method: 'POST',
      path: '/session',
      may: 'anyone',
      summary: 'Logs in: a cookie, and the token for the header `x-postern-csrf`.',
      tag: 'session',
      body: login,
      answer: session,
      bodyLimit: 4 * 1024,
      handle: async ({ body: { user, password }, who, setSession }) => {
        // Names are in small letters; a keyboard that begins with a capital is not a wrong password.
        const name = user.trim().toLowerCase();
        const entered = await accounts.logIn(name, new Secret(password), who.address);
        if (entered.outcome === 'wait') throw waits(entered.untilMs);
        if (entered.outcome === 'refused') {
          await noted('', undefined, who.address, 'login-refused', entered.isKnown ? name : '');
          throw new Fault('service.login-refused');
        }
        try {
          await noted(entered.session.user, entered.session.role, who.address, 'login', entered.session.user);
        } catch (error) {
          await accounts.endSession(entered.session.id);
          throw error;
        }
        // Whoever logs in anew leaves nothing open.
        if (who.id !== '') await accounts.endSession(who.id);
        setSession(entered.cookie);
        return shown(entered.session, version);
      },
    }),
    route({
      method: 'GET',
      path: '/session',
      may: 'read',
      summary: 'Who is logged in.',
      tag: 'session',
      answer: session,
      handle: ({ who }) => shown(ownSession(who), version),
    }),
    route({
      method: 'DELETE',
      path: '/session',
      may: 'read',
      summary: 'Logs out: the session ends here, not only in the browser.',
      tag: 'session',
      answer: 'nothing',
      handle: async ({ who, log, setSession }) => {
        const { id } = ownSession(who);
        await accounts.endSession(id);
        setSession(undefined);
        await log('logout', who.name);
        return undefined;
      },
    }),
    route({
      method: 'PUT',
      path: '/session/password',
      may: 'read',
      summary: 'Changes one’s own password. All other sessions of the user end.',
      tag: 'session',
      body: passwordChange,
      answer: session,
      bodyLimit: 4 * 1024,
      handle: async ({ body: { current, next }, who, log }) => {
        const own = ownSession(who);
        const done = await accounts.changePassword(own.id, new Secret(current), new Secret(next), who.address);
        if (done.outcome === 'wait') throw waits(done.untilMs);
        if (done.outcome === 'refused') {
          await accounts.note({ ...noteOf(who), action: 'password-refused', object: who.name, outcome: 'refused', detail: '' });
          throw new Fault('service.password-wrong');
        }
        await log('password.change', who.name);
        return shown({ ...own, mustChangePassword: false }, version);
      },
    }),
  ];
}

type Own = Pick<OpenSession, 'id' | 'user' | 'role' | 'csrf' | 'mustChangePassword' | 'expires'>;

/** @throws Fault service.not-logged-in: an API token has no session */
function ownSession({ session: open, id, name, role }: Who): Own {
  if (open === undefined) throw new Fault('service.not-logged-in', { by: 'token' });
  return { id, user: name, role, ...open };
}

function noteOf({ name, role, address }: Who): { readonly who: string; readonly role: AccountRole; readonly address: string } {
  return { who: name, role, address };
}

function shown({ user, role, csrf, mustChangePassword, expires }: Own, version: string): Session {
  return { user, role, csrf, mustChangePassword, expires: expires.toISOString(), version };
}
