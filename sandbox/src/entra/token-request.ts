/**
 * Judges a token request for the client-credentials grant and answers it.
 *
 * The hard thing is that every mistake must meet the refusal that Entra gives for it; the steps below are in the order in which Entra's
 * answers are known to hide each other. RFC 6749 §4.4. M365 (doc): request and answers; M365 (assumed): the order of the checks.
 */

import type { App, Tenant } from '../tenant.ts';
import { exchangeResource, graphResource } from '../tenant.ts';
import { type AadstsNumber, type Answer, isAadsts, jsonAnswer, refuse } from './aadsts.ts';
import { clockFor, issueToken } from './access-token.ts';
import { judgeAssertion, judgeSecret, type Verdict } from './credential.ts';

export interface TokenRequest {
  /** The first segment of the path: GUID, domain, or `common`. */
  readonly tenantName: string;
  readonly method: string;
  readonly contentType: string;
  readonly authorization: string | undefined;
  readonly correlationId: string | undefined;
  readonly body: string;
  /** URLs that an assertion may name as its audience. */
  readonly audiences: readonly string[];
}

/** An app whose client id begins so always gets the AADSTS number in its last twelve digits. */
export const anyRefusalPrefix = 'aad57500-0000-4000-8000-';

const shared = ['common', 'organizations', 'consumers'];
const guid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const domainName = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i;

/** Tenants that live in another cloud, by the end of their name or by their GUID. */
const elsewhere = [
  { cloud: 'USGov', name: /\.us\.test$/i, id: '5a000000-7e4a-4000-8000-0000000005a0' },
  { cloud: 'China', name: /\.cn\.test$/i, id: '5a000000-7e4a-4000-8000-0000000000c4' },
] as const;

export function otherCloudOf(name: string): 'USGov' | 'China' | undefined {
  return elsewhere.find((one) => one.name.test(name) || one.id === name.toLowerCase())?.cloud;
}

/** Why a tenant's name is not taken, or undefined. */
export function refuseTenant(tenant: Tenant, name: string): AadstsNumber | undefined {
  if (name.toLowerCase() === tenant.domain || name.toLowerCase() === tenant.id) return undefined;
  if (shared.includes(name.toLowerCase())) return 50059;
  if (otherCloudOf(name)) return 90038;
  return guid.test(name) || domainName.test(name) ? 90002 : 900023;
}

/** The whole judgement. The returned answer may still be spoilt by the app's `busy` quirk, which is the endpoint's business. */
export async function answerTokenRequest(tenant: Tenant, request: TokenRequest): Promise<Answer> {
  let now = tenant.now();
  const values: Record<string, string> = { tenant: request.tenantName, method: request.method };
  const no = (number: AadstsNumber, more: Readonly<Record<string, string>> = {}) =>
    refuse(number, { ...values, ...more }, now, request.correlationId);

  if (request.method !== 'POST') return no(900561);
  if (!request.contentType.toLowerCase().startsWith('application/x-www-form-urlencoded')) return no(900144, { field: 'grant_type' });
  const form = new URLSearchParams(request.body);
  const basic = readBasic(request.authorization);
  const clientId = (form.get('client_id') ?? basic?.user ?? '').toLowerCase();
  const grant = form.get('grant_type');
  values['client'] = clientId;
  values['grant'] = grant ?? '';
  values['scope'] = form.get('scope') ?? '';

  const wrongTenant = refuseTenant(tenant, request.tenantName);
  if (wrongTenant !== undefined) return no(wrongTenant, { cloud: otherCloudOf(request.tenantName) ?? '' });
  if (!grant) return no(900144, { field: 'grant_type' });
  if (grant !== 'client_credentials') return no(70003);
  if (!clientId) return no(900144, { field: 'client_id' });
  if (clientId === '00000000-0000-0000-0000-000000000000') return no(700038);
  if (clientId.startsWith(anyRefusalPrefix)) {
    const number = Number(clientId.slice(anyRefusalPrefix.length));
    if (isAadsts(number)) return no(number);
  }
  const app = tenant.apps.get(clientId);
  if (!app) return no(700016);
  app.tokenRequests += 1;
  now = clockFor(tenant, app);
  values['name'] = app.name;
  if (app.quirks.aadsts !== undefined && isAadsts(app.quirks.aadsts)) return no(app.quirks.aadsts);

  const wrongScope = refuseScope(form.get('scope'));
  if (wrongScope) return no(wrongScope.number, { scope: wrongScope.scope });
  const verdict = await judgeCredential(tenant, app, form, basic?.password, request.audiences, now);
  if (verdict.kind === 'refused') return no(verdict.number, verdict.values);
  if (!app.principal) return no(7000229);
  if (!app.principal.enabled) return no(7000112);

  const { audience, isExchange } = resourceOf(form.get('scope') ?? '');
  const token = await issueToken(tenant, {
    app,
    principal: app.principal,
    audience: app.quirks.audience ?? audience,
    roles: hasRoles(app) ? (isExchange ? app.principal.roles : (app.principal.graphRoles ?? [])) : [],
    appidacr: verdict.appidacr,
  });
  const life = app.tokenLifetimeSeconds;
  return jsonAnswer(200, { token_type: 'Bearer', expires_in: life, ext_expires_in: life, access_token: token });
}

/** Not in a delegated token, and not in those that come before the consent has reached every server. */
function hasRoles(app: App): boolean {
  const { quirks } = app;
  if (quirks.delegatedScope !== undefined) return false;
  if (!quirks.rolesAfterTokens || quirks.rolesAfterTokens <= 0) return true;
  quirks.rolesAfterTokens -= 1;
  return false;
}

async function judgeCredential(
  tenant: Tenant,
  app: App,
  form: URLSearchParams,
  basicSecret: string | undefined,
  audiences: readonly string[],
  now: Date,
): Promise<Verdict> {
  const assertion = form.get('client_assertion');
  if (assertion) {
    const type = form.get('client_assertion_type');
    if (type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return { kind: 'refused', number: 7000218 };
    return await judgeAssertion(tenant, app, assertion, audiences, now);
  }
  const secret = form.get('client_secret') ?? basicSecret;
  return secret ? judgeSecret(app, secret, now) : { kind: 'refused', number: 7000216 };
}

const delegatedScopes = /(?:^|\/)(?:IMAP\.AccessAsUser\.All|POP\.AccessAsUser\.All|SMTP\.Send|offline_access|openid|profile)$/i;

function refuseScope(scope: string | null): { readonly number: AadstsNumber; readonly scope: string } | undefined {
  const wanted = (scope ?? '').split(' ').filter((one) => one !== '');
  const [first] = wanted;
  if (scope === null) return { number: 900144, scope: '' };
  if (first === undefined) return { number: 28003, scope: '' };
  if (wanted.some((one) => delegatedScopes.test(one))) return { number: 70011, scope: scope };
  if (wanted.length > 1) return { number: 28002, scope };
  if (!first.endsWith('/.default')) return { number: 1002012, scope };
  const resource = first.slice(0, -'/.default'.length).replace(/\/$/, '');
  return resourceUris.includes(resource.toLowerCase()) ? undefined : { number: 500011, scope: resource };
}

const exchangeNames: readonly string[] = [...exchangeResource.uris, exchangeResource.appId];
const resourceUris: readonly string[] = [...exchangeNames, ...graphResource.uris, graphResource.appId];

/** M365 (doc): `aud` is the resource's URI as asked for. M365 (assumed): so it is for the two other names of Exchange. */
function resourceOf(scope: string): { readonly audience: string; readonly isExchange: boolean } {
  const audience = scope.trim().slice(0, -'/.default'.length).replace(/\/$/, '');
  return { audience, isExchange: exchangeNames.includes(audience.toLowerCase()) };
}

/** RFC 6749 §2.3.1: user and password of HTTP Basic are form-encoded before they are put together. */
function readBasic(header: string | undefined): { readonly user: string; readonly password: string } | undefined {
  const encoded = /^Basic\s+(\S+)$/i.exec(header ?? '')?.[1];
  if (!encoded) return undefined;
  const [user = '', ...password] = Buffer.from(encoded, 'base64').toString().split(':');
  const decode = (text: string) => new URLSearchParams(`v=${text}`).get('v') ?? '';
  return { user: decode(user), password: decode(password.join(':')) };
}
