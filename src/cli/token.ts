/** `postern token`: gets a token as every other command does, and explains what it says; prints it only when that was asked for. */
import type { TenantConfig } from '../config/config.ts';
import type { Claims } from '../token/claims.ts';
import type { AccessToken } from '../token/token.ts';
import { type Command, exit } from './command.ts';
import { expectNoArguments } from './parse.ts';
import { duration, json, printable, table } from './print.ts';

export const token: Command = {
  name: 'token',
  summary: 'Get a token and explain what it says; or print it, for use in other tools.',
  usage: '[--tenant NAME] [--raw] [--config FILE] [--json]',
  details: `The claims are read, not verified: that is the part of the server. --raw prints the token alone on standard output;
whoever has it can open every mailbox that is granted to the app until it expires, so pipe it, do not show it.

Example: curl --oauth2-bearer "$(postern token --raw)" --user journal@contoso.com imaps://outlook.office365.com/INBOX`,
  options: {
    tenant: { type: 'string', value: 'NAME', help: 'The tenant, where the configuration has more than one.' },
    raw: { type: 'boolean', help: 'Print the token itself and nothing else.' },
  },
  run: async (args, terminal) => {
    expectNoArguments(token, args);
    const { readConfiguration, tenantToken } = await import('./wire.ts');
    const config = await readConfiguration(args, terminal);
    const name = args.values['tenant'];
    const { tenant, tokens } = tenantToken(config, typeof name === 'string' ? name : undefined);
    const got = await tokens.token(terminal.signal);
    if (args.values['raw'] === true) {
      terminal.stdout.write(`${got.value.reveal()}\n`);
      return exit.done;
    }
    const { readClaims } = await import('../token/claims.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const claims = readClaims(got.value);
    if (args.values['json'] === true)
      json(terminal, { tenant: tenant.name, claims: claims ?? null, expiresAt: new Date(got.expiresAtMs).toISOString() });
    else terminal.stdout.write(explained(tenant, got, claims, systemClock.now()));
    return exit.done;
  },
};

function explained(tenant: TenantConfig, got: AccessToken, claims: Claims | undefined, nowMs: number): string {
  const life = `A token for tenant ${tenant.name}; it lives ${duration(got.expiresAtMs - nowMs)} more.\n`;
  if (claims === undefined) return `${life}What it says cannot be read: it is no JSON Web Token.\n`;
  const { aud, iss, tid, appid, appidacr, oid, roles, scp, iat, exp } = claims;
  const time = (seconds: number | undefined): string => (seconds === undefined ? '-' : new Date(seconds * 1000).toISOString());
  const rows: readonly (readonly [claim: string, value: string, means: string])[] = [
    ['aud', aud ?? '-', 'the service that takes it; for mail a host of Exchange Online'],
    ['iss', iss ?? '-', 'who issued it'],
    ['tid', tid ?? '-', sameAs(tid, tenant.tenantId, 'the tenant')],
    ['appid', appid ?? '-', sameAs(appid, tenant.clientId, 'the app')],
    [
      'appidacr',
      appidacr ?? '-',
      { '1': 'the app proved itself with a secret', '2': 'the app proved itself with a certificate or an assertion' }[appidacr ?? ''] ?? '',
    ],
    ['oid', oid ?? '-', 'the service principal: what `New-ServicePrincipal -ObjectId` wants'],
    ['roles', (roles ?? []).join(' ') || '-', roles === undefined ? 'no permission was consented to' : 'the application permissions'],
    ['scp', scp ?? '-', scp === undefined ? 'absent, as it must be for an app' : 'a person is behind it: the wrong kind'],
    ['iat', time(iat), 'issued; permissions given later are not in it'],
    ['exp', time(exp), 'refused after this'],
  ];
  const columns = [{ title: 'CLAIM' }, { title: 'VALUE' }, { title: 'MEANS' }];
  return `${life}\n${table(
    columns,
    rows.map((row) => row.map(printable)),
  )}`;
}

function sameAs(value: string | undefined, configured: string, what: string): string {
  return value?.toLowerCase() === configured.toLowerCase() ? `${what}, as configured` : `${what}; configured is ${configured}`;
}
