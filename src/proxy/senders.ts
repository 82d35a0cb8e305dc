/**
 * As whom a mailbox may send: its own address, and those that the configuration allows it (`proxy.sendAs`). Pure.
 *
 * The hard thing is the From field: a message may hold two of them, or several addresses in one, with names, comments and quotes that
 * look like addresses. Every address that a reader could take for the sender has to be allowed; what cannot be read is not.
 */
import { covers } from './address-pattern.ts';

export type SenderRule = (address: string) => boolean;

export function senderRule(
  mailbox: string,
  sendAs: readonly { readonly mailbox: string; readonly senders: readonly string[] }[],
): SenderRule {
  const own = mailbox.toLowerCase();
  const patterns = sendAs.filter((one) => covers([one.mailbox], own)).flatMap(({ senders }) => senders);
  return (address) => {
    const given = address.toLowerCase();
    return given === own || covers(patterns, given);
  };
}

/**
 * The addresses of all From fields of a message's header.
 * @param header from the first byte on, as far as it is there; one character a byte
 * @returns undefined where a From field holds something that is no address
 */
export function fromAddresses(header: string): readonly string[] | undefined {
  const end = /\r?\n\r?\n/.exec(header)?.index ?? header.length;
  const fields = header
    .slice(0, end)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .flatMap((line) => /^from[ \t]*:(.*)$/i.exec(line)?.[1] ?? []);
  const found: string[] = [];
  for (const field of fields) {
    const addresses = addressesOf(field);
    if (addresses === undefined) return undefined;
    found.push(...addresses);
  }
  return found;
}

/** Longer fields are not read: the time of reading one grows with the square of its length. */
const longestField = 4 * 1024;

/** RFC 5322 §3.4, after quotes and comments have gone: what stands in angle brackets, or alone between commas. */
function addressesOf(field: string): readonly string[] | undefined {
  if (field.length > longestField) return undefined;
  const plain = withoutComments(field.replace(/"(?:\\.|[^"\\])*"(?!@)/g, ' '));
  if (plain === undefined || plain.includes('"')) return undefined;
  const found: string[] = [];
  // A group is a name, a colon, and its members up to a semicolon.
  for (const part of plain.split(/[,;]|:(?![^<]*>)/)) {
    const inBrackets = [...part.matchAll(/<([^<>]*)>/g)].map((match) => match[1]?.trim() ?? '');
    const alone = part.trim();
    const given = inBrackets.length > 0 ? inBrackets : alone.includes('@') ? [alone] : [];
    for (const address of given) {
      if (!/^[^\s@<>]+@[^\s@<>]+$/.test(address)) return undefined;
      found.push(address);
    }
    if (inBrackets.length === 0 && /[<>]/.test(part)) return undefined;
  }
  return found;
}

/** Comments nest. Undefined where one does not end. */
function withoutComments(text: string): string | undefined {
  let [depth, out] = [0, ''];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '\\') at += 1;
    else if (sign === '(') depth += 1;
    else if (sign === ')' && depth > 0) depth -= 1;
    else if (depth === 0) out += sign;
  }
  return depth === 0 ? out : undefined;
}
