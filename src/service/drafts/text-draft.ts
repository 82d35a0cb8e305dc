/**
 * The way back: the text of a definition, or what the configuration file says of a source, as the form shows it. Never with a secret.
 *
 * The hard thing is what the form does not know (a managed identity, a command that prints a secret, exact names of folders): that is for
 * the file alone, and whoever brings it is told so.
 */
import type { SourceConfig } from '../../config/config.ts';
import { choiceTexts } from '../../config/folder-choice.ts';
import type { DefinitionText, SecretName } from '../../definitions/definitions.ts';
import type { MailServer } from '../../tenant/cloud.ts';
import { type SourceDraft, sourceDraft } from '../api/source.ts';
import { secretVariable } from './draft-text.ts';
import { spanText } from './span-text.ts';

type Draft = SourceDraft;
type Raw = Readonly<Record<string, unknown>>;
/** Whether the secret is one that is kept here, or else one that is referred to. */
type IsKept = (env: unknown) => boolean;

/** What the text says and the form cannot hold. */
export class NotForTheForm extends Error {
  /** @param what of `key`, where it is something else than that the form has no field for it */
  constructor(key: string, what = 'has no field in the console; such a source stands in the configuration file') {
    super(`\`${key}\` ${what}.`);
  }
}

/**
 * @param secrets what is kept; undefined: it was never kept here, so a reference with the name that we would give is a secret to be typed
 * @throws NotForTheForm; of what does not fit the draft's schema, the issue of zod
 */
export function draftOfText(
  { name, source, app, files }: Omit<DefinitionText, 'secrets'>,
  secrets: readonly SecretName[] | undefined,
): Draft {
  const isKept = (env: unknown): boolean => (secrets === undefined ? env === secretVariable(name, 'SECRET') : secrets.includes('secret'));
  const { folders = ['INBOX'], auth, server, tenant, onCompletion = 'leave', owners = [], country, connections, ...plain } = source;
  if (connections !== undefined) throw new NotForTheForm('connections');
  const login = record(auth);
  return sourceDraft.parse({
    name,
    protocol: 'imap',
    every: '1m',
    since: null,
    format: 'auto',
    nameOrder: 'first-last',
    hold: false,
    silentAfter: null,
    ...plain,
    authentication: auth === undefined ? 'oauth2' : 'password',
    tenant: app === undefined && typeof tenant === 'string' ? tenant : null,
    app: app === undefined ? null : appDraft(app, files, isKept),
    password: login === undefined ? null : { user: typeof login['user'] === 'string' ? login['user'] : '' },
    server: server === undefined ? null : serverDraft(record(server) ?? {}, files),
    folders,
    country: country === undefined ? null : String(country),
    owners,
    onCompletion: completionDraft(onCompletion),
  });
}

function completionDraft(raw: unknown): Draft['onCompletion'] {
  const act = record(raw);
  if (act === undefined) return raw === 'seen' ? { kind: 'seen' } : { kind: 'leave' };
  if (typeof act['move'] === 'string') return { kind: 'move', folder: act['move'] };
  return { kind: 'delete', after: String(record(act['delete'])?.['after'] ?? '') };
}

function appDraft(app: Raw, files: DefinitionText['files'], isKept: IsKept): unknown {
  const { tenantId, clientId = '', cloud = 'global', scope, credential, ca, setup } = app;
  if (setup !== undefined) throw new NotForTheForm('setup');
  const own = record(cloud);
  if (own === undefined) {
    if (ca !== undefined) throw new NotForTheForm('ca');
    return {
      tenantId,
      clientId,
      cloud,
      custom: null,
      scope: scope ?? null,
      credential: credentialDraft(record(credential) ?? {}, files, isKept),
    };
  }
  for (const key of ['smtp', 'graph', 'exchangeAdmin']) if (own[key] !== undefined) throw new NotForTheForm(`cloud.${key}`);
  const pem = pemOf(ca, files);
  return {
    tenantId,
    clientId,
    cloud: 'custom',
    custom: {
      authority: own['authority'],
      imap: endpointText(record(own['imap'])),
      pop: endpointText(record(own['pop3'])),
      ...(pem === undefined ? {} : { ca: pem }),
    },
    scope: scope ?? own['scope'] ?? null,
    credential: credentialDraft(record(credential) ?? {}, files, isKept),
  };
}

function credentialDraft(credential: Raw, files: DefinitionText['files'], isKept: IsKept): unknown {
  const { secret, certificate, expires } = credential;
  const pem = record(certificate);
  if (pem !== undefined) {
    if (pem['algorithm'] !== undefined && pem['algorithm'] !== 'PS256') throw new NotForTheForm('credential.certificate.algorithm');
    const text = pemOf(pem['file'], files);
    return { kind: 'certificate', ...(text === undefined ? {} : { certificate: text }) };
  }
  const reference = record(secret);
  if (reference === undefined) throw new NotForTheForm(`credential.${Object.keys(credential)[0] ?? 'secret'}`);
  if (reference['command'] !== undefined) throw new NotForTheForm('credential.secret.command');
  if (isKept(reference['env'])) return { kind: 'secret', ...(expires === undefined ? {} : { expires }) };
  return { kind: 'reference', ...reference, ...(expires === undefined ? {} : { expires }) };
}

function serverDraft(server: Raw, files: DefinitionText['files']): unknown {
  const { host, port = null, tls = 'implicit', ca } = server;
  const pem = pemOf(ca, files);
  return { host, port, tls, ...(pem === undefined ? {} : { ca: pem }) };
}

function pemOf(path: unknown, files: DefinitionText['files']): string | undefined {
  const texts = [path].flat().flatMap((one) => {
    if (typeof one !== 'string') return [];
    if (files[one] === undefined)
      throw new NotForTheForm(one, 'is named, and its text is not there; leave it out here and paste it into the form');
    return [files[one]];
  });
  return texts.length === 0 ? undefined : texts.join('\n');
}

function endpointText(server: Raw | undefined): string {
  if (server === undefined) return '';
  if (server['tls'] !== undefined) throw new NotForTheForm('cloud.imap.tls');
  const host = String(server['host']);
  return server['port'] === undefined ? host : `${host.includes(':') ? `[${host}]` : host}:${String(server['port'])}`;
}

function record(value: unknown): Raw | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

/** A source of the configuration file, to be looked at. */
export function draftOfConfig(source: SourceConfig): Draft {
  const { name, mailbox, protocol, server, auth, folders, everyMs, since, format, nameOrder, country, owners, onCompletion, hold } = source;
  const usual = auth.kind === 'oauth2' ? auth.tenant.cloud[protocol] : undefined;
  return {
    name,
    protocol,
    authentication: auth.kind,
    tenant: auth.kind === 'oauth2' ? auth.tenant.name : null,
    app: null,
    password: auth.kind === 'password' ? { user: auth.user } : null,
    server: isSame(server, usual) ? null : { host: server.host, port: server.port, tls: server.tls },
    mailbox,
    folders: [...choiceTexts(folders)],
    every: spanText(everyMs),
    since: since === undefined ? null : since.toISOString().slice(0, 10),
    format,
    nameOrder,
    country: country ?? null,
    owners: [...owners],
    onCompletion: onCompletion.kind === 'delete' ? { kind: 'delete', after: spanText(onCompletion.afterMs) } : onCompletion,
    hold,
    silentAfter: source.silentAfterMs === undefined ? null : spanText(source.silentAfterMs),
  };
}

function isSame(one: MailServer, other: MailServer | undefined): boolean {
  return other !== undefined && one.host === other.host && one.port === other.port && one.tls === other.tls;
}
