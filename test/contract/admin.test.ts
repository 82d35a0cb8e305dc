/**
 * The administrator's plane against the sandbox: every way of signing in, Graph and the Exchange cmdlets, and how each fails.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { issueAdminToken } from '../../sandbox/src/directory/admin-token.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { ask } from '../../sandbox/test/dialogue.ts';
import type { CmdletTrace } from '../../src/admin/exchange/admin.ts';
import {
  addFullAccess,
  getClientAccess,
  getMailbox,
  getMailboxPermissions,
  getPointers,
  hasFullAccess,
  newPointer,
  removeFullAccess,
  removePointer,
  setClientAccess,
} from '../../src/admin/exchange/cmdlets.ts';
import { invokeCommand } from '../../src/admin/exchange/invoke-command.ts';
import {
  addPassword,
  changeApplication,
  deleteApplication,
  getApplication,
  getDeletedApplication,
  putApplication,
  removePassword,
} from '../../src/admin/graph/applications.ts';
import { type GraphClient, type GraphTrace, graphClient } from '../../src/admin/graph/client.ts';
import { credentialEnds } from '../../src/admin/graph/credential-ends.ts';
import {
  assignRole,
  exchangeAppId,
  getOrganization,
  getServicePrincipal,
  listAssignments,
  putServicePrincipal,
  removeAssignment,
} from '../../src/admin/graph/service-principals.ts';
import { browserSignIn } from '../../src/admin/sign-in/browser.ts';
import { deviceCodeSignIn } from '../../src/admin/sign-in/device-code.ts';
import { azTokens, givenTokens } from '../../src/admin/sign-in/handed-over.ts';
import type { SignInPlace, SignInPorts } from '../../src/admin/sign-in/oauth.ts';
import { publicClients, signInSession } from '../../src/admin/sign-in/session.ts';
import type { AdminTokens } from '../../src/admin/token.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';

/** The one whose session serves for both resources. */
const azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const { signal } = new AbortController();

let sandbox: Sandbox;
let place: SignInPlace;
let folder: string;
const told: string[] = [];
const ports: SignInPorts = { request, clock: systemClock, tell: (text) => told.push(text) };

before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  folder = await mkdtemp(join(tmpdir(), 'postern-admin-'));
  place = {
    authority: sandbox.authority,
    tenantId: sandbox.tenant.id,
    origins: { graph: 'https://graph.microsoft.com', exchange: 'https://outlook.office365.com' },
    ca: [sandbox.caPem],
  };
});
after(async () => {
  await sandbox.close();
  await rm(folder, { recursive: true });
});

/** A browser that does what it is told: goes to the page, and from there to where the page sends it. */
async function browse(url: URL): Promise<void> {
  const { headers } = await ask(sandbox, url.href);
  await new Promise<void>((resolve, reject) =>
    get(String(headers['location']), (answer) => answer.resume().on('end', resolve)).on('error', reject),
  );
}

function signedIn(clients: Readonly<Record<'graph' | 'exchange', string>> = { graph: azureCli, exchange: azureCli }): AdminTokens {
  return signInSession({ place, purpose: 'change', clients }, ports, browserSignIn(place, ports, browse));
}

function graphOf(tokens: AdminTokens, onTrace: (trace: GraphTrace) => void = () => undefined): GraphClient {
  return graphClient(sandbox.graph, place.ca, { request, clock: systemClock, random: () => 0, tokens, signal, onTrace });
}

function exchangeOf(tokens: AdminTokens, onTrace: (trace: CmdletTrace) => void = () => undefined) {
  const where = { origin: sandbox.exchangeAdmin, tenantId: sandbox.tenant.id, ca: place.ca };
  return invokeCommand(where, { request, clock: systemClock, random: () => 0, tokens, signal, onTrace });
}

test('a sign-in in the browser serves for both resources where the client holds both, and a second one is made where it does not', async () => {
  told.length = 0;
  const both = signedIn();
  const graph = await both.token('graph', signal);
  const exchange = await both.token('exchange', signal);
  assert.equal(graph.claims.upn, 'admin@contoso.test');
  assert.deepEqual([graph.claims.audience, exchange.claims.audience], Object.values(place.origins));
  assert.equal(told.length, 1);
  const apart = signedIn(publicClients);
  await apart.token('graph', signal);
  await apart.token('exchange', signal);
  assert.equal(told.length, 3);
});

test('a sign-in by device code tells page and code, waits for the person, and says which policy or person forbids it', async () => {
  told.length = 0;
  const byDevice = () =>
    signInSession({ place, purpose: 'look', clients: publicClients }, ports, deviceCodeSignIn(place, ports)).token('graph', signal);
  assert.deepEqual((await byDevice()).claims.permissions, ['Application.Read.All', 'Directory.Read.All']);
  assert.match(told.join(), /\/device in any browser and enter the code [A-Z0-9]+/);
  sandbox.tenant.directory.quirks.deviceDeclined = true;
  await assert.rejects(byDevice(), (error) => isFault(error, 'signin.declined'));
  delete sandbox.tenant.directory.quirks.deviceDeclined;
  sandbox.tenant.directory.quirks.noDeviceCode = true;
  await assert.rejects(byDevice(), (error) => isFault(error, 'signin.blocked'));
  delete sandbox.tenant.directory.quirks.noDeviceCode;
});

test('a token that was handed over is used only for its own resource and tenant', async () => {
  const { value } = await signedIn().token('graph', signal);
  const env = { POSTERN_GRAPH_TOKEN: value.reveal(), POSTERN_EXCHANGE_TOKEN: value.reveal() };
  const given = givenTokens(place, ports, env);
  assert.equal((await given.token('graph', signal)).claims.upn, 'admin@contoso.test');
  await assert.rejects(
    given.token('exchange', signal),
    (error) => isFault(error, 'signin.token-unfit') && /graph\.microsoft/.test(String(error.evidence['seen'])),
  );
  const elsewhere = givenTokens({ ...place, tenantId: '11111111-2222-3333-4444-555555555555' }, ports, env);
  await assert.rejects(elsewhere.token('graph', signal), (error) => isFault(error, 'signin.token-unfit'));
  await assert.rejects(givenTokens(place, ports, {}).token('graph', signal), (error) => isFault(error, 'signin.token-missing'));
});

test('the session of the Azure CLI is used as it is, and its refusal is told', async () => {
  const { value } = await signedIn().token('graph', signal);
  const az = join(folder, 'az');
  await writeFile(join(folder, 'token.json'), JSON.stringify({ accessToken: value.reveal() }), { mode: 0o600 });
  await writeFile(
    az,
    `#!/bin/sh\ncase "$*" in *graph.microsoft.com*) exec cat '${folder}/token.json';; *) echo 'Please run az login' >&2; exit 1;; esac\n`,
    { mode: 0o700 },
  );
  assert.equal((await azTokens(place, ports, az).token('graph', signal)).claims.upn, 'admin@contoso.test');
  await assert.rejects(
    azTokens(place, ports, az).token('exchange', signal),
    (error) => isFault(error, 'signin.az-failed') && error.evidence['seen'] === 'Please run az login',
  );
  await assert.rejects(
    azTokens(place, ports, join(folder, 'none')).token('graph', signal),
    (error) => isFault(error, 'signin.az-failed') && error.evidence['code'] === 'ENOENT' && error.evidence['seen'] === 'nothing',
  );
});

test('an app is made once however often it is asked for, gets its consent, and goes away with a way back', async () => {
  const traces: GraphTrace[] = [];
  const graph = graphOf(signedIn(), (trace) => traces.push(trace));
  assert.equal((await getOrganization(graph))?.id, sandbox.tenant.id);
  const change = { displayName: "O'Brien's", signInAudience: 'AzureADMyOrg' };
  const made = await putApplication(graph, "it's", change);
  assert.equal(await putApplication(graph, "it's", change), undefined, 'the second time it is there');
  const app = await getApplication(graph, { by: 'uniqueName', value: "it's" });
  assert.equal(app?.id, made?.id);
  assert.ok(app);
  sandbox.tenant.directory.quirks.principalTooEarly = 1;
  await assert.rejects(putServicePrincipal(graph, app.appId), (error) => isFault(error, 'graph.refused'));
  const principal = await putServicePrincipal(graph, app.appId);
  const exchange = await getServicePrincipal(graph, exchangeAppId);
  const role = exchange?.appRoles.find((one) => one.value === 'IMAP.AccessAsApp');
  assert.ok(principal && exchange && role);
  const assignment = await assignRole(graph, { principalId: principal.id, resourceId: exchange.id, appRoleId: role.id });
  assert.deepEqual(await listAssignments(graph, principal.id), [assignment]);
  await removeAssignment(graph, assignment);
  assert.deepEqual(await listAssignments(graph, principal.id), []);

  const secret = await addPassword(graph, app.id, 'run-1', new Date(Date.now() + 86_400_000));
  assert.equal(JSON.stringify(traces).includes(secret.secretText), false);
  await removePassword(graph, app.id, secret.keyId);
  await deleteApplication(graph, app.id);
  await deleteApplication(graph, app.id);
  assert.equal(await getApplication(graph, { by: 'id', value: app.id }), undefined);
  assert.equal((await getDeletedApplication(graph, "it's"))?.id, app.id);
  await assert.rejects(putApplication(graph, "it's", change), (error) => isFault(error, 'graph.name-taken'));
});

test('what is repeated and what is not: a pause is kept, a read and a PATCH come again, a lost POST is told as unknown', async () => {
  const graph = graphOf(signedIn());
  const { quirks } = sandbox.tenant.directory;
  const app = await putApplication(graph, 'repeat', { displayName: 'Repeat', signInAudience: 'AzureADMyOrg' });
  assert.ok(app);
  quirks.throttled = 1;
  quirks.throttledSilently = 1;
  quirks.unavailable = 1;
  assert.equal((await getApplication(graph, { by: 'id', value: app.id }))?.displayName, 'Repeat');
  quirks.lostReplies = 1;
  await changeApplication(graph, app.id, { notes: 'again' });
  quirks.lostReplies = 1;
  await assert.rejects(addPassword(graph, app.id, 'lost', new Date(Date.now() + 86_400_000)), (error) =>
    isFault(error, 'graph.outcome-unknown'),
  );
  const [orphan] = (await getApplication(graph, { by: 'id', value: app.id }))?.passwordCredentials ?? [];
  assert.equal(orphan?.displayName, 'lost');
  quirks.unavailable = 1;
  await assert.rejects(addPassword(graph, app.id, 'two', new Date(Date.now() + 86_400_000)), (error) =>
    isFault(error, 'graph.outcome-unknown'),
  );
  quirks.maxSecretDays = 30;
  const tooLong = addPassword(graph, app.id, 'long', new Date(Date.now() + 90 * 86_400_000));
  await assert.rejects(
    tooLong,
    (error) => isFault(error, 'graph.credential-policy') && /InvalidKeyEndDate/.test(String(error.evidence['details'])),
  );
  delete quirks.maxSecretDays;
});

test('a person who may not is told so by Graph and by Exchange, with what the token has', async () => {
  const clients = { graph: azureCli, exchange: azureCli };
  const asReader = (url: URL): Promise<void> => {
    url.searchParams.set('login_hint', 'reader@contoso.test');
    return browse(url);
  };
  const reader = signInSession({ place, purpose: 'change', clients }, ports, browserSignIn(place, ports, asReader));
  const refused = putApplication(graphOf(reader), 'no', { displayName: 'No' });
  await assert.rejects(
    refused,
    (error) => isFault(error, 'graph.not-allowed') && /Application\.ReadWrite\.All/.test(String(error.evidence['scopes'])),
  );
  await assert.rejects(newPointer(exchangeOf(reader), sandbox.clientId, 'x', 'x'), (error) =>
    isFault(error, 'exchange.cmdlet-not-allowed'),
  );
  const names = await exchangeOf(reader).allowedCmdlets();
  assert.ok(names.has('Get-MailboxPermission') && !names.has('Add-MailboxPermission'));
  sandbox.tenant.directory.quirks.exchangeForbidden = true;
  await assert.rejects(
    exchangeOf(reader).allowedCmdlets(),
    (error) => isFault(error, 'exchange.not-allowed') && error.evidence['diagnostics'] === 'none',
  );
  delete sandbox.tenant.directory.quirks.exchangeForbidden;
  const wrong = { token: (_: 'graph' | 'exchange', stop: AbortSignal) => signedIn().token('graph', stop) };
  await assert.rejects(exchangeOf(wrong).allowedCmdlets(), (error) => isFault(error, 'exchange.token-refused'));
});

test('a pointer and a grant are made, seen by SID, and taken away; a passing failure is waited out; what is missing is nothing', async () => {
  const exchange = exchangeOf(signedIn());
  const graph = graphOf(signedIn());
  const app = await putApplication(graph, 'pointed', { displayName: 'Pointed', signInAudience: 'AzureADMyOrg' });
  const principal = await putServicePrincipal(graph, app?.appId ?? '');
  assert.ok(app && principal);
  assert.deepEqual(await getPointers(exchange, app.appId), [], 'the list of all that an unknown identity gives is not taken for ours');
  sandbox.tenant.directory.quirks.exchangeBusy = 1;
  await newPointer(exchange, app.appId, principal.id, 'Pointed');
  await assert.rejects(newPointer(exchange, app.appId, principal.id, 'Pointed'), (error) => isFault(error, 'exchange.already-there'));
  const [pointer] = await getPointers(exchange, app.appId);
  assert.ok(pointer);
  assert.equal(pointer.objectId, principal.id);

  const address = 'bulk@contoso.test';
  assert.equal((await getMailbox(exchange, address))?.address, address);
  assert.equal(await getMailbox(exchange, 'nobody-there@contoso.test'), undefined);
  assert.equal(hasFullAccess(await getMailboxPermissions(exchange, address), pointer), false);
  sandbox.tenant.directory.quirks.lostExchangeReplies = 1;
  await assert.rejects(addFullAccess(exchange, address, principal.id), (error) => isFault(error, 'exchange.outcome-unknown'));
  assert.equal(hasFullAccess(await getMailboxPermissions(exchange, address), pointer), true);
  await addFullAccess(exchange, address, principal.id);
  await removeFullAccess(exchange, address, principal.id);
  assert.equal(hasFullAccess(await getMailboxPermissions(exchange, address), pointer), false);
  await removeFullAccess(exchange, address, principal.id);

  await setClientAccess(exchange, address, { pop: false });
  assert.deepEqual(await getClientAccess(exchange, address), { imap: true, pop: false, smtpDisabled: false });
  await setClientAccess(exchange, address, { pop: true });
  await removePointer(exchange, principal.id);
  await removePointer(exchange, principal.id);
  assert.deepEqual(await getPointers(exchange, app.appId), []);
});

test('when credentials end is asked only where the token may read apps, and nothing is said where it may not', async () => {
  const { tenant } = sandbox;
  const admin = tenant.directory.admins.get('admin@contoso.test');
  assert.ok(admin);
  const tokensWith = async (scopes: readonly string[]): Promise<AdminTokens> => {
    const { value } = await issueAdminToken(tenant, admin, { clientId: azureCli, audience: 'https://graph.microsoft.com', scopes });
    return givenTokens(place, ports, { POSTERN_GRAPH_TOKEN: value });
  };
  const asked = async (scopes: readonly string[], clientId: string) => {
    const tokens = await tokensWith(scopes);
    const graph = graphClient(sandbox.graph, place.ca, { request, clock: systemClock, random: () => 0, tokens, signal });
    return await credentialEnds(graph, tokens, clientId, signal);
  };
  const app = tenant.apps.get(sandbox.clientId);
  assert.ok(app);
  const known = await asked(['Application.Read.All'], sandbox.clientId);
  const ends = known.kind === 'listed' ? known.ends : [];
  assert.equal(ends.length, app.secrets.length + app.certificates.length);
  assert.ok(ends.some((one) => one.keyId === sandbox.clientSecretId && one.ends.getTime() === app.secrets[0]?.expires.getTime()));
  const marks = [
    ...app.secrets.map(({ value }) => value.slice(0, 3)),
    ...app.certificates.map((one) => one.fingerprint.replaceAll(':', '')),
  ];
  assert.deepEqual(ends.map(({ mark }) => mark).toSorted(), marks.toSorted(), 'what each is known by');
  assert.deepEqual(await asked(['User.Read'], sandbox.clientId), { kind: 'not-allowed' });
  assert.deepEqual(await asked(['Application.Read.All'], '00000000-aaaa-4000-8000-000000000000'), { kind: 'not-found' });
});
