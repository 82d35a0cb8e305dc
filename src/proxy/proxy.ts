/**
 * A running proxy: listeners, clients, sessions and everything that they share; starts, reloads, drains and ends.
 *
 * The hard thing is to change while it runs: a new configuration, new clients and a new certificate take hold for the next login, sessions
 * go on, and whatever is wrong with the new is told while the old holds. Only a right that was taken away ends the sessions that stood on it.
 */
import { type Stats, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { ProxyConfig, ProxyListener, TenantConfig } from '../config/config.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { TokenSource } from '../token/token.ts';
import { Attempts } from './attempts.ts';
import { Audit } from './audit.ts';
import { Caller } from './caller.ts';
import { certificateVersion, type LoadedCertificate, loadCertificate } from './certificate.ts';
import { Admissions } from './clients/admission.ts';
import { plainAddress, whyNot } from './clients/client.ts';
import { clientsPath, readClients } from './clients/client-file.ts';
import { HalfOpen } from './half-open.ts';
import { imapDoor } from './imap-door.ts';
import { LastUses } from './last-used.ts';
import { type Listening, listenFor } from './listen.ts';
import type { LoginAnswer } from './login.ts';
import { LoginDesk } from './login.ts';
import { MailboxBudgets } from './mailbox-budget.ts';
import { popDoor } from './pop-door.ts';
import type { BudgetView, ClientView, ListenerView, ProxyEvent, ProxyPort, ProxyProtocol, ProxySnapshot, SessionView } from './port.ts';
import { queueFolder } from './queue/folder.ts';
import { Queue } from './queue/queue.ts';
import { runQueued } from './queue/queued-session.ts';
import { Spool } from './queue/spool.ts';
import { Sessions } from './sessions.ts';
import { smtpDoor } from './smtp/smtp-door.ts';
import { runRelay } from './smtp/smtp-relay.ts';
import { runStream } from './stream-session.ts';
import { Talk, TalkEnded } from './talk.ts';
import { Tally } from './tally.ts';
import { overheard } from './transcript/overheard.ts';
import { Transcripts } from './transcript/transcripts.ts';
import { Upstreams } from './upstream.ts';

export type { ProxyPort } from './port.ts';

export interface ProxyOptions {
  readonly config: ProxyConfig;
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** One source for each tenant, whoever asks. */
  readonly tokens: (tenant: TenantConfig) => TokenSource;
  /** Hears everything from the first moment on. */
  readonly onEvent?: (event: ProxyEvent) => void;
  /** A bug of ours in one connection: told, and the others go on. */
  readonly onBug: (error: unknown) => void;
}

/** How often the clients file is looked at, and the certificate every so many times. */
const lookEveryMs = 1_000;
const looksPerCertificate = 30;
const defaultDrainMs = 30_000;
/** Connections that were turned away: lines of the log in a second. */
const mostToldInSecond = 20;

/** @throws Fault proxy.listen-failed, proxy.certificate-unusable, proxy.clients-unreadable */
export async function startProxy(options: ProxyOptions): Promise<ProxyPort> {
  const proxy = new RunningProxy(options);
  await proxy.start();
  return proxy;
}

class RunningProxy implements ProxyPort {
  readonly #options: ProxyOptions;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #listeners = new Set<(event: ProxyEvent) => void>();
  readonly #admissions = new Admissions();
  readonly #attempts: Attempts;
  readonly #budgets: MailboxBudgets;
  readonly #upstreams: Upstreams;
  readonly #audit: Audit;
  readonly #lastUses: LastUses;
  readonly #halfOpen: HalfOpen;
  readonly #sessions = new Sessions();
  readonly #tally = new Tally();
  readonly #transcripts: Transcripts;
  readonly #desk: LoginDesk;
  readonly #talks = new Set<Talk>();
  readonly #clientsFile: string;
  #config: ProxyConfig;
  #certificate: LoadedCertificate | undefined;
  #queue: Queue | undefined;
  #open: Listening[] = [];
  #clientsVersion = '';
  #stale: Fault | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #draining = false;
  #tellingSecond = 0;
  #toldInSecond = 0;

  constructor(options: ProxyOptions) {
    const { config, clock, dataFolder } = options;
    const now = (): number => clock.now();
    this.#options = options;
    this.#clock = clock;
    this.#config = config;
    this.#startedMs = clock.now();
    this.#clientsFile = clientsPath(dataFolder);
    this.#attempts = new Attempts(now, config.limits);
    this.#budgets = new MailboxBudgets(clock, config.limits);
    this.#upstreams = new Upstreams(config.upstreams, { clock, tokens: options.tokens });
    this.#audit = new Audit(dataFolder, now, config.auditDays);
    this.#lastUses = new LastUses(dataFolder);
    this.#transcripts = new Transcripts({ dataFolder, clock, onFault: (fault) => this.#emit({ kind: 'fault', fault }) });
    this.#halfOpen = new HalfOpen(config.limits.halfOpen, config.limits.halfOpenPerAddress);
    if (options.onEvent !== undefined) this.#listeners.add(options.onEvent);
    this.#desk = new LoginDesk({
      clock,
      limits: () => this.#config.limits,
      queues: () => this.#queue !== undefined && this.#config.queue !== undefined,
      admissions: this.#admissions,
      attempts: this.#attempts,
      upstreams: this.#upstreams,
      budgets: this.#budgets,
      sessions: this.#sessions,
      audit: this.#audit,
      tally: this.#tally,
      lastUses: this.#lastUses,
      emit: (event) => this.#emit(event),
    });
  }

  async start(): Promise<void> {
    this.#takeClients();
    if (this.#config.certificate !== undefined) this.#certificate = await loadCertificate(this.#config.certificate);
    const { queue } = this.#config;
    // What was taken while there was a queue is handed on, also where new mail is not to go through one any more.
    const isLeft = queue === undefined && (await new Spool(queueFolder(this.#options)).list(() => undefined)).length > 0;
    if (queue !== undefined || isLeft) this.#queue = await this.#makeQueue(queue?.retryForMs);
    try {
      for (const listener of this.#config.listeners) await this.#listen(listener);
    } catch (error) {
      for (const open of this.#open) open.close();
      await this.#queue?.close();
      throw error;
    }
    // Only who has the listeners sends: a second proxy that was started by mistake must not send what the first one is sending.
    await this.#queue?.start();
    this.#timer = setInterval(() => void this.#look(), lookEveryMs).unref();
  }

  get ready(): boolean {
    return !this.#draining && this.#open.length === this.#config.listeners.length;
  }

  onEvent(listener: (event: ProxyEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  listeners(): readonly ListenerView[] {
    return this.#open.map(({ view }) => view);
  }

  sessions(): readonly SessionView[] {
    return [...this.#sessions.all()].map((session) => session.view());
  }

  clients(): readonly ClientView[] {
    const open = new Map<string, number>();
    for (const { facts } of this.#sessions.all()) open.set(facts.client, (open.get(facts.client) ?? 0) + 1);
    return this.#admissions.clients.map(({ name, mailboxes, protocols, networks, createdMs }) => {
      const last = this.#lastUses.get(name);
      return {
        name,
        mailboxes,
        protocols,
        networks,
        createdMs,
        lastUsedMs: last?.atMs,
        lastAddress: last?.address,
        sessions: open.get(name) ?? 0,
        lockedUntilMs: this.#attempts.lockOf(name),
      };
    });
  }

  budgets(): readonly BudgetView[] {
    return this.#budgets.views();
  }

  snapshot(): ProxySnapshot {
    const open: Record<ProxyProtocol, { bytesIn: number; bytesOut: number }> = {
      imap: { bytesIn: 0, bytesOut: 0 },
      pop3: { bytesIn: 0, bytesOut: 0 },
      smtp: { bytesIn: 0, bytesOut: 0 },
    };
    for (const { facts, doing } of this.#sessions.all()) {
      open[facts.protocol].bytesIn += doing.bytesIn;
      open[facts.protocol].bytesOut += doing.bytesOut;
    }
    return {
      nowMs: this.#clock.now(),
      startedMs: this.#startedMs,
      draining: this.#draining,
      listeners: this.listeners(),
      sessions: this.sessions(),
      halfOpen: this.#halfOpen.count,
      clients: this.clients(),
      budgets: this.budgets(),
      counts: this.#tally.counts(open),
      queue: this.#queue?.counts,
      stale: this.#stale,
    };
  }

  endSession(id: string): boolean {
    const session = this.#sessions.get(id);
    session?.end('ended by the operator', 'at-once');
    return session !== undefined;
  }

  async reload(config: ProxyConfig): Promise<void> {
    const certificate = config.certificate === undefined ? undefined : await loadCertificate(config.certificate);
    const isSame = (one: ProxyListener, other: ProxyListener): boolean =>
      one.protocol === other.protocol &&
      one.host === other.host &&
      one.port === other.port &&
      one.tls === other.tls &&
      one.name === other.name;
    const gone = this.#open.filter(({ listener }) => !config.listeners.some((one) => isSame(one, listener)));
    const fresh = config.listeners.filter((one) => !this.#open.some(({ listener }) => isSame(one, listener)));
    // An address that goes on under another name or with other TLS has to be free first.
    const freed = gone.filter(({ listener }) => fresh.some((one) => one.host === listener.host && one.port === listener.port));
    for (const one of freed) one.close();
    const before = this.#open;
    const added: Listening[] = [];
    if (config.queue !== undefined && this.#queue === undefined) {
      this.#queue = await this.#makeQueue(config.queue.retryForMs);
      await this.#queue.start();
    }
    try {
      for (const listener of fresh) added.push(await this.#start(listener));
    } catch (error) {
      for (const one of added) one.close();
      await this.#openAgain(freed);
      throw error;
    }
    for (const one of gone) one.close();
    this.#open = [...before.filter((one) => !gone.includes(one)), ...added];
    this.#config = config;
    this.#certificate = certificate;
    if (config.queue !== undefined) this.#queue?.use(config.queue.retryForMs);
    this.#attempts.use(config.limits);
    this.#budgets.use(config.limits);
    this.#halfOpen.use(config.limits.halfOpen, config.limits.halfOpenPerAddress);
    this.#upstreams.use(config.upstreams);
    this.#audit.use(config.auditDays);
    this.#endUnrightful();
    this.#emit({ kind: 'reloaded', what: 'configuration' });
    for (const { view } of added) this.#emit({ kind: 'listening', listener: view });
  }

  async reloadClients(): Promise<void> {
    this.#takeClients();
    this.#emit({ kind: 'reloaded', what: 'clients' });
  }

  async close(drainMs: number = defaultDrainMs): Promise<void> {
    if (this.#draining) return await this.#sessions.empty();
    this.#draining = true;
    clearInterval(this.#timer);
    this.#emit({ kind: 'draining', sessions: this.#sessions.size });
    for (const open of this.#open) open.close();
    for (const talk of [...this.#talks]) talk.close();
    for (const session of [...this.#sessions.all()]) session.end('the proxy ended', 'gently');
    const giveUp = setTimeout(() => {
      for (const session of [...this.#sessions.all()]) session.end('the proxy ended', 'at-once');
    }, drainMs);
    await this.#sessions.empty();
    clearTimeout(giveUp);
    await this.#queue?.close();
    await this.#transcripts.settled();
    this.#budgets.close();
    this.#lastUses.close();
    this.#audit.close();
  }

  /** A change that failed: what was closed for it listens again. */
  async #openAgain(freed: readonly Listening[]): Promise<void> {
    for (const one of freed) {
      const again = await this.#start(one.listener).catch((error: unknown) => this.#noteStale(error));
      if (again !== undefined) this.#open = this.#open.map((open) => (open === one ? again : open));
    }
  }

  async #listen(listener: ProxyListener): Promise<void> {
    const open = await this.#start(listener);
    this.#open.push(open);
    this.#emit({ kind: 'listening', listener: open.view });
  }

  async #start(listener: ProxyListener): Promise<Listening> {
    return await listenFor(listener, (socket) => void this.#visit(socket, listener));
  }

  /** One connection from its first byte to its last. Never throws. */
  async #visit(socket: Socket, listener: ProxyListener): Promise<void> {
    const { protocol } = listener;
    const address = plainAddress(socket.remoteAddress ?? '');
    this.#tally.connection(protocol);
    const against = address === '' ? 'gone' : this.#halfOpen.take(address);
    if (against !== undefined) return this.#turnAway(socket, protocol, address, against);
    const transcript = this.#transcripts.begin({ protocol, address, tls: listener.tls });
    const talk = new Talk(socket, this.#config.limits.loginMs, transcript);
    this.#talks.add(talk);
    let isHalfOpen = true;
    const leave = (): void => {
      if (!isHalfOpen) return;
      isHalfOpen = false;
      this.#talks.delete(talk);
      this.#halfOpen.give(address);
    };
    const caller = new Caller({
      talk,
      listener,
      address,
      secureContext: () => this.#certificate?.context,
      logIn: overheard(this.#desk, this.#admissions, transcript),
    });
    try {
      if (listener.tls === 'implicit') await caller.startTls();
      const door = { imap: imapDoor, pop3: popDoor, smtp: smtpDoor }[protocol];
      const answer = await door(caller);
      leave();
      if ('stream' in answer.opened) transcript?.end('from here on bytes pass, and are not written down');
      try {
        await this.#run(answer, talk);
      } finally {
        answer.visit.ended('client-lost');
        if (answer.opened.protocol === 'smtp') answer.opened.client.close();
        else if (answer.opened.protocol !== 'smtp-queue') answer.opened.stream.socket.destroy();
      }
    } catch (error) {
      transcript?.end(error instanceof TalkEnded ? `ended: ${error.reason}` : '');
      this.#endedEarly(error, talk, protocol, address);
    } finally {
      leave();
      if (!talk.settled) talk.end('gone');
      transcript?.end();
    }
  }

  async #run(answer: Extract<LoginAnswer, { kind: 'opened' }>, talk: Talk): Promise<void> {
    switch (answer.opened.protocol) {
      case 'smtp':
        return await runRelay(answer, talk, {
          config: () => this.#config,
          budgets: this.#budgets,
          clock: this.#clock,
          tally: this.#tally,
          emit: (event) => this.#emit(event),
        });
      case 'smtp-queue':
        if (this.#queue === undefined) throw new Error('a queue was there when the login began');
        return await runQueued(answer, talk, {
          config: () => this.#config,
          queue: this.#queue,
          now: () => this.#clock.now(),
          onMessage: () => this.#tally.message(),
        });
      default:
        return await runStream(answer, talk.release(), () => this.#clock.now());
    }
  }

  /** It can take messages, and does not hand them on before it is started. */
  async #makeQueue(retryForMs: number | undefined): Promise<Queue> {
    const { clock, random, dataFolder, onBug } = this.#options;
    const queue = new Queue({
      folder: queueFolder({ dataFolder }),
      retryForMs,
      clock,
      random,
      upstream: {
        smtp: (mailbox, _tenant, signal, task) => this.#desk.send(mailbox, signal, task),
        permit: (mailbox, signal) => this.#budgets.takeMessage(mailbox, signal, Number.POSITIVE_INFINITY),
        heard: (mailbox, fault) => this.#desk.heard(mailbox, fault),
      },
      report: (event) => this.#emit({ kind: 'queue', event }),
      onFault: (fault) => this.#emit({ kind: 'fault', fault }),
      onBug,
    });
    await queue.prepare();
    return queue;
  }

  #endedEarly(error: unknown, talk: Talk, protocol: ProxyProtocol, address: string): void {
    if (error instanceof TalkEnded) {
      if (error.reason === 'gone' || error.reason === 'closing') return;
      this.#tellTurnedAway(protocol, address, error.reason);
      if (error.reason === 'injection') this.#emit({ kind: 'fault', fault: new Fault('proxy.injection', { protocol, address }) });
      return;
    }
    talk.end('gone');
    if (isFault(error)) this.#emit({ kind: 'fault', fault: error });
    else this.#options.onBug(error);
  }

  #turnAway(socket: Socket, protocol: ProxyProtocol, address: string, reason: string): void {
    socket.on('error', () => undefined);
    socket.destroy();
    this.#tellTurnedAway(protocol, address, reason);
  }

  /** All are counted; of a flood only some are told. */
  #tellTurnedAway(protocol: ProxyProtocol, address: string, reason: string): void {
    this.#tally.turnedAway(reason);
    const second = Math.floor(this.#clock.monotonic() / 1000);
    if (second !== this.#tellingSecond) this.#toldInSecond = 0;
    this.#tellingSecond = second;
    this.#toldInSecond += 1;
    if (this.#toldInSecond <= mostToldInSecond) this.#emit({ kind: 'turned-away', protocol, address, reason });
  }

  async #look(): Promise<void> {
    if (this.#draining) return;
    this.#looks += 1;
    if (this.#transcripts.look()) this.#emit({ kind: 'reloaded', what: 'transcripts' });
    if (versionOf(this.#clientsFile) !== this.#clientsVersion) {
      try {
        await this.reloadClients();
      } catch (error) {
        this.#noteStale(error);
      }
    }
    const { certificate } = this.#config;
    if (certificate === undefined || this.#looks % looksPerCertificate !== 0) return;
    const version = await certificateVersion(certificate);
    if (version === undefined || version === this.#certificate?.version) return;
    try {
      this.#certificate = await loadCertificate(certificate);
      if (isFault(this.#stale, 'proxy.certificate-unusable')) this.#stale = undefined;
      this.#emit({ kind: 'reloaded', what: 'certificate' });
    } catch (error) {
      this.#noteStale(error);
    }
  }

  #noteStale(error: unknown): void {
    if (!isFault(error)) {
      this.#options.onBug(error);
      return;
    }
    const isNews = this.#stale?.code !== error.code;
    this.#stale = error;
    if (isNews) this.#emit({ kind: 'fault', fault: error });
  }

  #takeClients(): void {
    // Noted before it is read: a change in between is seen at the next look.
    const version = versionOf(this.#clientsFile);
    try {
      this.#admissions.use(readClients(this.#clientsFile));
    } finally {
      this.#clientsVersion = version;
    }
    this.#stale = undefined;
    this.#endUnrightful();
  }

  /** A right that is no more ends the sessions that stood on it; a new password does not. */
  #endUnrightful(): void {
    for (const session of [...this.#sessions.all()]) {
      const { client: name, mailbox, protocol, address, tenant } = session.facts;
      const client = this.#admissions.clients.find((one) => one.name === name);
      const may = client !== undefined && whyNot(client, { mailbox, protocol, address }) === undefined;
      if (!may || this.#upstreams.tenantOf(mailbox)?.name !== tenant) session.end('the right was taken away', 'at-once');
    }
  }

  #emit(event: ProxyEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function versionOf(file: string): string {
  let seen: Stats | undefined;
  try {
    seen = statSync(file, { throwIfNoEntry: false });
  } catch {
    return 'unseen'; // reading it tells why
  }
  return seen === undefined ? 'none' : `${seen.mtimeMs} ${seen.size} ${seen.ino}`;
}
