/**
 * How much memory `import run` needs to keep 1,000 sources coming in while nothing comes. The mailboxes are the sandbox's, each with a
 * few messages; the sandbox is a process of its own.
 *
 * The hard thing is to know when it is idle: once every message is in the ledger, which is read from outside.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { posternProgram } from './contenders.ts';
import { goalLine, machine, mega, type Section } from './report.ts';
import { memoryOf } from './turn.ts';

const root = resolve(import.meta.dirname, '../..');
const messagesEach = 2;
const goalBytes = 256e6;
/** So long it is watched after everything is in: two rounds of looks. */
const idleMs = 60_000;
const every = '30s';
const startDeadlineMs = 30_000;
const importDeadlineMs = 600_000;

/** @throws Error where not everything comes in */
export async function measureIdle(folder: string, sources: number, say: (text: string) => void): Promise<Section> {
  const sandbox = spawn(process.execPath, [join(root, 'sandbox/src/start.ts'), '--out', folder, '--json', '--with-stdin'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(sandbox, 'exit');
  try {
    const [line] = await once(createInterface(sandbox.stdout), 'line', { signal: AbortSignal.timeout(startDeadlineMs) });
    const { control } = JSON.parse(String(line));
    const addresses = Array.from({ length: sources }, (_, index) => `idle${index + 1}@contoso.test`);
    for (const [index, address] of addresses.entries()) {
      await call(`${control}/mailboxes`, JSON.stringify({ address }));
      await call(`${control}/mailboxes/${address}/fill?count=${messagesEach}&seed=${index + 1}`);
    }
    writeFileSync(join(folder, 'postern.yaml'), settings(readFileSync(join(folder, 'postern.yaml'), 'utf8'), addresses));
    say(`idle: ${sources} mailboxes of ${messagesEach} messages`);
    return await watch(folder, sources, say);
  } finally {
    sandbox.stdin.end();
    sandbox.kill();
    await exited;
  }
}

async function watch(folder: string, sources: number, say: (text: string) => void): Promise<Section> {
  const child = spawn(posternProgram, ['import', 'run', '--config', join(folder, 'postern.yaml')], { cwd: folder, stdio: 'ignore' });
  const exited = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) throw new Error('postern did not start');
  try {
    const startedAt = performance.now();
    while (rowsIn(folder) < sources * messagesEach) {
      if (child.exitCode !== null) throw new Error(`postern ended with ${child.exitCode}`);
      if (performance.now() - startedAt > importDeadlineMs) throw new Error(`only ${rowsIn(folder)} messages came in`);
      await pause(200);
    }
    const inMs = performance.now() - startedAt;
    say(`all in after ${(inMs / 1000).toFixed(0)} s; idle for ${idleMs / 1000} s`);
    const seen: number[] = [];
    for (const until = performance.now() + idleMs; performance.now() < until; await pause(500)) seen.push(memoryOf(pid, 'VmRSS'));
    const [peak, highest] = [memoryOf(pid, 'VmHWM'), Math.max(...seen)];
    return {
      title: `${sources.toLocaleString('en')} sources that go on`,
      text: `\`postern import run\` on ${sources.toLocaleString('en')} mailboxes of the sandbox with ${messagesEach} messages each, \`every: ${every}\`. ${machine()}

All in after ${(inMs / 1000).toFixed(0)} s. Highest resident memory while bringing them in ${mega(peak)} MB, in the ${idleMs / 1000} s after that ${mega(highest)} MB.
${goalLine('1,000 sources within 256 MB', `${mega(Math.max(peak, highest))} MB`, Math.max(peak, highest) < goalBytes)}`,
    };
  } finally {
    child.kill('SIGINT');
    await exited;
  }
}

/** The sandbox's own configuration, with other sources. */
function settings(yaml: string, addresses: readonly string[]): string {
  const [head = '', sources = ''] = yaml.split(/^sources:\n/m);
  const tenant = /^ {4}tenant:.*$/m.exec(sources)?.[0];
  if (tenant === undefined) throw new Error(`the sandbox wrote another configuration than expected:\n${yaml}`);
  const one = (address: string): string =>
    `  ${address.split('@')[0]}:\n${tenant}\n    mailbox: ${address}\n    protocol: imap\n    every: ${every}\n`;
  return `${head.replace(/^data: .*$/m, 'data: ./idle')}sources:\n${addresses.map(one).join('')}`;
}

function rowsIn(folder: string): number {
  const file = join(folder, 'idle', 'archive', 'archive.sqlite');
  if (!existsSync(file)) return 0;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    return db.prepare("select 1 from sqlite_schema where name = 'ledger'").get() === undefined
      ? 0
      : Number(db.prepare('select count(*) as rows from ledger').get()?.['rows']);
  } finally {
    db.close();
  }
}

async function call(url: string, body = ''): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(startDeadlineMs) });
  if (!answer.ok) throw new Error(`the sandbox did not do ${url}: ${await answer.text()}`);
  await answer.arrayBuffer();
}
