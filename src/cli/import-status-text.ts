/** The status of the import service in words, for 80 columns: a table of the sources, then what is wrong, each with its fix. Pure. */
import { unknowns, whyUnknown } from '../admin/graph/unknown-end.ts';
import { Fault } from '../fault/fault.ts';
import type { ImportStatus, ServiceView, ShownState, SourceView } from '../import/watch/status.ts';
import type { Alert, NotedConcern, NotedCredential, NotedFault } from '../journal/journal.ts';
import { wrapped } from './check-text.ts';
import type { AllSources, KnownSource } from './known-sources.ts';
import { count, duration, number, printable, table } from './print.ts';

const lineWidth = 80;
const mostCredentials = 8;

/** Rows of the ledger, and messages not searchable yet; or why it cannot be read. */
export type ShownArchive = { readonly rows: number; readonly lag: number } | { readonly fault: Fault };

export function statusText(
  status: ImportStatus,
  { known, pausesFault }: Pick<AllSources, 'known' | 'pausesFault'>,
  archive: ShownArchive | undefined,
  alerts: readonly Alert[],
  now: number,
  colour: boolean,
): string {
  const { service, sources } = status;
  const parts = [
    ...headLines(service, now, colour),
    ...(archive === undefined ? [] : wrapped(archiveLine(archive).split(' '), lineWidth)),
    ...(alerts.length === 0 ? [] : [alertsLine(alerts)]),
    ...credentialLines(service.credentials, now),
    '',
    sourceTable(sources, known, now, colour).trimEnd(),
    ...(pausesFault === undefined ? [] : ['', 'Which sources are paused is not known:', ...faultLines(pausesFault, colour)]),
    ...sources.flatMap(({ source }) => notBegunLines(known.find(({ name }) => name === source)?.fault, source, colour)),
    ...service.concerns.flatMap((concern) => concernLines(['service'], concern, now, colour)),
    ...(service.running || service.scheduled || sources.every(({ concerns }) => concerns.length === 0)
      ? []
      : ['', 'As it was when that service last looked:']),
    ...shared(sources).flatMap(({ names, concern }) => concernLines(names, concern, now, colour)),
    ...sources.filter(isTryingAgain).flatMap((source) => tryingLines(source, now, colour)),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function headLines({ running, last, fault, scheduled }: ServiceView, now: number, colour: boolean): string[] {
  const bold = (text: string): string => (colour ? `\x1b[1m${text}\x1b[22m` : text);
  if (running && last !== undefined) {
    const where = last.listen === undefined ? '' : `, health at http://${last.listen}`;
    return [`${bold('Import service: running')} for ${since(last.started, now)}, process ${last.pid}${where}`];
  }
  if (scheduled && last?.stopped !== undefined) {
    const how = last.once?.outcome === undefined ? '' : `, ${last.once.outcome}`;
    return [`${bold('Import service: not running')}; the last run (--once) ended ${ago(last.stopped, now)}${how}`];
  }
  const seen =
    last === undefined
      ? 'None ever ran in this data folder.'
      : last.stopped === undefined
        ? `Its last sign of life was ${ago(last.beat, now)} (process ${last.pid} on ${printable(last.host)}); it ended without a word.`
        : `The last one ended by itself ${ago(last.stopped, now)}.`;
  return [
    bold(`Import service: ${red('not running', colour)}`),
    ...indented(seen),
    ...(fault === undefined ? [] : indented(fault.entry.fix)),
  ];
}

function archiveLine(archive: ShownArchive): string {
  if ('fault' in archive) return `Archive: cannot be read. ${archive.fault.message}`;
  const { rows, lag } = archive;
  return `Archive: ${count(rows, 'ledger row')}, ${lag === 0 ? 'all searchable' : `${number(lag)} not searchable yet`}`;
}

function alertsLine(alerts: readonly Alert[]): string {
  const open = alerts.filter(({ acknowledged }) => acknowledged === undefined).length;
  const known = alerts.length - open;
  const parts = [...(open > 0 ? [`${number(open)} open`] : []), ...(known > 0 ? [`${number(known)} acknowledged`] : [])];
  return `Alerts: ${parts.join(', ')} (postern import alerts)`;
}

/** Those that end first; of a hundred tenants nobody reads all. */
function credentialLines(credentials: readonly NotedCredential[], now: number): string[] {
  const until = ({ ends }: NotedCredential): number => ends?.getTime() ?? Number.MAX_SAFE_INTEGER;
  const shown = credentials.toSorted((one, other) => until(one) - until(other)).slice(0, mostCredentials);
  const left = credentials.length - shown.length;
  return [
    ...shown.flatMap((one) => wrapped(credentialLine(one, now).split(' '), lineWidth)),
    ...(left === 0 ? [] : [`Credentials of ${count(left, 'more tenant')}: see --json`]),
  ];
}

/** `Credential of contoso: 87 days left, until 2027-01-31 (Microsoft Graph)` */
function credentialLine({ tenant, ends, origin, because, code }: NotedCredential, now: number): string {
  const of = `Credential of ${printable(tenant)}:`;
  if (ends === undefined) {
    const why = unknowns.find((one) => one === because);
    return `${of} its end is not known${why === undefined ? '' : `: ${whyUnknown(why, code)}`}`;
  }
  const days = Math.floor((ends.getTime() - now) / 86_400_000);
  const date = ends.toISOString().slice(0, 10);
  const from = origin === 'graph' ? 'Microsoft Graph' : (origin ?? 'unknown');
  return `${of} ${days < 0 ? `ended on ${date}` : `${count(days, 'day')} left, until ${date}`} (${from})`;
}

/** Of one that was made in the console. */
function notBegunLines(fault: Fault | undefined, source: string, colour: boolean): string[] {
  return fault === undefined ? [] : ['', `${printable(source)}: made in the console, and cannot be begun`, ...faultLines(fault, colour)];
}

/** Where the sources come from stands there once some come from the console. */
function sourceTable(sources: readonly SourceView[], known: readonly KnownSource[], now: number, colour: boolean): string {
  const origins = new Map(known.map(({ name, origin }) => [name, origin]));
  const isMixed = known.some(({ origin }) => origin === 'console');
  const text = table(
    [
      { title: 'SOURCE' },
      ...(isMixed ? [{ title: 'OF' }] : []),
      { title: 'STATE' },
      { title: 'FOR', right: true },
      { title: 'LAST MAIL', right: true },
      { title: 'LAST LOOK', right: true },
      { title: 'NEXT', right: true },
    ],
    sources.map((one) => [
      cut(printable(one.source), 24),
      ...(isMixed ? [origins.get(one.source) ?? ''] : []),
      one.state === 'never' ? 'never run' : one.state,
      one.since === undefined ? '-' : brief(now - one.since.getTime()),
      one.lastArrival === undefined ? '-' : `${brief(now - one.lastArrival.getTime())} ago`,
      one.lastPass === undefined ? '-' : `${brief(now - one.lastPass.getTime())} ago`,
      one.nextLook === undefined ? '-' : `in ${brief(one.nextLook.getTime() - now)}`,
    ]),
  );
  if (!colour) return text;
  const [head = '', ...rows] = text.split('\n');
  return [head, ...rows.map((row, index) => tinted(row, sources[index]))].join('\n');
}

function tinted(row: string, source: SourceView | undefined): string {
  if (source === undefined) return row;
  const word = source.state === 'never' ? 'never run' : source.state;
  const at = row.indexOf(` ${word}`, Math.min(source.source.length, 24));
  if (at === -1) return row;
  return `${row.slice(0, at + 1)}\x1b[${colourOf(source.state)}m${word}\x1b[39m${row.slice(at + 1 + word.length)}`;
}

function colourOf(state: ShownState): number {
  if (state === 'healthy') return 32;
  return state === 'new' || state === 'expiring' || state === 'throttled' || state === 'paused' ? 33 : 31;
}

/** What several sources have in common (the credential of their tenant) is told once. */
function shared(sources: readonly SourceView[]): readonly { readonly names: readonly string[]; readonly concern: NotedConcern }[] {
  const found = new Map<string, { names: string[]; concern: NotedConcern }>();
  for (const { source, concerns } of sources) {
    for (const concern of concerns) {
      const { kind, folder, fault } = concern;
      const key = JSON.stringify([kind, folder, fault.code, fault.evidence]);
      const same = found.get(key);
      if (same === undefined) found.set(key, { names: [source], concern });
      else same.names.push(source);
    }
  }
  return [...found.values()];
}

function concernLines(subjects: readonly string[], concern: NotedConcern, now: number, colour: boolean): string[] {
  const { kind, folder, fault } = concern;
  const where = folder === undefined ? '' : ` (${printable(folder)})`;
  // Of an end what counts is when it comes, and that is in what was seen.
  const how = kind === 'expiring' ? kind : `${kind} for ${since(concern.since, now)}`;
  const title = `${subjects.map(printable).join(', ')}${where}: ${how}`;
  return ['', ...wrapped(title.split(' '), lineWidth), ...faultLines(fault, colour)];
}

/** A passing fault that makes no state of its own: what the source is waiting for. */
function isTryingAgain({ state, concerns, nextLook, lastFault }: SourceView): boolean {
  return (
    nextLook !== undefined &&
    lastFault !== undefined &&
    state !== 'stopped' &&
    state !== 'paused' &&
    !concerns.some(({ fault }) => fault.code === lastFault.code)
  );
}

function tryingLines({ source, lastFault, nextLook }: SourceView, now: number, colour: boolean): string[] {
  if (lastFault === undefined || nextLook === undefined) return [];
  return ['', `${printable(source)}: trying again ${inTime(nextLook, now)}`, ...faultLines(lastFault, colour)];
}

function faultLines({ code, evidence }: Pick<NotedFault, 'code' | 'evidence'>, colour: boolean): string[] {
  const { says, fix } = new Fault(code, evidence).entry;
  const seen = Object.entries(evidence)
    .map(([name, value]) => `${name}=${printable(String(value)).slice(0, 120)}`)
    .join(', ');
  return [
    ...indented(`${code}: ${says}`).map((line) => (colour ? line.replace(code, `\x1b[31m${code}\x1b[39m`) : line)),
    ...(seen === '' ? [] : titled('seen', seen)),
    ...titled('fix', fix),
  ];
}

function indented(text: string): string[] {
  return wrapped(text.split(' '), lineWidth - 2).map((line) => `  ${line}`);
}

function titled(title: string, text: string): string[] {
  return wrapped(text.split(' '), lineWidth - 8).map((line, index) => `  ${(index === 0 ? title : '').padEnd(4)}  ${line}`);
}

function red(text: string, colour: boolean): string {
  return colour ? `\x1b[31m${text}\x1b[39m` : text;
}

function since(from: Date, now: number): string {
  return roughly(Math.max(0, now - from.getTime()));
}

function ago(at: Date, now: number): string {
  return `${since(at, now)} ago`;
}

function inTime(at: Date, now: number): string {
  const ms = at.getTime() - now;
  return ms <= 0 ? 'now' : `in ${roughly(ms)}`;
}

/** One unit, so that a row fits into its line: `13 s`, `9 m`, `4 h`, `12 d`. */
function brief(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** Seconds are enough for the eye. */
function roughly(ms: number): string {
  return duration(Math.max(1_000, Math.round(ms / 1000) * 1000)).replace('.0 s', ' s');
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
