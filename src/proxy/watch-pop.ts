/**
 * Looks at what a POP3 server says while it passes: only for refusals that concern us (a pause, a farewell).
 *
 * The hard thing is that an answer does not say how long it is, and a message may hold the very words. So the commands are counted as
 * they pass the other way, and messages and lists are stepped over to the dot that ends them. What goes wrong ends the looking, never the
 * passing.
 */
import type { Fault } from '../fault/fault.ts';
import { knownRefusal } from '../mail/pop/refusal.ts';

const LF = 10;
const CR = 13;
const headLength = 300;
/** More commands than this without an answer: nobody we know does that, and we stop counting. */
const mostWaiting = 10_000;
const endMark = Buffer.from('\r\n.\r\n');

export class PopWatch {
  readonly #tell: (fault: Fault) => void;
  readonly #where: { readonly mailbox: string };
  /** Of the answers that are to come, whether each has lines behind its +OK. */
  readonly #forms: boolean[] = [];
  #command = '';
  #head = '';
  #inBody = false;
  /** The last bytes of a body so far, as far as they may begin its end. */
  #bodyTail = Buffer.alloc(0);
  #lost = false;

  constructor(mailbox: string, tell: (fault: Fault) => void) {
    this.#where = { mailbox };
    this.#tell = tell;
  }

  seeCommands(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    for (let at = 0; at < bytes.length && !this.#lost; ) {
      const lf = bytes.indexOf(LF, at);
      const end = lf < 0 ? bytes.length : lf;
      if (this.#command.length < 64) this.#command += bytes.toString('latin1', at, Math.min(end, at + 64 - this.#command.length));
      if (lf < 0) return;
      at = lf + 1;
      const [word = '', argument = ''] = this.#command.trim().toUpperCase().split(/ +/);
      this.#command = '';
      const isList = (word === 'LIST' || word === 'UIDL') && argument === '';
      this.#forms.push(isList || word === 'RETR' || word === 'TOP' || word === 'CAPA');
      this.#lost = this.#forms.length > mostWaiting;
    }
  }

  see(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    for (let at = 0; at < bytes.length && !this.#lost; ) {
      if (this.#inBody) {
        at = this.#stepOver(bytes, at);
        continue;
      }
      const lf = bytes.indexOf(LF, at);
      const end = lf < 0 ? bytes.length : lf;
      if (this.#head.length < headLength) this.#head += bytes.toString('latin1', at, Math.min(end, at + headLength - this.#head.length));
      if (lf < 0) return;
      at = lf + 1;
      this.#endLine();
    }
  }

  /** @returns where it goes on */
  #stepOver(bytes: Buffer, at: number): number {
    // The end may lie across two chunks.
    const seam = Buffer.concat([this.#bodyTail, bytes.subarray(at, at + endMark.length)]);
    const across = seam.indexOf(endMark);
    const found = across >= 0 ? at + across + endMark.length - this.#bodyTail.length : bytes.indexOf(endMark, at) + endMark.length;
    if (across < 0 && found < endMark.length) {
      this.#bodyTail = Buffer.concat([this.#bodyTail, bytes.subarray(Math.max(at, bytes.length - endMark.length + 1))]).subarray(
        -(endMark.length - 1),
      );
      return bytes.length;
    }
    this.#inBody = false;
    return found;
  }

  #endLine(): void {
    const head = this.#head.endsWith('\r') ? this.#head.slice(0, -1) : this.#head;
    this.#head = '';
    const hasLines = this.#forms.shift() ?? false;
    if (head.startsWith('+OK')) {
      this.#inBody = hasLines;
      // The line that has just ended counts for the end of what follows: an empty list is `.` alone.
      this.#bodyTail = Buffer.of(CR, LF);
      return;
    }
    const refused = /^-ERR ?(?:\[([A-Za-z/-]+)\] ?)?(.*)$/.exec(head);
    if (refused === null) return;
    const fault = knownRefusal({ ok: false, code: refused[1]?.toUpperCase(), text: refused[2] ?? '' }, this.#where);
    if (fault !== undefined) this.#tell(fault);
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
