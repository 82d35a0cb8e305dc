/**
 * To whom a secret goes, of a definition: whoever may change a source must not be able to have its kept secret sent to himself. So a
 * kept secret goes on to a changed definition only where it still goes to the same. Pure.
 *
 * A token counts like the secret that bought it: the mail server is part of it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { DefinitionText, SecretName } from './definitions.ts';

type Text = Pick<DefinitionText, 'source' | 'app' | 'files'>;

export function sameAddressee(secret: SecretName, one: Text, other: Text): boolean {
  return isDeepStrictEqual(addressee(secret, one), addressee(secret, other));
}

function addressee(secret: SecretName, { source, app, files }: Text): unknown {
  const server = plain(source['server']);
  const mail = { ...server, host: lower(server['host']), ca: authorities(server['ca'], files) };
  if (secret === 'password') return plain({ mail, user: plain(source['auth'])['user'] ?? source['mailbox'], protocol: source['protocol'] });
  const { tenantId, clientId, cloud, scope, ca } = app ?? {};
  return plain({ mail, tenantId: lower(tenantId), clientId: lower(clientId), cloud: cloud ?? 'global', scope, ca: authorities(ca, files) });
}

/** Whoever holds one of these may stand in for the server. */
function authorities(paths: unknown, files: Text['files']): readonly unknown[] {
  return [paths].flat().flatMap((path) => (typeof path === 'string' ? [files[path] ?? path] : []));
}

function lower(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value;
}

/** As it is after JSON: what is undefined is not there. */
function plain(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value === undefined ? {} : JSON.parse(JSON.stringify(value)));
}
