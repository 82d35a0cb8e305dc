/**
 * As whom a mailbox may send: its own address, and those that the configuration allows it (`proxy.sendAs`). Pure.
 *
 * The hard thing is the header: a message may hold two From fields, or several addresses in one, with names, comments and quotes that look
 * like addresses; and beside From stand Sender and the Resent fields, which a mail program shows as who has sent it ("A on behalf of B").
 * Every address that a reader could take for the sender has to be allowed; what cannot be read is not.
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

/** What stands in a header and may not: the field, and the address where it could be read. */
export interface DeniedSender {
  readonly field: 'From' | 'Sender' | 'Resent-From' | 'Resent-Sender';
  readonly address: string | undefined;
}

const fieldNames = { from: 'From', sender: 'Sender', 'resent-from': 'Resent-From', 'resent-sender': 'Resent-Sender' } as const;

/**
 * The first sender in a message's header that the rule does not allow. RFC 5322 §3.6.2: From is the author, Sender who transmits it; neither
 * excuses the other. M365 (assumed): what Exchange makes of a foreign Sender is not documented, but Outlook shows it as the sender.
 * Of the Resent fields (§3.6.6) the first ones are of who sends it now; further ones are history, and anybody's.
 * @param header from the first byte on, as far as it is there; one character a byte
 */
export function deniedSender(header: string, may: SenderRule): DeniedSender | undefined {
  const end = /\r?\n\r?\n/.exec(header)?.index ?? header.length;
  const lines = header
    .slice(0, end)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/);
  const seen = new Set<string>();
  for (const line of lines) {
    const [, name = '', value = ''] = /^((?:resent-)?(?:from|sender))[ \t]*:(.*)$/i.exec(line) ?? [];
    const key = name.toLowerCase();
    if (!isFieldName(key) || (seen.has(key) && key.startsWith('resent-'))) continue;
    seen.add(key);
    const addresses = addressesOf(value)?.map((address) => Buffer.from(address, 'latin1').toString('utf8'));
    const denied = addresses?.find((address) => !may(address));
    if (addresses === undefined || denied !== undefined) return { field: fieldNames[key], address: denied };
  }
  return undefined;
}

function isFieldName(text: string): text is keyof typeof fieldNames {
  return Object.hasOwn(fieldNames, text);
}

/** No program writes a longer one. */
const longestField = 4 * 1024;

/**
 * RFC 5322 §3.4: what stands in angle brackets, or alone between commas. Quotes and comments are stepped over in one pass, for each of them
 * may hold the signs of the other.
 */
function addressesOf(field: string): readonly string[] | undefined {
  if (field.length > longestField) return undefined;
  const found: string[] = [];
  let [phrase, bracket]: [string, string | undefined] = ['', undefined];
  let hadBracket = false;
  // A group is a name, a colon, and its members up to a semicolon.
  const endPart = (): boolean => {
    const words = wordsOf(phrase);
    const addresses = words.filter((word) => word.includes('@') && !word.startsWith('=?'));
    const isFair = hadBracket || addresses.length === 0 || words.length === 1;
    [phrase, hadBracket] = ['', false];
    found.push(...addresses);
    return isFair;
  };
  for (let at = 0; at < field.length; at += 1) {
    const sign = field[at] ?? '';
    if (sign === '\\') return undefined;
    if (sign === '"' || sign === '(') {
      const end = sign === '"' ? endOfQuote(field, at) : endOfComment(field, at);
      // A quoted name before the @ is an address that we do not take apart.
      if (end === undefined || (sign === '"' && (bracket !== undefined || /^[ \t]*@/.test(field.slice(end + 1, end + 80)))))
        return undefined;
      at = end;
      if (bracket === undefined) phrase += ' ';
      else bracket += ' ';
    } else if (bracket !== undefined) {
      if (sign === '<') return undefined;
      if (sign === '>') {
        const words = wordsOf(bracket);
        if (words.length !== 1) return undefined;
        found.push(...words);
        [bracket, hadBracket] = [undefined, true];
      } else bracket += sign;
    } else if (sign === '<') bracket = '';
    else if (sign === '>') return undefined;
    else if (sign === ',' || sign === ';' || sign === ':') {
      if (!endPart()) return undefined;
    } else phrase += sign;
  }
  if (bracket !== undefined || !endPart()) return undefined;
  return found.every((address) => /^[^\0- @<>\x7f]+@[^\0- @<>\x7f]+$/.test(address)) ? found : undefined;
}

function wordsOf(text: string): readonly string[] {
  return text.split(/[ \t]+/).filter((word) => word !== '');
}

/** Undefined where it does not end. */
function endOfQuote(text: string, from: number): number | undefined {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return undefined;
}

/** Comments nest. Undefined where one does not end. */
function endOfComment(text: string, from: number): number | undefined {
  for (let [at, depth] = [from, 0]; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '(') depth += 1;
    else if (text[at] === ')') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return undefined;
}
