/** The benchmark's table, and its place in docs/benchmarks.md: one section for each round trip time, each replaced as a whole. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { peerProgram } from '../../test/contract/places/peers.ts';
import type { Contender } from './contenders.ts';

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

export interface Circumstances {
  readonly messages: number;
  readonly bytes: number;
  readonly roundTripMs: number;
  readonly runs: number;
}

const page = new URL('../../docs/benchmarks.md', import.meta.url);
const head = `# Benchmarks

Measured by \`tools/bench/import.ts\`, good or bad. Ratios count: absolute times mean little on a shared machine.
Every contender pulls the same mailbox from the same local Dovecot over TLS with the same login, from nothing, in turns.
`;

export function report(taking: readonly Contender[], measured: ReadonlyMap<string, readonly Measured[]>, facts: Circumstances): string {
  const base = median((measured.get('mbsync') ?? []).map((one) => one.durableMs));
  const rows = taking.flatMap(({ name }) => {
    const all = measured.get(name) ?? [];
    const durable = all.map((one) => one.durableMs);
    const complete = all.flatMap((one) => (one.completeMs === undefined ? [] : [one.completeMs]));
    const rest = `${mega(median(all.map((one) => one.peakBytes)))} | ${mega(median(all.map((one) => one.diskBytes)))}`;
    return [
      `| ${name}${complete.length > 0 ? ', durable' : ''} | ${times(durable)} | ${ratio(median(durable), base)} | ${rest} |`,
      ...(complete.length > 0 ? [`| ${name}, complete | ${times(complete)} | ${ratio(median(complete), base)} | | |`] : []),
    ];
  });
  return `${title(facts.roundTripMs)}

${facts.messages.toLocaleString('en')} messages, ${(facts.bytes / 1e6).toFixed(0)} MB, ${facts.runs} runs each. ${machine()}

| | median (lowest – highest), s | ÷ mbsync | peak memory, MB | on disk, MB |
|---|---:|---:|---:|---:|
${rows.join('\n')}

${taking.map(({ name, about }) => `- ${name}: ${about}.`).join('\n')}
`;
}

/** Puts the section into docs/benchmarks.md, in place of the one with the same round trip time. */
export function writeReport(section: string, roundTripMs: number): void {
  const text = existsSync(page) ? readFileSync(page, 'utf8') : head;
  const sections = text.split(/^(?=## )/m);
  const others = sections.filter((one) => !one.startsWith(`${title(roundTripMs)}\n`)).map((one) => `${one.trimEnd()}\n`);
  writeFileSync(page, [...others, section].join('\n'));
}

function title(roundTripMs: number): string {
  return `## Import of one mailbox, ${roundTripMs} ms round trip`;
}

function machine(): string {
  const node = `Node ${process.version}`;
  const peers = `Dovecot ${version('dovecot')}, mbsync ${version('mbsync')}`;
  const where = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`;
  return `${where}; ${node}, ${peers}; ${new Date().toISOString().slice(0, 10)}.`;
}

function version(peer: 'dovecot' | 'mbsync'): string {
  const said = spawnSync(peerProgram(peer), ['--version'], { encoding: 'utf8' }).stdout;
  return /\d+(?:\.\d+)+/.exec(said)?.[0] ?? 'of unknown version';
}

function median(numbers: readonly number[]): number {
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
  return Number.isFinite(base) ? (ms / base).toFixed(2) : '–';
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
