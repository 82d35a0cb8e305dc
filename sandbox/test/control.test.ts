import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { askToken } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

async function call(method: string, path: string, body?: string) {
  const answer = await fetch(`${sandbox.control}${path}`, { method, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

test('a fill is the same for the same seed, and each message is its own', async () => {
  const hashes: string[][] = [];
  for (const address of ['fill-a@contoso.test', 'fill-b@contoso.test']) {
    await call('POST', '/mailboxes', JSON.stringify({ address }));
    const filled = await call('POST', `/mailboxes/${address}/fill?count=300&seed=7&large=2&largeMinBytes=1000000&largeMaxBytes=1200000`);
    assert.equal(filled.body.messages, 300);
    const { body } = await call('GET', `/mailboxes/${address}/messages`);
    hashes.push(body.map((message: { sha256: string }) => message.sha256));
    const sizes: number[] = body.map((message: { sizeBytes: number }) => message.sizeBytes).sort((a: number, b: number) => a - b);
    const median = sizes[150] ?? 0;
    assert.ok(median > 3000 && median < 16_000, `median ${median}`);
    assert.equal(sizes.filter((size) => size > 900_000).length, 2);
  }
  assert.equal(new Set(hashes[0]).size, 300);
  // The recipient stands in each message, so the two mailboxes differ; the same mailbox again does not.
  assert.notDeepEqual(hashes[0], hashes[1]);
  const again = await startSandbox({ withoutSeed: true });
  await fetch(`${again.control}/mailboxes`, { method: 'POST', body: JSON.stringify({ address: 'fill-a@contoso.test' }) });
  await fetch(`${again.control}/mailboxes/fill-a@contoso.test/fill?count=300&seed=7&large=2&largeMinBytes=1000000&largeMaxBytes=1200000`, {
    method: 'POST',
  });
  const listed = JSON.parse(await (await fetch(`${again.control}/mailboxes/fill-a@contoso.test/messages`)).text());
  await again.close();
  assert.deepEqual(
    listed.map((message: { sha256: string }) => message.sha256),
    hashes[0],
  );
});

test('a delivered message is listed by its hash, can be read back, and deleted', async () => {
  const raw = 'Subject: by hand\r\n\r\nbody\r\n';
  const { body } = await call('POST', '/mailboxes/bulk@contoso.test/messages?folder=Archive', raw);
  assert.deepEqual(body, { uid: 1, sha256: createHash('sha256').update(raw).digest('hex'), sizeBytes: raw.length });
  const read = await fetch(`${sandbox.control}/mailboxes/bulk@contoso.test/messages/1?folder=Archive`);
  assert.equal(await read.text(), raw);
  await call('DELETE', '/mailboxes/bulk@contoso.test/messages/1?folder=Archive');
  assert.deepEqual((await call('GET', '/mailboxes/bulk@contoso.test/messages?folder=Archive')).body, []);
});

test('folders are made and renamed with what is below them', async () => {
  await call('POST', '/mailboxes/bulk@contoso.test/folders', '{"name":"Old"}');
  await call('POST', '/mailboxes/bulk@contoso.test/folders', '{"name":"Old/Deep"}');
  const { body } = await call('POST', '/mailboxes/bulk@contoso.test/folders/rename', '{"from":"Old","to":"New"}');
  const names = body.folders.map((folder: { name: string }) => folder.name);
  assert.ok(names.includes('New/Deep') && !names.includes('Old'));
});

test('a scenario by mailbox can be switched on for any mailbox and off again, and a mailbox can be taken away', async () => {
  await call('POST', '/mailboxes', '{"address":"switched@contoso.test"}');
  const on = await call('PUT', '/mailboxes/switched@contoso.test/scenarios/throttled');
  assert.deepEqual(on.body.quirks, { throttle: { everyNth: 3, backoffMs: 300 } });
  assert.equal((await call('PUT', '/mailboxes/switched@contoso.test/scenarios/imap-off')).body.imapEnabled, false);
  assert.equal((await call('PUT', '/mailboxes/switched@contoso.test/scenarios/no-grant')).body.grants, 0);
  for (const name of ['throttled', 'imap-off', 'no-grant']) await call('DELETE', `/mailboxes/switched@contoso.test/scenarios/${name}`);
  const { body } = await call('GET', '/mailboxes/switched@contoso.test');
  assert.deepEqual([body.quirks, body.imapEnabled], [{}, true]);
  assert.ok(body.grants > 0);
  assert.equal((await call('PUT', '/mailboxes/switched@contoso.test/scenarios/no-such')).status, 404);
  assert.equal((await call('PUT', '/mailboxes/switched@contoso.test/scenarios/localised')).status, 400);
  await call('DELETE', '/mailboxes/switched@contoso.test');
  assert.equal((await call('GET', '/mailboxes/switched@contoso.test')).status, 404);
});

test('a message can be delivered with an INTERNALDATE of long ago', async () => {
  const path = '/mailboxes/bulk@contoso.test/messages?folder=Journal';
  await call('POST', `${path}&internalDate=2026-03-01T08:00:00Z`, 'Subject: old\r\n\r\n');
  assert.equal((await call('GET', path)).body[0].internalDate, '2026-03-01T08:00:00.000Z');
  assert.equal((await call('POST', `${path}&internalDate=never`, 'Subject: never\r\n\r\n')).status, 400);
});

test('a secret can be added, used, and taken away', async () => {
  const { body: secret } = await call('POST', `/apps/${sandbox.clientId}/secrets`, '{"expiresInDays":1}');
  assert.equal((await askToken(sandbox, { client_secret: secret.value })).status, 200);
  await call('DELETE', `/apps/${sandbox.clientId}/secrets/${secret.id}`);
  assert.match((await askToken(sandbox, { client_secret: secret.value })).body, /AADSTS7000215/);
});

test('no answer of the control port holds a secret but the one that makes it', async () => {
  for (const path of ['/', `/apps/${sandbox.clientId}`, '/scenarios', '/journal']) {
    assert.doesNotMatch(JSON.stringify((await call('GET', path)).body), new RegExp(sandbox.clientSecret.slice(0, 12)));
  }
});

test('only reserved domains are taken, and a browser is turned away', async () => {
  assert.equal((await call('POST', '/mailboxes', '{"address":"a@contoso.com"}')).status, 400);
  assert.equal((await fetch(`${sandbox.control}/`, { headers: { origin: 'http://evil.example' } })).status, 403);
  assert.equal((await call('GET', '/nothing')).status, 404);
  assert.equal((await call('GET', '/mailboxes/nobody@contoso.test')).status, 404);
  assert.equal((await call('POST', '/mailboxes', 'no json')).status, 400);
});
