/** `postern import status`: how the import service and its sources are, read beside a running service or a dead one. */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArchiveReader } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { ImportStatus } from '../import/watch/status.ts';
import type { Alert, Journal, NotedConcern, NotedFault } from '../journal/journal.ts';
import { type Command, exit } from './command.ts';
import type { ShownArchive } from './import-status-text.ts';
import { type AllSources, type KnownSource, meant, originOf } from './known-sources.ts';
import { json, wantsColour } from './print.ts';

/** Between two looks of `--watch`. */
const watchEveryMs = 2_000;

export const importStatus: Command = {
  name: 'import status',
  summary: 'Show how the import service and its sources are, and what to do where something is wrong.',
  usage: '[SOURCE…] [--watch] [--config FILE] [--json]',
  details: `Reads what the service writes down, so it can be asked beside a running service and after one that died.
States: healthy; new (no look has ended yet); late (something should be in and is not); refused (a person must act);
throttled (the server asked for a pause); silent (it works and no mail comes); expiring (the credential ends within
30 days); stopped (no service brings it in).

After runs with --once (by a scheduler) it shows how the last one found each source, until two more are overdue.

The exit code is 0 when a service runs, or such a run was there in time, and all is well; otherwise 3.`,
  options: {
    watch: { type: 'boolean', help: 'Show it anew every two seconds, until Ctrl-C.' },
  },
  run: async (args, terminal) => {
    const { journalToRead } = await import('./wire.ts');
    const { allSources } = await import('./wire-import.ts');
    const { statusText } = await import('./import-status-text.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const all = await allSources(args, terminal);
    const { config } = all;
    const known = meant(all, args.positionals);
    const names = known.map(({ name }) => name);
    const paused = new Set(known.filter((one) => one.paused).map(({ name }) => name));
    const faults = [...known.flatMap(({ fault }) => fault ?? []), ...(all.pausesFault === undefined ? [] : [all.pausesFault])];
    const watches = args.values['watch'] === true;
    const journal = journalToRead(config);
    const colour = wantsColour(terminal);
    try {
      for (;;) {
        const now = systemClock.now();
        const status = await look(journal, names, paused, now);
        const archive = await counted(config);
        const alerts = (await journal.alerts({ open: true, limit: 10_000 })).filter(
          ({ source }) => source === undefined || names.includes(source),
        );
        if (args.values['json'] === true && watches)
          terminal.stdout.write(`${JSON.stringify(asJson(status, all, archive, alerts, now))}\n`);
        else if (args.values['json'] === true) json(terminal, asJson(status, all, archive, alerts, now));
        else
          terminal.stdout.write(
            `${watches && terminal.interactive ? '\x1b[H\x1b[2J' : ''}${statusText(status, all, archive, alerts, now, colour)}`,
          );
        const code = status.well && faults.length === 0 ? exit.done : exit.foundFaults;
        if (!watches || !(await goesOn(terminal.signal))) return code;
      }
    } finally {
      await journal.close();
    }
  },
};

async function look(journal: Journal, sources: readonly string[], paused: ReadonlySet<string>, now: number): Promise<ImportStatus> {
  const { importStatus: statusOf, withGaps } = await import('../import/watch/status.ts');
  const [noted, gaps, service] = [await journal.statuses(), await journal.gapCounts(), await journal.service()];
  const statuses = withGaps(noted, gaps, now);
  return statusOf({ sources, statuses, service, paused, now, host: hostname(), isAlive });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user: it is there all the same.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** @returns undefined where there is no archive yet */
async function counted(config: Config): Promise<ShownArchive | undefined> {
  const { archiveToRead } = await import('./wire.ts');
  let archive: ArchiveReader | undefined;
  try {
    archive = archiveToRead(config);
    const { rows, lag } = await archive.pulse();
    return { rows, lag };
  } catch (error) {
    if (!isFault(error)) throw error;
    // How the sources are stands in the journal, and is wanted most when the archive cannot be read.
    return error.code === 'archive.not-found' ? undefined : { fault: error };
  } finally {
    await archive?.close();
  }
}

/** @returns false when a person ended it */
async function goesOn(signal: AbortSignal): Promise<boolean> {
  await delay(watchEveryMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return !signal.aborted;
}

function asJson(
  { well, service, sources }: ImportStatus,
  { known, pausesFault }: AllSources,
  archive: ShownArchive | undefined,
  alerts: readonly Alert[],
  now: number,
): unknown {
  const { running, last, concerns, fault } = service;
  return {
    at: new Date(now),
    well: well && pausesFault === undefined && !sources.some(({ source }) => known.find(({ name }) => name === source)?.fault),
    service: {
      running,
      ...(last === undefined
        ? {}
        : { pid: last.pid, host: last.host, started: last.started, beat: last.beat, stopped: last.stopped, listen: last.listen }),
      ...(last?.once === undefined ? {} : { once: { ...last.once, due: !service.scheduled && !running } }),
      ...(fault === undefined ? {} : { fault: faultJson({ code: fault.code, evidence: fault.evidence }) }),
      concerns: concerns.map(concernJson),
    },
    credentials: service.credentials.map(({ tenant, clientId, what, ends, origin, because, code }) => ({
      tenant,
      clientId,
      what,
      ends: ends ?? null,
      daysLeft: ends === undefined ? null : Math.floor((ends.getTime() - now) / 86_400_000),
      origin: origin ?? null,
      because: because ?? null,
      ...(code === undefined ? {} : { code }),
    })),
    archive: archive === undefined ? null : 'fault' in archive ? { fault: faultJson(archive.fault) } : archive,
    alerts: { open: alerts.length, unacknowledged: alerts.filter(({ acknowledged }) => acknowledged === undefined).length },
    ...(pausesFault === undefined ? {} : { pauses: { fault: faultJson(pausesFault) } }),
    sources: sources.map(({ lastFault, concerns: ofSource, source, ...rest }) => ({
      source,
      origin: originOf({ known }, source),
      ...notBegun(known.find(({ name }) => name === source)),
      ...rest,
      concerns: ofSource.map(concernJson),
      ...(lastFault === undefined ? {} : { lastFault: { ...faultJson(lastFault), at: lastFault.at } }),
    })),
  };
}

/** Made in the console, and cannot be begun. */
function notBegun(source: KnownSource | undefined): object {
  return source?.fault === undefined ? {} : { cannotBegin: faultJson(source.fault) };
}

function concernJson({ kind, since, measure, folder, fault }: NotedConcern): unknown {
  return { kind, since, measure, ...(folder === undefined ? {} : { folder }), fault: faultJson(fault) };
}

function faultJson({ code, evidence }: Pick<NotedFault, 'code' | 'evidence'>): Readonly<Record<string, unknown>> {
  const { says, cause, fix, retry } = new Fault(code, evidence).entry;
  return { code, says, cause, fix, evidence, retry };
}
