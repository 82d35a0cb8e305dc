/**
 * Knows when the credentials of the tenants end, and keeps that up to date while a service runs: asks Graph seldom, and sees a rotation.
 *
 * The hard thing is to ask so seldom that nobody minds, and yet to notice soon that a credential is another one: what Entra shows of a
 * secret is read here too, each minute, and asked for anew when it changes. What Graph said last counts until then, also over a restart.
 */
import { credentialMark, type OwnEnd } from '../../admin/graph/own-credential.ts';
import { unknowns } from '../../admin/graph/unknown-end.ts';
import type { TenantConfig } from '../../config/config.ts';
import { isFault } from '../../fault/fault.ts';
import type { NotedCredential } from '../../journal/journal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type CredentialExpiry, type CredentialView, configuredExpiry, type Expiry, expiryOf, type UnknownEnd } from './expiry.ts';

export interface CredentialEndsPorts {
  /** Those that matter now: of the file, and those that sources of the console bring with them. */
  readonly tenants: () => Iterable<TenantConfig>;
  readonly ask: CredentialExpiry;
  /** When the credential ends that `setup` stored last for this tenant's app, read anew. */
  readonly noted: (tenant: TenantConfig) => Date | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How often it is looked whether a credential is another one. */
const lookEveryMs = 60_000;
/** An answer counts for so long, give or take a tenth. */
const askEveryMs = 24 * 60 * 60_000;
/** After the first failure; doubled with each, up to a day. */
const firstWaitMs = 15 * 60_000;
/** A question with its token, its waits and repetitions. */
const askTimeoutMs = 5 * 60_000;
/** A service that begins has other things to do. */
const firstAskMs = 10_000;
/** Between two looks, whatever is due. */
const shortestMs = 1_000;

interface Known {
  /** The configuration that was asked for: one that is changed in the console is another one. */
  readonly tenant: TenantConfig;
  /** By what the credential is told from its successor. */
  readonly of: string | undefined;
  readonly answer: OwnEnd | undefined;
  /** When the answer came, by the machine's clock. */
  readonly answeredMs: number;
  /** When it is asked next, by the clock that never jumps. */
  readonly dueMs: number;
  readonly failures: number;
  readonly noted: Date | undefined;
}

export class CredentialEnds {
  readonly #ports: CredentialEndsPorts;
  readonly #known = new Map<string, Known>();
  #restored: readonly NotedCredential[] = [];

  constructor(ports: CredentialEndsPorts) {
    this.#ports = ports;
  }

  /** What an earlier process was told. To be called before {@link run}. */
  restore(noted: readonly NotedCredential[]): void {
    this.#restored = noted;
  }

  /** Asks and looks until the signal is aborted. @throws a bug of ours */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    try {
      for (;;) {
        await this.look(signal);
        const dueInMs = Math.min(...[...this.#known.values()].map(({ dueMs }) => dueMs - clock.monotonic()));
        await clock.sleep(Math.max(shortestMs, Math.min(lookEveryMs, dueInMs)), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** One look at all tenants; those that are due are asked, side by side. @param atOnce also those that a service would leave for later */
  async look(signal: AbortSignal, atOnce = false): Promise<void> {
    const tenants = [...this.#ports.tenants()];
    const names = new Set(tenants.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    await Promise.all(tenants.map((tenant) => this.#lookAt(tenant, signal, atOnce)));
  }

  async #lookAt(tenant: TenantConfig, signal: AbortSignal, atOnce: boolean): Promise<void> {
    const { clock, random, ask, noted } = this.#ports;
    const before = this.#known.get(tenant.name);
    const known = before?.tenant === tenant ? before : await this.#begin(tenant, atOnce);
    const ends = noted(tenant);
    const of = await markOf(tenant, known.of);
    const changed = of !== known.of || ends?.getTime() !== known.noted?.getTime();
    // What is known of another credential says nothing of this one.
    const now: Known = changed ? { ...known, of, noted: ends, answer: undefined, dueMs: clock.monotonic(), failures: 0 } : known;
    this.#known.set(tenant.name, now);
    if (clock.monotonic() < now.dueMs) return;
    const answer = await asked(ask, tenant, signal);
    if (this.#known.get(tenant.name) !== now) return;
    const failed = answer.kind === 'unknown' && answer.because === 'failed';
    const failures = failed ? now.failures + 1 : 0;
    const waitMs = failed ? Math.min(firstWaitMs * 2 ** (failures - 1), askEveryMs) : askEveryMs;
    this.#known.set(tenant.name, {
      ...now,
      // A question that failed leaves the last answer standing.
      answer: failed && now.answer?.kind === 'known' ? now.answer : answer,
      answeredMs: failed && now.answer?.kind === 'known' ? now.answeredMs : clock.now(),
      dueMs: clock.monotonic() + waitMs * (0.9 + 0.2 * random()),
      failures,
    });
  }

  async #begin(tenant: TenantConfig, atOnce: boolean): Promise<Known> {
    const { clock, random, noted } = this.#ports;
    const nowMs = clock.now();
    const of = await markOf(tenant, undefined);
    const begun = { tenant, of, noted: noted(tenant), failures: 0 };
    const found = this.#restored.find(({ tenant: name, clientId }) => name === tenant.name && clientId === tenant.clientId);
    const answer = found?.answered === undefined ? undefined : answerOf(found);
    const answeredMs = answer === undefined ? nowMs : (found?.answered?.getTime() ?? nowMs);
    // A run that a scheduler starts each minute asks once a day too, unless the setup has stored another credential since.
    const isFresh = answer !== undefined && found?.noted?.getTime() === begun.noted?.getTime();
    const countsMs = answer?.kind === 'unknown' && answer.because === 'failed' ? firstWaitMs : askEveryMs;
    const waitMs = !atOnce ? firstAskMs * random() : isFresh ? Math.min(countsMs, Math.max(0, answeredMs + countsMs - nowMs)) : 0;
    return { ...begun, answer, answeredMs, dueMs: clock.monotonic() + waitMs };
  }

  view(now: number): CredentialView {
    const expiries = new Map<string, Expiry>();
    const unknown = new Map<string, UnknownEnd>();
    for (const tenant of this.#ports.tenants()) {
      const expiry = this.#expiryOf(tenant, now);
      if (expiry !== undefined) expiries.set(tenant.name, expiry);
      else unknown.set(tenant.name, { tenant: tenant.name, ...this.#whyNot(tenant) });
    }
    return { expiries, unknown };
  }

  /** For the journal: shown by other processes, and taken up by the next one. */
  notes(now: number): readonly NotedCredential[] {
    const { expiries } = this.view(now);
    return [...this.#ports.tenants()].map(({ name, clientId }) => {
      const expiry = expiries.get(name);
      const known = this.#known.get(name);
      const answer = known?.answer;
      return {
        tenant: name,
        clientId,
        what: expiry?.what ?? 'client secret',
        ends: expiry && new Date(expiry.expires),
        origin: expiry?.origin,
        because: answer?.kind === 'unknown' ? answer.because : expiry === undefined ? 'not-asked' : undefined,
        code: answer?.kind === 'unknown' ? answer.fault?.code : undefined,
        noted: known?.noted,
        answered: answer === undefined || known === undefined ? undefined : new Date(known.answeredMs),
      };
    });
  }

  #expiryOf(tenant: TenantConfig, now: number): Expiry | undefined {
    const known = this.#known.get(tenant.name);
    const isCurrent = known?.tenant === tenant;
    const { credential, name } = tenant;
    const noted = isCurrent ? known.noted : undefined;
    const isSetups = credential.kind === 'secret' && (credential.expiresFrom === 'setup' || credential.expires === undefined);
    const configured =
      noted !== undefined && isSetups
        ? expiryOf(name, { what: 'client secret', ends: noted, origin: 'setup' }, now)
        : configuredExpiry(tenant, now);
    if (!isCurrent || known.answer?.kind !== 'known') return configured;
    const { what, ends } = known.answer;
    // A certificate ends when it says so itself, if Entra does not end it before.
    if (configured?.origin === 'certificate' && configured.expires <= ends.getTime()) return configured;
    return expiryOf(name, { what, ends, origin: 'graph' }, now);
  }

  #whyNot(tenant: TenantConfig): Omit<UnknownEnd, 'tenant'> {
    const known = this.#known.get(tenant.name);
    if (known?.tenant !== tenant || known.answer?.kind !== 'unknown') return { because: 'not-asked' };
    const { because, fault } = known.answer;
    return { because, ...(fault === undefined ? {} : { fault }) };
  }
}

/** What an earlier process was answered: it counts until this one has asked. */
function answerOf({ what, ends, because }: NotedCredential): OwnEnd | undefined {
  const known = unknowns.find((one) => one === because);
  if (known !== undefined) return known === 'not-asked' ? undefined : { kind: 'unknown', because: known };
  return ends === undefined ? undefined : { kind: 'known', what, ends };
}

async function asked(ask: CredentialExpiry, tenant: TenantConfig, signal: AbortSignal): Promise<OwnEnd> {
  const deadline = AbortSignal.timeout(askTimeoutMs);
  try {
    return await ask(tenant, AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (signal.aborted || !deadline.aborted) throw error;
    return { kind: 'unknown', because: 'failed' };
  }
}

/** What the credential is known by; of a vault, which should not be asked each minute, nothing. @param before as it was, where it cannot be read now */
async function markOf(tenant: TenantConfig, before: string | undefined): Promise<string | undefined> {
  const { credential } = tenant;
  if (credential.kind === 'secret' && credential.secret.kind === 'command') return undefined;
  try {
    return (await credentialMark(tenant))?.mark;
  } catch (error) {
    if (isFault(error)) return before;
    throw error;
  }
}
