/**
 * Commands of the catalogue name what they are about by a word in capitals: `postern import retry SOURCE`. Where the page knows it, it is
 * filled in before anybody copies it; and where the console has a page for the fix, that page is named.
 *
 * The hard thing is that some of it was said by a server: only what cannot mean anything else to a shell is filled in.
 */
import type { ApiFault } from '../../../src/service/api.ts';

/** By the words of the catalogue: MAILBOX, SOURCE, OBJECT-ID, ID … */
export type Known = Readonly<Record<string, string | null | undefined>>;

const harmless = /^[A-Za-z0-9][A-Za-z0-9@._+-]*$/;

export function fillIn(text: string, known: Known): string {
  return text.replaceAll(/(?<![\w-])[A-Z]+(?:-[A-Z]+)*(?![\w-])/g, (word) => {
    const value = Object.hasOwn(known, word) ? known[word] : undefined;
    return value != null && harmless.test(value) ? value : word;
  });
}

/** What the evidence itself knows. */
export function knownOf(evidence: ApiFault['evidence']): Known {
  const text = (name: string) => (evidence[name] === undefined ? undefined : String(evidence[name]));
  return {
    MAILBOX: text('mailbox') ?? text('user'),
    SOURCE: text('source'),
    HOST: text('host'),
    PORT: text('port'),
    'OBJECT-ID': text('oid'),
    TENANT: text('tenantId'),
  };
}

/** Where in the console the fix is made; who sits here may have no shell. `act`: for who may operate. */
export function pageOf(code: string, known: Known): { readonly to: string; readonly words: string; readonly act?: boolean } | undefined {
  const source = known['SOURCE'];
  switch (code) {
    case 'watch.quarantined':
      return { to: '/quarantine', words: 'To the quarantine' };
    case 'watch.gaps-open':
    case 'import.incomplete':
      return { to: '/reconciliation', words: 'To the gaps' };
    case 'watch.credential-expiring':
    case 'watch.credential-expired':
      return { to: '/access', words: 'To the credential' };
    default:
      if (/^(?:token|imap|pop|tls|net|socket|import)\./.test(code) && source != null) {
        return { to: `/sources/${encodeURIComponent(source)}?test`, words: 'Test the source', act: true };
      }
      return undefined;
  }
}
