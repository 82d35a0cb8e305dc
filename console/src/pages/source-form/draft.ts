/**
 * What the form holds while it is typed, and what is sent of it. Both ways of authentication are kept side by side, so that who looks at
 * the other one and comes back finds what was typed; only the chosen one is sent.
 */
import type { Overview, SourceDraft } from '../../../../src/service/api.ts';

type App = NonNullable<SourceDraft['app']>;
type Password = NonNullable<SourceDraft['password']>;
type Server = NonNullable<SourceDraft['server']>;

export interface FormDraft extends Omit<SourceDraft, 'app' | 'password' | 'server'> {
  readonly app: App;
  readonly password: Password;
  readonly server: Server;
  /** Whether a server of its own is sent with OAuth 2.0: only where it was there already. */
  readonly ownServer: boolean;
}

export const emptyDraft: FormDraft = {
  name: '',
  protocol: 'imap',
  authentication: 'oauth2',
  tenant: null,
  app: { clientId: '', tenantId: '', cloud: 'global', custom: null, scope: null, credential: { kind: 'secret', secret: '' } },
  password: { user: '', secret: '' },
  server: { host: '', port: null, tls: 'implicit' },
  ownServer: false,
  mailbox: '',
  folders: ['INBOX'],
  every: '1m',
  since: null,
  format: 'auto',
  nameOrder: 'first-last',
  country: null,
  owners: [],
  onCompletion: { kind: 'leave' },
  hold: false,
  silentAfter: null,
};

/** A saved definition as the form shows it. Secrets are not in it: absent means as it was saved. */
export function fromDefinition(definition: SourceDraft): FormDraft {
  return {
    ...definition,
    app: definition.app ?? emptyDraft.app,
    password: definition.password ?? { user: '' },
    server: definition.server ?? emptyDraft.server,
    ownServer: definition.server !== null && definition.authentication === 'oauth2',
  };
}

export function toSend(draft: FormDraft): SourceDraft {
  const { ownServer, app, password, server, ...rest } = draft;
  const oauth = draft.authentication === 'oauth2';
  return {
    ...rest,
    name: draft.name.trim(),
    mailbox: draft.mailbox.trim(),
    // POP3 knows no other, and the form does not show it then.
    folders: draft.protocol === 'pop3' ? ['INBOX'] : draft.folders,
    since: draft.protocol === 'pop3' ? null : draft.since,
    tenant: oauth ? draft.tenant : null,
    app: oauth && draft.tenant === null ? sentApp(app) : null,
    password: oauth ? null : withoutEmpty({ ...password, user: password.user.trim() }, 'secret'),
    server: oauth && !ownServer ? null : withoutEmpty(server, 'ca'),
  };
}

function sentApp(app: App): App {
  return {
    ...app,
    clientId: app.clientId.trim(),
    tenantId: app.tenantId.trim(),
    scope: app.scope === null || app.scope.trim() === '' ? null : app.scope.trim(),
    custom: app.cloud === 'custom' && app.custom !== null ? withoutEmpty(app.custom, 'ca') : null,
    credential: sentCredential(app.credential),
  };
}

function sentCredential(credential: App['credential']): App['credential'] {
  switch (credential.kind) {
    case 'secret':
      return withoutEmpty(withoutEmpty(credential, 'secret'), 'expires');
    case 'certificate':
      return withoutEmpty(withoutEmpty(credential, 'certificate'), 'key');
    case 'reference':
      return withoutEmpty(withoutEmpty(credential, 'env'), 'file');
  }
}

/** An empty secret is none: the service takes the one that it keeps, or says that it wants one. */
function withoutEmpty<T extends object, K extends keyof T>(value: T, key: K): T {
  if (value[key] !== '') return value;
  const { [key]: _, ...rest } = value;
  // Only keys that may be absent are asked for.
  return rest as T;
}

/** What POP3 cannot do is not kept on: to mark and to move. */
export function withProtocol(draft: FormDraft, protocol: FormDraft['protocol']): FormDraft {
  const { kind } = draft.onCompletion;
  const impossible = protocol === 'pop3' && (kind === 'seen' || kind === 'move');
  return { ...draft, protocol, onCompletion: impossible ? { kind: 'leave' } : draft.onCompletion };
}

/** The form filled in for the tenant to try things with. */
export function trialDraft(trial: NonNullable<Overview['trial']>): FormDraft {
  return {
    ...emptyDraft,
    name: trial.mailbox.split('@')[0] ?? '',
    mailbox: trial.mailbox,
    format: 'telemessage',
    every: '10s',
    app: {
      ...emptyDraft.app,
      clientId: trial.clientId,
      tenantId: trial.tenantId,
      cloud: 'custom',
      custom: { authority: trial.authority, imap: trial.imap, pop: trial.pop, ca: trial.ca },
    },
  };
}
