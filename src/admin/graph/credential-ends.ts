/**
 * When the credentials of an app end, asked by a token that may read apps, and which of them is the one in use.
 *
 * The hard thing is that hardly any mail app has that right (Application.Read.All), and need not be given it for this: without it nothing
 * is asked, and that it is not known is an answer like any other, with its reason.
 */
import { isFault } from '../../fault/fault.ts';
import type { AdminTokens } from '../token.ts';
import { type GraphClient, key } from './client.ts';
import { readApplication } from './shapes.ts';

export interface CredentialEnd {
  readonly what: 'client secret' | 'certificate';
  readonly keyId: string;
  readonly ends: Date;
  /** What it is known by: the first characters of a secret, the thumbprint of a certificate (SHA-1, hex in capitals). */
  readonly mark: string | undefined;
}

/** `not-allowed`: the token may not read it. `not-found`: this tenant has no such registration; it is another tenant's. */
export type CredentialEnds =
  | { readonly kind: 'listed'; readonly ends: readonly CredentialEnd[] }
  | { readonly kind: 'not-allowed' | 'not-found' };

/** M365 (doc): permissions of an app that let it read app registrations; the last one those that it owns. */
const readers: readonly string[] = [
  'Application.Read.All',
  'Application.ReadWrite.All',
  'Directory.Read.All',
  'Directory.ReadWrite.All',
  'Application.ReadWrite.OwnedBy',
];

/**
 * @param clientId the app whose credentials are meant
 * @returns all of them, the one that lives longest first
 * @throws Fault graph.*, signin.*, token.*, network.*
 */
export async function credentialEnds(
  graph: GraphClient,
  tokens: AdminTokens,
  clientId: string,
  signal: AbortSignal,
): Promise<CredentialEnds> {
  const { claims } = await tokens.token('graph', signal);
  // A question that is refused would stand in the tenant's logs day by day.
  if (!claims.permissions.some((one) => readers.includes(one))) return { kind: 'not-allowed' };
  try {
    const found = await graph.get(`${key('applications', 'appId', clientId)}?$select=id,appId,passwordCredentials,keyCredentials`);
    if (found === undefined) return { kind: 'not-found' };
    const { passwordCredentials, keyCredentials } = readApplication(found);
    const listed = [
      ...passwordCredentials.map(({ hint, ...one }) => ({ what: 'client secret' as const, mark: hint ?? undefined, ...one })),
      ...keyCredentials.map((one) => ({ what: 'certificate' as const, mark: thumbprint(one.customKeyIdentifier ?? ''), ...one })),
    ];
    const ends = listed
      .flatMap(({ what, keyId, mark, endDateTime }) => {
        const at = new Date(endDateTime ?? '');
        return Number.isNaN(at.getTime()) ? [] : [{ what, keyId, mark, ends: at }];
      })
      .toSorted((one, other) => other.ends.getTime() - one.ends.getTime());
    return { kind: 'listed', ends };
  } catch (error) {
    // M365 (doc): OwnedBy without being an owner, or a right that was taken back since the token was made.
    if (isFault(error, 'graph.not-allowed')) return { kind: 'not-allowed' };
    throw error;
  }
}

/**
 * The thumbprint as hex in capitals. M365 (doc): the identifier is the thumbprint unless whoever uploaded the certificate gave another;
 * M365 (recorded): it comes as hex, and from older registrations as base64 of the bytes, or of the hex.
 */
function thumbprint(identifier: string): string | undefined {
  if (/^[0-9a-f]{40}$/i.test(identifier)) return identifier.toUpperCase();
  const bytes = Buffer.from(identifier, 'base64');
  if (bytes.length === 20) return bytes.toString('hex').toUpperCase();
  const text = bytes.toString('latin1');
  return /^[0-9a-f]{40}$/i.test(text) ? text.toUpperCase() : undefined;
}

/**
 * Which of the credentials is the one in use. Of several that bear its mark the one that ends first and has not ended: it works, and a
 * warning comes rather too early than too late.
 * @returns undefined where none of them can be it, or that cannot be told
 */
export function endOf(
  listed: readonly CredentialEnd[],
  { what, mark }: Pick<CredentialEnd, 'what' | 'mark'>,
  nowMs: number,
): CredentialEnd | undefined {
  const alike = listed.filter((one) => one.what === what);
  const [only, another] = alike;
  // One without a mark can be it only where there is no other.
  const own = alike.filter((one) => one.mark !== undefined && one.mark === mark);
  if (own.length === 0) return another === undefined && only?.mark === undefined ? only : undefined;
  return own.findLast(({ ends }) => ends.getTime() > nowMs) ?? own[0];
}
