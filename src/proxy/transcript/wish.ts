/**
 * Whose talks are to be written down, and until when: `proxy/transcripts.json` of the data folder. Written by `postern proxy transcript`,
 * read by a running proxy. It ends by itself, because nobody remembers to.
 */
import { chmodSync, chownSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../../runtime/whole-file.ts';
import { isClientName, isNetwork } from '../clients/client.ts';

export interface TranscriptWish {
  readonly untilMs: number;
  /** Only from there; empty: from anywhere. */
  readonly networks: readonly string[];
  /** Only of these clients; empty: of all, also of those that are none. */
  readonly clients: readonly string[];
}

export const longestTranscriptMs = 24 * 3_600_000;

const wishSchema = z.strictObject({
  version: z.literal(1),
  until: z.iso.datetime(),
  networks: z.array(z.string().refine(isNetwork)).max(100),
  clients: z.array(z.string().refine(isClientName)).max(100),
});

export function transcriptWishPath(dataFolder: string): string {
  return join(dataFolder, 'proxy', 'transcripts.json');
}

/** Undefined where there is none, or none that can be read: then nothing is written down. */
export function readTranscriptWish(dataFolder: string): TranscriptWish | undefined {
  try {
    const { until, networks, clients } = wishSchema.parse(JSON.parse(readFileSync(transcriptWishPath(dataFolder), 'utf8')));
    return { untilMs: Date.parse(until), networks, clients };
  } catch {
    return undefined;
  }
}

/** Undefined ends it. Throws what the system says. */
export function writeTranscriptWish(dataFolder: string, wish: TranscriptWish | undefined): void {
  const path = transcriptWishPath(dataFolder);
  if (wish === undefined) {
    rmSync(path, { force: true });
    return;
  }
  const { untilMs, networks, clients } = wish;
  writeWhole(path, `${JSON.stringify({ version: 1, until: new Date(untilMs).toISOString(), networks, clients }, undefined, 1)}\n`);
  if (process.getuid?.() !== 0) return;
  // Root beside the proxy leaves it to whose data folder it is.
  const { uid, gid } = statSync(dataFolder);
  for (const own of [dirname(path), path]) chownSync(own, uid, gid);
  chmodSync(path, 0o600);
}
