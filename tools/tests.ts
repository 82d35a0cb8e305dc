/**
 * Runs the checks and the tests, and closes with the line `N passed, N failed`.
 *
 * Each test file is a process in a process group of its own, with a deadline: what hangs is ended together with everything it started.
 * The hard part is to count truthfully. A file reports through tools/reporter.ts into a file of its own; one that exits early, is killed,
 * leaves processes behind or holds no test at all counts as a failure even if nothing in it failed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, globSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ReportLine, TestLine } from './reporter.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const deadlineMs = { file: 300_000, check: 180_000 } as const;
/** How long what a test file has started may live on after it: a process that was just told to end needs a moment, on a busy machine a long one. */
const afterlifeMs = 10_000;
/** How much of an error is said again at the end. */
const errorLinesAtEnd = 12;
/** The machines that run this have two cores, and many files start servers of their own. */
const filesAtOnce = Math.min(2, availableParallelism());
const testFiles = ['src/**/*.test.ts', 'sandbox/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts', 'console/src/**/*.test.ts'];
const houseFiles = ['test/house/**/*.test.ts'];

interface FileResult {
  readonly file: string;
  readonly tests: readonly TestLine[];
  /** What is wrong with the file as a whole. */
  readonly fault?: string;
  /** Everything it printed. Shown only if something failed. */
  readonly output: string;
  readonly durationMs: number;
}

const running = new Set<ChildProcess>();
let interruptedBy: NodeJS.Signals | undefined;

const [task, ...rest] = process.argv.slice(2).filter((word) => word !== '--');
if (task !== 'check' && task !== 'test') {
  process.stderr.write('usage: tests.ts check|test [PATH…]\n');
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));
/** Hundreds of processes read the same sources: what one has compiled serves the next. Nothing of it outlives the run. */
const compiled = mkdtempSync(join(tmpdir(), 'postern-compiled-'));
try {
  process.exitCode = await main(task, rest);
} finally {
  rmSync(compiled, { recursive: true, force: true, maxRetries: 5 });
}

async function main(what: 'check' | 'test', filters: readonly string[]): Promise<number> {
  const files = findFiles(what === 'check' ? houseFiles : testFiles, filters);
  if (files.length === 0) {
    process.stderr.write(`No test file matches ${filters.join(' ')}.\n`);
    return 2;
  }
  const failedChecks: string[] = [];
  if (filters.length === 0) {
    for (const [title, project] of [
      ['types (tsc)', root],
      ['types of the console (tsc)', join(root, 'console')],
    ] as const) {
      if (!(await check(title, ['typescript', 'bin', 'tsc'], ['-p', project]))) failedChecks.push(title);
    }
    if (
      !(await check(
        'lint and format (biome)',
        ['@biomejs', 'biome', 'bin', 'biome'],
        ['check', '--colors=off', '--error-on-warnings', root],
      ))
    ) {
      failedChecks.push('lint and format (biome)');
    }
  }
  const results = await runFiles(files, filters.length > 0);
  return summarise(failedChecks, results);
}

/** Test files by name, `filters` being parts of their path from the root, as `src/token`. */
function findFiles(patterns: readonly string[], filters: readonly string[]): string[] {
  const wanted = filters.map((filter) => filter.replace(/^\.\//, '').replaceAll('\\', '/'));
  return globSync([...patterns], { cwd: root, exclude: (name) => name.includes('node_modules') })
    .map((file) => file.split(sep).join('/'))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort();
}

async function check(title: string, module: readonly string[], args: readonly string[]): Promise<boolean> {
  const startedAt = performance.now();
  const ended = await runProcess([join(root, 'node_modules', ...module), ...args], deadlineMs.check);
  const good = ended.exitCode === 0;
  print(`${good ? 'ok  ' : 'FAIL'} ${title}  ${seconds(performance.now() - startedAt)}`);
  if (!good) print(indent(ended.fault === undefined ? ended.output : `${ended.fault}\n${ended.output}`));
  return good;
}

async function runFiles(files: readonly string[], withNames: boolean): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const queue = [...files];
  async function work(): Promise<void> {
    for (let file = queue.shift(); file !== undefined && interruptedBy === undefined; file = queue.shift()) {
      const result = await runFile(file);
      results.push(result);
      printFile(result, withNames);
    }
  }
  await Promise.all(Array.from({ length: filesAtOnce }, work));
  return results;
}

async function runFile(file: string): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tests-'));
  const report = join(folder, 'report');
  const startedAt = performance.now();
  try {
    const reporter = join(root, 'tools', 'reporter.ts');
    const ended = await runProcess(
      [`--test-reporter=${reporter}`, `--test-reporter-destination=${report}`, join(root, file)],
      deadlineMs.file,
    );
    const lines = readReport(report);
    const tests = lines.filter((line) => 'name' in line);
    const fault = ended.fault ?? faultOf(ended.exitCode, tests, lines.length > tests.length);
    return { file, tests, ...(fault === undefined ? {} : { fault }), output: ended.output, durationMs: performance.now() - startedAt };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(path: string): ReportLine[] {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // No report at all: the file did not come as far as its first test. faultOf() says so.
  }
  // A killed process may leave half a line; only whole lines end in a newline.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): ReportLine => JSON.parse(line));
}

function faultOf(exitCode: number | null, tests: readonly TestLine[], ended: boolean): string | undefined {
  if (!ended) return `the file ended before its tests were done (exit code ${exitCode})`;
  if (tests.length === 0) return 'the file holds no test';
  if (exitCode !== 0 && !tests.some((one) => one.outcome === 'failed')) return `all tests passed, yet the exit code was ${exitCode}`;
  return undefined;
}

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
  readonly fault?: string;
}

/**
 * Runs the pinned Node with `args` in a process group of its own, and ends the whole group when it is over or at the deadline.
 * The output goes through a file and not a pipe: a grandchild that keeps a pipe open would keep us waiting.
 */
async function runProcess(args: readonly string[], limitMs: number): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-output-'));
  const path = join(folder, 'output');
  const fd = openSync(path, 'w');
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', fd, fd],
    detached: process.platform !== 'win32',
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });
  closeSync(fd);
  running.add(child);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child, 'SIGKILL');
  }, limitMs);
  try {
    const { exitCode, error } = await new Promise<{ exitCode: number | null; error?: Error }>((done) => {
      child.once('error', (error) => done({ exitCode: null, error }));
      child.once('exit', (code) => done({ exitCode: code }));
    });
    const leftBehind = !(await isGroupGone(child)) && endGroup(child, 'SIGKILL');
    const output = readFileSync(path, 'utf8');
    const fault = timedOut
      ? `not done after ${limitMs / 1000} s, ended`
      : (error?.message ?? (leftBehind && interruptedBy === undefined ? 'it left processes behind that it had started' : undefined));
    return { exitCode, output, ...(fault === undefined ? {} : { fault }) };
  } finally {
    clearTimeout(timer);
    running.delete(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function isGroupGone(child: ChildProcess): Promise<boolean> {
  if (process.platform === 'win32') return true;
  for (const startedAt = performance.now(); performance.now() - startedAt < afterlifeMs; await pause(20)) {
    if (!endGroup(child, 0) || onlyUncollected(child)) return true;
  }
  return false;
}

/** Whether all that is left of the group are entries of ended processes (state Z): in a container there may be nobody to collect them. */
function onlyUncollected(child: ChildProcess): boolean {
  if (process.platform !== 'linux') return false;
  const states = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(statOf)
    .filter((stat) => stat.group === child.pid)
    .map((stat) => stat.state);
  return states.every((state) => state === 'Z');
}

/** State and process group out of /proc/PID/stat; its second field, the program's name, may itself hold spaces and parentheses. */
function statOf(pid: string): { readonly state?: string | undefined; readonly group?: number } {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, , group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, group: Number(group) };
  } catch {
    return {}; // It ended while we looked.
  }
}

/** Whether there was anything left to end. Signal 0 only looks. */
function endGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    // The group bears the number of its first process and lives as long as any member, so the number cannot be another's yet.
    return process.platform === 'win32' ? child.kill(signal) : process.kill(-child.pid, signal);
  } catch {
    return false; // ESRCH: nobody is left, as it should be.
  }
}

function interrupt(signal: NodeJS.Signals): void {
  const again = interruptedBy !== undefined;
  interruptedBy ??= signal;
  // At first as asked, so that tests can close their servers; whoever asks twice means it.
  for (const child of running) endGroup(child, again ? 'SIGKILL' : signal);
}

function printFile(result: FileResult, withNames: boolean): void {
  const failed = result.tests.filter((one) => one.outcome === 'failed');
  const bad = failed.length > 0 || result.fault !== undefined;
  print(`${bad ? 'FAIL' : 'ok  '} ${result.file}  ${count(result.tests.length, 'test')}, ${seconds(result.durationMs)}`);
  if (withNames) for (const one of result.tests) print(`     ${one.outcome.padEnd(7)} ${one.name}`);
  for (const one of failed) print(indent(`${one.name} (${result.file}:${one.line ?? '?'})\n${indent(one.error ?? '', 2)}`));
  if (result.fault !== undefined) print(indent(result.fault));
  if (bad && result.output.trim() !== '') print(indent(`what it printed:\n${indent(result.output, 2)}`));
}

function summarise(failedChecks: readonly string[], results: readonly FileResult[]): number {
  const all = results.flatMap((result) => result.tests.map((one) => ({ ...one, file: result.file })));
  const passed = all.filter((one) => one.outcome === 'passed').length;
  const failed = all.filter((one) => one.outcome === 'failed');
  const aside = all.filter((one) => one.outcome === 'skipped' || one.outcome === 'todo');
  const brokenFiles = results.filter((result) => result.fault !== undefined);
  print('');
  for (const one of aside) print(`${one.outcome}: ${one.name} (${one.file}): ${one.reason}`);
  for (const title of failedChecks) print(`failed: ${title}`);
  for (const one of failed) {
    print(`failed: ${one.name} (${one.file}:${one.line ?? '?'})`);
    // Whoever has only the end of a long output sees here what was wrong.
    print(indent((one.error ?? '').split('\n').slice(0, errorLinesAtEnd).join('\n')));
  }
  for (const result of brokenFiles) print(`failed: ${result.file}: ${result.fault}`);
  if (interruptedBy !== undefined) print(`interrupted by ${interruptedBy}`);
  const failures = failedChecks.length + failed.length + brokenFiles.length;
  print(`${passed} passed, ${failures} failed${aside.length === 0 ? '' : `, ${aside.length} skipped`}`);
  if (interruptedBy !== undefined) return 130;
  return failures === 0 ? 0 : 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function indent(text: string, by = 5): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, ' '.repeat(by));
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
