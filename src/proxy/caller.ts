/** An application that has connected and not logged in yet: its talk, and what it may do on the listener by which it came. */
import type { SecureContext } from 'node:tls';
import type { ProxyListener } from '../config/config.ts';
import type { LoginAttempt } from './clients/admission.ts';
import type { LoginAnswer, LoginCall } from './login.ts';
import { type Talk, TalkEnded } from './talk.ts';

export interface CallerParts {
  readonly talk: Talk;
  readonly listener: ProxyListener;
  readonly address: string;
  /** Undefined where the listener has no TLS. */
  readonly secureContext: () => SecureContext | undefined;
  readonly logIn: (call: LoginCall) => Promise<LoginAnswer>;
}

export class Caller {
  readonly talk: Talk;
  readonly #parts: CallerParts;

  constructor(parts: CallerParts) {
    this.talk = parts.talk;
    this.#parts = parts;
  }

  get address(): string {
    return this.#parts.address;
  }

  /** No password in plain text but on this machine. */
  get mayLogIn(): boolean {
    return this.talk.secure || this.#parts.listener.tls === 'none';
  }

  get mayStartTls(): boolean {
    return this.#parts.listener.tls === 'starttls' && !this.talk.secure;
  }

  /** The handshake. @throws TalkEnded */
  async startTls(): Promise<void> {
    const context = this.#parts.secureContext();
    if (context === undefined) throw new Error('a listener with TLS has no certificate');
    await this.talk.startTls(context);
  }

  /** Commands that were put behind STARTTLS by whoever sits between are never read as if they came from inside. @throws TalkEnded */
  refuseInjection(words: string): never {
    this.talk.close(words);
    throw new TalkEnded('injection');
  }

  async logIn(attempt: LoginAttempt): Promise<LoginAnswer> {
    const { listener, address } = this.#parts;
    return await this.#parts.logIn({ protocol: listener.protocol, address, attempt, signal: this.talk.signal });
  }
}
