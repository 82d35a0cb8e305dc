/** `postern import run`. */
import type { Archive } from '../archive/archive.ts';
import type { ImportEvent, SourceSummary } from '../import/events.ts';
import type { RunSummary } from '../import/run.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { type AllSources, labelOf, leftOutJson, originOf, tellLeftOut, type Usable, usable } from './known-sources.ts';
import { bytes, count, duration, exitCodeOf, faultAsJson, faultText, json, number, printable, progress, wantsColour } from './print.ts';
import { logFrom, teller } from './teller.ts';

export const importRun: Command = {
  name: 'import run',
  summary: 'Bring the mail of all sources, or of the named ones, into the archive.',
  usage: '[SOURCE…] [--once] [--connections N] [--listen HOST:PORT] [--log text|json] [--config FILE] [--json]',
  details: `Without --once it goes on: it listens on each mailbox, brings in what arrives, and ends cleanly on Ctrl-C.
With --once it ends when every message that the servers list is in the archive and can be found;
the exit code is 0 only then. A run that was cut off goes on where it stopped; nothing comes twice.`,
  options: {
    once: { type: 'boolean', help: 'End when everything is in.' },
    connections: { type: 'string', value: 'N', help: 'Connections open at the same time, at most (instead of `import: connections`).' },
    listen: {
      type: 'string',
      value: 'HOST:PORT',
      help: 'Serve health and metrics there, on this machine only (instead of `service: listen`). Not with --once.',
    },
    log: { type: 'string', value: 'FORM', help: 'What happens, on stderr: text for people (default), or json, one object a line.' },
  },
  run: async (args, terminal) => {
    const { archiveToWrite, importSources, journalForImport, watchOver } = await import('./wire.ts');
    const { allSources } = await import('./wire-import.ts');
    const form = await logFrom(args);
    const all = await allSources(args, terminal);
    const { config } = all;
    const using = usable(all, args.positionals, 'begin');
    const sources = importSources(config, using.names);
    const asked = { connections: await connectionsFrom(args, config.import.connections), perHost: config.import.perHost };
    const { systemClock } = await import('../runtime/clock.ts');
    const { gapKeeper } = await import('../import/reconcile/run-gaps.ts');
    const line = progress(terminal, systemClock.monotonic);
    const talk = await teller(form, terminal, line, systemClock.now);
    const archive = await archiveToWrite(config);
    tellLeftOut(using, talk);
    const journal = journalForImport(config, (fault) => talk.journalFailed(fault), await hasRows(archive));
    const gaps = gapKeeper(journal, archive);
    let watch: Awaited<ReturnType<typeof watchOver>> | undefined;
    try {
      const ports = {
        archive,
        retries: journal,
        clock: systemClock,
        random: Math.random,
        report: (event: ImportEvent) => {
          talk.tell(event);
          gaps.tell(event);
          watch?.tell(event);
        },
        signal: terminal.signal,
      };
      const { runOn, runOnce } = await import('../import/run.ts');
      const [listen, once] = [args.values['listen'], args.values['once'] === true];
      watch = await watchOver(config, {
        sources,
        archive,
        journal,
        once,
        listen: typeof listen === 'string' ? listen : undefined,
        announce: (text) => talk.announce(text),
      });
      if (!once) {
        if (watch.address !== undefined) talk.announce(`Health and metrics at http://${watch.address}/`);
        talk.announce(
          `Importing from ${using.names.map((name) => labelOf(all, name)).join(', ')} into ${config.dataFolder}. Ctrl-C ends it.`,
        );
        await watch.during(runOn(sources, ports, asked));
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
        form === 'json' ? undefined : line.show(() => `making searchable: ${number(done)} of ${number(total)}`);
      const summary = await watch.during(runOnce(sources, ports, { ...asked, onDeriving }));
      line.clear();
      if (args.values['json'] === true) json(terminal, asJson(summary, all, using));
      else terminal.stdout.write(asText(summary, all));
      return report(summary, using, terminal, form);
    } finally {
      await watch?.close();
      await gaps.settled();
      await journal.close();
      await archive.close();
    }
  },
};

/** Whether mail came before: then a journal that is not there has been lost. @throws Fault of the archive, which is closed then */
async function hasRows(archive: Archive): Promise<boolean> {
  try {
    return (await archive.heads()).ledger.rows > 0;
  } catch (error) {
    await archive.close();
    throw error;
  }
}

async function connectionsFrom(args: Arguments, configured: number): Promise<number> {
  const given = args.values['connections'];
  if (given === undefined) return configured;
  if (typeof given === 'string' && /^[1-9]\d{0,3}$/.test(given)) return Number(given);
  const { Fault } = await import('../fault/fault.ts');
  throw new Fault('cli.wrong-use', { option: '--connections', expected: 'a number from 1 to 9999', found: String(given) });
}

function asText(summary: RunSummary, all: AllSources): string {
  const lines = summary.sources.map((source) => sourceLine(source, all));
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
function sourceLine(source: SourceSummary, all: AllSources): string {
  const state = source.complete ? 'complete' : source.stopped ? 'stopped' : 'NOT complete';
  const folders = source.folders.map((folder) => {
    if (folder.uidValidity === undefined) return `${folder.folder} was not opened`;
    const gone = folder.vanished === 0 ? '' : `, ${number(folder.vanished)} vanished from the server meanwhile`;
    const excluded = folder.excluded === 0 ? '' : `${number(folder.excluded)} excluded + `;
    return (
      `${folder.folder}: ${number(folder.listed)} listed = ${number(folder.before)} before + ${number(folder.archived)} archived + ` +
      `${number(folder.duplicate)} duplicate + ${number(folder.quarantined)} quarantined + ${excluded}${number(folder.missing.length)} missing${gone}`
    );
  });
  const unmatched = source.unmatched.map(({ evidence }) => `${evidence['pattern']} found no folder`);
  const done = (source.completion?.summaries ?? []).map(
    ({ folder, step, target, done: messages }) =>
      `${folder}: ${count(messages, 'message')} ${step}${target === undefined ? '' : ` to ${target}`} on the server`,
  );
  return printable(`${labelOf(all, source.source)}: ${state}. ${[...folders, ...unmatched, ...done].join('; ')}`);
}

function asJson(summary: RunSummary, all: AllSources, using: Usable): unknown {
  const fault = (one: SourceSummary['fault']): unknown => (one === undefined ? {} : faultAsJson(one));
  return {
    complete: summary.complete,
    durableMs: Math.round(summary.durableMs),
    completeMs: Math.round(summary.completeMs),
    head: summary.head,
    ...Object(fault(summary.derivingFault)),
    sources: summary.sources.map((source) => ({
      source: source.source,
      origin: originOf(all, source.source),
      complete: source.complete,
      stopped: source.stopped,
      bytes: source.bytes,
      ...Object(fault(source.fault)),
      folders: source.folders.map((folder) => ({ ...folder, ...Object(fault(folder.fault)) })),
      unmatched: source.unmatched.map((one) => ({ pattern: one.evidence['pattern'], ...Object(fault(one)) })),
      ...(source.completion === undefined
        ? {}
        : { completion: { steps: source.completion.summaries, ...Object(fault(source.completion.fault)) } }),
    })),
    leftOut: leftOutJson(using),
  };
}

/** Faults go to stderr, each whole. The exit code is that of the first one that a person must act on. */
function report(summary: RunSummary, { faulty }: Usable, terminal: Terminal, form: 'text' | 'json'): ExitCode {
  const ofSources = summary.sources.flatMap((source) => [
    source.fault,
    ...source.folders.map((folder) => folder.fault),
    ...source.unmatched,
    source.completion?.fault,
  ]);
  const faults = [...ofSources, summary.derivingFault].filter((one) => one !== undefined);
  // In a log for machines the events have told them.
  if (form === 'text') for (const fault of faults) terminal.stderr.write(`\n${faultText(fault, wantsColour(terminal))}`);
  if (terminal.signal.aborted && !summary.complete) return exit.interrupted;
  if (summary.complete && faults.length + faulty.length === 0) return exit.done;
  const codes = [...faults, ...faulty.map(({ fault }) => fault)].map(exitCodeOf);
  return codes.find((code) => code !== exit.tryLater) ?? exit.tryLater;
}
