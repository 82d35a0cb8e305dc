/**
 * Writes messages of the archive out of it: one `.eml` file each, or one mbox, with a manifest of their hashes.
 *
 * The hard thing is that an export must be as good as the archive: the bytes of an `.eml` are those that arrived; an mbox has to quote
 * lines (mboxrd, so that it can be undone exactly), and the manifest names the SHA-256 of the original in both.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Fault } from '../fault/fault.ts';
import type { ArchiveReader, Progress, Query, StoredMessage } from './archive.ts';

export type ExportFormat = 'eml' | 'mbox';

export interface ExportSummary {
  readonly messages: number;
  readonly bytes: number;
  readonly folder: string;
}

interface ManifestLine {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly occurrences: readonly { readonly source: string; readonly folder: string; readonly uidValidity: number; readonly uid: number }[];
}

/**
 * @param folder an empty or new folder; nothing is ever overwritten
 * @throws Fault archive.export-target, archive.body-changed, archive.body-missing
 */
export async function exportMessages(
  archive: ArchiveReader,
  query: Query,
  format: ExportFormat,
  folder: string,
  options: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal } = {},
): Promise<ExportSummary> {
  await claimFolder(folder);
  const manifest: ManifestLine[] = [];
  const total = (await archive.stats()).messages;
  let bytes = 0;
  for await (const message of archive.matches(query)) {
    options.signal?.throwIfAborted();
    const file = format === 'eml' ? `${message.sha256}.eml` : 'messages.mbox';
    const target = createWriteStream(join(folder, file), { flags: format === 'eml' ? 'wx' : 'a', mode: 0o600 });
    if (format === 'eml') await pipeline(archive.read(message.sha256), target);
    else await pipeline(archive.read(message.sha256), mboxrd(message), target);
    manifest.push(manifestLine(file, message));
    bytes += message.bytes;
    options.onProgress?.({ done: manifest.length, total });
  }
  const lines = manifest.map((line) => JSON.stringify(line)).join('\n');
  await writeFile(join(folder, 'manifest.jsonl'), lines === '' ? '' : `${lines}\n`, { flag: 'wx', mode: 0o600 });
  return { messages: manifest.length, bytes, folder };
}

async function claimFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    if (names.length > 0) throw new Fault('archive.export-target', { folder, holds: names.length });
  } catch (error) {
    if (error instanceof Fault) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Fault('archive.export-target', { folder, error: code }, { cause: error });
  }
}

function manifestLine(file: string, message: StoredMessage): ManifestLine {
  const occurrences = message.occurrences.map(({ source, folder, uidValidity, uid }) => ({ source, folder, uidValidity, uid }));
  return { file, sha256: message.sha256, bytes: message.bytes, occurrences };
}

/**
 * A message as an entry of an mbox of the mboxrd kind (RFC 4155 and the `>From ` quoting that can be undone): each line that begins
 * with `>`s and `From ` gets one `>` more. Works on bytes, lines cut anywhere.
 */
export function mboxrd(message: StoredMessage): Transform {
  const when = message.occurrences[0]?.internalDate ?? message.record?.sentAt ?? new Date(0);
  let carry = Buffer.from(`From MAILER-DAEMON ${asctime(when)}\n`, 'latin1');
  let first = true;
  const quote = (line: Buffer): Buffer =>
    /^>*From /.test(line.toString('latin1', 0, 128)) ? Buffer.concat([Buffer.from('>'), line]) : line;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (first) this.push(carry);
      let rest = first ? chunk : Buffer.concat([carry, chunk]);
      first = false;
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        this.push(quote(rest.subarray(0, end + 1)));
        rest = rest.subarray(end + 1);
      }
      carry = Buffer.from(rest);
      done();
    },
    flush(done) {
      if (first) this.push(carry);
      else if (carry.length > 0) this.push(Buffer.concat([quote(carry), Buffer.from('\n')]));
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
