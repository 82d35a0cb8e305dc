/** Rules about the configuration, the tenant, the token and its claims. */
import type { TenantConfig } from '../../config/config.ts';
import type { FaultCode } from '../../fault/catalog.ts';
import type { Evidence } from '../../fault/fault.ts';
import { clouds } from '../../tenant/cloud.ts';
import { isGuid } from '../../tenant/ids.ts';
import { exchangeOnlineAppId, lookAlikes, protocolPermission } from '../../tenant/permission.ts';
import { federatedAudience } from '../../token/assertion.ts';
import type { Case, Tried } from '../case.ts';
import type { Finding } from '../finding.ts';
import type { Observation, Protocol, Ran } from '../observation.ts';
import {
  connectExchange,
  listFederated,
  permit,
  permitByRbac,
  registrationPage,
  signInLogs,
  testAssignment,
  trustAssertion,
} from '../repair.ts';
import { passedOn, resting } from './passing-on.ts';

export function tokenRules(facts: Case): Finding[] {
  return [
    ...facts.observations
      .filter(({ probe, place }) => probe === 'credential' && place.tenant === undefined)
      .flatMap((one) => passedOn(one)),
    ...facts.tenants.flatMap((tenant) => [
      ...credentialRules(facts, tenant),
      ...tenantRules(facts, tenant),
      ...endRule(facts, tenant),
      ...clockRule(facts, tenant),
      ...claimRules(facts, tenant),
    ]),
  ];
}

/** Of an end that Graph or the configuration tells of; a certificate shows its own. */
function endRule(facts: Case, tenant: TenantConfig): Finding[] {
  const seen = facts.ran('end', { tenant: tenant.name });
  const daysLeft = seen?.seen['daysLeft'];
  if (seen === undefined || typeof daysLeft !== 'number' || daysLeft >= warnBeforeDays) return [];
  const repair = tenant.setup === undefined ? [`# ${registrationPage(tenant, 'Credentials')}`] : ['postern setup rotate'];
  return [finding('check.secret-ends-soon', tenant, seen, { level: 'warning', repair })];
}

const warnBeforeDays = 30;

/** Secrets and keys that cannot be had, and certificates near their end. */
function credentialRules(facts: Case, tenant: TenantConfig): Finding[] {
  const seen = facts.ran('credential', { tenant: tenant.name });
  const daysLeft = seen?.seen['daysLeft'];
  if (seen?.outcome === 'ok' && typeof daysLeft === 'number' && daysLeft < warnBeforeDays) {
    return [
      finding('check.certificate-ends-soon', tenant, seen, { level: 'warning', repair: [`# ${registrationPage(tenant, 'Credentials')}`] }),
    ];
  }
  return passedOn(seen, { repair: seen?.code === undefined ? [] : repairToken(seen.code, tenant, seen.seen) });
}

const aboutTenant: ReadonlySet<FaultCode> = new Set(['token.tenant-not-found', 'token.tenant-not-specific', 'token.wrong-cloud']);

/** Discovery and token endpoint say the same about a tenant; it is told once. */
function tenantRules(facts: Case, tenant: TenantConfig): Finding[] {
  const place = { tenant: tenant.name };
  const [discovery, token] = [facts.ran('discovery', place), facts.ran('token', place)];
  if (discovery?.code !== undefined && aboutTenant.has(discovery.code)) {
    const knownIn = discovery.seen['knownIn'];
    const also = token?.code !== undefined && aboutTenant.has(token.code) ? token : undefined;
    const found =
      typeof knownIn === 'string'
        ? [
            finding('token.wrong-cloud', tenant, discovery, {
              because: `The authority ${discovery.seen['knownBy']} knows this tenant, the configured one does not.`,
              repair: [`cloud: ${knownIn}   # in the configuration, tenants.${tenant.name}`],
            }),
          ]
        : passedOn(discovery, { repair: repairToken(discovery.code, tenant, discovery.seen) });
    return [...resting(found, [also]), ...(also === undefined ? refusedToken(token, tenant) : [])];
  }
  if (token?.outcome === 'ok') return passedOn(discovery, { level: 'warning' });
  const same = token?.code === discovery?.code;
  return [...(same ? [] : passedOn(discovery)), ...refusedToken(token, tenant)];
}

function refusedToken(token: Ran | undefined, tenant: TenantConfig): Finding[] {
  const found = passedOn(token, { repair: token?.code === undefined ? [] : repairToken(token.code, tenant, token.seen) });
  const because = token?.code !== undefined && aboutTrust.has(token.code) ? compared(tenant, token.seen) : undefined;
  return because === undefined ? found : found.map((one) => ({ ...one, because }));
}

/** Refusals that come from a difference between an assertion and the federated credentials of the app. */
const aboutTrust: ReadonlySet<FaultCode> = new Set([
  'token.assertion-refused',
  'token.issuer-not-trusted',
  'token.subject-not-trusted',
  'token.audience-not-trusted',
]);

/** What to compare, and what is supposed of the audience: a record may name another, though Microsoft advises against it. M365 (doc). */
function compared(tenant: TenantConfig, seen: Evidence): string | undefined {
  const { issuer, subject, audience } = seen;
  if (issuer === undefined || subject === undefined) return undefined;
  const advised = federatedAudience(tenant.cloud.authority);
  // The token of a managed identity names the application behind the audience by its id. M365 (assumed).
  const unusual = tenant.credential.kind === 'assertion' && audience !== advised;
  const also = unusual ? `; for this cloud ${advised} is usual` : '';
  return `The assertion says issuer ${issuer}, subject ${subject}, audience ${audience}${also}.`;
}

/** Two seconds are what the resolution of `Date` and a slow answer make; two minutes are a clock that nobody keeps. */
const clockToleranceSeconds = 120;

function clockRule(facts: Case, tenant: TenantConfig): Finding[] {
  const token = facts.ran('token', { tenant: tenant.name });
  const ahead = token?.seen['clockAheadSeconds'];
  if (token === undefined || typeof ahead !== 'number' || Math.abs(ahead) <= clockToleranceSeconds) return [];
  const { seen, ...rest } = finding('check.clock-off', tenant, token, { level: 'warning' });
  return [{ ...rest, seen: { clockAheadSeconds: Number(seen['clockAheadSeconds']) } }];
}

/** M365 (doc): ten minutes is the least that a token lifetime policy can set. */
const leastLifeSeconds = 600;

function claimRules(facts: Case, tenant: TenantConfig): Finding[] {
  const claims = facts.ran('claims', { tenant: tenant.name });
  if (claims === undefined) return [];
  const { seen } = claims;
  const tried = facts.of(tenant);
  // A login that was accepted is worth more than every reading of the token.
  const level = tried.some(({ letIn }) => letIn) ? 'warning' : 'fault';
  if (seen['readable'] === false) return [finding('check.token-unreadable', tenant, claims, { level: 'warning' })];
  const found: Finding[] = [];
  if (!isExchange(seen['aud'], tenant))
    found.push(finding('check.token-audience', tenant, claims, { level, also: { scope: tenant.scope } }));
  if (seen['scp'] !== undefined) found.push(finding('check.token-delegated', tenant, claims, { level }));
  const foreign = foreignIds(facts, tenant, seen);
  if (foreign !== undefined) found.push(finding('check.token-foreign', tenant, claims, { level, also: foreign }));
  const secondsLeft = seen['secondsLeft'];
  if (typeof secondsLeft === 'number' && secondsLeft <= 0) found.push(finding('check.token-expired', tenant, claims, { level }));
  // What follows from a token that is wrong as a whole need not be said of each permission.
  if (found.some((one) => one.level === 'fault')) return found.map((one) => explaining(one, tried));
  if (typeof secondsLeft === 'number' && secondsLeft > 0 && secondsLeft < leastLifeSeconds) {
    found.push(finding('check.token-short-lived', tenant, claims, { level: 'warning' }));
  }
  return [...found, ...roleRules(tenant, claims, tried)];
}

function roleRules(tenant: TenantConfig, claims: Ran, tried: readonly Tried[]): Finding[] {
  const lacking = tried.filter(
    ({ attempt, letIn }) => attempt.wanted && !letIn && !attempt.account.mustBeRefused && lacksRole(claims, attempt.protocol),
  );
  const protocols = [...new Set(lacking.map(({ attempt }) => attempt.protocol))];
  const reading = protocols.filter((protocol) => protocol !== 'smtp');
  const found: Finding[] = [];
  if (reading.length > 0) {
    const roles = rolesOf(claims);
    const code = roles.length === 0 ? 'check.roles-none' : 'check.role-missing';
    const wanted = reading.map((protocol) => protocolPermission[protocol].name).join(', ');
    const instead = lookAlikes.filter(({ name }) => roles.includes(name)).map(({ name, opens }) => `${name} opens ${opens}`);
    const one = finding(code, tenant, claims, {
      repair: permit(tenant, reading),
      also: { wanted },
      ...(instead.length > 0 && { because: `${instead.join('; ')}.` }),
    });
    found.push(
      explaining(
        one,
        lacking.filter(({ attempt }) => attempt.protocol !== 'smtp'),
      ),
    );
  }
  const oid = claims.seen['oid'];
  if (protocols.includes('smtp')) {
    const smtp = lacking.filter(({ attempt }) => attempt.protocol === 'smtp');
    const assigned = tried.some(({ attempt, letIn }) => attempt.protocol === 'smtp' && letIn);
    const app = String(oid ?? 'OBJECT-ID');
    const tests = smtp.map(({ attempt }) => testAssignment(app, attempt.account.mailbox));
    const one = finding('check.smtp-role-missing', tenant, claims, {
      certainty: 'supposed',
      // M365 (doc): a role assignment in Exchange allows it without a role in the token; only a refusal makes it a fault.
      level: smtp.some(({ state }) => state === 'refused') ? 'fault' : 'warning',
      repair: assigned
        ? [connectExchange(tenant), ...tests]
        : [...permit(tenant, ['smtp']), '# or, instead, RBAC for Applications:', connectExchange(tenant), ...permitByRbac(app), ...tests],
      ...(assigned && {
        because: 'Another mailbox is let in without the role: an assignment is there, and its scope does not hold this one.',
      }),
    });
    found.push(explaining(one, smtp));
  }
  return found;
}

/** Whether the token says that this protocol is not among its permissions. */
export function lacksRole(claims: Ran | undefined, protocol: Protocol): boolean {
  return claims?.seen['readable'] === true && !rolesOf(claims).includes(protocolPermission[protocol].name);
}

function rolesOf(claims: Ran): readonly string[] {
  return String(claims.seen['roles'] ?? '')
    .split(' ')
    .filter((role) => role !== '');
}

/** M365 (doc): the names of the one resource, and its id; the scopes of the other clouds name it there. A cloud given by hand names its own. */
function isExchange(aud: string | number | boolean | undefined, tenant: TenantConfig): boolean {
  if (aud === undefined) return true;
  const resource = (scope: string): string =>
    scope
      .replace(/\/\.default$/, '')
      .replace(/\/$/, '')
      .toLowerCase();
  const named = Object.values(clouds).map(({ scope }) => resource(scope));
  const own = resource(tenant.cloud.scope);
  const known = new Set([exchangeOnlineAppId, 'https://outlook.office.com', 'https://ps.outlook.com', ...named]);
  if (!graphResource.test(own)) known.add(own);
  return known.has(resource(String(aud)));
}

/** Microsoft Graph in every cloud, and its application id. M365 (doc). */
const graphResource = /^https:\/\/(?:(?:dod-)?graph|microsoftgraph)\.|^00000003-0000-0000-c000-000000000000$/;

function foreignIds(facts: Case, tenant: TenantConfig, seen: Evidence): Evidence | undefined {
  const found = facts.ran('discovery', { tenant: tenant.name })?.seen['tenantId'];
  const tenantId = isGuid(tenant.tenantId) ? tenant.tenantId : found;
  const differs = (claim: unknown, id: unknown): boolean =>
    typeof claim === 'string' && typeof id === 'string' && claim.toLowerCase() !== id.toLowerCase();
  if (!differs(seen['tid'], tenantId) && !differs(seen['appid'], tenant.clientId)) return undefined;
  return { tenantId: String(tenantId ?? tenant.tenantId), clientId: tenant.clientId };
}

function explaining(finding: Finding, tried: readonly Tried[]): Finding {
  const by = tried.flatMap((one) => (one.state === 'refused' && one.by !== undefined ? [one.by] : []));
  return { ...finding, places: [...finding.places, ...by.map(({ place }) => place)], rests: [...finding.rests, ...by] };
}

function finding(
  code: FaultCode,
  tenant: TenantConfig,
  rests: Observation & Ran,
  more: Partial<Pick<Finding, 'certainty' | 'level' | 'repair' | 'because'>> & { readonly also?: Evidence },
): Finding {
  const { also = {}, ...given } = more;
  return {
    code,
    certainty: 'sure',
    level: 'fault',
    places: [{ tenant: tenant.name }],
    seen: { ...rests.seen, ...also },
    repair: [],
    rests: [rests],
    ...given,
  };
}

/** The command or page for a refusal of the token endpoint, with the ids of this app. */
export function repairToken(code: FaultCode, tenant: TenantConfig, seen: Evidence): readonly string[] {
  const { clientId } = tenant;
  const page = (name: Parameters<typeof registrationPage>[1]): string => `# ${registrationPage(tenant, name)}`;
  switch (code) {
    case 'token.secret-wrong':
    case 'token.secret-expired':
    case 'token.credential-missing':
    case 'config.secret-is-an-id':
      return [`az ad app credential reset --id ${clientId} --append --display-name Postern --years 1`, page('Credentials')];
    case 'token.certificate-not-registered':
    case 'token.certificate-expired':
      return [`az ad app credential reset --id ${clientId} --append --cert @postern.crt`, page('Credentials')];
    case 'token.assertion-refused':
    case 'token.issuer-not-trusted':
    case 'token.subject-not-trusted':
    case 'token.audience-not-trusted':
      return [listFederated(tenant), ...trustAssertion(tenant, seen), page('Credentials')];
    case 'token.identity-not-found':
      return tenant.credential.kind === 'managed-identity' && tenant.credential.clientId !== undefined
        ? [`az identity list --query "[?clientId=='${tenant.credential.clientId}'].{name:name, group:resourceGroup, objectId:principalId}"`]
        : ['az identity list --query "[].{name:name, group:resourceGroup, clientId:clientId}"'];
    case 'token.app-not-found':
      return [`az ad app show --id ${clientId} --query "{name:displayName, clientId:appId}"`, page('Overview')];
    case 'token.service-principal-missing':
      return [`az ad sp create --id ${clientId}`];
    case 'token.app-disabled':
      return [`az ad sp update --id ${clientId} --set accountEnabled=true`];
    case 'token.app-is-public':
      return [`az ad app update --id ${clientId} --is-fallback-public-client false`, page('Authentication')];
    case 'token.resource-not-found':
      return [...permit(tenant, ['imap', 'pop3', 'smtp'])];
    case 'token.conditional-access': {
      const { correlationId } = seen;
      return [`# ${signInLogs(tenant)}${correlationId === undefined ? '' : `, correlation id ${correlationId}`}`];
    }
    case 'token.unknown-answer':
      return [`# https://login.microsoftonline.com/error?code=${String(seen['codes'] ?? '').split(',')[0]}`];
    default:
      return [];
  }
}
