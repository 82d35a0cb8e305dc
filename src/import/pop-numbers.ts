/**
 * Numbers for the messages of a POP3 mailbox: 1, 2, 3 … in the order in which they were met, so that the import can go on thinking in
 * ascending numbers where the server only has lasting names (UIDL).
 *
 * The hard thing is that the names are worth less than RFC 1939 §7 promises: a server may give two messages one name, and may give a
 * name to another message later. So a name stands for a row of numbers, and which of them is meant is told by the announced size: a
 * message that comes with a size that was not noted under its name is taken for a new one and fetched. Where it was the old one after
 * all (M365 (doc): sizes are estimates), its bytes become a `duplicate` row, and nothing is archived twice.
 */
import type { UidlNumbers } from '../archive/archive.ts';

/** A message as the server lists it. */
export interface ListedMessage {
  /** Its number in the session (RFC 1939 §3), which means nothing in the next one. */
  readonly position: number;
  readonly uidl: string;
  /** Undefined where LIST did not name it. */
  readonly bytes: number | undefined;
}

/** With the number that is ours and stays. */
export interface NumberedMessage extends ListedMessage {
  readonly number: number;
}

export class PopNumbers {
  /** By UIDL, ascending; those of the archive and those given out since. */
  readonly #numbers: Map<string, number[]>;
  readonly #bytes: Map<number, number>;
  #highest: number;

  constructor({ numbers, announcedBytes, highest }: UidlNumbers) {
    this.#numbers = new Map([...numbers].map(([uidl, known]) => [uidl, [...known]]));
    this.#bytes = new Map(announcedBytes);
    this.#highest = highest;
  }

  /** The highest number that was given out, 0 for none. */
  get highest(): number {
    return this.#highest;
  }

  /** The messages with their numbers, ascending. One that has none gets the next. */
  assign(listed: readonly ListedMessage[]): readonly NumberedMessage[] {
    const found = new Map<ListedMessage, number>();
    const taken = new Set<number>();
    const take = (message: ListedMessage, fits: (number: number) => boolean): void => {
      const number = this.#numbers.get(message.uidl)?.find((one) => !taken.has(one) && fits(one));
      if (number === undefined) return;
      taken.add(number);
      found.set(message, number);
    };
    for (const message of listed) take(message, (number) => message.bytes !== undefined && this.#bytes.get(number) === message.bytes);
    // A number without a size is that of a message whose bytes never came; and where there is no size now, any is the one that is meant.
    for (const message of listed) {
      if (!found.has(message)) take(message, (number) => message.bytes === undefined || !this.#bytes.has(number));
    }
    const numbered = listed.map((message) => ({ ...message, number: found.get(message) ?? this.#give(message) }));
    return numbered.sort((a, b) => a.number - b.number);
  }

  /**
   * Only messages that are certain to be those of a number that was given out: one name, one size, and no other of both. Where something
   * is to be removed for good, no guess is good enough.
   */
  certain(listed: readonly ListedMessage[]): readonly NumberedMessage[] {
    const keyOf = ({ uidl, bytes }: ListedMessage): string => `${bytes} ${uidl}`;
    const times = new Map<string, number>();
    for (const message of listed) times.set(keyOf(message), (times.get(keyOf(message)) ?? 0) + 1);
    const numbered = listed.flatMap((message) => {
      if (message.bytes === undefined || times.get(keyOf(message)) !== 1) return [];
      const [number, ...others] = (this.#numbers.get(message.uidl) ?? []).filter((one) => this.#bytes.get(one) === message.bytes);
      return number === undefined || others.length > 0 ? [] : [{ ...message, number }];
    });
    return numbered.sort((a, b) => a.number - b.number);
  }

  /** The UIDLs of these numbers; without those that nobody gave out. */
  uidlsOf(numbers: readonly number[]): ReadonlyMap<number, string> {
    const wanted = new Set(numbers);
    const found = new Map<number, string>();
    for (const [uidl, known] of this.#numbers) for (const number of known) if (wanted.has(number)) found.set(number, uidl);
    return found;
  }

  /** Notes that the bytes of a message came, under the size that was announced for it. */
  came({ number, bytes }: NumberedMessage): void {
    if (bytes !== undefined) this.#bytes.set(number, bytes);
  }

  #give({ uidl, bytes }: ListedMessage): number {
    this.#highest += 1;
    const known = this.#numbers.get(uidl);
    if (known === undefined) this.#numbers.set(uidl, [this.#highest]);
    else known.push(this.#highest);
    if (bytes !== undefined) this.#bytes.set(this.#highest, bytes);
    return this.#highest;
  }
}
