/**
 * Who may open which mailbox, and who may send from it: the part of Exchange that IMAP, POP3 and SMTP share.
 *
 * The hard thing is that the same missing permission shows differently: IMAP lets the login through and connects nothing, POP3 refuses,
 * SMTP takes the login and fails when the message is handed over. Causes are kept as text for the sandbox's own journal; a client never
 * sees them.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { readToken, type TokenFacts } from '../entra/access-token.ts';
import { exchangeResource, type Mailbox, mailboxOf, type SendAssignment, type Tenant } from '../tenant.ts';

export type Login =
  | { readonly kind: 'refused'; readonly because: string }
  | { readonly kind: 'not-connected'; readonly because: string; readonly mailbox: Mailbox; readonly expires: Date }
  | { readonly kind: 'open'; readonly mailbox: Mailbox; readonly expires: Date };

/** An SMTP login that was taken. */
export interface Sender {
  readonly mailbox: Mailbox;
  readonly objectId: string;
  /** By the role in the token, or by an assignment in Exchange. */
  readonly by: 'token' | 'assignment';
  /** Why the message will not be taken, although the login is: no FullAccess. */
  readonly lacks: string | undefined;
}

export type SendingLogin =
  | { readonly kind: 'refused'; readonly because: string }
  | { readonly kind: 'switched-off'; readonly by: 'Tenant' | 'Mailbox'; readonly because: string }
  | { readonly kind: 'open'; readonly sender: Sender };

/** Splits the XOAUTH2 response: `user=` ADDRESS ^A `auth=Bearer ` TOKEN ^A ^A. Undefined if it is anything else. M365 (doc). */
export function readXoauth2(base64: string): { readonly user: string; readonly token: string } | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return undefined;
  const found = /^user=([^\x01]*)\x01auth=Bearer ([^\x01]+)\x01\x01$/i.exec(Buffer.from(base64, 'base64').toString());
  return found ? { user: found[1] ?? '', token: found[2] ?? '' } : undefined;
}

const tokenOf = (tenant: Tenant, token: string) => readToken(tenant, token, [...exchangeResource.uris, exchangeResource.appId]);

async function takeTime(tenant: Tenant, user: string): Promise<void> {
  const slowLoginMs = mailboxOf(tenant, user)?.quirks.slowLoginMs;
  // Whoever waits has a socket open; for one that has gone nothing is kept going.
  if (slowLoginMs) await wait(slowLoginMs, undefined, { ref: false });
}

/**
 * Decides a login over IMAP or POP3. M365 (recorded): refusals and their causes; CiviCRM dev/core issue 3601, email-oauth2-proxy issue 74.
 * M365 (doc): POP3 refuses also when PopEnabled is false. M365 (assumed): and when there is no grant.
 */
export async function judgeLogin(tenant: Tenant, protocol: 'imap' | 'pop', user: string, token: string): Promise<Login> {
  await takeTime(tenant, user);
  const facts = await tokenOf(tenant, token);
  if (typeof facts === 'string') return { kind: 'refused', because: facts };
  const role = protocol === 'imap' ? 'IMAP.AccessAsApp' : 'POP.AccessAsApp';
  if (!facts.roles.includes(role)) return { kind: 'refused', because: `the token's roles lack ${role}` };
  const without = whyNoPointer(tenant, facts);
  if (without) return { kind: 'refused', because: without };
  const mailbox = mailboxOf(tenant, user);
  if (!mailbox) return { kind: 'refused', because: `${user} is no mailbox of this tenant` };

  mailbox.seen.logins += 1;
  const closed = whyClosed(mailbox, protocol, facts.oid);
  if (closed && protocol === 'pop') return { kind: 'refused', because: closed };
  const because = closed ?? whyBusy(mailbox);
  return because === undefined
    ? { kind: 'open', mailbox, expires: facts.expires }
    : { kind: 'not-connected', because, mailbox, expires: facts.expires };
}

/**
 * Decides a login over SMTP. M365 (doc): the switches are looked at before the token; a role assignment in Exchange is enough without a
 * role in the token; with the role in the token the mailbox permission is asked for, and M365 (recorded) its absence shows at submission.
 */
export async function judgeSender(tenant: Tenant, user: string, token: string): Promise<SendingLogin> {
  await takeTime(tenant, user);
  const mailbox = mailboxOf(tenant, user);
  if (mailbox?.smtpClientAuthenticationDisabled === true) {
    return { kind: 'switched-off', by: 'Mailbox', because: "the mailbox's SmtpClientAuthenticationDisabled is true" };
  }
  if (mailbox?.smtpClientAuthenticationDisabled === null && tenant.smtpClientAuthenticationDisabled) {
    return {
      kind: 'switched-off',
      by: 'Tenant',
      because: "the organisation's SmtpClientAuthenticationDisabled is true, the mailbox's is null",
    };
  }
  const facts = await tokenOf(tenant, token);
  if (typeof facts === 'string') return { kind: 'refused', because: facts };
  const byToken = facts.roles.includes('SMTP.SendAsApp');
  const assignments = tenant.sendAssignments.filter((one) => one.objectId === facts.oid);
  const byAssignment = assignments.length > 0;
  if (!byToken && !byAssignment)
    return { kind: 'refused', because: "the token's roles lack SMTP.SendAsApp, and no assignment covers the app" };
  const without = whyNoPointer(tenant, facts);
  if (without) return { kind: 'refused', because: without };
  if (!mailbox) return { kind: 'refused', because: `${user} is no mailbox of this tenant` };
  if (!byToken && !assignments.some((one) => isCovered(mailbox, one)))
    return { kind: 'refused', because: `${mailbox.address} lies outside the scope of the assignment` };

  mailbox.seen.logins += 1;
  const lacks = byToken ? whyNoGrant(mailbox, facts.oid) : undefined;
  return { kind: 'open', sender: { mailbox, objectId: facts.oid, by: byToken ? 'token' : 'assignment', lacks } };
}

/** May this sender put that address into MAIL FROM and From? M365 (doc): another address wants SendAs; M365 (assumed): or the same assignment. */
export function maySendAs(tenant: Tenant, sender: Sender, address: string): boolean {
  const other = mailboxOf(tenant, address);
  if (!other) return false;
  if (other === sender.mailbox || other.sendAs.has(sender.objectId)) return true;
  if (sender.by !== 'assignment') return false;
  return tenant.sendAssignments.some((one) => one.objectId === sender.objectId && isCovered(other, one));
}

/** M365 (doc): only direct members of the group count. */
function isCovered(mailbox: Mailbox, { members }: SendAssignment): boolean {
  return members === undefined ? mailbox.isInSendScope : members.has(mailbox.address);
}

function whyNoPointer(tenant: Tenant, facts: TokenFacts): string | undefined {
  const pointer = tenant.pointers.find((one) => one.objectId === facts.oid);
  if (!pointer) return `no service principal with object id ${facts.oid} is registered in Exchange`;
  if (pointer.refusesLogins <= 0) return undefined;
  pointer.refusesLogins -= 1;
  return `the service principal ${facts.oid} is registered in Exchange, but not in effect yet`;
}

function whyNoGrant(mailbox: Mailbox, oid: string): string | undefined {
  if (!mailbox.grants.has(oid)) return `the service principal ${oid} has no FullAccess on ${mailbox.address}`;
  const { quirks } = mailbox;
  if (!quirks.grantAfterLogins || quirks.grantAfterLogins <= 0) return undefined;
  quirks.grantAfterLogins -= 1;
  return `the FullAccess of ${oid} on ${mailbox.address} is not in effect yet`;
}

function whyClosed(mailbox: Mailbox, protocol: 'imap' | 'pop', oid: string): string | undefined {
  if (protocol === 'imap' && !mailbox.imapEnabled) return 'ImapEnabled is false';
  if (protocol === 'pop' && !mailbox.popEnabled) return 'PopEnabled is false';
  return whyNoGrant(mailbox, oid);
}

function whyBusy(mailbox: Mailbox): string | undefined {
  const { notConnected, maxSessions } = mailbox.quirks;
  if (maxSessions !== undefined && mailbox.seen.sessions >= maxSessions) return `more than ${maxSessions} sessions at the same time`;
  if (notConnected && mailbox.seen.logins > notConnected.connectsFirst && notConnected.times > 0) {
    notConnected.times -= 1;
    return 'the scenario says that the back end is busy';
  }
  return undefined;
}
