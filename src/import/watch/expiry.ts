/**
 * How long credentials still live, and when to say so: 60, 30, 14, 7 and 1 days ahead, once each, and when it is over.
 *
 * Dates come from where they are sure: a certificate bears its own; of a client secret Graph knows it where the app may ask there
 * (`credential-ends.ts`), else the setup that made it or `expires:` of the configuration, because the value does not show it.
 */
import { X509Certificate } from 'node:crypto';
import type { OwnEnd } from '../../admin/graph/own-credential.ts';
import type { Config, TenantConfig } from '../../config/config.ts';
import { Fault } from '../../fault/fault.ts';

/** Where the date is from: the certificate itself, `expires:` of the configuration, the notes of `setup`, Graph. */
export type ExpiryOrigin = 'certificate' | 'configuration' | 'setup' | 'graph';

export interface Expiry {
  readonly tenant: string;
  readonly what: 'client secret' | 'certificate';
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** By the machine's clock, with fractions; negative once it is over. */
  readonly daysLeft: number;
  readonly origin: ExpiryOrigin;
}

/** A credential whose end is not known, and why. */
export type UnknownEnd = Omit<Extract<OwnEnd, { kind: 'unknown' }>, 'kind'> & { readonly tenant: string };

/** What is known of the ends of credentials, by tenant: each is in one of the two. */
export interface CredentialView {
  readonly expiries: ReadonlyMap<string, Expiry>;
  readonly unknown: ReadonlyMap<string, UnknownEnd>;
}

/** Asks the tenant when the credential that is in use ends. @throws the signal's reason; a bug of ours */
export type CredentialExpiry = (tenant: TenantConfig, signal: AbortSignal) => Promise<OwnEnd>;

/** Days ahead at which it is told. */
export const expirySteps = [60, 30, 14, 7, 1, 0] as const;
/** From 30 days ahead it is the state of the source, if nothing worse is. */
export const stepOfState = 2;

/** From 7 days ahead. */
export function isUrgent(step: number): boolean {
  return step >= 4;
}

export const dayMs = 86_400_000;

/** How many of the steps are behind: 0 = not near, 6 = expired. Grows only. */
export function expiryStep(daysLeft: number): number {
  return expirySteps.filter((days) => daysLeft <= days).length;
}

/** What the configuration itself says. @returns by tenant; one whose end is not known has none */
export function configuredExpiries(config: Pick<Config, 'tenants'>, now: number): ReadonlyMap<string, Expiry> {
  const found = new Map<string, Expiry>();
  for (const tenant of config.tenants.values()) {
    const expiry = configuredExpiry(tenant, now);
    if (expiry !== undefined) found.set(tenant.name, expiry);
  }
  return found;
}

export function configuredExpiry({ name, credential }: Pick<TenantConfig, 'name' | 'credential'>, now: number): Expiry | undefined {
  if (credential.kind === 'secret' && credential.expires !== undefined) {
    return expiryOf(name, { what: 'client secret', ends: credential.expires, origin: credential.expiresFrom ?? 'configuration' }, now);
  }
  if (credential.kind !== 'certificate') return undefined;
  return expiryOf(name, { what: 'certificate', ends: notAfter(credential.certificate), origin: 'certificate' }, now);
}

export function expiryOf(
  tenant: string,
  { what, ends, origin }: Pick<Expiry, 'what' | 'origin'> & { readonly ends: Date },
  now: number,
): Expiry {
  return { tenant, what, expires: ends.getTime(), daysLeft: (ends.getTime() - now) / dayMs, origin };
}

/** RFC 5280 §4.1.2.5. The configuration has read the certificate when it was loaded. */
function notAfter(pem: string): Date {
  return new X509Certificate(pem).validToDate;
}

export function expiryFault({ tenant, what, expires, daysLeft, origin }: Expiry): Fault {
  const evidence = { tenant, what, expires: new Date(expires).toISOString(), daysLeft: Math.floor(daysLeft), origin };
  return new Fault(daysLeft <= 0 ? 'watch.credential-expired' : 'watch.credential-expiring', evidence);
}
