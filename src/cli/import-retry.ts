/** `postern import retry`: what is in quarantine, and asking the servers for it again. */
import { userInfo } from 'node:os';
import type { OpenQuarantine } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import { type Fault, isFault } from '../fault/fault.ts';
import type { Retried, RetryOutcome, RetrySummary } from '../import/retry.ts';
import { type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { type AllSources, labelOf, leftOutJson, meant, originOf, tellLeftOut, type Usable, usable } from './known-sources.ts';
import {
  bytes,
  count,
  duration,
  exitCodeOf,
  faultAsJson,
  faultText,
  json,
  number,
  printable,
  progress,
  quarantineReasons,
  table,
  wantsColour,
} from './print.ts';

export const importRetry: Command = {
  name: 'import retry',
  summary: 'List what is in quarantine, and ask the servers for it again.',
  usage: '[SOURCE…] [--list] [--config FILE] [--json]',
  details: `In quarantine is what a server lists and does not give, and what it sent a text of its own in place of.
Every message in quarantine, or of the named sources, is asked for again; what comes is archived, and what else
is new in its folder comes in with it. What the server gave before stays in the archive in any case.
While \`import run\` holds the archive, the wish is noted and its next pass does it: exit code 75. Otherwise the
exit code is 0 when all came or there was nothing, and 3 when something stays in quarantine.`,
  options: {
    list: { type: 'boolean', help: 'Only show what is in quarantine, why, and since when.' },
  },
  run: async (args, terminal) => {
    const { archiveToRead } = await import('./wire.ts');
    const { allSources } = await import('./wire-import.ts');
    const all = await allSources(args, terminal);
    const { config } = all;
    const isList = args.values['list'] === true;
    const using = isList ? undefined : usable(all, args.positionals, 'begin');
    const names = using?.names ?? meant(all, args.positionals).map(({ name }) => name);
    const { inQuarantine } = await import('../import/retry.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const reader = archiveToRead(config);
    let entries: readonly OpenQuarantine[];
    try {
      entries = await inQuarantine(reader, names);
    } finally {
      await reader.close();
    }
    const asJson = args.values['json'] === true;
    if (using === undefined) {
      const wishes = await wishesOf(config);
      if (asJson)
        json(terminal, { quarantine: entries.map((entry) => ({ ...entryAsJson(entry, all), asked: wishes.has(placeKey(entry)) })) });
      else terminal.stdout.write(listText(entries, all, wishes, systemClock.now()));
      return exit.done;
    }
    return await retry(all, using, entries, terminal, asJson);
  },
};

async function retry(
  all: AllSources,
  using: Usable,
  entries: readonly OpenQuarantine[],
  terminal: Terminal,
  asJson: boolean,
): Promise<ExitCode> {
  const { config } = all;
  const { archiveToWrite, importSources, journalToWrite } = await import('./wire.ts');
  const { retryQuarantine, wishForRetry } = await import('../import/retry.ts');
  const { ImportTalk } = await import('./import-talk.ts');
  const { systemClock } = await import('../runtime/clock.ts');
  const line = progress(terminal, systemClock.monotonic);
  const talk = new ImportTalk(terminal, line, systemClock.now);
  tellLeftOut(using, talk);
  const journal = journalToWrite(config, (fault) => talk.journalFailed(fault));
  try {
    const asked = await wishForRetry(journal, entries, whoAsks());
    if (asked === 0) {
      const retried = entries.map((entry): Retried => ({ entry, outcome: { kind: 'renumbered' } }));
      return conclude({ retried, run: undefined }, all, using, terminal, asJson);
    }
    const archive = await archiveToWrite(config).catch((error: unknown) => {
      if (isFault(error, 'archive.in-use')) return error;
      throw error;
    });
    if (isFault(archive)) return handedOver(archive, asked, terminal, asJson);
    try {
      const ports = {
        archive,
        retries: journal,
        clock: systemClock,
        random: Math.random,
        report: talk.tell.bind(talk),
        signal: terminal.signal,
      };
      const { connections, perHost } = config.import;
      const onDeriving = ({ done, total }: { done: number; total: number }): void =>
        line.show(() => `making searchable: ${number(done)} of ${number(total)}`);
      const summary = await retryQuarantine(importSources(config, using.names), entries, ports, { connections, perHost, onDeriving });
      line.clear();
      return conclude(summary, all, using, terminal, asJson);
    } finally {
      line.clear();
      await archive.close();
    }
  } finally {
    await journal.close();
  }
}

/** Not every user id has a name, in a container above all. */
function whoAsks(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Messages that a person wants asked for again, of which no run has said yet what became of them. */
async function wishesOf(config: Config): Promise<ReadonlySet<string>> {
  const { journalToRead } = await import('./wire.ts');
  const journal = journalToRead(config);
  try {
    return new Set((await journal.pendingRetries()).map(placeKey));
  } finally {
    await journal.close();
  }
}

function handedOver(fault: Fault, asked: number, terminal: Terminal, asJson: boolean): ExitCode {
  if (asJson) json(terminal, { noted: asked, ...Object(faultAsJson(fault)) });
  const holder = fault.evidence['pid'] === undefined ? 'Another process' : `Another process (id ${fault.evidence['pid']})`;
  terminal.stderr.write(
    `${holder} is writing to this archive (archive.in-use). ${count(asked, 'message')} noted: a running import asks for ` +
      `${asked === 1 ? 'it' : 'them'} at its next pass. \`postern import retry --list\` shows what became of it.\n`,
  );
  return exit.tryLater;
}

function conclude({ retried, run }: RetrySummary, all: AllSources, using: Usable, terminal: Terminal, asJson: boolean): ExitCode {
  if (asJson)
    json(terminal, {
      retried: retried.map(({ entry, outcome }) => ({ ...entryAsJson(entry, all), outcome })),
      leftOut: leftOutJson(using),
    });
  else terminal.stdout.write(retriedText(retried, all));
  const faults = (run?.sources ?? []).flatMap(({ fault, folders }) => [fault, ...folders.map((folder) => folder.fault)]);
  const told = [...faults, run?.derivingFault].filter((fault) => fault !== undefined);
  for (const fault of told) terminal.stderr.write(`\n${faultText(fault, wantsColour(terminal))}`);
  if (retried.every(({ outcome }) => outcome.kind === 'came') && using.faulty.length === 0) return exit.done;
  if (terminal.signal.aborted) return exit.interrupted;
  const codes = [...told, ...using.faulty.map(({ fault }) => fault)].map(exitCodeOf);
  return codes.find((code) => code !== exit.tryLater) ?? codes[0] ?? exit.foundFaults;
}

function listText(entries: readonly OpenQuarantine[], all: AllSources, wishes: ReadonlySet<string>, now: number): string {
  if (entries.length === 0) return 'Nothing is in quarantine.\n';
  const rows = entries.map((entry) => {
    const notes = [
      entry.reason === undefined ? '' : quarantineReasons[entry.reason],
      ...(entry.renumbered ? ['its folder was numbered anew since'] : []),
      ...(wishes.has(placeKey(entry)) ? ['to be asked for at the next pass'] : []),
    ];
    const kept = entry.bytes === undefined ? 'nothing' : bytes(entry.bytes);
    return [...placeCells(entry, all), duration(now - entry.keptSince.getTime()), kept, notes.join('; ')];
  });
  const columns = [...placeColumns, { title: 'SINCE', right: true }, { title: 'KEPT', right: true }, { title: 'REASON' }];
  return `${table(columns, rows)}${count(entries.length, 'message')} in quarantine. \`postern import retry\` asks for them again.\n`;
}

function retriedText(retried: readonly Retried[], all: AllSources): string {
  if (retried.length === 0) return 'Nothing is in quarantine.\n';
  const rows = retried.map(({ entry, outcome }) => [...placeCells(entry, all), outcomeText(outcome)]);
  const came = retried.filter(({ outcome }) => outcome.kind === 'came').length;
  return `${table([...placeColumns, { title: 'NOW' }], rows)}${number(came)} of ${count(retried.length, 'message')} came.\n`;
}

function outcomeText(outcome: RetryOutcome): string {
  switch (outcome.kind) {
    case 'came':
      return `archived: ${outcome.sha256?.slice(0, 16) ?? ''}`;
    case 'stays':
      return `stays in quarantine: ${quarantineReasons[outcome.reason]}`;
    case 'gone':
      return 'stays in quarantine: the server does not list it any more';
    case 'renumbered':
      return 'not asked: its folder was numbered anew, so what the server has of it came under another number';
    case 'not-known':
      return 'not asked yet: the next run does it';
    default:
      return outcome satisfies never;
  }
}

const placeColumns = [{ title: 'SOURCE' }, { title: 'FOLDER' }, { title: 'UID', right: true }];

/** Over POP3 the server's own name says more than our number. */
function placeCells({ source, folder, uid, uidl }: OpenQuarantine, all: AllSources): readonly string[] {
  return [printable(labelOf(all, source)), printable(folder), uidl === undefined ? String(uid) : printable(uidl)];
}

function entryAsJson(
  { source, folder, uidValidity, uid, uidl, reason, sha256, bytes: size, keptSince, acceptedAt, renumbered }: OpenQuarantine,
  all: AllSources,
): object {
  return {
    source,
    origin: originOf(all, source),
    folder,
    uidValidity,
    uid,
    uidl,
    reason,
    sha256,
    bytes: size,
    keptSince,
    lastAnswer: acceptedAt,
    renumbered,
  };
}

function placeKey(place: { readonly source: string; readonly folder: string; readonly uidValidity: number; readonly uid: number }): string {
  return JSON.stringify([place.source, place.folder, place.uidValidity, place.uid]);
}
