/**
 * The import benchmark: Postern beside mbsync, mpop, getmail6 and a raw pull of the same mailboxes, in one run, taking turns, as medians
 * and ratios; and what Postern needs of memory and of round trips.
 *
 * import.ts [--only ROW[,ROW…]] [--runs 5] [--messages N] [--contender NAME] [--write]; `--only list` names the rows, and part of a name
 * stands for all rows that begin so. Needs Debian's Dovecot, isync, mpop and getmail6, and root.
 * Absolute times mean little on a shared machine, so what counts are ratios. Before each turn the disk's queue is emptied (sync), so that
 * nobody pays for what another one wrote; the mailboxes are read once before the first, so that all find them in memory.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { selfSignedCertificate } from '../../test/contract/places/certificate.ts';
import { type DovecotPlace, startDovecot } from '../../test/contract/places/dovecot.ts';
import { unlessDovecot } from '../../test/contract/places/peers.ts';
import { type Accounts, type Contender, contenders } from './contenders.ts';
import { startDoorProcess } from './door.ts';
import { measureIdle } from './idle.ts';
import { buildMailbox, standardShape } from './mailbox.ts';
import { measureMemory } from './memory.ts';
import { type Built, type Measured, rowSection, type Section, writeSection } from './report.ts';
import { measureRoundTrips } from './round-trips.ts';
import { type Row, rows } from './rows.ts';
import { takeTurn } from './turn.ts';

/** Opens nothing but this benchmark's own server, which lives as long as it does. */
const password = 'bench';
/** Turns of one who needs minutes for each. */
const slowRuns = 1;

/** What is no race: each says by itself what it measures. */
const others: Readonly<Record<string, (folder: string, wish: Wish) => Promise<Section>>> = {
  'round-trips': (folder) => measureRoundTrips(folder),
  idle: (folder, { messages }) => measureIdle(folder, messages === undefined ? 1_000 : Math.min(1_000, messages), say),
  memory: (folder, { messages = 100_000 }) => measureMemory(folder, messages),
};

export interface Wish {
  readonly runs: number;
  /** Of each mailbox, instead of the row's number. Figures of another number are not comparable. */
  readonly messages: number | undefined;
  readonly contender: string | undefined;
}

/** Those whose names begin with one of these; all without any. */
function chosen(only: string | undefined): string[] {
  const names = [...rows.map(({ name }) => name), ...Object.keys(others)];
  if (only === undefined) return names;
  const wanted = only.split(',');
  return names.filter((name) => wanted.some((one) => name.startsWith(one)));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      runs: { type: 'string', default: '5' },
      messages: { type: 'string' },
      contender: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  if (values.only === 'list') return void process.stdout.write(`${chosen(undefined).join('\n')}\n`);
  const impossible = unlessDovecot('mbsync', 'mpop', 'getmail', 'openssl');
  if (impossible !== false) {
    process.stderr.write(`The benchmark cannot run: ${impossible}\n`);
    process.exitCode = 2;
    return;
  }
  const names = chosen(values.only);
  if (names.length === 0) throw new Error(`no row begins with ${values.only}; --only list names them`);
  const wish = {
    runs: wholeNumber(values.runs),
    messages: values.messages === undefined ? undefined : wholeNumber(values.messages),
    contender: values.contender,
  };
  for (const name of names) {
    const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
    // Without this a Ctrl-C would leave gigabytes behind. Servers are children and end with their terminal.
    const giveUp = (): void => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(130);
    };
    process.once('SIGINT', giveUp);
    try {
      const row = rows.find((one) => one.name === name);
      const section = row === undefined ? await others[name]?.(folder, wish) : await race(row, folder, wish);
      if (section === undefined) continue;
      process.stdout.write(`## ${section.title}\n\n${section.text}\n`);
      if (values.write) writeSection(section);
    } finally {
      process.off('SIGINT', giveUp);
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** All contenders of a row in turns. Whoever fails stays out of the table, and the exit code says that it did. */
async function race(row: Row, folder: string, { runs, messages = row.messagesEach, contender }: Wish): Promise<Section> {
  const tls = await selfSignedCertificate();
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.certificatePem);
  const users = Array.from({ length: row.mailboxes }, (_, index) => `bench${index + 1}@contoso.test`);
  const dovecot = await startDovecot({ tls, passwords: Object.fromEntries(users.map((user) => [user, password])) });
  try {
    const built = build(dovecot, users, messages);
    const direct = {
      protocol: row.protocol,
      port: portOf(row, dovecot),
      users,
      password,
      caFile: row.isOneByOne === true ? undefined : caFile,
    };
    const needsDoor = row.roundTripMs > 0 || row.isOneByOne === true;
    const door = needsDoor
      ? await startDoorProcess(direct.port, row.roundTripMs / 2, row.isOneByOne === true ? 'PIPELINING' : undefined)
      : undefined;
    try {
      say(`${row.name}: ${built.messages} messages, ${(built.bytes / 1e6).toFixed(1)} MB, ${runs} runs`);
      const taking = contenders.filter((one) => row.contenders.includes(one.name) && (contender === undefined || one.name === contender));
      const [first] = taking;
      if (first === undefined) throw new Error(`no such contender: ${contender}`);
      await takeTurn(first, direct, fresh(folder, 'warm'), built.messages);
      const accounts = { ...direct, port: door?.port ?? direct.port };
      const measured = await turns(row, taking, accounts, folder, built, runs);
      return rowSection(row, taking, measured, built);
    } finally {
      door?.end();
    }
  } finally {
    await dovecot.close();
  }
}

async function turns(
  row: Row,
  taking: readonly Contender[],
  accounts: Accounts,
  folder: string,
  built: Built,
  runs: number,
): Promise<ReadonlyMap<string, readonly Measured[]>> {
  const measured = new Map<string, Measured[]>();
  const failed = new Set<Contender>();
  for (let run = 1; run <= runs; run += 1) {
    for (const one of taking) {
      if (failed.has(one) || (one.isSlow === true && run > slowRuns)) continue;
      try {
        const own = join(folder, `turn-${one.name.replaceAll(' ', '-')}`);
        if (row.isAgain !== true || run === 1) fresh(own);
        if (row.isAgain === true && run === 1) await takeTurn(one, accounts, own, built.messages);
        const result = await takeTurn(one, accounts, own, built.messages);
        measured.set(one.name, [...(measured.get(one.name) ?? []), result]);
        say(`run ${run}  ${one.name}: ${(result.durableMs / 1000).toFixed(2)} s, ${(result.peakBytes / 1e6).toFixed(0)} MB`);
        if (row.isAgain !== true) rmSync(own, { recursive: true });
      } catch (error) {
        say(`run ${run}  ${error instanceof Error ? error.message : String(error)}`);
        failed.add(one);
        process.exitCode = 1;
      }
    }
  }
  return measured;
}

function build(dovecot: DovecotPlace, users: readonly string[], messages: number): Built {
  const totalBytes = Math.round((standardShape.totalBytes * messages) / standardShape.messages);
  const parts = users.map((user, index) =>
    buildMailbox(dovecot.maildir(user, 'INBOX'), { ...standardShape, messages, totalBytes, seed: standardShape.seed + index }),
  );
  return { messages: parts.reduce((sum, one) => sum + one.messages, 0), bytes: parts.reduce((sum, one) => sum + one.bytes, 0) };
}

function portOf({ protocol, isOneByOne }: Row, { ports }: DovecotPlace): number {
  if (protocol === 'imap') return ports.imaps;
  return isOneByOne === true ? ports.pop3 : ports.pop3s;
}

/** An empty folder. */
function fresh(...path: readonly string[]): string {
  const folder = join(...path);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`a whole number was expected, not ${text}`);
  return Number(text);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
