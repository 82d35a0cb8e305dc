/** What only grows while a proxy runs: counts for the metrics. Labels come from closed sets, so nothing grows with what strangers send. */
import { loginBuckets, type ProxyCounts, type ProxyProtocol } from './port.ts';

type EachProtocol = Record<ProxyProtocol, number>;

const none = (): EachProtocol => ({ imap: 0, pop3: 0, smtp: 0 });

export class Tally {
  readonly #connections = none();
  readonly #sessions = none();
  readonly #bytesIn = none();
  readonly #bytesOut = none();
  readonly #refused = new Map<string, number>();
  readonly #faults = new Map<string, number>();
  readonly #turnedAway = new Map<string, number>();
  readonly #loginCounts: number[] = Array.from({ length: loginBuckets.length + 1 }, () => 0);
  #loginSeconds = 0;
  #messages = 0;

  connection(protocol: ProxyProtocol): void {
    this.#connections[protocol] += 1;
  }

  session(protocol: ProxyProtocol, tookMs: number): void {
    this.#sessions[protocol] += 1;
    const seconds = tookMs / 1000;
    this.#loginSeconds += seconds;
    const bucket = loginBuckets.findIndex((bound) => seconds <= bound);
    const place = bucket < 0 ? loginBuckets.length : bucket;
    this.#loginCounts[place] = (this.#loginCounts[place] ?? 0) + 1;
  }

  bytes(protocol: ProxyProtocol, from: number, to: number): void {
    this.#bytesIn[protocol] += from;
    this.#bytesOut[protocol] += to;
  }

  refused(reason: string): void {
    more(this.#refused, reason);
  }

  fault(code: string): void {
    more(this.#faults, code);
  }

  turnedAway(reason: string): void {
    more(this.#turnedAway, reason);
  }

  message(): void {
    this.#messages += 1;
  }

  /** @param open bytes of sessions that have not ended yet, by protocol */
  counts(open: Readonly<Record<ProxyProtocol, { readonly bytesIn: number; readonly bytesOut: number }>>): ProxyCounts {
    const withOpen = (ended: EachProtocol, which: 'bytesIn' | 'bytesOut'): EachProtocol => ({
      imap: ended.imap + open.imap[which],
      pop3: ended.pop3 + open.pop3[which],
      smtp: ended.smtp + open.smtp[which],
    });
    return {
      connections: { ...this.#connections },
      sessions: { ...this.#sessions },
      refusedLogins: new Map(this.#refused),
      faults: new Map(this.#faults),
      turnedAway: new Map(this.#turnedAway),
      bytesIn: withOpen(this.#bytesIn, 'bytesIn'),
      bytesOut: withOpen(this.#bytesOut, 'bytesOut'),
      messages: this.#messages,
      loginSeconds: this.#loginSeconds,
      loginCounts: [...this.#loginCounts],
    };
  }
}

function more(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
