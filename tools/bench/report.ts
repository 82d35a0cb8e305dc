/** The benchmark's tables, and their places in docs/benchmarks.md: one section for each row, each replaced as a whole. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { findPeer, type PeerName } from '../../test/contract/places/peers.ts';
import type { Contender } from './contenders.ts';
import type { Goal, Row } from './rows.ts';

/** One run of one contender. */
export interface Measured {
  /** From the start of its process until everything is durable (for those that promise it). */
  readonly durableMs: number;
  /** Until everything is derived and searchable too; undefined where there is no such thing. */
  readonly completeMs?: number;
  /** The highest resident memory of its process. */
  readonly peakBytes: number;
  /** What it left on disk. */
  readonly diskBytes: number;
}

/** What goals are held against. NaN for what was not measured. */
export interface Figures {
  median(contender: string, what: 'durable' | 'complete'): number;
  /** The highest of all runs. */
  peakBytes(contender: string): number;
}

export interface Section {
  readonly title: string;
  /** Everything below the title. */
  readonly text: string;
}

const page = new URL('../../docs/benchmarks.md', import.meta.url);

export function rowSection(
  row: Row,
  taking: readonly Contender[],
  measured: ReadonlyMap<string, readonly Measured[]>,
  built: Built,
): Section {
  const figures = figuresOf(measured);
  const base = figures.median(row.base, 'durable');
  const lines = taking.flatMap(({ name, isSeveral }) => {
    const all = measured.get(name) ?? [];
    if (all.length === 0) return [];
    const durable = all.map((one) => one.durableMs);
    const complete = all.flatMap((one) => (one.completeMs === undefined ? [] : [one.completeMs]));
    const memory = `${mega(median(all.map((one) => one.peakBytes)))}${isSeveral === true ? ' together' : ''}`;
    const rest = `${all.length} | ${memory} | ${mega(median(all.map((one) => one.diskBytes)))}`;
    return [
      `| ${name}${complete.length > 0 ? ', durable' : ''} | ${times(durable)} | ${ratio(median(durable), base)} | ${rest} |`,
      ...(complete.length > 0 ? [`| ${name}, complete | ${times(complete)} | ${ratio(median(complete), base)} | | | |`] : []),
    ];
  });
  const each = row.mailboxes === 1 ? '' : `${row.mailboxes} mailboxes, `;
  return {
    title: row.title,
    text: `${each}${built.messages.toLocaleString('en')} messages, ${mega(built.bytes)} MB. ${machine()}

| | median (lowest – highest), s | ÷ ${row.base} | runs | peak memory, MB | on disk, MB |
|---|---:|---:|---:|---:|---:|
${lines.join('\n')}

${taking.map(({ name, about }) => `- ${name}: ${about}.`).join('\n')}
${goalLines(row.goals, figures)}`,
  };
}

/** What a row was measured on, all mailboxes together. */
export interface Built {
  readonly messages: number;
  readonly bytes: number;
}

function figuresOf(measured: ReadonlyMap<string, readonly Measured[]>): Figures {
  return {
    median: (name, what) =>
      median((measured.get(name) ?? []).map((one) => (what === 'durable' ? one.durableMs : (one.completeMs ?? Number.NaN)))),
    peakBytes(name) {
      const all = (measured.get(name) ?? []).map((one) => one.peakBytes);
      return all.length === 0 ? Number.NaN : Math.max(...all);
    },
  };
}

function goalLines(goals: readonly Goal[], figures: Figures): string {
  return goals
    .flatMap(({ says, measure }) => {
      const found = measure(figures);
      return found === undefined ? [] : [goalLine(says, found.measured, found.reached)];
    })
    .join('');
}

/** A goal and what became of it, as a line of a section. */
export function goalLine(says: string, measured: string, reached: boolean): string {
  return `\nGoal: ${says}. Measured ${measured}: ${reached ? 'reached' : '**missed**'}.\n`;
}

/** Puts the section into docs/benchmarks.md, in place of the one with the same title, or behind the last. */
export function writeSection({ title, text }: Section): void {
  const before = existsSync(page) ? readFileSync(page, 'utf8') : '# Benchmarks\n';
  const sections = before.split(/^(?=## )/m);
  const at = sections.findIndex((one) => one.startsWith(`## ${title}\n`));
  const own = `## ${title}\n\n${text.trimEnd()}\n`;
  if (at < 0) sections.push(own);
  else sections[at] = own;
  writeFileSync(page, sections.map((one) => `${one.trimEnd()}\n`).join('\n'));
}

export function machine(): string {
  const peers = (['dovecot', 'mbsync', 'mpop', 'getmail'] as const).map((peer) => `${peer} ${version(peer)}`).join(', ');
  const where = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`;
  return `${where}; Node ${process.version}, ${peers}; ${new Date().toISOString().slice(0, 10)}.`;
}

function version(peer: PeerName): string {
  const program = findPeer(peer);
  if (program === undefined) return 'absent';
  return /\d+(?:\.\d+)+/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[0] ?? 'of unknown version';
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

function times(ms: readonly number[]): string {
  return `${seconds(median(ms))} (${seconds(Math.min(...ms))} – ${seconds(Math.max(...ms))})`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function ratio(ms: number, base: number): string {
  return Number.isFinite(ms / base) ? (ms / base).toFixed(2) : '–';
}

export function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
