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
  setup: 'The app: planned, applied, proven, rotated and taken away across Entra and Exchange.',
  import: 'The import service: mail out of mailboxes and into the archive.',
  archive: 'The archive: look into it, take out of it, prove it.',
  user: 'The users of the console, from the machine itself.',
  config: 'The configuration file.',
};

export const commands: readonly CommandEntry[] = [
  {
    name: 'setup plan',
    summary: 'Show what would be done in Entra and Exchange for the app and its mailboxes; change nothing.',
    load: async () => (await import('./setup-plan.ts')).setupPlan,
  },
  {
    name: 'setup apply',
    summary: 'Do what `setup plan` shows, step by step, reading each one back; resumable.',
    load: async () => (await import('./setup-apply.ts')).setupApply,
  },
  {
    name: 'setup verify',
    summary: 'Prove that what the setup made works: token, claims, and a login to each mailbox; and that another one is refused.',
    load: async () => (await import('./setup-verify.ts')).setupVerify,
  },
  {
    name: 'setup rotate',
    summary: 'Replace the client secret: add a new one, prove it, put it in use, and remove the old one after the overlap.',
    load: async () => (await import('./setup-rotate.ts')).setupRotate,
  },
  {
    name: 'setup audit',
    summary: 'Find what in the tenant has drifted from the configuration, and what is there besides.',
    load: async () => (await import('./setup-plan.ts')).setupAudit,
  },
  {
    name: 'setup script',
    summary: 'Print a PowerShell script that does what `setup apply` would, for an administrator to read and run.',
    load: async () => (await import('./setup-script.ts')).setupScript,
  },
  {
    name: 'setup import',
    summary: 'Read the ids that the script printed at its end, so that the app is known here.',
    load: async () => (await import('./setup-script.ts')).setupImport,
  },
  {
    name: 'setup destroy',
    summary: 'Take away what the setup made: rights on mailboxes, pointer, consent, and the app, in this order.',
    load: async () => (await import('./setup-destroy.ts')).setupDestroy,
  },
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
    name: 'import status',
    summary: 'Show how the import service and its sources are, and what to do where something is wrong.',
    load: async () => (await import('./import-status.ts')).importStatus,
  },
  {
    name: 'import alerts',
    summary: 'Show the alerts of the import service; acknowledge one, so that it is not told again.',
    load: async () => (await import('./import-alerts.ts')).importAlerts,
  },
  {
    name: 'import reconcile',
    summary: 'Compare what the servers list with the archive, and name everything that is missing.',
    load: async () => (await import('./import-reconcile.ts')).importReconcile,
  },
  {
    name: 'import retry',
    summary: 'List what is in quarantine, and ask the servers for it again.',
    load: async () => (await import('./import-retry.ts')).importRetry,
  },
  {
    name: 'serve',
    summary: 'Run the import service with its web console, its API, health and metrics.',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'proxy client',
    summary: 'The applications that may log in at the proxy: list, add, change and remove them, or give one a new password.',
    load: async () => (await import('./proxy-client.ts')).proxyClient,
  },
  {
    name: 'proxy queue',
    summary: 'Show, try again, save or drop the mail that the proxy has taken and not yet handed over.',
    load: async () => (await import('./proxy-queue.ts')).proxyQueue,
  },
  {
    name: 'proxy transcript',
    summary: 'Write down for a while what applications say to the proxy, without their secrets; for when one cannot log in.',
    load: async () => (await import('./proxy-transcript.ts')).proxyTranscript,
  },
  {
    // Behind its longer names: the first that fits is meant.
    name: 'proxy',
    summary: 'Open the door for applications that only know user and password: IMAP, POP3 and SMTP here, OAuth 2.0 at the server.',
    load: async () => (await import('./proxy.ts')).proxy,
  },
  {
    name: 'archive search',
    summary: 'Find messages by their words, people, platforms and times.',
    load: async () => (await import('./archive.ts')).archiveSearch,
  },
  {
    name: 'archive show',
    summary: 'Show one message: what it says and where it came from; or its bytes.',
    load: async () => (await import('./archive.ts')).archiveShow,
  },
  {
    name: 'archive conversation',
    summary: 'Show a conversation in the order of its time, with edits, deletions, calls, copies and gaps.',
    load: async () => (await import('./archive-conversation.ts')).archiveConversation,
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
    name: 'archive backup',
    summary: 'Copy the data folder into a backup while the import runs; again into the same folder, it brings what is new.',
    load: async () => (await import('./archive-backup.ts')).archiveBackup,
  },
  {
    name: 'archive reindex',
    summary: 'Make records and full text again from the stored bytes.',
    load: async () => (await import('./archive.ts')).archiveReindex,
  },
  {
    name: 'user list',
    summary: 'List the users of the console.',
    load: async () => (await import('./user.ts')).userList,
  },
  {
    name: 'user add',
    summary: 'Make a user of the console, and print its first password once.',
    load: async () => (await import('./user.ts')).userAdd,
  },
  {
    name: 'user password',
    summary: 'Give a user of the console a new password, print it once, and end the user’s sessions.',
    load: async () => (await import('./user.ts')).userPassword,
  },
  {
    name: 'user log',
    summary: 'Prove that no line of the access log was changed, and print its newest hash.',
    load: async () => (await import('./user.ts')).userLog,
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
