/** Durations, sizes and days as people write them in a configuration: `30s`, `5m`, `7y`, `36 MB`, `2026-01-31`. Pure. */

const dayMs = 86_400_000;
// A year is 365 days; a month is left out, because nobody knows how long it is.
const msByUnit: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: dayMs, w: 7 * dayMs, y: 365 * dayMs };
// Decimal, as disks and mail limits are sold; KiB and friends are there for those who mean them.
const bytesByUnit: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/**
 * Milliseconds of `30s`, `5m`, `1h30m`, `250ms`, `2d`, `6w`, `7y`. A bare number is refused: nobody remembers whether it meant seconds.
 * @returns undefined when the text is no duration.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w|y))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)/g))
    total += Number(amount) * (msByUnit[unit ?? ''] ?? Number.NaN);
  return Number.isFinite(total) ? Math.round(total) : undefined;
}

/**
 * Bytes of `64 KiB`, `36MB`, `1.5 GB`, `512 B`.
 * @returns undefined when the text is no size.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([KMG]?i?B)$/i.exec(text);
  const unit = bytesByUnit[(match?.[2] ?? '').toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The beginning (UTC) of a day written `2026-01-31`; undefined when the text is no day of the calendar, or none that mail can have. */
export function parseDay(text: string): Date | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const day = new Date(`${text}T00:00:00Z`);
  // `2026-02-30` is taken for March 2 by some readers of dates.
  const real = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
  return real && day.getUTCFullYear() >= 1970 ? day : undefined;
}
