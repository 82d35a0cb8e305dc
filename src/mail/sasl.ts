/**
 * SASL as every mail protocol needs it: what is sent to log in, and what a server says when it refuses a token.
 *
 * The hard thing: the separators of XOAUTH2 are bytes 0x01 and nothing else may slip in (a blank, a line end): servers answer
 * such a mistake with the same refusal as a bad token.
 */
import type { Evidence } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';

/**
 * The initial response of XOAUTH2 in base64, one line.
 * M365 (doc): `base64("user=" + mailbox + 0x01 + "auth=Bearer " + token + 0x01 + 0x01)`; `user` is the mailbox's address, for shared mailboxes too.
 */
export function xoauth2(user: string, token: Secret): Secret {
  return new Secret(Buffer.from(`user=${user}\x01auth=Bearer ${token.reveal()}\x01\x01`).toString('base64'));
}

/** The initial response of PLAIN in base64, without an authorization identity. RFC 4616 §2. */
export function plain(user: string, password: Secret): Secret {
  return new Secret(Buffer.from(`\0${user}\0${password.reveal()}`).toString('base64'));
}

/** One answer of LOGIN, the old mechanism without a standard: name and password each in base64. */
export function loginAnswer(value: Secret): Secret {
  return new Secret(Buffer.from(value.reveal()).toString('base64'));
}

/** What a server explains in the challenge of a refused token. Exchange sends none; Gmail and Dovecot do. */
export interface Challenge {
  readonly status?: string;
  readonly schemes?: string;
  readonly scope?: string;
}

/** Reads the base64 JSON of a refusal (RFC 7628 §3.2.2 has the same form). Undefined where it is anything else, so an unreadable one is only not shown. */
export function decodeChallenge(base64: string): Challenge | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(json));
  const challenge: { status?: string; schemes?: string; scope?: string } = {};
  for (const key of ['status', 'schemes', 'scope'] as const) {
    const value = fields.get(key);
    if (typeof value === 'string' || typeof value === 'number') challenge[key] = String(value);
  }
  return challenge;
}

/** What the challenge told, as facts for a fault. */
export function challengeEvidence(challenge: Challenge | undefined): Evidence {
  if (challenge === undefined) return {};
  return Object.fromEntries(Object.entries(challenge).map(([key, value]) => [`challenge-${key}`, String(value).slice(0, 200)]));
}
