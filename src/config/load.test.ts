import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Authority } from '../../test/transcript/certificate.ts';
import { type Fault, isFault } from '../fault/fault.ts';
import { loadConfig, readConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
after(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'postern.yaml');
const authority = new Authority('Corporate CA', new Date('2026-01-01'), new Date('2126-01-01'));
writeFileSync(join(folder, 'ca.pem'), authority.certificate);
writeFileSync(join(folder, 'not-a.pem'), 'this is no certificate');
writeFileSync(join(folder, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');

const tenant = `tenants:
  contoso:
    tenantId: contoso.onmicrosoft.com
    clientId: 66666666-7777-8888-9999-000000000001
    credential: { secret: { env: CONTOSO_SECRET } }
`;

async function load(yaml: string): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  writeFileSync(file, yaml);
  return await loadConfig(file, { CONTOSO_SECRET: 'abc~8Q' });
}

async function faultOf(yaml: string): Promise<Fault> {
  try {
    await load(yaml);
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  assert.fail('this configuration loads');
}

/** The problem lines without the path of the file. */
async function problems(yaml: string): Promise<string[]> {
  const fault = await faultOf(yaml);
  return String(fault.evidence['problems'])
    .split('\n')
    .map((line) => line.replace(`${file}:`, ''));
}

test('a small configuration gets all its defaults', async () => {
  const config = await load(`${tenant}sources:\n  telemessage: { tenant: contoso, mailbox: telemessage@contoso.com }\n`);
  assert.equal(config.dataFolder, join(folder, 'postern-data'));
  const [source] = config.sources;
  const { auth, server, ...rest } = source ?? assert.fail('no source');
  assert.deepEqual(rest, {
    name: 'telemessage',
    mailbox: 'telemessage@contoso.com',
    protocol: 'imap',
    folders: ['INBOX'],
    everyMs: 60_000,
    format: 'auto',
  });
  assert.deepEqual(server, { host: 'outlook.office365.com', port: 993, tls: 'implicit', ca: [] });
  assert.ok(auth.kind === 'oauth2');
  assert.equal(auth.tenant.scope, 'https://outlook.office365.com/.default');
  assert.equal(auth.tenant.cloud.authority, 'https://login.microsoftonline.com');
  assert.ok(auth.tenant.credential.kind === 'secret');
  assert.equal((await auth.tenant.credential.secret.resolve()).reveal(), 'abc~8Q');
});

test('a password source needs no tenant, and its user is the mailbox unless it is named', async () => {
  const config = await load(`sources:
  journal:
    server: { host: 127.0.0.1, port: 1143, tls: none }
    auth: { password: { env: CONTOSO_SECRET } }
    mailbox: journal
    folders: [inbox, Archive/2026]
    every: 5m
`);
  const [source] = config.sources;
  assert.deepEqual(source?.server, { host: '127.0.0.1', port: 1143, tls: 'none', ca: [] });
  assert.equal(source?.auth.kind === 'password' && source.auth.user, 'journal');
  assert.deepEqual([source?.folders, source?.everyMs], [['INBOX', 'Archive/2026'], 300_000]);
});

test('a cloud is given by hand, with authorities of its own added to the source', async () => {
  const config = await load(`tenants:
  lab:
    tenantId: 11111111-2222-3333-4444-555555555555
    clientId: 66666666-7777-8888-9999-000000000001
    cloud:
      authority: https://localhost:8443/
      scope: https://outlook.office365.com/.default
      imap: { host: localhost, port: 1993, tls: implicit }
    credential: { certificate: { file: ca.pem, key: { file: app.key }, algorithm: RS256 } }
    ca: ca.pem
sources:
  lab:
    tenant: lab
    mailbox: a@contoso.test
  elsewhere:
    tenant: lab
    mailbox: a@contoso.test
    server: { host: dovecot.test, port: 143, ca: [ca.pem] }
`);
  const [lab, elsewhere] = config.sources;
  assert.equal(config.tenants.get('lab')?.cloud.authority, 'https://localhost:8443');
  assert.deepEqual([lab?.server.port, lab?.server.ca.length], [1993, 1]);
  assert.deepEqual([elsewhere?.server.tls, elsewhere?.server.ca.length], ['starttls', 2]);
  const credential = config.tenants.get('lab')?.credential;
  assert.ok(credential?.kind === 'certificate');
  assert.deepEqual([credential.algorithm, credential.key.describe], ['RS256', `file ${join(folder, 'app.key')}`]);
});

test('an assertion is a reference, and a managed identity is asked for where the environment or the file says', async () => {
  const credentialOf = async (text: string, env: Readonly<Record<string, string>> = {}) => {
    writeFileSync(file, tenant.replace('{ secret: { env: CONTOSO_SECRET } }', text));
    return (await loadConfig(file, env)).tenants.get('contoso')?.credential;
  };
  const assertion = await credentialOf('{ assertion: { file: ./token } }');
  assert.ok(assertion?.kind === 'assertion');
  assert.equal(assertion.assertion.describe, `file ${join(folder, 'token')}`);

  const machine = await credentialOf('{ managedIdentity: {} }', { IDENTITY_ENDPOINT: 'http://127.0.0.1:4711/msi/token' });
  assert.deepEqual(machine, {
    kind: 'managed-identity',
    endpoint: { url: 'http://169.254.169.254/metadata/identity/oauth2/token' },
  });
  const env = { IDENTITY_ENDPOINT: 'http://127.0.0.1:4711/msi/token', IDENTITY_HEADER: 'hunter2' };
  const clientId = '77777777-8888-9999-aaaa-000000000001';
  const appService = await credentialOf(`{ managedIdentity: { clientId: ${clientId}, audience: "api://x" } }`, env);
  assert.ok(appService?.kind === 'managed-identity');
  assert.deepEqual([appService.clientId, appService.audience, appService.endpoint.url], [clientId, 'api://x', env.IDENTITY_ENDPOINT]);
  assert.doesNotMatch(JSON.stringify(appService), /hunter2/);
  const named = await credentialOf('{ managedIdentity: { endpoint: "http://127.0.0.1:1/x" } }', env);
  assert.deepEqual(named, { kind: 'managed-identity', endpoint: { url: 'http://127.0.0.1:1/x' } });
});

test('an absent file, a folder and an enormous file are unreadable', async () => {
  await assert.rejects(
    loadConfig(join(folder, 'none.yaml'), {}),
    (error) => isFault(error, 'config.unreadable') && error.evidence['seen'] === 'ENOENT',
  );
  await assert.rejects(loadConfig(folder, {}), (error) => isFault(error, 'config.unreadable') && error.evidence['seen'] === 'EISDIR');
  const large = join(folder, 'large.yaml');
  writeFileSync(large, Buffer.alloc(5 * 1024 * 1024, '#'));
  await assert.rejects(loadConfig(large, {}), (error) => isFault(error, 'config.unreadable'));
});

const source = (rest: string): string => `${tenant}sources:\n  one: { tenant: contoso, mailbox: a@b.c, ${rest} }\n`;

/** Each wrong file, and every line that it must bring. */
const wrong: readonly (readonly [says: string, yaml: string, code: string, lines: readonly string[]])[] = [
  ['an empty file', '', 'config.invalid', ['1:1 the file is empty; `postern config sample` prints one to begin with']],
  ['a list', '- a\n', 'config.invalid', ['1:1 expected a map with the keys data, tenants and sources, found a list']],
  ['an open quote', 'data: "x\n', 'config.not-yaml', ['2:1 a sign is missing here: a closing quote or bracket, a colon or a comma']],
  ['a tab', 'data:\n\tx: 1\n', 'config.not-yaml', ['2:1 a tab in the indentation; use spaces']],
  ['a key twice', 'data: a\ndata: b\n', 'config.not-yaml', ['2:1 this key stands here a second time']],
  [
    'a secret that begins with a star',
    'data: *hunter2\n',
    'config.not-yaml',
    ['1:1 a "*name" that refers to nothing, or too many of them; put texts that begin with "*" in quotes'],
  ],
  ['a mistyped key', 'soruces: {}\n', 'config.invalid', ['1:1 soruces: unknown key; did you mean sources?']],
  ['an unknown key', 'colour: red\n', 'config.invalid', ['1:1 colour: unknown key; known are data, tenants, sources']],
  [
    'a duration in words',
    source('every: soon'),
    'config.invalid',
    ['7:50 sources.one.every: expected a duration such as 30s, 5m or 1h, found "soon"'],
  ],
  [
    'a duration without unit',
    source('every: 60'),
    'config.invalid',
    ['7:50 sources.one.every: expected a duration such as 30s, 5m or 1h, found 60'],
  ],
  [
    'a hasty duration',
    source('every: 1ms'),
    'config.invalid',
    ['7:50 sources.one.every: expected a duration between 1s and 7d, found "1ms"'],
  ],
  ['an unknown format', source('format: teelmessage'), 'config.invalid', ['7:51 sources.one.format: expected auto, found "teelmessage"']],
  ['no folder', source('folders: []'), 'config.invalid', ['7:52 sources.one.folders: expected at least one folder, found an empty list']],
  [
    'a folder twice',
    source('folders: [INBOX, inbox]'),
    'config.invalid',
    ['7:60 sources.one.folders.1: the folder "INBOX" stands here twice'],
  ],
  [
    'connections of a source, so far',
    source('connections: 2'),
    'config.not-yet',
    [
      '7:43 sources.one.connections: a source has one connection so far; `import run --connections N` bounds how many sources have theirs at once',
    ],
  ],
  [
    'POP3, so far',
    source('protocol: pop3'),
    'config.not-yet',
    ['7:53 sources.one.protocol: POP3 sources come with a later version; use `imap` until then'],
  ],
  [
    'an act on completion, so far',
    source('onCompletion: { move: Imported }'),
    'config.not-yet',
    ['7:43 sources.one.onCompletion: only `leave` can be done so far: nothing on the server is changed'],
  ],
  [
    'an unknown tenant beside another mistake in the same source',
    `${tenant}sources:\n  one: { tenant: contso, mailbox: a@b.c, every: soon }\n`,
    'config.invalid',
    [
      '7:18 sources.one.tenant: no tenant "contso"; known are contoso',
      '7:49 sources.one.every: expected a duration such as 30s, 5m or 1h, found "soon"',
    ],
  ],
  [
    'neither tenant nor login',
    'sources:\n  one: { mailbox: a@b.c }\n',
    'config.invalid',
    ['2:8 sources.one: missing `tenant` (OAuth 2.0), or `server` with `auth` (a password)'],
  ],
  [
    'a login without a server',
    'sources:\n  one: { mailbox: a, auth: { password: { env: X } } }\n',
    'config.invalid',
    ['2:3 sources.one.server: missing; with `auth` the server must be named'],
  ],
  [
    'two ways to log in',
    source('auth: { password: { env: X } }, server: { host: mail.example.com }'),
    'config.invalid',
    ['7:49 sources.one.auth: `tenant` and `auth` exclude each other: OAuth 2.0 or a password'],
  ],
  [
    'no TLS to another machine',
    source('server: { host: mail.example.com, tls: none }'),
    'config.invalid',
    ['7:82 sources.one.server.tls: none is for this machine itself only (localhost, 127.0.0.1, ::1), not for mail.example.com'],
  ],
  [
    'two sources for one folder',
    `${tenant}sources:\n  one: { tenant: contoso, mailbox: a@b.c }\n  two: { tenant: contoso, mailbox: A@B.C }\n`,
    'config.invalid',
    ['8:36 sources.two.mailbox: source one already imports this mailbox and folder'],
  ],
  [
    'a name that is none in JavaScript',
    'tenants: { __proto__: {} }\n',
    'config.invalid',
    ['1:12 tenants.__proto__: expected another name'],
  ],
  [
    'a key that every object of JavaScript has',
    'constructor: x\n',
    'config.invalid',
    ['1:1 constructor: unknown key; known are data, tenants, sources'],
  ],
  [
    'a secret in the place of the credential',
    tenant.replace('{ secret: { env: CONTOSO_SECRET } }', 'hunter2'),
    'config.invalid',
    [
      '5:17 tenants.contoso.credential: expected a credential: { secret: { env: NAME } }, or one of certificate, assertion and managedIdentity',
    ],
  ],
  [
    'a name with a blank',
    `${tenant}sources:\n  my source: { tenant: contoso, mailbox: a@b.c }\n`,
    'config.invalid',
    ['7:3 sources.my source: expected a name of letters, digits, "-", "_" and ".", beginning with a letter or a digit'],
  ],
  [
    'a tenant of nothing but mistakes',
    'tenants:\n  t:\n    tenantId: common\n    clientId: abc~8QSecretByMistake\n    cloud: gobal\n    scope: https://outlook.office365.com\n',
    'config.invalid',
    [
      '2:3 tenants.t.credential: missing; expected a credential: { secret: { env: NAME } }, or one of certificate, assertion and managedIdentity',
      '3:15 tenants.t.tenantId: expected a tenant id: a GUID, or a domain of the tenant such as contoso.onmicrosoft.com, found "common"',
      '4:15 tenants.t.clientId: expected an application (client) ID: a GUID',
      '5:12 tenants.t.cloud: expected global, gcc-high, dod, china, or endpoints given by hand: { authority, scope, imap }, found "gobal"',
      '6:12 tenants.t.scope: expected a scope that ends in /.default, found "https://outlook.office365.com"',
    ],
  ],
  [
    'one id for tenant and app',
    tenant.replace('contoso.onmicrosoft.com', '66666666-7777-8888-9999-000000000001'),
    'config.invalid',
    ['4:15 tenants.contoso.clientId: the same as tenantId; expected the Application (client) ID'],
  ],
  [
    'a secret as plain text',
    tenant.replace('{ env: CONTOSO_SECRET }', 'hunter2'),
    'config.secret-in-file',
    [
      '5:27 tenants.contoso.credential.secret: a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead',
    ],
  ],
  [
    'a secret as plain text in braces',
    tenant.replace('{ env: CONTOSO_SECRET }', '{ hunter2 }'),
    'config.secret-in-file',
    [
      '5:29 tenants.contoso.credential.secret: something else than a reference; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] }',
    ],
  ],
  [
    'a password as plain text',
    'sources:\n  one: { mailbox: a, server: { host: localhost }, auth: { password: hunter2 } }\n',
    'config.secret-in-file',
    [
      '2:69 sources.one.auth.password: a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead',
    ],
  ],
  [
    'a secret under a key that does not exist',
    tenant.replace('credential: { secret: { env: CONTOSO_SECRET } }', 'clientSecret: hunter2\n    credential: { secret: { env: X } }'),
    'config.secret-in-file',
    [
      '5:19 tenants.contoso.clientSecret: unknown key (known are tenantId, clientId, cloud, scope, credential, ca) with a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead',
    ],
  ],
  [
    'a secret where the name of a variable belongs',
    tenant.replace('CONTOSO_SECRET', 'hunter2~x'),
    'config.invalid',
    ['5:34 tenants.contoso.credential.secret.env: expected the name of an environment variable (letters, digits and "_")'],
  ],
  [
    'two references for one secret',
    tenant.replace('env: CONTOSO_SECRET', 'env: A, file: b'),
    'config.invalid',
    ['5:27 tenants.contoso.credential.secret: expected exactly one of env, file and command'],
  ],
  [
    'a command in one text',
    tenant.replace('env: CONTOSO_SECRET', 'command: pass show hunter2'),
    'config.invalid',
    ['5:38 tenants.contoso.credential.secret.command: expected a list: [program, argument, …]; no shell reads it'],
  ],
  [
    'a managed identity under the client id of the app, or at an address that is not local',
    `${tenant.replace('{ secret: { env: CONTOSO_SECRET } }', '{ managedIdentity: { clientId: 66666666-7777-8888-9999-000000000001 } }')}${tenant
      .replace('tenants:\n  contoso', '  fabrikam')
      .replace('{ secret: { env: CONTOSO_SECRET } }', '{ managedIdentity: { endpoint: "http://mail.example.com/token" } }')}`,
    'config.invalid',
    [
      '5:48 tenants.contoso.credential.managedIdentity.clientId: the same as clientId of the app; expected the Client ID of the identity',
      '9:48 tenants.fabrikam.credential.managedIdentity.endpoint: expected an http address on this machine or in 169.254.0.0/16, found "http://mail.example.com/token"',
    ],
  ],
  [
    'an assertion as plain text',
    tenant.replace('{ secret: { env: CONTOSO_SECRET } }', '{ assertion: eyJhunter2.x.y }'),
    'config.secret-in-file',
    [
      '5:30 tenants.contoso.credential.assertion: a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead',
    ],
  ],
  [
    'two credentials',
    tenant.replace('{ env: CONTOSO_SECRET } }', '{ env: CONTOSO_SECRET }, managedIdentity: {} }'),
    'config.invalid',
    ['5:17 tenants.contoso.credential: expected exactly one of secret, certificate, assertion and managedIdentity'],
  ],
  [
    'authorities that are none',
    `${tenant}    ca: [none.pem, not-a.pem, broken.pem]\n`,
    'config.file-unusable',
    [
      `6:10 tenants.contoso.ca.0: the file ${join(folder, 'none.pem')} cannot be read (ENOENT)`,
      `6:20 tenants.contoso.ca.1: the file ${join(folder, 'not-a.pem')} holds no certificate in PEM form`,
      `6:31 tenants.contoso.ca.2: certificate 1 in the file ${join(folder, 'broken.pem')} cannot be read`,
    ],
  ],
  [
    'a cloud without an IMAP host and with a plain authority',
    'tenants:\n  t:\n    tenantId: contoso.test\n    clientId: 66666666-7777-8888-9999-000000000001\n    cloud: { authority: "http://localhost", scope: x/.default }\n    credential: { secret: { env: X } }\n',
    'config.invalid',
    [
      '5:25 tenants.t.cloud.authority: expected an address such as https://login.microsoftonline.com, without a path, found "http://localhost"',
      '5:52 tenants.t.cloud.scope: expected a scope that ends in /.default, found "x/.default"',
    ],
  ],
];

for (const [says, yaml, code, lines] of wrong) {
  test(`${says} is refused with its place and what was expected`, async () => {
    const fault = await faultOf(yaml);
    assert.deepEqual([await problems(yaml), fault.code], [lines, code]);
    assert.ok(!JSON.stringify(fault.evidence).includes('hunter2'), 'a secret got into the evidence');
  });
}

test('all problems come at once, in the order of the file, as values too', async () => {
  writeFileSync(file, `dta: x\n${source('every: soon').replace('@b.c', '')}`);
  const { config, problems: found } = await readConfig(file, {});
  assert.equal(config, undefined);
  assert.deepEqual(
    found.map(({ line, key }) => `${line} ${key}`),
    ['1 dta', '8 sources.one.every'],
  );
});
