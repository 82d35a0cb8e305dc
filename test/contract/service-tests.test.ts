/** Tests of a source over real HTTP, saved or not: the ladder as it is looked at, what a refusal means, and that none runs for ever. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectionTo } from '../../sandbox/src/connection.ts';
import { scenarioNamed } from '../../sandbox/src/scenario.ts';
import { mailboxOf } from '../../sandbox/src/tenant.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { sourceList, sourceTest } from '../../src/service/api/source.ts';
import { SourceTests, testLimits } from '../../src/service/tests/source-tests.ts';
import { draftFor } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
before(async () => {
  place = await startServicePlace();
  const made = await place.admin('POST', '/sources', draftFor(place.sandbox, { every: '2s' }));
  assert.equal(made.status, 200, made.text);
});
after(async () => {
  await place.close();
});

/** Waits until a test has ended, as the console does: by its events. */
async function ended(ask: ServicePlace['admin'], id: string) {
  const stream = await ask('GET', `/tests/${id}/events`);
  assert.match(stream.headers.get('content-type') ?? '', /text\/event-stream/);
  const states = [...stream.text.matchAll(/^event: test\ndata: (.*)$/gm)].map((match) => sourceTest.parse(JSON.parse(match[1] ?? '')));
  const last = states.at(-1);
  assert.ok(last?.ended, stream.text);
  return { states, last };
}

async function waitFor<T>(look: () => T, wanted: (state: T) => boolean): Promise<T> {
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(10)) {
    const state = look();
    if (wanted(state)) return state;
  }
  throw new Error(`it did not become what was wanted: ${JSON.stringify(look())}`);
}

test('a test of an unsaved draft turns from red to green as the grant is given, and shows each rung as it is looked at', async () => {
  const { sandbox, admin } = place;
  const address = place.mailbox('fresh@contoso.test');
  const mailbox = mailboxOf(sandbox.tenant, address);
  assert.ok(mailbox);
  const grants = [...mailbox.grants];
  mailbox.grants.clear();
  const draft = draftFor(sandbox, { name: '', mailbox: address });
  const begun = await admin('POST', '/drafts/tests', draft);
  assert.equal(begun.status, 200, begun.text);
  const rungs = begun.as(sourceTest).rungs.map(({ probe }) => probe);
  assert.deepEqual(rungs, [
    'tenant',
    'client',
    'credential',
    'name',
    'connection',
    'tls',
    'discovery',
    'token',
    'claims',
    'name',
    'connection',
    'tls',
    'login',
    'open',
    'fetch',
  ]);
  const red = await ended(admin, begun.as(sourceTest).id);
  assert.equal(red.last.verdict, 'faults');
  const outcome = (probe: string): string | undefined => red.last.rungs.find((rung) => rung.probe === probe)?.outcome;
  assert.deepEqual([outcome('token'), outcome('login'), outcome('open'), outcome('fetch')], ['ok', 'ok', 'refused', 'not-run']);
  const [finding] = red.last.findings;
  assert.equal(finding?.code, 'check.grant-missing');
  const oid = [...sandbox.tenant.apps.values()].find(({ clientId }) => clientId === sandbox.clientId)?.principal?.oid ?? '';
  assert.ok(finding.repair.includes(`Add-MailboxPermission -Identity ${address} -User ${oid} -AccessRights FullAccess`));
  for (const oneGrant of grants) mailbox.grants.add(oneGrant);
  const green = await ended(admin, (await admin('POST', '/drafts/tests', draft)).as(sourceTest).id);
  assert.deepEqual([green.last.verdict, green.last.findings.filter(({ level }) => level === 'fault')], ['good', []]);
  assert.ok(green.last.rungs.every(({ outcome }) => outcome === 'ok'));
  assert.ok(
    green.last.rungs.every(({ says }) => says !== ''),
    JSON.stringify(green.last.rungs),
  );
  const seen = new Set(green.states.flatMap((state) => state.rungs.map((rung) => rung.outcome)));
  assert.ok(seen.has('waiting') && seen.has('running'), 'what comes next is shown before it is over');
  for (const state of [...red.states, ...green.states]) assert.ok(!JSON.stringify(state).includes(sandbox.clientSecret));
  assert.equal((await admin('GET', '/sources')).as(sourceList).sources.length, 1, 'nothing was kept');
});

/** What the guides get wrong most often: the scenario, the first rung that is not green, and what is said first. */
const mistakes: readonly (readonly [scenario: string, rung: string, finding: string])[] = [
  ['expired-secret', 'token', 'token.secret-expired'],
  ['wrong-secret', 'token', 'token.secret-wrong'],
  ['unknown-app', 'token', 'token.app-not-found'],
  ['unknown-tenant', 'discovery', 'token.tenant-not-found'],
  ['not-consented', 'login', 'check.roles-none'],
  ['wrong-role', 'login', 'check.role-missing'],
  ['wrong-pointer', 'login', 'check.pointer-wrong'],
  ['no-pointer', 'login', 'check.pointer-wrong'],
  ['missing-principal', 'token', 'token.service-principal-missing'],
  ['disabled-app', 'token', 'token.app-disabled'],
  ['no-grant', 'open', 'check.grant-missing'],
  ['untrusted', 'tls', 'network.certificate-not-trusted'],
];

test('each mistake of the guides turns one rung red, those behind it stay untried, and the first finding names it with its repair', async () => {
  const { sandbox, admin } = place;
  for (const [name, rung, finding] of mistakes) {
    const scenario = scenarioNamed(name);
    const { authority, tenantId, clientId, clientSecret, mailbox } = connectionTo(sandbox, scenario);
    const custom = {
      authority,
      imap: `localhost:${sandbox.imap.tlsPort}`,
      pop: '',
      ca: name === 'untrusted' ? sandbox.appCertificatePem : sandbox.caPem,
    };
    const draft = draftFor(
      sandbox,
      { name: '', mailbox, folders: ['Inbox'] },
      { tenantId, clientId, custom, credential: { kind: 'secret', secret: clientSecret } },
    );
    const answer = await admin('POST', '/drafts/tests', draft);
    assert.equal(answer.status, 200, `${name}: ${answer.text}`);
    const { last } = await ended(admin, answer.as(sourceTest).id);
    const red = last.rungs.filter(({ outcome }) => outcome === 'refused');
    const firstRed = last.rungs.findIndex(({ outcome }) => outcome === 'refused');
    assert.equal(last.rungs[firstRed]?.probe, rung, `${name}: ${JSON.stringify(last.rungs)}`);
    // The tenant is looked up and asked for a token side by side, and both servers have the same certificate.
    if (rung !== 'tls' && rung !== 'discovery') assert.equal(red.length, 1, name);
    assert.ok(
      red.every(({ says, code }) => says !== '' && code !== null),
      name,
    );
    assert.equal(last.rungs.at(-1)?.outcome, 'not-run', name);
    const [first] = last.findings;
    assert.equal(first?.code, finding, `${name}: ${last.findings.map(({ code }) => code).join()}`);
    if (name !== 'unknown-tenant' && name !== 'untrusted') assert.ok(first.repair.length > 0, `${name} has no command to paste`);
    assert.ok(!answer.text.includes(clientSecret));
  }
});

test('a test looks at the login alone: what others import, and what is still missing in the form, is no matter yet', async () => {
  const { sandbox, admin } = place;
  // The mailbox and the folder of the saved source, under a name of nobody.
  const unfinished = draftFor(sandbox, { name: 'two words', every: 'soon', onCompletion: { kind: 'move', folder: '' } });
  assert.equal((await ended(admin, (await admin('POST', '/drafts/tests', unfinished)).as(sourceTest).id)).last.verdict, 'good');
  assert.equal((await admin('POST', '/sources', unfinished)).status, 400);
});

test('a saved source is tested by an operator, with the secret that is kept', async () => {
  const operator = await place.as('operator');
  const begun = (await operator('POST', '/sources/telemessage/tests')).as(sourceTest);
  assert.equal((await ended(operator, begun.id)).last.verdict, 'good');
  assert.equal((await operator('GET', `/tests/${begun.id}`)).as(sourceTest).ended, true);
  assert.equal((await operator('GET', '/tests/no-such-test')).status, 404);
});

test('four tests run at once, and no fifth; a test is stopped by who asks', async () => {
  const { sandbox, admin } = place;
  const address = place.mailbox('slow@contoso.test');
  const mailbox = mailboxOf(sandbox.tenant, address);
  assert.ok(mailbox);
  // Longer than five questions take on a busy machine; nobody waits for its end.
  mailbox.quirks.slowLoginMs = 60_000;
  const draft = draftFor(sandbox, { name: '', mailbox: address });
  const begun = [];
  for (let number = 0; number < 4; number += 1) begun.push((await admin('POST', '/drafts/tests', draft)).as(sourceTest));
  const fifth = await admin('POST', '/drafts/tests', draft);
  assert.deepEqual([fifth.status, fifth.as(failure).fault.code], [429, 'tests.too-many']);
  for (const { id } of begun) assert.equal((await admin('DELETE', `/tests/${id}`)).status, 200);
  for (const { id } of begun) {
    const { last } = await ended(admin, id);
    assert.equal(last.verdict, 'stopped');
    assert.ok(last.rungs.some(({ outcome, because }) => outcome === 'not-run' && because === 'it was stopped'));
    assert.ok(last.rungs.every(({ outcome }) => outcome !== 'running' && outcome !== 'waiting'));
  }
});

test('a test ends by itself when nobody listens, and when it takes too long; what it found is forgotten after a while', async () => {
  const { sandbox, parts } = place;
  const address = place.mailbox('silent@contoso.test');
  const mailbox = mailboxOf(sandbox.tenant, address);
  assert.ok(mailbox);
  mailbox.quirks.slowLoginMs = 10_000;
  const lab = parts.engine.source('telemessage')?.config;
  assert.ok(lab);
  const slow = { ...lab, mailbox: address };
  const because = async (limits: Partial<typeof testLimits>, listens: boolean): Promise<string> => {
    const tests = new SourceTests(parts, { ...testLimits, ...limits });
    const { id } = tests.start(slow);
    const stop = new AbortController();
    if (listens)
      for await (const { ended } of tests.listen(id, AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]))) if (ended) break;
    const state = await waitFor(
      () => tests.get(id),
      ({ ended }) => ended,
    );
    assert.equal(state.verdict, 'stopped');
    return state.rungs.find(({ outcome }) => outcome === 'not-run')?.because ?? '';
  };
  // Asking again and again is listening too, so it is asked once, after the end.
  const unheard = new SourceTests(parts, { ...testLimits, unheardMs: 100 });
  const { id } = unheard.start(slow);
  assert.match(
    (
      await waitFor(
        () => unheard.peek(id),
        (state) => state?.ended === true,
      )
    )?.rungs.at(-1)?.because ?? '',
    /nobody was listening/,
  );
  assert.match(await because({ longestMs: 300 }, true), /had not ended/);
  const few = new SourceTests(parts, { ...testLimits, keptMost: 2 });
  const stopped: string[] = [];
  for (let number = 0; number < 5; number += 1) {
    const one = few.start(slow);
    stopped.push(one.id);
    few.stop(one.id);
    await waitFor(
      () => few.peek(one.id),
      (state) => state?.ended === true,
    );
  }
  assert.deepEqual(
    stopped.map((one) => few.peek(one) !== undefined),
    [false, false, true, true, true],
    'of those that ended before the last one began, two are kept',
  );
  const forgetful = new SourceTests(parts, { ...testLimits, keptMs: 50 });
  const brief = forgetful.start(slow);
  forgetful.stop(brief.id);
  await waitFor(
    () => forgetful.peek(brief.id),
    (state) => state === undefined,
  );
  assert.throws(() => forgetful.get(brief.id), /service\.not-found/);
});
