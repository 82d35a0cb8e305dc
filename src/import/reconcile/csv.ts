/** The days of a report as CSV (RFC 4180), one line for each source, folder and day, for a spreadsheet. */
import type { Report } from './report.ts';

const columns = [
  'source',
  'folder',
  'uidvalidity',
  'day',
  'seen',
  'archived',
  'duplicate',
  'excluded',
  'quarantined',
  'pending',
  'listed',
  'gone',
  'gone_by_postern',
  'fault',
] as const;

/** A folder or source that could not be compared has one line with its fault and no numbers; one without messages has one of zeros. */
export function asCsv(report: Report): string {
  const lines = [columns.join(',')];
  for (const { source, folders, fault } of report.sources) {
    if (fault !== null) lines.push(failed(source, '', fault));
    for (const { folder, uidValidity, days, totals, fault: folderFault } of folders) {
      if (folderFault !== null) {
        lines.push(failed(source, folder, folderFault));
        continue;
      }
      for (const day of days.length > 0 ? days : [{ ...totals, day: '' }]) {
        const numbers = [day.seen, day.archived, day.duplicate, day.excluded, day.quarantined, day.pending, day.listed, day.gone];
        lines.push([field(source), field(folder), uidValidity ?? '', day.day, ...numbers, day.goneByPostern, ''].join(','));
      }
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}

function failed(source: string, folder: string, fault: string): string {
  return [field(source), field(folder), ...columns.slice(2, -1).map(() => ''), fault].join(',');
}

/** A folder's name is anybody's to choose: one that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection). */
function field(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
