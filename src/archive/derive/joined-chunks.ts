/**
 * A Blob that only joins: what the MIME parser needs of one, without Node's.
 *
 * The parser gathers a text line by line into a `Blob` and reads it back as one buffer. Node keeps a Blob outside the heap, a source for
 * each line, and reads it through a queue: half of the time of deriving a mailbox went there (measured). So the deriving thread, which
 * is a world of its own, puts this class in the place of the global one.
 */
export class JoinedChunks {
  readonly #chunks: readonly (Uint8Array | ArrayBuffer | string)[];

  constructor(chunks: readonly (Uint8Array | ArrayBuffer | string)[] = []) {
    this.#chunks = chunks;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    let bytes = 0;
    for (const chunk of this.#chunks) bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength;
    const joined = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      const part = typeof chunk === 'string' ? bytesOf(chunk) : chunk instanceof Uint8Array ? chunk : new Uint8Array(chunk);
      joined.set(part, at);
      at += part.length;
    }
    return joined.buffer;
  }
}

const lineFeed = Uint8Array.of(10);

function bytesOf(text: string): Uint8Array {
  return text === '\n' ? lineFeed : Buffer.from(text, 'utf8');
}
