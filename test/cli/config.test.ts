/** `postern config …` as a whole: result on stdout, talk on stderr, exit code. What each mistake says is told in src/config/load.test.ts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { postern, ran } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-config-cli-'));
after(() => rmSync(folder, { recursive: true }));

const good = `tenants:
  contoso:
    tenantId: contoso.onmicrosoft.com
    clientId: 66666666-7777-8888-9999-000000000001
    credential: { secret: { env: CONTOSO_SECRET } }
sources:
  telemessage: { tenant: contoso, mailbox: telemessage@contoso.com }
`;

function written(name: string, yaml: string): string {
  writeFileSync(join(folder, name), yaml);
  return name;
}

test('the sample passes the check, and is found by its usual name', async () => {
  const sample = await postern(['config', 'sample']);
  assert.deepEqual([sample.code, sample.talk], [0, '']);
  written('postern.yaml', sample.out);
  const { code, out, talk } = await postern(['config', 'check'], { cwd: folder });
  assert.deepEqual([code, talk], [0, '']);
  assert.match(
    out,
    /1 tenant, 1 source\n[\s\S]*\ntelemessage +telemessage@contoso\.com +imap outlook\.office365\.com:993 +OAuth 2\.0 \(contoso\) +INBOX +1 m +leave\n/,
  );
});

test('the check says what happens afterwards and where alerts go, and shows no address that may hold a token', async () => {
  const file = written(
    'alerts.yaml',
    `${good.replace('contoso.com }', 'contoso.com, onCompletion: { delete: { after: 30d } }, hold: true }')}alerts:
  webhook: { url: https://hooks.test/hunter2, secret: { env: HOOK_KEY } }
  mail: { tenant: contoso, from: postern@contoso.com, to: [admin@contoso.com] }
`,
  );
  const people = await postern(['config', 'check', '--secrets', '--config', file], {
    cwd: folder,
    env: { CONTOSO_SECRET: 'abc~8Q', HOOK_KEY: 'hunter2' },
  });
  assert.deepEqual([people.code, people.talk], [0, '']);
  assert.match(people.out, /held \(delete after 30 d\)/);
  assert.match(people.out, /alerts by webhook +environment variable HOOK_KEY +resolved/);
  const machines = await postern(['config', 'check', '--json', '--config', file], { cwd: folder });
  const { alerts, sources } = JSON.parse(machines.out);
  assert.deepEqual(alerts.webhook, { url: 'the configuration file', secret: 'environment variable HOOK_KEY' });
  assert.deepEqual([alerts.mail.auth, alerts.mail.to], [{ kind: 'oauth2', tenant: 'contoso' }, ['admin@contoso.com']]);
  assert.deepEqual([sources[0].onCompletion, sources[0].hold], [{ kind: 'delete', afterMs: 30 * 86_400_000 }, true]);
  assert.doesNotMatch(people.out + machines.out, /hunter2/);
});

test('the check shows for machines what was understood, and nothing of the secret', async () => {
  const file = written('good.yaml', good);
  const { code, out } = await postern(['config', 'check', '--secrets', '--json', '--config', file], {
    cwd: folder,
    env: { CONTOSO_SECRET: 'hunter2~x' },
  });
  assert.equal(code, 0);
  assert.doesNotMatch(out, /hunter2/);
  const result = JSON.parse(out);
  assert.equal(result.sources[0].everyMs, 60_000);
  assert.deepEqual(result.secrets, [{ usedBy: 'tenant contoso', reference: 'environment variable CONTOSO_SECRET', ok: true }]);
});

test('with --secrets each secret that cannot be had is a fault, and the rest is shown all the same', async () => {
  const env = { POSTERN_CONFIG: written('good.yaml', good), CONTOSO_SECRET: '6f1c2a70-1111-2222-3333-444455556666' };
  const { code, out, talk } = await postern(['config', 'check', '--secrets'], { cwd: folder, env });
  assert.equal(code, 2);
  assert.match(out, /tenant contoso +environment variable CONTOSO_SECRET +config\.secret-is-an-id\n$/);
  assert.match(talk, /^config\.secret-is-an-id: /);
  assert.doesNotMatch(out + talk, /6f1c2a70/);
});

/** A file of each kind, the fault that names it, and the lines that must be there. */
const bad: readonly (readonly [name: string, yaml: string | undefined, code: string, lines: readonly string[]])[] = [
  ['absent.yaml', undefined, 'config.unreadable', ['seen: ENOENT']],
  ['empty.yaml', '', 'config.invalid', ['empty.yaml:1:1 the file is empty']],
  ['quote.yaml', 'data: "x\n', 'config.not-yaml', ['quote.yaml:2:1 a sign is missing here']],
  [
    'key.yaml',
    good.replace('mailbox:', 'malibox:'),
    'config.invalid',
    [
      'key.yaml:7:35 sources.telemessage.malibox: unknown key; did you mean mailbox?',
      'key.yaml:7:3 sources.telemessage.mailbox: missing; expected a mailbox',
    ],
  ],
  [
    'value.yaml',
    good.replace('contoso.com }', 'contoso.com, every: soon }'),
    'config.invalid',
    ['value.yaml:7:76 sources.telemessage.every: expected a duration such as 30s, 5m or 1h, found "soon"'],
  ],
  [
    'tenant.yaml',
    good.replace('tenant: contoso', 'tenant: fabrikam'),
    'config.invalid',
    ['tenant.yaml:7:26 sources.telemessage.tenant: no tenant "fabrikam"; known are contoso'],
  ],
  [
    'secret.yaml',
    good.replace('{ env: CONTOSO_SECRET }', 'hunter2'),
    'config.secret-in-file',
    ['secret.yaml:5:27 tenants.contoso.credential.secret: a secret as plain text'],
  ],
  [
    'vault.yaml',
    good.replace('{ env: CONTOSO_SECRET }', '{ vault: contoso }'),
    'config.not-yet',
    ['vault.yaml:5:29 tenants.contoso.credential.secret.vault: the vault comes with a later version'],
  ],
  [
    'ca.yaml',
    good.replace('sources:', '    ca: none.pem\nsources:'),
    'config.file-unusable',
    ['ca.yaml:6:9 tenants.contoso.ca: the file', 'none.pem cannot be read (ENOENT)'],
  ],
];

for (const [name, yaml, fault, lines] of bad) {
  test(`${name} ends with exit code 2 and ${fault}, for people and for machines`, async () => {
    if (yaml !== undefined) written(name, yaml);
    const people = await postern(['config', 'check', '--config', name], { cwd: folder });
    assert.deepEqual([people.code, people.out], [2, '']);
    assert.ok(people.talk.startsWith(`${fault}: `), people.talk);
    for (const line of lines) assert.ok(people.talk.includes(line), `${line}\nis not in\n${people.talk}`);
    const machines = await postern(['config', 'check', '--config', name, '--json'], { cwd: folder });
    assert.deepEqual([machines.code, JSON.parse(machines.out).fault.code], [2, fault]);
    assert.doesNotMatch(people.talk + machines.out + machines.talk, /hunter2/);
  });
}

test('the schema is JSON Schema, and a result that nobody reads to its end ends quietly', async () => {
  const { code, out } = await postern(['config', 'schema']);
  const schema = JSON.parse(out);
  assert.deepEqual([code, schema.$schema, schema.additionalProperties], [0, 'https://json-schema.org/draft/2020-12/schema', false]);
  const cut = await ran('/bin/sh', ['-c', './bin/postern config schema | head -c 1']);
  assert.deepEqual(cut, { code: 0, out: '{', talk: '' });
});

/** A configuration whose secret is given by a program that sends Ctrl-C to Postern, `times` times, and then hangs. */
function interrupting(times: number): string {
  const script = `let left = ${times}; const send = () => { if (left-- > 0) { process.kill(process.ppid, 'SIGINT'); setTimeout(send, 100); } }; send(); setTimeout(() => {}, 5000);`;
  return good.replace('{ env: CONTOSO_SECRET }', JSON.stringify({ command: [process.execPath, '-e', script] }));
}

test('a Ctrl-C ends a check that waits, with the exit code of an interruption', async () => {
  const file = written('interrupted.yaml', interrupting(1));
  const { code, out, talk } = await postern(['config', 'check', '--secrets', '--config', file], { cwd: folder });
  assert.deepEqual([code, out, talk], [130, '', 'Interrupted.\n']);
});
