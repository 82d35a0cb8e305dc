/**
 * A whole check: look, judge, and, where it was asked to wait, look again until all is well or the time is over.
 *
 * The hard thing is "too early" against "wrong". A grant that was just given needs minutes to two hours (M365 (doc)), and until then
 * looks as if it had never been given. So only what such a wait can heal is waited for, each round with a new token, because the old one
 * does not know of new permissions; and at the end it is said since when it failed and for how long it was tried.
 */
import { catalog } from '../fault/catalog.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Account } from './account.ts';
import { diagnose } from './diagnose.ts';
import type { Finding } from './finding.ts';
import { type KnownEnds, type Look, type LookOptions, type LookPorts, lookAtAll } from './look.ts';

export interface CheckResult extends Look {
  readonly findings: readonly Finding[];
  readonly startedAtMs: number;
  readonly waited?: Waited;
}

export interface Waited {
  readonly rounds: number;
  /** When the first round failed. */
  readonly failedSinceMs: number;
  /** When the last round ended. */
  readonly untilMs: number;
  readonly outcome: 'healed' | 'time-over' | 'waiting-cannot-help';
}

export interface WaitOptions {
  readonly forMs: number;
  /** Called every second between two rounds, and once before. */
  readonly onWait: (state: {
    readonly round: number;
    readonly nextInMs: number;
    readonly untilMs: number;
    readonly findings: readonly Finding[];
  }) => void;
}

/** M365 (doc): changes of permissions need minutes to two hours. */
export const propagationMs = 2 * 3_600_000;

/** Between two rounds: short at first, for what takes a minute, then longer. */
const firstPauseMs = 15_000;
const longestPauseMs = 120_000;
const pauseGrowth = 1.5;

/** What may come right by itself after a change in Entra or Exchange: new permissions, pointers, grants, switches, secrets. */
const healing: ReadonlySet<string> = new Set([
  'check.pointer-wrong',
  'check.mailbox-closed',
  'check.grant-missing',
  'check.protocol-off',
  'check.roles-none',
  'check.role-missing',
  'check.smtp-role-missing',
  'check.refusal-unproven',
  // A grant that was taken back still opens for a while.
  'check.mailbox-open',
  'smtp.disabled-for-tenant',
  'smtp.disabled-for-mailbox',
  'smtp.authenticate-refused',
  'smtp.mailbox-logon-failed',
  'smtp.policy-refused',
  'token.app-not-found',
  'token.service-principal-missing',
  'token.app-disabled',
  'token.secret-wrong',
  'token.certificate-not-registered',
  'token.assertion-refused',
  'token.issuer-not-trusted',
  'token.subject-not-trusted',
  'token.audience-not-trusted',
  'token.resource-not-found',
  'token.conditional-access',
]);

/** Whether the finding may pass without anybody doing more. */
export function mayHeal({ code }: Finding): boolean {
  return healing.has(code) || isPassing({ code });
}

/** Whether the catalogue calls it passing: try again later. */
export function isPassing({ code }: Pick<Finding, 'code'>): boolean {
  return catalog[code].retry !== 'never';
}

export function faultsOf(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ level }) => level === 'fault');
}

export async function check(
  accounts: readonly Account[],
  ports: LookPorts,
  options: LookOptions,
  wait?: WaitOptions,
): Promise<CheckResult> {
  const { clock } = ports;
  const startedAtMs = clock.now();
  const ends: KnownEnds = new Map();
  const round = async (): Promise<CheckResult> => {
    const look = await lookAtAll(accounts, ports, options, ends);
    return { ...look, findings: diagnose(look), startedAtMs };
  };
  // Every round asks for a token of its own.
  let result = await round();
  if (wait === undefined || faultsOf(result.findings).length === 0) return result;
  const failedSinceMs = clock.now();
  const endMs = clock.monotonic() + wait.forMs;
  let pauseMs = firstPauseMs;
  for (let rounds = 1; ; rounds += 1) {
    const faults = faultsOf(result.findings);
    const left = endMs - clock.monotonic();
    const outcome = faults.length === 0 ? 'healed' : !faults.every(mayHeal) ? 'waiting-cannot-help' : left <= 0 ? 'time-over' : undefined;
    if (outcome !== undefined) return { ...result, waited: { rounds, failedSinceMs, untilMs: clock.now(), outcome } };
    await countDown(Math.min(pauseMs, left), clock, ports.signal, (nextInMs) =>
      wait.onWait({ round: rounds, nextInMs, untilMs: clock.now() + Math.max(0, endMs - clock.monotonic()), findings: faults }),
    );
    pauseMs = Math.min(pauseMs * pauseGrowth, longestPauseMs);
    result = await round();
  }
}

const tickMs = 1_000;

async function countDown(ms: number, clock: Clock, signal: AbortSignal | undefined, tell: (leftMs: number) => void): Promise<void> {
  const endMs = clock.monotonic() + ms;
  for (let left = ms; left > 0; left = endMs - clock.monotonic()) {
    tell(left);
    await clock.sleep(Math.min(tickMs, left), signal);
  }
}
