/**
 * Sign-in in the browser of this machine: code with PKCE, brought back to a page that this process serves on loopback for the moment.
 *
 * RFC 8252 §7.3, RFC 7636. The hard thing is who else may knock: only a request with our `state` is listened to, the code is of no use
 * without the verifier, and the page says nothing but that one may go back to the terminal.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Fault } from '../../fault/fault.ts';
import { askToken, isRefusal, refusalFault, type SignInPlace, type SignInPorts } from './oauth.ts';
import type { SignIn } from './session.ts';

const way = 'browser';
const waitMs = 5 * 60_000;

/** @param open shows an address in the person's browser; failing is no fault, for the address is told as well */
export function browserSignIn(place: SignInPlace, ports: SignInPorts, open: (url: URL) => Promise<void>): SignIn {
  return async ({ id, scope, resource }, signal) => {
    const state = randomBytes(16).toString('base64url');
    const verifier = randomBytes(32).toString('base64url');
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // M365 (doc): for loopback any port is taken; the name, not the address, is what Microsoft's own clients have registered.
    const redirect = `http://localhost:${(server.address() as AddressInfo).port}/`;
    const page = new URL(`${place.authority}/${encodeURIComponent(place.tenantId)}/oauth2/v2.0/authorize`);
    page.search = new URLSearchParams({
      client_id: id,
      response_type: 'code',
      redirect_uri: redirect,
      scope,
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      prompt: 'select_account',
    }).toString();
    try {
      ports.tell(`To sign in (${place.origins[resource]}), finish in the browser. If none opens: ${page.href}`);
      const came = cameBack(server, state);
      open(page).catch(() => undefined);
      const answer = await within(came, ports, signal);
      const error = answer.get('error');
      if (error !== null) throw refusalFault({ error, description: answer.get('error_description') ?? '' }, way);
      const grant = {
        grant_type: 'authorization_code',
        client_id: id,
        code: answer.get('code') ?? '',
        redirect_uri: redirect,
        code_verifier: verifier,
        scope,
      };
      const token = await askToken(place, ports, resource, grant, signal);
      if (isRefusal(token)) throw refusalFault(token, way);
      return token;
    } finally {
      server.close();
      server.closeAllConnections();
    }
  };
}

/** What the browser brings to our page. */
function cameBack(server: Server, state: string): Promise<URLSearchParams> {
  return new Promise((resolve) => {
    server.on('request', (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
      const isOurs = request.method === 'GET' && pathname === '/' && searchParams.get('state') === state;
      const text = isOurs ? 'Postern has its answer. This page can be closed.' : 'Nothing here.';
      response.writeHead(isOurs ? 200 : 404, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
      response.end(text, () => {
        if (isOurs) resolve(searchParams);
      });
    });
  });
}

async function within(came: Promise<URLSearchParams>, { clock }: SignInPorts, signal: AbortSignal): Promise<URLSearchParams> {
  const enough = new AbortController();
  const tooLong = clock.sleep(waitMs, AbortSignal.any([signal, enough.signal])).then(() => {
    throw new Fault('signin.timed-out', { way, waitedSeconds: waitMs / 1_000 });
  });
  try {
    return await Promise.race([came, tooLong]);
  } finally {
    enough.abort();
    tooLong.catch(() => undefined);
  }
}
