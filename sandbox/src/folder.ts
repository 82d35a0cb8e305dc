/**
 * A mail folder: messages by UID, and the watchers (sessions) that hear of every change.
 *
 * The hard thing is size: 100,000 messages must be cheap. A message keeps its bytes as a few Buffers that may be slices of a shared
 * pool, the list stays sorted by UID, and nothing here walks it except a removal.
 */

import { createHash } from 'node:crypto';

/** The flags Exchange knows. M365 (recorded): PERMANENTFLAGS of Exchange has no `\*`, so there are no others. */
export const knownFlags = ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '$MDNSent'] as const;
export type Flag = (typeof knownFlags)[number];

export interface Message {
  readonly uid: number;
  /** The message's bytes in order. Never changed once delivered. */
  readonly chunks: readonly Buffer[];
  readonly sizeBytes: number;
  readonly internalDate: Date;
  readonly flags: Set<Flag>;
  /** How many queries will still miss this message although EXISTS counts it: scenario `late-uid`. */
  hiddenFor: number;
}

/** What a session wants to know of the folder that it has open. */
export interface Watcher {
  arrived(message: Message): void;
  vanished(messages: ReadonlySet<Message>): void;
  flagged(message: Message): void;
  /** The folder was re-created under a new UIDVALIDITY, or is gone. */
  replaced(): void;
}

export interface Delivery {
  readonly internalDate: Date;
  readonly flags?: Iterable<Flag>;
  readonly hiddenFor?: number;
}

export interface FolderShape {
  readonly name: string;
  readonly attribute?: string;
  readonly uidValidity: number;
}

/** All bytes of a message in one Buffer. */
export function rawOf(message: Message): Buffer {
  return message.chunks.length === 1 && message.chunks[0] ? message.chunks[0] : Buffer.concat(message.chunks);
}

/** SHA-256 of a message's bytes, in hex. */
export function sha256Of(message: Message): string {
  const hash = createHash('sha256');
  for (const chunk of message.chunks) hash.update(chunk);
  return hash.digest('hex');
}

export class Folder {
  name: string;
  readonly attribute: string;
  uidValidity: number;
  uidNext = 1;
  subscribed = true;
  /** Messages from this UID on have been seen by no read-write session: they are `\Recent`. */
  recentFrom = 1;
  #messages: Message[] = [];
  readonly #watchers = new Set<Watcher>();

  constructor(shape: FolderShape) {
    this.name = shape.name;
    this.attribute = shape.attribute ?? '';
    this.uidValidity = shape.uidValidity;
  }

  get messages(): readonly Message[] {
    return this.#messages;
  }

  deliver(chunks: readonly Buffer[], delivery: Delivery): Message {
    const message: Message = {
      uid: this.uidNext,
      chunks,
      sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      internalDate: delivery.internalDate,
      flags: new Set(delivery.flags),
      hiddenFor: delivery.hiddenFor ?? 0,
    };
    this.uidNext += 1;
    this.#messages.push(message);
    for (const watcher of this.#watchers) watcher.arrived(message);
    return message;
  }

  remove(gone: ReadonlySet<Message>): void {
    if (gone.size === 0) return;
    this.#messages = this.#messages.filter((message) => !gone.has(message));
    for (const watcher of this.#watchers) watcher.vanished(gone);
  }

  byUid(uid: number): Message | undefined {
    const at = firstAt(this.#messages, uid);
    const found = this.#messages[at];
    return found?.uid === uid ? found : undefined;
  }

  /** Sets exactly these flags and tells the watchers. */
  setFlags(message: Message, flags: Iterable<Flag>): void {
    const wanted = [...flags];
    message.flags.clear();
    for (const flag of wanted) message.flags.add(flag);
    for (const watcher of this.#watchers) watcher.flagged(message);
  }

  /** Re-creates the folder under a new UIDVALIDITY with UIDs from 1 in the same order, as a mailbox move does; open sessions are cut off. */
  renumber(): void {
    this.uidValidity += 1;
    this.#messages = this.#messages.map((message, index) => ({ ...message, uid: index + 1 }));
    this.uidNext = this.#messages.length + 1;
    this.recentFrom = this.uidNext;
    this.endSessions();
  }

  /** Tells every watcher that this folder is not what it opened any more. */
  endSessions(): void {
    for (const watcher of [...this.#watchers]) watcher.replaced();
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }
}

/** Index of the first message whose UID is at least `uid`, in a list sorted by UID. */
export function firstAt(messages: readonly Message[], uid: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((messages[middle]?.uid ?? 0) < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}
