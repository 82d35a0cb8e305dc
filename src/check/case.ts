/**
 * The observations of one look, in the order in which rules ask for them. Reads and sorts; concludes nothing.
 *
 * The hard thing is what counts as let in: an answer "authenticated but not connected" comes after the token was accepted, so it
 * speaks for the pointer although the mailbox stayed closed.
 */
import type { TenantConfig } from '../config/config.ts';
import type { FaultCode } from '../fault/catalog.ts';
import type { Attempt, Look } from './look.ts';
import type { Observation, Place, ProbeName, Ran } from './observation.ts';

/** How one try at a mailbox went, and the observation that says so. */
export interface Tried {
  readonly attempt: Attempt;
  readonly state: 'open' | 'refused' | 'not-connected' | 'failed' | 'not-run';
  /** What decided it; absent where nothing ran. */
  readonly by?: Ran;
  /** Whether the server took the token or the password. */
  readonly letIn: boolean;
  /** Whether it shows that the grant is there. M365 (recorded): a login over SMTP does not, only a mail that is taken. */
  readonly opens: boolean;
}

/** Refusals of a login that give no reason. */
const withoutReason: ReadonlySet<FaultCode> = new Set([
  'imap.authenticate-refused',
  'pop.authenticate-refused',
  'smtp.authenticate-refused',
]);
/** The login went well, the mailbox stayed shut. */
const behindLogin: ReadonlySet<FaultCode> = new Set(['imap.not-connected', 'smtp.mailbox-logon-failed']);

export class Case {
  readonly observations: readonly Observation[];
  readonly tried: readonly Tried[];
  readonly tenants: readonly TenantConfig[];

  constructor(look: Pick<Look, 'observations' | 'attempts'>) {
    this.observations = look.observations;
    this.tried = look.attempts.map((attempt) => this.#judge(attempt));
    const tenants = look.attempts.flatMap(({ account: { login } }) => (login.kind === 'oauth2' ? [login.tenant] : []));
    this.tenants = [...new Map(tenants.map((tenant) => [tenant.name, tenant])).values()];
  }

  /** The observation of this probe at exactly this place, if the probe ran. */
  ran(probe: ProbeName, place: Place): Ran | undefined {
    return this.observations.find((one): one is Ran => one.probe === probe && one.outcome !== 'not-run' && samePlace(one.place, place));
  }

  /** What was tried with the token of this tenant. */
  of(tenant: TenantConfig): readonly Tried[] {
    return this.tried.filter(({ attempt: { account } }) => account.login.kind === 'oauth2' && account.login.tenant.name === tenant.name);
  }

  #judge(attempt: Attempt): Tried {
    const place = placeOf(attempt);
    const steps = (['login', 'open', 'fetch', 'send'] as const).flatMap((probe) => this.ran(probe, place) ?? []);
    const refused = steps.find(({ outcome }) => outcome === 'refused');
    const last = steps.at(-1);
    if (last === undefined) return { attempt, state: 'not-run', letIn: false, opens: false };
    if (refused === undefined) {
      return { attempt, state: 'open', by: last, letIn: true, opens: attempt.protocol !== 'smtp' || last.probe === 'send' };
    }
    const code = refused.code;
    const notConnected = code !== undefined && behindLogin.has(code);
    const letIn = refused.probe !== 'login' || notConnected;
    if (notConnected) return { attempt, state: 'not-connected', by: refused, letIn, opens: false };
    const isRefused = refused.probe === 'login' && code !== undefined && withoutReason.has(code);
    return { attempt, state: isRefused ? 'refused' : 'failed', by: refused, letIn, opens: letIn && refused.probe === 'fetch' };
  }
}

export function placeOf({ account: { login, mailbox }, protocol }: Attempt): Place {
  return { ...(login.kind === 'oauth2' ? { tenant: login.tenant.name } : {}), mailbox, protocol };
}

export function samePlace(a: Place, b: Place): boolean {
  return a.tenant === b.tenant && a.server === b.server && a.mailbox === b.mailbox && a.protocol === b.protocol;
}
