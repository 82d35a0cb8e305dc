/** The equation of promise 2, as `import reconcile --json` tells it, held against the server's own list. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { FolderNow } from './mailbox.ts';

const program = resolve(import.meta.dirname, '../../src/cli/main.ts');
const deadlineMs = 60_000;

interface Counts {
  readonly seen: number;
  readonly archived: number;
  readonly duplicate: number;
  readonly excluded: number;
  readonly quarantined: number;
  readonly pending: number;
  readonly listed: number;
  readonly gone: number;
}

interface FolderSaid {
  readonly folder: string;
  readonly totals: Counts;
  readonly days: readonly (Counts & { readonly day: string })[];
  readonly missing: readonly unknown[];
  readonly fault: string | null;
}

/** @returns what does not hold after a complete import of these folders */
export async function reconcileWrongs(config: string, secret: string, folders: Iterable<FolderNow>): Promise<string[]> {
  const words = ['--disable-warning=ExperimentalWarning', program, 'import', 'reconcile', '--json', '--config', config];
  const env = { ...process.env, CHAOS_SECRET: secret };
  const ran = await promisify(execFile)(process.execPath, words, { env, timeout: deadlineMs, maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: { code?: unknown; stdout?: string; stderr?: string }) => error,
  );
  const out = ran.stdout ?? '';
  if (!out.startsWith('{')) return [`import reconcile said ${out}${ran.stderr}`];
  const said: { report: { sources: readonly { folders: readonly FolderSaid[] }[] } } = JSON.parse(out);
  const told = said.report.sources.flatMap((source) => source.folders);
  const wrong = 'code' in ran ? [`import reconcile ended with ${ran.code} after a complete import: ${out}`] : [];
  for (const { name, uids } of folders) {
    const folder = told.find((one) => one.folder === name);
    if (folder === undefined) wrong.push(`import reconcile does not tell of ${name}`);
    else wrong.push(...unequal(folder, uids.size));
  }
  return wrong;
}

function unequal({ folder, totals, days, missing, fault }: FolderSaid, listed: number): string[] {
  const wrong: string[] = [];
  for (const [what, one] of [['in all', totals] as const, ...days.map((day) => [day.day, day] as const)]) {
    const holds =
      one.seen === one.archived + one.duplicate + one.excluded + one.quarantined + one.pending && one.seen === one.listed + one.gone;
    if (!holds) wrong.push(`import reconcile: ${folder}, ${what}: the equation does not hold: ${JSON.stringify(one)}`);
  }
  for (const key of ['seen', 'archived', 'duplicate', 'excluded', 'quarantined', 'pending', 'listed', 'gone'] as const) {
    const sum = days.reduce((before, day) => before + day[key], 0);
    if (sum !== totals[key]) wrong.push(`import reconcile: ${folder}: ${totals[key]} ${key} in all and ${sum} by days`);
  }
  if (totals.listed !== listed) wrong.push(`import reconcile: ${folder}: ${totals.listed} listed, the server has ${listed}`);
  if (missing.length > 0 || fault !== null) wrong.push(`import reconcile: ${folder}: ${missing.length} missing, fault ${fault}`);
  return wrong;
}
