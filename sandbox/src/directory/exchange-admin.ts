/**
 * Exchange's administrative interface as the PowerShell module speaks it: `InvokeCommand` and `EXOModuleFile` on https.
 *
 * The hard thing is that nothing of it is documented: shapes and texts are M365 (recorded) from open clients that use it, and refusals may
 * come without a body.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { exchangeResource, type Tenant } from '../tenant.ts';
import { type Caller, callerOf } from './admin-token.ts';
import { CmdletError } from './cmdlet-shape.ts';
import { isCmdlet, notRecognized, runCmdlet } from './cmdlets.ts';
import { cmdletsOf } from './permissions.ts';
import { strikes } from './state.ts';

const bodyLimitBytes = 1024 * 1024;
const defaultPage = 1000;

export function serveExchangeAdmin(tenant: Tenant, tls: { readonly key: string; readonly cert: string }): Server {
  return createServer(tls, (request, response) => {
    handle(tenant, request, response).catch(() => response.destroy());
  });
}

async function handle(tenant: Tenant, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  const url = new URL(request.url ?? '/', `https://${request.headers.host ?? 'localhost'}`);
  response.setHeader('request-id', randomUUID());
  const [area, version = '', tenantId, endpoint] = url.pathname.split('/').slice(1);
  if (area !== 'adminapi' || !['beta', 'v1.0'].includes(version) || tenantId !== tenant.id) return send(response, 404, undefined);
  const caller = await callerOf(tenant, request.headers.authorization, [...exchangeResource.uris, exchangeResource.appId]);
  if (!caller) {
    response.setHeader(
      'x-ms-diagnostics',
      '2000003;reason="The audience claim value is invalid for current resource.";error_category="invalid_token"',
    );
    return send(response, 401, undefined);
  }
  const allowed = cmdletsFor(tenant, caller);
  // M365 (recorded): without the permission, or with a role that is not active yet, an empty 403.
  if (tenant.directory.quirks.exchangeForbidden || allowed === undefined) return send(response, 403, undefined);
  if (endpoint === 'EXOModuleFile' && request.method === 'GET') {
    return send(response, 200, { value: [{ exportedCmdlets: allowed.join(',') }] });
  }
  if (endpoint !== 'InvokeCommand' || request.method !== 'POST') return send(response, 404, undefined);
  if (strikes(tenant.directory.quirks, 'exchangeBusy')) {
    return send(
      response,
      503,
      failure(
        new CmdletError(
          'Ex00B5A1',
          'Microsoft.Exchange.Data.Storage.ServerBusyException',
          'The server is too busy. Please try again later.',
        ),
      ),
    );
  }
  const { CmdletName, Parameters } = cmdletInput(body);
  if (!isCmdlet(CmdletName) || !allowed.includes(CmdletName)) return send(response, 400, failure(notRecognized(CmdletName)));
  try {
    const { rows, warnings = [] } = runCmdlet(tenant, CmdletName, Parameters);
    if (!/^(?:Get|Test)-/.test(CmdletName)) {
      tenant.directory.audit.push({ at: tenant.now(), actor: caller.actor, what: `${CmdletName} ${Object.keys(Parameters).join(' ')}` });
      if (strikes(tenant.directory.quirks, 'lostExchangeReplies')) return void response.destroy();
    }
    send(response, 200, paged(tenant, url, rows, warnings));
  } catch (error) {
    if (!(error instanceof CmdletError)) throw error;
    send(response, error.type.includes('ManagementObjectNotFound') ? 404 : 400, failure(error));
  }
}

/** M365 (doc): a person needs the scope and a role of the directory; an app the app role and a role of the directory. */
function cmdletsFor(tenant: Tenant, { permissions, admin, directoryRoles }: Caller): readonly string[] | undefined {
  if (!permissions.includes(admin === undefined ? 'Exchange.ManageAsApp' : 'Exchange.Manage')) return undefined;
  const names = cmdletsOf(directoryRoles);
  if (names.length === 0) return undefined;
  return names.filter((name) => !tenant.directory.quirks.withoutCmdlets?.includes(name));
}

/** M365 (recorded): the same request is sent to the link for the next page. */
function paged(tenant: Tenant, url: URL, rows: readonly Record<string, unknown>[], warnings: readonly string[]): unknown {
  const size = tenant.directory.quirks.pageSize ?? defaultPage;
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const select = url.searchParams.get('$select')?.split(',');
  const keep = (row: Record<string, unknown>): Record<string, unknown> =>
    select === undefined ? row : Object.fromEntries(Object.entries(row).filter(([name]) => select.includes(name)));
  const next = new URL(url);
  next.searchParams.set('$skiptoken', String(from + size));
  return {
    '@odata.context': `${url.origin}/adminapi/beta/${tenant.id}/$metadata#Collection(Exchange.GenericHashTable)`,
    ...(warnings.length > 0 ? { '@adminapi.warnings': warnings } : {}),
    ...(from + size < rows.length ? { '@odata.nextLink': next.href } : {}),
    value: rows.slice(from, from + size).map(keep),
  };
}

/** M365 (recorded): the useful text is `id|type|text` in the first of the details; what stands above it is generic. */
function failure(error: CmdletError): unknown {
  return {
    error: {
      code: error.type.includes('ServerBusy') ? 'ServiceUnavailable' : 'BadRequest',
      message: 'Error while processing the request.',
      details: [{ code: 'Context', target: '', message: `${error.id}|${error.type}|${error.message}` }],
      innererror: { message: error.message, type: error.type, internalexception: { message: error.message, type: error.type } },
    },
  };
}

function cmdletInput(body: string): { readonly CmdletName: string; readonly Parameters: Readonly<Record<string, unknown>> } {
  try {
    const { CmdletInput } = JSON.parse(body);
    const { CmdletName, Parameters } = Object(CmdletInput);
    return { CmdletName: String(CmdletName ?? ''), Parameters: { ...Object(Parameters) } };
  } catch {
    return { CmdletName: '', Parameters: {} };
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

function send(response: ServerResponse, status: number, answer: unknown): void {
  const body = answer === undefined ? '' : JSON.stringify(answer);
  const type = body === '' ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
