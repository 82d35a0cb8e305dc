/**
 * A list of ids from upstream (an export of the capturing system), held against the archive: the one proof that mail was not lost before
 * it reached the mailbox.
 *
 * The hard thing is that every portal exports another file: the separator, the column's name, quotes, angle brackets and a byte order
 * mark differ. The column is found by its name, or has to be the only one.
 */
import { createHash } from 'node:crypto';
import { Fault } from '../../fault/fault.ts';

/** Ids of messages: of each, whether a record has it as its own id at the origin or as its Message-ID. */
export type Identify = (ids: readonly string[]) => Promise<ReadonlySet<string>>;

export interface ManifestReport {
  /** Of the file's bytes. */
  readonly sha256: string;
  readonly column: string;
  /** Rows with an id; each id counts once. */
  readonly listed: number;
  readonly found: number;
  /** In the order of the file; all of them up to {@link missingAtMost}. */
  readonly missing: readonly string[];
  readonly missingCount: number;
}

export const missingAtMost = 100_000;
const idsPerQuestion = 500;
/** A longer line is no list of ids. */
const longestRecord = 1_000_000;

/** Names of the column, as they are after everything but letters and digits is left out; the first that is there is taken. */
const columnNames = ['archivemessageid', 'messageid', 'internetmessageid', 'nativeid', 'itemid', 'id'];

/**
 * @param chunks the file's bytes
 * @throws Fault reconcile.manifest-unreadable; whatever `identify` throws
 */
export async function compareManifest(chunks: AsyncIterable<Uint8Array>, identify: Identify): Promise<ManifestReport> {
  const hash = createHash('sha256');
  const seen = new Set<string>();
  const missing: string[] = [];
  let missingCount = 0;
  let batch: string[] = [];
  let column: { readonly name: string; readonly at: number } | undefined;
  const settle = async (): Promise<void> => {
    const known = await identify(batch);
    for (const id of batch) {
      if (known.has(id)) continue;
      missingCount += 1;
      if (missing.length < missingAtMost) missing.push(id);
    }
    batch = [];
  };
  for await (const record of records(hashing(chunks, hash))) {
    if (column === undefined) {
      column = columnOf(record);
      if (column.name !== '') continue;
    }
    const id = plainId(record[column.at] ?? '');
    if (id === '' || seen.has(id)) continue;
    seen.add(id);
    batch.push(id);
    if (batch.length === idsPerQuestion) await settle();
  }
  if (batch.length > 0) await settle();
  if (column === undefined) throw new Fault('reconcile.manifest-unreadable', { problem: 'the file is empty' });
  return { sha256: hash.digest('hex'), column: column.name, listed: seen.size, found: seen.size - missingCount, missing, missingCount };
}

/** Without the blanks and angle brackets around it. */
export function plainId(text: string): string {
  return text.trim().replace(/^<(.*)>$/s, '$1');
}

/** The column of the ids; its name is empty where the first line is no title but an id already. */
function columnOf(titles: readonly string[]): { readonly name: string; readonly at: number } {
  const plain = titles.map((title) => title.toLowerCase().replace(/[^a-z0-9]/g, ''));
  for (const name of columnNames) {
    const at = plain.indexOf(name);
    if (at !== -1) return { name: (titles[at] ?? '').trim(), at };
  }
  if (titles.length === 1) return { name: '', at: 0 };
  const shown = titles.slice(0, 20).map((title) => title.trim().slice(0, 40));
  throw new Fault('reconcile.manifest-unreadable', { problem: 'no column has a known name', columns: shown.join(', ') });
}

async function* hashing(chunks: AsyncIterable<Uint8Array>, hash: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Records of a CSV file (RFC 4180); comma, semicolon or tab, as the first line has it. */
async function* records(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  let separator: string | undefined;
  for await (const text of lines(chunks)) {
    if (text.trim() === '') continue;
    separator ??= ['\t', ';', ','].find((sign) => text.includes(sign)) ?? ',';
    yield fields(text, separator);
  }
}

/** Lines, where a quoted line end is part of its line. */
async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let held = '';
  for await (const chunk of chunks) {
    held += decoder.decode(chunk, { stream: true });
    for (let end = lineEnd(held); end !== -1; end = lineEnd(held)) {
      yield held.slice(0, end).replace(/\r$/, '');
      held = held.slice(end + 1);
    }
    if (held.length > longestRecord) throw new Fault('reconcile.manifest-unreadable', { problem: 'a line has no end' });
  }
  if (held !== '') yield held;
}

function lineEnd(text: string): number {
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '"') isQuoted = !isQuoted;
    else if (sign === '\n' && !isQuoted) return at;
  }
  return -1;
}

function fields(text: string, separator: string): readonly string[] {
  const found: string[] = [];
  let field = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] ?? '';
    if (sign === '"' && isQuoted && text[at + 1] === '"') {
      field += '"';
      at += 1;
    } else if (sign === '"') isQuoted = !isQuoted;
    else if (sign === separator && !isQuoted) {
      found.push(field);
      field = '';
    } else field += sign;
  }
  return [...found, field];
}
