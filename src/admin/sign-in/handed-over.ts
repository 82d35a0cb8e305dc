/**
 * Tokens that come from elsewhere: out of the environment, from the session of the Azure CLI, or from an app that may administer.
 *
 * The hard thing is that they are somebody else's: what they are for is read before they are used, and they never stand in an argument.
 */
import { execFile } from 'node:child_process';
import { Fault } from '../../fault/fault.ts';
import type { Secret } from '../../runtime/secret.ts';
import { type AdminResource, type AdminTokens, inspectAdminToken } from '../token.ts';
import type { SignInPlace, SignInPorts } from './oauth.ts';

/** Environment variables in which tokens are handed over. */
export const tokenVariables: Readonly<Record<AdminResource, string>> = {
  graph: 'POSTERN_GRAPH_TOKEN',
  exchange: 'POSTERN_EXCHANGE_TOKEN',
};

/** Out of the environment, read when a token is wanted. */
export function givenTokens(place: SignInPlace, ports: SignInPorts, env: Readonly<Record<string, string | undefined>>): AdminTokens {
  return {
    async token(resource) {
      const variable = tokenVariables[resource];
      const text = (env[variable] ?? '').trim();
      if (text === '') throw new Fault('signin.token-missing', { variable, resource: place.origins[resource] });
      return inspectAdminToken(text, resource, { origin: place.origins[resource], tenantId: place.tenantId }, ports.clock.now());
    },
  };
}

/** From an app without a person, by its own tokens. Opt-in: a standing right to administer. M365 (doc): Exchange.ManageAsApp and a directory role. */
export function appTokens(
  place: SignInPlace,
  ports: SignInPorts,
  source: (scope: string, signal: AbortSignal) => Promise<Secret>,
): AdminTokens {
  return {
    async token(resource, signal) {
      const origin = place.origins[resource];
      const value = await source(`${origin}/.default`, signal);
      return inspectAdminToken(value.reveal(), resource, { origin, tenantId: place.tenantId }, ports.clock.now());
    },
  };
}

/** The Azure CLI may have to renew its session over a slow line. */
const azTimeoutMs = 60_000;
const longestQuote = 300;

/**
 * From the session of the Azure CLI. M365 (recorded): its tokens carry enough for both resources, and the set cannot be extended.
 * @param program its name or path, `az` as a rule
 */
export function azTokens(place: SignInPlace, ports: SignInPorts, program: string): AdminTokens {
  return {
    async token(resource, signal) {
      const origin = place.origins[resource];
      const text = await run(
        program,
        ['account', 'get-access-token', '--tenant', place.tenantId, '--resource', origin, '--output', 'json'],
        signal,
      );
      let token: unknown;
      try {
        token = JSON.parse(text)?.accessToken;
      } catch {
        token = undefined;
      }
      // What it printed is not quoted: a token may stand in it.
      if (typeof token !== 'string') throw new Fault('signin.az-failed', { seen: 'it printed no JSON with accessToken' });
      return inspectAdminToken(token, resource, { origin, tenantId: place.tenantId }, ports.clock.now());
    },
  };
}

function run(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: azTimeoutMs, signal, encoding: 'utf8', windowsHide: true } as const;
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (signal.aborted) reject(signal.reason);
      else {
        const code = 'code' in error ? String(error.code) : 'unknown';
        const seen = stderr
          .replace(/\S{100,}/g, '…')
          .replace(/\s+/g, ' ')
          .trim()
          .slice(0, longestQuote);
        reject(new Fault('signin.az-failed', { code, seen: seen || 'nothing' }));
      }
    });
    child.stdin?.end();
  });
}
