/**
 * Who asks, and whether the request is theirs: cookie or API token, role, and the guards against requests that another site sends.
 *
 * The hard thing is that a browser sends the cookie whoever made the request. Four things stand against it, and each alone would do: the
 * cookie is `SameSite=Strict`; what changes anything needs a token that only our page knows; `Origin` has to be ours; and so has
 * `Sec-Fetch-Site`, which also keeps a page on another port of this machine (the same site to a browser) from reading by embedding.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Accounts } from '../../accounts/accounts.ts';
import { Fault } from '../../fault/fault.ts';
import { Secret } from '../../runtime/secret.ts';
import type { ServiceAddress } from './address.ts';
import { hostOf } from './host-names.ts';
import type { Permission, Who } from './route.ts';

/** With TLS the name itself makes the browser hold on to `Secure`, this host and the whole path (RFC 6265bis §4.1.3.2). */
export function cookieName(isSecure: boolean): string {
  return isSecure ? '__Host-postern_session' : 'postern_session';
}

const mayDo: { readonly [may in Permission]: readonly Who['role'][] } = {
  anyone: ['administrator', 'operator', 'auditor'],
  read: ['administrator', 'operator', 'auditor'],
  'read-log': ['administrator', 'auditor'],
  operate: ['administrator', 'operator'],
  administer: ['administrator'],
};

/** @returns undefined where nobody is logged in. @throws Fault service.not-logged-in for a token that is not good; accounts.* */
export async function whoAsks(request: FastifyRequest, accounts: Accounts, isSecure: boolean): Promise<Who | undefined> {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const text = /^Bearer ([\w-]{1,200})$/i.exec(authorization)?.[1];
    const token = text === undefined ? undefined : await accounts.token(new Secret(text));
    if (token === undefined) throw new Fault('service.not-logged-in', { by: 'token' });
    return { name: `token:${token.name}`, role: token.role, address: request.ip, by: 'token', id: token.id, session: undefined };
  }
  const cookie = request.cookies[cookieName(isSecure)];
  if (cookie === undefined || cookie.length > 200) return undefined;
  const session = await accounts.session(new Secret(cookie));
  if (session === undefined) return undefined;
  const { user, role, id } = session;
  return { name: user, role, address: request.ip, by: 'session', id, session };
}

/** For a route that anybody may ask. */
export function nobody(address: string): Who {
  return { name: '', role: 'auditor', address, by: 'session', id: '', session: undefined };
}

/** @throws Fault service.not-allowed */
export function demandRole({ role }: Who, may: Permission): void {
  if (!mayDo[may].includes(role)) throw new Fault('service.not-allowed', { role, needs: mayDo[may].join(' or ') });
}

/** What another site has made this browser send is refused, reading too. Programs send neither header. @throws Fault service.forged */
export function demandOwnOrigin({ headers, protocol }: FastifyRequest, address: ServiceAddress): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new Fault('service.forged', { site: String(site) });
  const { origin, host } = headers;
  if (origin === undefined) return;
  const given = URL.canParse(origin) ? new URL(origin) : undefined;
  const isHere = given?.host === host && given?.protocol === `${protocol}:`;
  // A proxy may ask us by another name and port than the browser asks it.
  const isInFront = address.proxies.length > 0 && given?.protocol === 'https:' && address.names.includes(hostOf(given.host) ?? '');
  if (!isHere && !isInFront) throw new Fault('service.forged', { origin: origin.slice(0, 100) });
}

/** @throws Fault service.forged */
export function demandCsrf({ headers, method }: FastifyRequest, { session }: Who): void {
  if (session === undefined || method === 'GET' || method === 'HEAD') return;
  const given = headers['x-postern-csrf'];
  if (typeof given !== 'string' || !isSame(given, session.csrf)) {
    throw new Fault('service.forged', { header: given === undefined ? 'missing' : 'wrong' });
  }
}

/** Of the hashes, so that neither length nor beginning shows in the time it takes. */
function isSame(one: string, other: string): boolean {
  const hashed = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hashed(one), hashed(other));
}
