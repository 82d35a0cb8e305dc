/**
 * The access of one tenant: the ids that people mix up, side by side; what the last token said; when the credential ends.
 *
 * The hard thing is to say of each claim what it means here without deciding anything by it: the token is for the server, and is shown
 * to nobody.
 */
import { whyUnknown } from '../../admin/graph/unknown-end.ts';
import { configuredExpiry } from '../../import/watch/expiry.ts';
import { setupNotes } from '../../setup/notes.ts';
import { lookAlikes, protocolPermission } from '../../tenant/permission.ts';
import type { Claims } from '../../token/claims.ts';
import type { Access } from '../api/tenant.ts';
import type { ServiceParts } from '../parts.ts';
import { lastClaims } from './last-claims.ts';
import type { KnownTenant } from './tenants.ts';

type Credential = Access['credential'];

export function accessOf(parts: ServiceParts, { tenant, origin, sources }: KnownTenant): Access {
  const { name, tenantId, clientId, scope, cloud } = tenant;
  const kept = origin === 'file' ? setupNotes(parts.config.dataFolder, name).glance() : undefined;
  const isOurs = kept?.appId.toLowerCase() === clientId.toLowerCase();
  const told = lastClaims(parts);
  const token = parts.tokens(tenant).kept();
  if (token !== undefined) told.note(name, token);
  const seen = told.of(name);
  return {
    tenant: name,
    origin,
    cloud: cloud.name,
    tenantId,
    clientId,
    scope,
    appObjectId: isOurs ? (kept?.appObjectId ?? null) : null,
    servicePrincipalId: seen?.claims.oid ?? (isOurs ? (kept?.principalId ?? null) : null),
    credential: credentialOf(parts, tenant),
    roles: seen === undefined ? null : [...(seen.claims.roles ?? [])],
    tokenExpires: seen === undefined ? null : new Date(seen.expiresAtMs).toISOString(),
    claims: seen === undefined ? null : [...claimsOf(seen.claims, tenant, sources)],
    sources: sources.map((source) => source.name),
    fault: null,
  };
}

function credentialOf({ clock, watch }: ServiceParts, tenant: KnownTenant['tenant']): Credential {
  const { credential } = tenant;
  const { name } = tenant;
  const view = watch()?.credentials;
  // Of one that no source is running with, what the configuration says.
  const expiry = view?.expiries.get(name) ?? configuredExpiry(tenant, clock.now());
  const { because = 'not-asked', fault } = view?.unknown.get(name) ?? {};
  const describe = {
    secret: () => (credential.kind === 'secret' ? credential.secret.describe : ''),
    certificate: () => (credential.kind === 'certificate' ? credential.key.describe : ''),
    assertion: () => (credential.kind === 'assertion' ? credential.assertion.describe : ''),
    'managed-identity': () => 'the identity of this machine',
  }[credential.kind]();
  return {
    kind: credential.kind,
    describe,
    expires: expiry === undefined ? null : new Date(expiry.expires).toISOString(),
    daysLeft: expiry === undefined ? null : Math.floor(expiry.daysLeft),
    origin: expiry?.origin ?? null,
    unknown: expiry === undefined ? whyUnknown(because, fault?.code) : null,
  };
}

type Explained = NonNullable<Access['claims']>[number];

function claimsOf(
  claims: Claims,
  { clientId, tenantId, scope }: KnownTenant['tenant'],
  sources: KnownTenant['sources'],
): readonly Explained[] {
  const { aud, tid, appid, oid, roles = [], scp, iat, exp, appidacr } = claims;
  const resource = scope.replace(/\/\.default$/, '');
  const isId = /^[0-9a-f]{8}-/i.test(tenantId);
  const wanted = [...new Set(sources.map(({ protocol }) => protocolPermission[protocol].name))];
  const missing = wanted.filter((role) => !roles.includes(role));
  const alike = lookAlikes.filter(({ name }) => roles.includes(name) || (scp ?? '').split(' ').includes(name));
  const line = (name: string, value: string | undefined, means: string, good: boolean | null): Explained[] =>
    value === undefined ? [] : [{ name, value, means, good }];
  const instant = (seconds: number | undefined): string | undefined =>
    seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
  return [
    ...line(
      'aud',
      aud,
      'The resource that it is for. Exchange takes only its own.',
      aud === resource || aud === '00000002-0000-0ff1-ce00-000000000000',
    ),
    ...line('tid', tid, 'The tenant: Directory (tenant) ID.', isId ? tid?.toLowerCase() === tenantId.toLowerCase() : null),
    ...line('appid', appid, 'The app: Application (client) ID.', appid?.toLowerCase() === clientId.toLowerCase()),
    ...line(
      'oid',
      oid,
      'The Enterprise application: the Object ID that New-ServicePrincipal in Exchange wants. Not that of the app registration.',
      null,
    ),
    {
      name: 'roles',
      value: roles.join(', '),
      means: rolesMean(
        roles,
        missing,
        alike.map(({ name, opens }) => `${name} opens ${opens}`),
      ),
      good: missing.length === 0 && roles.length > 0,
    },
    ...line('scp', scp, 'Delegated permissions: this token acts for a person, and opens no mailbox here.', false),
    ...line(
      'appidacr',
      appidacr,
      appidacr === '1' ? 'The app proved itself with a secret.' : 'The app proved itself with a certificate or an assertion.',
      null,
    ),
    ...line('iat', instant(iat), 'When it was issued.', null),
    ...line('exp', instant(exp), 'Until when it is taken; a new one is asked for before that.', null),
  ];
}

function rolesMean(roles: readonly string[], missing: readonly string[], alike: readonly string[]): string {
  if (roles.length === 0) return 'No application permission was consented to. An administrator adds them to the app and grants consent.';
  const lacks = missing.length === 0 ? 'Everything that its sources need.' : `Missing for its sources: ${missing.join(', ')}.`;
  return [lacks, ...(alike.length === 0 ? [] : [`Besides: ${alike.join('; ')}.`])].join(' ');
}
