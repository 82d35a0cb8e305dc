/**
 * The import benchmark: Postern beside mbsync and a raw pull of the same mailbox, in one run, taking turns, as medians and ratios.
 *
 * import.ts [--runs 5] [--delay 20] [--messages 10000] [--only NAME] [--write]. Needs Debian's Dovecot and mbsync, and root.
 * Absolute times mean little on a shared machine, so what counts is the ratio to mbsync. Before each turn the disk's queue is emptied
 * (sync), so that nobody pays for what another one wrote; the mailbox is read once before the first, so that all find it in memory.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { selfSignedCertificate } from '../../test/contract/places/certificate.ts';
import { startDovecot } from '../../test/contract/places/dovecot.ts';
import { unlessDovecot } from '../../test/contract/places/peers.ts';
import { type Account, type Contender, contenders, folderBytes } from './contenders.ts';
import { buildMailbox, standardShape } from './mailbox.ts';
import { type Measured, report, writeReport } from './report.ts';

const turnDeadlineMs = 300_000;
const sampleEveryMs = 10;
const user = 'bench@contoso.test';
/** Opens nothing but this benchmark's own server, which lives as long as it does. */
const password = 'bench';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    delay: { type: 'string', default: '0' },
    messages: { type: 'string', default: String(standardShape.messages) },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

const impossible = unlessDovecot('mbsync', 'openssl');
if (impossible !== false) {
  process.stderr.write(`The benchmark cannot run: ${impossible}\n`);
  process.exit(2);
}
await main(Number(values.runs), Number(values.delay), Number(values.messages));

async function main(runs: number, delayMs: number, messages: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  const tls = await selfSignedCertificate();
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.certificatePem);
  const dovecot = await startDovecot({ tls, passwords: { [user]: password } });
  // Without this a Ctrl-C would leave the server and half a gigabyte behind.
  process.once('SIGINT', () => void dovecot.close().finally(() => giveUp(folder)));
  const door = delayMs > 0 ? await startDoor(dovecot.ports.imaps, delayMs) : undefined;
  try {
    const shape = { ...standardShape, messages, totalBytes: Math.round((standardShape.totalBytes * messages) / standardShape.messages) };
    const built = buildMailbox(dovecot.maildir(user, 'INBOX'), shape);
    say(`${built.messages} messages, ${(built.bytes / 1e6).toFixed(1)} MB, ${delayMs * 2} ms round trip, ${runs} runs`);
    const account = { port: door?.port ?? dovecot.ports.imaps, user, password, caFile };
    const taking = new Set(contenders.filter(({ name }) => values.only === undefined || name === values.only));
    const [first = fail('no such contender')] = taking;
    await turn(first, { ...account, port: dovecot.ports.imaps }, join(folder, 'warm'), built.messages);
    const measured = new Map<string, Measured[]>();
    for (let run = 0; run < runs; run += 1) {
      for (const contender of taking) {
        try {
          const result = await turn(contender, account, join(folder, 'turn'), built.messages);
          measured.set(contender.name, [...(measured.get(contender.name) ?? []), result]);
          say(`run ${run + 1}  ${contender.name}: ${(result.durableMs / 1000).toFixed(2)} s, ${(result.peakBytes / 1e6).toFixed(0)} MB`);
        } catch (error) {
          // The others are worth measuring all the same; whoever failed stays out of the table, and the exit code says that it did.
          say(`run ${run + 1}  ${error instanceof Error ? error.message : String(error)}`);
          taking.delete(contender);
          process.exitCode = 1;
        }
      }
    }
    const page = report([...taking], measured, { ...built, roundTripMs: delayMs * 2, runs });
    process.stdout.write(page);
    if (values.write) writeReport(page, delayMs * 2);
  } finally {
    door?.process.kill();
    await dovecot.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function giveUp(folder: string): never {
  rmSync(folder, { recursive: true, force: true });
  process.exit(130);
}

/** The door runs as a process of its own: it must not share a core's turn with our measuring. */
async function startDoor(port: number, delayMs: number): Promise<{ readonly port: number; readonly process: ChildProcess }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'door.ts'), String(port), String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const text of child.stdout) return { port: Number(text), process: child };
  return fail('the door did not open');
}

/** One run of one contender from nothing, in a folder that is removed afterwards. */
async function turn(contender: Contender, account: Account, folder: string, expected: number): Promise<Measured> {
  mkdirSync(folder);
  try {
    const program = contender.prepare(folder, account);
    spawnSync('sync');
    const startedAt = performance.now();
    const child = spawn(program.command, program.args, {
      env: { ...process.env, ...program.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder,
    });
    const peak = watchMemory(child);
    const deadline = setTimeout(() => child.kill('SIGKILL'), turnDeadlineMs);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => {
      stdout += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString();
    });
    const exitCode = await new Promise<number | null>((done) => child.once('close', done));
    const wallMs = performance.now() - startedAt;
    clearTimeout(deadline);
    if (exitCode !== 0) fail(`${contender.name} ended with ${exitCode}:\n${stderr}${stdout}`);
    const outcome = contender.read(folder, stdout);
    if (outcome.messages !== expected) fail(`${contender.name} brought ${outcome.messages} messages of ${expected}`);
    // What lies before its own clock started (Node, wiring) belongs to it too.
    const ownMs = outcome.completeMs ?? outcome.durableMs;
    const before = ownMs === undefined ? 0 : Math.max(0, wallMs - ownMs);
    const durableMs = outcome.durableMs === undefined ? wallMs : outcome.durableMs + before;
    return {
      durableMs,
      ...(outcome.completeMs === undefined ? {} : { completeMs: wallMs }),
      peakBytes: peak(),
      diskBytes: folderBytes(folder),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the process's high-water mark while it runs; the mark only rises, so the last reading is at most a sample short. */
function watchMemory(child: ChildProcess): () => number {
  let peakBytes = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakBytes = Math.max(peakBytes, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // It has ended; the last reading stands.
    }
  }, sampleEveryMs);
  child.once('exit', () => clearInterval(timer));
  return () => peakBytes;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function fail(why: string): never {
  throw new Error(why);
}
