/**
 * How long credentials still live, and when to say so: 60, 30, 14, 7 and 1 days ahead, once each, and when it is over.
 *
 * Dates come from where they are sure: a certificate bears its own; of a client secret the configuration says `expires:`, because the
 * value does not show it. Whoever may ask the tenant implements {@link CredentialExpiry} and hands it in.
 */
import { X509Certificate } from 'node:crypto';
import type { Config, TenantConfig } from '../../config/config.ts';
import { Fault } from '../../fault/fault.ts';

export interface Expiry {
  readonly tenant: string;
  readonly what: 'client secret' | 'certificate';
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** By the machine's clock, with fractions; negative once it is over. */
  readonly daysLeft: number;
}

/**
 * Asks the tenant when the credentials of an app end: the one in use where that can be told, else the last of them.
 * @returns undefined where it may not be asked or knows none
 * @throws Fault of the question; the dates of the configuration are used then
 */
export type CredentialExpiry = (
  tenant: TenantConfig,
  signal: AbortSignal,
) => Promise<{ readonly what: Expiry['what']; readonly expires: Date } | undefined>;

/** Days ahead at which it is told. */
export const expirySteps = [60, 30, 14, 7, 1, 0] as const;
/** From 30 days ahead it is the state of the source, if nothing worse is. */
export const stepOfState = 2;

const dayMs = 86_400_000;

/** How many of the steps are behind: 0 = not near, 6 = expired. Grows only. */
export function expiryStep(daysLeft: number): number {
  return expirySteps.filter((days) => daysLeft <= days).length;
}

/** What the configuration itself says. @returns by tenant; one whose end is not known has none */
export function configuredExpiries(config: Pick<Config, 'tenants'>, now: number): ReadonlyMap<string, Expiry> {
  const found = new Map<string, Expiry>();
  for (const tenant of config.tenants.values()) {
    const { credential } = tenant;
    if (credential.kind === 'secret' && credential.expires !== undefined) {
      found.set(tenant.name, expiryOf(tenant.name, 'client secret', credential.expires, now));
    }
    if (credential.kind === 'certificate') {
      found.set(tenant.name, expiryOf(tenant.name, 'certificate', notAfter(credential.certificate), now));
    }
  }
  return found;
}

export function expiryOf(tenant: string, what: Expiry['what'], expires: Date, now: number): Expiry {
  return { tenant, what, expires: expires.getTime(), daysLeft: (expires.getTime() - now) / dayMs };
}

/** RFC 5280 §4.1.2.5. The configuration has read the certificate when it was loaded. */
function notAfter(pem: string): Date {
  return new X509Certificate(pem).validToDate;
}

export function expiryFault({ tenant, what, expires, daysLeft }: Expiry): Fault {
  const evidence = { tenant, what, expires: new Date(expires).toISOString(), daysLeft: Math.floor(daysLeft) };
  return new Fault(daysLeft <= 0 ? 'watch.credential-expired' : 'watch.credential-expiring', evidence);
}
