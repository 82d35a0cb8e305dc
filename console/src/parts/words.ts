/** Numbers, sizes, durations and instants in words. */

const whole = new Intl.NumberFormat('en');
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export function countText(count: number): string {
  return whole.format(count);
}

/** `1 message`, `2 messages`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** step;
  return `${step === 0 ? whole.format(value) : value.toFixed(value < 10 ? 1 : 0)} ${units[step]}`;
}

/** `850 ms`, `12 s`, `4 min`, `3 h 5 min`, `12 days`. */
export function durationText(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(seconds / 3600);
  if (hours < 48) return `${hours} h`;
  return `${whole.format(Math.round(seconds / 86_400))} days`;
}

export function exactText(at: string): string {
  return exact.format(new Date(at));
}

export function dayText(at: string): string {
  return day.format(new Date(at));
}

/** `now`, `3 min ago`, `in 2 h`. */
export function relativeText(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (Math.abs(seconds) < 10) return seconds >= 0 ? 'just now' : 'now';
  const text = durationText(Math.abs(seconds));
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}
