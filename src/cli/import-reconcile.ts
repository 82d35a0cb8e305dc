/** `postern import reconcile`. */
import type { Config, SourceConfig } from '../config/config.ts';
import type { Fault } from '../fault/fault.ts';
import type { ReconcileSource } from '../import/reconcile/look.ts';
import type { Identify, ManifestReport } from '../import/reconcile/manifest.ts';
import type { Reconciled, ReconcilePorts } from '../import/reconcile/reconcile.ts';
import type { Report } from '../import/reconcile/report.ts';
import type { ImportSource } from '../import/source.ts';
import type { Journal } from '../journal/journal.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { leftOutText } from './import-talk.ts';
import { type AllSources, leftOutJson, originOf, type Usable, usable } from './known-sources.ts';
import { count, duration, exitCodeOf, faultText, json, number, type Progress, printable, progress, wantsColour } from './print.ts';

/** Sources that are compared at the same time: each holds the list of its folders in memory. */
const atOnce = 4;
/** A service that was not heard of for so many of its beats is not running. */
const missedBeats = 3;
/** Fewer digits of a hash name nothing. */
const leastDigits = 4;

export const importReconcile: Command = {
  name: 'import reconcile',
  summary: 'Compare what the servers list with the archive, and name everything that is missing.',
  usage: '[SOURCE…] [--since DATE] [--folder NAME]… [--manifest FILE] [--json | --csv] [--config FILE]',
  details: `For each source, folder and UTC day: seen = archived + duplicate + excluded + quarantined + pending.
It only reads, takes one connection a source, and may run beside the import. Missing messages are named
and noted as gaps; a gap is closed when its message came. The exit code is 0 where nothing is missing, else 3.
The evidence hash stands for the whole report, which is kept: docs/reconciliation.md says how to compute it again.`,
  options: {
    since: { type: 'string', value: 'DATE', help: 'Only messages of this UTC day or later, e.g. 2026-11-01.' },
    folder: { type: 'string', multiple: true, value: 'NAME', help: 'Only this folder of the sources; may be given several times.' },
    manifest: {
      type: 'string',
      value: 'FILE',
      help: 'A CSV list of ids from upstream (ArchiveMessageID or Message-ID): each is looked for in the archive.',
    },
    evidence: {
      type: 'string',
      value: 'HASH',
      help: 'Compare nothing; print an earlier report by its evidence hash, or the first digits of it.',
    },
    csv: { type: 'boolean', help: 'The days as CSV, one line for each source, folder and day.' },
  },
  run: async (args, terminal) => {
    const { archiveToRead, importSources, journalForImport } = await import('./wire.ts');
    const { allSources } = await import('./wire-import.ts');
    const sinceDay = await dayFrom(args.values['since']);
    const form = await formFrom(args);
    const all = await allSources(args, terminal);
    const { config } = all;
    if (args.values['evidence'] !== undefined) return await printEarlier(String(args.values['evidence']), config, terminal);
    const using = usable(all, args.positionals, 'look');
    const onlyFolders = foldersFrom(args.values['folder']);
    const { systemClock: clock } = await import('../runtime/clock.ts');
    const line = progress(terminal, clock.monotonic);
    const archive = archiveToRead(config);
    for (const { name, fault } of using.faulty) terminal.stderr.write(leftOutText(name, fault, wantsColour(terminal)));
    const tell = (fault: Fault): unknown => terminal.stderr.write(faultText(fault, wantsColour(terminal)));
    const journal = journalForImport(config, tell, (await archive.heads()).ledger.rows > 0);
    try {
      const running = await runningNow(journal, clock.now());
      const sources = await reconcileSources(config, importSources(config, using.names), running);
      const names = sources.map(({ name }) => name);
      const { reconcile } = await import('../import/reconcile/reconcile.ts');
      const ports = { archive, journal, clock, random: Math.random, signal: terminal.signal, ...talk(terminal, line) };
      const compared = await reconcile(sources, ports, { sinceDay, onlyFolders, connections: Math.min(atOnce, config.import.connections) });
      await checkFolders(compared, onlyFolders);
      const manifest = await manifestOf(args.values['manifest'], (ids) => archive.identified(ids));
      const { judged } = await import('../import/reconcile/judged.ts');
      const feed = await judged(archive, new Date(clock.now()), names, silentAfter(config));
      line.clear();
      const { canonical, evidenceHash } = await import('../import/reconcile/report.ts');
      const report = withManifest(compared.report, manifest);
      const text = canonical(report);
      const evidence = evidenceHash(text);
      const kept = await journal.noteReconciliation({ sources: names, equal: report.equal, evidence, report: text });
      if (form === 'json') json(terminal, { report: JSON.parse(text), evidence: evidenceOf(evidence), feed, ...whence(all, using) });
      else if (form === 'csv') terminal.stdout.write((await import('../import/reconcile/csv.ts')).asCsv(report));
      else {
        const { reconcileText } = await import('./reconcile-text.ts');
        const shown = { report, evidence, feed, kept: kept > 0, now: clock.now(), colour: wantsColour(terminal) };
        terminal.stdout.write(reconcileText(shown));
        const made = names.filter((name) => originOf(all, name) === 'console');
        if (made.length > 0) terminal.stdout.write(printable(`Made in the console: ${made.join(', ')}.\n`));
      }
      return conclude(compared.faults, using, report, terminal);
    } finally {
      line.clear();
      await journal.close();
      await archive.close();
    }
  },
};

/** What is said while it runs: a line of progress on a terminal, and a lasting one for each wait. */
function talk(terminal: Terminal, line: Progress): Pick<ReconcilePorts, 'report' | 'onLookAgain' | 'onProgress'> {
  const say = (text: string): void => {
    line.clear();
    terminal.stderr.write(`${printable(text)}\n`);
  };
  return {
    report: (event) => {
      if (event.kind === 'waiting') say(`${event.source}: ${event.fault.message} Trying again in ${duration(event.waitMs)}.`);
    },
    onLookAgain: ({ source, missing, waitMs }) =>
      say(`${source}: ${count(missing, 'message')} not in the archive yet. The import is running; looking again in ${duration(waitMs)}.`),
    onProgress: ({ source, folder, rows }) =>
      line.show(() => `comparing ${source}${folder === undefined ? '' : ` ${folder}`}: ${number(rows)} rows of the ledger`),
  };
}

function silentAfter({ sources }: Config): ReadonlyMap<string, number> {
  return new Map(sources.flatMap(({ name, silentAfterMs: ms }) => (ms === undefined ? [] : [[name, ms] as const])));
}

/** @throws Fault reconcile.unknown-evidence */
async function printEarlier(hash: string, config: Config, terminal: Terminal): Promise<ExitCode> {
  const { journalToRead } = await import('./wire.ts');
  const journal = journalToRead(config);
  try {
    const digits = hash.toLowerCase();
    const known = await journal.reconciliations({ limit: Number.MAX_SAFE_INTEGER });
    const found = digits.length < leastDigits ? [] : known.filter(({ evidence }) => evidence.startsWith(digits));
    const earlier = found.length === 1 && found[0] !== undefined ? await journal.reconciliation(found[0].id) : undefined;
    if (earlier === undefined) {
      const { Fault } = await import('../fault/fault.ts');
      throw new Fault('reconcile.unknown-evidence', { given: hash, fits: found.length, kept: known.length });
    }
    json(terminal, { report: JSON.parse(earlier.report), evidence: evidenceOf(earlier.evidence) });
    return earlier.equal ? exit.done : exit.foundFaults;
  } finally {
    await journal.close();
  }
}

function withManifest(report: Report, manifest: ManifestReport | undefined): Report {
  return manifest === undefined ? report : { ...report, manifest, equal: report.equal && manifest.missingCount === 0 };
}

/** Where each source comes from, and which could not be compared at all. Beside the report, whose hash was told to others. */
function whence({ known }: AllSources, using: Usable): object {
  const sources = known.filter(({ name }) => using.names.includes(name)).map(({ name, origin }) => ({ source: name, origin }));
  return { sources, leftOut: leftOutJson(using) };
}

/** How the hash is to be computed again stands beside it. */
function evidenceOf(sha256: string): unknown {
  return { sha256, of: 'the value of "report" as JSON in UTF-8, its keys in this order, without blanks (docs/reconciliation.md)' };
}

/** Faults go to stderr, each whole. That something is missing weighs more than that something else could not be looked at. */
function conclude(faults: Reconciled['faults'], { faulty }: Usable, report: Report, terminal: Terminal): ExitCode {
  for (const { source, folder, fault } of faults) {
    const what = folder === undefined ? source : `${source}, ${folder}`;
    terminal.stderr.write(`\n${printable(what)} could not be compared:\n${faultText(fault, wantsColour(terminal))}`);
  }
  if (report.equal && faulty.length === 0) return exit.done;
  const isMissing = report.sources.some(
    ({ folders, unmatched, unlisted }) =>
      unmatched.length > 0 ||
      unlisted.some(({ absent }) => absent.length > 0) ||
      folders.some(({ fault, equal }) => fault === null && !equal),
  );
  if (isMissing || (report.manifest?.missingCount ?? 0) > 0) return exit.foundFaults;
  const codes = [...faults, ...faulty].map(({ fault }) => exitCodeOf(fault));
  return codes.find((code) => code !== exit.tryLater) ?? exit.tryLater;
}

async function reconcileSources(
  config: Config,
  sources: readonly ImportSource[],
  running: ReadonlySet<string>,
): Promise<readonly ReconcileSource[]> {
  const { lookAgainAfter } = await import('../import/reconcile/look.ts');
  return sources.map((source): ReconcileSource => {
    const { mailbox, protocol, server } = known(config, source.name);
    const { name, folders, leaveOut, since, connect, everyMs } = source;
    const lookAgainAfterMs = running.has(name) ? lookAgainAfter(everyMs) : undefined;
    return { name, mailbox, protocol, server: `${server.host}:${server.port}`, folders, leaveOut, since, lookAgainAfterMs, connect };
  });
}

/** Sources that a service imports just now, as far as it told the journal. */
async function runningNow(journal: Journal, now: number): Promise<ReadonlySet<string>> {
  const service = await journal.service();
  const isAlive =
    service !== undefined && service.stopped === undefined && now - service.beat.getTime() < missedBeats * service.beatEveryMs;
  return new Set(isAlive ? service.sources : []);
}

function known(config: Config, name: string): SourceConfig {
  const source = config.sources.find((one) => one.name === name);
  if (source === undefined) throw new Error(`the source ${name} was wired and is not in the configuration`);
  return source;
}

/** @throws Fault cli.wrong-use */
async function dayFrom(given: Arguments['values'][string]): Promise<string | undefined> {
  if (given === undefined) return undefined;
  const text = String(given);
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : new Date(Number.NaN);
  // A 31st of February becomes a day of March, which nobody meant.
  if (!Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)) return text;
  const { Fault } = await import('../fault/fault.ts');
  throw new Fault('cli.wrong-use', { option: '--since', expected: 'a day as 2026-11-22, in UTC', found: text });
}

/** @throws Fault cli.wrong-use */
async function formFrom(args: Arguments): Promise<'text' | 'json' | 'csv'> {
  const [isJson, isCsv] = [args.values['json'] === true, args.values['csv'] === true];
  if (!(isJson && isCsv)) return isJson ? 'json' : isCsv ? 'csv' : 'text';
  const { Fault } = await import('../fault/fault.ts');
  throw new Fault('cli.wrong-use', { problem: '--json and --csv exclude one another' });
}

function foldersFrom(given: Arguments['values'][string]): readonly string[] | undefined {
  if (!Array.isArray(given)) return undefined;
  // RFC 9051 §5.1: INBOX is the one name in which case does not count.
  return given.map((name) => (String(name).toUpperCase() === 'INBOX' ? 'INBOX' : String(name)));
}

/** A folder that is compared nowhere was misspelt; to call its absence complete would be worse than to stop. @throws Fault cli.wrong-use */
async function checkFolders({ report, faults }: Reconciled, wanted: readonly string[] | undefined): Promise<void> {
  const compared = new Set(report.sources.flatMap(({ folders }) => folders.map(({ folder }) => folder)));
  const unknown = (wanted ?? []).filter((name) => !compared.has(name));
  if (unknown.length === 0 || faults.length > 0) return;
  const { Fault } = await import('../fault/fault.ts');
  throw new Fault('cli.wrong-use', { option: '--folder', problem: `no source has the folder ${unknown.join(', ')}` });
}

/** @throws Fault reconcile.manifest-unreadable */
async function manifestOf(given: Arguments['values'][string], identify: Identify): Promise<ManifestReport | undefined> {
  if (given === undefined) return undefined;
  const { compareManifest } = await import('../import/reconcile/manifest.ts');
  const { createReadStream } = await import('node:fs');
  try {
    return await compareManifest(createReadStream(String(given)), identify);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
    const { Fault } = await import('../fault/fault.ts');
    throw new Fault('reconcile.manifest-unreadable', { file: String(given), error: String(error.code) }, { cause: error });
  }
}
