/**
 * Runs, reconciliation, gaps, quarantine and alerts over HTTP, by a service that truly runs on the sandbox: what each role may, what is
 * written down of it, and what becomes of it in the import.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Folder } from '../../sandbox/src/folder.ts';
import { folderOf, type Mailbox, mailboxOf } from '../../sandbox/src/tenant.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { failure } from '../../src/service/api/leaf.ts';
import {
  alert,
  alertList,
  gap,
  gapList,
  latestReconciliation,
  quarantineList,
  type ReconciliationJob,
  reconciliationJob,
  reconciliationList,
  reconciliationView,
  retryAnswer,
  runList,
} from '../../src/service/api/operation.ts';
import { accessLog } from '../../src/service/api/session.ts';
import { mails } from './import-place.ts';
import { type Asker, type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
let operator: Asker;
let auditor: Asker;

const busy = 'busy@contoso.test';
const apart = 'apart@contoso.test';

before(async () => {
  place = await startServicePlace({
    yaml: ({ tenant, imap }) => `tenants:
  lab: ${tenant}
sources:
  busy: { tenant: lab, mailbox: ${busy}, server: ${imap}, every: 1h }
  apart: { tenant: lab, mailbox: ${apart}, server: ${imap}, every: 1h }
  shut: { tenant: lab, mailbox: no-grant@contoso.test, server: ${imap}, every: 1h }
`,
  });
  for (const [name, count] of [
    [busy, 12],
    [apart, 5],
  ] as const) {
    place.mailbox(name);
    if (name === apart) state(name).quirks.emptyFetch = [2, 4];
    place.deliver(name, ...mails(name, count).map((bytes) => Buffer.from(bytes).toString('latin1')));
    place.parts.engine.runNow(name === busy ? 'busy' : 'apart');
  }
  [operator, auditor] = await Promise.all([place.as('operator'), place.as('auditor')]);
});
after(() => place.close());

function state(address: string): Mailbox {
  const found = mailboxOf(place.sandbox.tenant, address);
  if (found === undefined) throw new Error(`the sandbox has no mailbox ${address}`);
  return found;
}

function inbox(address: string): Folder {
  return folderOf(state(address), 'INBOX') ?? new Folder({ name: 'INBOX', uidValidity: 1 });
}

async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
  let last: T | undefined;
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(30)) {
    last = await ask();
    if (isSo(last)) return last;
  }
  throw new Error(`it did not come to be: ${JSON.stringify(last)}`);
}

async function reconciled(asker: Asker, sources: readonly string[], since: string | null = null): Promise<ReconciliationJob> {
  const started = await asker('POST', '/reconciliations', { sources, since });
  assert.equal(started.status, 200, started.text);
  const done = async (): Promise<ReconciliationJob> => (await asker('GET', '/reconciliation')).as(reconciliationJob);
  return await until(done, (job) => job.state !== 'running');
}

async function logged(action: string): Promise<readonly { readonly who: string; readonly object: string; readonly detail: string }[]> {
  return (await place.admin('GET', `/access-log?action=${action}`)).as(accessLog).entries;
}

test('runs are listed newest first, by source, with their counts or their fault in words', async () => {
  await place.card('busy', ({ messages }) => messages === 12);
  const ofBusy = async () => (await auditor('GET', '/runs?source=busy')).as(runList).runs;
  const runs = await until(ofBusy, (found) => found.some(({ counts }) => (counts?.archived ?? 0) > 0));
  assert.deepEqual(
    [...runs].sort((one, other) => other.id - one.id),
    runs,
  );
  assert.equal(
    runs.reduce((sum, { counts }) => sum + (counts?.archived ?? 0), 0),
    12,
  );
  const shut = await until(
    async () => (await auditor('GET', '/runs?source=shut&limit=1')).as(runList).runs,
    ([run]) => run?.fault != null,
  );
  assert.equal(shut.length, 1);
  assert.equal(shut[0]?.fault?.code, 'imap.not-connected');
  assert.ok((shut[0]?.fault?.fix ?? '').length > 20 && shut[0]?.outcome !== 'complete');
});

test('a reconciliation runs in the background, tells its progress live, and its days are the heat map of each source', async () => {
  const events: ReconciliationJob[] = [];
  const stop = new AbortController();
  const listening = (async () => {
    for await (const event of place.parts.live.listen(stop.signal)) if (event.kind === 'reconciliation') events.push(event.job);
  })();
  await place.card('apart', ({ quarantined, running }) => quarantined === 2 && !running);
  const job = await reconciled(operator, ['busy', 'apart']);
  assert.deepEqual([job.state, job.fault, job.sources], ['done', null, ['busy', 'apart']]);
  await until(
    async () => events.at(-1)?.state,
    (last) => last === 'done',
  );
  stop.abort();
  await listening.catch(() => undefined);
  assert.equal(events[0]?.state, 'running');
  assert.match(job.by ?? '', /operator/);

  const view = (await auditor('GET', `/reconciliations/${job.result}`)).as(reconciliationView);
  assert.deepEqual([view.equal, view.missingCount, view.faults], [true, 0, []]);
  assert.equal(view.entry.id, job.result);
  const { sources } = (await auditor('GET', '/reconciliations/latest')).as(latestReconciliation);
  assert.deepEqual(sources.map(({ source }) => source).sort(), ['apart', 'busy']);
  const days = sources.find(({ source }) => source === 'apart')?.days ?? [];
  const total = (name: 'seen' | 'archived' | 'quarantined' | 'pending'): number => days.reduce((sum, day) => sum + day[name], 0);
  assert.deepEqual([total('seen'), total('archived'), total('quarantined'), total('pending')], [5, 3, 2, 0]);
  assert.equal((await logged('reconciliation.start')).length, 1);
});

test('one of the last days only does not hide a whole one; the report is what its hash says', async () => {
  const whole = await reconciled(operator, ['busy']);
  const part = await reconciled(operator, ['busy'], '2999-01-01');
  assert.equal(part.state, 'done', JSON.stringify(part));
  const latest = (await auditor('GET', '/reconciliations/latest?source=busy')).as(latestReconciliation);
  assert.deepEqual(
    latest.sources.map(({ entry, days }) => [entry.id, days.length > 0]),
    [[whole.result, true]],
  );
  const list = (await auditor('GET', '/reconciliations?source=busy&limit=2')).as(reconciliationList).reconciliations;
  assert.deepEqual(
    list.map(({ id }) => id),
    [part.result, whole.result],
  );

  const report = await auditor('GET', `/reconciliations/${whole.result}/report`);
  assert.equal(report.status, 200);
  assert.match(report.headers.get('content-disposition') ?? '', /^attachment/);
  assert.equal(createHash('sha256').update(report.text).digest('hex'), list[1]?.evidence);
  const csv = await auditor('GET', `/reconciliations/${whole.result}/days.csv`);
  assert.match(csv.text, /^source,folder,uidvalidity,day,seen/);
  assert.match(csv.text, /\r\nbusy,INBOX,/);
  assert.equal((await logged('reconciliation.download')).length, 2);
});

test('what is missing is named, a source that cannot be reached says why, and a gap is explained by name', async () => {
  await place.parts.engine.pause('busy', 'test');
  inbox(busy).deliver([Buffer.from(mails('never fetched', 1)[0] ?? '')], { internalDate: new Date() });
  const job = await reconciled(operator, ['busy', 'shut']);
  assert.equal(job.state, 'done', JSON.stringify(job));
  const view = (await auditor('GET', `/reconciliations/${job.result}`)).as(reconciliationView);
  assert.deepEqual([view.equal, view.missingCount, view.missing.map(({ source, uid }) => [source, uid])], [false, 1, [['busy', 13]]]);
  assert.equal(view.missing[0]?.messageId, '<never.fetched.1@contoso.test>');
  assert.deepEqual(
    view.faults.map(({ source, code }) => [source, code]),
    [['shut', 'imap.not-connected']],
  );
  assert.ok((view.faults[0]?.says ?? '').length > 20);

  const { gaps } = (await auditor('GET', '/gaps?source=busy&state=open')).as(gapList);
  assert.deepEqual(
    gaps.map(({ uid, openedBy, closed }) => [uid, openedBy, closed]),
    [[13, 'reconciliation', null]],
  );
  const id = gaps[0]?.id ?? 0;
  assert.equal((await auditor('POST', `/gaps/${id}/explanation`, { explanation: 'no' })).status, 403);
  const explained = (await operator('POST', `/gaps/${id}/explanation`, { explanation: 'the feed was off' })).as(gap);
  assert.equal(explained.closure, 'explained');
  assert.match(explained.explanation ?? '', /^the feed was off \(test-operator.*, \d{4}-\d{2}-\d{2}\)$/);
  assert.deepEqual((await auditor('GET', '/gaps?source=busy&state=open')).as(gapList).gaps, []);
  const again = (await operator('POST', `/gaps/${id}/explanation`, { explanation: 'by change 4711' })).as(gap);
  assert.match(again.explanation ?? '', /^the feed was off .*; by change 4711 /, 'what was said stays');
  assert.equal((await auditor('GET', '/gaps?source=busy&state=permanent')).as(gapList).gaps.length, 1);
  const unknown = await operator('POST', '/gaps/999999/explanation', { explanation: 'x' });
  assert.deepEqual([unknown.status, unknown.as(failure).fault.code], [404, 'reconcile.gap-unknown']);
  await place.parts.engine.resume('busy', 'test');
  await place.card('busy', ({ messages }) => messages === 13);
  assert.deepEqual(
    (await logged('gap.explain')).map(({ object }) => object),
    ['999999', String(id), String(id)],
  );
});

test('one reconciliation at a time, and a running one can be stopped; nothing of it is kept', async () => {
  const before = (await auditor('GET', '/reconciliations')).as(reconciliationList).reconciliations.length;
  state(busy).quirks.slow = { commandMs: 3_000 };
  try {
    assert.equal((await operator('POST', '/reconciliations', { sources: ['busy'], since: null })).status, 200);
    const second = await operator('POST', '/reconciliations', { sources: [], since: null });
    assert.deepEqual([second.status, second.as(failure).fault.code], [409, 'reconcile.running']);
    assert.equal((await auditor('DELETE', '/reconciliation')).status, 403);
    assert.equal((await operator('DELETE', '/reconciliation')).status, 200);
    const ended = await until(
      async () => (await auditor('GET', '/reconciliation')).as(reconciliationJob),
      (job) => job.state !== 'running',
    );
    assert.deepEqual([ended.state, ended.result, ended.fault], ['stopped', null, null]);
  } finally {
    delete state(busy).quirks.slow;
  }
  assert.equal((await auditor('GET', '/reconciliations')).as(reconciliationList).reconciliations.length, before);
  const wrong = [
    [{ sources: ['nosuch'], since: null }, 404, 'import.source-unknown'],
    [{ sources: [], since: '2026-02-31' }, 400, 'service.bad-input'],
    [{ sources: [] }, 400, 'service.bad-input'],
  ] as const;
  for (const [body, status, code] of wrong) {
    const answer = await operator('POST', '/reconciliations', body);
    assert.deepEqual([answer.status, answer.as(failure).fault.code], [status, code]);
  }
  const unknown = await auditor('GET', '/reconciliations/999999');
  assert.deepEqual([unknown.status, unknown.as(failure).fault.code], [404, 'reconcile.unknown']);
});

test('what is in quarantine says why in words, page by page; asked for again it comes in by the next pass, which begins at once', async () => {
  const all = (await auditor('GET', '/quarantine?source=apart')).as(quarantineList);
  assert.deepEqual(all.messages.map(({ uid, reason, asked }) => [uid, reason, asked]).sort(), [
    [2, 'no-data', null],
    [4, 'no-data', null],
  ]);
  assert.match(all.messages[0]?.says ?? '', /gave no content/);
  const first = (await auditor('GET', '/quarantine?source=apart&limit=1')).as(quarantineList);
  const second = (await auditor('GET', `/quarantine?source=apart&limit=1&after=${first.next}`)).as(quarantineList);
  assert.deepEqual([...first.messages, ...second.messages], all.messages);
  assert.equal(second.next, null);

  const wish = { messages: all.messages.map(({ source, folder, uidValidity, uid, uidl }) => ({ source, folder, uidValidity, uid, uidl })) };
  assert.equal((await auditor('POST', '/quarantine/retry', wish)).status, 403);
  state(apart).quirks.emptyFetch = [4];
  assert.deepEqual((await operator('POST', '/quarantine/retry', wish)).as(retryAnswer), { asked: 2 });
  const left = await until(
    async () => (await auditor('GET', '/quarantine?source=apart')).as(quarantineList).messages,
    (messages) => messages.length === 1 && messages[0]?.asked === null,
  );
  assert.equal(left[0]?.uid, 4, 'what the server still does not give stays, and was answered');
  await place.card('apart', ({ messages, quarantined }) => messages > 0 && quarantined === 1);
  const foreign = { messages: [{ source: 'apart', folder: 'INBOX', uidValidity: 1, uid: 77, uidl: null }] };
  assert.deepEqual((await operator('POST', '/quarantine/retry', foreign)).as(retryAnswer), { asked: 0 });
  assert.match((await logged('quarantine.retry')).at(-1)?.detail ?? '', /^2 asked for, 2 in quarantine$/);
});

test('an alert that stands is acknowledged by who is logged in, with a note that stays; over or unknown ones cannot be', async () => {
  const raised = await place.parts.journal.raiseAlert({
    key: 'source busy refused',
    kind: 'refused',
    severity: 'critical',
    source: 'busy',
    text: 'source busy: refused.',
    fault: { code: 'imap.not-connected', evidence: { host: 'localhost' }, at: new Date() },
  });
  const { id } = raised.alert;
  const find = async (query: string) => (await auditor('GET', `/alerts${query}`)).as(alertList).alerts.find((one) => one.id === id);
  assert.equal((await find('?open=true'))?.fault?.code, 'imap.not-connected');
  assert.equal(await find('?open=false'), undefined);
  assert.equal((await auditor('POST', `/alerts/${id}/acknowledgement`, { note: 'seen' })).status, 403);
  const now = (await operator('POST', `/alerts/${id}/acknowledgement`, { note: 'asked the Exchange team' })).as(alert);
  assert.equal(now.acknowledged?.note, 'asked the Exchange team');
  assert.match(now.acknowledged?.by ?? '', /^test-operator/);
  await place.parts.journal.clearAlert('source busy refused');
  assert.equal((await find(''))?.acknowledged?.note, 'asked the Exchange team');
  const over = await operator('POST', `/alerts/${id}/acknowledgement`, { note: 'late' });
  assert.deepEqual([over.status, over.as(failure).fault.code], [404, 'watch.alert-unknown']);
  assert.equal((await operator('POST', `/alerts/${id}/acknowledgement`, { note: '' })).status, 400);
  const [line] = await logged('alert.acknowledge');
  assert.match(
    `${line?.who} ${line?.object} ${line?.detail}`,
    new RegExp(`^test-operator.* ${id} refused of busy: asked the Exchange team$`),
  );
});

test('without a login nothing of it is shown, and by a forged request nothing is done', async () => {
  for (const path of ['/runs', '/reconciliations', '/reconciliations/latest', '/reconciliation', '/gaps', '/quarantine', '/alerts']) {
    assert.equal((await place.nobody('GET', path)).status, 401, path);
  }
  const forged = await operator('POST', '/reconciliations', { sources: [], since: null }, { 'x-postern-csrf': 'guessed' });
  assert.deepEqual([forged.status, forged.as(failure).fault.code], [403, 'service.forged']);
  assert.deepEqual(place.bugs, []);
});
