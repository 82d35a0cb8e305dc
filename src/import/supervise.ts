/**
 * Keeps sources coming in side by side within one budget of connections; they may come and go while the others go on.
 *
 * The hard thing is that sources share one archive: a fault of a source ends that source's pass, a fault of the archive ends them all. And
 * a source that is ended or replaced must be gone before anybody goes on: two of one name would bring in the same messages side by side.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Turns } from '../runtime/turns.ts';
import { slowProbeMs } from './backoff.ts';
import { ConnectionBudget, type ConnectionLimits } from './budget.ts';
import { Leases } from './lease.ts';
import { Slots } from './slots.ts';
import { hostOf, type ImportPorts, type ImportSource, SourceRun } from './source.ts';

/** Connections kept open to listen, at most: each costs some 100 kB here, and the server its patience. */
export const defaultListening = 100;

export interface SuperviseOptions extends ConnectionLimits {
  /** Sources whose connection stays open to listen, at most, beside `connections` and `perHost`; the others are looked at every `everyMs`. */
  readonly listening?: number;
  /** Hears what a source does now. Never waits, never throws. */
  readonly onDoing?: (source: string, doing: Doing) => void;
}

/**
 * `queued`: due, and waits for a place of the budget. `looking`: a pass goes on. `waiting`: until `dueMs` of the machine's clock at the
 * latest; listening it may come sooner.
 */
export type Doing =
  | { readonly kind: 'queued' }
  | { readonly kind: 'looking' }
  | { readonly kind: 'waiting'; readonly dueMs: number }
  | { readonly kind: 'ended' };

/** A source that is kept coming in. */
interface Kept {
  readonly source: ImportSource;
  readonly stop: AbortController;
  /** Aborted to wake it from its wait. */
  wake: AbortController | undefined;
  doing: Doing;
  /** Resolves when it has ended; never rejects. */
  ended: Promise<void>;
}

/** Why a source that is ended throws. */
const endedBySomebody = new Error('the source is ended');
const woken = new Error('somebody wants a look at once');

export class Supervision {
  readonly #ports: ImportPorts;
  readonly #stop = new AbortController();
  readonly #passes: ConnectionBudget;
  readonly #listening: Slots;
  readonly #onDoing: NonNullable<SuperviseOptions['onDoing']>;
  readonly #kept = new Map<string, Kept>();
  /** Ends and replacements of one source, one after the other. */
  readonly #turns = new Turns();
  /** The first fault that ended all. */
  #failure: { readonly error: unknown } | undefined;
  /** Does something as whoever made this, not as whoever asked for it: a request of the console may begin a source, and is no part of it. */
  readonly #outside = AsyncLocalStorage.snapshot();
  /** Whether it was told that nothing is made searchable any more. */
  #derivingTold = false;

  constructor(ports: ImportPorts, options: SuperviseOptions) {
    this.#ports = { ...ports, leases: ports.leases ?? new Leases(), signal: AbortSignal.any([ports.signal, this.#stop.signal]) };
    this.#passes = new ConnectionBudget(options);
    this.#listening = new Slots(options.listening ?? defaultListening);
    this.#onDoing = options.onDoing ?? (() => undefined);
  }

  get names(): readonly string[] {
    return [...this.#kept.keys()];
  }

  /** Undefined for one that is not kept coming in. */
  doing(name: string): Doing | undefined {
    return this.#kept.get(name)?.doing;
  }

  /** Begins a source, in place of the one of this name where there is one. Resolves when it has begun. */
  async put(source: ImportSource): Promise<void> {
    await this.#turns.take(source.name, async () => {
      await this.#end(source.name);
      this.#begin(source);
    });
  }

  /** Ends a source. Resolves when it has ended and what was taken over is durable. @throws Fault of the archive */
  async end(name: string): Promise<void> {
    await this.#turns.take(name, () => this.#end(name));
  }

  /**
   * Wakes a source, so that it looks at once. A pause that a server asked for is kept all the same.
   * @returns false where it looks already, is to do so as soon as there is a place, or is not there
   */
  runNow(name: string): boolean {
    const wake = this.#kept.get(name)?.wake;
    if (wake === undefined || wake.signal.aborted) return false;
    wake.abort(woken);
    return true;
  }

  /**
   * Resolves when the signal was aborted, all have ended, and what came is durable.
   * @throws Fault of the archive; a bug of ours: the first of them has ended the others
   */
  async ended(): Promise<void> {
    const { signal } = this.#ports;
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    // One that is being replaced may begin another one, which ends at once.
    while (this.#kept.size > 0) await Promise.all([...this.#kept.values()].map(({ ended }) => ended));
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.#ports.archive.flush();
  }

  async #end(name: string): Promise<void> {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    kept.stop.abort(endedBySomebody);
    await kept.ended;
    await this.#ports.archive.flush();
  }

  #begin(source: ImportSource): void {
    if (this.#ports.signal.aborted) return;
    const stop = new AbortController();
    const kept: Kept = { source, stop, wake: undefined, doing: { kind: 'queued' }, ended: Promise.resolve() };
    this.#kept.set(source.name, kept);
    const ports = { ...this.#ports, signal: AbortSignal.any([this.#ports.signal, stop.signal]) };
    kept.ended = this.#outside(() => this.#keepComing(kept, ports))
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#stop.abort(error);
      })
      .finally(() => {
        this.#kept.delete(source.name);
        this.#tell(kept, { kind: 'ended' });
      });
  }

  #tell(kept: Kept, doing: Doing): void {
    kept.doing = doing;
    this.#onDoing(kept.source.name, doing);
  }

  /** @throws Fault of the archive; a bug of ours */
  async #keepComing(kept: Kept, ports: ImportPorts): Promise<void> {
    const { source } = kept;
    const { signal, report } = ports;
    const run = new SourceRun(source, ports, this.#passes);
    const told = new Map<string, string>();
    let listens = false;
    const hangUp = async (): Promise<void> => {
      await run.close();
      if (listens) this.#listening.give();
      listens = false;
    };
    const pass = async (): Promise<void> => {
      this.#tell(kept, { kind: 'looking' });
      // Between two passes somebody else may run the source.
      const lease = ports.leases?.take(source.name);
      try {
        await run.pass();
        // To stay in a mailbox that one session at a time may have would be to shut all others out.
        listens ||= source.exclusive !== true && this.#listening.tryTake();
        if (!listens) await run.close();
        await run.completeOnServer();
      } catch (error) {
        await hangUp();
        throw error;
      } finally {
        lease?.end();
      }
    };
    try {
      while (!signal.aborted) {
        try {
          this.#tell(kept, { kind: 'queued' });
          await this.#passes.within(hostOf(source), signal, pass);
          tellFolders(source.name, run, told, ports);
          this.#tellDeriving();
          await run.settle();
          await this.#wait(kept, source.everyMs, (wake) => run.waitForNews(wake));
        } catch (error) {
          await hangUp();
          const { fault, waitMs } = await run.failed(error);
          const asked = fault.entry.retry === 'after-wait';
          if (waitMs === undefined) {
            report({ kind: 'failed', source: source.name, fault, waitMs: slowProbeMs });
            await this.#wait(kept, slowProbeMs, (wake) => ports.clock.sleep(slowProbeMs, AbortSignal.any([signal, wake])));
          } else if (asked) {
            this.#tell(kept, { kind: 'waiting', dueMs: ports.clock.now() + waitMs });
            await run.pause(fault, waitMs);
          } else await this.#wait(kept, waitMs, (wake) => run.pause(fault, waitMs, wake));
        }
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
    } finally {
      await hangUp();
    }
  }

  /** A wait from which somebody may wake the source. @throws what `wait` throws for another reason */
  async #wait(kept: Kept, ms: number, wait: (wake: AbortSignal) => Promise<void>): Promise<void> {
    const wake = new AbortController();
    kept.wake = wake;
    this.#tell(kept, { kind: 'waiting', dueMs: this.#ports.clock.now() + ms });
    try {
      await wait(wake.signal);
    } catch (error) {
      if (!wake.signal.aborted || error !== woken) throw error;
    } finally {
      kept.wake = undefined;
    }
  }

  /** Mail goes on coming in when the index fails; a person must know that what comes is not found. Told once. */
  #tellDeriving(): void {
    const { archive, report } = this.#ports;
    const fault = archive.derivingFault();
    if (fault === undefined || this.#derivingTold) return;
    this.#derivingTold = true;
    report({ kind: 'deriving-failed', fault });
  }
}

/** Tells the fault of a folder when it comes, not at every look. */
function tellFolders(source: string, run: SourceRun, told: Map<string, string>, ports: ImportPorts): void {
  for (const folder of told.keys()) if (!run.folderFaults.has(folder)) told.delete(folder);
  for (const [folder, fault] of run.folderFaults) {
    if (told.get(folder) === fault.code) continue;
    told.set(folder, fault.code);
    ports.report({ kind: 'folder-failed', source, folder, fault });
  }
}
