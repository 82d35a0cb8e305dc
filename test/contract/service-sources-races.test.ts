/** Two who change one source at once, a source whose key is missing, and what the system refuses in the middle: what is kept is what runs. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { rotateDefinitionsKey } from '../../src/definitions/rotate-key.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { accessLog } from '../../src/service/api/session.ts';
import { sourceDetail } from '../../src/service/api/source.ts';
import { draftFor } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
before(async () => {
  place = await startServicePlace();
});
after(() => place.close());

const draft = (name: string, mailbox: string, every = '1h') => draftFor(place.sandbox, { name, mailbox, every });

test('of changes and a deletion at the same moment nothing goes on that is not kept, and what runs is what is kept', async () => {
  const { admin, parts } = place;
  for (let round = 0; round < 4; round += 1) {
    const name = `raced-${round}`;
    const mailbox = place.mailbox(`${name}@contoso.test`);
    assert.equal((await admin('POST', '/sources', draft(name, mailbox))).status, 200);
    const asks = Array.from({ length: 6 }, (_, index) => admin('PUT', `/sources/${name}`, draft(name, mailbox, `${index + 2}h`)));
    if (round % 2 === 1) asks.splice(round, 0, admin('DELETE', `/sources/${name}?confirm=${name}`));
    await Promise.all(asks);
    const kept = await parts.definitions.get(name);
    const runs = parts.engine.source(name);
    assert.equal(runs === undefined, kept === undefined, `${name} is ${kept === undefined ? 'gone and runs' : 'kept and does not run'}`);
    if (kept === undefined || runs === undefined) continue;
    assert.equal(`${runs.config.everyMs / 3_600_000}h`, kept.source['every']);
  }
});

test('of two who change what both have looked at, the second is told by whom and when, and nothing of his is kept', async () => {
  const { admin, as } = place;
  const bob = await as('administrator');
  const mailbox = place.mailbox('edited@contoso.test');
  const began = (await admin('POST', '/sources', draft('edited', mailbox))).as(sourceDetail).changed;
  const revision = began?.revision;
  const first = await bob('PUT', '/sources/edited', { ...draft('edited', mailbox, '2h'), revision });
  assert.equal(first.status, 200, first.text);
  const { changed } = first.as(sourceDetail);
  assert.notEqual(changed?.revision, revision);
  for (const answer of [
    await admin('PUT', '/sources/edited', { ...draft('edited', mailbox, '3h'), revision }),
    await admin('DELETE', `/sources/edited?confirm=edited&revision=${revision}`),
  ]) {
    const { code, evidence } = answer.as(failure).fault;
    assert.deepEqual(
      [answer.status, code, evidence],
      [409, 'definitions.changed-meanwhile', { source: 'edited', by: changed?.by, at: changed?.at }],
    );
  }
  const kept = (await admin('GET', '/sources/edited')).as(sourceDetail);
  assert.deepEqual([kept.definition.every, kept.changed], ['2h', changed]);
  const { entries } = (await admin('GET', '/access-log?action=source.change')).as(accessLog);
  assert.equal(entries.filter(({ object, detail }) => object === 'edited' && detail.includes('every')).length, 1);
  // On purpose: over the newer one.
  assert.equal((await admin('PUT', '/sources/edited', { ...draft('edited', mailbox, '3h'), revision: changed?.revision })).status, 200);
});

test('of changes at one moment to the same revision one is kept; a new secret alone is a change, a new key is none', async () => {
  const { admin, parts } = place;
  const mailbox = place.mailbox('at-once@contoso.test');
  const first = (await admin('POST', '/sources', draft('at-once', mailbox))).as(sourceDetail).changed?.revision;
  const answers = await Promise.all(
    ['2h', '3h', '4h'].map((every) => admin('PUT', '/sources/at-once', { ...draft('at-once', mailbox, every), revision: first })),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409]);
  const second = (await admin('GET', '/sources/at-once')).as(sourceDetail);
  const same = draft('at-once', mailbox, second.definition.every);
  const third = (await admin('PUT', '/sources/at-once', { ...same, revision: second.changed?.revision })).as(sourceDetail);
  assert.notEqual(third.changed?.revision, second.changed?.revision);
  await rotateDefinitionsKey(parts.config, parts);
  assert.deepEqual((await admin('GET', '/sources/at-once')).as(sourceDetail).changed, third.changed);
});

test('of two who make a source of one name at the same moment one is told that it is taken', async () => {
  const { admin } = place;
  const mailbox = place.mailbox('twins@contoso.test');
  const answers = await Promise.all(['2h', '3h', '4h'].map((every) => admin('POST', '/sources', draft('twins', mailbox, every))));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400, 400]);
});

test('a pause or its end that cannot be kept is told to who asked, and the service goes on', async () => {
  const { admin, folder } = place;
  const mailbox = place.mailbox('stopped@contoso.test');
  assert.equal((await admin('POST', '/sources', draft('stopped', mailbox))).status, 200);
  assert.equal((await admin('POST', '/sources/stopped/actions', { action: 'pause' })).status, 200);
  const file = join(folder, 'data', 'paused.json');
  renameSync(file, `${file}.aside`);
  writeFileSync(file, 'not what it was');
  for (const action of ['resume', 'pause']) {
    const answer = await admin('POST', '/sources/stopped/actions', { action });
    assert.deepEqual([answer.status, answer.as(failure).fault.code], [503, 'definitions.pauses-damaged'], action);
  }
  assert.equal((await admin('GET', '/sources/stopped')).as(sourceDetail).card.paused, true);
  renameSync(`${file}.aside`, file);
  assert.equal((await admin('POST', '/sources/stopped/actions', { action: 'resume' })).status, 200);
});

test('a change that the system refuses has its line in the access log, for the line is before it', async () => {
  const { admin, folder } = place;
  const mailbox = place.mailbox('refused@contoso.test');
  assert.equal((await admin('POST', '/sources', draft('refused', mailbox))).status, 200);
  // In the place of the draft that is written before the file is replaced.
  const inTheWay = join(folder, 'data', 'sources', `refused.json.${process.pid}.new`);
  mkdirSync(inTheWay);
  const answer = await admin('PUT', '/sources/refused', draft('refused', mailbox, '5h'));
  assert.deepEqual([answer.status, answer.as(failure).fault.code], [503, 'definitions.unwritable']);
  rmSync(inTheWay, { recursive: true });
  const { entries } = (await admin('GET', '/access-log?action=source.change')).as(accessLog);
  assert.deepEqual([entries[0]?.object, entries[0]?.detail], ['refused', 'every, new secret']);
});

test('a source whose key is missing is not replaced by a new one of its name: with the key it is all there again', async () => {
  const first = await startServicePlace({ sandbox: place.sandbox });
  const mailbox = first.mailbox('sealed@contoso.test');
  assert.equal((await first.admin('POST', '/sources', draft('sealed', mailbox))).status, 200);
  await first.close({ keep: true });
  const key = join(first.folder, 'data', 'secrets.key');
  renameSync(key, `${key}.aside`);
  const second = await startServicePlace({ sandbox: place.sandbox, folder: first.folder });
  try {
    const answer = await second.admin('POST', '/sources', draft('sealed', mailbox));
    assert.deepEqual([answer.status, answer.as(failure).fault.code], [409, 'definitions.name-taken']);
  } finally {
    await second.close({ keep: true });
  }
  renameSync(`${key}.aside`, key);
  const third = await startServicePlace({ sandbox: place.sandbox, folder: first.folder });
  try {
    assert.equal((await third.admin('GET', '/sources/sealed')).as(sourceDetail).card.concerns.length, 0);
  } finally {
    await third.close();
  }
});
