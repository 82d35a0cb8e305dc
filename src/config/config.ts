/**
 * What a configuration means once it has been read and cross-checked: the words that the rest of the program uses.
 *
 * Nothing here knows YAML. `load.ts` is the only maker of these values; a `Config` that exists is complete: every reference is
 * resolved, every default filled in, every file of certificates read. Only secrets are still references, asked for when they are sent.
 */

import type { Secret } from '../runtime/secret.ts';
import type { Cloud, MailServer } from '../tenant/cloud.ts';
import type { FolderChoice } from './folder-choice.ts';
import type { SecretReference } from './secret-reference.ts';

export type { FolderChoice, FolderPattern } from './folder-choice.ts';

export interface Config {
  /** The file it came from, as an absolute path: for messages. */
  readonly file: string;
  /** Where archive, journals and locks live. Absolute. */
  readonly dataFolder: string;
  readonly tenants: ReadonlyMap<string, TenantConfig>;
  /** Tenants whose app `setup` has not made yet and that nothing asks for so far. They are not among `tenants`, and keep nobody waiting. */
  readonly notMade: readonly string[];
  /** In the order of the file. */
  readonly sources: readonly SourceConfig[];
  readonly import: ImportConfig;
  /** Undefined: the file says nothing of it. */
  readonly service: ServiceConfig | undefined;
  readonly alerts: AlertsConfig;
  /** Undefined: there is no door for applications with passwords. */
  readonly proxy: ProxyConfig | undefined;
}

/** Bounds over all sources. */
export interface ImportConfig {
  /** Connections that are open at once, of all sources together. */
  readonly connections: number;
  /** Connections to one host that are open at once. */
  readonly perHost: number;
}

/** Where and how `serve` serves the console; of it `import run` knows `listen` only, for health and metrics. */
export interface ServiceConfig {
  /** `host`: an IP address or `localhost`. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly tls: ServiceTls | undefined;
  /** Host names under which the console may be opened, besides those of this machine and of the certificate. */
  readonly names: readonly string[];
  /** Addresses of a reverse proxy whose forwarded headers are believed; undefined: there is none. */
  readonly behindProxy: readonly string[] | undefined;
  /** By which the secrets of the console's sources are encrypted; undefined: one that is made in the data folder. */
  readonly key: SecretReference | undefined;
}

export interface ServiceTls {
  /** PEM, absolute. Read when it is needed, since it changes while the service runs. */
  readonly certificateFile: string;
  readonly key: SecretReference;
}

export interface AlertsConfig {
  readonly webhook: WebhookConfig | undefined;
  readonly mail: AlertMailConfig | undefined;
  /** After how long an alert that stands and was not acknowledged is sent again, in milliseconds. */
  readonly remindEveryMs: number;
}

export interface WebhookConfig {
  /** Often holds a token, so it is a secret wherever it stands. */
  readonly url: SecretReference;
  /** Key of the HMAC-SHA-256 over the body, by which the receiver knows that an alert is ours. */
  readonly secret: SecretReference | undefined;
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}

export interface AlertMailConfig {
  /** A submission server (SMTP). */
  readonly server: ServerConfig;
  /** `none`: a relay that knows this machine. With OAuth 2.0 the mailbox that is logged in to is `from`. */
  readonly auth: SourceAuth | { readonly kind: 'none' };
  readonly from: string;
  /** At least one. */
  readonly to: readonly string[];
}

export interface TenantConfig {
  /** The key under `tenants:`. */
  readonly name: string;
  /** GUID or verified domain of the Entra tenant. */
  readonly tenantId: string;
  /** Application (client) id of the registration: a GUID. Empty only while `setup` has not made the app yet, and only for `setup` itself. */
  readonly clientId: string;
  /** Undefined: the app was made by hand. */
  readonly setup: SetupConfig | undefined;
  readonly cloud: Cloud;
  /** What the token is asked for: the cloud's scope unless the file says otherwise. */
  readonly scope: string;
  readonly credential: CredentialConfig;
  /** PEM texts, each of one or more certificates, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}

export interface SetupConfig {
  readonly uniqueName: string;
  /** Undefined: a new app gets our name, one that is there keeps its own. */
  readonly displayName: string | undefined;
  readonly audience: 'single-tenant' | 'multi-tenant';
  /** Client id of an app that is to be taken over. */
  readonly adopt: string | undefined;
  readonly mailboxes: readonly {
    readonly address: string;
    readonly protocols: readonly ('imap' | 'pop3' | 'smtp')[];
    readonly sendAs: readonly string[];
  }[];
  readonly lifetimeMs: number;
  readonly overlapMs: number;
  readonly store: SetupStore;
  readonly enableClientAccess: boolean;
  /** How sending is permitted; `group` is an address. */
  readonly smtp: { readonly mode: 'claims' } | { readonly mode: 'rbac'; readonly group: string };
}

/** Where a new credential goes. Paths are absolute. */
export type SetupStore =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'certificate'; readonly certificateFile: string; readonly keyFile: string }
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]] }
  /** Nothing is stored: the app trusts an outside identity. */
  | {
      readonly kind: 'federated';
      readonly name: string;
      readonly issuer: string;
      readonly subject: string;
      readonly audience: string;
    };

export type CredentialConfig =
  | {
      readonly kind: 'secret';
      readonly secret: SecretReference;
      /** Begin (UTC) of the day on which it expires, as the portal shows it; undefined where the file does not say. */
      readonly expires?: Date | undefined;
      /** Who says so; the file where it is absent. What the setup has noted is newer after each `setup rotate`. */
      readonly expiresFrom?: 'setup' | undefined;
    }
  | {
      readonly kind: 'certificate';
      /** The PEM text of the certificate (public half), as uploaded to the app registration. */
      readonly certificate: string;
      /** The private key, PEM (PKCS #8). */
      readonly key: SecretReference;
      readonly algorithm: 'PS256' | 'RS256';
    }
  | {
      readonly kind: 'assertion';
      /** Gives the JWT of an outside issuer. */
      readonly assertion: SecretReference;
    }
  | {
      readonly kind: 'managed-identity';
      /** Client id of the identity, not of the app. */
      readonly clientId?: string;
      /** The federated audience of the cloud where it is absent. */
      readonly audience?: string;
      readonly endpoint: IdentityEndpoint;
    };

/** The local endpoint of managed identities. */
export interface IdentityEndpoint {
  readonly url: string;
  /** Present where it is that of App Service or Container Apps: they want it back with each question. */
  readonly header?: Secret;
}

export interface ServerConfig extends MailServer {
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}

export type SourceAuth =
  | { readonly kind: 'oauth2'; readonly tenant: TenantConfig }
  | { readonly kind: 'password'; readonly user: string; readonly password: SecretReference };

export interface SourceConfig {
  /** The key under `sources:`. Letters, digits, `-`, `_` and `.`. */
  readonly name: string;
  /** The address of the mailbox, e.g. `telemessage@contoso.com`. */
  readonly mailbox: string;
  readonly protocol: 'imap' | 'pop3';
  readonly server: ServerConfig;
  readonly auth: SourceAuth;
  /** With POP3 always `INBOX` alone. */
  readonly folders: FolderChoice;
  /** How long to wait between two looks, in milliseconds. */
  readonly everyMs: number;
  /** Messages whose INTERNALDATE is before this are excluded; begin of a day (UTC). Undefined with POP3, which has no such date. */
  readonly since: Date | undefined;
  /** Connections to this mailbox that are open at once, at most. 1 with POP3, which locks a mailbox for one session. */
  readonly connections: number;
  readonly onCompletion: CompletionConfig;
  /** Nothing of this source is moved or deleted on the server, whatever `onCompletion` says. */
  readonly hold: boolean;
  /** So long without a message is silence, in milliseconds. Undefined: the source's habit decides. */
  readonly silentAfterMs: number | undefined;
  readonly format: MessageFormat;
  readonly nameOrder: NameOrder;
  /** Calling code for numbers without one, digits only, e.g. `1`. Undefined: such numbers stay as they are. */
  readonly country: string | undefined;
  /** Addresses and numbers that are monitored, as written in the file. */
  readonly owners: readonly string[];
}

/** What happens to a message on the server once it is durable in the archive. */
export type CompletionConfig =
  | { readonly kind: 'leave' }
  | { readonly kind: 'seen' }
  /** Into this folder of the same mailbox. */
  | { readonly kind: 'move'; readonly folder: string }
  /** No earlier than so long after the message became durable, in milliseconds; may be years. */
  | { readonly kind: 'delete'; readonly afterMs: number };

/** `auto`: each message shows what it is. Otherwise what the messages of the source are read as. */
export type MessageFormat = 'auto' | 'telemessage' | 'journal' | 'mail';

/** In which order TeleMessage writes the names of participants. */
export type NameOrder = 'first-last' | 'last-first';

export type ProxyProtocol = 'imap' | 'pop3' | 'smtp';

/** The door for applications that only know user and password. */
export interface ProxyConfig {
  readonly listeners: readonly ProxyListener[];
  readonly certificate: ProxyCertificate | undefined;
  /** In the order of the file; the first one with a pattern that fits serves a mailbox. */
  readonly upstreams: readonly ProxyUpstream[];
  /** Senders by mailbox, both patterns in lower case. */
  readonly sendAs: readonly { readonly mailbox: string; readonly senders: readonly string[] }[];
  readonly limits: ProxyLimits;
  /** Undefined: a message is handed over while the application waits. */
  readonly queue: { readonly retryForMs: number } | undefined;
  readonly health: { readonly host: string; readonly port: number } | undefined;
  readonly auditDays: number;
}

export interface ProxyListener {
  readonly name: string;
  readonly protocol: ProxyProtocol;
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
}

export interface ProxyCertificate {
  /** PEM, absolute. Read when it is needed, since it changes while the proxy runs. */
  readonly file: string;
  readonly key: SecretReference;
}

export interface ProxyUpstream {
  readonly tenant: TenantConfig;
  /** Addresses with `*` for any letters, in lower case. */
  readonly mailboxes: readonly string[];
}

export interface ProxyLimits {
  readonly perMailbox: Readonly<Record<ProxyProtocol, number>>;
  readonly waitMs: number;
  readonly sessions: number;
  readonly halfOpen: number;
  readonly halfOpenPerAddress: number;
  readonly loginMs: number;
  readonly failures: number;
  readonly lockMs: number;
  readonly messagesPerMinute: number;
  readonly messageBytes: number;
}
