/**
 * What no event tells: looked up in the archive, the journal, the configuration and on the disk, each as often as it is worth.
 *
 * The hard thing is the price. All of it runs beside an import, so what walks through tables takes a fixed share of the time at most, and
 * on a large archive is looked up rarely. A fault leaves the last answer standing: it is told by whoever it concerns.
 */
import type { Archive, ArchiveStats } from '../../archive/archive.ts';
import { Fault } from '../../fault/fault.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type SourceVerdict as FeedVerdict, judgeFeed } from '../reconcile/feed.ts';
import type { CertificateEnd } from './certificate-ends.ts';
import type { CredentialView } from './expiry.ts';
import { ageOf, type Instant } from './instant.ts';
import { type Disk, type Lag, nextLag } from './service-state.ts';
import type { Tally } from './tally.ts';

export interface LookPorts {
  readonly archive: Pick<Archive, 'stats' | 'pulse' | 'feed' | 'quarantine' | 'derivingFault'>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly disk: () => Promise<Disk>;
  readonly credentials: (now: number) => CredentialView;
  /** Ends of Postern's own certificates, read anew. */
  readonly certificates: () => Promise<readonly CertificateEnd[]>;
}

/** What costs a walk through tables. */
const slowEveryMs = 60_000;
/** Of all the time, so much at most is spent on what walks through the whole archive. */
const share = 0.001;
/** Habits are hours long. */
const feedEveryMs = 5 * 60_000;

export class Looks {
  lag: Lag | undefined;
  stats: ArchiveStats | undefined;
  disk: Disk | undefined;
  /** By source, as the next two. */
  quarantined: ReadonlyMap<string, number> = new Map();
  gaps: ReadonlyMap<string, number> = new Map();
  habits: ReadonlyMap<string, FeedVerdict> = new Map();
  credentials: CredentialView = { expiries: new Map(), unknown: new Map() };
  certificates: readonly CertificateEnd[] = [];
  readonly #ports: LookPorts;
  readonly #tally: Tally;
  readonly #counts: boolean;
  #slow: Instant | undefined;
  #countDue = Number.NEGATIVE_INFINITY;
  #feedDue = Number.NEGATIVE_INFINITY;
  #quarantineSeen = 0;

  /** @param options `counts`: whether anybody asks for the numbers of the whole archive */
  constructor(ports: LookPorts, tally: Tally, options: { readonly counts: boolean }) {
    this.#ports = ports;
    this.#tally = tally;
    this.#counts = options.counts;
  }

  /** @throws a bug of ours */
  async take(now: Instant): Promise<void> {
    const { archive, journal, disk, credentials } = this.#ports;
    this.credentials = credentials(now.wallMs);
    this.gaps = new Map((await journal.gapCounts()).map(({ source, open }) => [source, open]));
    if (this.#slow !== undefined && ageOf(this.#slow, now) < slowEveryMs && !this.#quarantineGrew()) return;
    this.#slow = now;
    await standing(async () => {
      this.disk = await disk();
    });
    await standing(async () => {
      const read = await this.#ports.certificates();
      // One that is just being replaced is as it was.
      const gone = this.certificates.filter((one) => !read.some(({ of }) => of === one.of));
      this.certificates = [...read, ...gone];
    });
    await standing(async () => {
      const counts = new Map<string, number>();
      for await (const { source } of archive.quarantine()) counts.set(source, (counts.get(source) ?? 0) + 1);
      this.quarantined = counts;
    });
    await standing(async () => {
      const { lag } = await archive.pulse();
      this.lag = nextLag(this.lag, lag, now);
    });
    await standing(async () => {
      if (now.steadyMs < this.#feedDue) return;
      this.#feedDue = now.steadyMs + feedEveryMs;
      const at = new Date(now.wallMs);
      this.#feedDue += await this.#restAfter(async () => {
        this.habits = new Map(judgeFeed(await archive.feed(at), at).map((verdict) => [verdict.source, verdict]));
      });
    });
    await standing(async () => {
      if (!this.#counts || now.steadyMs < this.#countDue) return;
      this.#countDue = now.steadyMs;
      this.#countDue += await this.#restAfter(async () => {
        this.stats = await archive.stats();
      });
    });
  }

  /** @returns how long to wait before doing it again, so that it takes no more than its share of the time */
  async #restAfter(act: () => Promise<void>): Promise<number> {
    const began = this.#ports.clock.monotonic();
    await act();
    return (this.#ports.clock.monotonic() - began) / share;
  }

  #quarantineGrew(): boolean {
    let sum = 0;
    for (const { quarantined } of this.#tally.sources.values()) sum += quarantined;
    const grew = sum > this.#quarantineSeen;
    this.#quarantineSeen = sum;
    return grew;
  }
}

/** @throws a bug of ours */
async function standing(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    // The system's errors (a data folder that is not there) and faults; each is told where it stops something.
    if (!(error instanceof Fault) && !(error instanceof Error && 'code' in error)) throw error;
  }
}
