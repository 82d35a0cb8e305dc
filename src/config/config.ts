/**
 * What a configuration means once it has been read and cross-checked: the words that the rest of the program uses.
 *
 * Nothing here knows YAML. `load.ts` is the only maker of these values; a `Config` that exists is complete: every reference is
 * resolved, every default filled in, every file of certificates read. Only secrets are still references, asked for when they are sent.
 */

import type { Secret } from '../runtime/secret.ts';
import type { Cloud, MailServer } from '../tenant/cloud.ts';
import type { SecretReference } from './secret-reference.ts';

export interface Config {
  /** The file it came from, as an absolute path: for messages. */
  readonly file: string;
  /** Where archive, journals and locks live. Absolute. */
  readonly dataFolder: string;
  readonly tenants: ReadonlyMap<string, TenantConfig>;
  /** In the order of the file. */
  readonly sources: readonly SourceConfig[];
}

export interface TenantConfig {
  /** The key under `tenants:`. */
  readonly name: string;
  /** GUID or verified domain of the Entra tenant. */
  readonly tenantId: string;
  /** Application (client) id of the registration: a GUID. */
  readonly clientId: string;
  readonly cloud: Cloud;
  /** What the token is asked for: the cloud's scope unless the file says otherwise. */
  readonly scope: string;
  readonly credential: CredentialConfig;
  /** PEM texts, each of one or more certificates, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}

export type CredentialConfig =
  | { readonly kind: 'secret'; readonly secret: SecretReference }
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
  readonly protocol: 'imap';
  readonly server: ServerConfig;
  readonly auth: SourceAuth;
  /** Exact names as the server lists them; at least one. */
  readonly folders: readonly string[];
  /** How long to wait between two looks, in milliseconds. */
  readonly everyMs: number;
  readonly format: MessageFormat;
}

/** So far each message is read as mail. */
export type MessageFormat = 'auto';
