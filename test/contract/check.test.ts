/**
 * `check` against the sandbox: what only several looks, several mailboxes or a wait can show.
 *
 * The hours of `--wait` are a clock that this file owns and the sandbox shares, so that tokens and their ends fit together.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { makeAuthority } from '../../sandbox/src/certificates.ts';
import { healthyClientId, scenarioNamed, seededMailbox } from '../../sandbox/src/scenario.ts';
import type { Observation } from '../../src/check/observation.ts';
import { asBrief, asJson, verdictOf } from '../../src/check/report.ts';
import { isFault } from '../../src/fault/fault.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type HttpRequest, request } from '../../src/runtime/http.ts';
import { type CheckPlace, type CheckWish, startCheckPlace } from './check-place.ts';

const minuteMs = 60_000;
let advancedMs = 0;
/** Called whenever time goes on. */
let onTime = async (): Promise<void> => undefined;
const clock: Clock = {
  now: () => systemClock.now() + advancedMs,
  monotonic: () => systemClock.monotonic() + advancedMs,
  sleep: async (ms) => {
    advancedMs += ms;
    await onTime();
  },
};

let place: CheckPlace;
before(async () => {
  place = await startCheckPlace(() => new Date(clock.now()));
});
after(() => place.close());

/** Node's server writes the machine's time into its answers; in the sandbox it is that of our clock. */
const onTimeRequest: HttpRequest = async (question) => {
  const answer = await request(question);
  return { ...answer, headers: { ...answer.headers, date: new Date(clock.now()).toUTCString() } };
};

function check(wish: CheckWish) {
  return place.check({ ...wish, ports: { clock, request: onTimeRequest, ...wish.ports } });
}

async function control(method: string, path: string, body?: string): Promise<void> {
  const answer = await fetch(`${place.sandbox.control}${path}`, { method, ...(body === undefined ? {} : { body }) });
  assert.equal(answer.status, 200);
}

function states(observations: readonly Observation[]): string[] {
  return observations.filter(({ outcome }) => outcome !== 'ok').map(({ probe, outcome }) => `${probe} ${outcome}`);
}

test('a healthy mailbox is green on every probe of all three protocols, waits for nothing, and takes a test mail', async (context) => {
  const from = advancedMs;
  const began = process.cpuUsage();
  const { observations, findings, tookMs, attempts } = await check({ protocols: ['imap', 'pop3', 'smtp'] });
  context.diagnostic(`IMAP, POP3 and SMTP of one mailbox: ${tookMs} ms`);
  assert.deepEqual([states(observations), findings], [[], []]);
  assert.equal(attempts.length, 3);
  assert.equal(advancedMs, from, 'it slept');
  // The sandbox's part is in it. Time of the processor, which others on the machine do not lengthen.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms of the processor`);
  const before = place.sandbox.tenant.submitted.length;
  const sent = await check({ protocols: ['smtp'], sendTest: true });
  assert.deepEqual([states(sent.observations), sent.findings], [[], []]);
  assert.equal(place.sandbox.tenant.submitted.length - before, 1);
});

test('a second mailbox tells the pointer from the grant', async () => {
  const scenario = scenarioNamed('no-pointer');
  const alone = await check({ scenario, protocols: ['imap'] });
  assert.deepEqual(
    alone.findings.map(({ code }) => code),
    ['check.pointer-wrong', 'check.mailbox-closed'],
  );
  const two = await check({ scenario, mailboxes: [seededMailbox, 'bulk@contoso.test'], protocols: ['imap'] });
  assert.deepEqual(
    two.findings.map(({ code }) => code),
    ['check.pointer-wrong'],
  );
  const one = await check({ mailboxes: [seededMailbox, 'no-grant@contoso.test'], protocols: ['imap'] });
  assert.deepEqual(
    one.findings.map(({ code }) => code),
    ['check.grant-missing', 'check.protocol-off'],
  );
  assert.deepEqual(
    one.findings[0]?.places.map(({ mailbox }) => mailbox),
    ['no-grant@contoso.test'],
  );
});

test('a mailbox that must be closed is proven closed, found open, or left unproven', async () => {
  const closed = await check({ refused: ['no-grant@contoso.test'], protocols: ['imap'] });
  assert.deepEqual([closed.findings, verdictOf(closed.findings)], [[], 'good']);
  const open = await check({ refused: ['bulk@contoso.test'], protocols: ['imap'] });
  assert.deepEqual(
    open.findings.map(({ code }) => code),
    ['check.mailbox-open'],
  );
  const alone = await check({
    mailboxes: ['nobody@contoso.test'],
    refused: ['no-grant@contoso.test'],
    protocols: ['pop3', 'imap'],
    yaml: (text) => text,
  });
  assert.ok(alone.findings.some(({ code }) => code === 'check.refusal-unproven'));
});

test('over SMTP only a mail can prove a missing grant, and no mail is sent from a mailbox that must be closed', async () => {
  const before = place.sandbox.tenant.submitted.length;
  const login = await check({ mailboxes: ['no-grant@contoso.test'], protocols: ['smtp'] });
  assert.deepEqual(login.findings, []);
  const mail = await check({ mailboxes: ['no-grant@contoso.test'], protocols: ['smtp'], sendTest: true });
  assert.deepEqual(
    mail.findings.map(({ code }) => code),
    ['check.grant-missing'],
  );
  const shut = await check({ mailboxes: [seededMailbox], refused: ['bulk@contoso.test'], protocols: ['smtp'], sendTest: true });
  assert.deepEqual(
    shut.findings.map(({ code }) => code),
    ['check.refusal-unproven'],
  );
  assert.equal(place.sandbox.tenant.submitted.length - before, 1);
});

test('an app that may not ask Graph when its secret ends is good all the same, and it is said why that is not known', async () => {
  const { observations, findings } = await check({ protocols: ['imap'] });
  const end = observations.find(({ probe }) => probe === 'end');
  assert.deepEqual([findings, end?.outcome], [[], 'ok']);
  assert.match(String(end?.outcome === 'ok' ? end.seen['because'] : ''), /may not read its own registration/);
});

test('--wait sees a grant arrive: too early, not wrong; and each round has a token of its own', async () => {
  const from = clock.now();
  let granted = false;
  onTime = async () => {
    if (granted || clock.now() - from < 40 * minuteMs) return;
    granted = true;
    await control('PUT', `/mailboxes/no-grant@contoso.test/grants/${healthyClientId}`);
  };
  const before = place.sandbox.tenant.apps.get(healthyClientId)?.tokenRequests ?? 0;
  let countdowns = 0;
  const onWait = (): void => {
    countdowns += 1;
  };
  const result = await check({ mailboxes: ['no-grant@contoso.test'], protocols: ['imap'], wait: { forMs: 90 * minuteMs, onWait } });
  onTime = async () => undefined;
  await control('DELETE', `/mailboxes/no-grant@contoso.test/grants/${healthyClientId}`);
  assert.deepEqual([result.findings, result.waited?.outcome], [[], 'healed']);
  const waitedMs = (result.waited?.untilMs ?? 0) - (result.waited?.failedSinceMs ?? 0);
  assert.ok(waitedMs > 39 * minuteMs && waitedMs < 43 * minuteMs, `${waitedMs} ms`);
  // And one for Graph, which is asked once.
  assert.equal((place.sandbox.tenant.apps.get(healthyClientId)?.tokenRequests ?? 0) - before, (result.waited?.rounds ?? 0) + 1);
  assert.ok(countdowns > 2000, 'one a second');
});

for (const name of ['pointer-too-early', 'grant-too-early', 'role-too-early']) {
  test(`--wait sees ${name} come right by itself`, async () => {
    const wait = { forMs: 90 * minuteMs, onWait: (): void => undefined };
    const result = await check({ scenario: scenarioNamed(name), protocols: ['imap'], wait });
    assert.deepEqual([result.findings, result.waited?.outcome], [[], 'healed']);
  });
}

test('--wait gives up at its end, and at once where waiting cannot help', async () => {
  const onWait = (): void => undefined;
  const from = clock.now();
  const over = await check({ mailboxes: ['no-grant@contoso.test'], protocols: ['imap'], wait: { forMs: 30 * minuteMs, onWait } });
  assert.equal(over.waited?.outcome, 'time-over');
  assert.equal(over.findings[0]?.code, 'check.grant-missing');
  assert.ok(clock.now() - from >= 30 * minuteMs && clock.now() - from < 31 * minuteMs);
  const scenario = scenarioNamed('expired-secret');
  const wrong = await check({ scenario, wait: { forMs: 30 * minuteMs, onWait } });
  assert.deepEqual([wrong.waited?.outcome, wrong.waited?.rounds], ['waiting-cannot-help', 1]);
});

test('a tenant that another cloud knows is found there, and the line to change is given', async () => {
  const authority = await makeAuthority(new Date());
  const { keyPem, certificatePem } = await authority.issueServer();
  const known = '5a000000-7e4a-4000-8000-0000000000c1';
  const server = createServer({ key: keyPem, cert: certificatePem }, (request, response) => {
    const isKnown = request.url === `/${known}/v2.0/.well-known/openid-configuration`;
    response.writeHead(isKnown ? 200 : 400, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(isKnown ? { issuer: `https://elsewhere.test/${known}/v2.0` } : { error: 'invalid_tenant', error_codes: [90002] }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    const authorities = [{ cloud: 'china', authority: url }];
    const ports = {
      authorities,
      request: (question) => onTimeRequest({ ...question, ca: [...(question.ca ?? []), authority.certificatePem] }),
    } satisfies CheckWish['ports'];
    const named = (id: string): CheckWish => ({ yaml: (text) => text.replace(/tenantId: .*/, `tenantId: ${id}`), ports });
    const found = await check(named(known));
    assert.deepEqual(
      found.findings.map(({ code }) => code),
      ['token.wrong-cloud'],
    );
    assert.deepEqual(found.findings[0]?.repair, ['cloud: china   # in the configuration, tenants.contoso']);
    const nowhere = await check(named('5a000000-7e4a-4000-8000-0000000000ff'));
    assert.deepEqual(
      nowhere.findings.map(({ code }) => code),
      ['token.tenant-not-found'],
    );
    assert.equal(nowhere.findings[0]?.seen['alsoAsked'], url);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a clock that differs from that of Entra is seen in the answer, as a warning', async () => {
  const ahead: Clock = { ...clock, now: () => clock.now() + 10 * minuteMs };
  const { findings } = await check({ ports: { clock: ahead } });
  assert.deepEqual(
    findings.map(({ code, level }) => [code, level]),
    [['check.clock-off', 'warning']],
  );
  // `Date` has whole seconds.
  const seconds = Number(findings[0]?.seen['clockAheadSeconds']);
  assert.ok(seconds >= 599 && seconds < 660, String(seconds));
});

for (const [says, change, code, notRun] of [
  [
    'a host name that does not exist',
    (text: string) => text.replace(/imap: \{ host: localhost/, 'imap: { host: nowhere.invalid'),
    'network.name-not-found',
    'connection',
  ],
  [
    'a port where nobody listens',
    (text: string) => text.replace(/(imap: \{ host: localhost), port: \d+/, '$1, port: 1'),
    'network.unreachable',
    'tls',
  ],
  ['an authority that is not trusted', (text: string) => text.replace(/^ *ca: .*$/m, ''), 'network.certificate-not-trusted', 'token'],
] as const) {
  test(`${says} is told once, and what stands behind it is not run because of it`, async () => {
    const { findings, observations } = await check({ yaml: change, protocols: ['imap'] });
    assert.deepEqual([...new Set(findings.map((finding) => finding.code))], [code]);
    const skipped = observations.filter(({ outcome }) => outcome === 'not-run');
    assert.ok(skipped.some(({ probe }) => probe === notRun) && skipped.some(({ probe }) => probe === 'login'), JSON.stringify(skipped));
  });
}

test('a folder that is not there is told with the names of those that are', async () => {
  const { findings } = await check({
    yaml: (text) => text.replace('folders: [INBOX]', 'folders: [INBOX, Posteingang]'),
    protocols: ['imap'],
  });
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['imap.folder-unknown'],
  );
  assert.match(String(findings[0]?.seen['folders']), /INBOX, Archive, /);
});

test('a secret that cannot be had is a fault of the configuration, and the servers are looked at all the same', async () => {
  const yaml = (text: string): string => text.replace(/credential: .*/, 'credential: { secret: { env: NOT_SET } }');
  const { findings, observations } = await check({ yaml, protocols: ['imap'] });
  assert.deepEqual([findings.map(({ code }) => code), verdictOf(findings)], [['config.secret-not-set'], 'configuration']);
  assert.equal(observations.filter(({ probe, outcome }) => probe === 'tls' && outcome === 'ok').length, 2);
  assert.equal(observations.find(({ probe }) => probe === 'discovery')?.outcome, 'ok');
});

test('a protocol for which the cloud names no server is said to have none', async () => {
  const yaml = (text: string): string => text.replace(/^ *(?:pop3|smtp): .*\n/gm, '');
  const { findings } = await check({ yaml, protocols: ['imap', 'smtp'] });
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['check.no-server'],
  );
});

test('what cannot be checked is wrong use: no mailbox, no address, both open and closed, a tenant that is not there', async () => {
  const none = (text: string): string => `${text.slice(0, text.indexOf('sources:'))}`;
  for (const wish of [
    { yaml: none },
    { mailboxes: ['contoso'] },
    { mailboxes: [seededMailbox], refused: [seededMailbox.toUpperCase()] },
    { mailboxes: ['a@contoso.test'], tenant: 'fabrikam' },
  ] satisfies CheckWish[]) {
    await assert.rejects(check(wish), (error) => isFault(error) && error.code === 'cli.wrong-use', JSON.stringify(wish));
  }
});

test('a hundred mailboxes are checked side by side with one token, never more sessions than the budget', async (context) => {
  const mailboxes = Array.from({ length: 100 }, (_, index) => `many-${index}@contoso.test`);
  for (const address of mailboxes) await control('POST', '/mailboxes', JSON.stringify({ address }));
  const { tenant } = place.sandbox;
  const app = tenant.apps.get(healthyClientId);
  const tokensBefore = app?.tokenRequests ?? 0;
  let most = 0;
  const onObservation = (): void => {
    most = Math.max(most, tenant.sessions.size);
  };
  const result = await check({ mailboxes, protocols: ['imap'], connections: 8, ports: { onObservation } });
  context.diagnostic(`100 mailboxes over IMAP, 8 sessions at a time: ${result.tookMs} ms`);
  assert.deepEqual(result.findings, []);
  // One for mail, and one for Graph.
  assert.equal((app?.tokenRequests ?? 0) - tokensBefore, 2);
  assert.ok(most >= 2 && most <= 8, `${most} sessions`);
});

test('no report, transcript or brief line holds a token, a secret or the text of a mail', async () => {
  for (const wish of [
    { transcript: true },
    { transcript: true, scenario: scenarioNamed('no-pointer') },
    { transcript: true, scenario: scenarioNamed('wrong-audience') },
  ] satisfies CheckWish[]) {
    const result = await check(wish);
    const told = JSON.stringify(asJson(result)) + asBrief(result);
    assert.match(told, /AUTHENTICATE XOAUTH2 \[secret\]/);
    assert.doesNotMatch(told, /eyJ[A-Za-z0-9_-]{10}|ZXlK|auth=Bearer|dXNlcj|BODY\[\] \{\d+\} /);
    assert.ok(!told.includes(place.sandbox.clientSecret));
  }
});
