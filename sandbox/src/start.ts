/**
 * `postern-sandbox`: reads the command line, starts the tenant, says where it is, and stays until it is told to end.
 */

import { connectionTo, writeConnection } from './connection.ts';
import { differences, scenarioList } from './differences.ts';
import { setQuirks } from './directory/state.ts';
import { type CommandLine, help, readCommandLine, UsageError } from './options.ts';
import { startSandbox } from './place.ts';
import { type DirectoryScenario, directoryScenarioNamed } from './scenario/directory.ts';
import { type Scenario, scenarioNamed } from './scenario.ts';

const banner = `
  ============================================================================
   Postern sandbox: NOT Microsoft 365, NOT for production.
   In memory only, new keys at every start, reachable from this machine only.
   Nothing in it is real; do not put anything real into it.
  ============================================================================
`;

const exit = { done: 0, failed: 1, usage: 2, bug: 70 } as const;

async function main(args: readonly string[]): Promise<number> {
  const line = readCommandLine(args);
  if (line.help) return print(help());
  if (line.list) return print(scenarioList());
  if (line.differences) return print(differences());
  const scenario = line.scenario === undefined ? undefined : (scenarioNamed(line.scenario) ?? directoryScenarioNamed(line.scenario));
  if (line.scenario !== undefined && !scenario) throw new UsageError(`no scenario is called ${line.scenario}; \`--list\` shows them`);
  return await run(line, scenario);
}

function print(text: string): number {
  process.stdout.write(text);
  return exit.done;
}

async function run(line: CommandLine, chosen: Scenario | DirectoryScenario | undefined): Promise<number> {
  const administered = chosen?.reach === 'directory' ? chosen : undefined;
  const scenario = chosen?.reach === 'directory' ? undefined : chosen;
  process.stderr.write(`${banner}\n`);
  const ended = endOf(line.withStdin);
  const sandbox = await startSandbox({
    seedMail: line.seedMail,
    withoutSeed: line.withoutSeed,
    ...(line.basePort === undefined ? {} : { basePort: line.basePort }),
    ...(line.deliverEveryMs === undefined ? {} : { deliverEveryMs: line.deliverEveryMs }),
  });
  try {
    if (administered) setQuirks(sandbox.tenant.directory.quirks, administered.quirks);
    const connection = { ...connectionTo(sandbox, scenario), setup: administered !== undefined };
    const shown = line.out === undefined ? connection : await writeConnection(connection, line.out);
    if (line.json) process.stdout.write(`${JSON.stringify(shown)}\n`);
    const { stderr } = process;
    stderr.write(`  token endpoint  ${shown.tokenEndpoint}\n`);
    stderr.write(`  client id       ${shown.clientId}${scenario?.reach === 'app' ? ` (${scenario.name})` : ''}\n`);
    const { imap, pop, smtp } = shown;
    stderr.write(`  IMAP            ${imap.host}:${imap.port} (STARTTLS: ${imap.starttlsPort})\n`);
    stderr.write(`  POP3            ${pop.host}:${pop.port} (STLS: ${pop.starttlsPort})\n`);
    stderr.write(`  SMTP            ${smtp.host}:${smtp.port} (STARTTLS)\n`);
    stderr.write(`  Graph           ${shown.graph}\n`);
    stderr.write(`  Exchange admin  ${shown.exchangeAdmin}\n`);
    stderr.write(`  mailbox         ${shown.mailbox}\n`);
    stderr.write(`  control         ${shown.control}\n`);
    if (line.out !== undefined) stderr.write(`  files           ${line.out}/postern.yaml, ca.pem, client-secret, sandbox.json\n`);
    if (administered) stderr.write(`  in force        ${administered.name}: ${administered.does}\n`);
    if (scenario?.reach === 'said') stderr.write(`  to meet ${scenario.name}: ${scenario.how}\n`);
    stderr.write('\n  Ctrl-C ends it.\n');
    await ended;
  } finally {
    await sandbox.close();
  }
  return exit.done;
}

/** Resolves on SIGINT or SIGTERM, and at the end of standard input when that is wanted. */
function endOf(withStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    if (!withStdin) return;
    process.stdin.on('end', () => resolve());
    process.stdin.on('close', () => resolve());
    process.stdin.on('error', () => resolve());
    process.stdin.resume();
  });
}

function fail(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`postern-sandbox: ${error.message}\nTry --help.\n`);
    return exit.usage;
  }
  const isSystem = error instanceof Error && 'syscall' in error;
  process.stderr.write(`postern-sandbox: ${error instanceof Error ? (isSystem ? error.message : error.stack) : String(error)}\n`);
  return isSystem ? exit.failed : exit.bug;
}

process.exitCode = await main(process.argv.slice(2)).catch(fail);
