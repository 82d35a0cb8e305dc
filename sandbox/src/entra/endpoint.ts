/**
 * Entra's face: discovery, key set and token endpoint on https.
 *
 * The hard thing is the answers that are not Entra's own: 429 in plain text, 503 in HTML, a captive portal, silence.
 * They are chosen by the app's `busy` quirk and come before the request is judged.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { exportJWK } from 'jose';
import { thumbprints } from '../certificates.ts';
import type { App, Tenant } from '../tenant.ts';
import { type Answer, jsonAnswer, refuse } from './aadsts.ts';
import { clockFor } from './access-token.ts';
import { answerPerson, authorize, deviceCode } from './admin-sign-in.ts';
import { answerTokenRequest, otherCloudOf, refuseTenant } from './token-request.ts';

const bodyLimitBytes = 64 * 1024;

export function serveEntra(tenant: Tenant, tls: { readonly key: string; readonly cert: string }): Server {
  const server = createServer(tls, (request, response) => {
    answer(tenant, request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 30_000;
  return server;
}

async function answer(tenant: Tenant, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const authority = `https://${request.headers.host ?? 'localhost'}`;
  const url = new URL(request.url ?? '/', authority);
  const [, tenantName = '', ...rest] = url.pathname.split('/').map((part) => decodeURIComponent(part));
  const path = rest.join('/');
  if (path === 'oauth2/v2.0/token') {
    const body = await readBody(request);
    if (body === undefined) return send(response, { status: 413, headers: {}, body: '' });
    const forPerson = await answerPerson(tenant, new URLSearchParams(body));
    if (forPerson) return send(response, forPerson);
    const app = tenant.apps.get(clientOf(request, body));
    if (app?.quirks.answerAfterMs) await new Promise((resolve) => setTimeout(resolve, app.quirks.answerAfterMs));
    const spoilt = app ? spoil(app, tenant.now()) : undefined;
    if (spoilt === 'cut') return void response.destroy();
    if (spoilt === 'silent') return;
    if (spoilt) return send(response, spoilt);
    const audiences = [tenant.id, tenant.domain].flatMap((name) => [
      `${authority}/${name}/oauth2/v2.0/token`,
      `${authority}/${name}/v2.0`,
      `https://login.microsoftonline.com/${name}/oauth2/v2.0/token`,
    ]);
    if (app) response.setHeader('date', clockFor(tenant, app).toUTCString());
    return send(
      response,
      await answerTokenRequest(tenant, {
        tenantName,
        method: request.method ?? '',
        contentType: request.headers['content-type'] ?? '',
        authorization: request.headers.authorization,
        correlationId: headerOf(request, 'client-request-id'),
        body,
        audiences,
      }),
    );
  }
  if (path === 'oauth2/v2.0/authorize') return send(response, authorize(tenant, url));
  if (path === 'oauth2/v2.0/devicecode') {
    return send(response, deviceCode(tenant, new URLSearchParams((await readBody(request)) ?? ''), authority));
  }
  if (path === 'v2.0/.well-known/openid-configuration') return send(response, discovery(tenant, tenantName, authority));
  if (path === 'discovery/v2.0/keys' || path === 'discovery/keys') return send(response, await keySet(tenant));
  send(response, { status: 404, headers: { 'content-type': 'text/html' }, body: '' });
}

interface Cloud {
  readonly authority: string;
  readonly region: Readonly<Record<string, string>>;
  readonly instance: string;
  readonly graph: string;
  readonly msgraph: string;
}

/** M365 (recorded): what the document of a tenant in another cloud says, whichever cloud is asked. */
const otherClouds: Readonly<Record<'USGov' | 'China', Cloud>> = {
  USGov: {
    authority: 'https://login.microsoftonline.us',
    region: { tenant_region_scope: 'USGov', tenant_region_sub_scope: 'DODCON' },
    instance: 'microsoftonline.us',
    graph: 'graph.windows.net',
    msgraph: 'graph.microsoft.us',
  },
  China: {
    authority: 'https://login.partner.microsoftonline.cn',
    region: { tenant_region_scope: 'CN' },
    instance: 'partner.microsoftonline.cn',
    graph: 'graph.chinacloudapi.cn',
    msgraph: 'microsoftgraph.chinacloudapi.cn',
  },
};

/** M365 (doc): the discovery document; the keys that mail clients and libraries read. */
function discovery(tenant: Tenant, tenantName: string, authority: string): Answer {
  const other = otherCloudOf(tenantName);
  if (other) return document(otherClouds[other], tenantName);
  const wrong = refuseTenant(tenant, tenantName);
  if (wrong !== undefined) return refuse(wrong, { tenant: tenantName }, tenant.now());
  const here = { authority, region: { tenant_region_scope: 'EU' }, instance: 'microsoftonline.com', graph: 'graph.windows.net' };
  return document({ ...here, msgraph: 'graph.microsoft.com' }, tenant.id);
}

function document(cloud: Cloud, tenantId: string): Answer {
  const base = `${cloud.authority}/${tenantId}`;
  return jsonAnswer(200, {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${base}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: `${base}/v2.0`,
    request_uri_parameter_supported: false,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
    http_logout_supported: true,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    ...cloud.region,
    cloud_instance_name: cloud.instance,
    cloud_graph_host_name: cloud.graph,
    msgraph_host: cloud.msgraph,
    rbac_url: 'https://pas.windows.net',
  });
}

async function keySet(tenant: Tenant): Promise<Answer> {
  const { certificate } = tenant.signingKey;
  const { x5t } = thumbprints(certificate);
  const jwk = await exportJWK(certificate.publicKey);
  const key = {
    ...jwk,
    use: 'sig',
    kid: x5t,
    x5t,
    x5c: [certificate.raw.toString('base64')],
    issuer: `https://sts.windows.net/${tenant.id}/`,
  };
  return jsonAnswer(200, { keys: [key] });
}

/** M365 (doc): 429 with Retry-After and a plain text body; 5xx may come without Retry-After and in HTML. The wait is one second here, not sixty. */
function spoil(app: App, now: Date): Answer | 'cut' | 'silent' | undefined {
  const { busy } = app.quirks;
  if (!busy || busy.times <= 0) return undefined;
  busy.times -= 1;
  app.tokenRequests += 1;
  switch (busy.kind) {
    case 'too-many-requests':
      return { status: 429, headers: { 'content-type': 'text/plain', 'retry-after': '1' }, body: 'Too Many Requests' };
    case 'unavailable':
      return {
        status: 503,
        headers: { 'content-type': 'text/html' },
        body: '<html><body><h2>Our services aren&#39;t available right now</h2></body></html>',
      };
    case 'unavailable-json':
      return refuse(90033, {}, now);
    case 'captive-portal':
      return {
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<html><body>Please sign in to the guest network.</body></html>',
      };
    default:
      return busy.kind;
  }
}

function clientOf(request: IncomingMessage, body: string): string {
  const fromBody = new URLSearchParams(body).get('client_id');
  if (fromBody) return fromBody.toLowerCase();
  const basic = /^Basic\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return (Buffer.from(basic, 'base64').toString().split(':')[0] ?? '').toLowerCase();
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyLimitBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(answer.body);
}
