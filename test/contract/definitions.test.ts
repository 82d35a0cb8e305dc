/** The store of the sources that were made in the console: what it keeps, what a crash, a changed byte and another key do to it. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { loadConfig } from '../../src/config/load.ts';
import type { Definitions, DefinitionText } from '../../src/definitions/definitions.ts';
import { FileDefinitions } from '../../src/definitions/file-definitions.ts';
import { KeyRing } from '../../src/definitions/key-ring.ts';
import { openDefinitions } from '../../src/definitions/open-definitions.ts';
import { rotateDefinitionsKey } from '../../src/definitions/rotate-key.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { revealed, textOf } from './definitions-child.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const value = 'q2F8Q~ThisIsTheValueOfTheSecretAndNoId';

interface Place {
  readonly folder: string;
  readonly data: string;
  open(env?: Readonly<Record<string, string>>): Promise<Definitions>;
  rotate(env?: Readonly<Record<string, string>>): ReturnType<typeof rotateDefinitionsKey>;
}

/** @param yaml what stands in the configuration file besides `data:` */
function place(yaml = ''): Place {
  const folder = mkdtempSync(join(tmpdir(), 'postern-definitions-'));
  folders.push(folder);
  writeFileSync(join(folder, 'postern.yaml'), `data: ./data\n${yaml}`);
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  const config = (env: Readonly<Record<string, string>>) => loadConfig(join(folder, 'postern.yaml'), env);
  return {
    folder,
    data,
    open: async (env = {}) => await openDefinitions(await config(env), { clock: systemClock, env }),
    rotate: async (env = {}) => await rotateDefinitionsKey(await config(env), { clock: systemClock, env }),
  };
}

async function put(definitions: Definitions, name: string, secret: string | null = value, change: Partial<DefinitionText> = {}) {
  return await definitions.put({ ...textOf(name), ...change }, secret === null ? {} : { secret: new Secret(secret) }, 'anna');
}

/** The secret that a source logs in with. */
async function secretOf(definitions: Definitions, name: string): Promise<string> {
  const definition = await definitions.get(name);
  assert.ok(definition, `${name} is not there`);
  return await revealed(await definitions.read(definition));
}

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isFault(error), inspect(error));
    assert.equal(error.code, code);
    return true;
  };
}

test('what is kept comes back as the configuration would read it, its secret as a reference and in no file as text', async () => {
  const { data, open } = place();
  const first = await open();
  const made = await put(first, 'telemessage');
  assert.deepEqual(made.secrets, ['secret']);
  const again = await open();
  const config = await again.read(made);
  assert.equal(config.name, 'telemessage');
  assert.equal(config.everyMs, 60_000);
  assert.ok(config.auth.kind === 'oauth2' && config.auth.tenant.name === 'app:telemessage');
  assert.equal(await secretOf(again, 'telemessage'), value);
  assert.ok(!inspect(made, { depth: 9 }).includes(value) && !JSON.stringify(config).includes(value));
  for (const file of [join(data, 'sources', 'telemessage.json'), join(data, 'secrets.key')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
    assert.ok(!readFileSync(file, 'utf8').includes(value), file);
  }
  assert.equal(statSync(join(data, 'sources')).mode & 0o777, 0o700);
});

test('a secret that is not given stays, one that is no longer named is forgotten, and a changed app wants it anew', async () => {
  const { open } = place();
  const definitions = await open();
  await put(definitions, 'telemessage');
  const { source, app } = textOf('telemessage');
  await put(definitions, 'telemessage', null, { source: { ...source, every: '5m' } });
  assert.equal(await secretOf(definitions, 'telemessage'), value);
  for (const change of [
    { app: { ...app, tenantId: '11111111-2222-3333-4444-000000000009' } },
    { app: { ...app, clientId: '66666666-7777-8888-9999-000000000009' } },
    {
      app: {
        ...app,
        cloud: {
          authority: 'https://evil.example',
          scope: 'https://outlook.office365.com/.default',
          imap: { host: 'outlook.office365.com' },
        },
      },
    },
    { source: { ...source, server: { host: 'evil.example', port: 993 } } },
  ]) {
    const text = { ...textOf('telemessage'), ...change };
    assert.deepEqual(await definitions.carries(text), []);
    await assert.rejects(put(definitions, 'telemessage', null, change), refusedWith('definitions.secret-wanted'));
    // Nor is it handed to a draft that was never saved: reading it is what a test does.
    const drafted = await definitions.read(text);
    await assert.rejects(revealed(drafted), refusedWith('definitions.secret-wanted'));
  }
  assert.equal(await secretOf(definitions, 'telemessage'), value);
  await put(definitions, 'telemessage', 'another-value-of-the-secret~123');
  assert.equal(await secretOf(definitions, 'telemessage'), 'another-value-of-the-secret~123');
  const file = { ...app, credential: { secret: { env: 'ELSEWHERE' } } };
  assert.deepEqual((await put(definitions, 'telemessage', null, { app: file, secrets: [] })).secrets, []);
});

test('the console does not change a source of the file, and one of the same name is told as shadowed', async () => {
  const yaml =
    'sources: { mail: { mailbox: a@example.com, server: { host: localhost, port: 143, tls: none }, auth: { password: { env: P } } } }\n';
  const { folder, open } = place(yaml);
  const definitions = await open();
  await assert.rejects(put(definitions, 'mail'), refusedWith('definitions.of-file'));
  await put(definitions, 'telemessage');
  await assert.rejects(put(definitions, 'TeleMessage'), refusedWith('definitions.name-taken'));
  writeFileSync(join(folder, 'postern.yaml'), `data: ./data\n${yaml.replace('mail:', 'telemessage:')}`);
  const found = await (await open()).findAll();
  assert.deepEqual(
    found.map((one) => 'fault' in one && [one.name, one.fault.code]),
    [['telemessage', 'definitions.shadowed']],
  );
});

test('two sources over the same folder of a mailbox are refused, as in the file', async () => {
  const { open } = place();
  const definitions = await open();
  await put(definitions, 'one');
  const { problems } = await definitions.judge({ ...textOf('two') });
  assert.deepEqual(
    problems.map(({ key, text }) => [key, text]),
    [['sources.two.mailbox', 'source one already imports "INBOX" of this mailbox']],
  );
  await assert.rejects(definitions.read(textOf('two')), refusedWith('config.invalid'));
});

test('any changed byte of a source is noticed: it is told as damaged, or reads as before; the others run', async () => {
  const { data, open } = place();
  const definitions = await open();
  await put(definitions, 'sound', value, { source: { ...textOf('sound').source, mailbox: 'sound@contoso.com' } });
  await put(definitions, 'telemessage');
  const file = join(data, 'sources', 'telemessage.json');
  const bytes = readFileSync(file);
  const before = JSON.stringify(await definitions.get('telemessage'));
  let noticed = 0;
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    writeFileSync(file, changed);
    const found = await (await open()).findAll();
    const [sound, other] = found;
    assert.ok(sound !== undefined && 'config' in sound, 'the other source runs');
    if (other !== undefined && 'fault' in other) noticed += 1;
    else assert.equal(JSON.stringify(await definitions.get('telemessage')), before, `byte ${at} went unnoticed`);
    if (other !== undefined && 'fault' in other)
      assert.ok(['definitions.damaged', 'definitions.newer-format'].includes(other.fault.code), other.fault.code);
  }
  assert.ok(noticed > bytes.length / 7 - 3, `${noticed} of ${Math.ceil(bytes.length / 7)}`);
  // It stays as it is, and whoever types it in again has it back.
  assert.deepEqual((await definitions.list()).map(({ name }) => name).includes('sound'), true);
  await put(definitions, 'telemessage', 'typed-in-again~0123456789');
  assert.equal(await secretOf(definitions, 'telemessage'), 'typed-in-again~0123456789');
});

test('whoever rewrites a definition with a fitting checksum does not get its secret sent elsewhere', async () => {
  const { data, open } = place();
  const definitions = await open();
  await put(definitions, 'telemessage');
  await put(definitions, 'evil', 'a-secret-of-the-attacker~123', {
    app: {
      ...textOf('evil').app,
      cloud: { authority: 'https://evil.example', scope: 'https://outlook.office365.com/.default', imap: { host: 'evil.example' } },
    },
    source: { ...textOf('evil').source, mailbox: 'evil@contoso.com' },
  });
  // The seal of the one in the definition of the other, and the checksum made anew by the store itself.
  const { decodeDefinition, encodeDefinition } = await import('../../src/definitions/definition-file.ts');
  const load = (name: string) => decodeDefinition(readFileSync(join(data, 'sources', `${name}.json`), 'utf8'), '', name);
  writeFileSync(join(data, 'sources', 'evil.json'), encodeDefinition({ ...load('evil'), sealed: load('telemessage').sealed }));
  await assert.rejects(secretOf(definitions, 'evil'), refusedWith('definitions.damaged'));
});

test('another key is told as that, and the old one brought back opens everything again', async () => {
  const { data, open } = place();
  await put(await open(), 'telemessage');
  const key = join(data, 'secrets.key');
  const old = readFileSync(key, 'utf8');
  rmSync(key);
  const [lost] = await (await open()).findAll();
  assert.ok(lost !== undefined && 'fault' in lost && lost.fault.code === 'definitions.key-wrong');
  assert.equal(lost.fault.evidence['here'], 'none');
  // Whoever makes another source meanwhile gets a new key, and destroys nothing.
  await put(await open(), 'another', value, { source: { ...textOf('another').source, mailbox: 'another@contoso.com' } });
  writeFileSync(key, `${readFileSync(key, 'utf8')}${old}`);
  const back = await open();
  assert.equal(await secretOf(back, 'telemessage'), value);
  assert.equal(await secretOf(back, 'another'), value);
});

test('a key that is too short, empty or not to be had is told, and nothing is kept with it', async () => {
  const { data, open } = place('service: { key: { env: POSTERN_KEY } }\n');
  await assert.rejects(put(await open({ POSTERN_KEY: 'too short' }), 'telemessage'), refusedWith('definitions.key-unusable'));
  await assert.rejects(put(await open(), 'telemessage'), refusedWith('definitions.key-unusable'));
  assert.ok(!existsSync(join(data, 'sources', 'telemessage.json')) && !existsSync(join(data, 'secrets.key')));
  const good = { POSTERN_KEY: '0123456789abcdef0123456789abcdef' };
  await put(await open(good), 'telemessage');
  assert.ok(!existsSync(join(data, 'secrets.key')), 'the operator’s key is nowhere in the data folder');
  assert.equal(await secretOf(await open(good), 'telemessage'), value);
});

test('a new key seals everything anew, the old one opens nothing any more that was sealed since, and a running service goes on', async () => {
  const { data, open, rotate } = place();
  const running = await open();
  await put(running, 'telemessage');
  const before = readFileSync(join(data, 'secrets.key'), 'utf8').trim().split('\n').at(-1);
  const { sources, keyId } = await rotate();
  assert.equal(sources, 1);
  const box: unknown = JSON.parse(readFileSync(join(data, 'sources', 'telemessage.json'), 'utf8'));
  assert.equal(Object(box).secrets.secret.key, keyId);
  assert.equal(await secretOf(running, 'telemessage'), value);
  writeFileSync(join(data, 'secrets.key'), `${before}\n`);
  await assert.rejects(secretOf(await open(), 'telemessage'), refusedWith('definitions.key-wrong'));
});

test('what a service changes or deletes while every secret is sealed anew stays changed and deleted', async () => {
  const { folder, open } = place();
  const running = await open();
  const names = ['a', 'changed', 'deleted', 'z'];
  const own = (name: string) => ({ source: { ...textOf(name).source, mailbox: `${name}@contoso.com` } });
  for (const name of names) await put(running, name, value, own(name));
  const old = new KeyRing(join(folder, 'data'), undefined);
  await old.addKey();
  let asked = 0;
  // Each asking for the keys is a moment at which others have their turn.
  const keys = new Proxy(old, {
    get: (target, property) => {
      if (property === 'keys')
        return async () => {
          asked += 1;
          const found = await target.keys();
          if (asked === 2) await put(running, 'changed', 'the-new-value~0123456789abcdef', own('changed'));
          if (asked === 3) await running.remove('deleted');
          return found;
        };
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const config = await loadConfig(join(folder, 'postern.yaml'), {});
  const beside = new FileDefinitions(config, keys, { clock: systemClock, env: {} });
  await beside.resealAll();
  assert.ok(asked > 3);
  assert.deepEqual(
    (await running.list()).map(({ name }) => name),
    ['a', 'changed', 'z'],
  );
  assert.equal(await secretOf(running, 'changed'), 'the-new-value~0123456789abcdef');
  assert.equal(await secretOf(running, 'z'), value);
});

test('the operator’s own key is changed by putting a new one in front', async () => {
  const { open, rotate } = place('service: { key: { env: POSTERN_KEY } }\n');
  const old = 'the-old-key-0123456789abcdef012345';
  const fresh = 'the-new-key-0123456789abcdef012345';
  await put(await open({ POSTERN_KEY: old }), 'telemessage');
  await assert.rejects(rotate({ POSTERN_KEY: old }), refusedWith('definitions.key-not-ours'));
  assert.equal((await rotate({ POSTERN_KEY: `${fresh}\n${old}` })).sources, 1);
  assert.equal(await secretOf(await open({ POSTERN_KEY: fresh }), 'telemessage'), value);
});

test('killed at any moment of a hundred changes and key rotations, every source is as it was before or after a change', async () => {
  const { folder, data, open } = place();
  await put(await open(), 'telemessage', 'value-0~0123456789abcdef');
  let last = 0;
  for (let round = 0; round < 8; round += 1) {
    const child = fork(new URL('./definitions-child.ts', import.meta.url), [folder, String(last)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    let acknowledged = last;
    child.on('message', (number) => {
      acknowledged = Number(number);
    });
    await once(child, 'message');
    // At another moment each time: after so many further changes, in the middle of the next.
    while (acknowledged < last + 1 + round) await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const definitions = await open();
    const found = await definitions.findAll();
    assert.ok(found.length === 1 && found.every((one) => 'config' in one), inspect(found));
    const number = Number(/^value-(\d+)~/.exec(await secretOf(definitions, 'telemessage'))?.[1]);
    assert.ok(number >= acknowledged, `${number} is older than what was acknowledged as durable: ${acknowledged}`);
    last = number;
    assert.deepEqual(
      readdirSync(join(data, 'sources')).filter((file) => file.endsWith('.new')),
      [],
      'no draft is left',
    );
  }
});

test('what the system refuses is told, and what was there stays', {
  skip: process.getuid?.() === 0 && 'root is refused nothing',
}, async () => {
  const { data, open } = place();
  const definitions = await open();
  await put(definitions, 'telemessage');
  chmodSync(join(data, 'sources'), 0o500);
  await assert.rejects(put(definitions, 'telemessage', 'new-value~0123456789'), refusedWith('definitions.unwritable'));
  chmodSync(join(data, 'sources'), 0o700);
  chmodSync(join(data, 'sources', 'telemessage.json'), 0o000);
  await assert.rejects(definitions.get('telemessage'), refusedWith('definitions.unreadable'));
});

test('a folder in the place of a file is unreadable, one in the place of its draft unwritable, and what was there stays', async () => {
  const { data, open } = place();
  const definitions = await open();
  await put(definitions, 'telemessage');
  const draft = join(data, 'sources', `telemessage.json.${process.pid}.new`);
  mkdirSync(draft);
  await assert.rejects(put(definitions, 'telemessage', 'new-value~0123456789'), refusedWith('definitions.unwritable'));
  assert.equal(await secretOf(definitions, 'telemessage'), value);
  mkdirSync(join(data, 'sources', 'other.json'));
  await assert.rejects(definitions.get('other'), refusedWith('definitions.unreadable'));
  assert.deepEqual(
    (await definitions.list()).map(({ name }) => name),
    ['telemessage'],
  );
  mkdirSync(join(data, 'paused.json'));
  await assert.rejects(definitions.setPaused('x', true, 'anna'), refusedWith('definitions.unreadable'));
});

test('a definition of a newer Postern is left alone', async () => {
  const { data, open } = place();
  const definitions = await open();
  await put(definitions, 'telemessage');
  const file = join(data, 'sources', 'telemessage.json');
  const newer = readFileSync(file, 'utf8').replace('postern.source/1', 'postern.source/2');
  writeFileSync(file, newer);
  await assert.rejects(definitions.get('telemessage'), refusedWith('definitions.newer-format'));
  await assert.rejects(put(definitions, 'telemessage'), refusedWith('definitions.newer-format'));
  assert.equal(readFileSync(file, 'utf8'), newer);
});

test('pauses outlive the process, of sources of the file too, and go with the source; a damaged list is told', async () => {
  const { data, open } = place();
  const definitions = await open();
  await put(definitions, 'telemessage');
  await definitions.setPaused('telemessage', true, 'anna');
  await definitions.setPaused('of-the-file', true, 'anna');
  assert.deepEqual([...(await (await open()).paused())].sort(), ['of-the-file', 'telemessage']);
  assert.equal(await definitions.remove('telemessage'), true);
  assert.equal(await definitions.remove('telemessage'), false);
  await definitions.setPaused('of-the-file', false, 'anna');
  assert.deepEqual([...(await definitions.paused())], []);
  await definitions.setPaused('constructor', true, 'anna');
  assert.deepEqual([...(await definitions.paused())], ['constructor'], 'whatever a source is called');
  await definitions.setPaused('constructor', false, 'anna');
  writeFileSync(join(data, 'paused.json'), '{"schema":"postern.paused/1","paused":{"telem');
  await assert.rejects(definitions.paused(), refusedWith('definitions.pauses-damaged'));
  await assert.rejects(definitions.setPaused('telemessage', true, 'anna'), refusedWith('definitions.pauses-damaged'));
});

test('a name that leads out of the folder is no source', async () => {
  const { open } = place();
  const definitions = await open();
  for (const name of ['../postern', '..', 'x/../../postern', '/etc/passwd']) {
    assert.equal(await definitions.get(name), undefined);
    assert.equal(await definitions.remove(name), false);
    await assert.rejects(put(definitions, name), /no name of a source/);
  }
});
