/** The ways in: PowerShell on this machine for Exchange, and the browser for the person. Both are stood in for by programs on the PATH. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { handedOver } from '../contract/setup-place.ts';
import { postern, type Ran } from './postern.ts';

let sandbox: Sandbox;
let folder: string;
let tokens: Readonly<Record<string, string>>;

before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  tokens = await handedOver(sandbox, 'admin@contoso.test');
  folder = mkdtempSync(join(tmpdir(), 'postern-setup-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  program('pwsh', `import(${JSON.stringify(new URL('./fake-pwsh.mjs', import.meta.url).href)});`);
  // Goes where the page sends a browser, as one does after a sign-in.
  program(
    'xdg-open',
    `const https = require('node:https'), http = require('node:http');
https.get(process.argv[2], (page) => http.get(page.headers.location, (end) => end.resume()));`,
  );
  configure('ways', 'telemessage@contoso.test');
});
after(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

function program(name: string, text: string): void {
  writeFileSync(join(folder, 'bin', name), `#!${process.execPath}\n${text}\n`);
  chmodSync(join(folder, 'bin', name), 0o700);
}

function configure(uniqueName: string, mailbox: string): void {
  writeFileSync(
    join(folder, 'postern.yaml'),
    `data: ./data-${uniqueName}
tenants:
  contoso:
    tenantId: ${sandbox.tenant.id}
    cloud: { authority: ${sandbox.authority}, scope: ${sandbox.scope}, graph: ${sandbox.graph}, exchangeAdmin: ${sandbox.exchangeAdmin} }
    ca: ca.pem
    credential: { secret: { file: ./secret-${uniqueName} } }
    setup: { app: { uniqueName: ${uniqueName} }, mailboxes: [${mailbox}] }
`,
  );
}

function setup(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const path = `${join(folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const fake = { FAKE_EXCHANGE: sandbox.exchangeAdmin, FAKE_TENANT: sandbox.tenant.id, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
  return postern(['setup', ...args], { cwd: folder, env: { ...tokens, PATH: path, ...fake, ...env } });
}

test('with PowerShell all is planned, applied and taken away as without, and a call of one row or one warning is a list', async () => {
  const through = ['--sign-in', 'token', '--exchange', 'pwsh'];
  const applied = await setup(['apply', '--yes', ...through]);
  assert.equal(applied.code, 0, applied.talk);
  const direct = await setup(['plan', '--json', '--sign-in', 'token']);
  const shelled = await setup(['plan', '--json', ...through]);
  assert.deepEqual(JSON.parse(shelled.out), JSON.parse(direct.out), 'both ways see the same');
  assert.deepEqual(JSON.parse(shelled.out).steps, []);
  assert.equal((await setup(['audit', '--all-mailboxes', ...through])).code, 0);
  const gone = await setup(['destroy', '--yes-destroy', ...through]);
  assert.equal(gone.code, 0, gone.talk);
});

test('without the module, without PowerShell, or with one that dies, the fault says which, and what was begun is gone on with', async () => {
  configure('fails', 'bulk@contoso.test');
  const through = ['--sign-in', 'token', '--exchange', 'pwsh'];
  const without = await setup(['plan', ...through], { FAKE_PWSH: 'no-module' });
  assert.equal(without.code, 1);
  assert.match(without.talk, /exchange\.powershell-missing[\s\S]*Install-Module ExchangeOnlineManagement/);
  assert.match((await setup(['plan', ...through], { PATH: '/nowhere' })).talk, /exchange\.powershell-missing[\s\S]*ENOENT/);
  // It dies after the grant was done: the next look finds no PowerShell to ask.
  const dead = await setup(['apply', '--yes', ...through], { FAKE_PWSH: 'die-in=Add-MailboxPermission' });
  assert.equal(dead.code, 5, dead.talk);
  assert.match(dead.talk, /exchange\.powershell-ended[\s\S]*exit code 3[\s\S]*setup\.stopped/);
  assert.ok(dead.talk.includes('setup.stopped'));
  const again = await setup(['apply', '--yes', ...through]);
  assert.equal(again.code, 0, again.talk);
  assert.equal([...sandbox.tenant.apps.values()].filter((one) => one.registration.uniqueName === 'fails').length, 1);
});

test('a tenant without a setup is told what to write, before anybody signs in', async () => {
  const file = join(folder, 'postern.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ {4}setup:.*$/m, `    clientId: ${sandbox.clientId}`));
  const plan = await setup(['plan', 'contoso', '--sign-in', 'token']);
  assert.equal(plan.code, 1, plan.talk);
  assert.ok(plan.talk.includes('setup.not-configured'), plan.talk);
});

test('a sign-in in the browser that the system opens comes back to the program, once for each of Microsoft’s clients', {
  skip: process.platform !== 'linux' && 'the program is called otherwise here',
}, async () => {
  configure('browser', 'bulk@contoso.test');
  const plan = await setup(['plan', '--sign-in', 'browser']);
  assert.equal(plan.code, 4, plan.talk);
  assert.equal([...plan.talk.matchAll(/To sign in \(/g)].length, 2);
  const one = await setup(['plan', '--sign-in', 'browser', '--sign-in-client', '04b07795-8ddb-461a-bbee-02f9e1bf7b46']);
  assert.equal(one.code, 4, one.talk);
  assert.equal([...one.talk.matchAll(/To sign in \(/g)].length, 1, 'a client that holds both resources needs one sign-in');
});

test('an app that may administer audits without a person: Graph by its roles, Exchange by its role and one of the directory', async () => {
  configure('browser', 'bulk@contoso.test');
  const { apps, directory } = sandbox.tenant;
  const made = await setup(['apply', '--yes', '--sign-in', 'token']);
  assert.equal(made.code, 0, made.talk);
  const auditor = apps.get(sandbox.clientId);
  assert.ok(auditor?.principal);
  auditor.principal.graphRoles = ['Application.Read.All', 'Directory.Read.All'];
  auditor.principal.roles = ['Exchange.ManageAsApp'];
  const way = { POSTERN_ADMIN_CLIENT_ID: sandbox.clientId, POSTERN_ADMIN_SECRET: sandbox.clientSecret };
  const without = await setup(['audit', '--sign-in', 'app'], way);
  assert.match(without.talk, /exchange\.not-allowed/, 'without a role of the directory');
  directory.memberships.set(auditor.principal.oid, ['Global Reader']);
  const audit = await setup(['audit', '--all-mailboxes', '--sign-in', 'app'], way);
  assert.equal(audit.code, 0, audit.out + audit.talk);
  assert.match((await setup(['audit', '--sign-in', 'app'])).talk, /signin\.token-missing[\s\S]*POSTERN_ADMIN_CLIENT_ID/);
});
