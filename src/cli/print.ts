/** How things look on a terminal: numbers, tables, faults, and a line of progress. Results go to stdout, talk to stderr. */
import type { Fault } from '../fault/fault.ts';
import { type ExitCode, exit, type Terminal } from './command.ts';

/** `1,234,567` */
export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** `1 source`, `3 sources` */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** Decimal: `512 B`, `1.2 MB`, `36 GB`. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit] ?? ''}`;
}

/** `340 ms`, `4.2 s`, `1 m`, `3 m 05 s`, `2 h 10 m`, `3 d 4 h`: two units at most, no empty one. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  const pair = (large: number, unit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${large} ${unit}` : `${large} ${unit} ${String(small).padStart(smallUnit === 'h' ? 1 : 2, '0')} ${smallUnit}`;
  if (days > 0) return pair(days, 'd', hours, 'h');
  if (hours > 0) return pair(hours, 'h', minutes, 'm');
  return pair(minutes, 'm', seconds % 60, 's');
}

export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly right?: boolean;
}

/** Rows under their titles, two blanks between columns, no lines drawn. Ends with a line end. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => width(line[index] ?? ''))));
  return lines
    .map((line) =>
      columns
        .map(({ right }, index) => {
          const cell = line[index] ?? '';
          const gap = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
          return right === true ? gap + cell : cell + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Signs, not columns of a wide script: good enough for tables that hold names and numbers. */
function width(text: string): number {
  return [...text].length;
}

/**
 * A text from outside, safe to print: no control characters that could move the cursor or change colours, and none that turn the
 * reading direction around, so that what is shown is what is there. Isolates (U+2066–U+2069) go without a trace, because senders put
 * them around each name in good faith.
 */
export function printable(text: string): string {
  return text.replace(/[\u2066-\u2069]/gu, '').replace(/[\p{Cc}\u202A-\u202E]/gu, '\uFFFD');
}

/** Why a message is in quarantine, after `in quarantine: `. */
export const quarantineReasons = {
  'no-data': 'the server lists it and gives no content',
  refused: 'the server lists it and refuses to hand it out',
  cut: 'the connection ended each time that it was asked for',
  substitute: 'the server sent a text of its own in its place',
} as const;

/** The result for machines: one JSON value and a line end. */
export function json(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * The exit code that a fault ends with, the same for every command: configuration and wrong use 2, what may pass by itself 75, else 1.
 * A configuration that cannot be served today is still a configuration to change, so the plane comes first.
 */
export function exitCodeOf(fault: Fault): ExitCode {
  if (fault.code.startsWith('config.') || fault.code.startsWith('cli.')) return exit.usage;
  return fault.entry.retry === 'never' ? exit.fault : exit.tryLater;
}

/** A fault as `--json` shows it. */
export function faultAsJson(fault: Fault): unknown {
  const { says, cause, fix, retry } = fault.entry;
  return { fault: { code: fault.code, says, cause, fix, evidence: fault.evidence, retry } };
}

/** Code and sentence, what was seen, what it means, what to do. */
export function faultText(fault: Fault, colour = false): string {
  const { says, cause, fix } = fault.entry;
  const bold = (text: string): string => (colour ? `\x1b[1m${text}\x1b[22m` : text);
  const red = (text: string): string => (colour ? `\x1b[31m${text}\x1b[39m` : text);
  const seen = Object.entries(fault.evidence).flatMap(([name, value]) => {
    const [first = '', ...more] = String(value).split('\n').map(printable);
    // A list (the problems of a configuration) stands under its name, a line each.
    return more.length === 0 ? [`${spoken(name)}: ${first}`] : [`${spoken(name)}:`, ...[first, ...more].map((line) => `  ${line}`)];
  });
  const part = (title: string, lines: readonly string[]): string[] =>
    lines.map((line, index) => `  ${bold((index === 0 ? title : '').padEnd(5))}  ${line}`);
  return `${[`${red(fault.code)}: ${bold(says)}`, ...part('seen', seen), ...part('cause', [cause]), ...part('fix', [fix])].join('\n')}\n`;
}

/** `retryAfterSeconds` → `retry after seconds` */
function spoken(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => ` ${letters.toLowerCase()}`);
}

/** Whether the terminal wants colour. https://no-color.org: any value that is not empty says no. */
export function wantsColour(terminal: Terminal): boolean {
  return terminal.interactive && (terminal.env['NO_COLOR'] ?? '') === '' && terminal.env['TERM'] !== 'dumb';
}

export interface Progress {
  /** Shows this text, unless the last one was shown a moment ago. Made only when it is shown. */
  show(text: () => string): void;
  /** Takes the line away. To be called before anything else is printed, and at the end. */
  clear(): void;
}

/** Ten times a second: more than the eye follows, little for a terminal over a slow line. */
const leastGapMs = 100;

const usualColumns = 80;

/** One line on stderr, written over itself. On anything but a terminal it shows nothing. */
export function progress(terminal: Terminal, monotonic: () => number): Progress {
  if (!terminal.interactive) return { show: () => undefined, clear: () => undefined };
  let shownAt = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    show: (text) => {
      const now = monotonic();
      if (now - shownAt < leastGapMs) return;
      shownAt = now;
      shown = true;
      // Cut, so that it never wraps: a wrapped line cannot be written over.
      const columns = terminal.columns || usualColumns;
      terminal.stderr.write(`\r\x1b[2K${[...printable(text())].slice(0, columns - 1).join('')}`);
    },
    clear: () => {
      if (shown) terminal.stderr.write('\r\x1b[2K');
      shown = false;
      shownAt = Number.NEGATIVE_INFINITY;
    },
  };
}

/** What is said about an error that nobody foresaw: its stack only, as whatever else hangs on it might hold what nobody should read. */
export function bugText(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : 'something that is no error was thrown';
  return `This is a bug of Postern, not a mistake of yours. Please report it with the lines below.\n${stack}\n`;
}
