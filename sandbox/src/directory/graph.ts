/**
 * Microsoft Graph's face, as far as the way of an app for mail goes: https, JSON, `/v1.0`.
 *
 * The hard thing is the order in which refusals hide each other: throttling before the token, the token before the object, the permission
 * before what is in the request. M365 (doc): calls, permissions, answers. M365 (assumed): that order.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { graphResource, type Tenant } from '../tenant.ts';
import { type Caller, callerOf } from './admin-token.ts';
import {
  addFederated,
  addPassword,
  applicationShape,
  changeApplication,
  createApplication,
  deleteApplication,
  deletePrincipal,
  federatedShape,
  findApplication,
  purgeDeleted,
  removePassword,
  restoreDeleted,
} from './applications.ts';
import { badRequest, errorBody, type GraphAnswer, GraphError, matches, notFound, page, selected } from './graph-answer.ts';
import { mayManageApps, mayReadDirectory } from './permissions.ts';
import {
  assign,
  assignments,
  createPrincipal,
  type FoundPrincipal,
  principalShape,
  principals,
  resourceShape,
  resources,
  unassign,
} from './service-principals.ts';
import { guidOf, strikes } from './state.ts';

const bodyLimitBytes = 1024 * 1024;
const defaultPage = 100;

interface Call {
  readonly tenant: Tenant;
  readonly url: URL;
  readonly method: string;
  /** Path behind `/v1.0`, its segments decoded. */
  readonly path: readonly string[];
  readonly prefer: string;
  readonly body: unknown;
}

export function serveGraph(tenant: Tenant, tls: { readonly key: string; readonly cert: string }): Server {
  return createServer(tls, (request, response) => {
    handle(tenant, request, response).catch(() => response.destroy());
  });
}

async function handle(tenant: Tenant, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const clientRequestId = String(request.headers['client-request-id'] ?? randomUUID());
  response.setHeader('request-id', randomUUID());
  response.setHeader('client-request-id', clientRequestId);
  const { quirks } = tenant.directory;
  const body = await readBody(request);
  if (strikes(quirks, 'throttled')) return send(response, throttled({ 'retry-after': '1' }));
  if (strikes(quirks, 'throttledSilently')) return send(response, throttled({}));
  if (strikes(quirks, 'unavailable')) return send(response, { status: 503, headers: { 'content-type': 'text/html' }, body: undefined });
  try {
    const url = new URL(request.url ?? '/', `https://${request.headers.host ?? 'localhost'}`);
    const [version, ...path] = url.pathname.split('/').slice(1).map(decodeURIComponent);
    if (version !== 'v1.0') throw new GraphError(400, 'BadRequest', `Invalid version: ${version}`);
    const caller = await callerOf(tenant, request.headers.authorization, [...graphResource.uris, graphResource.appId]);
    if (!caller) throw new GraphError(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience or signature.');
    const method = request.method ?? 'GET';
    const call: Call = { tenant, url, method, path, prefer: String(request.headers['prefer'] ?? ''), body: readJson(body) };
    checkPermission(caller, call);
    if (method === 'PATCH' && strikes(quirks, 'conflicts')) {
      throw new GraphError(409, 'Request_ConcurrencyConflict', 'Another request changed this object at the same time.');
    }
    const answer = route(call);
    if (method !== 'GET') {
      // Never what was sent or answered: a secret may be in it.
      tenant.directory.audit.push({ at: tenant.now(), actor: caller.actor, what: `${method} /${path.join('/')}` });
      if (strikes(quirks, 'lostReplies')) return void response.destroy();
    }
    send(response, answer);
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    send(response, { status: error.status, body: errorBody(error, tenant.now(), clientRequestId) });
  }
}

function throttled(headers: Readonly<Record<string, string>>): GraphAnswer {
  const error = { code: 'TooManyRequests', message: 'Too many requests', innerError: {} };
  return { status: 429, headers, body: { error } };
}

/** M365 (doc): the least permission of each call; a person needs a role of the directory besides. @throws GraphError 403 */
function checkPermission(caller: Caller, call: Call): void {
  const { permissions, admin } = caller;
  const { method, path } = call;
  const has = (...names: readonly string[]): boolean => names.some((name) => permissions.includes(name));
  const [first = ''] = path;
  const writes = method !== 'GET';
  const allowed = ((): boolean => {
    if (first === 'organization')
      return has('User.Read', 'Organization.Read.All', 'Directory.Read.All', 'Application.Read.All', 'Application.ReadWrite.All');
    if (first === 'policies') return has('Policy.Read.All');
    if (first === 'auditLogs') return has('AuditLog.Read.All');
    if (first === 'oauth2PermissionGrants') {
      return has('DelegatedPermissionGrant.ReadWrite.All') || (!writes && has('Directory.Read.All'));
    }
    if (writes && path.includes('appRoleAssignedTo')) return has('AppRoleAssignment.ReadWrite.All');
    if (has('Application.ReadWrite.OwnedBy') && isOwner(caller, call)) return true;
    return has('Application.ReadWrite.All') || (!writes && has('Application.Read.All', 'Directory.Read.All'));
  })();
  const mayAct = admin === undefined || first === 'organization' || (writes ? mayManageApps(admin.roles) : mayReadDirectory(admin.roles));
  if (!allowed || !mayAct) throw new GraphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
}

/** M365 (doc): OwnedBy lets an app act on the registrations that it owns, and on no other. */
function isOwner({ oid }: Caller, { tenant, path }: Call): boolean {
  const { name, key } = objectOf(path);
  const app = name === 'applications' && key !== undefined ? findApplication(tenant, key) : undefined;
  return app !== undefined && (tenant.directory.owners.get(app.objectId) ?? []).includes(oid);
}

/** `applications(appId='…')/tail` and `applications/ID/tail`. */
function objectOf([collection = '', ...rest]: readonly string[]) {
  const keyed = /^(\w+)\((\w+)='((?:[^']|'')*)'\)$/.exec(collection);
  const key = keyed
    ? { name: keyed[2] ?? '', value: (keyed[3] ?? '').replaceAll("''", "'") }
    : rest[0] === undefined
      ? undefined
      : { name: 'id', value: rest[0] };
  return { name: keyed?.[1] ?? collection, key, rest, tail: keyed ? rest : rest.slice(1) };
}

function route(call: Call): GraphAnswer {
  const { name, key, rest, tail } = objectOf(call.path);
  switch (name) {
    case 'applications':
      return key === undefined ? applications(call) : application(call, key, tail);
    case 'servicePrincipals':
      return key === undefined ? servicePrincipals(call) : servicePrincipal(call, key, tail);
    case 'oauth2PermissionGrants':
      return delegatedGrants(call, key?.value);
    case 'directory':
      return deletedItems(call, rest);
    case 'organization':
      return organization(call);
    case 'policies':
      return { status: 200, body: policy(call.tenant) };
    case 'auditLogs':
      return page(call.url, call.tenant.directory.audit.map(auditShape), pageSize(call));
    default:
      throw new GraphError(400, 'BadRequest', `Resource not found for the segment '${name}'.`);
  }
}

function applications(call: Call): GraphAnswer {
  const { tenant, method, url } = call;
  if (method === 'POST') return { status: 201, body: applicationShape(createApplication(tenant, record(call.body))) };
  const shapes = [...tenant.apps.values()].map(applicationShape).filter((one) => matches(one, url.searchParams.get('$filter')));
  return page(url, shapes, pageSize(call));
}

function application(call: Call, key: { readonly name: string; readonly value: string }, tail: readonly string[]): GraphAnswer {
  const { tenant, method, url, prefer } = call;
  const app = findApplication(tenant, key);
  if (!app) {
    if (method === 'PATCH' && key.name === 'uniqueName' && prefer.includes('create-if-missing')) {
      return { status: 201, body: applicationShape(createApplication(tenant, record(call.body), key.value)) };
    }
    throw notFound(key.value);
  }
  if (isUnseen(call, app.registration.created)) throw notFound(key.value);
  const [action, id] = tail;
  switch (`${method} ${action ?? ''}`.trim()) {
    case 'GET':
      return { status: 200, body: selected(withKeys(call, shapeNow(call, app), app), url.searchParams.get('$select')) };
    case 'PATCH':
      changeApplication(tenant, app, record(call.body));
      return { status: 204 };
    case 'DELETE':
      deleteApplication(tenant, app);
      return { status: 204 };
    case 'POST addPassword':
      return { status: 200, body: addPassword(tenant, app, record(call.body)['passwordCredential']) };
    case 'POST removePassword':
      removePassword(app, call.body);
      return { status: 204 };
    case 'GET federatedIdentityCredentials':
      return page(url, app.federated.map(federatedShape), pageSize(call));
    case 'POST federatedIdentityCredentials':
      return { status: 201, body: addFederated(app, call.body) };
    case 'DELETE federatedIdentityCredentials': {
      const at = app.federated.findIndex((one) => federatedShape(one)['id'] === id);
      if (at < 0) throw notFound(id ?? '');
      app.federated.splice(at, 1);
      return { status: 204 };
    }
    case 'GET owners':
      return page(
        url,
        (tenant.directory.owners.get(app.objectId) ?? []).map((one) => ({ id: one })),
        pageSize(call),
      );
    default:
      throw badRequest(`Unsupported request: ${method} ${action}`);
  }
}

/** M365 (recorded): a secret that was just added is not seen by every server at once. */
function shapeNow({ tenant }: Call, app: NonNullable<ReturnType<typeof findApplication>>): Record<string, unknown> {
  const shape = applicationShape(app);
  const newest = app.secrets.at(-1);
  const isNew = newest?.starts !== undefined && tenant.now().getTime() - newest.starts.getTime() < 60_000;
  if (!isNew || !strikes(tenant.directory.quirks, 'unseenSecret')) return shape;
  return { ...shape, passwordCredentials: (Array.isArray(shape['passwordCredentials']) ? shape['passwordCredentials'] : []).slice(0, -1) };
}

/** M365 (doc): keys of certificates come for a single object that is asked for them, and in no other case. */
function withKeys(call: Call, shape: Record<string, unknown>, app: ReturnType<typeof findApplication>): Record<string, unknown> {
  if (!call.url.searchParams.get('$select')?.split(',').includes('keyCredentials') || !app) return shape;
  const known = Array.isArray(shape['keyCredentials']) ? shape['keyCredentials'] : [];
  return {
    ...shape,
    keyCredentials: known.map((one: object, index) => ({ ...one, key: app.certificates[index]?.raw.toString('base64') })),
  };
}

/** What was just made is not seen for a while, whichever server is asked. */
function isUnseen({ tenant, method }: Call, created: Date): boolean {
  const isNew = tenant.now().getTime() - created.getTime() < 60_000;
  return isNew && (method === 'GET' || method === 'POST') && strikes(tenant.directory.quirks, 'unseenReads');
}

function servicePrincipals(call: Call): GraphAnswer {
  const { tenant, method, url } = call;
  if (method === 'POST') {
    const made = createPrincipal(tenant, String(record(call.body)['appId'] ?? ''));
    return { status: 201, body: principalShape(made.app, made.principal) };
  }
  const all = [...resources(tenant).map(resourceShape), ...principals(tenant).map(({ app, principal }) => principalShape(app, principal))];
  return page(
    url,
    all.filter((one) => matches(one, url.searchParams.get('$filter'))),
    pageSize(call),
  );
}

function servicePrincipal(call: Call, key: { readonly name: string; readonly value: string }, tail: readonly string[]): GraphAnswer {
  const { tenant, method, url } = call;
  const wanted = key.value.toLowerCase();
  const resource = resources(tenant).find((one) => (key.name === 'appId' ? one.appId === wanted : one.id === wanted));
  const found = principals(tenant).find(({ app, principal }) =>
    key.name === 'appId' ? app.clientId === wanted : principal.oid === wanted,
  );
  const [action, id = ''] = tail;
  if (action === 'appRoleAssignedTo' && resource) {
    if (method === 'POST') return { status: 201, body: assign(tenant, resource.id, call.body) };
    if (method === 'DELETE') {
      unassign(tenant, id);
      return { status: 204 };
    }
    const all = principals(tenant).flatMap((one) => assignments(tenant, one));
    return page(
      url,
      all.filter((one) => one['resourceId'] === resource.id),
      pageSize(call),
    );
  }
  if (resource && method === 'GET') return { status: 200, body: selected(resourceShape(resource), url.searchParams.get('$select')) };
  if (!found) {
    if (method === 'PATCH' && key.name === 'appId' && call.prefer.includes('create-if-missing')) {
      const made = createPrincipal(tenant, wanted);
      return { status: 201, body: principalShape(made.app, made.principal) };
    }
    throw notFound(key.value);
  }
  return ofPrincipal(call, found, action);
}

function ofPrincipal(call: Call, found: FoundPrincipal, action: string | undefined): GraphAnswer {
  const { tenant, method, url } = call;
  if (method === 'GET' && action === 'appRoleAssignments') return page(url, assignments(tenant, found), pageSize(call));
  if (method === 'GET' && action === 'memberOf') {
    const roles = tenant.directory.memberships.get(found.principal.oid) ?? [];
    return page(
      url,
      roles.map((displayName) => ({ '@odata.type': '#microsoft.graph.directoryRole', id: guidOf('role', displayName), displayName })),
      pageSize(call),
    );
  }
  if (action !== undefined) throw badRequest(`Unsupported request: ${method} ${action}`);
  switch (method) {
    case 'GET':
      return { status: 200, body: selected(principalShape(found.app, found.principal), url.searchParams.get('$select')) };
    case 'PATCH': {
      const { accountEnabled } = record(call.body);
      if (typeof accountEnabled === 'boolean') found.principal.enabled = accountEnabled;
      return { status: 204 };
    }
    case 'DELETE':
      deletePrincipal(tenant, found.app);
      return { status: 204 };
    default:
      throw badRequest(`Unsupported request: ${method}`);
  }
}

function delegatedGrants(call: Call, id: string | undefined): GraphAnswer {
  const { tenant, method, url } = call;
  const grants = tenant.directory.delegatedGrants;
  if (id === undefined) {
    return page(
      url,
      grants.filter((one) => matches(one, url.searchParams.get('$filter'))),
      pageSize(call),
    );
  }
  const grant = grants.find((one) => one.id === id);
  if (!grant) throw notFound(id);
  if (method === 'DELETE') grants.splice(grants.indexOf(grant), 1);
  else if (method === 'PATCH') grant.scope = String(record(call.body)['scope'] ?? '');
  else return { status: 200, body: grant };
  return { status: 204 };
}

/** M365 (doc): the type cast in the path is mandatory. */
function deletedItems(call: Call, [area, cast = '', action]: readonly string[]): GraphAnswer {
  const { tenant, method, url } = call;
  if (area !== 'deletedItems') throw badRequest('Only directory/deletedItems is here.');
  const { deletedApps, deletedPrincipals } = tenant.directory;
  if (cast === 'microsoft.graph.application') {
    const shapes = deletedApps.map(({ app, deletedAt }) => ({ ...applicationShape(app), deletedDateTime: deletedAt.toISOString() }));
    return page(
      url,
      shapes.filter((one) => matches(one, url.searchParams.get('$filter'))),
      pageSize(call),
    );
  }
  if (cast === 'microsoft.graph.servicePrincipal') {
    const shapes = deletedPrincipals.map(({ app, principal, deletedAt }) => ({
      ...principalShape(app, principal),
      deletedDateTime: deletedAt.toISOString(),
    }));
    return page(url, shapes, pageSize(call));
  }
  if (method === 'POST' && action === 'restore') return { status: 200, body: restoreDeleted(tenant, cast) };
  if (method === 'DELETE') {
    purgeDeleted(tenant, cast);
    return { status: 204 };
  }
  throw badRequest('Resource not found for the segment.');
}

function organization({ tenant, url }: Call): GraphAnswer {
  const shape = {
    id: tenant.id,
    displayName: 'Contoso (sandbox)',
    verifiedDomains: [{ name: tenant.domain, isInitial: true, isDefault: true, type: 'Managed' }],
  };
  return page(url, [shape], defaultPage);
}

function policy({ directory: { quirks } }: Tenant): unknown {
  const isOn = quirks.noSecrets === true || quirks.maxSecretDays !== undefined;
  const life = { restrictionType: 'passwordLifetime', state: 'enabled', maxLifetime: `P${quirks.maxSecretDays}D` };
  const none = { restrictionType: 'passwordAddition', state: 'enabled', maxLifetime: null };
  return {
    id: '00000000-0000-0000-0000-000000000000',
    isEnabled: isOn,
    applicationRestrictions: {
      passwordCredentials: [...(quirks.noSecrets ? [none] : []), ...(quirks.maxSecretDays === undefined ? [] : [life])],
      keyCredentials: [],
    },
  };
}

function auditShape(entry: Tenant['directory']['audit'][number]): Record<string, unknown> {
  return {
    id: guidOf(entry.at.toISOString(), entry.what),
    activityDateTime: entry.at.toISOString(),
    activityDisplayName: entry.what,
    initiatedBy: { user: { userPrincipalName: entry.actor } },
  };
}

function pageSize({ tenant }: Call): number {
  return tenant.directory.quirks.pageSize ?? defaultPage;
}

function record(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badRequest('Unable to read JSON request payload.');
  return { ...body };
}

function readJson(body: string): unknown {
  if (body === '') return {};
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest('Unable to read JSON request payload.');
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyLimitBytes) throw new Error('the request is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, answer: GraphAnswer): void {
  const body = answer.body === undefined ? '' : JSON.stringify(answer.body);
  const type = body === '' ? {} : { 'content-type': 'application/json' };
  response.writeHead(answer.status, { ...type, ...answer.headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
