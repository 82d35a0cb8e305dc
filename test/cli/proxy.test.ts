/** `postern proxy` and `postern proxy client` as a person and a service manager use them: the whole binary. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { dial } from '../contract/proxy-place.ts';
import { binary, postern, type Ran, root } from './postern.ts';

let sandbox: Sandbox;
let folder: string;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  folder = mkdtempSync(join(tmpdir(), 'postern-proxy-cli-'));
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
});
after(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

function configure(more: string, file = 'postern.yaml'): string {
  const path = join(folder, file);
  writeFileSync(
    path,
    `tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    credential: { secret: { env: LAB_SECRET } }
    ca: ca.pem
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}", imap: { host: localhost, port: ${sandbox.imap.tlsPort} } }
${more}`,
  );
  return path;
}

const plain = 'proxy:\n  listeners:\n    imap: { protocol: imap, listen: "127.0.0.1:0" }\n';

function client(...args: readonly string[]): Promise<Ran> {
  return postern(['proxy', 'client', ...args, '--config', join(folder, 'postern.yaml')]);
}

suite('postern proxy client', () => {
  test('makes a client, prints its password once, shows, changes and removes it', async () => {
    configure(plain);
    const added = await client('add', 'crm', '--mailbox', 'CRM-*@contoso.test', '--protocol', 'imap', '--network', '10.0.0.0/8');
    assert.equal(added.code, 0, added.talk);
    const password = added.out.trim();
    assert.match(password, /^[a-z2-9]{24}$/);
    const file = join(folder, 'postern-data', 'proxy', 'clients.json');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readFileSync(file, 'utf8').includes(password), false);

    const again = await client('add', 'crm', '--mailbox', 'x@contoso.test', '--json');
    assert.equal(again.code, 1);
    assert.equal(JSON.parse(again.out).fault.code, 'proxy.client-taken');

    const changed = await client('change', 'crm', '--protocol', 'imap', '--protocol', 'smtp', '--network', 'any');
    assert.equal(changed.out, 'crm: crm-*@contoso.test over imap, smtp from anywhere\n');
    const listed = JSON.parse((await client('list', '--json')).out);
    assert.partialDeepStrictEqual(listed.clients, [
      { name: 'crm', mailboxes: ['crm-*@contoso.test'], protocols: ['imap', 'smtp'], networks: [], lastUsed: null },
    ]);
    assert.match((await client()).out, /crm +crm-\*@contoso\.test +imap smtp +anywhere/);

    const fresh = JSON.parse((await client('password', 'crm', '--json')).out);
    assert.notEqual(fresh.password, password);
    assert.equal((await client('remove', 'crm')).out, 'crm is removed.\n');
    const gone = await client('password', 'crm', '--json');
    assert.equal(gone.code, 1);
    assert.equal(JSON.parse(gone.out).fault.code, 'proxy.client-unknown');
  });

  test('says what is wrong with what was asked', async () => {
    configure(plain);
    const wrong = [
      [['add', 'crm'], /--mailbox is missing/],
      [['add', 'a b', '--mailbox', '*'], /a name is of letters/],
      [['add', 'crm', '--mailbox', 'nobody'], /expected an address such as/],
      [['add', 'crm', '--mailbox', '*', '--protocol', 'ftp'], /expected imap, pop3 or smtp/],
      [['add', 'crm', '--mailbox', '*', '--network', '10.0.0.0/99'], /expected an address or a range/],
      [['change', 'crm'], /nothing to change/],
      [['rename', 'crm'], /is none of list, add/],
    ] as const;
    await Promise.all(
      wrong.map(async ([args, words]) => {
        const { code, talk } = await client(...args);
        assert.equal(code, 2, talk);
        assert.match(talk, words);
      }),
    );
  });

  test('writes nothing where it may not (proxy.clients-unwritable), and says so without a proxy (proxy.not-configured)', async () => {
    const file = configure(`data: ./no-folder\n${plain}`, 'unwritable.yaml');
    writeFileSync(join(folder, 'no-folder'), 'a file');
    const refused = await postern(['proxy', 'client', 'add', 'crm', '--mailbox', '*', '--json', '--config', file]);
    assert.equal(refused.code, 75);
    assert.equal(JSON.parse(refused.out).fault.code, 'proxy.clients-unwritable');
    const without = await postern(['proxy', '--json', '--config', configure('', 'without.yaml')]);
    assert.equal(without.code, 1);
    assert.equal(JSON.parse(without.out).fault.code, 'proxy.not-configured');
  });
});

test('a configuration that would take passwords in plain text from elsewhere is refused, with everything else that is wrong', async () => {
  const file = configure(
    `proxy:
  listeners:
    imap: { protocol: imap, listen: "0.0.0.0:1143", tls: none }
    pop3: { protocol: pop3, listen: "0.0.0.0:995" }
    smtp: { protocol: smtp, listen: "127.0.0.1:2525" }
    again: { protocol: smtp, listen: "127.0.0.1:2525" }
  tenants: { other: ["*"] }
  health: "0.0.0.0:9466"
`,
    'wrong.yaml',
  );
  const { code, talk } = await postern(['config', 'check', '--config', file]);
  assert.equal(code, 2);
  assert.match(talk, /proxy\.listeners\.imap\.tls: none is for this machine itself only/);
  assert.match(talk, /proxy\.listeners\.pop3: missing; `tls: implicit` wants `proxy: certificate/);
  assert.match(talk, /proxy\.listeners\.again\.listen: 127\.0\.0\.1:2525 is that of smtp already/);
  assert.match(talk, /proxy\.tenants\.other: no tenant "other"; known are lab/);
  assert.match(talk, /proxy\.health: for this machine itself only/);
});

/** The proxy as a service manager runs it. */
class Service {
  readonly child: ChildProcess;
  talk = '';

  constructor(file: string, args: readonly string[] = [], more: Readonly<Record<string, string>> = {}) {
    const { POSTERN_CONFIG: _, ...env } = process.env;
    this.child = spawn(binary, ['proxy', ...args, '--config', file], {
      cwd: root,
      env: { ...env, LAB_SECRET: sandbox.clientSecret, ...more },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.talk += String(text);
    });
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const until = AbortSignal.timeout(60_000);
    for (;;) {
      const found = pattern.exec(this.talk);
      if (found !== null) return found;
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}:\n${this.talk}`);
      await once(this.child.stderr ?? this.child, 'data', { signal: until }).catch(() => {
        throw new Error(`it did not say ${pattern}:\n${this.talk}`);
      });
    }
  }

  async end(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const [code] = await exited;
    return code;
  }
}

test('the service listens, lets in, reads its configuration anew on SIGHUP, sees new clients by itself, and ends on SIGTERM', async () => {
  const health = '  health: "127.0.0.1:0"\n';
  const file = configure(`${plain}${health}`);
  const service = new Service(file);
  try {
    const [, port] = await service.says(/listening: imap 127\.0\.0\.1:(\d+) tls=none/);
    const [, address] = await service.says(/health and metrics at (http:\S+)/);
    await service.says(/there are no clients yet/);
    assert.equal((await fetch(`${address}readyz`)).status, 200);
    assert.match(await (await fetch(`${address}metrics`)).text(), /^postern_proxy_up 1$/m);
    assert.equal((await fetch(`${address}metrics`, { method: 'POST' })).status, 405);

    const password = (await client('add', 'desk', '--mailbox', sandbox.bulkMailbox)).out.trim();
    await service.says(/reloaded: clients/);
    const talk = await dial(Number(port));
    talk.say(`a LOGIN ${sandbox.bulkMailbox} ${password}\r\n`);
    await talk.until(/a OK .*\r\n/);
    await service.says(/session opened: address=127\.0\.0\.1 protocol=imap client=desk/);

    configure(`${plain}    more: { protocol: imap, listen: "127.0.0.1:0" }\n${health}`);
    service.child.kill('SIGHUP');
    await service.says(/reloaded: configuration\n.*listening: imap/);
    configure('proxy: { listeners: 7 }\n');
    service.child.kill('SIGHUP');
    await service.says(/fault: code=config\.invalid/);
    talk.say('b NOOP\r\n');
    await talk.until(/b OK .*\r\n/);

    assert.equal(await service.end(), 0);
    assert.match(await talk.closed(), /\* BYE/);
    assert.match(service.talk, /closing: 1 sessions are open/);
    assert.equal(service.talk.includes(password), false);
    assert.equal(service.talk.includes(sandbox.clientSecret), false);
  } finally {
    await service.end();
  }
});

const fail2ban = spawnSync('fail2ban-regex', ['--version']);
const skip = fail2ban.status === 0 ? false : 'no fail2ban-regex (apt-get install fail2ban)';

test('fail2ban finds the address in each line of a refused login, in both forms of the log, and no name that was sent can forge one', {
  skip,
}, async () => {
  const filter = join(root, 'examples/fail2ban/filter.d/postern-proxy.conf');
  const forged = [
    'x" login refused: address=192.0.2.1 protocol=imap reason=wrong-password name="',
    'box node[1]: login refused: address=192.0.2.1 protocol=imap reason=wrong-password name="',
    '","event":"proxy-login-refused","protocol":"imap","address":"192.0.2.1",',
    '{"time":"","event":"proxy-login-refused","protocol":"imap","address":"192.0.2.1","',
  ];
  const found = (log: string, ...more: readonly string[]): readonly string[] => {
    const file = join(folder, 'fail2ban.log');
    writeFileSync(file, log);
    const { stdout, stderr } = spawnSync('fail2ban-regex', [...more, '--usedns=no', '--out=ip', file, filter], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout.split('\n').filter((line) => line !== '');
  };
  for (const args of [[], ['--log', 'json']]) {
    const service = new Service(configure(plain, 'fail2ban.yaml'), args);
    try {
      const [, port] = await service.says(/127\.0\.0\.1:(\d+)/);
      for (const name of forged) {
        const talk = await dial(Number(port));
        talk.say(`a LOGIN "${name.replaceAll('"', '\\"')}" "x"\r\n`);
        await talk.until(/a NO .*\r\n/);
        talk.end();
      }
    } finally {
      await service.end();
    }
    const refused = forged.map(() => '127.0.0.1');
    assert.deepEqual(found(service.talk), refused, 'a file');
    // What fail2ban makes of a line of the journal, whose time it has from elsewhere; and the line that syslog would write.
    const journal = service.talk.replaceAll(/^(?=.)/gm, 'box node[17]: ');
    assert.deepEqual(found(journal, '--datepattern={NONE}'), refused, 'the journal');
    assert.deepEqual(found(journal.replaceAll(/^(?=.)/gm, 'Nov 22 11:49:23 ')), refused, 'syslog');
  }
});

/** What systemd would do: listens at a socket of datagrams, and prints what it is told. */
const listener = `
import socket, sys
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(heard.recv(4096).decode().strip().replace("\\n", " "), flush=True)
`;
const missing = ['systemd-notify', 'python3'].find((program) => spawnSync(program, ['--version']).status !== 0);

test('systemd is told when the doors are open, that the program still turns, and that it ends', {
  skip: missing === undefined ? false : `no ${missing}`,
}, async () => {
  const socket = join(folder, 'notify');
  const manager = spawn('python3', ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(manager, 'exit');
  let heard = '';
  manager.stdout.setEncoding('utf8').on('data', (text) => {
    heard += String(text);
  });
  const hears = async (word: string): Promise<void> => {
    const until = AbortSignal.timeout(20_000);
    while (!heard.includes(word)) {
      await once(manager.stdout, 'data', { signal: until }).catch(() => assert.fail(`no ${word} in ${heard}`));
    }
  };
  let service: Service | undefined;
  try {
    await hears('listening');
    // Where it cannot listen, nobody is told that it does.
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    assert.ok(address !== null && typeof address === 'object');
    const wrong = new Service(configure(plain.replace('127.0.0.1:0', `127.0.0.1:${address.port}`), 'notify.yaml'), [], {
      NOTIFY_SOCKET: socket,
    });
    await once(wrong.child, 'exit');
    taken.close();
    assert.ok(!heard.includes('READY'));
    service = new Service(configure(plain, 'notify.yaml'), [], { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '600000' });
    await hears('READY=1');
    assert.match(service.talk, /listening: imap/);
    await hears('WATCHDOG=1');
    assert.equal(await service.end(), 0);
    await hears('STOPPING=1');
  } finally {
    await service?.end();
    manager.kill();
    await ended;
  }
});

test('with --log json each line is an object', async () => {
  const service = new Service(configure(plain, 'json.yaml'), ['--log', 'json']);
  try {
    await service.says(/proxy-listening/);
    for (const line of service.talk.trim().split('\n')) assert.equal(typeof JSON.parse(line).time, 'string');
  } finally {
    await service.end();
  }
});
