/**
 * SEARCH and UID SEARCH.
 *
 * The hard thing is that a criterion is a small tree while most searches are one UID range over 100,000 messages: sets are looked up by
 * position, and bytes are only read by the criteria that need them. RFC 3501 §6.4.4.
 */

import { type Flag, type Message, rawOf } from '../../folder.ts';
import type { MailboxQuirks } from '../../tenant.ts';
import { headerEnd, headerValue, readHeaders } from '../mime.ts';
import { shownSize } from '../oddities.ts';
import { type Argument, badArgument, type Command, Refusal, textOf } from './command.ts';
import { positionsIn } from './sequence-set.ts';
import type { Session } from './session.ts';
import type { View } from './view.ts';

type Test = (message: Message, position: number) => boolean;

export function search(session: Session, command: Command): string {
  const view = session.openView();
  const { quirks } = session.openMailbox();
  const isUid = command.name.startsWith('UID ');
  const args = [...command.args];
  const [first] = args;
  if (first?.kind === 'atom' && first.text.toUpperCase() === 'CHARSET') {
    const charset = textOf(args[1]).toUpperCase();
    // M365 (doc): US-ASCII only.
    if (charset !== 'US-ASCII') throw new Refusal('NO [BADCHARSET (US-ASCII)] The specified charset is not supported.');
    args.splice(0, 2);
  }
  if (args.length === 0) throw badArgument();
  const parser = new Criteria(view, quirks, args);
  const test = parser.all();
  const found: number[] = [];
  view.messages.forEach((message, position) => {
    if (!test(message, position)) return;
    if (message.hiddenFor > 0) message.hiddenFor -= 1;
    else found.push(isUid ? message.uid : position + 1);
  });
  session.outgoing.line(found.length === 0 ? '* SEARCH' : `* SEARCH ${found.join(' ')}`);
  return 'OK SEARCH completed.';
}

const flagTests: Readonly<Record<string, readonly [flag: Flag, wanted: boolean]>> = {
  ANSWERED: ['\\Answered', true],
  DELETED: ['\\Deleted', true],
  DRAFT: ['\\Draft', true],
  FLAGGED: ['\\Flagged', true],
  SEEN: ['\\Seen', true],
  UNANSWERED: ['\\Answered', false],
  UNDELETED: ['\\Deleted', false],
  UNDRAFT: ['\\Draft', false],
  UNFLAGGED: ['\\Flagged', false],
  UNSEEN: ['\\Seen', false],
};

class Criteria {
  readonly #view: View;
  readonly #quirks: MailboxQuirks;
  readonly #args: readonly Argument[];
  #at = 0;

  constructor(view: View, quirks: MailboxQuirks, args: readonly Argument[]) {
    this.#view = view;
    this.#quirks = quirks;
    this.#args = args;
  }

  /** Every criterion to the end, joined by AND. */
  all(): Test {
    const tests: Test[] = [];
    while (this.#at < this.#args.length) tests.push(this.#one());
    return (message, position) => tests.every((test) => test(message, position));
  }

  #next(): string {
    const argument = this.#args[this.#at];
    this.#at += 1;
    return textOf(argument);
  }

  #one(): Test {
    const argument = this.#args[this.#at];
    if (argument?.kind === 'list') {
      this.#at += 1;
      return new Criteria(this.#view, this.#quirks, argument.items).all();
    }
    const word = this.#next();
    const key = word.toUpperCase();
    const flag = flagTests[key];
    if (flag) return (message) => message.flags.has(flag[0]) === flag[1];
    if (/^[\d*]/.test(word)) return this.#inSet(word, false);
    return this.#keyed(key);
  }

  #keyed(key: string): Test {
    switch (key) {
      case 'ALL':
        return () => true;
      case 'NEW':
        return (message) => this.#view.isRecent(message) && !message.flags.has('\\Seen');
      case 'RECENT':
        return (message) => this.#view.isRecent(message);
      case 'OLD':
        return (message) => !this.#view.isRecent(message);
      case 'UID':
        return this.#inSet(this.#next(), true);
      case 'NOT': {
        const test = this.#one();
        return (message, position) => !test(message, position);
      }
      case 'OR': {
        const left = this.#one();
        const right = this.#one();
        return (message, position) => left(message, position) || right(message, position);
      }
      case 'KEYWORD':
        return this.#keyword(true);
      case 'UNKEYWORD':
        return this.#keyword(false);
      case 'LARGER':
        return this.#size((size, bound) => size > bound);
      case 'SMALLER':
        return this.#size((size, bound) => size < bound);
      case 'BEFORE':
      case 'ON':
      case 'SINCE':
        return this.#date(key, (message) => message.internalDate.getTime());
      case 'SENTBEFORE':
      case 'SENTON':
      case 'SENTSINCE':
        return this.#date(key.slice(4), (message) => Date.parse(header(message, 'date') ?? ''));
      default:
        return this.#text(key);
    }
  }

  #text(key: string): Test {
    switch (key) {
      case 'FROM':
      case 'TO':
      case 'CC':
      case 'BCC':
      case 'SUBJECT':
        return this.#header(key);
      case 'HEADER':
        return this.#header(this.#next());
      case 'TEXT':
        return this.#bytes((bytes) => bytes);
      case 'BODY':
        return this.#bytes((bytes) => bytes.subarray(headerEnd(bytes)));
      default:
        throw badArgument();
    }
  }

  #inSet(set: string, byUid: boolean): Test {
    const positions = new Set(positionsIn(this.#view.messages, set, byUid));
    return (_, position) => positions.has(position);
  }

  /** M365 (recorded): no keyword but $MDNSent can be searched. */
  #keyword(wanted: boolean): Test {
    if (this.#next().toUpperCase() !== '$MDNSENT') throw badArgument(11);
    return (message) => message.flags.has('$MDNSent') === wanted;
  }

  #size(compare: (size: number, bound: number) => boolean): Test {
    const bound = Number(this.#next());
    if (!Number.isSafeInteger(bound)) throw badArgument();
    return (message) => compare(shownSize(message, this.#quirks), bound);
  }

  #date(key: string, of: (message: Message) => number): Test {
    const text = this.#next();
    const start = /^\d{1,2}-[A-Za-z]{3}-\d{4}$/.test(text) ? Date.parse(`${text.replace(/-/g, ' ')} UTC`) : Number.NaN;
    if (Number.isNaN(start)) throw badArgument();
    const end = start + 86_400_000;
    if (key === 'BEFORE') return (message) => of(message) < start;
    if (key === 'SINCE') return (message) => of(message) >= start;
    return (message) => of(message) >= start && of(message) < end;
  }

  #header(name: string): Test {
    const wanted = this.#next().toLowerCase();
    return (message) => header(message, name)?.toLowerCase().includes(wanted) ?? false;
  }

  #bytes(part: (bytes: Buffer) => Buffer): Test {
    const wanted = this.#next().toLowerCase();
    return (message) => part(rawOf(message)).toString('latin1').toLowerCase().includes(wanted);
  }
}

/** A header's value, from the first chunk when the header ends in it. */
function header(message: Message, name: string): string | undefined {
  const [first] = message.chunks;
  const bytes = first && headerEnd(first) < first.length ? first : rawOf(message);
  return headerValue(readHeaders(bytes, 0, headerEnd(bytes)), name);
}
