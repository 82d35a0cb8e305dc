/**
 * What of a talk with an application may be written down. Pure, but for what it remembers of one talk.
 *
 * The hard thing is that a secret may stand anywhere: in the wrong command, behind a question that nobody asked, in an answer that quotes it.
 * So nothing is looked for and struck out; what is known to be harmless is written down, of everything else its length and shape, and
 * what was left out once is left out of all answers, too. Lengths are told: a password field that cuts off at sixteen signs is found by them.
 */
import { fromBase64 } from '../talk.ts';

export type TalkProtocol = 'imap' | 'pop3' | 'smtp';

const verbs: Readonly<Record<TalkProtocol, ReadonlySet<string>>> = {
  imap: new Set([
    'CAPABILITY',
    'NOOP',
    'ID',
    'LOGOUT',
    'STARTTLS',
    'LOGIN',
    'AUTHENTICATE',
    'SELECT',
    'EXAMINE',
    'LIST',
    'NAMESPACE',
    'ENABLE',
  ]),
  pop3: new Set(['CAPA', 'NOOP', 'QUIT', 'STLS', 'USER', 'PASS', 'AUTH', 'APOP', 'STAT', 'LIST', 'UIDL', 'RETR']),
  smtp: new Set(['EHLO', 'HELO', 'NOOP', 'RSET', 'QUIT', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'BDAT', 'VRFY', 'EXPN', 'HELP']),
};
const mechanisms =
  /^(?:PLAIN|LOGIN|XOAUTH2?|OAUTHBEARER|CRAM-MD5|DIGEST-MD5|NTLM|GSSAPI|EXTERNAL|ANONYMOUS|SCRAM-SHA-(?:1|256|512)(?:-PLUS)?)$/i;
/** Letters and a number, as mail programs make them. */
const usualTag = /^(?:[A-Za-z]{1,2}|[A-Za-z]{0,4}[\d.]{1,8})$/;
const hostName = /^[A-Za-z0-9.:_[\]-]{1,255}$/;
const path = /^(?:FROM|TO): *<[\x21-\x3b\x3d\x3f-\x7e]{0,320}>(?: (?:SIZE=\d{1,15}|BODY=(?:7BIT|8BITMIME)|SMTPUTF8))*$/i;
/** In lower case. */
const protocolWords: ReadonlySet<string> = new Set(
  [...verbs.imap, ...verbs.pop3, ...verbs.smtp, 'PLAIN', 'XOAUTH2', 'BEARER', 'FROM'].map((word) => word.toLowerCase()),
);
/** Shorter pieces are no secrets, and would be found in every answer. */
const shortestHidden = 3;
const mostHidden = 400;
const longestLine = 500;

export class Speakable {
  readonly #protocol: TalkProtocol;
  /** What was left out, in lower case. */
  readonly #hidden = new Set<string>();
  #pattern: RegExp | undefined;
  /** The last thing that was said is a question of a login: what comes next is its answer, whatever it looks like. */
  #asked = false;
  /** What comes next is the rest of a command in the middle of which a literal stood. */
  #inCommand = false;

  constructor(protocol: TalkProtocol) {
    this.#protocol = protocol;
  }

  /** A line of the application; one character a byte. */
  heard(line: string): string {
    const [asked, inCommand] = [this.#asked, this.#inCommand];
    [this.#asked, this.#inCommand] = [false, false];
    if (asked) return line === '*' ? line : this.#shape(line);
    if (inCommand) return this.#left(line);
    const form = this.#protocol === 'imap' ? /^(\S{1,64}) ([A-Za-z]{1,12})(?: (.*))?$/s : /^()([A-Za-z]{1,12})(?: ?(.*))?$/s;
    const [, tag = '', word = '', rest = ''] = form.exec(line) ?? [];
    const verb = word.toUpperCase();
    if (!verbs[this.#protocol].has(verb)) return this.#left(line);
    const before = tag === '' ? verb : `${usualTag.test(tag) ? tag : this.#left(tag)} ${verb}`;
    return rest === '' ? before : `${before} ${this.#rest(verb, rest)}`;
  }

  /** A literal of IMAP. */
  literal(bytes: Uint8Array): string {
    [this.#asked, this.#inCommand] = [false, true];
    return this.#left(Buffer.from(bytes).toString('latin1'), 'literal, ');
  }

  /** An answer, with what the application sent left out where it is quoted; for what others say as well. */
  said(text: string): string {
    this.#asked = (this.#protocol === 'smtp' ? /^334/ : /^\+ /).test(text);
    return this.without(text);
  }

  /** Without what was left out before. */
  without(text: string): string {
    let clean = text.replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD');
    if (this.#hidden.size > 0) {
      // The longest first: a piece of it would leave the rest standing.
      const pieces = [...this.#hidden].sort((one, other) => other.length - one.length).map(literally);
      this.#pattern ??= new RegExp(pieces.join('|'), 'gi');
      clean = clean.replace(this.#pattern, '[…]');
    }
    return clean.length > longestLine ? `${clean.slice(0, longestLine)}…` : clean;
  }

  /** Never to be written down, however it comes about. */
  hide(text: string): void {
    this.#pattern = undefined;
    for (const form of formsOf(text)) this.#hidden.add(form);
  }

  /** What may be a secret: no word of the protocol, which stands in every answer. */
  #suspect(text: string): void {
    this.#pattern = undefined;
    for (const form of formsOf(text)) if (this.#hidden.size < mostHidden && !protocolWords.has(form)) this.#hidden.add(form);
  }

  /** The name of a login: it stands in the log as well. */
  show(text: string): void {
    this.#pattern = undefined;
    for (const form of formsOf(text)) this.#hidden.delete(form);
  }

  #rest(verb: string, rest: string): string {
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        return hostName.test(rest) ? rest : this.#left(rest);
      case 'MAIL':
      case 'RCPT':
        return path.test(rest) ? rest : this.#left(rest);
      case 'AUTH':
      case 'AUTHENTICATE': {
        const [mechanism = '', ...more] = rest.split(' ');
        if (!mechanisms.test(mechanism)) return this.#left(rest);
        return [mechanism, ...more.map((word) => this.#shape(word))].join(' ');
      }
      case 'LOGIN': {
        const args = rest.match(/"(?:[^"\\]|\\.)*"|\{\d{1,10}\+?\}$|[^\s"]+/g) ?? [];
        return args.map((arg) => (/^\{\d+\+?\}$/.test(arg) ? arg : this.#left(arg, arg.startsWith('"') ? 'quoted, ' : ''))).join(' ');
      }
      default:
        return this.#left(rest);
    }
  }

  /** What it is in place of what it says. */
  #left(text: string, kind = ''): string {
    this.#suspect(text);
    return `[${kind}${text.length} ${text.length === 1 ? 'byte' : 'bytes'}]`;
  }

  /** The same of an answer of a login, which is base64. */
  #shape(text: string): string {
    const octets = text === '' ? undefined : fromBase64(text);
    if (octets === undefined) return this.#left(text, text === '' ? '' : 'no base64, ');
    const inside = octets.toString('latin1');
    this.#suspect(text);
    if (inside.startsWith('user=')) return `[base64 of ${octets.length} bytes, in the form of XOAUTH2]`;
    const parts = inside.split('\0');
    const lengths = parts.length < 2 ? '' : `, in parts of ${parts.map(({ length }) => length).join(', ')}`;
    return `[base64 of ${octets.length} bytes${lengths}]`;
  }
}

/** As a whole and in pieces, what base64 in it stands for, each as it is and in base64; in lower case. */
function formsOf(text: string): readonly string[] {
  const pieces = piecesOf(text);
  const inside = pieces.flatMap((piece) => piecesOf(fromBase64(piece)?.toString('latin1') ?? ''));
  return [...pieces, ...inside]
    .flatMap((piece) => [piece, Buffer.from(piece, 'latin1').toString('base64').replace(/=+$/, '')])
    .map((form) => form.toLowerCase());
}

function piecesOf(text: string): readonly string[] {
  const pieces = [text, ...text.split(/[\s\0\x01"]+/), ...text.split(/[\s\0\x01"(){}<>=:;,]+/)];
  return pieces.filter((piece) => piece.length >= shortestHidden);
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
