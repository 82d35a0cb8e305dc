/**
 * The values inside an answer: atoms, quoted strings, literals, NIL, lists. RFC 9051 §4. No I/O.
 *
 * The hard thing: a hostile answer must not cost more than its own length (no deep recursion, no search back), and honest servers
 * take liberties: 8-bit bytes in quoted strings, blanks where none belong. Both are read here and nowhere else.
 */
import { Fault } from '../../fault/fault.ts';

/** Stands where a message body stood; the bytes were handed out as they came. */
export class BodyMark {
  readonly section: string;
  readonly bytes: number;
  constructor(section: string, bytes: number) {
    this.section = section;
    this.bytes = bytes;
  }
}

/** A collected literal, one character a byte. A class of its own, so that its text is never taken for grammar. */
export class LiteralText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An answer on its way to be read: lines of text, between them the literals they announced. */
export type Part = string | LiteralText | BodyMark;

/** NIL is null. Atoms, numbers, quoted strings and literals are text, one character a byte. */
export type Value = string | null | BodyMark | readonly Value[];

/** BODYSTRUCTURE nests as deep as the sender of a mail likes; nobody reads one deeper than this. */
const maxDepth = 200;

export class ValueReader {
  readonly #parts: readonly Part[];
  #part = 0;
  #at: number;

  constructor(parts: readonly Part[], at: number) {
    this.#parts = parts;
    this.#at = at;
  }

  openList(): void {
    this.#skipBlanks();
    if (this.#peek() !== '(') throw this.#unreadable('a list was expected');
    this.#at += 1;
  }

  /** Whether the list that is being read ends here; steps behind its parenthesis. */
  closesList(): boolean {
    if (!this.atListEnd()) return false;
    this.#at += 1;
    return true;
  }

  /** Whether the parenthesis that ends the list comes next. */
  atListEnd(): boolean {
    this.#skipBlanks();
    return this.#peek() === ')';
  }

  /** A FETCH item's name, e.g. `UID` or `BODY[HEADER.FIELDS (FROM)]`; in upper case, without the `<n>` of a partial. */
  itemName(): string {
    this.#skipBlanks();
    let text = this.#text();
    const start = this.#at;
    while (this.#at < text.length && !' ()['.includes(text.charAt(this.#at))) this.#at += 1;
    let name = text.slice(start, this.#at);
    if (text.charAt(this.#at) === '[') {
      name += this.#section();
      text = this.#text();
    }
    if (text.charAt(this.#at) === '<') {
      const end = text.indexOf('>', this.#at);
      if (end < 0) throw this.#unreadable('a partial without an end');
      this.#at = end + 1;
    }
    if (name === '') throw this.#unreadable('a name was expected');
    return name.toUpperCase();
  }

  /** From `[` to `]`. The names of header fields in it may be literals (RFC 9051 §9, header-list). */
  #section(): string {
    let section = '';
    for (let text = this.#text(); ; text = this.#text()) {
      const end = text.indexOf(']', this.#at);
      if (end >= 0) {
        section += text.slice(this.#at, end + 1);
        this.#at = end + 1;
        return section;
      }
      const literal = this.#parts[this.#part + 1];
      if (!(literal instanceof LiteralText)) throw this.#unreadable('a body section without an end');
      section += text.slice(this.#at) + literal.text;
      this.#part += 2;
      this.#at = 0;
    }
  }

  value(depth = 0): Value {
    this.#skipBlanks();
    const part = this.#parts[this.#part];
    if (typeof part !== 'string') {
      if (part === undefined) throw this.#unreadable('the answer ends too early');
      this.#part += 1;
      this.#at = 0;
      return part instanceof LiteralText ? part.text : part;
    }
    if (part.charAt(this.#at) === '"') return this.#quoted(part);
    if (part.charAt(this.#at) === '(') return this.#list(depth);
    return this.#atom(part);
  }

  #list(depth: number): readonly Value[] {
    if (depth >= maxDepth) throw this.#unreadable('lists nested too deep');
    this.#at += 1;
    const items: Value[] = [];
    while (!this.closesList()) items.push(this.value(depth + 1));
    return items;
  }

  #quoted(text: string): string {
    const start = this.#at + 1;
    let end = text.indexOf('"', start);
    // Only text with escapes is read letter by letter.
    if (end >= 0) {
      const plain = text.slice(start, end);
      if (!plain.includes('\\')) {
        this.#at = end + 1;
        return plain;
      }
    }
    let value = '';
    for (end = start; end < text.length; end += 1) {
      const letter = text.charAt(end);
      if (letter === '"') {
        this.#at = end + 1;
        return value;
      }
      if (letter === '\\') end += 1;
      value += text.charAt(end);
    }
    throw this.#unreadable('a quoted string without an end');
  }

  #atom(text: string): string | null {
    const start = this.#at;
    let end = start;
    while (end < text.length && !' ()'.includes(text.charAt(end))) end += 1;
    if (end === start) throw this.#unreadable('a value was expected');
    this.#at = end;
    const atom = text.slice(start, end);
    return atom.length === 3 && atom.toUpperCase() === 'NIL' ? null : atom;
  }

  #skipBlanks(): void {
    for (;;) {
      const part = this.#parts[this.#part];
      if (typeof part !== 'string') return;
      while (part.charCodeAt(this.#at) === 32) this.#at += 1;
      if (this.#at < part.length) return;
      this.#part += 1;
      this.#at = 0;
    }
  }

  #peek(): string {
    const part = this.#parts[this.#part];
    return typeof part === 'string' ? part.charAt(this.#at) : '';
  }

  #text(): string {
    const part = this.#parts[this.#part];
    if (typeof part !== 'string') throw this.#unreadable('text was expected');
    return part;
  }

  #unreadable(reason: string): Fault {
    const part = this.#parts[this.#part];
    return new Fault('imap.protocol', {
      reason,
      near: typeof part === 'string' ? part.slice(Math.max(0, this.#at - 40), this.#at + 40) : '',
    });
  }
}
