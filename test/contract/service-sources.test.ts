/** Sources made, changed and deleted in the console, over real HTTP on a service that runs on the sandbox. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { sourceCard, sourceDetail, sourceList } from '../../src/service/api/source.ts';
import { draftFor, fieldsOf } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
before(async () => {
  place = await startServicePlace({
    yaml: ({ tenant, imap }) => `tenants:
  lab: ${tenant}
sources:
  of-the-file: { tenant: lab, mailbox: fromfile@contoso.test, every: 1s, server: ${imap} }
`,
  });
  place.mailbox('fromfile@contoso.test');
});
after(async () => {
  await place.close();
});

/** Every file below a folder, as text. */
function textsBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'latin1'));
}

test('a source that is made in the console is kept, begins at once and imports; its secret stands nowhere', async () => {
  const { sandbox, admin } = place;
  place.deliver(sandbox.seededMailbox, 'Subject: one\r\n\r\nhello\r\n');
  const made = await admin('POST', '/sources', draftFor(sandbox));
  assert.equal(made.status, 200, made.text);
  const detail = made.as(sourceDetail);
  assert.deepEqual([detail.editable, detail.secretKept, detail.card.origin], [true, true, 'console']);
  await place.card('telemessage', ({ messages }) => messages === 1);
  assert.deepEqual(
    (await admin('GET', '/sources')).as(sourceList).sources.map(({ name, origin }) => [name, origin]),
    [
      ['of-the-file', 'file'],
      ['telemessage', 'console'],
    ],
  );
  const answers = [
    made,
    await admin('GET', '/sources/telemessage'),
    await admin('GET', '/sources/telemessage/definition'),
    await admin('GET', '/access'),
  ];
  for (const { text } of answers) assert.ok(!text.includes(sandbox.clientSecret), text);
  const kept = textsBelow(join(place.folder, 'data'));
  assert.ok(kept.length > 3 && !kept.some((text) => text.includes(sandbox.clientSecret)));
  const log = (await admin('GET', '/access-log')).text;
  assert.ok(log.includes('source.create') && !log.includes(sandbox.clientSecret));
});

test('a name is given once, also to one of the file, which the console does not change', async () => {
  const { sandbox, admin } = place;
  assert.deepEqual(fieldsOf(await admin('POST', '/sources', draftFor(sandbox, { name: 'of-the-file', folders: ['Other'] }))), ['name']);
  assert.deepEqual(fieldsOf(await admin('POST', '/sources', draftFor(sandbox, { name: 'TELEMESSAGE', folders: ['Other'] }))), ['name']);
  for (const answer of [
    await admin('PUT', '/sources/of-the-file', draftFor(sandbox, { name: 'of-the-file' })),
    await admin('DELETE', '/sources/of-the-file?confirm=of-the-file'),
  ]) {
    assert.deepEqual([answer.status, answer.as(failure).fault.code], [409, 'definitions.of-file']);
  }
  const detail = (await admin('GET', '/sources/of-the-file')).as(sourceDetail);
  assert.deepEqual([detail.editable, detail.definition.tenant, detail.definition.every], [false, 'lab', '1s']);
  assert.match(detail.yaml, /^sources:\n {2}of-the-file:\n {4}tenant: lab\n/m);
  assert.match(detail.yaml, /LAB_SECRET/);
});

test('two sources over the same folder of a mailbox are refused, whether of the file or of the console', async () => {
  const { sandbox, admin } = place;
  assert.deepEqual(fieldsOf(await admin('POST', '/sources', draftFor(sandbox, { name: 'twin' }))), ['mailbox']);
  assert.deepEqual(fieldsOf(await admin('POST', '/sources', draftFor(sandbox, { name: 'twin', mailbox: 'FromFile@contoso.test' }))), [
    'mailbox',
  ]);
});

test('a change keeps the secret that is left out, and another tenant, app, cloud or server wants it anew', async () => {
  const { sandbox, admin } = place;
  const kept = draftFor(sandbox, { every: '2s' }, { credential: { kind: 'secret' } });
  const changed = await admin('PUT', '/sources/telemessage', kept);
  assert.equal(changed.status, 200, changed.text);
  assert.equal(changed.as(sourceDetail).card.everySeconds, 2);
  assert.match((await admin('GET', '/access-log?action=source.change')).text, /"detail":"every"/);
  place.deliver(sandbox.seededMailbox, 'Subject: two\r\n\r\nhello\r\n');
  await place.card('telemessage', ({ messages }) => messages === 2);
  const custom = kept.app?.custom;
  assert.ok(custom);
  for (const app of [
    { tenantId: 'elsewhere.example' },
    { clientId: '66666666-7777-8888-9999-000000000009' },
    { custom: { ...custom, authority: 'https://evil.example' } },
    { custom: { ...custom, imap: 'evil.example:993' } },
    { custom: { ...custom, ca: sandbox.caPem.trim().concat('\n', sandbox.appCertificatePem) } },
  ]) {
    const evil = draftFor(sandbox, {}, { credential: { kind: 'secret' }, ...app });
    for (const [method, path] of [
      ['PUT', '/sources/telemessage'],
      ['POST', '/drafts/tests?name=telemessage'],
      ['POST', '/drafts/folders?name=telemessage'],
    ] as const) {
      const answer = await admin(method, path, evil);
      assert.deepEqual(fieldsOf(answer), ['app.credential.secret'], `${method} ${path} ${JSON.stringify(app)}`);
      assert.match(answer.text, /goes nowhere else/);
    }
  }
  // A secret of the file's tenant is not sent to a server that the console names.
  const borrowed = draftFor(sandbox, {
    name: 'borrowed',
    tenant: 'lab',
    app: null,
    server: { host: 'evil.example', port: 993, tls: 'implicit' },
  });
  assert.deepEqual(fieldsOf(await admin('POST', '/drafts/tests', borrowed)), ['server.host']);
  // Nor is one that lies on this machine.
  const lying = draftFor(sandbox, { name: 'lying' }, { credential: { kind: 'reference', file: 'postern.yaml' } });
  assert.deepEqual(fieldsOf(await admin('POST', '/drafts/tests', lying)), ['app.cloud']);
});

test('a source with a certificate, by POP3, keeps its key when both are left out; a password goes to its server only', async () => {
  const { sandbox, admin } = place;
  const address = place.mailbox('bypop@contoso.test');
  const credential = { kind: 'certificate', certificate: sandbox.appCertificatePem, key: sandbox.appKeyPem } as const;
  const certified = [...sandbox.tenant.apps.values()].find(({ certificates }) => certificates.length > 0);
  const wish = { name: 'by-certificate', mailbox: address, protocol: 'pop3' } as const;
  const clientId = certified?.clientId ?? '';
  const made = await admin('POST', '/sources', draftFor(sandbox, wish, { clientId, credential }));
  assert.equal(made.status, 200, made.text);
  assert.ok(!made.text.includes('PRIVATE KEY') && made.as(sourceDetail).yaml.includes('./by-certificate.key'));
  place.deliver(address, 'Subject: by pop\r\n\r\nhello\r\n');
  await place.card('by-certificate', ({ messages }) => messages === 1);
  const again = await admin(
    'PUT',
    '/sources/by-certificate',
    draftFor(sandbox, { ...wish, every: '3s' }, { clientId, credential: { kind: 'certificate' } }),
  );
  assert.equal(again.status, 200, again.text);
  place.deliver(address, 'Subject: again\r\n\r\nhello\r\n');
  await place.card('by-certificate', ({ messages }) => messages === 2);
  const kept = textsBelow(join(place.folder, 'data'));
  assert.ok(!kept.some((text) => text.includes(sandbox.appKeyPem.split('\n')[2] ?? '')));
  assert.ok((await admin('DELETE', '/sources/by-certificate?confirm=by-certificate')).status < 300);
});

test('a source keeps its mailbox and its protocol, since the archive knows its messages by their numbers there', async () => {
  const { sandbox, admin } = place;
  const kept = { kind: 'secret' } as const;
  const elsewhere = draftFor(sandbox, { mailbox: place.mailbox('elsewhere@contoso.test') }, { credential: kept });
  assert.deepEqual(fieldsOf(await admin('PUT', '/sources/telemessage', elsewhere)), ['mailbox']);
  assert.deepEqual(fieldsOf(await admin('PUT', '/sources/telemessage', draftFor(sandbox, { protocol: 'pop3' }, { credential: kept }))), [
    'protocol',
  ]);
  assert.deepEqual(fieldsOf(await admin('PUT', '/sources/telemessage', draftFor(sandbox, { name: 'renamed' }))), ['name']);
});

test('a source is run, paused and resumed by an operator, and only read by an auditor', async () => {
  const [operator, auditor] = [await place.as('operator'), await place.as('auditor')];
  const paused = await operator('POST', '/sources/telemessage/actions', { action: 'pause' });
  assert.deepEqual([paused.status, paused.as(sourceCard).paused], [200, true]);
  place.deliver(place.sandbox.seededMailbox, 'Subject: three\r\n\r\nhello\r\n');
  assert.equal((await operator('POST', '/sources/telemessage/actions', { action: 'resume' })).as(sourceCard).paused, false);
  assert.equal((await operator('POST', '/sources/telemessage/actions', { action: 'run' })).status, 200);
  await place.card('telemessage', ({ messages }) => messages === 3);
  assert.equal((await operator('POST', '/sources/nobody/actions', { action: 'run' })).status, 404);
  assert.equal((await auditor('GET', '/sources/telemessage')).status, 200);
  const refused = [
    await auditor('POST', '/sources/telemessage/actions', { action: 'run' }),
    await auditor('POST', '/sources/telemessage/tests'),
    await operator('POST', '/sources', draftFor(place.sandbox, { name: 'x' })),
    await operator('PUT', '/sources/telemessage', draftFor(place.sandbox)),
    await operator('DELETE', '/sources/telemessage?confirm=telemessage'),
    await operator('POST', '/drafts/tests', draftFor(place.sandbox, { name: 'x' })),
    await operator('POST', '/drafts/judge', draftFor(place.sandbox, { name: 'x' })),
  ];
  assert.deepEqual(
    refused.map(({ status }) => status),
    refused.map(() => 403),
  );
});

test('a source is deleted only by its name typed again; what it imported stays', async () => {
  const { admin } = place;
  assert.deepEqual(fieldsOf(await admin('DELETE', '/sources/telemessage?confirm=telemessag')), ['confirm']);
  assert.ok((await admin('DELETE', '/sources/telemessage?confirm=telemessage')).status < 300);
  assert.equal((await admin('GET', '/sources/telemessage')).status, 404);
  assert.equal((await admin('DELETE', '/sources/telemessage?confirm=telemessage')).status, 404);
  assert.deepEqual(
    (await admin('GET', '/sources')).as(sourceList).sources.map(({ name }) => name),
    ['of-the-file'],
  );
  // It may take a moment until what came last can be searched.
  for (const began = performance.now(); ; await systemClock.sleep(20)) {
    const { text } = await admin('GET', '/messages?q=');
    if (/three/.test(text)) break;
    assert.ok(performance.now() - began < 60_000, `${text} ${String(place.bugs)}`);
  }
});

test('a source of the console goes on after a restart, and a damaged one keeps no other from it', async () => {
  const { sandbox } = place;
  const first = await startServicePlace({ sandbox });
  const address = first.mailbox();
  const other = first.mailbox();
  for (const [name, mailbox] of [
    ['lasting', address],
    ['spoilt', other],
  ] as const) {
    const made = await first.admin('POST', '/sources', draftFor(sandbox, { name, mailbox }));
    assert.equal(made.status, 200, made.text);
  }
  await first.close({ keep: true });
  const file = join(first.folder, 'data', 'sources', 'spoilt.json');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.slice(0, -20));
  const second = await startServicePlace({ sandbox, folder: first.folder });
  second.deliver(address, 'Subject: after the restart\r\n\r\nhello\r\n');
  await second.card('lasting', ({ messages }) => messages === 1);
  const spoilt = await second.admin('GET', '/sources/spoilt');
  assert.equal(spoilt.as(failure).fault.code, 'definitions.damaged');
  assert.equal(readFileSync(file, 'utf8'), text.slice(0, -20));
  await second.close();
});
