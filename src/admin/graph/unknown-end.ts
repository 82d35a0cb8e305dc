/** Why it is not known when a credential ends, in words: light enough for whoever only shows it. */

/**
 * `not-asked`: yet. `no-end`: an assertion or a managed identity, which others renew. `not-allowed`, `not-found`: as Graph answers. `not-listed`: the app has
 * no credential that begins as the configured one does. `failed`: see the fault.
 */
export const unknowns = ['not-asked', 'no-end', 'no-graph', 'not-allowed', 'not-found', 'not-listed', 'failed'] as const;
export type Unknown = (typeof unknowns)[number];

/** For a person, behind "not known:". @param code of the fault, where it failed */
export function whyUnknown(because: Unknown, code?: string): string {
  const words: Readonly<Record<Unknown, string>> = {
    'not-asked': 'Graph is asked soon',
    'no-end': 'it has no end of its own',
    'no-graph': 'the cloud of this tenant has no key `graph`',
    'not-allowed': 'the app may not read its own registration in Graph (Application.Read.All), and need not',
    'not-found': 'the app is registered in another tenant',
    'not-listed': 'Graph lists no credential of this app that begins as the configured one does',
    failed: `Graph could not be asked${code === undefined ? '' : ` (${code})`}`,
  };
  return words[because];
}
