/**
 * A session's own picture of the folder that it has open: which message has which sequence number.
 *
 * The hard thing is that sequence numbers may only change when the client is told: arrivals and removals queue here and come out
 * between commands. RFC 3501 §5.5 and §7.4.1.
 */

import { type Folder, firstAt, type Message, type Watcher } from '../../folder.ts';

export type Change =
  | { readonly kind: 'exists'; readonly count: number }
  | { readonly kind: 'expunge'; readonly sequence: number }
  | { readonly kind: 'flags'; readonly sequence: number; readonly message: Message };

export class View implements Watcher {
  readonly folder: Folder;
  readonly isReadOnly: boolean;
  readonly recentFrom: number;
  readonly recentTo: number;
  #messages: Message[];
  #arrived: Message[] = [];
  readonly #vanished = new Set<Message>();
  readonly #flagged = new Set<Message>();
  readonly #onChange: () => void;
  readonly #onReplaced: () => void;

  constructor(folder: Folder, isReadOnly: boolean, onChange: () => void, onReplaced: () => void) {
    this.folder = folder;
    this.isReadOnly = isReadOnly;
    this.#onChange = onChange;
    this.#onReplaced = onReplaced;
    this.#messages = [...folder.messages];
    this.recentFrom = folder.recentFrom;
    this.recentTo = folder.uidNext;
    if (!isReadOnly) folder.recentFrom = folder.uidNext;
    folder.watch(this);
  }

  close(): void {
    this.folder.unwatch(this);
  }

  get messages(): readonly Message[] {
    return this.#messages;
  }

  isRecent(message: Message): boolean {
    return message.uid >= this.recentFrom && message.uid < this.recentTo;
  }

  arrived(message: Message): void {
    this.#arrived.push(message);
    this.#onChange();
  }

  vanished(messages: ReadonlySet<Message>): void {
    for (const message of messages) this.#vanished.add(message);
    this.#onChange();
  }

  flagged(message: Message): void {
    this.#flagged.add(message);
    this.#onChange();
  }

  replaced(): void {
    this.#onReplaced();
  }

  /** The client has been told of this message's flags in an answer, or asked not to be. */
  forgetFlags(message: Message): void {
    this.#flagged.delete(message);
  }

  /** Takes what has queued. Removals only when `withExpunge`: not in the answer to FETCH, STORE and SEARCH. RFC 3501 §7.4.1. */
  takeChanges(withExpunge: boolean): readonly Change[] {
    const changes: Change[] = [];
    if (withExpunge && this.#vanished.size > 0) {
      for (let at = this.#messages.length - 1; at >= 0; at -= 1) {
        const message = this.#messages[at];
        if (message && this.#vanished.has(message)) changes.push({ kind: 'expunge', sequence: at + 1 });
      }
      this.#messages = this.#messages.filter((message) => !this.#vanished.has(message));
      this.#arrived = this.#arrived.filter((message) => !this.#vanished.has(message));
      this.#vanished.clear();
    }
    if (this.#arrived.length > 0) {
      for (const message of this.#arrived) this.#messages.push(message);
      this.#arrived = [];
      changes.push({ kind: 'exists', count: this.#messages.length });
    }
    if (this.#flagged.size > 0) {
      for (const message of this.#flagged) {
        const at = firstAt(this.#messages, message.uid);
        if (this.#messages[at] === message) changes.push({ kind: 'flags', sequence: at + 1, message });
      }
      this.#flagged.clear();
    }
    return changes;
  }
}
