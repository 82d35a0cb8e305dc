/**
 * Tests of sources that are under way or have just ended: few at once, none for ever, and none that nobody looks at.
 *
 * The hard thing is that a browser that is closed says nothing: so a test is ended when nobody has listened for a while, and what it found
 * is kept for a while for whoever comes back. Nothing of it is written anywhere, and what it holds has no secret in it.
 */
import { randomUUID } from 'node:crypto';
import { accountsToCheck } from '../../check/account.ts';
import type { Finding } from '../../check/finding.ts';
import { lookPorts } from '../../check/look-ports.ts';
import { verdictOf } from '../../check/report.ts';
import { type CheckResult, check } from '../../check/run.ts';
import type { Config, SourceConfig } from '../../config/config.ts';
import { catalog } from '../../fault/catalog.ts';
import { Fault } from '../../fault/fault.ts';
import type { SourceTest, TestFinding } from '../api/source.ts';
import type { ServiceParts } from '../parts.ts';
import { Rungs } from './rungs.ts';

export interface TestLimits {
  readonly atOnce: number;
  readonly longestMs: number;
  /** Without a listener a test lives so long. */
  readonly unheardMs: number;
  /** What has ended can be asked for so long. */
  readonly keptMs: number;
  /** And so many of them. */
  readonly keptMost: number;
}

export const testLimits: TestLimits = { atOnce: 4, longestMs: 120_000, unheardMs: 20_000, keptMs: 15 * 60_000, keptMost: 50 };

/** Mail sessions of one test: the protocol that is tested, and another one that may explain it. */
const connections = 2;

export class SourceTests {
  readonly #parts: Pick<ServiceParts, 'clock' | 'request' | 'signal' | 'onBug' | 'config'>;
  readonly #limits: TestLimits;
  readonly #tests = new Map<string, Running>();

  constructor(parts: Pick<ServiceParts, 'clock' | 'request' | 'signal' | 'onBug' | 'config'>, limits: TestLimits = testLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  /** Begins one. @throws Fault tests.too-many */
  start(source: SourceConfig): SourceTest {
    const running = [...this.#tests.values()].filter(({ ended }) => !ended).length;
    if (running >= this.#limits.atOnce) throw new Fault('tests.too-many', { running });
    const test = new Running(source, this.#parts, this.#limits, (id) => this.#tests.delete(id));
    this.#tests.set(test.id, test);
    // Whoever begins and stops them all day leaves no more behind than these.
    const over = [...this.#tests.values()].filter(({ ended }) => ended).slice(0, -this.#limits.keptMost);
    for (const { id } of over) this.#tests.delete(id);
    return test.state();
  }

  /** Without being a listener. */
  peek(id: string): SourceTest | undefined {
    return this.#tests.get(id)?.state();
  }

  /** @throws Fault service.not-found */
  get(id: string): SourceTest {
    const test = this.#of(id);
    // Who asks again and again listens too.
    test.heard();
    return test.state();
  }

  /** The state now and after each change, until it has ended or the listener is gone. */
  listen(id: string, signal: AbortSignal): AsyncIterable<SourceTest> {
    return this.#of(id).listen(signal);
  }

  stop(id: string): SourceTest {
    const test = this.#of(id);
    test.stop('it was stopped');
    return test.state();
  }

  #of(id: string): Running {
    const test = this.#tests.get(id);
    if (test === undefined) throw new Fault('service.not-found', { test: id });
    return test;
  }
}

class Running {
  readonly id = randomUUID();
  ended = false;
  readonly #startedAt: number;
  readonly #begunAt: number;
  readonly #rungs: Rungs;
  readonly #protocol: SourceConfig['protocol'];
  readonly #stop = new AbortController();
  readonly #limits: TestLimits;
  readonly #clock: ServiceParts['clock'];
  readonly #forget: (id: string) => void;
  #because = 'the test was ended';
  #result: CheckResult | undefined;
  #tookMs: number | null = null;
  #listeners = 0;
  #unheard: NodeJS.Timeout | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(
    source: SourceConfig,
    parts: Pick<ServiceParts, 'clock' | 'request' | 'signal' | 'onBug' | 'config'>,
    limits: TestLimits,
    forget: (id: string) => void,
  ) {
    const { clock } = parts;
    this.#clock = clock;
    this.#limits = limits;
    this.#forget = forget;
    this.#startedAt = clock.now();
    this.#begunAt = clock.monotonic();
    const [account] = accountsToCheck(withOnly(source, parts.config), { mailboxes: [], refused: [] });
    if (account === undefined) throw new Error('a source has one account to check');
    this.#rungs = new Rungs(account);
    this.#protocol = source.protocol;
    this.#waitForEars();
    const tooLong = setTimeout(() => this.stop(`it had not ended after ${Math.round(limits.longestMs / 1_000)} seconds`), limits.longestMs);
    const onEnd = (): void => this.stop('the service ends');
    parts.signal.addEventListener('abort', onEnd, { once: true });
    const ports = lookPorts(parts, this.#stop.signal, {
      onBegin: (probe, place) => {
        this.#rungs.begin(probe, place);
        this.#tell();
      },
      onObservation: (observation) => {
        // What is refused because of the stop is no refusal.
        if (this.#stop.signal.aborted) return;
        this.#rungs.end(observation);
        this.#tell();
      },
    });
    check([account], ports, { connections, sendTest: false, transcript: false })
      .then((result) => {
        if (!this.#stop.signal.aborted) this.#result = result;
      })
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return;
        this.#because = 'something went wrong that is a mistake of ours; the log of the service says more';
        parts.onBug(error);
      })
      .finally(() => {
        clearTimeout(tooLong);
        parts.signal.removeEventListener('abort', onEnd);
        this.#end();
      });
  }

  stop(because: string): void {
    if (this.ended || this.#stop.signal.aborted) return;
    this.#because = because;
    this.#stop.abort(new Error(because));
  }

  heard(): void {
    if (this.#listeners === 0) this.#waitForEars();
  }

  state(): SourceTest {
    return {
      id: this.id,
      startedAt: new Date(this.#startedAt).toISOString(),
      ended: this.ended,
      verdict: !this.ended ? null : this.#result === undefined ? 'stopped' : verdictOf(this.#result.findings),
      rungs: this.#rungs.all(),
      findings: (this.#result?.findings ?? []).filter((finding) => concerns(finding, this.#protocol)).map(shownFinding),
      tookMs: this.#tookMs,
    };
  }

  async *listen(signal: AbortSignal): AsyncGenerator<SourceTest> {
    this.#listeners += 1;
    clearTimeout(this.#unheard);
    const gone = Promise.withResolvers<void>();
    const onGone = (): void => gone.resolve();
    signal.addEventListener('abort', onGone, { once: true });
    try {
      while (!signal.aborted) {
        const next = this.#changed.promise;
        const state = this.state();
        yield state;
        // It may have ended while a slow listener took this one; the end is told all the same.
        if (state.ended) return;
        await Promise.race([next, gone.promise]);
      }
    } finally {
      signal.removeEventListener('abort', onGone);
      this.#listeners -= 1;
      if (this.#listeners === 0) this.#waitForEars();
    }
  }

  #waitForEars(): void {
    clearTimeout(this.#unheard);
    if (this.ended) return;
    this.#unheard = setTimeout(() => this.stop('nobody was listening any more'), this.#limits.unheardMs);
    this.#unheard.unref();
  }

  #end(): void {
    clearTimeout(this.#unheard);
    if (this.#result === undefined) this.#rungs.giveUp(this.#because);
    this.ended = true;
    this.#tookMs = Math.round(this.#clock.monotonic() - this.#begunAt);
    this.#tell();
    setTimeout(() => this.#forget(this.id), this.#limits.keptMs).unref();
  }

  #tell(): void {
    const told = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    told.resolve();
  }
}

/** The configuration as if it had this source alone. */
function withOnly(source: SourceConfig, config: Config): Config {
  const { auth } = source;
  return { ...config, sources: [source], tenants: auth.kind === 'oauth2' ? new Map([[auth.tenant.name, auth.tenant]]) : new Map() };
}

/** That another protocol, which was looked at to compare, does not open is nothing to warn of. */
function concerns({ level, places }: Finding, protocol: SourceConfig['protocol']): boolean {
  return level === 'fault' || !places.every((place) => place.protocol !== undefined && place.protocol !== protocol);
}

function shownFinding({ code, certainty, level, because, seen, repair, rests }: Finding): TestFinding {
  const { says, cause, fix } = catalog[code];
  return {
    code,
    certainty,
    level,
    says,
    cause,
    fix,
    because: because ?? null,
    seen: { ...seen },
    repair: [...repair],
    probes: [...new Set(rests.map(({ probe }) => probe))],
  };
}
