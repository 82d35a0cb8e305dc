/**
 * The whole configuration file, from its text to what the program uses: what is understood, and every way to be wrong with its place.
 *
 * Long because the wrong files are one table, to be read side by side.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Authority } from '../../test/transcript/certificate.ts';
import { type Fault, isFault } from '../fault/fault.ts';
import { choiceTexts } from './folder-choice.ts';
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
    folders: { include: [{ kind: 'name', name: 'INBOX' }], exclude: [] },
    everyMs: 60_000,
    since: undefined,
    connections: 4,
    format: 'auto',
    nameOrder: 'first-last',
    country: undefined,
    owners: [],
    onCompletion: { kind: 'leave' },
    hold: false,
    silentAfterMs: undefined,
  });
  assert.deepEqual([config.import, config.service], [{ connections: 8, perHost: 20 }, undefined]);
  assert.deepEqual(config.alerts, { webhook: undefined, mail: undefined, remindEveryMs: 86_400_000 });
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
  assert.deepEqual([source && choiceTexts(source.folders), source?.everyMs], [['INBOX', 'Archive/2026'], 300_000]);
});

test('folders are names, patterns and special uses, with exclusions', async () => {
  const { sources } = await load(source("folders: [inbox, 'Archive/*', \\sent, '!Archive/Private', { name: 'a*b' }]"));
  assert.deepEqual(sources[0]?.folders, {
    include: [
      { kind: 'name', name: 'INBOX' },
      { kind: 'glob', glob: 'Archive/*' },
      { kind: 'special-use', use: '\\Sent' },
      { kind: 'name', name: 'a*b' },
    ],
    exclude: [{ kind: 'name', name: 'Archive/Private' }],
  });
});

test('a POP3 source has one folder, one connection and the POP3 host of its cloud', async () => {
  const { sources } = await load(source('protocol: pop3'));
  const [pop] = sources;
  assert.deepEqual([pop?.protocol, pop?.server.port, pop?.connections], ['pop3', 995, 1]);
  assert.deepEqual(pop && choiceTexts(pop.folders), ['INBOX']);
});

test('what happens afterwards, for years and on hold, is read with its days and durations', async () => {
  const { sources } = await load(
    source(
      "since: 2026-01-31, onCompletion: { delete: { after: 7y } }, hold: true, silentAfter: 4h, country: +44, owners: ['+1 555 010 0199']",
    ),
  );
  const [one] = sources;
  assert.deepEqual(one?.since, new Date('2026-01-31T00:00:00Z'));
  assert.deepEqual(one?.onCompletion, { kind: 'delete', afterMs: 7 * 365 * 86_400_000 });
  assert.deepEqual([one?.hold, one?.silentAfterMs, one?.country, one?.owners], [true, 14_400_000, '44', ['+1 555 010 0199']]);
  const moved = await load(source("folders: ['*', '!Imported'], onCompletion: { move: Imported }"));
  assert.deepEqual(moved.sources[0]?.onCompletion, { kind: 'move', folder: 'Imported' });
});

test('the service is told its certificate, its names, the proxy in front and the key of its secrets', async () => {
  const { service } = await load(`${tenant}service:
  tls: { certificate: ./cert.pem, key: { env: TLS_KEY } }
  names: [postern.contoso.com]
  behindProxy: [10.0.0.5, '::1']
  key: { file: ./key }
`);
  assert.equal(service?.listen, undefined);
  assert.match(service?.tls?.certificateFile ?? '', /^\/.*\/cert\.pem$/);
  assert.equal(service?.tls?.key.describe, 'environment variable TLS_KEY');
  assert.deepEqual([service?.names, service?.behindProxy], [['postern.contoso.com'], ['10.0.0.5', '::1']]);
  assert.match(service?.key?.describe ?? '', /^file \/.*\/key$/);
});

test('alerts go to an address that may be a secret, and by mail from a tenant or over a relay', async () => {
  const { alerts, service } = await load(`${tenant}service: { listen: '[::1]:0' }
alerts:
  webhook: { url: { env: CONTOSO_SECRET }, secret: { env: CONTOSO_SECRET } }
  mail: { tenant: contoso, from: postern@contoso.com, to: [admin@contoso.com] }
  remindEvery: 2h
`);
  assert.deepEqual(service, { listen: { host: '::1', port: 0 }, tls: undefined, names: [], behindProxy: undefined, key: undefined });
  assert.equal((await alerts.webhook?.url.resolve())?.reveal(), 'abc~8Q');
  assert.equal((await alerts.webhook?.secret?.resolve())?.reveal(), 'abc~8Q');
  const { server, auth, ...mail } = alerts.mail ?? assert.fail('no mail');
  assert.deepEqual(mail, { from: 'postern@contoso.com', to: ['admin@contoso.com'] });
  assert.deepEqual([server.host, server.port, auth.kind, alerts.remindEveryMs], ['smtp.office365.com', 587, 'oauth2', 7_200_000]);

  const relay = await load(
    'alerts:\n  webhook: { url: http://127.0.0.1:1/hunter2 }\n  mail: { server: { host: relay.test, port: 25 }, from: a@b.c, to: [d@e.f] }\n',
  );
  assert.deepEqual([relay.alerts.mail?.server.tls, relay.alerts.mail?.auth], ['starttls', { kind: 'none' }]);
  assert.equal((await relay.alerts.webhook?.url.resolve())?.reveal(), 'http://127.0.0.1:1/hunter2');
  assert.doesNotMatch(JSON.stringify(relay), /hunter2/);
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

const oneProblem = (
  says: string,
  rest: string,
  line: string,
): readonly [says: string, yaml: string, code: string, lines: readonly string[]] => [says, source(rest), 'config.invalid', [line]];

/** What concerns the protocol, folders and what happens afterwards. */
const wrongAfterwards = [
  oneProblem(
    'more connections than a server bears',
    'connections: 21',
    '7:56 sources.one.connections: expected a whole number from 1 to 20, found 21',
  ),
  oneProblem(
    'another folder over POP3',
    'protocol: pop3, folders: [INBOX, Sent]',
    '7:68 sources.one.folders: POP3 reaches the inbox only; leave this out, or use `protocol: imap`',
  ),
  oneProblem(
    'a pattern over POP3',
    "protocol: pop3, folders: ['*']",
    '7:68 sources.one.folders: POP3 reaches the inbox only; leave this out, or use `protocol: imap`',
  ),
  oneProblem(
    'a first day over POP3',
    'protocol: pop3, since: 2026-01-01',
    '7:66 sources.one.since: POP3 does not tell when a message arrived; leave this out, or use `protocol: imap`',
  ),
  oneProblem(
    'several connections over POP3',
    'protocol: pop3, connections: 2',
    '7:72 sources.one.connections: POP3 locks the mailbox for one session; leave this out, or write 1',
  ),
  oneProblem(
    'a mark over POP3',
    'protocol: pop3, onCompletion: seen',
    '7:73 sources.one.onCompletion: POP3 cannot mark a message as seen; use `leave` or `delete`, or use `protocol: imap`',
  ),
  oneProblem(
    'a move over POP3',
    'protocol: pop3, onCompletion: { move: Imported }',
    '7:73 sources.one.onCompletion: POP3 has no folders to move to; use `leave` or `delete`, or use `protocol: imap`',
  ),
  oneProblem(
    'a deletion without a waiting period',
    'onCompletion: delete',
    '7:57 sources.one.onCompletion: expected leave, seen, { move: FOLDER } or { delete: { after: 30d } }, found "delete"',
  ),
  oneProblem(
    'a deletion with nothing in it',
    'onCompletion: { delete: {} }',
    '7:59 sources.one.onCompletion.delete.after: missing; expected a duration such as 30d or 7y',
  ),
  oneProblem(
    'a deletion with the period in the wrong place',
    'onCompletion: { delete: 30d }',
    '7:67 sources.one.onCompletion.delete: expected a waiting period: { after: 30d }, found "30d"',
  ),
  oneProblem(
    'two things to do',
    'onCompletion: { move: A, delete: { after: 1d } }',
    '7:57 sources.one.onCompletion: expected exactly one of move and delete, found a map',
  ),
  oneProblem('a mistyped thing to do', 'onCompletion: { mvoe: A }', '7:59 sources.one.onCompletion.mvoe: unknown key; did you mean move?'),
  oneProblem(
    'a move into a folder that is imported',
    'folders: [INBOX, Imported], onCompletion: { move: Imported }',
    '7:93 sources.one.onCompletion.move: the folder "Imported" is itself imported by this source; move elsewhere',
  ),
  oneProblem(
    'a move into a folder that a pattern takes',
    "folders: ['*'], onCompletion: { move: Archive/Imported }",
    '7:81 sources.one.onCompletion.move: the folder "Archive/Imported" is itself imported by this source; add \'!Archive/Imported\' to `folders`, or move elsewhere',
  ),
  oneProblem(
    'a day that is not in the calendar',
    'since: 2026-02-30',
    '7:50 sources.one.since: expected a day such as 2026-01-31, found "2026-02-30"',
  ),
  oneProblem(
    'a special use that nobody knows',
    'folders: [\\Snet]',
    '7:53 sources.one.folders.0: expected the name of a folder, a pattern, or one of \\All \\Archive \\Drafts \\Flagged \\Important \\Junk \\Sent \\Trash, found "\\\\Snet"',
  ),
  oneProblem(
    'nothing but folders to leave out',
    "folders: ['!Junk']",
    "7:52 sources.one.folders: only folders to leave out; begin with '*' for all the others",
  ),
  oneProblem(
    'a folder that is named and left out',
    "folders: [Sent, '!Se*']",
    '7:53 sources.one.folders.0: the folder "Sent" is named here and left out (`!`) in the same list',
  ),
  oneProblem(
    'a country in letters',
    'country: US',
    '7:52 sources.one.country: expected the calling code of a country, such as 1 or 44, found "US"',
  ),
  oneProblem('an owner by name', 'owners: [Anna]', '7:52 sources.one.owners.0: expected an address or a telephone number, found "Anna"'),
] as const;

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
  [
    'an unknown key',
    'colour: red\n',
    'config.invalid',
    ['1:1 colour: unknown key; known are data, tenants, sources, import, service, proxy, alerts'],
  ],
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
  [
    'an unknown format',
    source('format: teelmessage'),
    'config.invalid',
    ['7:51 sources.one.format: expected auto, telemessage, journal or mail, found "teelmessage"'],
  ],
  ['no folder', source('folders: []'), 'config.invalid', ['7:52 sources.one.folders: expected at least one folder, found an empty list']],
  [
    'a folder twice',
    source('folders: [INBOX, inbox]'),
    'config.invalid',
    ['7:60 sources.one.folders.1: the folder "INBOX" stands here twice'],
  ],
  ...wrongAfterwards,
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
    ['8:36 sources.two.mailbox: source one already imports "INBOX" of this mailbox'],
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
    ['1:1 constructor: unknown key; known are data, tenants, sources, import, service, proxy, alerts'],
  ],
  [
    'a pattern and a name of two sources that take the same folder',
    `${tenant}sources:\n  one: { tenant: contoso, mailbox: a@b.c, folders: ['*', '!Junk'] }\n  two: { tenant: contoso, mailbox: a@b.c, folders: [Junk, Sent] }\n`,
    'config.invalid',
    ['8:36 sources.two.mailbox: source one already imports "Sent" of this mailbox'],
  ],
  [
    'one mailbox over IMAP and POP3',
    `${tenant}sources:\n  one: { tenant: contoso, mailbox: a@b.c }\n  two: { tenant: contoso, mailbox: a@b.c, protocol: pop3 }\n`,
    'config.invalid',
    ['8:36 sources.two.mailbox: source one already imports "INBOX" of this mailbox'],
  ],
  [
    'a date of expiry where there is none, or another one',
    `${tenant.replace('{ secret: { env: CONTOSO_SECRET } }', '{ managedIdentity: {}, expires: 2027-01-31 }')}${tenant
      .replace('tenants:\n  contoso', '  fabrikam')
      .replace('{ secret: { env: CONTOSO_SECRET } }', '{ certificate: { file: ca.pem, key: { file: k } }, expires: 2027-01-31 }')}`,
    'config.invalid',
    [
      '5:49 tenants.contoso.credential.expires: only a secret has such a date; leave this out',
      '9:77 tenants.fabrikam.credential.expires: the certificate itself says when it expires; leave this out',
    ],
  ],
  [
    'a service under names that are none, behind what is no address',
    `service:\n  tls: { certificate: ./c.pem, key: ./k.pem }\n  names: ['https://postern.contoso.com']\n  behindProxy: [proxy.contoso.com]\n`,
    'config.secret-in-file',
    [
      '2:37 service.tls.key: a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead',
      '3:11 service.names.0: expected a host name such as postern.contoso.com, found "https://postern.contoso.com"',
      '4:17 service.behindProxy.0: expected an IP address such as 10.0.0.5, found "proxy.contoso.com"',
    ],
  ],
  [
    'alerts to nowhere in particular',
    `${tenant}alerts:\n  webhook: { url: "http://hooks.test/hunter2" }\n  mail: { tenant: contso, from: a@b.c, to: [] }\n  remindEvery: 1s\n`,
    'config.invalid',
    [
      '7:19 alerts.webhook.url: expected an https address (http on this machine only) without user and password, or a reference { env: NAME } to it',
      '8:19 alerts.mail.tenant: no tenant "contso"; known are contoso',
      '8:44 alerts.mail.to: expected at least one address, found an empty list',
      '9:16 alerts.remindEvery: expected a duration between 1m and 1y, found "1s"',
    ],
  ],
  [
    'alerts by mail without a login or a server',
    'alerts: { mail: { from: a@b.c, to: [a@b.c] } }\n',
    'config.invalid',
    ['1:17 alerts.mail: missing `tenant` (OAuth 2.0), or `server` with or without `auth`'],
  ],
  [
    'an address to listen at that is none',
    'service: { listen: 127.0.0.1 }\n',
    'config.invalid',
    ['1:20 service.listen: expected an address of this machine such as 127.0.0.1:9464, found "127.0.0.1"'],
  ],
  [
    'a special use in double quotes',
    source('folders: ["\\Sent"]'),
    'config.not-yaml',
    ['7:54 a "\\" inside double quotes; use single quotes, or none'],
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
      '5:19 tenants.contoso.clientSecret: unknown key (known are tenantId, clientId, cloud, scope, credential, setup, ca) with a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead',
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

test('a tenant whose app is not made yet keeps nobody waiting, until something asks for it', async () => {
  const second = `  fabrikam:
    tenantId: fabrikam.example
    credential: { secret: { file: ./not-there-yet } }
    setup: { mailboxes: [records@fabrikam.example] }
`;
  const source = 'sources:\n  telemessage: { tenant: contoso, mailbox: telemessage@contoso.com }\n';
  const config = await load(`${tenant}${second}${source}`);
  assert.deepEqual([[...config.tenants.keys()], config.notMade, config.sources.length], [['contoso'], ['fabrikam'], 1]);
  const missing = '6:3 tenants.fabrikam.clientId: missing; `postern setup apply` has not made the app yet; run it, or write the id of one';
  const asking = [
    `${source}  records: { tenant: fabrikam, mailbox: records@fabrikam.example }\n`,
    `${source}alerts: { mail: { tenant: fabrikam, from: a@fabrikam.example, to: [b@fabrikam.example] } }\n`,
    `${source}proxy: { listeners: { imap: { protocol: imap, listen: "127.0.0.1:1143" } }, tenants: { contoso: ["*@contoso.com"], fabrikam: ["*@fabrikam.example"] } }\n`,
  ];
  for (const text of asking) assert.deepEqual(await problems(`${tenant}${second}${text}`), [missing], text);
  assert.deepEqual(await problems(`tenants:\n${second}`), [missing.replace('6:', '2:')], 'the only one');
  await assert.rejects(loadConfig(file, {}, { needs: 'fabrikam' }), (error) => isFault(error, 'config.invalid'));
  const forSetup = await loadConfig(file, {}, { forSetup: true });
  assert.deepEqual([[...forSetup.tenants.keys()], forSetup.notMade], [['fabrikam'], []]);
});
