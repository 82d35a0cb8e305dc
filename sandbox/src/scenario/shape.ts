/**
 * The shape of a scenario, and the names that never change: tenant, domain, mailboxes, client ids.
 *
 * The hard thing is honesty: `doc` stands for Microsoft's own pages or an RFC, `recorded` for traces and reports of the real service,
 * `assumed` for our own filling of a gap.
 */

import type { AppQuirks, FederatedRecord, MailboxQuirks, PointerState } from '../tenant.ts';

export type Grade = 'doc' | 'recorded' | 'assumed';

export interface Described {
  readonly name: string;
  /** One sentence: what a client meets. */
  readonly does: string;
  readonly grade: Grade;
  readonly source: string;
}

/** Reached by logging in to `<name>@<domain>`. */
export interface MailboxScenario extends Described {
  readonly reach: 'mailbox';
  readonly quirks?: MailboxQuirks;
  readonly imapEnabled?: boolean;
  readonly popEnabled?: boolean;
  readonly smtpClientAuthenticationDisabled?: boolean | null;
  readonly isInSendScope?: boolean;
  readonly granted?: boolean;
  readonly language?: 'en' | 'de';
  /** Synthetic messages in INBOX at start; 12 if it does not say. */
  readonly messages?: number;
}

/** Reached by using the app's client id. The usual secret fits unless it says otherwise. */
export interface AppScenario extends Described {
  readonly reach: 'app';
  /** The last digits of the client id; never given to another app. */
  readonly number: number;
  readonly secret?: 'usual' | 'ending' | 'expired' | 'none';
  readonly certificate?: 'good' | 'expired';
  readonly roles?: readonly string[];
  /** App roles that were consented to on Microsoft Graph. */
  readonly graphRoles?: readonly string[];
  /** The service principal is an owner of its own registration. */
  readonly ownsItself?: boolean;
  readonly enabled?: boolean;
  readonly withoutPrincipal?: boolean;
  readonly publicClient?: boolean;
  readonly tokenLifetimeSeconds?: number;
  readonly pointer?: PointerState;
  /** Has the role `Application SMTP.SendAsApp` by an assignment in Exchange. */
  readonly assignedToSend?: boolean;
  /** The credential that the written configuration uses; the secret if it does not say. */
  readonly uses?: 'certificate' | 'expired-certificate' | 'unregistered-certificate' | 'assertion' | 'managed-identity';
  /** The federated credentials of the app. */
  readonly federated?: readonly FederatedRecord[];
  /** How the written assertion differs from the good one. */
  readonly assertion?: AssertionWish;
  /** The managed identity that the written configuration names; the good one if it does not say. */
  readonly identity?: IdentityName;
  readonly quirks?: AppQuirks;
}

/** An assertion of the outside issuer, where it is not the good one. */
export interface AssertionWish {
  readonly issuer?: string;
  readonly subject?: string;
  readonly audience?: string;
  /** Seconds from now to `exp`. */
  readonly livesSeconds?: number;
  /** Makes it a token of a signed-in user. */
  readonly scope?: string;
  /** Signed with a key that the issuer does not publish. */
  readonly foreignSignature?: boolean;
}

/** `absent`: nothing listens where the configuration points to. */
export type IdentityName = 'good' | 'unknown' | 'throttled' | 'unusable' | 'absent';

/** Reached by something that the client says: no state stands behind it. */
export interface SaidScenario extends Described {
  readonly reach: 'said';
  readonly how: string;
  /** What the written configuration says to meet it, where a configuration can. */
  readonly says?: {
    readonly tenantId?: string;
    readonly clientId?: string;
    /** The value itself, or `id` for the id of the good secret. */
    readonly clientSecret?: string;
    readonly scope?: string;
    readonly mailbox?: string;
  };
}

/** Reached by connecting to other hosts and ports, which `--scenario` writes and `places` of the JSON names. */
export interface PlaceScenario extends Described {
  readonly reach: 'place';
  /** What is served in another way: all of mail, or the token endpoint. */
  readonly concerns: 'mail' | 'authority';
  readonly by:
    | 'other-authority'
    | 'other-name'
    | 'expired-server-certificate'
    | 'plain-banner'
    | 'silence'
    | 'no-such-host'
    | 'closed-port';
}

export type Scenario = MailboxScenario | AppScenario | SaidScenario | PlaceScenario;

export const tenantId = '5a000000-7e4a-4000-8000-000000000000';
export const domain = 'contoso.test';
export const seededMailbox = `telemessage@${domain}`;
export const bulkMailbox = `bulk@${domain}`;

/** The client id of the app with this number. */
export function clientIdOf(number: number): string {
  return `5a000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export const healthyClientId = clientIdOf(1);

export const refusedFacts = "Microsoft's page on OAuth for IMAP, POP and SMTP; CiviCRM dev/core issue 3601";
export const notConnectedFacts = 'email-oauth2-proxy issues 74 and 275; MailKit issues 1494 and 1496';
export const claimsFacts = "Microsoft's page on access token claims";
export const tokenFacts = "Microsoft's table of AADSTS codes";
export const graphFacts = "Microsoft's pages on reading an application with Graph and on its permissions";
