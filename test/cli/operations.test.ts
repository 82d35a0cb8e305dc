/**
 * The examples for running Postern for good: units of systemd and a container file. Neither is started here: what can be said without
 * that is held, by systemd's own look at the units where it is there, and by our own reading of the container file.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { buildConsole } from '../../tools/build-console.ts';
import { binary, postern, root } from './postern.ts';

const folder = join(root, 'examples', 'systemd');
const units = readdirSync(folder);
const analyze = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
const skip = analyze.status === 0 ? false : 'no systemd-analyze (apt-get install systemd)';
/** Of 10; `systemd-analyze security` calls everything above it worth a look. */
const mostExposed = 2;

function lines(unit: string): readonly string[] {
  return readFileSync(join(folder, unit), 'utf8').split('\n');
}

test('systemd finds nothing wrong with the units, and calls the services little exposed', { skip }, () => {
  const copies = mkdtempSync(join(tmpdir(), 'postern-units-'));
  try {
    for (const unit of units) {
      // The program is not installed here; a user of this name need not be either.
      const text = readFileSync(join(folder, unit), 'utf8').replaceAll('/opt/postern/bin/postern', binary);
      writeFileSync(join(copies, unit), text);
    }
    const files = units.map((unit) => join(copies, unit));
    const verified = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    assert.deepEqual(
      [verified.status, verified.stderr.split('\n').filter((line) => line.includes(copies) || line.startsWith('postern'))],
      [0, []],
    );
    for (const file of files.filter((one) => one.endsWith('.service'))) {
      const judged = spawnSync('systemd-analyze', ['security', '--offline=true', `--threshold=${mostExposed * 10}`, file], {
        encoding: 'utf8',
      });
      assert.equal(judged.status, 0, judged.stdout.split('\n').at(-2));
    }
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
});

test('each command of a unit is one that the binary knows, and each timer has its service', async () => {
  for (const unit of units.filter((one) => one.endsWith('.timer'))) assert.ok(units.includes(unit.replace('.timer', '.service')), unit);
  for (const unit of units.filter((one) => one.endsWith('.service'))) {
    const command = lines(unit).find((line) => line.startsWith('ExecStart='));
    const words = (command ?? '').split(' ').slice(1);
    const verbs = words.slice(
      0,
      words.findIndex((word) => /^[-/]/.test(word)),
    );
    const options = words.filter((word) => word.startsWith('--'));
    const help = await postern([...verbs, '--help']);
    assert.equal(help.code, 0, `${unit}: ${verbs.join(' ')}`);
    for (const option of options) assert.ok(help.out.includes(option), `${unit}: ${option}`);
  }
});

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Instructions of a container file, lines that go on put together. */
function instructions(text: string): readonly Instruction[] {
  const whole = text.replaceAll(/\\\n\s*/g, ' ').split('\n');
  return whole
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [word = '', ...rest] = line.trim().split(/\s+/);
      return { word, rest: rest.join(' ') };
    });
}

test('the container file can be read: known instructions, stages that exist, and what it copies lies in a fresh clone', () => {
  const read = instructions(readFileSync(join(root, 'examples', 'Containerfile'), 'utf8'));
  const known = new Set([
    'FROM',
    'WORKDIR',
    'COPY',
    'RUN',
    'USER',
    'VOLUME',
    'EXPOSE',
    'ENV',
    'HEALTHCHECK',
    'STOPSIGNAL',
    'ENTRYPOINT',
    'CMD',
  ]);
  assert.deepEqual(
    read.map(({ word }) => word).filter((word) => !known.has(word)),
    [],
  );
  assert.equal(read[0]?.word, 'FROM');
  const stages = read.flatMap(({ word, rest }) => (word === 'FROM' ? [/ AS (\w+)$/.exec(rest)?.[1] ?? 'last'] : []));
  assert.equal(stages.at(-1), 'last');
  const kept = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).stdout.split(
    '\n',
  );
  for (const { rest } of read.filter(({ word }) => word === 'COPY')) {
    const from = /^--from=(\w+) /.exec(rest)?.[1];
    const sources = rest
      .replace(/^--from=\w+ /, '')
      .split(' ')
      .slice(0, -1);
    if (from !== undefined) assert.ok(stages.includes(from), rest);
    else
      for (const source of sources)
        assert.ok(
          kept.some((file) => file === source || file.startsWith(`${source}/`)),
          `${source} is not in the repository`,
        );
  }
});

/** A folder with what a stage copies out of the checkout, and the modules of this one. */
function staged(stage: readonly Instruction[]): string {
  const image = mkdtempSync(join(tmpdir(), 'postern-image-'));
  for (const { rest } of stage.filter(({ word }) => word === 'COPY')) {
    if (rest.startsWith('--from=')) continue;
    const words = rest.split(' ');
    const target = join(image, words.at(-1) ?? '');
    for (const source of words.slice(0, -1)) {
      const isFolder = statSync(join(root, source)).isDirectory();
      // What was built here is not in a fresh clone.
      const filter = (path: string): boolean => !/^(?:dist|\.dist-.*|node_modules)$/.test(basename(path));
      cpSync(join(root, source), isFolder ? target : join(target, basename(source)), { recursive: true, filter });
    }
  }
  symlinkSync(join(root, 'node_modules'), join(image, 'node_modules'));
  return image;
}

test('what the stage of the console copies is enough to build it', () => {
  const read = instructions(readFileSync(join(root, 'examples', 'Containerfile'), 'utf8'));
  const begin = read.findIndex(({ word, rest }) => word === 'FROM' && rest.endsWith(' AS console'));
  const stage = read.slice(
    begin,
    read.findIndex(({ word }, index) => word === 'FROM' && index > begin),
  );
  const build = stage.findLast(({ word }) => word === 'RUN')?.rest.split(' ') ?? [];
  assert.equal(build[0], 'node');
  const image = staged(stage);
  try {
    const built = spawnSync(process.execPath, build.slice(1), { cwd: image, encoding: 'utf8', timeout: 120_000 });
    assert.equal(built.status, 0, built.stderr);
    assert.match(readFileSync(join(image, 'console', 'dist', 'index.html'), 'utf8'), /<script type="module"/);
  } finally {
    rmSync(image, { recursive: true, force: true });
  }
});

test('what the last stage copies is enough to serve the console', async () => {
  const read = instructions(readFileSync(join(root, 'examples', 'Containerfile'), 'utf8'));
  const image = staged(read.slice(read.findLastIndex(({ word }) => word === 'FROM')));
  try {
    // Of the stages before it: the console as it is built here.
    mkdirSync(join(image, 'console'));
    symlinkSync(await buildConsole(), join(image, 'console', 'dist'));
    writeFileSync(join(image, 'postern.yaml'), 'data: ./data\nservice: { listen: 127.0.0.1:0 }\n');
    const service = spawn(join(image, 'bin', 'postern'), ['serve', '--config', join(image, 'postern.yaml')], {
      cwd: image,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(service, 'exit');
    try {
      let said = '';
      for await (const text of service.stderr.setEncoding('utf8')) {
        said += String(text);
        if (/Console at \S+/.test(said)) break;
      }
      const url = /Console at (\S+)/.exec(said)?.[1];
      assert.ok(url !== undefined, said);
      const page = await fetch(url, { signal: AbortSignal.timeout(60_000) });
      assert.match(await page.text(), /<script type="module"/);
      assert.equal((await fetch(new URL('/livez', url), { signal: AbortSignal.timeout(60_000) })).status, 200);
    } finally {
      service.kill('SIGKILL');
      await ended;
    }
  } finally {
    rmSync(image, { recursive: true, force: true });
  }
});

test('the container does not run as root, says how it is, and starts what is there', async () => {
  const read = instructions(readFileSync(join(root, 'examples', 'Containerfile'), 'utf8'));
  const last = read.slice(read.findLastIndex(({ word }) => word === 'FROM'));
  const of = (word: string): string => last.findLast((one) => one.word === word)?.rest ?? '';
  assert.match(of('USER'), /^[1-9]\d*:[1-9]\d*$/);
  for (const word of ['HEALTHCHECK', 'ENTRYPOINT', 'CMD']) {
    const list = /\[.*\]$/.exec(of(word))?.[0] ?? '';
    assert.ok(Array.isArray(JSON.parse(list)), word);
  }
  const [program] = JSON.parse(of('ENTRYPOINT'));
  assert.ok(existsSync(join(root, String(program).replace('/opt/postern/', ''))));
  const [verb] = JSON.parse(of('CMD'));
  assert.equal((await postern([verb, '--help'])).code, 0);
  // The script of the health check is a script.
  const check = JSON.parse(/\[.*\]$/.exec(of('HEALTHCHECK'))?.[0] ?? '[]');
  const ran = spawnSync(process.execPath, check.slice(1), { env: { ...process.env, POSTERN_HEALTH: 'http://127.0.0.1:1/livez' } });
  assert.deepEqual([ran.status, String(ran.stderr)], [1, '']);
});
