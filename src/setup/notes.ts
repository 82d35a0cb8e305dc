/**
 * What the setup keeps for itself: the ids of what it made, and a journal of what it did. No secret in either.
 *
 * The hard thing is a crash at any line: the journal is written through to the disk before and after each step, and the ids are replaced
 * whole. Neither is needed to go on (everything is read from the tenant again) but for one thing: which secret was asked for and never stored.
 */
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault, isFault } from '../fault/fault.ts';
import { writeWhole } from '../runtime/whole-file.ts';

const kept = z.object({
  appId: z.string(),
  appObjectId: z.string(),
  principalId: z.string().optional(),
  /** Of the pointer: by it its rights on mailboxes are known when it is gone. */
  sid: z.string().optional(),
  /** Key id of the credential in use. */
  keyId: z.string().optional(),
  /** When it ends, ISO 8601. */
  credentialEnds: z.string().optional(),
  /** Key ids that were replaced, and from when on they may go. */
  retired: z.array(z.object({ keyId: z.string(), after: z.string() })).default([]),
  /** Rights that the setup gave: what is listed no longer is taken away again. */
  granted: z.array(z.object({ address: z.string(), right: z.enum(['full-access', 'send-as']) })).default([]),
  /** Switches that the setup turned on, as they were before: destroy sets them back. */
  switched: z
    .array(
      z.object({
        address: z.string(),
        was: z.object({ imap: z.boolean().optional(), pop: z.boolean().optional(), smtpDisabled: z.boolean().nullable().optional() }),
      }),
    )
    .default([]),
});

/** Ids only. */
export type Kept = z.infer<typeof kept>;

/** What is known before anything is. */
export const nothingKept = { retired: [], granted: [], switched: [] } satisfies Partial<Kept>;

/** What is noted, as far as it holds of this app: credentials of another one (deleted, or of another tenant) are none of it. */
export function keptOf(kept: Kept | undefined, appId: string): Partial<Kept> {
  if (kept === undefined || kept.appId.toLowerCase() === appId.toLowerCase()) return kept ?? {};
  const { keyId: _, credentialEnds: __, ...others } = kept;
  return { ...others, retired: [] };
}

const line = z.looseObject({ at: z.string(), run: z.string(), event: z.string() });
export type JournalLine = z.infer<typeof line>;

/** Each of them but `glance` @throws Fault setup.notes-unusable */
export interface SetupNotes {
  /** Path of the journal, for people. */
  readonly journalFile: string;
  /** Undefined where nothing is noted. */
  read(): Kept | undefined;
  /** For a view, which shows what else it knows: undefined also where the notes cannot be read. Never throws. */
  glance(): Kept | undefined;
  keep(value: Kept): void;
  /** The ids go; the journal stays. */
  forget(): void;
  /** Durable when it returns. */
  note(entry: JournalLine & Readonly<Record<string, unknown>>): void;
  /** Adds a change that was asked of Graph or Exchange to the audit beside the journal. Not waited for: nothing goes on by it. */
  called(entry: Readonly<Record<string, unknown>>): void;
  /** Every readable line, oldest first; one that a crash cut off is left out. */
  lines(): readonly JournalLine[];
}

/** @param dataFolder that of the configuration; `tenant` is the tenant's name there */
export function setupNotes(dataFolder: string, tenant: string): SetupNotes {
  const folder = join(dataFolder, 'setup');
  const keptFile = join(folder, `${tenant}.json`);
  const journalFile = join(folder, `${tenant}.jsonl`);
  const callsFile = join(folder, `${tenant}-calls.jsonl`);
  return {
    journalFile,
    read() {
      const text = usable(keptFile, () => textOf(keptFile));
      if (text === undefined) return undefined;
      const read = kept.safeParse(jsonOf(text));
      // Taken for nothing, it would be written over: then nobody knew any more which switches to set back.
      if (!read.success) throw new Fault('setup.notes-unusable', { file: keptFile, seen: 'it does not hold what the setup writes there' });
      return read.data;
    },
    glance() {
      try {
        return this.read();
      } catch (error) {
        if (isFault(error, 'setup.notes-unusable')) return undefined;
        throw error;
      }
    },
    keep(value) {
      usable(keptFile, () => writeWhole(keptFile, `${JSON.stringify(value, undefined, 2)}\n`));
    },
    forget() {
      usable(keptFile, () => rmSync(keptFile, { force: true }));
    },
    note(entry) {
      usable(journalFile, () => {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const file = openSync(journalFile, 'a', 0o600);
        try {
          // A line that a crash cut off must not swallow this one.
          writeSync(file, `${endsCleanly(journalFile) ? '' : '\n'}${JSON.stringify(entry)}\n`);
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
      });
    },
    called(entry) {
      usable(callsFile, () => {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        appendFileSync(callsFile, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
      });
    },
    lines() {
      return (usable(journalFile, () => textOf(journalFile)) ?? '').split('\n').flatMap((text) => {
        const read = line.safeParse(jsonOf(text));
        return read.success ? [read.data] : [];
      });
    },
  };
}

function usable<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new Fault('setup.notes-unusable', { file, seen: String(error.code) }, { cause: error });
  }
}

function endsCleanly(path: string): boolean {
  const text = textOf(path) ?? '';
  return text === '' || text.endsWith('\n');
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
