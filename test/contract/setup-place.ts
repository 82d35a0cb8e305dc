/** A sandbox tenant to set up, with an administrator signed in to it: what the tests of the setup have in common. */
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueAdminToken } from '../../sandbox/src/directory/admin-token.ts';
import { graphScopes } from '../../sandbox/src/directory/permissions.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { ask } from '../../sandbox/test/dialogue.ts';
import { invokeCommand } from '../../src/admin/exchange/invoke-command.ts';
import { graphClient } from '../../src/admin/graph/client.ts';
import { browserSignIn } from '../../src/admin/sign-in/browser.ts';
import { deviceCodeSignIn } from '../../src/admin/sign-in/device-code.ts';
import { givenTokens } from '../../src/admin/sign-in/handed-over.ts';
import { signInSession } from '../../src/admin/sign-in/session.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';
import { type ApplyPorts, apply, observeOptions } from '../../src/setup/apply.ts';
import { fileStore } from '../../src/setup/credential-store.ts';
import type { Desired } from '../../src/setup/desired.ts';
import { setupNotes } from '../../src/setup/notes.ts';
import { type Observed, observe, observedHash } from '../../src/setup/observed.ts';
import { desiredText, makePlan } from '../../src/setup/plan.ts';
import type { Plan } from '../../src/setup/step.ts';

/** The client whose sign-in serves for both resources. */
const azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

export interface SetupPlace {
  readonly sandbox: Sandbox;
  readonly folder: string;
  readonly secretFile: string;
  ports(run: string): ApplyPorts;
  observe(desired: Desired): Promise<Observed>;
  plan(desired: Desired): Promise<Plan>;
  /** Plans and applies. @returns the number of steps */
  apply(desired: Desired, run: string): Promise<number>;
  close(): Promise<void>;
}

/** What the tests want unless they say otherwise. */
export function desiredFor(change: Partial<Desired> = {}): Desired {
  return {
    tenant: 'contoso',
    authority: 'https://login.microsoftonline.com',
    app: { uniqueName: 'postern-mail', displayName: 'Postern mail', audience: 'AzureADMyOrg', adopt: undefined },
    protocols: ['imap', 'pop3', 'smtp'],
    mailboxes: [{ address: 'bulk@contoso.test', protocols: ['imap', 'pop3', 'smtp'], sendAs: [] }],
    credential: { kind: 'secret', lifetimeDays: 90, overlapDays: 7 },
    enableClientAccess: true,
    smtp: { mode: 'claims' },
    ...change,
  };
}

/** Tokens of an administrator as they are handed over in the environment. */
export async function handedOver(sandbox: Sandbox, upn: string): Promise<Readonly<Record<string, string>>> {
  const admin = sandbox.tenant.directory.admins.get(upn);
  if (admin === undefined) throw new Error(`nobody is called ${upn}`);
  const token = async (audience: string, scopes: readonly string[]): Promise<string> =>
    (await issueAdminToken(sandbox.tenant, admin, { clientId: azureCli, audience, scopes })).value;
  return {
    POSTERN_GRAPH_TOKEN: await token(
      'https://graph.microsoft.com',
      graphScopes.map((one) => one.value),
    ),
    POSTERN_EXCHANGE_TOKEN: await token('https://outlook.office365.com', ['Exchange.Manage']),
  };
}

export interface SetupPlaceOptions {
  /** Who signs in; `admin@contoso.test` without it. */
  readonly admin?: string;
  /** `token`: with every permission that a person can hand over. */
  readonly signIn?: 'browser' | 'device' | 'token';
  /** One that runs already, and is not closed. */
  readonly sandbox?: Sandbox;
  /** The data folder of another place: the same machine, with another person in front of it. */
  readonly folder?: string;
  /** Waits are a hundredth as long: the sandbox counts requests, not time. */
  readonly hurried?: boolean;
}

export async function setupPlace(options: SetupPlaceOptions = {}): Promise<SetupPlace> {
  const { admin = 'admin@contoso.test', signIn: way = 'browser', hurried = false } = options;
  const clock: Clock = hurried ? { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) } : systemClock;
  const sandbox = options.sandbox ?? (await startSandbox({ withoutSeed: true }));
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'postern-setup-')));
  const place = {
    authority: sandbox.authority,
    tenantId: sandbox.tenant.id,
    origins: { graph: 'https://graph.microsoft.com', exchange: 'https://outlook.office365.com' },
    ca: [sandbox.caPem],
  };
  const browse = async (url: URL): Promise<void> => {
    url.searchParams.set('login_hint', admin);
    const { headers } = await ask(sandbox, url.href);
    await new Promise<void>((resolve, reject) =>
      get(String(headers['location']), (answer) => answer.resume().on('end', resolve)).on('error', reject),
    );
  };
  const signIn = { request, clock, tell: () => undefined };
  const tokens =
    way === 'token'
      ? givenTokens(place, signIn, await handedOver(sandbox, admin))
      : signInSession(
          { place, purpose: 'change', clients: { graph: azureCli, exchange: azureCli } },
          signIn,
          way === 'browser' ? browserSignIn(place, signIn, browse) : deviceCodeSignIn(place, signIn),
        );
  const { signal } = new AbortController();
  const shared = { request, clock, random: () => 0, tokens, signal };
  const graph = graphClient(sandbox.graph, place.ca, shared);
  const exchange = invokeCommand({ origin: sandbox.exchangeAdmin, tenantId: sandbox.tenant.id, ca: place.ca }, shared);
  const secretFile = join(folder, 'secret');
  const ports = (run: string): ApplyPorts => ({
    graph,
    exchange,
    notes: setupNotes(folder, 'contoso'),
    store: fileStore(secretFile),
    run,
    actor: admin,
    clock,
    signal,
    waitMs: 30_000,
    reads: 2,
    onStep: () => undefined,
  });
  const observed = async (desired: Desired): Promise<Observed> => await observe(desired, await observeOptions(ports('look')));
  const plan = async (desired: Desired): Promise<Plan> => {
    const seen = await observed(desired);
    return makePlan(desired, seen, observedHash(seen), desiredText(desired), Date.now());
  };
  return {
    sandbox,
    folder,
    secretFile,
    ports,
    observe: observed,
    plan,
    apply: async (desired, run) => await apply(desired, await plan(desired), ports(run)),
    async close() {
      if (options.sandbox === undefined) await sandbox.close();
      if (options.folder === undefined) await rm(folder, { recursive: true });
    },
  };
}
