/**
 * The tenant's administration as a person meets it: sign-in, Graph, Exchange's cmdlets, and what they open and close for mail.
 */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeSelfSigned } from '../src/certificates.ts';
import { connectionTo, posternYaml } from '../src/connection.ts';
import { runCmdlet } from '../src/directory/cmdlets.ts';
import { sidOf } from '../src/directory/state.ts';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { directoryScenarios } from '../src/scenario/directory.ts';
import { ask, askToken, Dialogue, xoauth2 } from './dialogue.ts';

const graphTools = '14d82eec-204b-4c2f-b7e8-296a70dab67e';
const exchangeModule = 'fb78d390-0c51-40cd-8e17-fdbfab77341b';
const graphScopes = [
  'Application.ReadWrite.All',
  'AppRoleAssignment.ReadWrite.All',
  'DelegatedPermissionGrant.ReadWrite.All',
  'Policy.Read.All',
  'AuditLog.Read.All',
]
  .map((name) => `https://graph.microsoft.com/${name}`)
  .join(' ');
const exchangeScope = 'https://outlook.office365.com/.default';
const exchange = '00000002-0000-0ff1-ce00-000000000000';
const imapRole = '5e5addcd-3e8d-4e90-baf5-964efab2b20a';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

/** Signs in by code with PKCE, as a desktop program does. */
async function signIn(clientId: string, scope: string, hint = 'admin@contoso.test'): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const redirect = 'http://localhost:49152/';
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirect,
    scope,
    state: 'kept',
    login_hint: hint,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const page = await ask(sandbox, `${sandbox.authority}/${sandbox.tenant.id}/oauth2/v2.0/authorize?${query}`);
  assert.equal(page.status, 302);
  const back = new URL(String(page.headers['location']));
  assert.equal(back.searchParams.get('state'), 'kept');
  const { status, body } = await askToken(sandbox, {
    grant_type: 'authorization_code',
    client_id: clientId,
    client_secret: undefined,
    scope,
    code: back.searchParams.get('code') ?? undefined,
    redirect_uri: redirect,
    code_verifier: verifier,
  });
  assert.equal(status, 200, body);
  return String(JSON.parse(body).access_token);
}

type Json = Record<string, unknown> & { readonly value?: readonly Record<string, unknown>[] };

async function graph(token: string, method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}) {
  const answer = await ask(sandbox, path.startsWith('https:') ? path : `${sandbox.graph}/v1.0/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json: Json = answer.body === '' ? {} : JSON.parse(answer.body);
  return { status: answer.status, headers: answer.headers, json };
}

async function cmdlet(token: string, name: string, parameters: object = {}) {
  const answer = await ask(sandbox, `${sandbox.exchangeAdmin}/adminapi/beta/${sandbox.tenant.id}/InvokeCommand`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-anchormailbox': 'UPN:admin@contoso.test' },
    body: JSON.stringify({ CmdletInput: { CmdletName: name, Parameters: parameters } }),
  });
  const json = answer.body === '' ? {} : JSON.parse(answer.body);
  return { status: answer.status, json };
}

async function imapOpens(token: string, mailbox: string): Promise<boolean> {
  const dialogue = await Dialogue.open(sandbox);
  try {
    const said = await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(mailbox, token)}`);
    return said.includes('TAG OK') && (await dialogue.command('SELECT INBOX')).includes('TAG OK');
  } finally {
    dialogue.close();
  }
}

async function appToken(appId: string, secret: string): Promise<string> {
  const { status, body } = await askToken(sandbox, { client_id: appId, client_secret: secret });
  assert.equal(status, 200, body);
  return String(JSON.parse(body).access_token);
}

test('an app made, consented, registered and granted by the calls of an administrator opens that mailbox and no other, until it is taken back', async () => {
  const token = await signIn(graphTools, graphScopes);
  const made = await graph(
    token,
    'PATCH',
    "applications(uniqueName='walk')",
    {
      displayName: 'Walk',
      signInAudience: 'AzureADMyOrg',
      requiredResourceAccess: [{ resourceAppId: exchange, resourceAccess: [{ id: imapRole, type: 'Role' }] }],
    },
    { prefer: 'create-if-missing' },
  );
  assert.equal(made.status, 201);
  const appId = String(made.json['appId']);
  const again = await graph(token, 'PATCH', "applications(uniqueName='walk')", { notes: 'ours' }, { prefer: 'create-if-missing' });
  assert.equal(again.status, 204);
  const principal = await graph(token, 'POST', 'servicePrincipals', { appId });
  assert.equal(principal.status, 201);
  const oid = String(principal.json['id']);
  const resource = await graph(token, 'GET', `servicePrincipals(appId='${exchange}')?$select=id,appRoles`);
  const consent = { principalId: oid, resourceId: resource.json['id'], appRoleId: imapRole };
  const path = `servicePrincipals/${String(resource.json['id'])}/appRoleAssignedTo`;
  const assigned = await graph(token, 'POST', path, consent);
  assert.equal(assigned.status, 201);
  assert.equal((await graph(token, 'POST', path, consent)).status, 400);

  const added = await graph(token, 'POST', `applications/${String(made.json['id'])}/addPassword`, {
    passwordCredential: { displayName: 'one' },
  });
  const secret = String(added.json['secretText']);
  assert.equal(added.json['hint'], secret.slice(0, 3));
  const read = await graph(token, 'GET', `applications(appId='${appId}')`);
  assert.equal(JSON.stringify(read.json).includes(secret), false);

  const admin = await signIn(exchangeModule, exchangeScope);
  assert.equal(await imapOpens(await appToken(appId, secret), 'bulk@contoso.test'), false, 'consent alone opens nothing');
  const pointer = await cmdlet(admin, 'New-ServicePrincipal', { AppId: appId, ObjectId: oid, DisplayName: 'Walk' });
  assert.equal(pointer.status, 200);
  assert.equal(pointer.json.value[0].Sid, sidOf(oid));
  assert.equal(await imapOpens(await appToken(appId, secret), 'bulk@contoso.test'), false, 'a pointer alone opens nothing');
  const grant = {
    Identity: 'bulk@contoso.test',
    User: oid,
    AccessRights: ['FullAccess'],
    InheritanceType: 'All',
    AutoMapping: false,
    Confirm: false,
  };
  assert.equal((await cmdlet(admin, 'Add-MailboxPermission', grant)).status, 200);
  assert.match(String((await cmdlet(admin, 'Add-MailboxPermission', grant)).json['@adminapi.warnings']), /already present/);
  assert.equal(await imapOpens(await appToken(appId, secret), 'bulk@contoso.test'), true);
  assert.equal(await imapOpens(await appToken(appId, secret), 'telemessage@contoso.test'), false);

  const { AutoMapping: _, ...ungrant } = grant;
  assert.equal((await cmdlet(admin, 'Remove-MailboxPermission', ungrant)).status, 200);
  assert.equal(await imapOpens(await appToken(appId, secret), 'bulk@contoso.test'), false);
  assert.equal((await graph(token, 'DELETE', `applications/${String(made.json['id'])}`)).status, 204);
  assert.equal(
    sandbox.tenant.pointers.some((one) => one.appId === appId),
    false,
    'the pointer vanishes with the service principal',
  );
  const taken = await graph(token, 'POST', 'applications', { displayName: 'Other', uniqueName: 'walk' });
  assert.equal(taken.status, 400);
  assert.match(JSON.stringify(taken.json), /uniqueName already exists/);
  const deleted = await graph(token, 'GET', 'directory/deletedItems/microsoft.graph.application');
  assert.equal(
    deleted.json.value?.some((one) => one['appId'] === appId),
    true,
  );
});

test('a person without the directory role, a token for another resource and one without the scope are refused, each in its own way', async () => {
  const reader = await signIn(graphTools, graphScopes, 'reader@contoso.test');
  assert.equal((await graph(reader, 'GET', 'applications')).status, 200);
  assert.equal((await graph(reader, 'POST', 'applications', { displayName: 'No' })).status, 403);
  const mail = await signIn(exchangeModule, exchangeScope);
  assert.equal((await graph(mail, 'GET', 'applications')).status, 401);
  const small = await signIn(graphTools, 'https://graph.microsoft.com/User.Read');
  assert.equal((await graph(small, 'GET', 'applications')).status, 403);
  assert.equal((await graph(small, 'GET', 'organization')).status, 200);
});

test('each person may run the cmdlets of their roles, and is told which', async () => {
  const module = async (hint: string) => {
    const token = await signIn(exchangeModule, exchangeScope, hint);
    const path = `${sandbox.exchangeAdmin}/adminapi/v1.0/${sandbox.tenant.id}/EXOModuleFile?Version=3.5`;
    return { token, answer: await ask(sandbox, path, { headers: { authorization: `Bearer ${token}`, commandname: '*' } }) };
  };
  const recipients = await module('recipient-admin@contoso.test');
  const cmdlets = String(JSON.parse(recipients.answer.body).value[0].exportedCmdlets).split(',');
  assert.ok(cmdlets.includes('Add-MailboxPermission') && !cmdlets.includes('New-ServicePrincipal'));
  const refused = await cmdlet(recipients.token, 'New-ServicePrincipal', {});
  assert.match(refused.json.error.details[0].message, /is not recognized/);
  const nobody = await module('nobody@contoso.test');
  assert.equal(nobody.answer.status, 403);
  assert.equal(nobody.answer.body, '');
});

test('a device code is pending until the person has entered it, and gives a token that a refresh turns into one for the other resource', async () => {
  const client = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
  const start = await ask(sandbox, `${sandbox.authority}/${sandbox.tenant.id}/oauth2/v2.0/devicecode`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ client_id: client, scope: 'https://graph.microsoft.com/.default offline_access' }).toString(),
  });
  const { device_code: code } = JSON.parse(start.body);
  const poll = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    client_id: client,
    client_secret: undefined,
    device_code: code,
  };
  assert.equal(JSON.parse((await askToken(sandbox, poll)).body).error, 'authorization_pending');
  const answer = JSON.parse((await askToken(sandbox, poll)).body);
  assert.equal((await graph(answer.access_token, 'GET', 'applications')).status, 200);
  const refreshed = await askToken(sandbox, {
    grant_type: 'refresh_token',
    client_id: client,
    client_secret: undefined,
    refresh_token: answer.refresh_token,
    scope: exchangeScope,
  });
  assert.equal((await cmdlet(JSON.parse(refreshed.body).access_token, 'Get-ServicePrincipal', { Identity: sandbox.clientId })).status, 200);
});

test('lists come in pages, a certificate is kept by sending its entry again, and a policy of the tenant refuses secrets that live too long', async () => {
  const token = await signIn(graphTools, graphScopes);
  sandbox.tenant.directory.quirks.pageSize = 5;
  const seen: string[] = [];
  for (let next: unknown = 'applications?$select=appId'; typeof next === 'string'; ) {
    const { json } = await graph(token, 'GET', next);
    seen.push(...(json.value ?? []).map((one) => String(one['appId'])));
    next = json['@odata.nextLink'];
  }
  delete sandbox.tenant.directory.quirks.pageSize;
  assert.deepEqual(new Set(seen), new Set(sandbox.tenant.apps.keys()));

  const app = await graph(token, 'POST', 'applications', { displayName: 'Keys', signInAudience: 'AzureADMyOrg' });
  const path = `applications/${String(app.json['id'])}`;
  const { certificate } = await makeSelfSigned('keys', new Date(Date.now() - 1000), new Date(Date.now() + 86_400_000));
  const entry = { type: 'AsymmetricX509Cert', usage: 'Verify', key: certificate.raw.toString('base64') };
  assert.equal((await graph(token, 'PATCH', path, { keyCredentials: [entry] })).status, 204);
  const [known] = (await graph(token, 'GET', path)).json['keyCredentials'] as Record<string, unknown>[];
  assert.equal(known?.['key'], null);
  assert.equal((await graph(token, 'PATCH', path, { keyCredentials: [known] })).status, 204);
  sandbox.tenant.directory.quirks.maxSecretDays = 90;
  const refused = await graph(token, 'POST', `${path}/addPassword`, { passwordCredential: { displayName: 'long' } });
  delete sandbox.tenant.directory.quirks.maxSecretDays;
  assert.equal(refused.status, 400);
  assert.match(JSON.stringify(refused.json), /CredentialInvalidLifetimeAsPerAppPolicy.*InvalidKeyEndDate/);
});

test('a write whose answer is lost was done, and throttling names its wait', async () => {
  const token = await signIn(graphTools, graphScopes);
  const app = await graph(token, 'POST', 'applications', { displayName: 'Lost', signInAudience: 'AzureADMyOrg' });
  sandbox.tenant.directory.quirks.lostReplies = 1;
  const path = `applications/${String(app.json['id'])}`;
  await assert.rejects(graph(token, 'POST', `${path}/addPassword`, { passwordCredential: { displayName: 'orphan' } }));
  const secrets = (await graph(token, 'GET', path)).json['passwordCredentials'] as Record<string, unknown>[];
  assert.deepEqual(
    secrets.map((one) => one['displayName']),
    ['orphan'],
  );
  sandbox.tenant.directory.quirks.throttled = 1;
  const throttled = await graph(token, 'GET', path);
  assert.equal(throttled.status, 429);
  assert.equal(throttled.headers['retry-after'], '1');
  assert.equal((await graph(token, 'GET', path)).status, 200);
});

test('a scenario of administration is switched on and off at the control port, and its quirks can be set one by one', async () => {
  const { quirks } = sandbox.tenant.directory;
  for (const name of Object.keys(quirks)) Reflect.deleteProperty(quirks, name);
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${sandbox.control}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const shown: { readonly quirks: Record<string, unknown>; readonly groups: readonly { readonly members: readonly string[] }[] } =
      JSON.parse(await answer.text());
    return { status: answer.status, body: shown };
  };
  assert.equal((await call('PUT', '/directory/scenarios/graph-throttled')).body.quirks.throttled, 3);
  assert.equal((await call('DELETE', '/directory/scenarios/graph-throttled')).body.quirks.throttled, undefined);
  assert.equal((await call('PUT', '/directory/scenarios/throttled')).status, 404);
  assert.equal((await call('POST', '/directory', { quirks: { pageSize: 2 } })).body.quirks.pageSize, 2);
  assert.deepEqual((await call('POST', '/directory', { quirks: { pageSize: null } })).body.quirks, {});
  const members = { 'senders@contoso.test': ['Bulk@contoso.test'] };
  assert.deepEqual((await call('POST', '/directory', { members })).body.groups[0]?.members, ['bulk@contoso.test']);
  assert.equal((await call('POST', '/directory', { members: { 'nobody@contoso.test': [] } })).status, 404);
  assert.deepEqual(quirks, {});
  const listed: readonly { readonly name: string }[] = JSON.parse(await (await fetch(`${sandbox.control}/scenarios`)).text());
  assert.ok(directoryScenarios.every(({ name }) => listed.some((one) => one.name === name)));
});

test('a role assignment reaches the direct members of its group, an empty scope everybody, and a scope in use is not removed', () => {
  const { tenant } = sandbox;
  const app = tenant.apps.get(sandbox.clientId);
  const objectId = app?.principal?.oid ?? '';
  const run = (name: string, parameters: Record<string, unknown>) => runCmdlet(tenant, name, parameters).rows;
  const [group] = run('Get-DistributionGroup', { Identity: 'senders@contoso.test' });
  tenant.directory.groups.get('senders@contoso.test')?.members.add('bulk@contoso.test');
  const filter = `MemberOfGroup -eq '${group?.['DistinguishedName']}'`;
  run('New-ManagementScope', { Name: 'S', RecipientRestrictionFilter: filter });
  run('New-ManagementRoleAssignment', { Name: 'A', Role: 'Application SMTP.SendAsApp', App: objectId, CustomResourceScope: 'S' });
  const inScope = (address: string) => run('Test-ServicePrincipalAuthorization', { Identity: objectId, Resource: address })[0]?.['InScope'];
  assert.deepEqual([inScope('bulk@contoso.test'), inScope('slow@contoso.test')], [true, false]);
  assert.throws(() => run('Remove-ManagementScope', { Identity: 'S' }), /role assignment "A" uses it/);
  run('Set-ManagementScope', { Identity: 'S', RecipientRestrictionFilter: '' });
  assert.equal(inScope('slow@contoso.test'), true);
  run('Remove-ManagementRoleAssignment', { Identity: 'A' });
  run('Remove-ManagementScope', { Identity: 'S' });
  assert.deepEqual([tenant.directory.scopes, tenant.sendAssignments.some((one) => one.objectId === objectId)], [[], false]);
});

test('what is written for a client names Graph and the Exchange plane, and for a scenario of administration it is a setup without an app', () => {
  const connection = connectionTo(sandbox);
  assert.deepEqual([connection.graph, connection.exchangeAdmin], [sandbox.graph, sandbox.exchangeAdmin]);
  const plain = posternYaml(connection);
  for (const text of [`graph: ${sandbox.graph}`, `exchangeAdmin: ${sandbox.exchangeAdmin}`, 'clientId: '])
    assert.ok(plain.includes(text), text);
  const setup = posternYaml({ ...connection, setup: true });
  assert.match(setup, /^ {4}setup:\n {6}protocols: \[imap, pop3, smtp\]\n {6}mailboxes: \[telemessage@contoso\.test\]$/m);
  assert.doesNotMatch(setup, /clientId: /);
});
