/**
 * When the credentials of an app end, asked by a token that may read apps.
 *
 * The hard thing is that hardly any mail app has that right (Application.Read.All), and should not be given it for this: without it nothing
 * is asked and nothing is said.
 */
import { isFault } from '../../fault/fault.ts';
import type { AdminTokens } from '../token.ts';
import { getApplication } from './applications.ts';
import type { GraphClient } from './client.ts';

export interface CredentialEnd {
  readonly what: 'client secret' | 'certificate';
  readonly keyId: string;
  readonly ends: Date;
}

/** M365 (doc): permissions of an app that let it read app registrations. */
const readers: readonly string[] = [
  'Application.Read.All',
  'Application.ReadWrite.All',
  'Application.ReadWrite.OwnedBy',
  'Directory.Read.All',
];

/**
 * @param clientId the app whose credentials are meant
 * @returns all of them, the one that lives longest first; undefined where the token may not read them, or there is no such app
 * @throws Fault graph.*, token.*, network.*
 */
export async function credentialEnds(
  graph: GraphClient,
  tokens: AdminTokens,
  clientId: string,
  signal: AbortSignal,
): Promise<readonly CredentialEnd[] | undefined> {
  const { claims } = await tokens.token('graph', signal);
  if (!claims.permissions.some((one) => readers.includes(one))) return undefined;
  try {
    const app = await getApplication(graph, { by: 'appId', value: clientId });
    if (app === undefined) return undefined;
    const listed = [
      ...app.passwordCredentials.map((one) => ({ what: 'client secret' as const, ...one })),
      ...app.keyCredentials.map((one) => ({ what: 'certificate' as const, ...one })),
    ];
    return listed
      .flatMap(({ what, keyId, endDateTime }) => (endDateTime ? [{ what, keyId, ends: new Date(endDateTime) }] : []))
      .toSorted((one, other) => other.ends.getTime() - one.ends.getTime());
  } catch (error) {
    if (isFault(error, 'graph.not-allowed')) return undefined;
    throw error;
  }
}
