/**
 * The table of commands: what `postern --help` shows, and where each one's code is.
 *
 * Nothing is imported here but types: a help must not load the mail engine. A new command is one line, and its file exports a
 * `Command` whose `name` and `summary` are the same words (test/cli holds the two together).
 */
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** First words that have verbs under them. */
export const groups: Readonly<Record<string, string>> = {
  import: 'The import service: mail out of mailboxes and into the archive.',
  archive: 'The archive: look into it, take out of it, prove it.',
  config: 'The configuration file.',
};

export const commands: readonly CommandEntry[] = [
  {
    name: 'check',
    summary: 'Prove every link from the configuration to an opened mailbox, or say which one breaks and what repairs it.',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'token',
    summary: 'Get a token and explain what it says; or print it, for use in other tools.',
    load: async () => (await import('./token.ts')).token,
  },
  {
    name: 'sasl',
    summary: 'Print the XOAUTH2 string of a mailbox, for use in other tools.',
    load: async () => (await import('./sasl.ts')).sasl,
  },
  {
    name: 'import run',
    summary: 'Bring the mail of all sources, or of the named ones, into the archive.',
    load: async () => (await import('./import.ts')).importRun,
  },
  {
    name: 'archive search',
    summary: 'Find messages by their words.',
    load: async () => (await import('./archive.ts')).archiveSearch,
  },
  {
    name: 'archive show',
    summary: 'Show one message: what it says and where it came from; or its bytes.',
    load: async () => (await import('./archive.ts')).archiveShow,
  },
  {
    name: 'archive export',
    summary: 'Write messages into a folder, with a manifest of their hashes.',
    load: async () => (await import('./archive.ts')).archiveExport,
  },
  {
    name: 'archive verify',
    summary: 'Read everything again and prove it against its hashes.',
    load: async () => (await import('./archive.ts')).archiveVerify,
  },
  {
    name: 'archive stats',
    summary: 'Numbers of the archive: messages, sizes, sources, what is not searchable yet.',
    load: async () => (await import('./archive.ts')).archiveStats,
  },
  {
    name: 'archive reindex',
    summary: 'Make records and full text again from the stored bytes.',
    load: async () => (await import('./archive.ts')).archiveReindex,
  },
  {
    name: 'config check',
    summary: 'Read the configuration and say what was understood, or everything that is wrong.',
    load: async () => (await import('./config.ts')).configCheck,
  },
  {
    name: 'config sample',
    summary: 'Print a commented configuration to begin with.',
    load: async () => (await import('./config.ts')).configSample,
  },
  {
    name: 'config schema',
    summary: 'Print the JSON Schema of the configuration, for editors.',
    load: async () => (await import('./config.ts')).configSchema,
  },
];
