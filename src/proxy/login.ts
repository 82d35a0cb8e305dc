/**
 * A login, from what an application sent to a connection that has logged in at the server; the same for every protocol.
 *
 * The hard thing is the order, which is the promise of the proxy: nothing is known of a mailbox and nothing goes to the server before the
 * password was right, the rights were there, a place was free and the row of the audit was written. And whoever is refused hears the same
 * words after the same while, whatever the reason; the reason is told to the operator.
 */
import type { ProxyLimits, TenantConfig } from '../config/config.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { DialogueLine } from '../mail/endpoint.ts';
import type { SmtpSession } from '../mail/smtp/session.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Attempts } from './attempts.ts';
import type { Audit } from './audit.ts';
import type { Admission, Admissions, LoginAttempt } from './clients/admission.ts';
import { plainAddress } from './clients/client.ts';
import type { LastUses } from './last-used.ts';
import type { MailboxBudgets, Place } from './mailbox-budget.ts';
import type { LoginRefusal, ProxyEvent, ProxyProtocol } from './port.ts';
import { OpenSession, type Sessions } from './sessions.ts';
import type { Tally } from './tally.ts';
import type { Opened, Upstreams } from './upstream.ts';

export interface DeskParts {
  readonly clock: Clock;
  readonly limits: () => ProxyLimits;
  /** Whether mail is taken into the queue. */
  readonly queues: () => boolean;
  readonly admissions: Admissions;
  readonly attempts: Attempts;
  readonly upstreams: Upstreams;
  readonly budgets: MailboxBudgets;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly tally: Tally;
  readonly lastUses: LastUses;
  readonly emit: (event: ProxyEvent) => void;
}

export interface LoginCall {
  readonly protocol: ProxyProtocol;
  readonly address: string;
  readonly attempt: LoginAttempt;
  /** What is said to the server behind, without credentials. */
  readonly onDialogue?: ((line: DialogueLine) => void) | undefined;
  /** Aborted when nobody is left to answer. */
  readonly signal: AbortSignal;
}

export type LoginAnswer =
  | { readonly kind: 'opened'; readonly opened: Opened; readonly session: OpenSession; readonly visit: Visit }
  /** Wrong, for whatever reason; the answer was held back already. */
  | { readonly kind: 'refused'; readonly reason: LoginRefusal }
  /** Right, and not now. */
  | { readonly kind: 'put-off'; readonly fault: Fault }
  /** Right, and the server says no. */
  | { readonly kind: 'failed'; readonly fault: Fault };

/** What has to happen when the session ends. */
export interface Visit {
  /** To be called once, when nothing passes any more. */
  ended(outcome: string, fault?: Fault): void;
  /** The server told of a fault in the middle of the session. */
  heard(fault: Fault): void;
}

/** Names are cut here for logs: a stranger may send anything. */
const longestName = 200;
/** M365 (doc): a mailbox that is busy says that it is not connected. After one that worked before, so long. */
const crowdedPauseMs = 5_000;
/** M365 (assumed): after a refusal that names no time. */
const unnamedPauseMs = 10_000;
/** M365 (assumed): the length is decided by Microsoft and not told; so the mailbox is asked for once in a while. */
const blockedPauseMs = 15 * 60_000;
const refusals = ['imap.authenticate-refused', 'pop.authenticate-refused', 'pop.logon-refused', 'smtp.authenticate-refused'] as const;

export class LoginDesk {
  readonly #parts: DeskParts;
  /** Mailboxes that have opened over IMAP since we started. */
  readonly #worked = new Set<string>();

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  async logIn({ protocol, address: socketAddress, attempt, signal, onDialogue }: LoginCall): Promise<LoginAnswer> {
    const { clock, attempts, admissions, upstreams, sessions, limits } = this.#parts;
    const startedMs = clock.monotonic();
    const address = plainAddress(socketAddress);
    // Guesses count against what was guessed with: who has a password of ours is not shut out by an application beside it that has an old one.
    const name = admissions.claims(attempt.password) ?? attempt.name.slice(0, longestName).toLowerCase();
    if (attempts.look(address, name).lockedUntilMs !== undefined) {
      this.#parts.tally.refused('locked');
      await clock.sleep(lockedDelayMs, signal);
      return { kind: 'refused', reason: 'locked' };
    }
    const admission = await admissions.admit(attempt, protocol, address);
    if (admission.kind === 'busy') return { kind: 'put-off', fault: new Fault('proxy.full', { waitingFor: 'password checks' }) };
    const tenant = admission.kind === 'admitted' ? upstreams.tenantOf(admission.mailbox) : undefined;
    if (admission.kind === 'refused' || tenant === undefined) {
      const reason = admission.kind === 'refused' ? admission.reason : 'no-tenant';
      await this.#refuse({ protocol, address, attempt, signal }, name, reason);
      return { kind: 'refused', reason };
    }
    attempts.succeeded(address, name);
    if (sessions.size >= limits().sessions) {
      return this.#putOff(admission, protocol, address, new Fault('proxy.full', { sessions: sessions.size }));
    }
    return await this.#open(admission, tenant, { protocol, address, signal, onDialogue }, startedMs);
  }

  async #refuse({ protocol, address, attempt, signal }: LoginCall, name: string, reason: LoginRefusal): Promise<void> {
    const { clock, attempts, audit, tally, emit } = this.#parts;
    const { delayMs, locked } = attempts.failed(address, name);
    const shownName = attempt.name.slice(0, longestName);
    tally.refused(reason);
    emit({ kind: 'login-refused', protocol, address, name: shownName, reason });
    if (locked !== undefined) emit({ kind: 'locked', address: locked.address, name: locked.name, untilMs: locked.untilMs });
    try {
      audit.write({ event: 'refused', protocol, address, name: shownName, reason });
    } catch (error) {
      if (!isFault(error)) throw error;
      emit({ kind: 'fault', fault: error });
    }
    await clock.sleep(delayMs, signal);
  }

  async #open(
    { client, mailbox }: Extract<Admission, { kind: 'admitted' }>,
    tenant: TenantConfig,
    { protocol, address, signal, onDialogue }: Omit<LoginCall, 'attempt'>,
    startedMs: number,
  ): Promise<LoginAnswer> {
    const { clock, budgets, upstreams } = this.#parts;
    const who = { client, mailbox } as const;
    const facts = { client: client.name, mailbox, tenant: tenant.name, protocol, address };
    if (protocol === 'smtp' && this.#parts.queues()) {
      const session = new OpenSession(facts, clock.now());
      try {
        const visit = this.#begin(session, { give: () => undefined }, clock.monotonic() - startedMs);
        return { kind: 'opened', opened: { protocol: 'smtp-queue' }, session, visit };
      } catch (error) {
        if (!isFault(error)) throw error;
        return this.#putOff(who, protocol, address, error);
      }
    }
    let place: Place;
    try {
      place = await budgets.take(mailbox, protocol, signal);
    } catch (error) {
      if (!isFault(error)) throw error;
      return isPassing(error) ? this.#putOff(who, protocol, address, error) : { kind: 'failed', fault: error };
    }
    let opened: Opened | undefined;
    try {
      opened = await upstreams.open(tenant, mailbox, protocol, signal, onDialogue);
      budgets.accepted(mailbox, protocol);
      const session = new OpenSession(facts, clock.now());
      const visit = this.#begin(session, place, clock.monotonic() - startedMs);
      return { kind: 'opened', opened, session, visit };
    } catch (error) {
      place.give();
      close(opened);
      if (!isFault(error)) throw error;
      return this.#failed(who, protocol, address, error);
    }
  }

  /**
   * A session for the queue, which has no application waiting: by the same budget, pauses and login.
   * @throws Fault of the budget, the login, the connection, and of `task`; the signal's reason
   */
  async send<T>(mailbox: string, signal: AbortSignal, task: (session: SmtpSession) => Promise<T>): Promise<T> {
    const { budgets, upstreams, tally } = this.#parts;
    const tenant = upstreams.tenantOf(mailbox);
    if (tenant === undefined) throw new Fault('proxy.no-tenant', { mailbox });
    const place = await budgets.take(mailbox, 'smtp', signal);
    // What is in hand when the proxy ends is finished: a connection cut between the last byte and the answer would mean a second copy.
    const patience = new AbortController();
    let giveUp: NodeJS.Timeout | undefined;
    let inHand = false;
    const onAbort = (): void => {
      giveUp = setTimeout(() => patience.abort(signal.reason), inHand ? inHandMs : 0);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let opened: Opened | undefined;
    try {
      opened = await upstreams.open(tenant, mailbox, 'smtp', patience.signal);
      inHand = true;
      if (opened.protocol !== 'smtp') throw new Error('SMTP was asked for');
      budgets.accepted(mailbox, 'smtp');
      const done = await task(opened.client.session);
      if (!opened.client.closed) await opened.client.quit();
      return done;
    } catch (error) {
      if (isFault(error)) {
        tally.fault(error.code);
        if (isFault(error, ...refusals)) budgets.refused(mailbox, 'smtp', error);
        else this.#consequence(mailbox, 'smtp', error);
      }
      throw error;
    } finally {
      clearTimeout(giveUp);
      signal.removeEventListener('abort', onAbort);
      close(opened);
      place.give();
    }
  }

  /** A refusal within a session of the queue; see `Visit.heard`. @returns whether the mailbox has to be left alone now */
  heard(mailbox: string, fault: Fault): boolean {
    this.#parts.tally.fault(fault.code);
    this.#consequence(mailbox, 'smtp', fault);
    return this.#parts.budgets.pausedFor(mailbox, 'smtp') > 0;
  }

  /** From here on the session counts. @throws Fault proxy.audit-unwritable */
  #begin(session: OpenSession, place: Place, tookMs: number): Visit {
    const { clock, sessions, audit, tally, lastUses, emit } = this.#parts;
    const { client, address, protocol, mailbox } = session.facts;
    audit.write({ event: 'opened', session: session.view() });
    sessions.add(session);
    lastUses.note(client, { atMs: clock.now(), address });
    tally.session(protocol, tookMs);
    emit({ kind: 'session-opened', session: session.view(), tookMs });
    let last: Fault | undefined;
    let isOver = false;
    const told = new Set<string>();
    return {
      heard: (fault) => {
        last = fault;
        tally.fault(fault.code);
        // M365 (doc): a token ends about once an hour, and its sessions with it; that is how it should be.
        const isNews = !told.has(fault.code) && !isFault(fault, 'imap.token-expired', 'pop.token-expired');
        if (isNews) emit({ kind: 'session-fault', session: session.view(), fault });
        told.add(fault.code);
        this.#consequence(mailbox, protocol, fault);
      },
      ended: (outcome, fault = last) => {
        if (isOver) return;
        isOver = true;
        place.give();
        sessions.remove(session);
        const view = session.view();
        tally.bytes(protocol, view.bytesIn, view.bytesOut);
        if (protocol === 'imap' && fault === undefined && view.bytesOut > 0) this.#noteWorked(mailbox);
        const why = session.endedBy ?? outcome;
        emit({ kind: 'session-closed', session: view, outcome: why, fault });
        try {
          audit.write({ event: 'closed', session: view, outcome: why, code: fault?.code });
        } catch (error) {
          if (!isFault(error)) throw error;
          emit({ kind: 'fault', fault: error });
        }
      },
    };
  }

  #noteWorked(mailbox: string): void {
    this.#worked.add(mailbox);
    const [oldest] = this.#worked;
    if (this.#worked.size > mostWorked && oldest !== undefined) this.#worked.delete(oldest);
  }

  #putOff(
    who: { readonly client: { readonly name: string }; readonly mailbox: string },
    protocol: ProxyProtocol,
    address: string,
    fault: Fault,
  ): LoginAnswer {
    this.#parts.tally.fault(fault.code);
    this.#parts.emit({ kind: 'login-failed', protocol, address, client: who.client.name, mailbox: who.mailbox, fault });
    return { kind: 'put-off', fault };
  }

  /** The server, or the way to it, said no. */
  #failed(
    who: { readonly client: { readonly name: string }; readonly mailbox: string },
    protocol: ProxyProtocol,
    address: string,
    fault: Fault,
  ): LoginAnswer {
    const { budgets, audit, tally, emit } = this.#parts;
    const { mailbox } = who;
    tally.fault(fault.code);
    emit({ kind: 'login-failed', protocol, address, client: who.client.name, mailbox, fault });
    try {
      audit.write({ event: 'failed', protocol, address, client: who.client.name, mailbox, code: fault.code });
    } catch (error) {
      if (!isFault(error)) throw error;
    }
    if (isFault(fault, ...refusals) || !isPassing(fault)) budgets.refused(mailbox, protocol, fault);
    else this.#consequence(mailbox, protocol, fault);
    return isPassing(fault) ? { kind: 'put-off', fault } : { kind: 'failed', fault };
  }

  /** A pause that the server asked for holds for every session and login of the mailbox. */
  #consequence(mailbox: string, protocol: ProxyProtocol, fault: Fault): void {
    const { budgets, sessions, emit } = this.#parts;
    const ms = pauseMs(fault, this.#worked.has(mailbox));
    if (ms === undefined) return;
    const untilMs = budgets.pause(mailbox, protocol, ms, fault);
    emit({ kind: 'pause', mailbox, protocol, untilMs, fault });
    const left = budgets.pausedFor(mailbox, protocol);
    for (const session of sessions.all()) {
      if (session.facts.mailbox === mailbox && session.facts.protocol === protocol) session.hold(left);
    }
  }
}

/** How long a message of the queue that is being handed over may still take when the proxy ends. */
const inHandMs = 20_000;
/** A login of somebody who is locked out is answered so late. */
const lockedDelayMs = 1_000;
const mostWorked = 10_000;

/** How long to leave the mailbox alone because of this. Undefined: no reason to. */
export function pauseMs(fault: Fault, worked: boolean): number | undefined {
  const asked = fault.evidence['backoffMs'] ?? fault.evidence['retryAfterMs'];
  if (typeof asked === 'number' && asked > 0) return asked;
  if (isFault(fault, 'imap.throttled', 'pop.throttled', 'pop.login-delay', 'smtp.rate', 'smtp.too-many-connections')) return unnamedPauseMs;
  // M365 (doc): Microsoft blocks sending for hours after many refusals; each further try prolongs it.
  if (isFault(fault, 'smtp.throttled-by-errors', 'smtp.quota', 'smtp.external-limit', 'smtp.spam-blocked')) return blockedPauseMs;
  if (isFault(fault, 'imap.server-unavailable', 'pop.server-unavailable', 'smtp.service-unavailable')) return crowdedPauseMs;
  // M365 (doc): on a mailbox that opened before it means that there are too many connections, or a passing trouble.
  if (isFault(fault, 'imap.not-connected') && worked) return crowdedPauseMs;
  return undefined;
}

function isPassing(fault: Fault): boolean {
  return fault.entry.retry !== 'never';
}

function close(opened: Opened | undefined): void {
  if (opened === undefined || opened.protocol === 'smtp-queue') return;
  if (opened.protocol === 'smtp') opened.client.close();
  else opened.stream.socket.destroy();
}
