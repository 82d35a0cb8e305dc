/**
 * A stand-in for the local endpoint of managed identities: the one of virtual machines, and the one of App Service and Container Apps.
 *
 * The hard thing is that it is not Entra: its errors have a form of their own, without an AADSTS number. The client id of the identity
 * chooses what happens. M365 (doc): paths, headers, parameters and the form of the answers.
 */

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { IdentityName } from '../scenario/shape.ts';
import type { Tenant } from '../tenant.ts';
import { entraIssuer, issueAssertion } from './federation.ts';

export const machinePath = '/metadata/identity/oauth2/token';
export const appServicePath = '/msi/token';

/** The object id of the good identity: the subject of its tokens. */
export const identityObjectId = '5a000000-1d00-4000-8000-0000000000f1';

const numbers: Readonly<Record<IdentityName, number>> = { good: 1, throttled: 2, unusable: 3, absent: 4, unknown: 9 };

export function identityClientId(name: IdentityName): string {
  return `5a000000-1d00-4000-8000-${String(numbers[name]).padStart(12, '0')}`;
}

const throttledTimes = 2;
const lifeSeconds = 86_400;

/** @param header what `X-IDENTITY-HEADER` must say on the path of App Service */
export function serveIdentity(tenant: Tenant, header: string): Server {
  let throttledLeft = throttledTimes;
  return createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isMachine = url.pathname === machinePath;
    if (!isMachine && url.pathname !== appServicePath) return send(response, 404, {});
    // M365 (recorded): the text for a missing header.
    if (isMachine && request.headers['metadata'] !== 'true') return send(response, 400, invalid('Required metadata header not specified'));
    if (!isMachine && request.headers['x-identity-header'] !== header) return send(response, 401, {});
    const version = url.searchParams.get('api-version');
    if (version !== (isMachine ? '2018-02-01' : '2019-08-01')) return send(response, 400, invalid('Bad api-version'));
    const resource = url.searchParams.get('resource');
    if (!resource) return send(response, 400, invalid("Required query variable 'resource' is missing"));
    // Without a name it is the only one that the machine has.
    const wanted = url.searchParams.get('client_id') ?? identityClientId('good');
    if (wanted === identityClientId('unusable')) return send(response, 200, '<html><body>Not what you asked for.</body></html>');
    if (wanted === identityClientId('throttled') && throttledLeft > 0) {
      throttledLeft -= 1;
      return send(response, 429, { error: 'too_many_requests', error_description: 'Temporarily throttled, too many requests' });
    }
    if (wanted !== identityClientId('good') && wanted !== identityClientId('throttled')) {
      // M365 (assumed): both texts, from memory.
      const text = 'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.';
      return send(response, 400, isMachine ? invalid('Identity not found') : { statusCode: 400, message: text });
    }
    const wish = { issuer: entraIssuer, subject: identityObjectId, audience: resource, livesSeconds: lifeSeconds };
    const now = Math.floor(tenant.now().getTime() / 1000);
    send(response, 200, {
      access_token: issueAssertion(tenant, wish),
      client_id: wanted,
      // M365 (doc): times are strings here.
      expires_in: String(lifeSeconds),
      expires_on: String(now + lifeSeconds),
      not_before: String(now),
      resource,
      token_type: 'Bearer',
    });
  });
}

function invalid(text: string): { readonly error: string; readonly error_description: string } {
  return { error: 'invalid_request', error_description: text };
}

function send(response: ServerResponse, status: number, body: string | object): void {
  const [type, text] = typeof body === 'string' ? ['text/html', body] : ['application/json; charset=utf-8', JSON.stringify(body)];
  response.writeHead(status, { 'content-type': type }).end(text);
}
