/**
 * The ladder of a test: every rung from the start, so that a person sees what is still to come; each filled in as it is looked at. Pure.
 *
 * The hard thing is that the check runs side by side and knows no ladder: what it tells is put where it belongs. What it looks at besides
 * (another protocol, by which a refusal is told from another) has no rung: it shows in the findings alone.
 */
import type { Account } from '../../check/account.ts';
import { placeText } from '../../check/diagnose.ts';
import type { Observation, Place, ProbeName, Protocol } from '../../check/observation.ts';
import type { CredentialConfig } from '../../config/config.ts';
import type { Rung } from '../api/source.ts';
import { seenText } from './seen-text.ts';

/** A rung with the place that it is about. */
interface Step {
  readonly probe: ProbeName;
  readonly place: Place;
  rung: Rung;
}

export class Rungs {
  readonly #steps: Step[] = [];
  readonly #account: Account;

  constructor(account: Account) {
    this.#account = account;
    const { login, mailbox, servers, wanted } = account;
    if (login.kind === 'oauth2') {
      const tenant = { tenant: login.tenant.name };
      for (const probe of ['tenant', 'client', 'credential'] as const) this.#add(probe, tenant);
      this.#way(new URL(login.tenant.cloud.authority).hostname.replace(/^\[|\]$/g, ''), portOf(login.tenant.cloud.authority), true);
      for (const probe of ['discovery', 'token', 'claims'] as const) this.#add(probe, tenant);
    }
    for (const protocol of wanted) {
      const server = servers[protocol];
      if (server !== undefined) this.#way(server.host, server.port, server.tls !== 'none');
      const place = { ...(login.kind === 'oauth2' ? { tenant: login.tenant.name } : {}), mailbox, protocol };
      for (const probe of ['login', 'open', 'fetch'] as const) this.#add(probe, place);
    }
  }

  all(): Rung[] {
    return this.#steps.map(({ rung }) => rung);
  }

  begin(probe: ProbeName, place: Place): void {
    const step = this.#find(probe, place);
    if (step !== undefined) step.rung = { ...step.rung, outcome: 'running' };
  }

  end(observation: Observation): void {
    const { probe, place, outcome } = observation;
    const step = this.#find(probe, place);
    if (step === undefined) return;
    step.rung =
      observation.outcome === 'not-run'
        ? { ...step.rung, outcome, because: observation.because, says: '' }
        : {
            ...step.rung,
            outcome,
            because: null,
            seen: { ...observation.seen },
            says: seenText(observation),
            code: observation.code ?? null,
            tookMs: observation.tookMs,
          };
  }

  /** What was never looked at, or not to its end. */
  giveUp(because: string): void {
    for (const step of this.#steps) {
      if (step.rung.outcome === 'waiting' || step.rung.outcome === 'running') step.rung = { ...step.rung, outcome: 'not-run', because };
    }
  }

  #way(host: string, port: number, overTls: boolean): void {
    const place = { server: `${host}:${port}` };
    for (const probe of ['name', 'connection', ...(overTls ? (['tls'] as const) : [])] as const) {
      if (this.#find(probe, place) === undefined) this.#add(probe, place);
    }
  }

  #find(probe: ProbeName, place: Place): Step | undefined {
    return this.#steps.find((step) => step.probe === probe && isSame(step.place, place));
  }

  #add(probe: ProbeName, place: Place): void {
    const { login } = this.#account;
    this.#steps.push({
      probe,
      place,
      rung: {
        probe,
        title: titleOf(probe, place, login.kind === 'oauth2' ? login.tenant.credential.kind : undefined),
        // The tenant has one name for a person, and it stands above the ladder.
        place: place.server === undefined && place.mailbox === undefined ? '' : placeText(place),
        outcome: 'waiting',
        because: null,
        seen: {},
        says: '',
        code: null,
        tookMs: null,
      },
    });
  }
}

function isSame(one: Place, other: Place): boolean {
  return one.tenant === other.tenant && one.server === other.server && one.mailbox === other.mailbox && one.protocol === other.protocol;
}

function portOf(origin: string): number {
  const { port } = new URL(origin);
  return port === '' ? 443 : Number(port);
}

const protocolNames: Readonly<Record<Protocol, string>> = { imap: 'IMAP', pop3: 'POP3', smtp: 'SMTP' };
const credentialNames: Readonly<Record<CredentialConfig['kind'], string>> = {
  secret: 'Client secret',
  certificate: 'Certificate',
  assertion: 'Assertion',
  'managed-identity': 'Managed identity',
};

function titleOf(probe: ProbeName, { server, protocol }: Place, credential: CredentialConfig['kind'] | undefined): string {
  const host = server?.replace(/:\d+$/, '') ?? '';
  const by = protocol === undefined ? '' : ` over ${protocolNames[protocol]}`;
  const titles: Readonly<Record<ProbeName, string>> = {
    tenant: 'Directory (tenant) ID',
    client: 'Application (client) ID',
    credential: credential === undefined ? 'Password' : credentialNames[credential],
    name: `Name of ${host}`,
    connection: `Connection to ${server ?? ''}`,
    tls: `TLS of ${host}`,
    discovery: 'The tenant is known',
    token: 'Access token',
    claims: 'What the token permits',
    end: 'End of the credential',
    login: `Login${by}`,
    open: protocol === 'pop3' ? 'The mailbox opens' : 'The folders open',
    fetch: 'A message is read',
    send: 'A mail is taken',
  };
  return titles[probe];
}
