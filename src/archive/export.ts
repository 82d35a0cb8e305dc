/**
 * Writes messages of the archive out of it: one `.eml` file each, or one mbox, with a manifest of their hashes.
 *
 * The hard thing is that an export must be as good as the archive: the bytes of an `.eml` are those that arrived; an mbox has to quote
 * lines (mboxrd, so that it can be undone exactly), and the manifest names the SHA-256 of the original in both.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FaultCode } from '../fault/catalog.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { ArchiveReader, MessageRecord, Occurrence, Progress, Query, StoredMessage } from './archive.ts';

export type ExportFormat = 'eml' | 'mbox';

export interface ExportSummary {
  readonly messages: number;
  readonly bytes: number;
  /** Messages of which nothing was written, because their stored bytes are not those that arrived; the manifest names them. */
  readonly damaged: number;
  readonly folder: string;
  /** Messages that a search for words could not see, because they are not derived yet. */
  readonly lag: number;
}

interface ManifestLine {
  /** Null where the stored bytes are damaged; then `fault` says how. */
  readonly file: string | null;
  readonly fault?: FaultCode;
  readonly sha256: string;
  readonly bytes: number;
  /** What it says, for whoever has no reader of mail: the main fields. Null where it is not derived; undefined values are left out. */
  readonly record: ManifestRecord | null;
  /** `reason` with the state `quarantined` only. */
  readonly occurrences: readonly Pick<Occurrence, 'source' | 'folder' | 'uidValidity' | 'uid' | 'state' | 'reason'>[];
}

type ManifestRecord = Pick<
  MessageRecord,
  | 'format'
  | 'platform'
  | 'modality'
  | 'eventKind'
  | 'direction'
  | 'owner'
  | 'from'
  | 'to'
  | 'subject'
  | 'sentAt'
  | 'messageId'
  | 'nativeId'
  | 'threadId'
  | 'threadName'
  | 'relatesTo'
  | 'call'
  | 'attachments'
  | 'parserVersion'
  | 'problem'
>;

/**
 * A message whose bytes are damaged or missing does not keep the others from being written: it has a manifest line with the code of its
 * fault and without a file. The manifest gets its name when all is written: an export without one was cut off.
 * @param folder an empty or new folder; nothing is ever overwritten
 * @throws Fault archive.export-target, archive.index-damaged, archive.read-failed; archive.damaged where the ledger itself is
 */
export async function exportMessages(
  archive: ArchiveReader,
  query: Query,
  format: ExportFormat,
  folder: string,
  options: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal } = {},
): Promise<ExportSummary> {
  await claimFolder(folder);
  const { messages: total, lag } = await archive.stats();
  const unfinished = join(folder, 'manifest.jsonl.unfinished');
  let messages = 0;
  let bytes = 0;
  let damaged = 0;
  try {
    const manifest = await open(unfinished, 'wx', 0o600);
    try {
      for await (const message of archive.matches(query)) {
        options.signal?.throwIfAborted();
        const written = await exportOrFault(archive, message, format, folder);
        await manifest.appendFile(`${JSON.stringify(manifestLine(written, message))}\n`);
        if (written.file === null) {
          damaged += 1;
        } else {
          messages += 1;
          bytes += message.bytes;
        }
        options.onProgress?.({ done: messages + damaged, total });
      }
    } finally {
      await manifest.close();
    }
    await rename(unfinished, join(folder, 'manifest.jsonl'));
  } catch (error) {
    throw exportFault(error, folder);
  }
  return { messages, bytes, damaged, folder, lag };
}

/** What became of a message: its file, or why there is none. */
export type Written = { readonly file: string } | { readonly file: null; readonly fault: FaultCode };

async function exportOrFault(archive: ArchiveReader, message: StoredMessage, format: ExportFormat, folder: string): Promise<Written> {
  try {
    return { file: await exportOne(archive, message, format, folder) };
  } catch (error) {
    if (!isFault(error, 'archive.body-changed', 'archive.body-missing', 'archive.damaged')) throw error;
    return { file: null, fault: error.code };
  }
}

/**
 * Writes one message and leaves nothing of it when its bytes are not those that arrived. Returns the file's name.
 * The file is open before a byte is read, and the last write is over before anything is taken back: a stream that opens its file by itself
 * may do so after it was given up, and leave an empty one.
 */
async function exportOne(archive: ArchiveReader, message: StoredMessage, format: ExportFormat, folder: string): Promise<string> {
  const file = format === 'eml' ? `${message.sha256}.eml` : 'messages.mbox';
  const path = join(folder, file);
  const target = await open(path, format === 'eml' ? 'wx' : 'a', 0o600);
  try {
    const { size: before } = await target.stat();
    let written = Promise.resolve();
    const write = (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      written = target.writeFile(chunks);
      return written;
    };
    try {
      if (format === 'eml') await write(archive.read(message.sha256));
      else await pipeline(archive.read(message.sha256), mboxrd(message), write);
    } catch (error) {
      await written.catch(() => undefined);
      if (format === 'eml') await rm(path, { force: true });
      else await target.truncate(before);
      throw error;
    }
  } finally {
    await target.close();
  }
  return file;
}

/** What the operating system says while an export is written is said of its folder. */
function exportFault(error: unknown, folder: string): unknown {
  if (error instanceof Fault || !(error instanceof Error && 'code' in error && 'syscall' in error)) return error;
  return new Fault('archive.export-target', { folder, error: String(error.code) }, { cause: error });
}

async function claimFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    if (names.length > 0) throw new Fault('archive.export-target', { folder, holds: names.length });
  } catch (error) {
    throw exportFault(error, folder);
  }
}

/** A line of the manifest, as data. */
export function manifestLine(written: Written, message: StoredMessage): ManifestLine {
  const occurrences = message.occurrences.map(({ source, folder, uidValidity, uid, state, reason }) => ({
    source,
    folder,
    uidValidity,
    uid,
    state,
    reason,
  }));
  return { ...written, sha256: message.sha256, bytes: message.bytes, record: manifestRecord(message.record), occurrences };
}

function manifestRecord(record: MessageRecord | undefined): ManifestRecord | null {
  if (record === undefined) return null;
  const { format, modality, eventKind, direction, from, to, subject, sentAt, messageId, relatesTo, attachments, parserVersion, problem } =
    record;
  const { platform, owner, nativeId, threadId, threadName, call } = record;
  return {
    format,
    ...(platform === undefined ? {} : { platform }),
    modality,
    eventKind,
    direction,
    ...(owner === undefined ? {} : { owner }),
    from,
    to,
    subject,
    sentAt,
    messageId,
    ...(nativeId === undefined ? {} : { nativeId }),
    ...(threadId === undefined ? {} : { threadId }),
    ...(threadName === undefined ? {} : { threadName }),
    relatesTo,
    ...(call === undefined ? {} : { call }),
    attachments,
    parserVersion,
    problem,
  };
}

const LF = 10;
const GT = 62;
const separator = Buffer.from('From ', 'latin1');

/**
 * A message as an entry of an mbox of the mboxrd kind (RFC 4155 and the `>From ` quoting that can be undone): each line that begins
 * with `>`s and `From ` gets one `>` more. To undo it, take one `>` away again and cut the entry to the `bytes` of its manifest line,
 * because an entry ends with a line feed whether the message did or not. Works on bytes, lines cut anywhere; never holds back more than
 * a begun `From `, because it does not matter which of the `>`s is the new one.
 */
export function mboxrd(message: StoredMessage): Transform {
  const when = message.occurrences[0]?.internalDate ?? message.record?.sentAt ?? new Date(0);
  /** How much of `From ` has come behind the `>`s of this line, held back; undefined when the line is something else. */
  let matched: number | undefined = 0;
  let begun = false;
  let ended = true;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!begun) this.push(`From MAILER-DAEMON ${asctime(when)}\n`);
      begun = true;
      let at = 0;
      let pushed = 0;
      while (at < chunk.length) {
        if (matched === undefined) {
          const end = chunk.indexOf(LF, at);
          at = end < 0 ? chunk.length : end + 1;
          if (end >= 0) matched = 0;
        } else if (chunk[at] === separator[matched]) {
          matched += 1;
          at += 1;
          if (matched === separator.length) {
            this.push(chunk.subarray(pushed, Math.max(pushed, at - matched)));
            this.push('>From ');
            pushed = at;
            matched = undefined;
          }
        } else if (matched === 0 && chunk[at] === GT) {
          at += 1;
        } else {
          if (matched > at) this.push(separator.subarray(0, matched - at)); // held back from the chunk before
          matched = undefined;
        }
      }
      this.push(chunk.subarray(pushed, Math.max(pushed, chunk.length - (matched ?? 0))));
      if (chunk.length > 0) ended = chunk.at(-1) === LF;
      done();
    },
    flush(done) {
      if (!begun) this.push(`From MAILER-DAEMON ${asctime(when)}\n`);
      if (matched !== undefined) this.push(separator.subarray(0, matched));
      if (!ended) this.push('\n');
      this.push('\n');
      done();
    },
  });
}

/** `Thu Jan  1 00:00:00 1970`, in UTC. */
function asctime(when: Date): string {
  const [weekday, day, month, year, time] = when.toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(day).replace(/^0/, ' ')} ${time} ${year}`;
}
