/**
 * A reconciliation as a person reads it, and shows it to an auditor: the answer first, then each folder with its equation by days, then
 * every message that is not simply there, by name.
 *
 * The hard thing is the amount: years of days and thousands of names. Older days are summed up by month and long lists are cut, each with
 * the words where the whole of it stands; nothing is left out of the sums.
 */
import type { FeedReport } from '../import/reconcile/judged.ts';
import type {
  AbsentMessage,
  Counts,
  DayReport,
  EarlierEra,
  FolderReport,
  NamedMessage,
  QuarantinedMessage,
  Report,
  SourceReport,
} from '../import/reconcile/report.ts';
import { sum } from '../import/reconcile/report.ts';
import { bytes, count, duration, number, printable, quarantineReasons, table } from './print.ts';

export interface ReconcileTextOptions {
  readonly report: Report;
  readonly evidence: string;
  readonly feed: FeedReport;
  /** Whether the journal could take the report. */
  readonly kept: boolean;
  readonly now: number;
  readonly colour: boolean;
}

/** So many days are shown one by one, the last ones, and each with something pending or apart; the others by month. */
const singleDays = 14;
const mostSingleDays = 60;
const singleMonths = 24;
/** Messages that a list shows. */
const shownMessages = 20;
/** Shapes, owners and the like. */
const shownOthers = 10;

export function reconcileText({ report, evidence, feed, kept, now, colour }: ReconcileTextOptions): string {
  const parts = [headline(report, feed, colour), ...report.sources.map((source) => sourceText(source, colour))];
  if (report.manifest !== undefined) parts.push(manifestText(report.manifest));
  parts.push(feedText(feed, now), footer(report, evidence, kept));
  return parts.join('\n');
}

function headline(report: Report, feed: FeedReport, colour: boolean): string {
  const folders = report.sources.flatMap((source) => source.folders);
  const totals = sum(folders.map((folder) => folder.totals));
  const problems = problemsOf(report, totals);
  const paint = (text: string, code: number): string => (colour ? `\x1b[1;${code}m${text}\x1b[0m` : text);
  const answer =
    problems.length === 0
      ? `${paint('Complete:', 32)} every message that the servers list is accounted for.`
      : `${paint('NOT complete:', 31)} ${problems.join('; ')}.`;
  const at = `${report.at.slice(0, 16).replace('T', ' ')} UTC`;
  const since = report.since === null ? '' : ` since ${report.since}`;
  const compared = `Compared ${at}${since}: ${count(report.sources.length, 'source')}, ${count(folders.length, 'folder')}, ${count(totals.seen, 'message')} seen.`;
  return [answer, compared, ...asidesOf(folders, totals, feed)].map((line) => `${line}\n`).join('');
}

/** What does not keep it from being complete and must not be overlooked. */
function asidesOf(folders: readonly FolderReport[], totals: Counts, feed: FeedReport): readonly string[] {
  const vanished = sumOf(folders, (folder) => folder.vanished.length);
  const silent = feed.known ? feed.sources.filter(({ state }) => state === 'silent').map(({ source }) => printable(source)) : [];
  return [
    ...(totals.quarantined > 0 ? [`${count(totals.quarantined, 'message')} kept apart, in quarantine.`] : []),
    ...(totals.excluded > 0 ? [`${count(totals.excluded, 'message')} excluded by \`since\`, as configured.`] : []),
    ...(vanished > 0 ? [`${count(vanished, 'message')} vanished from the server before coming here; not among those seen.`] : []),
    ...(silent.length > 0 ? [`Silent against habit: ${silent.join(', ')}.`] : []),
  ];
}

/** What keeps it from being complete, most important first. */
function problemsOf(report: Report, totals: Counts): readonly string[] {
  const folders = report.sources.flatMap((source) => source.folders);
  const absent = sumOf([...folders, ...report.sources.flatMap((source) => source.unlisted)], (folder) => folder.absent.length);
  const uncounted = folders.filter((folder) => folder.counted !== folder.listed);
  const failed = report.sources.filter((source) => source.fault !== null).map((source) => source.source);
  const failedFolders = folders.filter((folder) => folder.fault !== null).map((folder) => folder.folder);
  const unmatched = report.sources.flatMap((source) => source.unmatched);
  const missing = report.manifest?.missingCount ?? 0;
  return [
    ...(totals.pending > 0 ? [`${count(totals.pending, 'message')} on the server and not in the archive`] : []),
    ...(absent > 0 ? [`${count(absent, 'message')} without bytes in the store`] : []),
    ...(missing > 0 ? [`${count(missing, 'id')} of the manifest not in the archive`] : []),
    ...(uncounted.length > 0 ? [`${count(uncounted.length, 'folder')} in which the server counts another number than it lists`] : []),
    ...(failed.length > 0 ? [`not compared: ${printable(failed.join(', '))}`] : []),
    ...(failedFolders.length > 0 ? [`could not be opened: ${printable(failedFolders.join(', '))}`] : []),
    ...(unmatched.length > 0 ? [`no folder fits ${printable(unmatched.join(', '))}`] : []),
  ];
}

function sourceText(source: SourceReport, colour: boolean): string {
  const bold = (text: string): string => (colour ? `\x1b[1m${text}\x1b[22m` : text);
  const where = `${source.mailbox}, ${source.protocol === 'pop3' ? 'POP3' : 'IMAP'} ${source.server}`;
  const title = `${bold(printable(source.source))}  ${printable(where)}\n`;
  if (source.fault !== null) return `${title}  not compared: ${source.fault} (see below)\n`;
  const others = source.unlisted.map(({ folder, rows, absent }) => {
    const lines = [`  ${printable(folder)}: ${count(rows, 'row')} in the ledger; not a folder of this source now`, ...absentList(absent)];
    return lines.map((line) => `${line}\n`).join('');
  });
  return `${title}${source.folders.map((folder) => folderText(folder, source)).join('')}${others.join('')}`;
}

function folderText(folder: FolderReport, source: SourceReport): string {
  const name = printable(folder.folder);
  if (folder.fault !== null) return `  ${name}: could not be opened: ${folder.fault} (see below)\n`;
  const { totals } = folder;
  const rows = dayRows(folder.days);
  const lines = [
    `  ${name}${source.protocol === 'pop3' ? '' : ` (UIDVALIDITY ${folder.uidValidity})`}: ${folder.equal ? 'complete' : 'NOT complete'}`,
    ...(totals.seen === 0 ? ['    nothing was ever seen here'] : indented(equation(rows, totals))),
    `    ${listedText(folder)}`,
    ...folder.earlier.map(earlierText),
    ...list('missing', folder.missing, totals.pending, missingText),
    ...absentList(folder.absent),
    ...list('in quarantine', folder.quarantined, totals.quarantined, quarantinedText),
    ...list('vanished before they came, and will never come', folder.vanished, folder.vanished.length, (one) => {
      return `${missingText(one)}\n        noted ${one.noted.slice(0, 10)}: ${one.explanation}`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function listedText({ counted, listed, totals }: FolderReport): string {
  const by =
    totals.gone === 0 ? '' : ` (${number(totals.goneByPostern)} by Postern, ${number(totals.gone - totals.goneByPostern)} by others)`;
  return `the server lists ${number(listed)}, counts ${number(counted)}; gone from it since: ${number(totals.gone)}${by}`;
}

function earlierText({ uidValidity, messages, listedAgain }: EarlierEra): string {
  return `    earlier UIDVALIDITY ${uidValidity}: ${count(messages, 'message')}, ${number(listedAgain)} found again by their bytes`;
}

function equation(rows: readonly DayReport[], totals: Counts): string {
  const cells = (day: string, one: Counts): string[] => [
    day,
    number(one.seen),
    '=',
    number(one.archived),
    number(one.duplicate),
    number(one.excluded),
    number(one.quarantined),
    number(one.pending),
  ];
  const columns = [
    { title: 'day (UTC)' },
    { title: 'seen', right: true },
    { title: '=' },
    { title: 'archived', right: true },
    { title: 'duplicate', right: true },
    { title: 'excluded', right: true },
    { title: 'quarantined', right: true },
    { title: 'pending', right: true },
  ];
  const body = rows.map((row) => cells(row.day, row));
  return table(columns, rows.length === 1 ? body : [...body, cells('all', totals)]);
}

/** The last days one by one, and each that is not plain; those before summed up by month, and long ago by year. */
function dayRows(days: readonly DayReport[]): readonly DayReport[] {
  const isDated = ({ day }: DayReport): boolean => /^\d/.test(day);
  const dated = days.filter(isDated);
  if (dated.length <= singleDays + shownOthers) return days;
  const last = new Set(dated.slice(-singleDays));
  const single = dated.filter((day) => last.has(day) || day.pending > 0 || day.quarantined > 0);
  const shown = new Set(single.slice(-mostSingleDays));
  const early = dated.filter((day) => !shown.has(day));
  const months = grouped(early, 7);
  const lastMonths = months.slice(-singleMonths);
  const firstMonth = lastMonths[0]?.day ?? '';
  const years = grouped(
    early.filter(({ day }) => day.slice(0, 7) < firstMonth),
    4,
  );
  const [excluded, unknown] = [
    days.filter(({ day }) => day.startsWith('before')),
    days.filter((day) => !isDated(day) && !day.day.startsWith('before')),
  ];
  // What is left of a month some of whose days stand by themselves.
  const rest = (month: DayReport): DayReport =>
    single.some(({ day }) => day.startsWith(month.day)) ? { ...month, day: `${month.day} rest` } : month;
  return [...excluded, ...years.map(rest), ...lastMonths.map(rest), ...shown, ...unknown];
}

function grouped(days: readonly DayReport[], letters: number): readonly DayReport[] {
  const groups = new Map<string, DayReport[]>();
  for (const day of days) {
    const key = day.day.slice(0, letters);
    groups.set(key, [...(groups.get(key) ?? []), day]);
  }
  return [...groups].map(([day, of]) => ({ ...sum(of), day }));
}

function missingText({ uid, uidl, internalDate, bytes: size, messageId }: NamedMessage): string {
  const name = uidl === null ? `UID ${uid ?? '?'}` : `UIDL ${printable(uidl)}`;
  const facts = [
    ...(internalDate === null ? [] : [internalDate.slice(0, 19).replace('T', ' ')]),
    ...(size === null ? [] : [bytes(size)]),
    ...(messageId === null ? [] : [printable(messageId)]),
  ];
  return [name, ...facts].join('  ');
}

function quarantinedText({ uid, uidl, day, reason, sha256 }: QuarantinedMessage): string {
  const why = Object.hasOwn(quarantineReasons, reason) ? quarantineReasons[reason as keyof typeof quarantineReasons] : reason;
  const name = uidl === null ? `UID ${uid}` : `UIDL ${printable(uidl)}`;
  return `${name}  ${day}  ${why}; ${sha256 === null ? 'no bytes came' : `kept as ${sha256.slice(0, 12)}`}`;
}

function absentList(absent: readonly AbsentMessage[]): readonly string[] {
  return list('without bytes in the store', absent, absent.length, (one) => `row ${one.row} of the ledger, UID ${one.uid}: ${one.seen}`);
}

function list<T>(title: string, items: readonly T[], total: number, text: (item: T) => string): readonly string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, shownMessages).map((item) => `      ${text(item)}`);
  const rest = Math.max(total, items.length) - shown.length;
  return [`    ${title}:`, ...shown, ...(rest > 0 ? [`      … and ${number(rest)} more: --json names them`] : [])];
}

function manifestText({ column, listed, found, missing, missingCount }: NonNullable<Report['manifest']>): string {
  const by = column === '' ? '' : `, column ${printable(column)}`;
  const answer = missingCount === 0 ? 'all of them in the archive' : `${number(found)} in the archive, ${number(missingCount)} NOT`;
  const lines = [`manifest: ${count(listed, 'id')}${by}: ${answer}`, ...list('not in the archive', missing, missingCount, printable)];
  return `${lines.join('\n')}\n`;
}

function feedText(feed: FeedReport, now: number): string {
  const title = 'feeds (read from the records; not part of the evidence)';
  if (!feed.known) return `${title}\n  not known: ${feed.fault}\n`;
  const lines: string[] = [];
  for (const source of feed.sources) {
    const name = printable(source.source);
    const ago = duration(Math.max(0, now - source.last.getTime()));
    const expected = source.state === 'unknown' ? 'too little history for a habit' : `${number(source.expected)} expected since by habit`;
    const word = source.state === 'silent' ? 'SILENT: ' : '';
    lines.push(`  ${name}: ${word}last message ${ago} ago, ${expected}`);
    for (const voice of source.silentVoices.slice(0, shownOthers)) {
      const who = [voice.owner, voice.platform].filter((part) => part !== undefined).join(' on ');
      lines.push(`    SILENT: ${printable(who)}, last ${voice.last.toISOString().slice(0, 10)}, ${number(voice.expected)} expected since`);
    }
    if (source.silentVoices.length > shownOthers)
      lines.push(`    … and ${number(source.silentVoices.length - shownOthers)} more that are silent`);
  }
  for (const { source, orphans, lonely } of feed.gaps) {
    const name = printable(source);
    if (orphans.count > 0)
      lines.push(`  ${name}: ${count(orphans.count, 'edit or deletion', 'edits or deletions')} whose original is not in the archive`);
    if (lonely.count > 0) lines.push(`  ${name}: ${count(lonely.count, 'message')} of which the copy of another owner never came`);
  }
  for (const { source, unrecognised, unreadable, drift } of feed.understanding) {
    const name = printable(source);
    if (unrecognised > 0) lines.push(`  ${name}: ${count(unrecognised, 'message')} of a shape that is not known`);
    if (unreadable > 0) lines.push(`  ${name}: ${count(unreadable, 'message')} that no parser understood`);
    for (const { shape, messages, firstSeen } of drift.slice(0, shownOthers)) {
      lines.push(`    new shape ${printable(shape)}: ${count(messages, 'message')}, first ${firstSeen.toISOString().slice(0, 10)}`);
    }
  }
  if (feed.lag > 0) lines.push(`  ${count(feed.lag, 'message')} not read yet`);
  return `${[title, ...(lines.length === 0 ? ['  nothing was heard yet'] : lines)].join('\n')}\n`;
}

function footer(report: Report, evidence: string, kept: boolean): string {
  const gaps =
    report.gapsKnownSince === null ? 'not known: the journal cannot be read' : `noted since ${report.gapsKnownSince.slice(0, 10)}`;
  return (
    `ledger    ${count(report.ledger.rows, 'row')}; head of their hash chain:\n` +
    `          ${report.ledger.link}\n` +
    `gaps      ${gaps}\n` +
    `evidence  ${evidence}\n` +
    `          SHA-256 of this report${kept ? `, which is kept: --evidence ${evidence.slice(0, 12)} prints it` : '; it could not be kept'}\n`
  );
}

function indented(text: string): readonly string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`);
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
