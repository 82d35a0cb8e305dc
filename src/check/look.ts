/**
 * One look at everything: runs every probe that can run, side by side, each mail session within a budget of connections.
 *
 * The hard thing is that many mailboxes share what stands below them: a server's way is looked at once, a token asked for once, and a
 * refusal there keeps the sessions above from being tried, with its reason.
 */
import type { ServerConfig, TenantConfig } from '../config/config.ts';
import { isFault } from '../fault/fault.ts';
import type { DialogueLine } from '../mail/endpoint.ts';
import { protocolPermission } from '../tenant/permission.ts';
import type { Account } from './account.ts';
import { Budget } from './budget.ts';
import { type AskingPorts, type Observation, type Place, type ProbeName, type Protocol, protocols, whyNot } from './observation.ts';
import { lookAtConfiguration } from './probes/configuration.ts';
import { lookAtCredentialEnd } from './probes/credential-end.ts';
import { type KnownAuthority, lookAtDiscovery } from './probes/discovery.ts';
import { lookAtImap } from './probes/imap.ts';
import { lookAtPop3 } from './probes/pop3.ts';
import { lookAtServer, type ServerTarget, trustStore } from './probes/server.ts';
import type { MailTarget } from './probes/session.ts';
import { lookAtSmtp } from './probes/smtp.ts';
import { lookAtToken, type TokenLook } from './probes/token.ts';

export interface LookPorts extends AskingPorts {
  /** Authorities to ask where the configured one does not know the tenant. */
  readonly authorities: readonly KnownAuthority[];
  /** For each of name, connection and TLS; {@link stepTimeoutMs} unless given. */
  readonly stepTimeoutMs?: number;
}

export interface LookOptions {
  /** Mail sessions at the same time, at most. */
  readonly connections: number;
  /** Whether a mail goes to the mailbox itself over SMTP. */
  readonly sendTest: boolean;
  /** Whether the dialogues are kept. */
  readonly transcript: boolean;
}

/** One mailbox over one protocol, and whether it must work. */
export interface Attempt {
  readonly account: Account;
  readonly protocol: Protocol;
  readonly wanted: boolean;
}

export interface Dialogue {
  readonly place: Place;
  readonly lines: readonly DialogueLine[];
}

export interface Look {
  readonly observations: readonly Observation[];
  readonly attempts: readonly Attempt[];
  readonly dialogues: readonly Dialogue[];
  readonly tookMs: number;
}

/** A firewall that swallows everything is found out by this. */
const stepTimeoutMs = 15_000;

/** The probes of a session, so that those not run can be named. */
const sessionProbes: Readonly<Record<Protocol, readonly ProbeName[]>> = {
  imap: ['login', 'open', 'fetch'],
  pop3: ['login', 'open', 'fetch'],
  smtp: ['login'],
};

/** What was seen of the ends of credentials, by tenant: they do not change between two rounds. */
export type KnownEnds = Map<string, Promise<readonly Observation[]>>;

/** @throws only what no probe foresees (a bug), and the signal's reason. */
export async function lookAtAll(accounts: readonly Account[], ports: LookPorts, options: LookOptions, ends: KnownEnds): Promise<Look> {
  const startedAt = ports.clock.monotonic();
  const work = new Work(ports, options, ends);
  await Promise.all(accounts.map((account) => work.account(account)));
  await work.besides();
  ports.signal?.throwIfAborted();
  return { ...work.result(accounts), tookMs: Math.round(ports.clock.monotonic() - startedAt) };
}

/** What stands below many mailboxes, once it is known. */
interface Ground {
  readonly token: TokenLook;
  /** Why no session can be tried. */
  readonly because: string | undefined;
}

class Work {
  readonly #ports: LookPorts;
  readonly #options: LookOptions;
  readonly #sessions: Budget;
  readonly #trust = trustStore();
  readonly #observations: Observation[] = [];
  readonly #attempts: Attempt[] = [];
  readonly #dialogues: Dialogue[] = [];
  readonly #grounds = new Map<string, Promise<Ground>>();
  readonly #ends: KnownEnds;
  readonly #besides: Promise<void>[] = [];
  readonly #ways = new Map<string, Promise<string | undefined>>();

  constructor(ports: LookPorts, options: LookOptions, ends: KnownEnds) {
    this.#ports = ports;
    this.#options = options;
    this.#ends = ends;
    this.#sessions = new Budget(options.connections);
  }

  async account(account: Account): Promise<void> {
    const { login, mailbox } = account;
    // Begun before the token is there: what must work anyway need not wait.
    for (const protocol of account.wanted) this.#begin(account.servers[protocol], protocol);
    if (login.kind === 'password') {
      await Promise.all(account.wanted.map((protocol) => this.#attempt({ account, protocol, wanted: true }, undefined, undefined)));
      return;
    }
    const { tenant } = login;
    const ground = await this.#ground(tenant);
    const roles = ground.token.claims?.roles ?? [];
    const granted = account.beside.filter((protocol) => roles.includes(protocolPermission[protocol].name));
    // A mailbox that nobody said more of is checked for what the app is made for; IMAP where that cannot be told.
    const wanted = account.wanted.length > 0 ? account.wanted : granted.length > 0 ? granted : (['imap'] as const);
    const attempts = protocols
      .filter((protocol) => wanted.includes(protocol) || granted.includes(protocol))
      // Submission needs no grant on the mailbox where RBAC allows it, so a login there says nothing about being shut out.
      .filter((protocol) => !account.mustBeRefused || protocol !== 'smtp' || account.wanted.includes('smtp'))
      .map((protocol) => ({ account, protocol, wanted: wanted.includes(protocol) }));
    const token = ground.token.token;
    const source = token === undefined ? undefined : () => Promise.resolve(token.value);
    await Promise.all(
      attempts.map((attempt) => this.#attempt(attempt, ground.because, source && { kind: 'xoauth2', user: mailbox, token: source })),
    );
  }

  result(accounts: readonly Account[]): Omit<Look, 'tookMs'> {
    const rank = new Map(accounts.map((account, index) => [account, index]));
    const order = ({ account, protocol }: Attempt): number => (rank.get(account) ?? 0) * protocols.length + protocols.indexOf(protocol);
    return {
      observations: this.#observations,
      attempts: this.#attempts.sort((a, b) => order(a) - order(b)),
      dialogues: this.#dialogues,
    };
  }

  /** What no probe has told. */
  #note(observations: readonly Observation[]): void {
    this.#keep(observations);
    for (const observation of observations) this.#ports.onObservation?.(observation);
  }

  #keep(observations: readonly Observation[]): void {
    this.#observations.push(...observations);
  }

  #ground(tenant: TenantConfig): Promise<Ground> {
    const known = this.#grounds.get(tenant.name);
    if (known !== undefined) return known;
    const made = this.#makeGround(tenant);
    this.#grounds.set(tenant.name, made);
    return made;
  }

  async #makeGround(tenant: TenantConfig): Promise<Ground> {
    const place = { tenant: tenant.name };
    const way = this.#way({ ...authorityOf(tenant), tls: 'implicit', ca: tenant.ca, protocol: 'https' });
    const configuration = await lookAtConfiguration(tenant, this.#ports);
    this.#keep(configuration);
    const credential = configuration.find(({ outcome }) => outcome === 'refused');
    const notThere = await way;
    const because = notThere ?? (credential && whyNot(credential));
    const notRun = (probe: ProbeName, why: string): Observation => {
      const observation = { probe, place, outcome: 'not-run', because: why } as const;
      this.#ports.onObservation?.(observation);
      return observation;
    };
    const [discovery, token] = await Promise.all([
      notThere === undefined ? lookAtDiscovery(tenant, this.#ports.authorities, this.#ports) : notRun('discovery', notThere),
      because === undefined ? lookAtToken(tenant, this.#ports) : { observations: [notRun('token', because), notRun('claims', because)] },
    ]);
    this.#keep([discovery, ...token.observations]);
    // No session waits for what Graph has to say.
    if ('token' in token && token.token !== undefined) this.#besides.push(this.#end(tenant));
    return { token, because: 'token' in token && token.token !== undefined ? undefined : (because ?? 'there is no token') };
  }

  async #end(tenant: TenantConfig): Promise<void> {
    const seen = this.#ends.get(tenant.name) ?? lookAtCredentialEnd(tenant, this.#ports);
    this.#ends.set(tenant.name, seen);
    this.#keep(await seen);
  }

  /** Waits for what no session waits for. */
  async besides(): Promise<void> {
    await Promise.all(this.#besides);
  }

  #begin(server: ServerConfig | undefined, protocol: Protocol): void {
    if (server !== undefined) this.#way({ ...server, protocol }).catch(() => undefined);
  }

  /** Why the server cannot be used; undefined when it can. Looked at once, whoever asks. */
  #way(target: ServerTarget): Promise<string | undefined> {
    const key = JSON.stringify([target.host.toLowerCase(), target.port, target.tls, target.ca]);
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const made = lookAtServer(target, { ...this.#ports, trust: this.#trust, timeoutMs: this.#ports.stepTimeoutMs ?? stepTimeoutMs }).then(
      (observations) => {
        this.#keep(observations);
        const refused = observations.find(({ outcome }) => outcome === 'refused');
        return refused && whyNot(refused);
      },
    );
    this.#ways.set(key, made);
    return made;
  }

  /** One session. `because`: why it cannot even begin. `credential` is absent for passwords, which are resolved here. */
  async #attempt(attempt: Attempt, because: string | undefined, credential: MailTarget['credential'] | undefined): Promise<void> {
    const { account, protocol } = attempt;
    this.#attempts.push(attempt);
    const { login, mailbox } = account;
    const place: Place = { ...(login.kind === 'oauth2' ? { tenant: login.tenant.name } : {}), mailbox, protocol };
    const probes = [...sessionProbes[protocol], ...(protocol === 'smtp' && this.#sends(account) ? (['send'] as const) : [])];
    const notRun = (why: string): void => this.#note(probes.map((probe) => ({ probe, place, outcome: 'not-run', because: why })));
    const server = account.servers[protocol];
    if (server === undefined) return notRun('the cloud names no server for this protocol');
    const why = (await this.#way({ ...server, protocol })) ?? because;
    if (why !== undefined) return notRun(why);
    const proof = credential ?? (await this.#password(account, place));
    if (proof === undefined) return notRun('there is no usable credential');
    await this.#sessions.spend(async () => {
      if (this.#ports.signal?.aborted) return;
      const lines: DialogueLine[] = [];
      if (this.#options.transcript) this.#dialogues.push({ place: { ...place, server: `${server.host}:${server.port}` }, lines });
      const target = { place, server, credential: proof, mailbox };
      this.#keep(await this.#session(account, protocol, target, lines));
    });
  }

  async #session(account: Account, protocol: Protocol, target: MailTarget, lines: DialogueLine[]): Promise<readonly Observation[]> {
    const ports = { ...this.#ports, ...(this.#options.transcript && { onDialogue: (line: DialogueLine) => void lines.push(line) }) };
    switch (protocol) {
      case 'imap':
        return await lookAtImap(target, account.folders, ports);
      case 'pop3':
        return await lookAtPop3(target, ports);
      case 'smtp':
        return await lookAtSmtp(target, this.#sends(account), ports);
    }
  }

  /** Never from a mailbox that must be closed: should it be open, the login shows it. */
  #sends(account: Account): boolean {
    return this.#options.sendTest && !account.mustBeRefused;
  }

  async #password(account: Account, place: Place): Promise<MailTarget['credential'] | undefined> {
    if (account.login.kind !== 'password') return undefined;
    const { user, password } = account.login;
    try {
      return { kind: 'password', user, password: await password.resolve() };
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#note([{ probe: 'credential', place, outcome: 'refused', seen: error.evidence, code: error.code, tookMs: 0 }]);
      return undefined;
    }
  }
}

function authorityOf(tenant: TenantConfig): { readonly host: string; readonly port: number } {
  const url = new URL(tenant.cloud.authority);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) };
}
