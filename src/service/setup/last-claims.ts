/** What the last token of each tenant said of itself: for people, kept in memory only. Never the token. */
import { type Claims, readClaims } from '../../token/claims.ts';
import type { AccessToken } from '../../token/token.ts';
import type { ServiceParts } from '../parts.ts';

export interface SeenToken {
  readonly claims: Claims;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export class LastClaims {
  readonly #seen = new Map<string, SeenToken>();

  /** A token that cannot be read says nothing. */
  note(tenant: string, { value, expiresAtMs }: Pick<AccessToken, 'value' | 'expiresAtMs'>): void {
    const claims = readClaims(value);
    if (claims !== undefined) this.#seen.set(tenant, { claims, expiresAtMs });
  }

  of(tenant: string): SeenToken | undefined {
    return this.#seen.get(tenant);
  }

  all(): ReadonlyMap<string, SeenToken> {
    return this.#seen;
  }

  /** Its app was changed: what its token said means nothing any more. */
  forget(tenant: string): void {
    this.#seen.delete(tenant);
  }
}

const kept = new WeakMap<ServiceParts, LastClaims>();

/** One for each service. */
export function lastClaims(parts: ServiceParts): LastClaims {
  const known = kept.get(parts) ?? new LastClaims();
  kept.set(parts, known);
  return known;
}
