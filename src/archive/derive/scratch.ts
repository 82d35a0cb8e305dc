/**
 * Memory that is used again.
 *
 * The hard thing is who uses it when: two messages that are read at once must not write into the same.
 */
import { scratchBytes } from './leaf-digest.ts';

/** Memory that message after message uses again, so that not each of them, and each of its attachments, takes its own. */
export interface Scratch {
  /** For decoding; used within a call only. */
  readonly decoded: Buffer;
  /** For what is left of a message; not there while one is read. */
  out: Uint8Array<ArrayBuffer> | undefined;
}

export function newScratch(): Scratch {
  return { decoded: Buffer.allocUnsafe(scratchBytes), out: undefined };
}
