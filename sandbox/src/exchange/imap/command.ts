/**
 * A command as the client wrote it: tag, name, and arguments as a small tree of atoms, strings and lists.
 *
 * The hard thing is the literal: it stands at the end of a line, the line goes on after its bytes, and the server must ask for it first
 * unless the client said `+`. RFC 3501 §4 and §9, RFC 7888 for LITERAL+.
 */

import type { Incoming } from '../incoming.ts';
import { literalLimitBytes } from '../incoming.ts';

export type Argument =
  | { readonly kind: 'atom'; readonly text: string }
  | { readonly kind: 'string'; readonly bytes: Buffer }
  | { readonly kind: 'list'; readonly items: readonly Argument[] };

export interface Command {
  readonly tag: string;
  /** In capitals; `UID FETCH` is one name. */
  readonly name: string;
  readonly args: readonly Argument[];
}

/** The client's mistake, answered with BAD or NO and nothing else. */
export class Refusal extends Error {
  readonly reply: string;
  constructor(reply: string) {
    super(reply);
    this.reply = reply;
  }
}

/** M365 (recorded): Exchange's words for a syntax it does not know, and for arguments it does not take. */
export const badCommand = () => new Refusal('BAD Command Error. 12');
export const badArgument = (number = 11) => new Refusal(`BAD Command Argument Error. ${number}`);

/** One line of the client's, in pieces: text, literal, text … */
export type Pieces = readonly (string | Buffer)[];

/** Reads a whole command with its literals. `askFor` sends the continuation that lets a waiting client go on. */
export async function readPieces(incoming: Incoming, askFor: () => void): Promise<Pieces> {
  const pieces: (string | Buffer)[] = [];
  for (;;) {
    const line = await incoming.line();
    const literal = /\{(\d{1,12})(\+?)\}$/.exec(line);
    if (!literal) return [...pieces, line];
    const size = Number(literal[1]);
    if (size > literalLimitBytes) {
      // A non-synchronizing literal is already on its way and has to be read past; RFC 7888 §4 lets us close instead.
      throw literal[2] ? new LiteralTooLong() : badArgument(10);
    }
    if (!literal[2]) askFor();
    pieces.push(line.slice(0, literal.index), await incoming.bytes(size));
  }
}

export class LiteralTooLong extends Error {}

/** Parses the pieces. Throws {@link Refusal} without a tag when there is none to answer to. */
export function parseCommand(pieces: Pieces): Command {
  const [first = '', ...rest] = pieces;
  const start = /^([^\s(){%*"\\+]+) +(UID +)?([A-Za-z]+)(?: |$)/i.exec(typeof first === 'string' ? first : '');
  if (!start) throw badCommand();
  const name = `${start[2] ? 'UID ' : ''}${(start[3] ?? '').toUpperCase()}`;
  const reader = new Reader([String(first).slice(start[0].length), ...rest]);
  return { tag: start[1] ?? '*', name, args: reader.all() };
}

/** The tag of a line that could not be parsed, or `*`. */
export function tagOf(pieces: Pieces): string {
  const [first = ''] = pieces;
  return /^([^\s(){%*"\\+]+)(?: |$)/.exec(typeof first === 'string' ? first : '')?.[1] ?? '*';
}

class Reader {
  readonly #pieces: Pieces;
  #piece = 0;
  #at = 0;
  #depth = 0;

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
  }

  all(): Argument[] {
    const items = this.#items();
    if (this.#peek() !== undefined) throw badArgument(12);
    return items;
  }

  /** Next character of the text, the literal itself, or undefined at the end. */
  #peek(): string | Buffer | undefined {
    const piece = this.#pieces[this.#piece];
    if (piece === undefined || typeof piece !== 'string') return piece;
    if (this.#at < piece.length) return piece[this.#at];
    this.#piece += 1;
    this.#at = 0;
    return this.#peek();
  }

  #items(): Argument[] {
    const items: Argument[] = [];
    for (;;) {
      const next = this.#peek();
      if (next === undefined || next === ')') return items;
      if (next === ' ') this.#at += 1;
      else items.push(this.#item(next));
    }
  }

  #item(next: string | Buffer): Argument {
    if (typeof next !== 'string') {
      this.#piece += 1;
      this.#at = 0;
      return { kind: 'string', bytes: next };
    }
    if (next === '(') return this.#list();
    if (next === '"') return this.#quoted();
    return this.#atom();
  }

  #list(): Argument {
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > 20) throw badArgument(12);
    const items = this.#items();
    if (this.#peek() !== ')') throw badArgument(12);
    this.#at += 1;
    this.#depth -= 1;
    return { kind: 'list', items };
  }

  #text(): string {
    const piece = this.#pieces[this.#piece];
    return typeof piece === 'string' ? piece : '';
  }

  #quoted(): Argument {
    const found = /"((?:[^"\\]|\\.)*)"/y;
    found.lastIndex = this.#at;
    const match = found.exec(this.#text());
    if (!match) throw badArgument(12);
    this.#at += match[0].length;
    return { kind: 'string', bytes: Buffer.from((match[1] ?? '').replace(/\\(.)/g, '$1'), 'latin1') };
  }

  /** An atom; a section in brackets belongs to it with its blanks and parentheses, as in `BODY[HEADER.FIELDS (DATE)]<0.10>`. */
  #atom(): Argument {
    const found = /(?:\[[^\]]*\]|[^ ()"[\]])+|\]/y;
    found.lastIndex = this.#at;
    const match = found.exec(this.#text());
    if (!match) throw badArgument(12);
    this.#at += match[0].length;
    return { kind: 'atom', text: match[0] };
  }
}

/** The argument as text, whether atom or string. Throws when it is a list or missing. */
export function textOf(argument: Argument | undefined): string {
  if (argument?.kind === 'atom') return argument.text;
  if (argument?.kind === 'string') return argument.bytes.toString('latin1');
  throw badArgument();
}

export function listOf(argument: Argument | undefined): readonly Argument[] {
  if (argument?.kind === 'list') return argument.items;
  throw badArgument();
}
