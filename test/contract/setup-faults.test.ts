/** Each fault of an administration that nothing else provokes: what leads to it, and that it says so. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { getMailboxPermissions } from '../../src/admin/exchange/cmdlets.ts';
import { invokeCommand } from '../../src/admin/exchange/invoke-command.ts';
import { pwsh } from '../../src/admin/exchange/pwsh.ts';
import { cmdletFault } from '../../src/admin/exchange/refusal.ts';
import { changeApplication, getApplication } from '../../src/admin/graph/applications.ts';
import { graphClient } from '../../src/admin/graph/client.ts';
import { browserSignIn } from '../../src/admin/sign-in/browser.ts';
import { refusalFault } from '../../src/admin/sign-in/oauth.ts';
import type { AdminTokens } from '../../src/admin/token.ts';
import type { FaultCode } from '../../src/fault/catalog.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { HttpAnswer, HttpRequest } from '../../src/runtime/http.ts';
import { request } from '../../src/runtime/http.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { addSecret } from '../../src/setup/credential.ts';
import { commandStore, fileStore } from '../../src/setup/credential-store.ts';
import { untilSeen } from '../../src/setup/patience.ts';
import { readPlan } from '../../src/setup/plan-file.ts';
import { removeRetired } from '../../src/setup/rotate.ts';
import { readScriptResult } from '../../src/setup/script-result.ts';
import { desiredFor, type SetupPlace, setupPlace } from './setup-place.ts';

const { signal } = new AbortController();
const origin = 'https://graph.example';
/** Waits nothing: what is tried is how often, not how long. */
const clock = { ...systemClock, sleep: async () => undefined };
const tokens: AdminTokens = {
  token: async (resource) => ({
    value: new Secret('t'),
    expiresAtMs: Date.now() + 3_600_000,
    claims: { audience: resource, tenantId: 't', oid: 'o', upn: 'a@contoso.test', permissions: [], appId: 'c' },
  }),
};

let place: SetupPlace;
before(async () => {
  place = await setupPlace({ signIn: 'token', hurried: true });
});
after(() => place.close());

/** A service that answers every question with this. */
function answers(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpRequest {
  const answer: HttpAnswer = { status, headers, text };
  return async () => answer;
}

const ports = (asked: HttpRequest) => ({ request: asked, clock, random: () => 0, tokens, signal });
const graph = (asked: HttpRequest) => graphClient(origin, [], ports(asked));
const exchange = (asked: HttpRequest) => invokeCommand({ origin, tenantId: 't', ca: [] }, ports(asked));

async function faultOf(act: () => Promise<unknown>, code: FaultCode, seen: Readonly<Record<string, RegExp>> = {}): Promise<void> {
  await assert.rejects(act, (error) => {
    assert.ok(isFault(error), String(error));
    assert.equal(error.code, code);
    for (const [name, what] of Object.entries(seen)) assert.match(String(error.evidence[name]), what);
    return true;
  });
}

test('Graph: each status is the fault of its own, and a proxy’s page is told as one', async () => {
  const read = (asked: HttpRequest) => () => getApplication(graph(asked), { by: 'id', value: 'a' });
  const change = (asked: HttpRequest) => () => changeApplication(graph(asked), 'a', { displayName: 'b' });
  await faultOf(read(answers(401, '')), 'graph.token-refused');
  await faultOf(read(answers(200, '<html>', { 'content-type': 'text/html' })), 'graph.answer-unreadable', { seen: /text\/html/ });
  await faultOf(change(answers(404, '{"error":{"code":"Request_ResourceNotFound","message":"x"}}')), 'graph.not-found', {
    code: /Request/,
  });
  await faultOf(change(answers(409, '')), 'graph.conflict');
  await faultOf(change(answers(429, '', { 'retry-after': '7' })), 'graph.throttled', { retryAfterSeconds: /^7$/ });
  await faultOf(change(answers(503, '')), 'graph.unavailable');
});

test('Exchange: what it says is read from the innermost words, and what is no answer is told as such', async () => {
  const ask = (asked: HttpRequest) => () => getMailboxPermissions(exchange(asked), 'a@contoso.test');
  const failed = (type: string, text: string) =>
    answers(
      400,
      JSON.stringify({ error: { code: 'BadRequest', message: 'Invalid Operation', details: [{ message: `Ex12|${type}|${text}` }] } }),
    );
  await faultOf(ask(failed('X.ManagementObjectNotFoundException', 'gone')), 'exchange.not-found', { text: /^gone$/ });
  await faultOf(ask(failed('X.Other', 'no | way')), 'exchange.refused', { text: /^no \| way$/ });
  await faultOf(ask(failed('X.ServerBusyException', 'later')), 'exchange.busy');
  await faultOf(ask(answers(200, '\0\0<html>')), 'exchange.answer-unreadable');
  await faultOf(ask(answers(200, '{"@adminapi.confirmationmessage":"Sure?"}')), 'exchange.answer-unreadable', { seen: /confirmation/ });
  assert.equal(cmdletFault({ cmdlet: 'A', type: 'T', text: 'already exists', status: 400, requestId: '' }).code, 'exchange.already-there');
});

test('PowerShell that is not there is missing, and one that ends after it was connected has ended', async () => {
  await faultOf(() => pwsh({ program: '/nowhere/pwsh', tenantId: 't' }, { tokens, signal, env: {} }), 'exchange.powershell-missing', {
    seen: /ENOENT/,
  });
  const program = join(place.folder, 'pwsh');
  const once = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (JSON.parse(line).cmdlet !== 'Connect-ExchangeOnline') process.exit(9);
  console.log(process.env.POSTERN_MARK + JSON.stringify({ id: JSON.parse(line).id }));
});`;
  writeFileSync(program, `#!${process.execPath}\n${once}\n`, { mode: 0o700 });
  const reading = await pwsh({ program, tenantId: 't' }, { tokens, signal, env: {} });
  await faultOf(() => reading.run('Get-Mailbox', {}), 'exchange.powershell-ended', { seen: /exit code 9/ });
  await faultOf(() => reading.run('Get-Mailbox', {}), 'exchange.powershell-ended');
  const writing = await pwsh({ program, tenantId: 't' }, { tokens, signal, env: {} });
  await faultOf(() => writing.run('Add-MailboxPermission', {}), 'exchange.outcome-unknown', { cmdlet: /Add-MailboxPermission/ });
});

test('nobody who comes back to the browser’s page in time is told, and so is an answer of Entra without a rule', async () => {
  const authority = place.sandbox.authority;
  const where = { authority, tenantId: 't', origins: { graph: origin, exchange: origin }, ca: [] };
  const signIn = browserSignIn(where, { request, clock, tell: () => undefined }, async () => undefined);
  await faultOf(() => signIn({ id: 'c', scope: 's', resource: 'graph' }, signal), 'signin.timed-out', { waitedSeconds: /^300$/ });
  assert.equal(refusalFault({ error: 'server_error', description: 'AADSTS90000: x' }, 'browser').code, 'signin.refused');
});

test('files that are no plan of this tenant, or no result of a script, are not taken', async () => {
  const desired = desiredFor();
  const write = (name: string, value: unknown): string => {
    writeFileSync(join(place.folder, name), JSON.stringify(value));
    return join(place.folder, name);
  };
  const plan = { schema: 'postern.plan/1', tenant: 'other', steps: [], remarks: [], observed: 'x', desired: 'y' };
  for (const [value, seen] of [
    [{}, /no postern\.plan/],
    [plan, /the tenant other/],
    [{ ...plan, tenant: desired.tenant }, /another configuration/],
  ] as const) {
    await faultOf(async () => readPlan(write('plan.json', value), desired), 'setup.plan-unreadable', { seen });
  }
  await faultOf(async () => readPlan(join(place.folder, 'none'), desired), 'setup.plan-unreadable', { seen: /ENOENT/ });
  await faultOf(async () => readScriptResult(write('result.json', { appId: 'x' })), 'setup.result-unreadable', {
    seen: /no postern\.setup-result/,
  });
  await faultOf(
    async () => readScriptResult(write('result.json', { schema: 'postern.setup-result/1', appId: 'x' })),
    'setup.result-unreadable',
    {
      seen: /GUID/,
    },
  );
});

test('an app that is to be taken over and is not there, and a tenant without Exchange, are told before anything is planned', async () => {
  const adopt = '66666666-7777-8888-9999-000000000000';
  await faultOf(() => place.plan(desiredFor({ app: { ...desiredFor().app, adopt } })), 'setup.app-not-found', { appId: /^66666666/ });
  const { observe } = await import('../../src/setup/observed.ts');
  const empty = graph(async ({ url }) => ({
    status: url.pathname.includes('servicePrincipals') ? 404 : 200,
    headers: {},
    text: '{"value":[]}',
  }));
  await faultOf(
    () => observe(desiredFor(), { graph: empty, exchange: undefined, lost: [], storedHint: '', kept: undefined }),
    'setup.tenant-unreadable',
    { missing: /organization/ },
  );
});

test('a change that does not show is given up after its time, and says what it waited for', async () => {
  let now = 0;
  const patience = { clock: { ...clock, monotonic: () => (now += 10_000) }, signal, waitMs: 60_000, reads: 2 };
  await faultOf(() => untilSeen('the pointer', patience, async () => false), 'setup.not-consistent', {
    what: /the pointer/,
    waitedSeconds: /^\d+$/,
  });
});

test('a secret that no store takes is removed from the app again', async () => {
  const desired = desiredFor({ app: { ...desiredFor().app, uniqueName: 'no-store' }, protocols: ['imap'] });
  await place.apply(desired, 'no-store');
  const app = [...place.sandbox.tenant.apps.values()].find((one) => one.registration.uniqueName === 'no-store');
  assert.ok(app);
  mkdirSync(join(place.folder, 'taken'));
  for (const store of [fileStore(join(place.folder, 'taken')), commandStore([process.execPath, '-e', 'process.exit(4)'])]) {
    await faultOf(() => addSecret({ id: app.objectId }, 30, { ...place.ports('none'), store }), 'setup.store-failed', {
      seen: /EISDIR|exit code 4/,
    });
    assert.equal(app.secrets.length, 1);
  }
});

test('an old secret is not removed while the one in use is not there', async () => {
  const ports = place.ports('last');
  const kept = ports.notes.read();
  assert.ok(kept?.keyId);
  const retired = [{ keyId: kept.keyId, after: new Date(0).toISOString() }];
  ports.notes.keep({ ...kept, keyId: '00000000-aaaa-4000-8000-000000000000', retired });
  await faultOf(() => removeRetired(ports), 'setup.last-credential');
  ports.notes.keep(kept);
});
