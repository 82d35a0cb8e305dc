/**
 * Links of a mail: they lead nowhere in the view, and are listed with where they would lead.
 *
 * The hard thing is the one whose text is an address of its own, of somewhere else than where it leads: that is how people are deceived.
 */

export interface Link {
  readonly text: string;
  readonly href: string;
  readonly mismatch: boolean;
}

const shownChars = 2_000;
const textChars = 300;

/** @param text of the element, with whatever stands between its tags */
export function linkOf(text: string, href: string): Link {
  const said = text.replace(/\s+/g, ' ').trim().slice(0, textChars).toWellFormed();
  const target = plainTarget(href);
  return { text: said, href: target.slice(0, shownChars).toWellFormed(), mismatch: isMismatch(said, target) };
}

/** Browsers leave tabs and line ends within an address out, and control characters before it. */
export function plainTarget(href: string): string {
  return href.replace(/[\t\n\r]/g, '').replace(/^[\x00-\x20]+|[\x00-\x20]+$/g, '');
}

/** Whether following it would run something or show a document that the mail brought with it. */
export function isActive(target: string): boolean {
  return /^(?:javascript|vbscript|data|blob|file|filesystem|view-source|jar|mhtml|x-javascript|livescript|mocha):/i.test(
    target.replace(/[\s\x00-\x20]+/g, ''),
  );
}

function isMismatch(text: string, target: string): boolean {
  if (/^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$/.test(text)) {
    const [, address = ''] = /^mailto:([^?]*)/i.exec(target) ?? [];
    return decoded(address).toLowerCase() !== text.toLowerCase();
  }
  const claimed = claimedHost(text);
  if (claimed === undefined) return false;
  const host = hostOf(target);
  return host === undefined || !(host === claimed || host.endsWith(`.${claimed}`));
}

/** The host that a text names, if it is an address and nothing else. */
function claimedHost(text: string): string | undefined {
  if (!/^(?:[a-z][a-z0-9+.-]*:\/\/\S+|(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}(?:[/:?#]\S*)?)$/iu.test(text)) return undefined;
  return hostOf(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
}

function hostOf(address: string): string | undefined {
  const host = URL.parse(address.startsWith('//') ? `https:${address}` : address)?.hostname;
  return host === undefined || host === ''
    ? undefined
    : host
        .toLowerCase()
        .replace(/^www\./, '')
        .replace(/\.$/, '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
