/** The sessions that are open: who has which mailbox, how much has passed, and how to end one. */
import { randomBytes } from 'node:crypto';
import type { ProxyProtocol, SessionView } from './port.ts';

export interface SessionFacts {
  readonly client: string;
  readonly mailbox: string;
  readonly tenant: string;
  readonly protocol: ProxyProtocol;
  readonly address: string;
}

/** What a session has done so far. Written by whoever runs it. */
export interface SessionDoing {
  bytesIn: number;
  bytesOut: number;
  lastByteMs: number;
  messages: number;
}

export class OpenSession {
  readonly id = randomBytes(8).toString('hex');
  readonly facts: SessionFacts;
  readonly sinceMs: number;
  doing: SessionDoing;
  /** Why it ends, where it was we who ended it. */
  endedBy: string | undefined;
  /** Ends it at the next good moment, or at once. Set by whoever runs it. */
  stop: (how: 'gently' | 'at-once') => void = () => undefined;
  /** Lets nothing of the application pass for so long. */
  hold: (ms: number) => void = () => undefined;

  constructor(facts: SessionFacts, nowMs: number) {
    this.facts = facts;
    this.sinceMs = nowMs;
    this.doing = { bytesIn: 0, bytesOut: 0, lastByteMs: nowMs, messages: 0 };
  }

  view(): SessionView {
    const { bytesIn, bytesOut, lastByteMs, messages } = this.doing;
    return { id: this.id, ...this.facts, sinceMs: this.sinceMs, bytesIn, bytesOut, lastByteMs, messages };
  }

  end(why: string, how: 'gently' | 'at-once'): void {
    this.endedBy ??= why;
    this.stop(how);
  }
}

export class Sessions {
  readonly #open = new Map<string, OpenSession>();
  #whenEmpty: (() => void)[] = [];

  get size(): number {
    return this.#open.size;
  }

  add(session: OpenSession): void {
    this.#open.set(session.id, session);
  }

  remove(session: OpenSession): void {
    this.#open.delete(session.id);
    if (this.#open.size > 0) return;
    for (const resolve of this.#whenEmpty) resolve();
    this.#whenEmpty = [];
  }

  get(id: string): OpenSession | undefined {
    return this.#open.get(id);
  }

  all(): Iterable<OpenSession> {
    return this.#open.values();
  }

  async empty(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => void this.#whenEmpty.push(resolve));
  }
}
