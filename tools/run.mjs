/**
 * The entry of `npm start`, `npm run build`, `npm test` and `npm run check`: installs what is missing, then runs the task with the pinned Node.
 *
 * Plain JavaScript without a dependency, for it is the one file that must run on a fresh clone, on a Node (20 or newer) that is not ours.
 * The hard part is to know whether node_modules is up to date: the times of files say nothing after a clone or a checkout,
 * so the lock file is compared with the record that npm keeps of what it installed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const pinnedNode = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');
const tasks = {
  start: [join(root, 'tools', 'start.ts')],
  build: [join(root, 'tools', 'build-console.ts')],
  test: [join(root, 'tools', 'tests.ts'), 'test'],
  check: [join(root, 'tools', 'tests.ts'), 'check'],
};
/** A terminal and npm both pass on one Ctrl-C; within this time two signals are one wish. */
const sameSignalMs = 400;

const [task, ...args] = process.argv.slice(2);
if (!Object.hasOwn(tasks, task)) {
  process.stderr.write(`usage: node tools/run.mjs ${Object.keys(tasks).join('|')} [ARGUMENT…]\n`);
  process.exit(2);
}
if (!isInstalled()) install();
if (!existsSync(pinnedNode)) {
  process.stderr.write(
    'The pinned Node is not in node_modules/node/bin: npm was told not to run install scripts.\n' +
      'Run `npm rebuild node --ignore-scripts=false` and try again.\n',
  );
  process.exit(1);
}
run([...tasks[task], ...args]);

/** Whether node_modules holds what package-lock.json asks for. npm leaves out optional packages of other platforms. */
function isInstalled() {
  const wanted = readLock(join(root, 'package-lock.json'));
  const present = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') || entry.link) continue;
    const found = present[path];
    if (found === undefined ? !entry.optional && !entry.devOptional : found.version !== entry.version) return false;
    if (found !== undefined && !existsSync(join(root, path, 'package.json'))) return false;
  }
  return true;
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined; // Not there, or cut off half-way through an install: both mean that an install is due.
  }
}

function install() {
  process.stderr.write('Installing the dependencies (npm ci) …\n');
  const words = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 };
  // Under `npm start` npm says where it stands; otherwise the one on the path is taken, which Windows finds only through a shell.
  const npm = process.env.npm_execpath;
  const done =
    npm !== undefined && /npm-cli\.c?js$/.test(npm)
      ? spawnSync(process.execPath, [npm, ...words], options)
      : spawnSync('npm', words, { ...options, shell: windows });
  if (done.status === 0) return;
  process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}\n`);
  process.stderr.write('npm ci failed, its output stands above.\n');
  process.exit(1);
}

/**
 * Runs the pinned Node and ends as it ends. It gets a session of its own, so that a Ctrl-C at the terminal reaches it once,
 * through here, and not also from the terminal and from npm.
 */
function run(words) {
  const child = spawn(pinnedNode, words, { cwd: root, stdio: 'inherit', detached: !windows });
  const lastAt = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const now = performance.now();
      if (now - (lastAt.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs) return;
      lastAt.set(signal, now);
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`${pinnedNode} does not start: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
