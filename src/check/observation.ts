/**
 * What a probe brings back: what it looked at, whether that went well, and the facts it saw. No opinion.
 *
 * The hard thing is the third outcome: a probe that did not run names the refusal that kept it from running, so that one failure is
 * told once and everything behind it is neither green nor red.
 */
import type { FaultCode } from '../fault/catalog.ts';
import { type Evidence, isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HttpRequest } from '../runtime/http.ts';

export type Protocol = 'imap' | 'pop3' | 'smtp';
export const protocols: readonly Protocol[] = ['imap', 'pop3', 'smtp'];

/** The links of the chain, in their order. */
export const probes = [
  'tenant',
  'client',
  'credential',
  'name',
  'connection',
  'tls',
  'discovery',
  'token',
  'claims',
  'end',
  'login',
  'open',
  'fetch',
  'send',
] as const;
export type ProbeName = (typeof probes)[number];

/** What was looked at. The fewer keys, the more depends on it. */
export interface Place {
  /** Key of the configuration; absent for mailboxes with a password. */
  readonly tenant?: string;
  /** `host:port`, or the host alone for its name. */
  readonly server?: string;
  readonly mailbox?: string;
  readonly protocol?: Protocol;
}

export interface Ran {
  readonly probe: ProbeName;
  readonly place: Place;
  readonly outcome: 'ok' | 'refused';
  readonly seen: Evidence;
  /** What the plane below calls the refusal. */
  readonly code?: FaultCode;
  readonly tookMs: number;
}

export interface NotRun {
  readonly probe: ProbeName;
  readonly place: Place;
  readonly outcome: 'not-run';
  readonly because: string;
}

export type Observation = Ran | NotRun;

/** By which clock probes are run, and who hears of each as it begins and as soon as it has ended. */
export interface Watched {
  readonly clock: Clock;
  readonly onBegin?: ((probe: ProbeName, place: Place) => void) | undefined;
  readonly onObservation?: ((observation: Observation) => void) | undefined;
}

/** For probes that ask by HTTP. */
export interface AskingPorts extends Watched {
  readonly request: HttpRequest;
  readonly signal?: AbortSignal | undefined;
}

/** Runs one probe: what it returns was seen on the good way, what it throws as a fault was seen on the bad one. Other errors go on. */
export async function observe(probe: ProbeName, place: Place, watched: Watched, look: () => Promise<Evidence> | Evidence): Promise<Ran> {
  const { clock } = watched;
  const startedAt = clock.monotonic();
  const tookMs = (): number => Math.round((clock.monotonic() - startedAt) * 10) / 10;
  watched.onBegin?.(probe, place);
  let ran: Ran;
  try {
    ran = { probe, place, outcome: 'ok', seen: await look(), tookMs: tookMs() };
  } catch (error) {
    if (!isFault(error)) throw error;
    ran = { probe, place, outcome: 'refused', seen: error.evidence, code: error.code, tookMs: tookMs() };
  }
  watched.onObservation?.(ran);
  return ran;
}

/** Runs probes that stand on one another, up to the first refusal; those behind it are not run, because of it. */
export async function ladder(
  place: Place,
  watched: Watched,
  steps: readonly (readonly [ProbeName, () => Promise<Evidence> | Evidence])[],
): Promise<Observation[]> {
  const seen: Observation[] = [];
  let because: string | undefined;
  for (const [probe, look] of steps) {
    if (because !== undefined) {
      const notRun = { probe, place, outcome: 'not-run', because } as const;
      seen.push(notRun);
      watched.onObservation?.(notRun);
      continue;
    }
    const observation = await observe(probe, place, watched, look);
    if (observation.outcome === 'refused') because = whyNot(observation);
    seen.push(observation);
  }
  return seen;
}

/** In words, for whatever could not run behind it: `the token was refused`. */
export function whyNot({ probe, place }: Observation): string {
  const server = place.server ?? 'the server';
  const names: Readonly<Record<ProbeName, string>> = {
    tenant: 'the tenant id cannot be right',
    client: 'the client id cannot be right',
    credential: 'there is no usable credential',
    name: `the name of ${server} was not found`,
    connection: `there is no connection to ${server}`,
    tls: `TLS of ${server} failed`,
    discovery: 'the tenant was not found',
    token: 'there is no token',
    claims: 'the token cannot be read',
    end: 'the end of the credential is not known',
    login: 'the login was refused',
    open: 'the mailbox did not open',
    fetch: 'no message could be fetched',
    send: 'the test mail was refused',
  };
  return names[probe];
}
