/**
 * How a person signs in to a public client: by code with PKCE, by device code, and again by refresh token.
 *
 * The hard thing is that nobody sits in front of the sandbox: who signs in is the `login_hint`, else `admin`; a device is approved after
 * a poll or two. RFC 6749 §4.1, RFC 7636, RFC 8628. M365 (doc): endpoints, answers, one resource a token.
 */

import { createHash, randomBytes } from 'node:crypto';
import { issueAdminToken } from '../directory/admin-token.ts';
import { exchangeScopes, graphScopes } from '../directory/permissions.ts';
import type { Admin, Session } from '../directory/state.ts';
import { exchangeResource, graphResource, type Tenant } from '../tenant.ts';
import { type Answer, jsonAnswer } from './aadsts.ts';

const pollsBeforeApproval = 1;
const deviceLifeSeconds = 900;

/** Ids that stand in every tenant, and what a client of theirs may be given. M365 (recorded): the id of the Graph tools and that of Exchange's module. */
const knownClients: Readonly<Record<string, readonly ('graph' | 'exchange')[]>> = {
  '14d82eec-204b-4c2f-b7e8-296a70dab67e': ['graph'],
  'fb78d390-0c51-40cd-8e17-fdbfab77341b': ['exchange'],
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': ['graph', 'exchange'],
};

/** The page on which a person would sign in: sends the browser straight back. */
export function authorize(tenant: Tenant, url: URL): Answer {
  const wanted = url.searchParams;
  const redirectUri = wanted.get('redirect_uri') ?? '';
  // RFC 8252 §7.3: loopback, whatever the port.
  if (!/^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/|$)/.test(redirectUri)) {
    return page(400, 'AADSTS50011: The redirect URI does not match the redirect URIs configured for the application.');
  }
  const clientId = (wanted.get('client_id') ?? '').toLowerCase();
  const back = new URL(redirectUri);
  back.searchParams.set('state', wanted.get('state') ?? '');
  const admin = adminNamed(tenant, wanted.get('login_hint'));
  if (!knownClients[clientId] || !admin || wanted.get('response_type') !== 'code') {
    back.searchParams.set('error', 'access_denied');
    back.searchParams.set('error_description', 'AADSTS65004: User declined to consent to access the app.');
  } else {
    const code = randomBytes(32).toString('base64url');
    const challenge = wanted.get('code_challenge_method') === 'S256' ? (wanted.get('code_challenge') ?? undefined) : undefined;
    tenant.directory.codes.set(code, { admin, clientId, redirectUri, challenge, scope: wanted.get('scope') ?? '' });
    back.searchParams.set('code', code);
  }
  return { status: 302, headers: { location: back.href }, body: '' };
}

export function deviceCode(tenant: Tenant, form: URLSearchParams, authority: string): Answer {
  const clientId = (form.get('client_id') ?? '').toLowerCase();
  if (!knownClients[clientId]) return refusal('unauthorized_client', 700016, 'Application was not found in the directory.');
  if (tenant.directory.quirks.noDeviceCode) {
    // M365 (assumed): the number of a refusal by an authentication-flows policy is not known.
    return refusal(
      'invalid_grant',
      53003,
      'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
    );
  }
  const code = randomBytes(32).toString('base64url');
  const userCode = randomBytes(6)
    .toString('base64url')
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, 'X')
    .slice(0, 9);
  tenant.directory.devices.set(code, {
    clientId,
    userCode,
    scope: form.get('scope') ?? '',
    pendingPolls: pollsBeforeApproval,
    admin: adminNamed(tenant, null),
  });
  return jsonAnswer(200, {
    user_code: userCode,
    device_code: code,
    verification_uri: `${authority}/device`,
    expires_in: deviceLifeSeconds,
    interval: 1,
    message: `To sign in, use a web browser to open the page ${authority}/device and enter the code ${userCode} to authenticate.`,
  });
}

/** The grants of people. @returns undefined for any other grant */
export async function answerPerson(tenant: Tenant, form: URLSearchParams): Promise<Answer | undefined> {
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return await byCode(tenant, form);
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return await byDevice(tenant, form);
    case 'refresh_token': {
      const session = tenant.directory.refreshTokens.get(form.get('refresh_token') ?? '');
      if (!session) return refusal('invalid_grant', 70008, 'The refresh token has expired or is not known.');
      return await tokens(tenant, session, form.get('scope') ?? '');
    }
    default:
      return undefined;
  }
}

async function byCode(tenant: Tenant, form: URLSearchParams): Promise<Answer> {
  const pending = tenant.directory.codes.get(form.get('code') ?? '');
  tenant.directory.codes.delete(form.get('code') ?? '');
  if (!pending || pending.redirectUri !== form.get('redirect_uri')) {
    return refusal('invalid_grant', 70008, 'The provided authorization code has expired or was redeemed before.');
  }
  const verifier = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url');
  if (pending.challenge !== undefined && pending.challenge !== verifier) {
    return refusal('invalid_grant', 501481, 'The Code_Verifier does not match the code_challenge supplied in the authorization request.');
  }
  return await tokens(tenant, pending, form.get('scope') ?? pending.scope);
}

async function byDevice(tenant: Tenant, form: URLSearchParams): Promise<Answer> {
  const code = form.get('device_code') ?? '';
  const device = tenant.directory.devices.get(code);
  if (!device) return refusal('expired_token', 70020, 'The provided device code is not known or has expired.');
  if (device.pendingPolls > 0) {
    device.pendingPolls -= 1;
    return refusal('authorization_pending', 70016, 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.');
  }
  tenant.directory.devices.delete(code);
  if (tenant.directory.quirks.deviceDeclined || !device.admin) return refusal('authorization_declined', 70018, 'The sign-in was declined.');
  return await tokens(tenant, { admin: device.admin, clientId: device.clientId }, device.scope);
}

/** One resource a token; everything that the client may have of it, as Microsoft's own clients get it. */
async function tokens(tenant: Tenant, session: Session, scope: string): Promise<Answer> {
  const wanted = scope.split(' ').find((one) => one.startsWith('https://'));
  const isExchange = exchangeResource.uris.some((uri) => wanted?.startsWith(`${uri}/`));
  const isGraph = graphResource.uris.some((uri) => wanted?.startsWith(`${uri}/`));
  const resource = isExchange ? 'exchange' : isGraph ? 'graph' : undefined;
  if (wanted === undefined || resource === undefined) return refusal('invalid_scope', 70011, `The scope ${scope} is not valid.`);
  if (!knownClients[session.clientId]?.includes(resource)) {
    return refusal('invalid_grant', 65001, 'The user or administrator has not consented to use the application with this resource.');
  }
  const origin = new URL(wanted).origin;
  const asked = scope.split(' ').flatMap((one) => (one.startsWith(`${origin}/`) ? [one.slice(origin.length + 1)] : []));
  const known = (isExchange ? exchangeScopes : graphScopes).map((one) => one.value);
  const scopes = asked.includes('.default') ? known : asked.filter((one) => known.includes(one));
  if (scopes.length === 0) return refusal('invalid_scope', 70011, `The scope ${scope} is not valid.`);
  const { value, expiresIn } = await issueAdminToken(tenant, session.admin, { clientId: session.clientId, audience: origin, scopes });
  const refreshToken = randomBytes(48).toString('base64url');
  tenant.directory.refreshTokens.set(refreshToken, { admin: session.admin, clientId: session.clientId });
  return jsonAnswer(200, {
    token_type: 'Bearer',
    scope: scopes.map((one) => `${origin}/${one}`).join(' '),
    expires_in: expiresIn,
    ext_expires_in: expiresIn,
    access_token: value,
    refresh_token: refreshToken,
  });
}

function adminNamed(tenant: Tenant, upn: string | null): Admin | undefined {
  const { admins } = tenant.directory;
  return upn === null || upn === '' ? [...admins.values()][0] : admins.get(upn.toLowerCase());
}

function refusal(error: string, number: number, text: string): Answer {
  return jsonAnswer(400, { error, error_description: `AADSTS${number}: ${text}`, error_codes: [number] });
}

function page(status: number, text: string): Answer {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body: `<!doctype html><title>Sign in</title><p>${text}` };
}
