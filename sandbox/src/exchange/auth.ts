/**
 * Who may open which mailbox: the part of Exchange that IMAP, POP3 and SMTP share.
 *
 * The hard thing is that "login refused" and "logged in, but not connected" are different answers for different causes.
 * Both causes are kept as text for the sandbox's own journal; a client never sees them.
 */

import { readToken } from '../entra/access-token.ts';
import { exchangeResource, type Mailbox, mailboxOf, type Tenant } from '../tenant.ts';

export type Protocol = 'imap';

export type Login =
  | { readonly kind: 'refused'; readonly because: string }
  | { readonly kind: 'not-connected'; readonly because: string; readonly mailbox: Mailbox; readonly expires: Date }
  | { readonly kind: 'open'; readonly mailbox: Mailbox; readonly expires: Date };

const rightFor: Readonly<Record<Protocol, string>> = { imap: 'IMAP.AccessAsApp' };

/** Splits the XOAUTH2 response: `user=` ADDRESS ^A `auth=Bearer ` TOKEN ^A ^A. Undefined if it is anything else. M365 (doc). */
export function readXoauth2(base64: string): { readonly user: string; readonly token: string } | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return undefined;
  const found = /^user=([^\x01]*)\x01auth=Bearer ([^\x01]+)\x01\x01$/i.exec(Buffer.from(base64, 'base64').toString());
  return found ? { user: found[1] ?? '', token: found[2] ?? '' } : undefined;
}

/** Decides a login. M365 (recorded): refusals and their causes; CiviCRM dev/core issue 3601, email-oauth2-proxy issue 74. */
export async function judgeLogin(tenant: Tenant, protocol: Protocol, user: string, token: string): Promise<Login> {
  const facts = await readToken(tenant, token, [...exchangeResource.uris, exchangeResource.appId]);
  if (typeof facts === 'string') return { kind: 'refused', because: facts };
  if (!facts.roles.includes(rightFor[protocol])) return { kind: 'refused', because: `the token's roles lack ${rightFor[protocol]}` };
  const pointer = tenant.pointers.find((one) => one.objectId === facts.oid);
  if (!pointer) return { kind: 'refused', because: `no service principal with object id ${facts.oid} is registered in Exchange` };
  const mailbox = mailboxOf(tenant, user);
  if (!mailbox) return { kind: 'refused', because: `${user} is no mailbox of this tenant` };

  mailbox.seen.logins += 1;
  const because = whyNotConnected(mailbox, facts.oid);
  return because === undefined
    ? { kind: 'open', mailbox, expires: facts.expires }
    : { kind: 'not-connected', because, mailbox, expires: facts.expires };
}

function whyNotConnected(mailbox: Mailbox, oid: string): string | undefined {
  if (!mailbox.imapEnabled) return 'ImapEnabled is false';
  if (!mailbox.grants.has(oid)) return `the service principal ${oid} has no FullAccess on ${mailbox.address}`;
  const { notConnected, maxSessions } = mailbox.quirks;
  if (maxSessions !== undefined && mailbox.seen.sessions >= maxSessions) return `more than ${maxSessions} sessions at the same time`;
  if (notConnected && mailbox.seen.logins > notConnected.connectsFirst && notConnected.times > 0) {
    notConnected.times -= 1;
    return 'the scenario says that the back end is busy';
  }
  return undefined;
}
