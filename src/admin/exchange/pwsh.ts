/**
 * Exchange's cmdlets by PowerShell 7 on this machine, with Microsoft's own module: the supported way.
 *
 * The hard thing is to let no value become code. One script of ours is started; cmdlets come to it as JSON lines on its standard input and
 * are called with a table of parameters, never as text. It answers with one JSON line each, behind a mark that its other output lacks.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Fault } from '../../fault/fault.ts';
import type { AdminTokens } from '../token.ts';
import type { CmdletParameters, CmdletResult, CmdletTrace, ExchangeAdmin } from './admin.ts';
import { cmdletFault } from './refusal.ts';

export interface PwshPlace {
  /** Name or path, `pwsh` as a rule. */
  readonly program: string;
  readonly tenantId: string;
  /** Value of `-ExchangeEnvironmentName`; absent where the default serves. */
  readonly exchangeEnvironment?: string;
}

export interface PwshPorts {
  readonly tokens: AdminTokens;
  readonly signal: AbortSignal;
  /** Environment of the program. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onTrace?: (trace: CmdletTrace) => void;
}

/** Reads `{id, cmdlet, parameters}` by line, calls by splatting, and writes `MARK{id, rows, warnings, error}` by line. */
const script = `
$ErrorActionPreference = 'Stop'
[Console]::InputEncoding = [Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false)
$ProgressPreference = 'SilentlyContinue'
function Answer($value) { [Console]::Out.WriteLine($env:POSTERN_MARK + ($value | ConvertTo-Json -Depth 6 -Compress -EnumsAsStrings)) }
while ($null -ne ($line = [Console]::In.ReadLine())) {
  $ask = $line | ConvertFrom-Json -AsHashtable
  try {
    $parameters = $ask.parameters
    $warned = @()
    if ($ask.cmdlet -eq 'Connect-ExchangeOnline') { Import-Module ExchangeOnlineManagement -MinimumVersion 3.0.0 }
    if ($ask.cmdlet -eq 'Get-Command') {
      $rows = @(Get-Command -CommandType Function, Cmdlet | ForEach-Object { @{ Name = $_.Name } })
    } else {
      $rows = @(& $ask.cmdlet @parameters -WarningVariable warned -WarningAction SilentlyContinue)
    }
    Answer @{ id = $ask.id; rows = $rows; warnings = @($warned | ForEach-Object { "$_" }) }
  } catch {
    Answer @{ id = $ask.id; error = @{ type = $_.Exception.GetType().FullName; text = "$($_.Exception.Message)" } }
  }
}
`;

/** Loading the module takes up to a minute on a slow disk. */
const timeoutMs = 180_000;

interface Answer {
  readonly id: number;
  readonly rows?: unknown;
  readonly warnings?: unknown;
  readonly error?: { readonly type: string; readonly text: string };
}

/** Starts PowerShell and connects. @throws Fault exchange.powershell-missing, exchange.*, signin.* */
export async function pwsh(place: PwshPlace, ports: PwshPorts): Promise<ExchangeAdmin> {
  const shell = new Shell(place.program, ports);
  try {
    const token = await ports.tokens.token('exchange', ports.signal);
    await shell.connect({
      // As a SecureString it could not come in; a token lives for an hour, and the pipe is ours.
      AccessToken: token.value.reveal(),
      ...(token.claims.upn === undefined ? { Organization: place.tenantId } : { UserPrincipalName: token.claims.upn }),
      ShowBanner: false,
      ...(place.exchangeEnvironment === undefined ? {} : { ExchangeEnvironmentName: place.exchangeEnvironment }),
    });
    return shell;
  } catch (error) {
    await shell.close();
    throw error;
  }
}

class Shell implements ExchangeAdmin {
  readonly way = 'PowerShell';
  readonly #ports: PwshPorts;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, { readonly waiter: PromiseWithResolvers<Answer>; readonly cmdlet: string }>();
  /** Why there is no more PowerShell. */
  #ended: string | undefined;
  #isConnected = false;
  #count = 0;

  constructor(program: string, ports: PwshPorts) {
    this.#ports = ports;
    const mark = randomBytes(12).toString('hex');
    this.#child = spawn(program, ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', script], {
      env: { ...ports.env, POSTERN_MARK: mark },
      signal: ports.signal,
      windowsHide: true,
    });
    this.#child.on('error', (error) => this.#end('code' in error ? String(error.code) : error.message));
    this.#child.on('exit', (code) => this.#end(`it ended with exit code ${code ?? 'none'}`));
    this.#child.stdin.on('error', () => undefined); // its end is told by `exit`
    this.#child.stderr.resume();
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const at = line.indexOf(mark);
      if (at >= 0) this.#answered(line.slice(at + mark.length));
    });
  }

  async connect(parameters: CmdletParameters): Promise<void> {
    const { error } = await this.#call('Connect-ExchangeOnline', parameters);
    if (error === undefined) {
      this.#isConnected = true;
      return;
    }
    if (/FileNotFoundException/.test(error.type) || /module/i.test(error.text)) throw missing(error.text);
    throw cmdletFault({ cmdlet: 'Connect-ExchangeOnline', ...error, status: 0, requestId: '' });
  }

  async run(cmdlet: string, parameters: CmdletParameters): Promise<CmdletResult> {
    const { rows, warnings, error } = await this.#call(cmdlet, parameters);
    this.#ports.onTrace?.({ cmdlet, parameters, status: 0, requestId: '' });
    if (error !== undefined) throw cmdletFault({ cmdlet, ...error, status: 0, requestId: '' });
    return { rows: listOf(rows).map((one) => Object(one)), warnings: listOf(warnings).map(String) };
  }

  async allowedCmdlets(): Promise<ReadonlySet<string>> {
    const { rows } = await this.run('Get-Command', {});
    return new Set(rows.map((row) => String(row['Name'])));
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#ended !== undefined) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(timer);
  }

  async #call(cmdlet: string, parameters: CmdletParameters): Promise<Answer> {
    this.#ports.signal.throwIfAborted();
    if (this.#ended !== undefined) throw this.#gone(cmdlet, false);
    this.#count += 1;
    const id = this.#count;
    const waiter = Promise.withResolvers<Answer>();
    this.#waiting.set(id, { waiter, cmdlet });
    this.#child.stdin.write(`${JSON.stringify({ id, cmdlet, parameters })}\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    try {
      return await waiter.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #answered(text: string): void {
    try {
      const answer: Answer = JSON.parse(text);
      this.#waiting.get(answer.id)?.waiter.resolve(answer);
    } catch {
      this.#end('its answer cannot be read');
      this.#child.kill('SIGKILL');
    }
  }

  #end(seen: string): void {
    this.#ended ??= seen;
    const { aborted, reason } = this.#ports.signal;
    for (const { waiter, cmdlet } of this.#waiting.values()) waiter.reject(aborted ? reason : this.#gone(cmdlet, true));
  }

  /** Before it was connected it is a thing to install; afterwards what it was asked may have been done. */
  #gone(cmdlet: string, wasAsked: boolean): Fault {
    const seen = (this.#ended ?? 'unknown').slice(0, 300);
    if (!this.#isConnected) return missing(seen);
    if (wasAsked && !/^(?:Get|Test)-/.test(cmdlet)) return new Fault('exchange.outcome-unknown', { cmdlet, seen });
    return new Fault('exchange.powershell-ended', { cmdlet, seen });
  }
}

function missing(seen: string): Fault {
  return new Fault('exchange.powershell-missing', { seen: seen.slice(0, 300) });
}

/** PowerShell writes a list of one as the one. */
function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
