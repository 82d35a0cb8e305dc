/** `postern archive search`, `show`, `export`, `verify`, `stats`, `reindex`. */
import type { ArchiveStats, ChainHead, Derivation, Facets, SearchOrder, Progress as Work } from '../archive/archive.ts';
import { hitText, messageText } from './archive-text.ts';
import { onlyArgument, progressLine, tellLag, wholeNumber, withReader, wrongUse } from './archive-use.ts';
import { type Arguments, type Command, exit, type Terminal } from './command.ts';
import { expectNoArguments } from './parse.ts';
import { bytes, count, json, number, printable, quarantineReasons, table } from './print.ts';

const defaultLimit = 20;

const queryHelp = `QUERY is made of words, "phrases" and beginnings of words (invoi*), all of which must be there; -word must not.
  subject:W from:W to:W attachment:W header:W body:W     only there
  participant:WHO  with:WHO     who takes part: a name, an address, or a number in any spelling ("+44 7700 900123");
                                from: and to: take numbers too
  platform:whatsapp  modality:im|sms|mms|voice|video|mail|event   kind:message|call|edit|delete|reaction|…
  direction:in|out|internal  chat:direct|group|channel  format:telemessage|journal|mail  owner:WHO
  thread:ID  id:ID              a conversation; an item's id at its origin, or a Message-ID
  since:2026-01-31  until:2026-02  until:2026-01-31T18:00+01:00   days, months, years, times (UTC without a zone)
  has:attachment  source:NAME  flag:CODE
  is:edited  is:deleted  is:encrypted  is:unrecognised  is:unreadable  is:flagged  is:copy  is:quarantined
A minus before a word or field excludes it; for the shell it comes behind --:  archive search -- invoice -is:copy
A field given twice means either value, participant: twice both people. -is:copy shows each captured item once.
Unreadable messages are found by the words of their raw headers.`;

export const archiveSearch: Command = {
  name: 'archive search',
  summary: 'Find messages by their words, people, platforms and times.',
  usage: '[QUERY…] [--sort sent|arrival] [--limit N] [--after PAGE] [--counts] [--config FILE] [--json]',
  details: queryHelp,
  options: {
    sort: {
      type: 'string',
      value: 'sent|arrival',
      help: 'Newest first: by the time of sending (default), or as they came into the archive.',
    },
    limit: { type: 'string', value: 'N', help: `Show at most N messages (default ${defaultLimit}).` },
    after: { type: 'string', value: 'PAGE', help: 'Go on where a page ended, as it said at its end.' },
    counts: { type: 'boolean', help: 'Show how many there are by platform, source, month and so on, instead of the messages.' },
  },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive) => {
      const { readQuery } = await import('../archive/query.ts');
      const query = readQuery(args.positionals.map(quoted).join(' '));
      if (args.values['counts'] === true) {
        const facets = await archive.facets(query);
        if (args.values['json'] === true) json(terminal, facets);
        else terminal.stdout.write(countsText(facets));
        tellLag(facets.lag, terminal);
        return exit.done;
      }
      const limit = await wholeNumber(args, 'limit', defaultLimit);
      const after = args.values['after'];
      const order = await sortOf(args);
      const result = await archive.search(query, limit, { order, ...(typeof after === 'string' ? { after } : {}) });
      if (args.values['json'] === true) {
        json(terminal, result);
      } else {
        terminal.stdout.write(result.hits.map(hitText).join('\n'));
        if (result.hits.length === 0) terminal.stderr.write('Nothing found.\n');
        if (result.next !== undefined) terminal.stderr.write(`There are more: --limit, or --after ${result.next}\n`);
      }
      tellLag(result.lag, terminal);
      return exit.done;
    }),
};

async function sortOf(args: Arguments): Promise<SearchOrder> {
  const sort = args.values['sort'] ?? 'sent';
  if (sort === 'sent' || sort === 'arrival') return sort;
  throw await wrongUse({ option: '--sort', expected: 'sent or arrival', found: String(sort) });
}

/** Owners and months can be many. */
const shownCounts = 24;

function countsText(facets: Facets): string {
  const parts = (['platform', 'modality', 'direction', 'source', 'owner', 'month'] as const).map((name) => {
    const counts = name === 'month' ? facets[name].slice(-shownCounts) : facets[name].slice(0, shownCounts);
    const left = facets[name].length - counts.length;
    const rows = counts.map(({ value, messages }) => [value === '' ? '(not said)' : printable(value), number(messages)]);
    const more = left > 0 ? `and ${number(left)} ${name === 'month' ? 'earlier' : 'more'}\n` : '';
    return `${table([{ title: name.toUpperCase() }, { title: 'MESSAGES', right: true }], rows)}${more}`;
  });
  const total = facets.complete ? count(facets.messages, 'message') : `the newest ${count(facets.messages, 'message')} of more`;
  return `${total}\n\n${parts.join('\n')}`;
}

export const archiveShow: Command = {
  name: 'archive show',
  summary: 'Show one message: what it says and where it came from; or its bytes.',
  usage: 'ID [--raw | --provenance] [--config FILE] [--json]',
  details: `ID is a message's SHA-256, or its first digits as \`archive search\` shows them.
With --raw the bytes go to stdout exactly as they arrived, checked against their SHA-256:
  postern archive show ID --raw | sha256sum`,
  options: {
    raw: { type: 'boolean', help: 'Write the bytes as they arrived.' },
    provenance: { type: 'boolean', help: 'Show too where each field was read, and the headers that nothing was read from.' },
  },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive) => {
      const id = await onlyArgument(args, 'ID');
      const message = await archive.message(id);
      if (args.values['raw'] === true) {
        for await (const chunk of archive.read(message.sha256)) await written(terminal, chunk);
      } else if (args.values['json'] === true) {
        json(terminal, message);
      } else {
        terminal.stdout.write(messageText(message, args.values['provenance'] === true));
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
      tellLag(summary.lag, terminal);
      return summary.damaged > 0 ? exit.foundFaults : exit.done;
    }),
};

export const archiveVerify: Command = {
  name: 'archive verify',
  summary: 'Read everything again and prove it against its hashes.',
  usage: '[--head ROWS/LINK]… [--completion-head ROWS/LINK]… [--config FILE] [--json]',
  details: `Every body against its SHA-256, every row of the ledger against the hash chain. Exit code 3 if anything differs.
The chain head that it prints stands for all rows before it. Note it elsewhere (a ticket, a mail to the auditor); given
later as --head, it proves that nothing before it was changed, cut off or computed anew; --completion-head does the same
for the chain of what was done on servers (marked, moved, deleted there):
  postern archive verify --head 41/ab87faf0f2ea3fb1f90a796d7848b0d62fd55580f8e83b176bdd9dc12b40bc2b`,
  options: {
    head: { type: 'string', value: 'ROWS/LINK', multiple: true, help: 'A head that was noted elsewhere; may be given more than once.' },
    'completion-head': { type: 'string', value: 'ROWS/LINK', multiple: true, help: 'The same of the chain of what was done on servers.' },
  },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive, line) => {
      expectNoArguments(archiveVerify, args);
      const report = await archive.verify({
        heads: await notedHeads(args, 'head'),
        completionHeads: await notedHeads(args, 'completion-head'),
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
        terminal.stdout.write(headsText(report.head, report.completions));
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
      const derivation = await archive.derivation();
      if (args.values['json'] === true) {
        json(terminal, { ...stats, derivation });
        return exit.done;
      }
      const { archived, duplicate, quarantined } = stats.ledger;
      terminal.stdout.write(
        `${count(stats.messages, 'message')}, ${bytes(stats.bytes)} (${bytes(stats.storedBytes)} on disk)\n` +
          `ledger: ${count(stats.head.rows, 'row')} = ${number(archived)} archived + ${number(duplicate)} duplicate + ${number(quarantined)} quarantined\n` +
          `not searchable yet: ${number(stats.lag)}; not understood by the parser: ${number(stats.unreadable)}\n` +
          derivationText(derivation) +
          `${headsText(stats.head, stats.completions)}\n` +
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
  details: `The messages themselves are only read. Needed after a damaged index; safe to stop and to start again.
Records that a newer version, or changed settings of a source, would make otherwise are made again by themselves
beside the next import, and can be searched meanwhile; this command does it at once.`,
  options: {},
  run: async (args, terminal) => {
    expectNoArguments(archiveReindex, args);
    const { archiveToWrite, readConfiguration } = await import('./wire.ts');
    const archive = await archiveToWrite(await readConfiguration(args, terminal, { forSetup: true }));
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

/** A shell has taken the quotation marks off: an argument with blanks was a phrase. */
function quoted(argument: string): string {
  if (!/\s/.test(argument) || argument.includes('"')) return argument;
  const field = /^(-?[a-z]+:)(.*)$/s.exec(argument);
  return field === null ? `"${argument}"` : `${field[1]}"${field[2]}"`;
}

/** `--head 41/ab87…` as `archive verify` and `archive stats` print it. */
async function notedHeads(args: Arguments, option: 'head' | 'completion-head'): Promise<readonly ChainHead[]> {
  const given = args.values[option];
  const texts = Array.isArray(given) ? given : given === undefined ? [] : [given];
  const heads: ChainHead[] = [];
  for (const text of texts) {
    const [, rows, link] = /^([1-9]\d{0,14})\/([0-9a-f]{64})$/.exec(String(text)) ?? [];
    if (rows === undefined || link === undefined) {
      throw await wrongUse({ option: `--${option}`, expected: 'ROWS/LINK, the link with all its 64 digits', found: String(text) });
    }
    heads.push({ rows: Number(rows), link });
  }
  return heads;
}

/** Writes and waits while the reader of the pipe is slower. */
async function written(terminal: Terminal, chunk: Uint8Array): Promise<void> {
  if (!terminal.stdout.write(chunk)) await terminal.drained();
}

/** The chain of what was done on servers begins with the first such act. */
function headsText(head: ChainHead, completions: ChainHead): string {
  const more = completions.rows === 0 ? '' : `chain head of what was done on servers ${completions.rows}/${completions.link}\n`;
  return `chain head ${head.rows}/${head.link}\n${more}`;
}

/** Says so where records would come out otherwise now; nothing where they would not. */
function derivationText({ stale, changedSources, remaking }: Derivation): string {
  if (stale === 0) return '';
  const why =
    changedSources.length === 0
      ? 'another version of the parser'
      : `other settings of ${changedSources.join(', ')}, or another version of the parser`;
  const how =
    remaking === undefined
      ? 'the next import makes them again beside its work, postern archive reindex at once'
      : `being made again: ${of(remaking)}`;
  return printable(`records made with ${why}: ${number(stale)} (${how})`).concat('\n');
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
