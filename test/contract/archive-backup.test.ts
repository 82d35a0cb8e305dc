/**
 * `postern archive backup` by the whole binary: beside an import that goes on, killed in the middle, and restored.
 *
 * What a backup is worth shows only when it is restored: so each of these ends with the copy as a data folder, proven, and an import that
 * goes on with it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { backUpDataFolder } from '../../src/archive/sqlite/backup-folder.ts';
import { openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { exit } from '../../src/cli/command.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { postern, type Ran, root } from '../cli/postern.ts';
import { noise } from './archive-suite.ts';
import { hashesOf, mails, until } from './import-place.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';
import { everythingUnder } from './watch-place.ts';

const largeBytes = 400_000;
/** Messages that lie on the server and are not imported yet, at most: on a slow machine mail does not come in faster than it is taken. */
const mostAhead = 300;
/** Goes over the moments of a kill: a process that is quick, or looked at late, is at its end before it is hit. */
const mostTries = 4;
const secret = 'sealed-by-k3y-of-the-test';

let folder: string;
let place: SandboxPlace;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-backup-'));
  place = await sandboxPlace();
});

after(async () => {
  await place.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Desk {
  readonly mailbox: string;
  readonly data: string;
  readonly target: string;
  /** Runs the binary on the data folder, or on another one. */
  run(words: readonly string[], data?: string): Promise<Ran>;
  start(words: readonly string[]): ChildProcess;
  backUp(...more: readonly string[]): Promise<{ readonly ran: Ran; readonly said: Said }>;
}

interface Said {
  readonly messages: number;
  readonly ledger: { readonly rows: number; readonly link: string };
  readonly filesCopied: number;
  readonly verified: boolean;
  readonly others: readonly string[];
  readonly keyLeftOut: boolean;
  readonly findings: readonly { readonly code: string }[];
}

/** A data folder with a source of its own. */
function desk(name: string, messages: readonly Uint8Array[]): Desk {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', messages);
  const [data, target] = [join(folder, name), join(folder, `${name}-backup`)];
  for (const [file, text] of Object.entries(place.files)) writeFileSync(join(folder, file), text);
  const configFor = (dataFolder: string): string => {
    const file = join(folder, `${name}-${readdirSync(folder).length}.yaml`);
    const source = `  s0: { tenant: lab, mailbox: ${mailbox}, server: ${place.server.implicit}, every: 1s }\n`;
    writeFileSync(file, `data: ${dataFolder}\ntenants:\n  lab: ${place.tenant}\nsources:\n${source}`);
    return file;
  };
  const env = { LAB_SECRET: place.files['client-secret'] ?? '' };
  const run: Desk['run'] = (words, dataFolder = data) => postern([...words, '--config', configFor(dataFolder)], { env });
  return {
    mailbox,
    data,
    target,
    run,
    // Without a shell in between: a kill has to hit the process that writes.
    start: (words) =>
      spawn(process.execPath, [join(root, 'src/cli/main.ts'), ...words, '--config', configFor(data)], {
        stdio: 'ignore',
        env: { ...process.env, ...env },
      }),
    async backUp(...more) {
      const ran = await run(['archive', 'backup', target, '--json', ...more]);
      return { ran, said: ran.out === '' ? undefined : JSON.parse(ran.out) };
    },
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Rows of the ledger and the hashes of what is archived, by a reader of its own. */
async function contents(
  data: string,
): Promise<{ readonly rows: number; readonly states: readonly string[]; readonly hashes: readonly string[] }> {
  const reader = openArchiveReader(data);
  try {
    const states: string[] = [];
    const hashes = new Set<string>();
    for await (const { state, sha256 } of reader.ledger()) {
      states.push(state);
      if (sha256 !== undefined) hashes.add(sha256);
    }
    return { rows: (await reader.heads()).ledger.rows, states, hashes: [...hashes].sort() };
  } finally {
    await reader.close();
  }
}

const onServer = (mailbox: string): readonly Uint8Array[] => place.list(mailbox, 'INBOX').map(({ bytes }) => bytes);

test('a backup made while mail comes in is proven and brings only what is new the next time; restored, it goes on importing exactly once', async () => {
  const desk1 = desk('busy', [...mails('early', 300), ...mails('early large', 3, largeBytes)]);
  const service = desk1.start(['import', 'run']);
  const { mailbox, data, target } = desk1;
  let round = 0;
  let known = 0;
  const delivering = setInterval(() => {
    if (onServer(mailbox).length > known + mostAhead) return;
    round += 1;
    place.deliver(mailbox, 'INBOX', mails(`round ${round}`, 5));
    if (round % 10 === 0) place.deliver(mailbox, 'INBOX', mails(`large ${round}`, 1, largeBytes));
  }, 50);
  try {
    await until(() => (statSync(join(data, 'journal.sqlite'), { throwIfNoEntry: false })?.size ?? 0) > 0);
    for (; known < 303; known = (await contents(data)).rows) await systemClock.sleep(50);
    const first = await desk1.backUp();
    assert.deepEqual([first.ran.code, first.said.findings, first.said.verified], [exit.done, [], true], first.ran.talk);
    assert.ok(first.said.messages >= 303 && first.said.filesCopied >= 3, first.ran.out);
    assert.ok(first.said.others.includes('journal.sqlite'));
    known = (await contents(data)).rows;
    for (const grown = known + 20; known < grown; known = (await contents(data)).rows) await systemClock.sleep(50);
    const second = await desk1.backUp();
    assert.equal(second.ran.code, exit.done, second.ran.talk);
    assert.ok(second.said.ledger.rows > first.said.ledger.rows, 'it holds what came in between');
    assert.ok(
      second.said.filesCopied < second.said.messages && second.said.filesCopied < 3 + round / 10 + 1,
      'large bodies of before are left as they are',
    );
    assert.equal(service.exitCode, null, 'the import was not disturbed');
  } finally {
    clearInterval(delivering);
    await killed(service);
  }
  const restored = join(folder, 'busy-restored');
  rmSync(data, { recursive: true });
  cpSync(target, restored, { recursive: true });
  assert.equal((await desk1.run(['archive', 'verify'], restored)).code, exit.done);
  const ran = await desk1.run(['import', 'run', '--once'], restored);
  assert.equal(ran.code, exit.done, ran.talk);
  const after = await contents(restored);
  assert.deepEqual(after.hashes, hashesOf(onServer(mailbox)));
  assert.deepEqual([after.rows, new Set(after.states)], [onServer(mailbox).length, new Set(['archived'])], 'each once');
  assert.equal((await desk1.run(['import', 'reconcile'], restored)).code, exit.done);
  assert.equal((await desk1.run(['archive', 'verify'], restored)).code, exit.done);
  const journal = openJournal(restored, { clock: systemClock, readOnly: true });
  assert.ok((await journal.runs()).length > 0, 'what the service remembers was restored too');
  await journal.close();
});

test('a backup that is killed leaves the earlier one as it was, at whatever it was, and the next one goes on', async () => {
  const desk1 = desk('killed', [...mails('one', 200), ...mails('one large', 4, largeBytes)]);
  assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
  assert.equal((await desk1.backUp()).ran.code, exit.done);
  const { target, data, mailbox } = desk1;
  const archive = join(target, 'archive');
  const incoming = join(archive, 'bodies', 'incoming');
  const sizeOf = (name: string): number => statSync(join(archive, name), { throwIfNoEntry: false })?.size ?? 0;
  const moments: readonly (() => boolean)[] = [
    () => existsSync(join(archive, 'archive.sqlite.new')),
    () => sizeOf('archive.sqlite.new') > 100_000,
    () => existsSync(incoming) && readdirSync(incoming).length > 0,
    () => sizeOf('archive.sqlite.new') > 0 && existsSync(incoming),
    () => existsSync(join(target, 'journal.sqlite.new')),
  ];
  let kills = 0;
  for (let tried = 0; tried < moments.length || (kills < 3 && tried < mostTries * moments.length); tried += 1) {
    const isDue = moments[tried % moments.length] ?? assert.fail();
    place.deliver(mailbox, 'INBOX', [...mails(`more ${tried}`, 100), ...mails(`more large ${tried}`, 3, largeBytes)]);
    assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
    rmSync(join(archive, 'archive.sqlite.new'), { force: true });
    rmSync(incoming, { recursive: true, force: true });
    const before = (await contents(target)).rows;
    const child = desk1.start(['archive', 'backup', target]);
    const ended = once(child, 'exit');
    while (child.exitCode === null && child.signalCode === null && !isDue()) await systemClock.sleep(0);
    child.kill('SIGKILL');
    await ended;
    if (child.signalCode === 'SIGKILL') kills += 1;
    const now = (await contents(target)).rows;
    assert.ok([before, (await contents(data)).rows].includes(now), `it holds ${now} rows, the earlier one and nothing between`);
    const verified = await desk1.run(['archive', 'verify'], target);
    assert.equal(verified.code, exit.done, verified.out);
  }
  assert.ok(kills >= 3, `${kills} were killed before their end`);
  const last = await desk1.backUp();
  assert.equal(last.ran.code, exit.done, last.ran.talk);
  assert.deepEqual((await contents(target)).hashes, hashesOf(onServer(mailbox)));
});

test('a damaged archive takes the place of no sound backup, and what is damaged is named', async () => {
  const desk1 = desk('damaged', [...mails('one', 20), ...mails('large', 2, largeBytes)]);
  assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
  assert.equal((await desk1.backUp()).ran.code, exit.done);
  const bodies = join(desk1.data, 'archive', 'bodies');
  place.deliver(desk1.mailbox, 'INBOX', mails('later large', 2, largeBytes));
  const known = new Set(readdirSync(bodies, { recursive: true }).map(String));
  assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
  const [spoilt, gone] = readdirSync(bodies, { recursive: true })
    .map(String)
    .filter((name) => !known.has(name) && /[0-9a-f]{64}$/.test(name));
  appendFileSync(join(bodies, String(spoilt)), 'x');
  rmSync(join(bodies, String(gone)));
  for (const more of [[], ['--no-verify']]) {
    const { ran, said } = await desk1.backUp(...more);
    assert.equal(ran.code, exit.foundFaults);
    assert.deepEqual(
      said.findings.map(({ code }) => code).sort(),
      more.length > 0 ? ['archive.body-changed', 'archive.body-missing'] : ['archive.body-missing', 'archive.body-missing'],
    );
  }
  assert.equal((await contents(desk1.target)).rows, 22);
  assert.equal((await desk1.run(['archive', 'verify'], desk1.target)).code, exit.done);
});

test('no backup goes over something else: the data folder, a folder with other things, another archive, one that is in use', async () => {
  const [mine, other] = [desk('mine', mails('mine', 3)), desk('other', mails('other', 3))];
  for (const one of [mine, other]) assert.equal((await one.run(['import', 'run', '--once'])).code, exit.done);
  const letters = join(folder, 'letters');
  mkdirSync(letters);
  writeFileSync(join(letters, 'dear.txt'), 'dear');
  for (const target of [mine.data, join(mine.data, 'inside'), folder, letters, other.data]) {
    const ran = await mine.run(['archive', 'backup', target]);
    assert.deepEqual([ran.code, ran.talk.split(':')[0]], [exit.fault, 'archive.backup-target'], target);
  }
  assert.equal(readFileSync(join(letters, 'dear.txt'), 'utf8'), 'dear');
  assert.equal((await mine.backUp()).ran.code, exit.done);
  const foreign = await other.run(['archive', 'backup', mine.target]);
  assert.deepEqual([foreign.code, foreign.talk.split(':')[0]], [exit.fault, 'archive.backup-ahead']);
  assert.equal((await mine.run(['archive', 'verify'], mine.target)).code, exit.done);
  const used = spawn(process.execPath, [join(root, 'test/contract/archive-child.ts'), 'hold', mine.target], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(used.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
    const busy = await mine.run(['archive', 'backup', mine.target]);
    assert.deepEqual([busy.code, busy.talk.split(':')[0]], [exit.tryLater, 'archive.in-use']);
  } finally {
    await killed(used);
  }
  const wrong = await mine.run(['archive', 'backup']);
  assert.deepEqual([wrong.code, wrong.talk.split(':')[0]], [exit.usage, 'cli.wrong-use']);
});

test('a full disk and Ctrl-C leave the earlier backup as it was, and say what it is', async (context) => {
  const desk1 = desk('bounded', mails('one', 5, 100_000));
  assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
  mkdirSync(desk1.target);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'postern-test', desk1.target], { stdio: 'ignore', timeout: 60_000 });
  } catch {
    context.skip('skipped: no small disk (mount tmpfs)');
    return;
  }
  try {
    assert.equal((await desk1.backUp()).ran.code, exit.done);
    place.deliver(
      desk1.mailbox,
      'INBOX',
      Array.from({ length: 3 }, (_, index) => noise(1_000_000, index)),
    );
    assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
    const full = await desk1.run(['archive', 'backup', desk1.target]);
    assert.deepEqual([full.code, full.talk.split(':')[0]], [exit.fault, 'archive.disk-full']);
    assert.equal((await contents(desk1.target)).rows, 5);
    assert.equal((await desk1.run(['archive', 'verify'], desk1.target)).code, exit.done);
    for (const stopAt of ['bodies', 'verify'] as const) {
      const stop = new AbortController();
      const wish = {
        dataFolder: desk1.data,
        target: `${desk1.target}-${stopAt}`,
        withKey: false,
        verify: true,
        now: new Date(),
        signal: stop.signal,
      };
      const onProgress = (step: string): void => void (step === stopAt && stop.abort(new Error('Ctrl-C')));
      await assert.rejects(backUpDataFolder({ ...wish, onProgress }), /Ctrl-C/, stopAt);
      assert.ok(!existsSync(join(`${desk1.target}-${stopAt}`, 'archive', 'archive.sqlite')), stopAt);
      await backUpDataFolder({ ...wish, signal: new AbortController().signal });
      assert.equal((await contents(`${desk1.target}-${stopAt}`)).rows, 8);
    }
  } finally {
    execFileSync('umount', ['-l', desk1.target], { timeout: 60_000 });
  }
});

test('the key of the encrypted secrets comes along only when it is asked for, and everything is for its owner alone', async () => {
  const desk1 = desk('sealed', mails('one', 2));
  assert.equal((await desk1.run(['import', 'run', '--once'])).code, exit.done);
  writeFileSync(join(desk1.data, 'secrets.key'), `${secret}\n`, { mode: 0o600 });
  mkdirSync(join(desk1.data, 'setup'));
  writeFileSync(join(desk1.data, 'setup', 'lab.json'), '{}', { mode: 0o600 });
  mkdirSync(join(desk1.data, 'proxy', 'queue'), { recursive: true });
  writeFileSync(join(desk1.data, 'proxy', 'clients.json'), '[]', { mode: 0o600 });
  writeFileSync(join(desk1.data, 'proxy', 'queue', '1.json'), '{}', { mode: 0o600 });
  const without = await desk1.backUp();
  assert.deepEqual([without.ran.code, without.said.keyLeftOut, without.said.others.includes('secrets.key')], [exit.done, true, false]);
  assert.match(without.ran.talk, /secrets\.key/);
  assert.ok(existsSync(join(desk1.target, 'setup', 'lab.json')) && existsSync(join(desk1.target, 'proxy', 'clients.json')));
  assert.ok(!existsSync(join(desk1.target, 'proxy', 'queue')), 'queued mail would be sent once more after a restore');
  assert.ok(!everythingUnder(desk1.target).includes(secret));
  const withKey = await desk1.backUp('--with-key');
  assert.deepEqual([withKey.said.keyLeftOut, withKey.said.others.includes('secrets.key')], [false, true]);
  assert.equal(readFileSync(join(desk1.target, 'secrets.key'), 'utf8'), `${secret}\n`);
  const open = readdirSync(desk1.target, { recursive: true })
    .map((name) => join(desk1.target, String(name)))
    .filter((path) => statSync(path).isFile() && (statSync(path).mode & 0o077) !== 0);
  assert.deepEqual(open, []);
});
