/** A person in front of the setup: asked, answering or not, and interrupting; and two persons who take it back one after the other. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { handedOver } from '../contract/setup-place.ts';
import { binary, postern, type Ran } from './postern.ts';

let sandbox: Sandbox;
let folder: string;
let tokens: Readonly<Record<string, string>>;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  tokens = await handedOver(sandbox, 'admin@contoso.test');
});
after(() => sandbox.close());

beforeEach((context) => {
  folder = mkdtempSync(join(tmpdir(), 'postern-asked-'));
  if ('after' in context) context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  writeFileSync(
    join(folder, 'postern.yaml'),
    `tenants:
  contoso:
    tenantId: contoso.test
    cloud: { authority: ${sandbox.authority}, scope: ${sandbox.scope}, graph: ${sandbox.graph}, exchangeAdmin: ${sandbox.exchangeAdmin} }
    ca: ca.pem
    credential: { secret: { file: ./secret } }
    setup: { mailboxes: [bulk@contoso.test], app: { uniqueName: asked } }
`,
  );
});

async function setup(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return await postern(['setup', ...words, '--sign-in', 'token'], { cwd: folder, env: { ...tokens, ...env } });
}

function made(): boolean {
  return [...sandbox.tenant.apps.values()].some((app) => app.registration.uniqueName === 'asked');
}

/** Somebody sits in front of it, as far as the program sees. */
const watched = { NODE_OPTIONS: '--import=data:text/javascript,process.stderr.isTTY=true' };

test('an input that ends without an answer is no yes', async () => {
  const { code, talk } = await setup(['apply'], watched);
  assert.equal(code, 4, talk);
  assert.match(talk, /Apply this\?[\s\S]*Not applied/);
  assert.equal(made(), false);
});

/** Gives a program a terminal. */
const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

test('at a terminal, Ctrl-C and the end of input at the question change nothing, and are no bug', {
  skip: !hasScript && 'no script(1) here',
}, async () => {
  for (const [key, code, said] of [
    ['\x03', 130, /Interrupted\./],
    ['\x04', 4, /Not applied/],
    ['no\r', 4, /Not applied/],
  ] as const) {
    const child = spawn('script', ['-qec', `${binary} setup apply --sign-in token`, '/dev/null'], {
      cwd: folder,
      env: { ...process.env, ...tokens },
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    const { shown, status } = await answering(child, /taken: /, key);
    assert.equal(status, code, shown);
    assert.match(shown, said);
    assert.doesNotMatch(shown, /bug of Postern/);
    assert.equal(made(), false);
  }
});

/** Presses the key once the text is shown. */
function answering(child: ChildProcess, what: RegExp, key: string): Promise<{ readonly shown: string; readonly status: number | null }> {
  return new Promise((resolve) => {
    let shown = '';
    let pressed = false;
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      shown += text;
      if (pressed || !what.test(shown)) return;
      pressed = true;
      child.stdin?.write(key);
    });
    child.on('close', (status) => resolve({ shown, status }));
  });
}

test('an apply that is interrupted says how far it came, and the same command goes on', async () => {
  // The fifth step waits for some seconds: the interruption meets it there.
  sandbox.tenant.directory.quirks.unseenPointer = 3;
  const child = spawn(binary, ['setup', 'apply', '--yes', '--sign-in', 'token'], {
    cwd: folder,
    env: { ...process.env, ...tokens },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  let talk = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    talk += text;
    if (/done 4 of/.test(talk)) child.kill('SIGINT');
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 130, talk);
  assert.match(talk, /4 of 7 are done and noted in \S+contoso\.jsonl; the same command goes on\.\nInterrupted\./);
  delete sandbox.tenant.directory.quirks.unseenPointer;
  assert.equal((await setup(['apply', '--yes'])).code, 0);
  assert.equal((await setup(['plan'])).code, 0);
});

test('a cloud given by hand without its administrative endpoints is told as that', async () => {
  const file = join(folder, 'postern.yaml');
  const whole = readFileSync(file, 'utf8');
  writeFileSync(file, whole.replace(/ graph: [^,]*,/, ''));
  assert.match((await setup(['plan'])).talk, /setup\.no-graph/);
  writeFileSync(file, whole.replace(/, exchangeAdmin: [^ ]*/, ''));
  const { code, talk } = await setup(['plan']);
  assert.equal(code, 2);
  assert.match(talk, /pwsh or none, where the `cloud` of the tenant has no key `exchangeAdmin`/);
  assert.equal((await setup(['plan', '--exchange', 'none'])).code, 4);
});

test('what the script printed is taken in, with where its credential belongs; what was noted of another app’s is forgotten', async () => {
  const id = (first: string): string => `${first.repeat(8)}-0000-4000-8000-000000000000`;
  const result = { schema: 'postern.setup-result/1', appId: id('a'), appObjectId: id('b'), principalId: id('c') };
  const kept = {
    appId: id('d'),
    appObjectId: id('e'),
    keyId: 'old',
    retired: [{ keyId: 'older', after: '2020-01-01' }],
    granted: [],
    switched: [],
  };
  mkdirSync(join(folder, 'postern-data/setup'), { recursive: true });
  writeFileSync(join(folder, 'postern-data/setup/contoso.json'), JSON.stringify(kept));
  writeFileSync(join(folder, 'result.txt'), JSON.stringify(result));
  const words = ['setup', 'import', join(folder, 'result.txt')];
  const taken = await postern(words, { cwd: folder });
  assert.equal(taken.code, 0, taken.talk);
  assert.match(taken.out, /Next: put the credential that the script took or made into file \S+\/secret, .*then postern setup verify/);
  const { schema: _, ...ids } = result;
  const noted = JSON.parse(readFileSync(join(folder, 'postern-data/setup/contoso.json'), 'utf8'));
  assert.deepEqual(noted, { ...ids, retired: [], granted: [], switched: [] });
  writeFileSync(join(folder, 'secret'), 'abc');
  assert.match((await postern(words, { cwd: folder })).out, /Next: postern setup verify/);
});

test('a plan that cannot be saved, and a secret to replace where nothing is noted, each say what to do', async () => {
  const saved = await setup(['plan', '--out', join(folder, 'nowhere/plan.json')]);
  assert.equal(saved.code, 2);
  assert.match(saved.talk, /a file that can be written[\s\S]*ENOENT/);
  const rotated = await setup(['rotate', '--json']);
  assert.equal(JSON.parse(rotated.out).fault.code, 'setup.nothing-noted');
});

test('what one person takes away in Entra is taken away in Exchange by another, who still finds it', async () => {
  assert.equal((await setup(['apply', '--yes'])).code, 0);
  const mailbox = sandbox.tenant.mailboxes.get('bulk@contoso.test');
  const before = mailbox?.grants.size ?? 0;
  const first = await setup(['destroy', '--yes-destroy', '--exchange', 'none'], await handedOver(sandbox, 'entra-admin@contoso.test'));
  assert.equal(first.code, 0, first.talk);
  assert.match(first.out, /All is taken away in Entra\.\nExchange was not looked at/);
  assert.equal(made(), false);
  const second = await setup(['destroy', '--yes-destroy'], await handedOver(sandbox, 'exchange-admin@contoso.test'));
  assert.equal(second.code, 0, second.talk);
  assert.match(second.talk, /gone 1 of 1: FullAccess of the pointer bulk@contoso\.test/);
  assert.equal(mailbox?.grants.size, before - 1);
  assert.throws(() => readFileSync(join(folder, 'postern-data/setup/contoso.json')), /ENOENT/);
});
