/**
 * Rules about logins with a token: why a mailbox stayed closed although the token is good.
 *
 * The hard thing: Exchange gives one line for many causes, so the cause is found by comparing. All logins refused points at the
 * pointer; one refused among many at the grant or the address; one protocol of a mailbox at its switch. M365 (doc) for the causes,
 * M365 (recorded) for their order. Nothing of it is sure, and every finding says so.
 */
import type { TenantConfig } from '../../config/config.ts';
import { type Case, placeOf, type Tried } from '../case.ts';
import type { Finding } from '../finding.ts';
import type { Ran } from '../observation.ts';
import {
  connectExchange,
  grantLine,
  permit,
  permitMailSend,
  replacePointer,
  showGrants,
  showMailbox,
  showSwitches,
  takeGrant,
  turnOn,
} from '../repair.ts';
import { passedOn } from './passing-on.ts';
import { lacksRole } from './token.ts';

/** @param spoilt tenants whose token is wrong as a whole: that explains every refusal. */
export function loginRules(facts: Case, spoilt: ReadonlySet<string>): Finding[] {
  const passwords = facts.tried.filter(({ attempt }) => attempt.account.login.kind === 'password');
  return [
    ...facts.tenants.flatMap((tenant) => {
      const shut = facts.of(tenant).filter(({ attempt }) => attempt.account.mustBeRefused);
      return [
        ...(spoilt.has(tenant.name) ? [] : closedRules(facts, tenant)),
        ...failedRules(facts, tenant),
        ...mustBeRefusedRules(facts, tenant, shut),
      ];
    }),
    ...passwords.flatMap(({ attempt, by }) => (attempt.account.mustBeRefused ? [] : passedOn(by).map(aboutPassword))),
    ...noServerRule(facts),
  ];
}

/** IMAP has one name for refused tokens and refused passwords. */
function aboutPassword(finding: Finding): Finding {
  if (finding.code !== 'imap.authenticate-refused') return finding;
  return { ...finding, because: 'It was a password: Exchange Online takes none any more, another server does not take this one.' };
}

/** What Exchange needs to know the app by: from the token, and from nowhere else. */
function oidOf(facts: Case, tenant: TenantConfig): string {
  return String(facts.ran('claims', { tenant: tenant.name })?.seen['oid'] ?? 'OBJECT-ID');
}

function closedRules(facts: Case, tenant: TenantConfig): Finding[] {
  const claims = facts.ran('claims', { tenant: tenant.name });
  const all = facts.of(tenant);
  const pointerProven = all.some(({ letIn }) => letIn);
  const open = all.filter(({ attempt }) => !attempt.account.mustBeRefused);
  // A login that lacks its role has been explained.
  const unexplained = open.filter(({ attempt }) => !lacksRole(claims, attempt.protocol));
  const permission = unexplained.filter(({ state, by }) => state === 'refused' && by?.seen['enhancedCode'] === wantsOtherPermission);
  const refused = unexplained.filter((one) => one.state === 'refused' && !permission.includes(one));
  const notConnected = unexplained.filter(({ state }) => state === 'not-connected');
  const mailboxes = [...new Set(open.map(({ attempt }) => attempt.account.mailbox))];
  const byMailbox = mailboxes.map((mailbox) => ({
    mailbox,
    opens: open.some(({ opens, attempt }) => opens && attempt.account.mailbox === mailbox),
    refused: refused.filter(({ attempt }) => attempt.account.mailbox === mailbox),
    notConnected: notConnected.filter(({ attempt }) => attempt.account.mailbox === mailbox),
  }));
  if (!pointerProven && refused.length > 0) return [...permissionRules(tenant, permission), ...pointerRules(facts, tenant, refused)];
  return [
    ...permissionRules(tenant, permission),
    ...byMailbox.flatMap((one) => (one.opens ? switchRules(facts, tenant, [...one.notConnected, ...one.refused]) : [])),
    ...byMailbox.flatMap((one) =>
      !one.opens && one.notConnected.length > 0 ? grantRules(facts, tenant, one.notConnected, one.refused) : [],
    ),
    ...byMailbox.flatMap((one) =>
      !one.opens && one.notConnected.length === 0 && one.refused.length > 0 ? [closedRule(facts, tenant, one.refused)] : [],
    ),
  ];
}

/** M365 (doc): `535 5.7.144 … Invalid API permissions`, at High Volume Email, which asks for Mail.Send of the Exchange resource. */
const wantsOtherPermission = '5.7.144';

function permissionRules(tenant: TenantConfig, refused: readonly Tried[]): Finding[] {
  if (refused.length === 0) return [];
  const because =
    'The server says itself that the permissions are invalid; High Volume Email asks for Mail.Send instead of SMTP.SendAsApp.';
  return [{ ...supposed('check.role-missing', refused, { repair: permitMailSend(tenant), because }), certainty: 'sure' }];
}

/** Nobody got in: the pointer. With one mailbox only it may still be the mailbox itself; a second one would tell. */
function pointerRules(facts: Case, tenant: TenantConfig, refused: readonly Tried[]): Finding[] {
  const oid = oidOf(facts, tenant);
  const mailboxes = [...new Set(refused.map(({ attempt }) => attempt.account.mailbox))];
  const several = mailboxes.length > 1;
  const pointer = supposed('check.pointer-wrong', refused, {
    repair: replacePointer(tenant, oid, mailboxes),
    because: several
      ? `All of ${mailboxes.length} mailboxes refused it, which a missing grant on each would explain only by chance.`
      : 'Only one mailbox was tried; a second one (`postern check MAILBOX OTHER-MAILBOX`) tells the pointer from the grant.',
    seen: { appId: tenant.clientId, objectId: oid, ...firstSeen(refused) },
  });
  return several ? [pointer] : [pointer, closedRule(facts, tenant, refused)];
}

function closedRule(facts: Case, tenant: TenantConfig, refused: readonly Tried[]): Finding {
  const oid = oidOf(facts, tenant);
  const mailbox = refused[0]?.attempt.account.mailbox ?? '';
  return supposed('check.mailbox-closed', refused, {
    repair: [connectExchange(tenant), showMailbox(mailbox), showGrants(mailbox), grantLine(mailbox, oid)],
  });
}

/** The mailbox opens by another protocol, so grant and address are right. */
function switchRules(facts: Case, tenant: TenantConfig, shut: readonly Tried[]): Finding[] {
  return shut.flatMap((one) => {
    const { protocol, account } = one.attempt;
    // M365 (doc): 535 5.7.3 comes after the switch was found on; so it is not the switch.
    if (protocol === 'smtp')
      return passedOn(one.by, { level: levelOf([one]), certainty: 'supposed', repair: grantLines(facts, tenant, account.mailbox) });
    return [
      supposed('check.protocol-off', [one], {
        because: `The same mailbox opens by another protocol with the same token.`,
        repair: [connectExchange(tenant), showSwitches(account.mailbox), turnOn(account.mailbox, protocol)],
      }),
    ];
  });
}

/** Let in, but not connected. M365 (recorded): the grant first, then the switch. What the other protocols refuse has the same cause. */
function grantRules(facts: Case, tenant: TenantConfig, notConnected: readonly Tried[], refused: readonly Tried[]): Finding[] {
  const mailbox = notConnected[0]?.attempt.account.mailbox ?? '';
  const reading = [...notConnected, ...refused].filter(({ attempt }) => attempt.protocol !== 'smtp');
  const grant = supposed('check.grant-missing', [...notConnected, ...refused], { repair: grantLines(facts, tenant, mailbox) });
  if (reading.length === 0) return [grant];
  const lines = reading.map(({ attempt }) => turnOn(mailbox, attempt.protocol));
  return [grant, supposed('check.protocol-off', reading, { repair: [connectExchange(tenant), showSwitches(mailbox), ...lines] })];
}

function grantLines(facts: Case, tenant: TenantConfig, mailbox: string): readonly string[] {
  return [connectExchange(tenant), showGrants(mailbox), grantLine(mailbox, oidOf(facts, tenant))];
}

/** What a server or a way to it has given a name of its own. */
function failedRules(facts: Case, tenant: TenantConfig): Finding[] {
  return facts.of(tenant).flatMap((one) => {
    if (one.state !== 'failed' || one.attempt.account.mustBeRefused) return [];
    const { account, protocol } = one.attempt;
    const off = one.by?.code === 'smtp.disabled-for-tenant' || one.by?.code === 'smtp.disabled-for-mailbox';
    const repair = off
      ? [connectExchange(tenant), showSwitches(account.mailbox), turnOn(account.mailbox, protocol)]
      : one.by?.code === 'smtp.refused' && one.by.probe === 'login'
        ? permit(tenant, ['smtp'])
        : [];
    return passedOn(one.by, { level: levelOf([one]), repair });
  });
}

/** A mailbox that must stay shut: open is a fault; shut is a proof only where the app gets in elsewhere. */
function mustBeRefusedRules(facts: Case, tenant: TenantConfig, shut: readonly Tried[]): Finding[] {
  const oid = oidOf(facts, tenant);
  const others = facts.of(tenant).filter(({ attempt }) => !attempt.account.mustBeRefused);
  return shut.flatMap((one): Finding[] => {
    const place = placeOf(one.attempt);
    const { mailbox } = one.attempt.account;
    const rests: readonly Ran[] = one.by === undefined ? [] : [one.by];
    const claims = facts.ran('claims', { tenant: tenant.name });
    // M365 (doc): with the role in the token the grant is asked for at the mail only; without it an assignment has let it in.
    const untold = one.attempt.protocol === 'smtp' && one.state === 'open' && !one.opens && !lacksRole(claims, 'smtp');
    if (!untold && (one.state === 'open' || (one.letIn && one.state === 'failed'))) {
      const repair = [connectExchange(tenant), showGrants(mailbox), takeGrant(mailbox, oid)];
      return [{ code: 'check.mailbox-open', certainty: 'sure', level: 'fault', places: [place], seen: one.by?.seen ?? {}, repair, rests }];
    }
    if (one.state === 'failed') return passedOn(one.by);
    const isShut = one.state === 'refused' || one.state === 'not-connected';
    if (isShut && others.some(({ state, attempt }) => state === 'open' && attempt.protocol === one.attempt.protocol)) return [];
    // Where others were tried and stayed shut, their own findings say what to do.
    const level = others.length === 0 || untold ? 'fault' : 'warning';
    const because = untold
      ? 'SMTP took the login, and asks for the grant only when a mail is handed over, which a check does not do here.'
      : undefined;
    const seen = one.by?.seen ?? {};
    return [
      { code: 'check.refusal-unproven', certainty: 'sure', level, places: [place], seen, repair: [], rests, ...(because && { because }) },
    ];
  });
}

function noServerRule(facts: Case): Finding[] {
  const without = facts.tried.filter(({ attempt: { account, protocol, wanted } }) => wanted && account.servers[protocol] === undefined);
  return without.map(({ attempt }) => ({
    code: 'check.no-server',
    certainty: 'sure',
    level: 'fault',
    places: [placeOf(attempt)],
    seen: { protocol: attempt.protocol },
    repair: [],
    rests: [],
  }));
}

function supposed(
  code: Finding['code'],
  tried: readonly Tried[],
  more: Pick<Finding, 'repair'> & Partial<Pick<Finding, 'because' | 'seen'>>,
): Finding {
  const rests = tried.flatMap(({ by }) => by ?? []);
  return {
    code,
    certainty: 'supposed',
    level: levelOf(tried),
    places: rests.map(({ place }) => place),
    seen: firstSeen(tried),
    rests,
    ...more,
  };
}

function firstSeen(tried: readonly Tried[]): Ran['seen'] {
  return tried.find(({ by }) => by !== undefined)?.by?.seen ?? {};
}

function levelOf(tried: readonly Tried[]): Finding['level'] {
  return tried.some(({ attempt }) => attempt.wanted) ? 'fault' : 'warning';
}
