/**
 * A draft of the form as the text of a definition: what the configuration file would say. Pure.
 *
 * The hard thing is that the text is the truth: the same schema and checks read it as read the file, and what it says can be taken over
 * into the file. So a secret leaves here as a reference that the file would have, and its value goes another way.
 */
import type { Definition, DefinitionText, DraftedSecrets, SecretName } from '../../definitions/definitions.ts';
import { Secret } from '../../runtime/secret.ts';
import { clouds } from '../../tenant/cloud.ts';
import type { SourceDraft } from '../api/source.ts';

export interface DraftedDefinition {
  readonly text: DefinitionText;
  /** What was typed. */
  readonly drafted: DraftedSecrets;
}

type App = NonNullable<SourceDraft['app']>;
type Raw = Record<string, unknown>;

/** @param saved what it replaces: a certificate that the draft leaves out stays as it was saved */
export function definitionOfDraft(draft: SourceDraft, saved?: Definition): DraftedDefinition {
  const name = draft.name.trim();
  const files: Record<string, string> = {};
  const drafted: Partial<Record<SecretName, Secret>> = {};
  const secrets: SecretName[] = [];
  const keep = (secret: SecretName, value: string | undefined): void => {
    secrets.push(secret);
    if (value !== undefined && value !== '') drafted[secret] = new Secret(value);
  };
  const usesApp = draft.authentication === 'oauth2' && draft.app !== null;
  const app = usesApp && draft.app !== null ? appOf(draft.app, name, files, keep, saved) : undefined;
  const login: Raw = {};
  if (draft.authentication === 'password') {
    const user = draft.password?.user.trim() ?? '';
    login['auth'] = { ...(user === '' ? {} : { user }), password: { env: secretVariable(name, 'PASSWORD') } };
    keep('password', draft.password?.secret);
  } else if (app === undefined && draft.tenant !== null) login['tenant'] = draft.tenant;
  if (draft.server !== null) login['server'] = serverOf(draft.server, `./${name}-server-ca.pem`, files);
  return { text: { name, source: { ...login, ...settingsOf(draft) }, app, files, secrets }, drafted };
}

/** What differs from the defaults of the configuration, so that the text is short. */
function settingsOf(draft: SourceDraft): Raw {
  const { protocol, every, since, format, nameOrder, country, owners, onCompletion, hold, silentAfter } = draft;
  const folders = draft.folders.map((folder) => folder.trim());
  const plainInbox = folders.length === 1 && folders[0]?.toUpperCase() === 'INBOX';
  return {
    mailbox: draft.mailbox.trim(),
    ...(protocol === 'imap' ? {} : { protocol }),
    ...(plainInbox ? {} : { folders }),
    every: every.trim(),
    ...(empty(since) ? {} : { since }),
    ...(format === 'auto' ? {} : { format }),
    ...(nameOrder === 'first-last' ? {} : { nameOrder }),
    ...(empty(country) ? {} : { country: country?.trim() }),
    ...(owners.length === 0 ? {} : { owners: owners.map((owner) => owner.trim()) }),
    ...(onCompletion.kind === 'leave' ? {} : { onCompletion: completionOf(onCompletion) }),
    ...(hold ? { hold } : {}),
    ...(empty(silentAfter) ? {} : { silentAfter: silentAfter?.trim() }),
  };
}

function completionOf(act: SourceDraft['onCompletion']): unknown {
  if (act.kind === 'move') return { move: act.folder.trim() };
  return act.kind === 'delete' ? { delete: { after: act.after.trim() } } : act.kind;
}

function empty(text: string | null): boolean {
  return text === null || text.trim() === '';
}

function appOf(
  app: App,
  name: string,
  files: Record<string, string>,
  keep: (secret: SecretName, value: string | undefined) => void,
  saved: Definition | undefined,
): Raw {
  const { cloud, custom } = app;
  const scope = app.scope?.trim() ?? '';
  const raw: Raw = { tenantId: app.tenantId.trim(), clientId: app.clientId.trim() };
  if (cloud === 'custom') {
    raw['cloud'] = {
      authority: custom?.authority.trim() ?? '',
      scope: scope === '' ? clouds.global.scope : scope,
      ...(empty(custom?.imap ?? null) ? {} : { imap: endpointOf(custom?.imap ?? '') }),
      ...(empty(custom?.pop ?? null) ? {} : { pop3: endpointOf(custom?.pop ?? '') }),
    };
    if (!empty(custom?.ca ?? null)) {
      raw['ca'] = `./${name}-ca.pem`;
      files[`./${name}-ca.pem`] = custom?.ca ?? '';
    }
  } else {
    if (cloud !== 'global') raw['cloud'] = cloud;
    if (scope !== '') raw['scope'] = scope;
  }
  raw['credential'] = credentialOf(app.credential, name, files, keep, saved);
  return raw;
}

function credentialOf(
  credential: App['credential'],
  name: string,
  files: Record<string, string>,
  keep: (secret: SecretName, value: string | undefined) => void,
  saved: Definition | undefined,
): Raw {
  switch (credential.kind) {
    case 'secret':
      keep('secret', credential.secret?.trim());
      return {
        secret: { env: secretVariable(name, 'SECRET') },
        ...(empty(credential.expires ?? null) ? {} : { expires: credential.expires?.trim() }),
      };
    case 'certificate': {
      const file = `./${name}.crt`;
      files[file] = credential.certificate ?? saved?.files[file] ?? '';
      keep('key', credential.key?.trim());
      return { certificate: { file, key: { file: `./${name}.key` } } };
    }
    case 'reference':
      return {
        secret: empty(credential.env ?? null) ? { file: credential.file?.trim() ?? '' } : { env: credential.env?.trim() },
        ...(empty(credential.expires ?? null) ? {} : { expires: credential.expires?.trim() }),
      };
  }
}

function serverOf(server: NonNullable<SourceDraft['server']>, caPath: string, files: Record<string, string>): Raw {
  const { host, port, tls, ca } = server;
  if (!empty(ca ?? null)) files[caPath] = ca ?? '';
  return { host: host.trim(), ...(port === null ? {} : { port }), tls, ...(empty(ca ?? null) ? {} : { ca: caPath }) };
}

/** `localhost:993`, `[::1]:993`, or a host alone. What is none of these is left to the schema to refuse. */
function endpointOf(text: string): Raw {
  const match = /^(.*?)(?::(\d{1,5}))?$/.exec(text.trim());
  const host = (match?.[1] ?? '').replace(/^\[(.*)\]$/, '$1');
  return { host, ...(match?.[2] === undefined ? {} : { port: Number(match[2]) }) };
}

/** Name of the environment variable under which the configuration file would find it. */
export function secretVariable(name: string, what: 'SECRET' | 'PASSWORD'): string {
  const stem = name.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
  return `${/^[A-Z]/.test(stem) ? '' : '_'}${stem}_${what}`;
}
