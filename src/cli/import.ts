/** `postern import run`. */
import type { ImportEvent, SourceSummary } from '../import/events.ts';
import type { RunSummary } from '../import/run.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import {
  bytes,
  count,
  duration,
  exitCodeOf,
  faultAsJson,
  faultText,
  json,
  number,
  type Progress,
  printable,
  progress,
  quarantineReasons,
  wantsColour,
} from './print.ts';

/** Sources that are connected at the same time unless `--connections` says otherwise. */
const defaultConnections = 8;

export const importRun: Command = {
  name: 'import run',
  summary: 'Bring the mail of all sources, or of the named ones, into the archive.',
  usage: '[SOURCE…] [--once] [--connections N] [--config FILE] [--json]',
  details: `Without --once it goes on: it listens on each mailbox, brings in what arrives, and ends cleanly on Ctrl-C.
With --once it ends when every message that the servers list is in the archive and can be found;
the exit code is 0 only then. A run that was cut off goes on where it stopped; nothing comes twice.`,
  options: {
    once: { type: 'boolean', help: 'End when everything is in.' },
    connections: { type: 'string', value: 'N', help: `Sources connected at the same time, at most (default ${defaultConnections}).` },
  },
  run: async (args, terminal) => {
    const { archiveToWrite, importSources, readConfiguration } = await import('./wire.ts');
    const config = await readConfiguration(args, terminal);
    const sources = importSources(config, args.positionals);
    const connections = await connectionsFrom(args);
    const archive = await archiveToWrite(config);
    try {
      const { systemClock } = await import('../runtime/clock.ts');
      const line = progress(terminal, systemClock.monotonic);
      const talk = new Talk(terminal, line, systemClock.now);
      const ports = {
        archive,
        clock: systemClock,
        random: Math.random,
        report: (event: ImportEvent) => talk.tell(event),
        signal: terminal.signal,
      };
      const { runOn, runOnce } = await import('../import/run.ts');
      if (args.values['once'] !== true) {
        talk.announce(`Importing from ${sources.map((source) => source.name).join(', ')} into ${config.dataFolder}. Ctrl-C ends it.`);
        await runOn(sources, ports, { connections });
        line.clear();
        // Not waited for: whoever pressed Ctrl-C wants the prompt back, and deriving goes on where it stopped.
        const { lag } = await archive.stats();
        const failed = archive.derivingFault();
        const when = failed === undefined ? 'after the next run' : 'only after `postern archive reindex`';
        const later = lag === 0 ? '' : ` ${count(lag, 'message')} will be searchable ${when}.`;
        // A terminal has written ^C before this line.
        talk.announce(`${terminal.interactive ? '\n' : ''}Ended; everything that came is in the archive.${later}`);
        return failed === undefined ? exit.done : exitCodeOf(failed);
      }
      const onDeriving = ({ done, total }: { done: number; total: number }): void =>
        line.show(() => `making searchable: ${number(done)} of ${number(total)}`);
      const summary = await runOnce(sources, ports, { connections, onDeriving });
      line.clear();
      if (args.values['json'] === true) json(terminal, asJson(summary));
      else terminal.stdout.write(asText(summary));
      return report(summary, terminal);
    } finally {
      await archive.close();
    }
  },
};

async function connectionsFrom(args: Arguments): Promise<number> {
  const given = args.values['connections'];
  if (given === undefined) return defaultConnections;
  if (typeof given === 'string' && /^[1-9]\d{0,3}$/.test(given)) return Number(given);
  const { Fault } = await import('../fault/fault.ts');
  throw new Fault('cli.wrong-use', { option: '--connections', expected: 'a number from 1 to 9999', found: String(given) });
}

/** Puts events into words: a line of progress that is written over, and lasting lines for what a person should know. */
class Talk {
  readonly #terminal: Terminal;
  readonly #line: Progress;
  readonly #now: () => number;
  readonly #folders = new Map<string, { fetched: number; toFetch: number }>();
  readonly #passed = new Set<string>();
  #messages = 0;
  #bytes = 0;

  constructor(terminal: Terminal, line: Progress, now: () => number) {
    this.#terminal = terminal;
    this.#line = line;
    this.#now = now;
  }

  tell(event: ImportEvent): void {
    switch (event.kind) {
      case 'connecting':
        this.#line.show(() => `${event.source}: connecting`);
        return;
      case 'folder':
        this.#folders.set(`${event.source}\0${event.folder}`, { fetched: 0, toFetch: event.toFetch });
        return;
      case 'message': {
        const folder = this.#folders.get(`${event.source}\0${event.folder}`);
        if (folder !== undefined) folder.fetched += 1;
        this.#messages += 1;
        this.#bytes += event.bytes;
        this.#line.show(() => this.#progressText());
        return;
      }
      case 'quarantined':
        this.#say(event.source, `message ${event.uid} of ${event.folder} is in quarantine: ${quarantineReasons[event.reason]}`);
        return;
      case 'uid-validity-changed':
        this.#say(event.source, `${event.folder} was numbered anew (UIDVALIDITY ${event.before} → ${event.now}): comparing by content`);
        return;
      case 'waiting':
        this.#say(event.source, `${event.fault.message} Trying again in ${duration(event.waitMs)}.`);
        return;
      case 'failed':
        this.#line.clear();
        this.#say(event.source, `needs you; it is looked at again in ${duration(event.waitMs)}:`);
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'folder-failed':
        this.#line.clear();
        this.#say(event.source, `${event.folder} could not be brought in; what else there is goes on:`);
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'deriving-failed':
        this.announce('Mail goes on coming in, but nothing new is made searchable:');
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'pass':
        this.#line.clear();
        this.#tellPass(event);
        return;
      default:
        event satisfies never;
    }
  }

  /** Tells what a pass brought; and of the first one that it is over, so that nobody takes silence for a hanging program. */
  #tellPass({ source, arrived, duplicate, quarantined }: Extract<ImportEvent, { kind: 'pass' }>): void {
    const parts = [
      ...(arrived > 0 ? [count(arrived, 'new message')] : []),
      ...(duplicate > 0 ? [`${count(duplicate, 'message')} whose bytes were there before`] : []),
      ...(quarantined > 0 ? [`${number(quarantined)} in quarantine`] : []),
    ];
    if (parts.length > 0) this.#say(source, parts.join(', '));
    else if (!this.#passed.has(source)) this.#say(source, 'nothing new');
    this.#passed.add(source);
  }

  announce(text: string): void {
    this.#line.clear();
    this.#terminal.stderr.write(`${text}\n`);
  }

  #say(source: string, text: string): void {
    this.#line.clear();
    this.#terminal.stderr.write(`${new Date(this.#now()).toISOString().slice(11, 19)}Z ${printable(`${source}: ${text}`)}\n`);
  }

  #progressText(): string {
    let fetched = 0;
    let toFetch = 0;
    for (const folder of this.#folders.values()) {
      fetched += folder.fetched;
      toFetch += folder.toFetch;
    }
    return `importing: ${number(fetched)} of ${number(Math.max(fetched, toFetch))} messages, ${bytes(this.#bytes)}`;
  }
}

function asText(summary: RunSummary): string {
  const lines = summary.sources.map(sourceLine);
  const totalBytes = summary.sources.reduce((sum, source) => sum + source.bytes, 0);
  const messages = summary.sources
    .flatMap((source) => source.folders)
    .reduce((sum, one) => sum + one.archived + one.duplicate + one.quarantined, 0);
  const searchable = summary.derivingFault === undefined ? `searchable after ${duration(summary.completeMs)}` : 'NOT searchable';
  lines.push(
    `${count(messages, 'message')} came, ${bytes(totalBytes)}: durable after ${duration(summary.durableMs)}, ${searchable}`,
    `ledger: ${count(summary.head.rows, 'row')}, chain head ${summary.head.link.slice(0, 16)}`,
  );
  return `${lines.join('\n')}\n`;
}

/** `telemessage: complete. 41 listed = 0 before + 41 archived + 0 duplicate + 0 quarantined + 0 missing (INBOX)` */
function sourceLine(source: SourceSummary): string {
  const state = source.complete ? 'complete' : source.stopped ? 'stopped' : 'NOT complete';
  const folders = source.folders.map((folder) => {
    if (folder.uidValidity === undefined) return `${folder.folder} was not opened`;
    const gone = folder.vanished === 0 ? '' : `, ${number(folder.vanished)} vanished from the server meanwhile`;
    return (
      `${folder.folder}: ${number(folder.listed)} listed = ${number(folder.before)} before + ${number(folder.archived)} archived + ` +
      `${number(folder.duplicate)} duplicate + ${number(folder.quarantined)} quarantined + ${number(folder.missing.length)} missing${gone}`
    );
  });
  return printable(`${source.source}: ${state}. ${folders.join('; ')}`);
}

function asJson(summary: RunSummary): unknown {
  const fault = (one: SourceSummary['fault']): unknown => (one === undefined ? {} : faultAsJson(one));
  return {
    complete: summary.complete,
    durableMs: Math.round(summary.durableMs),
    completeMs: Math.round(summary.completeMs),
    head: summary.head,
    ...Object(fault(summary.derivingFault)),
    sources: summary.sources.map((source) => ({
      source: source.source,
      complete: source.complete,
      stopped: source.stopped,
      bytes: source.bytes,
      ...Object(fault(source.fault)),
      folders: source.folders.map((folder) => ({ ...folder, ...Object(fault(folder.fault)) })),
    })),
  };
}

/** Faults go to stderr, each whole. The exit code is that of the first one that a person must act on. */
function report(summary: RunSummary, terminal: Terminal): ExitCode {
  const ofSources = summary.sources.flatMap((source) => [source.fault, ...source.folders.map((folder) => folder.fault)]);
  const faults = [...ofSources, summary.derivingFault].filter((one) => one !== undefined);
  for (const fault of faults) terminal.stderr.write(`\n${faultText(fault, wantsColour(terminal))}`);
  if (summary.complete) return exit.done;
  if (terminal.signal.aborted) return exit.interrupted;
  const codes = faults.map(exitCodeOf);
  return codes.find((code) => code !== exit.tryLater) ?? exit.tryLater;
}
