/**
 * Records as they lie in the index: some neighbours together in one compressed block, because records are much alike. Alone each would
 * take three times the room, and five times the time (measured).
 *
 * The hard thing is a damaged page that SQLite takes for a sound one: what comes out must be a record or an error, never half of one.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { uninterrupted } from '../endable-thread.ts';
import { type MessageRecord, packRecord, unpackRecord } from '../record.ts';

/** Reading one record unpacks its whole block: so many take about 30 µs. */
const blockRecords = 16;
const blockChars = 64 * 1024;
/** No block is nearly as long; a damaged one may say so of itself. */
const longestBytes = 256 * 1024 * 1024;
const lineFeed = 10;

export interface RecordBlock {
  /** Number of its first message. */
  readonly first: number;
  readonly packed: Uint8Array;
}

/** @param rows in ascending order */
export function* packBlocks(rows: Iterable<{ readonly seq: number; readonly record: MessageRecord }>): Generator<RecordBlock> {
  let seqs: number[] = [];
  let lines: string[] = [];
  let chars = 0;
  for (const { seq, record } of rows) {
    const line = packRecord(record);
    if (lines.length > 0 && (lines.length >= blockRecords || chars + line.length > blockChars)) {
      yield block(seqs, lines);
      [seqs, lines, chars] = [[], [], 0];
    }
    seqs.push(seq);
    lines.push(line);
    chars += line.length;
  }
  if (lines.length > 0) yield block(seqs, lines);
}

/** The numbers of the messages, then a record a line: JSON has no line ends of its own. */
function block(seqs: readonly number[], lines: readonly string[]): RecordBlock {
  const text = Buffer.from([JSON.stringify(seqs), ...lines].join('\n'), 'utf8');
  const options = {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
    // Told how much comes, zstd takes smaller tables, and Node one buffer that is large enough.
    pledgedSrcSize: text.length,
    chunkSize: Math.max(64, text.length),
  };
  const packed = uninterrupted(() => zstdCompressSync(text, options));
  return { first: seqs[0] ?? 0, packed };
}

/**
 * The record of a message out of the block in which it would lie; undefined where that has none of it.
 * @throws SyntaxError for what {@link packBlocks} did not write
 */
export function unpack(packed: unknown, seq: number): MessageRecord | undefined {
  if (!(packed instanceof Uint8Array)) throw new SyntaxError('a block of records is no bytes');
  const text = unpacked(packed);
  let from = text.indexOf(lineFeed);
  const seqs: unknown = JSON.parse(text.toString('utf8', 0, Math.max(0, from)));
  if (!Array.isArray(seqs)) throw new SyntaxError('a block of records has no numbers');
  const place = seqs.indexOf(seq);
  if (place < 0) return undefined;
  for (let line = 0; line < place && from >= 0; line += 1) from = text.indexOf(lineFeed, from + 1);
  if (from < 0) throw new SyntaxError('a block of records ends too early');
  const end = text.indexOf(lineFeed, from + 1);
  const record = unpackRecord(text.toString('utf8', from + 1, end < 0 ? text.length : end));
  if (!isWhole(record)) throw new SyntaxError('a record lacks some of its fields');
  return record;
}

function unpacked(packed: Uint8Array): Buffer {
  try {
    return uninterrupted(() => zstdDecompressSync(packed, { maxOutputLength: longestBytes }));
  } catch (error) {
    throw new SyntaxError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

const lists = ['attachments', 'participants', 'relatesTo', 'flags', 'unparsedHeaders', 'drift', 'copyKeys'] as const;
const texts = ['format', 'modality', 'eventKind', 'chatType', 'direction', 'subject', 'from', 'to', 'messageId', 'preview'] as const;

function isWhole(record: MessageRecord): boolean {
  const { sentAt, provenance } = record;
  return (
    lists.every((name) => Array.isArray(record[name])) &&
    texts.every((name) => typeof record[name] === 'string') &&
    typeof provenance === 'object' &&
    provenance !== null &&
    (sentAt === undefined || (sentAt instanceof Date && !Number.isNaN(sentAt.getTime())))
  );
}
