/** `postern archive search`, `show`, `export`, `verify`, `stats`, `reindex`. */
import type { ArchiveReader, ArchiveStats, ChainHead, StoredMessage, Progress as Work } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { expectNoArguments } from './parse.ts';
import { bytes, count, json, number, printable, progress, quarantineReasons, table } from './print.ts';

const defaultLimit = 20;
/** Digits of a message's id that are shown: enough for a billion messages. */
const shownDigits = 12;

const queryHelp = `QUERY is made of words, "phrases" and beginnings of words (invoi*), all of which must be there; -word must not.
  subject:W from:W to:W attachment:W header:W body:W   only there
  source:NAME  since:2026-01-31  until:2026-02-28  has:attachment  -has:attachment
A source's unreadable messages are found by the words of their raw headers.`;

export const archiveSearch: Command = {
  name: 'archive search',
  summary: 'Find messages by their words.',
  usage: '[QUERY…] [--limit N] [--config FILE] [--json]',
  details: queryHelp,
  options: { limit: { type: 'string', value: 'N', help: `Show at most N messages (default ${defaultLimit}).` } },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive) => {
      const { readQuery } = await import('../archive/query.ts');
      const limit = await wholeNumber(args, 'limit', defaultLimit);
      const result = await archive.search(readQuery(args.positionals.map(quoted).join(' ')), limit);
      if (args.values['json'] === true) {
        json(terminal, result);
      } else {
        terminal.stdout.write(result.hits.map(hitText).join('\n'));
        if (result.hits.length === 0) terminal.stderr.write('Nothing found.\n');
        if (result.more) terminal.stderr.write(`There are more; --limit shows them.\n`);
      }
      tellLag(result.lag, terminal);
      return exit.done;
    }),
};

export const archiveShow: Command = {
  name: 'archive show',
  summary: 'Show one message: what it says and where it came from; or its bytes.',
  usage: 'ID [--raw] [--config FILE] [--json]',
  details: `ID is a message's SHA-256, or its first digits as \`archive search\` shows them.
With --raw the bytes go to stdout exactly as they arrived, checked against their SHA-256:
  postern archive show ID --raw | sha256sum`,
  options: { raw: { type: 'boolean', help: 'Write the bytes as they arrived.' } },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive) => {
      const id = await onlyArgument(args, 'ID');
      const message = await archive.message(id);
      if (args.values['raw'] === true) {
        for await (const chunk of archive.read(message.sha256)) await written(terminal, chunk);
      } else if (args.values['json'] === true) {
        json(terminal, message);
      } else {
        terminal.stdout.write(messageText(message));
      }
      return exit.done;
    }),
};

export const archiveExport: Command = {
  name: 'archive export',
  summary: 'Write messages into a folder, with a manifest of their hashes.',
  usage: '--format eml|mbox DIR [QUERY…] [--config FILE] [--json]',
  details: `DIR must be empty or new. eml: a file a message, byte for byte as it arrived, named by its SHA-256.
mbox: one file of the mboxrd kind. manifest.jsonl names file, SHA-256 and origin of each message.
A message whose stored bytes are damaged has a manifest line with its fault and no file; then the exit code is 3.
${queryHelp}`,
  options: { format: { type: 'string', value: 'eml|mbox', help: 'What to write (default eml).' } },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive, line) => {
      const { exportMessages } = await import('../archive/export.ts');
      const { readQuery } = await import('../archive/query.ts');
      const [folder, ...query] = args.positionals;
      const format = args.values['format'] ?? 'eml';
      if (folder === undefined) throw await wrongUse({ expected: 'a folder: archive export DIR [QUERY…]' });
      if (format !== 'eml' && format !== 'mbox')
        throw await wrongUse({ option: '--format', expected: 'eml or mbox', found: String(format) });
      const summary = await exportMessages(archive, readQuery(query.map(quoted).join(' ')), format, folder, {
        signal: terminal.signal,
        onProgress: ({ done }) => line(() => `exporting: ${number(done)}`),
      });
      line(undefined);
      if (args.values['json'] === true) json(terminal, summary);
      else terminal.stdout.write(`${count(summary.messages, 'message')}, ${bytes(summary.bytes)} written to ${summary.folder}\n`);
      if (summary.damaged > 0) {
        terminal.stderr.write(
          `${count(summary.damaged, 'message')} not written, damaged in the archive: see "fault" in manifest.jsonl, and postern archive verify.\n`,
        );
      }
      tellLag((await archive.stats()).lag, terminal);
      return summary.damaged > 0 ? exit.foundFaults : exit.done;
    }),
};

export const archiveVerify: Command = {
  name: 'archive verify',
  summary: 'Read everything again and prove it against its hashes.',
  usage: '[--head ROWS/LINK]… [--config FILE] [--json]',
  details: `Every body against its SHA-256, every row of the ledger against the hash chain. Exit code 3 if anything differs.
The chain head that it prints stands for all rows before it. Note it elsewhere (a ticket, a mail to the auditor); given
later as --head, it proves that nothing before it was changed, cut off or computed anew:
  postern archive verify --head 41/ab87faf0f2ea3fb1f90a796d7848b0d62fd55580f8e83b176bdd9dc12b40bc2b`,
  options: {
    head: { type: 'string', value: 'ROWS/LINK', multiple: true, help: 'A head that was noted elsewhere; may be given more than once.' },
  },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive, line) => {
      expectNoArguments(archiveVerify, args);
      const report = await archive.verify({
        heads: await notedHeads(args),
        signal: terminal.signal,
        onProgress: (work) => line(() => `verifying: ${of(work)} messages`),
      });
      line(undefined);
      if (args.values['json'] === true) {
        json(terminal, report);
      } else {
        for (const finding of report.findings) terminal.stdout.write(`${finding.code}: ${printable(finding.seen)}\n`);
        const verdict = report.findings.length === 0 ? 'all proven' : count(report.findings.length, 'finding');
        terminal.stdout.write(
          `${verdict}: ${count(report.messages, 'message')}, ${bytes(report.bytes)}, ${count(report.rows, 'ledger row')}\n`,
        );
        terminal.stdout.write(`chain head ${report.head.rows}/${report.head.link}\n`);
        if (report.orphans > 0) terminal.stdout.write(`${count(report.orphans, 'body file')} without a row, left by a crash: harmless\n`);
      }
      return report.findings.length === 0 ? exit.done : exit.foundFaults;
    }),
};

export const archiveStats: Command = {
  name: 'archive stats',
  summary: 'Numbers of the archive: messages, sizes, sources, what is not searchable yet.',
  usage: '[--config FILE] [--json]',
  options: {},
  run: (args, terminal) =>
    withReader(args, terminal, async (archive) => {
      expectNoArguments(archiveStats, args);
      const stats = await archive.stats();
      if (args.values['json'] === true) {
        json(terminal, stats);
        return exit.done;
      }
      const { archived, duplicate, quarantined } = stats.ledger;
      terminal.stdout.write(
        `${count(stats.messages, 'message')}, ${bytes(stats.bytes)} (${bytes(stats.storedBytes)} on disk)\n` +
          `ledger: ${count(stats.head.rows, 'row')} = ${number(archived)} archived + ${number(duplicate)} duplicate + ${number(quarantined)} quarantined\n` +
          `not searchable yet: ${number(stats.lag)}; not understood by the parser: ${number(stats.unreadable)}\n` +
          `chain head ${stats.head.rows}/${stats.head.link}\n\n` +
          table(
            [{ title: 'SOURCE' }, { title: 'FOLDER' }, { title: 'UIDVALIDITY', right: true }, { title: 'ROWS', right: true }],
            stats.sources.map((one) => [printable(one.source), printable(one.folder), String(one.uidValidity), number(one.rows)]),
          ) +
          withoutBytesText(stats.withoutBytes),
      );
      return exit.done;
    }),
};

export const archiveReindex: Command = {
  name: 'archive reindex',
  summary: 'Make records and full text again from the stored bytes.',
  usage: '[--config FILE] [--json]',
  details: 'The messages themselves are only read. Needed after a damaged index; safe to stop and to start again.',
  options: {},
  run: async (args, terminal) => {
    expectNoArguments(archiveReindex, args);
    const { archiveToWrite, readConfiguration } = await import('./wire.ts');
    const archive = await archiveToWrite(await readConfiguration(args, terminal));
    try {
      const line = await progressLine(terminal);
      await archive.reindex({ signal: terminal.signal, onProgress: (work) => line(() => `making searchable: ${of(work)}`) });
      line(undefined);
      const { messages, lag, unreadable } = await archive.stats();
      if (args.values['json'] === true) json(terminal, { messages, lag, unreadable });
      else terminal.stdout.write(`${count(messages, 'message')} searchable, ${number(unreadable)} of them by their raw headers only\n`);
      return exit.done;
    } finally {
      await archive.close();
    }
  },
};

/** Shows a text, or with undefined takes the line away. */
type Line = (text: (() => string) | undefined) => void;

async function progressLine(terminal: Terminal): Promise<Line> {
  const { systemClock } = await import('../runtime/clock.ts');
  const line = progress(terminal, systemClock.monotonic);
  return (text) => (text === undefined ? line.clear() : line.show(text));
}

async function withReader(
  args: Arguments,
  terminal: Terminal,
  act: (archive: ArchiveReader, line: Line, config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { archiveToRead, readConfiguration } = await import('./wire.ts');
  const config = await readConfiguration(args, terminal);
  const archive = archiveToRead(config);
  try {
    return await act(archive, await progressLine(terminal), config);
  } finally {
    await archive.close();
  }
}

/** A shell has taken the quotation marks off: an argument with blanks was a phrase. */
function quoted(argument: string): string {
  if (!/\s/.test(argument) || argument.includes('"')) return argument;
  const field = /^(-?[a-z]+:)(.*)$/s.exec(argument);
  return field === null ? `"${argument}"` : `${field[1]}"${field[2]}"`;
}

async function wholeNumber(args: Arguments, option: string, otherwise: number): Promise<number> {
  const given = args.values[option];
  if (given === undefined) return otherwise;
  if (typeof given === 'string' && /^[1-9]\d{0,6}$/.test(given)) return Number(given);
  throw await wrongUse({ option: `--${option}`, expected: 'a number from 1 to 9999999', found: String(given) });
}

/** `--head 41/ab87…` as `archive verify` and `archive stats` print it. */
async function notedHeads(args: Arguments): Promise<readonly ChainHead[]> {
  const given = args.values['head'];
  const texts = Array.isArray(given) ? given : given === undefined ? [] : [given];
  const heads: ChainHead[] = [];
  for (const text of texts) {
    const [, rows, link] = /^([1-9]\d{0,14})\/([0-9a-f]{64})$/.exec(String(text)) ?? [];
    if (rows === undefined || link === undefined) {
      throw await wrongUse({ option: '--head', expected: 'ROWS/LINK, the link with all its 64 digits', found: String(text) });
    }
    heads.push({ rows: Number(rows), link });
  }
  return heads;
}

async function onlyArgument(args: Arguments, name: string): Promise<string> {
  const [only, ...more] = args.positionals;
  if (only === undefined || more.length > 0) throw await wrongUse({ expected: `one ${name}`, found: args.positionals.join(' ') });
  return only;
}

async function wrongUse(evidence: Readonly<Record<string, string>>): Promise<Error> {
  const { Fault } = await import('../fault/fault.ts');
  return new Fault('cli.wrong-use', evidence);
}

/** Writes and waits while the reader of the pipe is slower. */
async function written(terminal: Terminal, chunk: Uint8Array): Promise<void> {
  if (!terminal.stdout.write(chunk)) await terminal.drained();
}

function tellLag(lag: number, terminal: Terminal): void {
  if (lag > 0) terminal.stderr.write(`${count(lag, 'message is', 'messages are')} not searchable yet: the index is catching up.\n`);
}

function of({ done, total }: Work): string {
  return `${number(done)} of ${number(total)}`;
}

/** The messages that are nowhere but in the ledger: nothing else of the archive would ever show them. */
function withoutBytesText({ count: all, first }: ArchiveStats['withoutBytes']): string {
  if (all === 0) return '';
  const rows = first.map((one) => [
    printable(one.source),
    printable(one.folder),
    String(one.uidValidity),
    String(one.uid),
    quarantineReasons[one.reason],
  ]);
  const columns = [
    { title: 'SOURCE' },
    { title: 'FOLDER' },
    { title: 'UIDVALIDITY', right: true },
    { title: 'UID', right: true },
    { title: 'REASON' },
  ];
  const more = all > first.length ? `and ${number(all - first.length)} more\n` : '';
  return `\n${count(all, 'message')} in quarantine without content:\n${table(columns, rows)}${more}`;
}

/** For a message that is nowhere but in quarantine. */
function quarantineText(message: StoredMessage): string | undefined {
  const reasons = new Set(message.occurrences.map((one) => one.reason));
  if (message.occurrences.some((one) => one.state !== 'quarantined')) return undefined;
  return `in quarantine: ${[...reasons].map((reason) => (reason === undefined ? 'no reason noted' : quarantineReasons[reason])).join('; ')}`;
}

function hitText(message: StoredMessage): string {
  const record = message.record;
  const when = (record?.sentAt ?? message.occurrences[0]?.internalDate)?.toISOString().slice(0, 16).replace('T', ' ') ?? '—';
  const where = [...new Set(message.occurrences.map((one) => `${one.source}/${one.folder}`))].join(', ');
  const quarantine = quarantineText(message);
  const files = record === undefined || record.attachments.length === 0 ? '' : `  [${count(record.attachments.length, 'attachment')}]`;
  return printable(`${message.sha256.slice(0, shownDigits)}  ${when}  ${record?.from ?? ''}`)
    .concat(
      '\n',
      printable(`    ${record?.subject === '' ? '(no subject)' : (record?.subject ?? '')}${files}  (${where}, ${bytes(message.bytes)})`),
    )
    .concat('\n', record?.preview === undefined || record.preview === '' ? '' : `    ${printable(record.preview.slice(0, 120))}\n`)
    .concat(quarantine === undefined ? '' : `    ${quarantine}\n`);
}

function messageText(message: StoredMessage): string {
  const record = message.record;
  const lines = [`id        ${message.sha256}`, `bytes     ${number(message.bytes)}`];
  for (const one of message.occurrences) {
    lines.push(
      `found     ${one.source}, ${one.folder}, UIDVALIDITY ${one.uidValidity}, UID ${one.uid}: ${one.state} ${one.acceptedAt.toISOString()}`,
    );
  }
  const quarantine = quarantineText(message);
  if (quarantine !== undefined) lines.push(`state     ${quarantine}`);
  if (record === undefined) {
    lines.push('record    not derived yet');
  } else {
    lines.push(
      `from      ${record.from}`,
      `to        ${record.to}`,
      `subject   ${record.subject}`,
      `date      ${record.sentAt?.toISOString() ?? 'none that can be read'}`,
    );
    if (record.messageId !== '') lines.push(`id field  ${record.messageId}`);
    for (const one of record.attachments)
      lines.push(`attached  ${one.name === '' ? '(no name)' : one.name}, ${one.type}, ${number(one.bytes)} bytes`);
    if (record.problem !== undefined) lines.push(`problem   ${record.problem}`);
    if (record.preview !== '') lines.push('', record.preview);
  }
  return `${lines.map(printable).join('\n')}\n`;
}
