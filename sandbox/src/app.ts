/**
 * An app: its registration, its credentials, its service principal, and how it misbehaves at the token endpoint.
 *
 * The hard thing is which id is whose: the registration and the service principal have an object id each, and only the second one means
 * anything to Exchange.
 */

import type { Identity } from './certificates.ts';

export interface AppSecret {
  readonly id: string;
  readonly value: string;
  readonly expires: Date;
  readonly starts?: Date;
  readonly displayName?: string;
  /** So many token requests do not know it yet: it has not reached every server. */
  unknownFor?: number;
}

/** How an app misbehaves at the token endpoint. Every key is optional; none of them is a healthy app. */
export interface AppQuirks {
  /** Always answer with this AADSTS number. */
  aadsts?: number;
  /** Answer this many requests in a way that is no JSON of Entra's, then behave. `Infinity` never recovers. */
  busy?: { kind: 'too-many-requests' | 'unavailable' | 'unavailable-json' | 'captive-portal' | 'cut' | 'silent'; times: number };
  /** The `aud` of every token, whatever the scope. */
  audience?: string;
  /** Tokens carry `exp` in the past although `expires_in` does not say so. */
  tokenAlreadyExpired?: boolean;
  /** Tokens are signed with a key that is not in the published set. */
  foreignSignature?: boolean;
  /** Milliseconds before every answer. */
  answerAfterMs?: number;
  /** Tokens carry this `scp` and no `roles`, as those of a signed-in user do. */
  delegatedScope?: string;
  /** The clock of all the services, against that of the machine, whenever this app is asked for: seconds. */
  clockOffsetSeconds?: number;
  /** So many tokens come without `roles`, as those do that were asked for before the consent was given. */
  rolesAfterTokens?: number;
}

/**
 * What an app trusts in the place of a secret: the assertions of an outside issuer.
 * M365 (doc): issuer, subject and audience are compared letter by letter, case included, and nothing is checked when the record is made.
 */
export interface FederatedRecord {
  readonly id?: string;
  readonly name?: string;
  readonly issuer: string;
  /** Ends in a star where the record holds an expression; the sandbox knows no other. */
  readonly subject: string;
  readonly audience: string;
}

/** What an app registration says of itself; of no meaning for a login. */
export interface Registration {
  displayName: string;
  /** The alternate key; null until it is given, and then for ever. */
  uniqueName: string | null;
  signInAudience: string;
  requiredResourceAccess: unknown[];
  tags: string[];
  notes: string | null;
  readonly created: Date;
}

export interface App {
  readonly clientId: string;
  /** Object id of the app registration: the wrong one to give to Exchange. */
  readonly objectId: string;
  readonly name: string;
  readonly registration: Registration;
  readonly secrets: AppSecret[];
  readonly certificates: Identity['certificate'][];
  readonly federated: FederatedRecord[];
  /** Undefined: no Enterprise application in this tenant. */
  principal: Principal | undefined;
  publicClient: boolean;
  tokenLifetimeSeconds: number;
  readonly quirks: AppQuirks;
  tokenRequests: number;
}

/** The Enterprise application: what Exchange and the token's `oid` mean. */
export interface Principal {
  readonly oid: string;
  enabled: boolean;
  /** App roles consented on the Exchange resource. */
  roles: string[];
  /** The same on Microsoft Graph, which no mail server looks at. */
  graphRoles?: string[];
}
