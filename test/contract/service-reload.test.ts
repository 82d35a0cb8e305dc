/** The configuration file read again while the service runs: what is the same goes on untouched, and a file that is wrong changes nothing. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { startSandbox } from '../../sandbox/src/place.ts';
import { makeMailbox } from '../../sandbox/src/tenant.ts';
import { takenOver } from '../../src/service/api/configuration.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { accessLog } from '../../src/service/api/session.ts';
import { sourceDetail, sourceList } from '../../src/service/api/source.ts';
import { draftFor } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

const nothing = { began: [], changed: [], ended: [], notBegun: [], alerts: false, proxy: false, afterRestart: [] };
const addresses = ['one', 'two', 'three', 'four', 'made'];
let place: ServicePlace;
let file: string;
let first: string;

before(async () => {
  const sandbox = await startSandbox({ withoutSeed: true });
  for (const name of addresses) addMailbox(sandbox.tenant, makeMailbox(`${name}@contoso.test`));
  const source = (name: string, imap: string): string =>
    `  ${name}: { tenant: lab, mailbox: ${name}@contoso.test, every: 1h, server: ${imap} }\n`;
  place = await startServicePlace({
    sandbox,
    yaml: ({ tenant, imap }) =>
      `tenants:\n  lab: ${tenant}\nsources:\n${['one', 'two', 'three'].map((name) => source(name, imap)).join('')}proxy:\n  listeners:\n    imap: { protocol: imap, listen: "127.0.0.1:0" }\n  queue: { retryFor: 2d }\n`,
  });
  file = join(place.folder, 'postern.yaml');
  first = readFileSync(file, 'utf8');
  for (const name of ['one', 'two', 'three']) await place.card(name, ({ lastPass }) => lastPass !== null);
  const draft = draftFor(sandbox, { name: 'made', mailbox: 'made@contoso.test', every: '1h' });
  assert.equal((await place.admin('POST', '/sources', draft)).status, 200);
  await place.card('made', ({ lastPass }) => lastPass !== null);
});
after(async () => {
  await place.close();
  await place.sandbox.close();
});

async function reloaded(yaml: string) {
  writeFileSync(file, yaml);
  const answer = await place.admin('POST', '/configuration/reload');
  assert.equal(answer.status, 200, answer.text);
  return answer.as(takenOver);
}

/** How often each source has logged in so far. */
function logins(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const event of place.events) if (event.kind === 'logged-in') counts[event.source] = (counts[event.source] ?? 0) + 1;
  return counts;
}

const namesOf = async (): Promise<readonly string[]> =>
  (await place.admin('GET', '/sources')).as(sourceList).sources.map(({ name, origin }) => `${name} of ${origin}`);

test('a file that says the same touches nothing', async () => {
  const before = logins();
  assert.deepEqual(await reloaded(`# a remark\n${first}`), nothing);
  assert.deepEqual(logins(), before);
});

test('a new source begins, a changed one goes on under what stands there, a removed one ends, and the others do not notice', async () => {
  place.deliver('four@contoso.test', 'Subject: four\r\n\r\nwords\r\n');
  const before = logins();
  const line = /^ {2}three: .*\n/m.exec(first)?.[0] ?? '';
  const next = first.replace(line, line.replaceAll('three', 'four')).replace(/^( {2}two: .*every: )1h/m, '$12h');
  assert.deepEqual(await reloaded(next), { ...nothing, began: ['four'], changed: ['two'], ended: ['three'] });
  await place.card('four', ({ messages, lastPass }) => messages === 1 && lastPass !== null);
  await place.card('two', ({ everySeconds, lastPass }) => everySeconds === 7_200 && lastPass !== null);
  assert.deepEqual(await namesOf(), ['one of file', 'two of file', 'four of file', 'made of console']);
  assert.deepEqual([logins()['one'], logins()['made']], [before['one'], before['made']], 'their sessions went on');
  assert.equal((await place.admin('GET', '/sources/two')).as(sourceDetail).definition.every, '2h');
  assert.equal((await place.admin('GET', '/sources/three')).status, 404);
  assert.deepEqual(await reloaded(first), { ...nothing, began: ['three'], changed: ['two'], ended: ['four'] });
});

test('a file that is wrong changes nothing and says why; so does a name that would become another mailbox’s', async () => {
  place.deliver('one@contoso.test', 'Subject: one\r\n\r\nwords\r\n');
  await place.admin('POST', '/sources/one/actions', { action: 'run' });
  await place.card('one', ({ messages }) => messages === 1);
  const names = await namesOf();
  for (const [yaml, code] of [
    [first.replace('mailbox: two@contoso.test', 'mailbx: two@contoso.test').replace(/^ {2}three: .*\n/m, ''), 'config.invalid'],
    [`${first}\n  : {`, 'config.not-yaml'],
    [first.replace('mailbox: one@contoso.test', 'mailbox: four@contoso.test').replace(/^ {2}three: .*\n/m, ''), 'import.other-mailbox'],
  ] as const) {
    writeFileSync(file, yaml);
    const answer = await place.admin('POST', '/configuration/reload');
    assert.equal(answer.as(failure).fault.code, code);
    assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
    assert.deepEqual(await namesOf(), names, code);
  }
  assert.deepEqual(await reloaded(first), nothing);
  const { entries } = (await place.admin('GET', '/access-log?action=configuration.reload')).as(accessLog);
  assert.ok(entries.length >= 6 && entries.every(({ object }) => object === file));
});

test('a pause outlives the change of its source', async () => {
  assert.equal((await place.admin('POST', '/sources/two/actions', { action: 'pause' })).status, 200);
  assert.deepEqual((await reloaded(first.replace(/^( {2}two: .*every: )1h/m, '$13h'))).changed, ['two']);
  await place.card('two', ({ paused, everySeconds }) => paused && everySeconds === 10_800);
  await reloaded(first);
  assert.equal((await place.admin('POST', '/sources/two/actions', { action: 'resume' })).status, 200);
});

test('what counts after a restart only is named', async () => {
  const more = `${first}import: { connections: 7 }\nalerts: { webhook: { url: "http://127.0.0.1:9/hook" } }\n`;
  assert.deepEqual((await reloaded(more)).afterRestart, ['import', 'alerts']);
  assert.deepEqual((await reloaded(more)).afterRestart, ['import', 'alerts'], 'until it is so');
  assert.deepEqual((await reloaded(first)).afterRestart, []);
});

test('the proxy beside it takes over what stands there, and what stood there before', async () => {
  const other = first.replace('retryFor: 2d', 'retryFor: 3d');
  const listeners = place.parts.proxy?.listeners();
  assert.deepEqual(await reloaded(other), { ...nothing, proxy: true });
  assert.deepEqual(await reloaded(other), nothing);
  assert.deepEqual(await reloaded(first), { ...nothing, proxy: true });
  assert.deepEqual(place.parts.proxy?.listeners(), listeners);
});

test('only an administrator may, and two at once do so one after the other', async () => {
  assert.equal((await (await place.as('operator'))('POST', '/configuration/reload')).status, 403);
  writeFileSync(file, first.replace(/^( {2}two: .*every: )1h/m, '$14h'));
  const answers = await Promise.all([1, 2, 3].map(() => place.admin('POST', '/configuration/reload')));
  assert.deepEqual(
    answers.map((answer) => answer.as(takenOver).changed.length),
    [1, 0, 0],
  );
});

test('a source of the console whose name the file takes ends; it does not come back to what came of another mailbox meanwhile', async () => {
  // Its name is the file's now: it ends, and comes back when the name is free again.
  const taken = await reloaded(
    first.replace(/^ {2}three: .*\n/m, (line) => `${line}${line.replace('three:', 'made:').replace('three@', 'four@')}`),
  );
  assert.deepEqual(
    taken.notBegun.map(({ source, fault }) => [source, fault.code]),
    [['made', 'definitions.shadowed']],
  );
  assert.deepEqual(
    (await namesOf()).filter((name) => name.startsWith('made')),
    ['made of file'],
  );
  await place.card('made', ({ messages }) => messages === 1);
  const freed = await reloaded(first);
  assert.deepEqual([freed.began, freed.changed, freed.ended], [[], [], []]);
  assert.deepEqual(
    freed.notBegun.map(({ source, fault }) => [source, fault.code]),
    [['made', 'import.other-mailbox']],
  );
  await place.card('made', ({ origin, concerns }) => origin === 'console' && concerns[0]?.fault.code === 'import.other-mailbox');
});
