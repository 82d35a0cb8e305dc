/**
 * Server-sent events (html.spec.whatwg.org, 9.2): what a route tells, as it happens, until the asker goes, logs out, or the service ends.
 *
 * The hard thing is a connection that stays: it must not outlive the session that opened it, nor hold what is told to somebody who does
 * not read. So the session is looked at again and again, nothing more is taken from the route while the socket is full, and whoever does
 * not read for a minute is cut off. Streams are counted, of each asker and in all.
 */
import type { ServerResponse } from 'node:http';
import { Fault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { EventStream, Who } from './route.ts';

const heartbeatMs = 15_000;
const lookedAfterMs = 5_000;
const unreadMs = 60_000;
const mostOfAsker = 20;
const mostOfAll = 500;

export interface StreamPorts {
  readonly clock: Clock;
  /** Whether the asker's session or token is good still. */
  readonly isOpen: (id: string) => Promise<boolean>;
  readonly onEnd: (listener: (id: string) => void) => () => void;
}

/** Counts the streams that are open. */
export class EventStreams {
  readonly #ports: StreamPorts;
  readonly #open = new Map<string, number>();
  #all = 0;

  constructor(ports: StreamPorts) {
    this.#ports = ports;
  }

  /** @throws Fault service.too-many-requests */
  take({ id }: Who): () => void {
    const own = this.#open.get(id) ?? 0;
    if (own >= mostOfAsker || this.#all >= mostOfAll) throw new Fault('service.too-many-requests', { streams: own, seconds: 30 });
    this.#open.set(id, own + 1);
    this.#all += 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#all -= 1;
      const left = (this.#open.get(id) ?? 1) - 1;
      if (left === 0) this.#open.delete(id);
      else this.#open.set(id, left);
    };
  }

  /** Writes until it ends; headers are those of the answer. @param asker what the route listens to: aborted here at the end */
  async run(response: ServerResponse, { events }: EventStream, who: Who, asker: AbortController): Promise<void> {
    const { clock, isOpen, onEnd } = this.#ports;
    let isLoggedOut = false;
    const logOut = (): void => {
      isLoggedOut = true;
      asker.abort();
    };
    const unhear = onEnd((id) => {
      if (id === who.id) logOut();
    });
    const write = async (text: string): Promise<void> => {
      if (response.destroyed || response.writableEnded || response.write(text)) return;
      await drained(response, clock, asker.signal);
    };
    let bug: unknown;
    const beats = this.#beat(response, asker.signal, who.id, isOpen, logOut).catch((error: unknown) => {
      bug = error;
      asker.abort();
    });
    try {
      await write(': \n\n');
      for await (const { event, data } of events) {
        if (asker.signal.aborted) break;
        await write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      }
    } catch (error) {
      if (!asker.signal.aborted) throw error;
    } finally {
      unhear();
      asker.abort();
      await beats;
      if (isLoggedOut && !response.destroyed) response.write('event: logged-out\ndata: {"kind":"logged-out"}\n\n');
      response.end();
    }
    if (bug !== undefined) throw bug;
  }

  /**
   * An event `beat` now and then: for a proxy on the way, and for a page, which sees no comments and would take a dead line for a quiet one.
   * And a look whether the asker may stay.
   */
  async #beat(
    response: ServerResponse,
    signal: AbortSignal,
    id: string,
    isOpen: (id: string) => Promise<boolean>,
    logOut: () => void,
  ): Promise<void> {
    const { clock } = this.#ports;
    let since = 0;
    while (!signal.aborted) {
      try {
        await clock.sleep(lookedAfterMs, signal);
        if (!(await isOpen(id))) return logOut();
      } catch (error) {
        if (signal.aborted) return;
        // The accounts cannot be read for the moment: that ends nothing.
        if (!(error instanceof Fault)) throw error;
      }
      since += lookedAfterMs;
      if (since < heartbeatMs || response.writableNeedDrain) continue;
      since = 0;
      response.write('event: beat\ndata: {}\n\n');
    }
  }
}

/** Until the socket takes more; whoever does not read for too long is cut off. */
async function drained(response: ServerResponse, clock: Clock, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const drain = Promise.withResolvers<'drained'>();
  const onDrained = (): void => drain.resolve('drained');
  for (const event of ['drain', 'close']) response.once(event, onDrained);
  const late = clock.sleep(unreadMs, AbortSignal.any([signal, done.signal])).then(
    () => 'late' as const,
    () => 'drained' as const,
  );
  if ((await Promise.race([drain.promise, late])) === 'late') response.destroy();
  done.abort();
  // A stream may fill and drain all day.
  for (const event of ['drain', 'close']) response.off(event, onDrained);
}
