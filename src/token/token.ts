/** The words of the token plane: what is asked for, and what comes back. */
import type { Secret } from '../runtime/secret.ts';

/** An app-only access token. The times are of this machine's clock. */
export interface AccessToken {
  readonly value: Secret;
  /** After this moment the server refuses it. Milliseconds since 1970. */
  readonly expiresAtMs: number;
  readonly issuedAtMs: number;
}

export interface TokenSource {
  /**
   * A token with life left in it: a kept one, or a new one from the token endpoint. May wait while the endpoint throttles, within a
   * bound. However many ask at once, one request is made.
   * @throws Fault token.*, network.*, config.secret-*; the signal's reason when it is aborted (only this caller stops waiting).
   */
  token(signal?: AbortSignal): Promise<AccessToken>;
  /** What it has, be it out of date; nothing is asked for. */
  kept(): AccessToken | undefined;
  /** Forgets this token (a server refused it), so that the next call asks again. Does nothing when a newer one is already there. */
  drop(token: AccessToken): void;
}

/** How the app proves itself. Each part is asked for when it is needed, so that a rotated secret is seen. */
export type TokenCredential =
  | { readonly kind: 'secret'; readonly secret: { resolve(): Promise<Secret> } }
  | {
      readonly kind: 'certificate';
      /** PEM text of the certificate. */
      readonly certificate: string;
      /** The private key: PEM, PKCS #8. */
      readonly key: { resolve(): Promise<Secret> };
      readonly algorithm: 'PS256' | 'RS256';
    }
  | {
      readonly kind: 'assertion';
      /** The JWT of an outside issuer that a federated credential of the app trusts. Renewed by others, so read each time. */
      readonly assertion: { readonly describe: string; resolve(): Promise<Secret> };
    }
  | {
      /** A managed identity of this machine, which a federated credential of the app trusts. M365 (doc): user-assigned ones only. */
      readonly kind: 'managed-identity';
      /** Client id of the identity, not of the app; where it is absent the machine's only one is meant. */
      readonly clientId?: string;
      /** What its token is for; the federated audience of the cloud unless given. */
      readonly audience?: string;
      readonly endpoint: {
        readonly url: string;
        /** The value of `X-IDENTITY-HEADER`: there where the endpoint is that of App Service. */
        readonly header?: Secret;
      };
    };

/** An app in a tenant, and what it wants a token for. */
export interface TokenApp {
  /** Origin, e.g. `https://login.microsoftonline.com`. */
  readonly authority: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly scope: string;
  readonly credential: TokenCredential;
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}
