/** A span of time as the configuration writes it: the largest unit that leaves nothing over. Pure. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** `90000` as `90s`, `3600000` as `1h`. */
export function spanText(ms: number): string {
  const [unit, length] = units.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}
