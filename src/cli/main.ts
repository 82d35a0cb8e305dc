/**
 * The `postern` binary's first file: looks at the Node it runs on, then gives the outer world to `run.ts`.
 *
 * The hard thing: an import that an older Node cannot read fails before any line of this file runs. So nothing is imported here but
 * what every Node has, and all else comes by `import()` behind the check. (Node before 22.18 cannot read this file at all; bin/postern
 * looks at that.)
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import process from 'node:process';

const leastMajor = 24;

if (Number.parseInt(process.versions.node, 10) < leastMajor) {
  process.stderr.write(`Postern needs Node ${leastMajor} or newer; this is Node ${process.versions.node}. Start it by bin/postern.\n`);
  process.exit(2);
}

// Set by bin/postern for this process and its threads, which read their code from that cache too; what we start (a command that gives a
// secret) gets the environment without them.
const {
  NODE_COMPILE_CACHE: _cache,
  MALLOC_ARENA_MAX: _arenas,
  MALLOC_MMAP_THRESHOLD_: _apart,
  MALLOC_TOP_PAD_: _ahead,
  ...env
} = process.env;

/** As shells count a program that ended by SIGPIPE. */
const brokenPipe = 141;
const interrupted = 130;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second one is meant: end at once. Everything that counts is durable at any instant.
    if (stopping.signal.aborted) process.exit(interrupted);
    stopping.abort(new Error(`ended by ${signal}`));
  });
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has gone (`| head`): nobody is left to tell.
  if (error.code === 'EPIPE') process.exit(brokenPipe);
  process.stderr.write(`The result cannot be written: ${error.code ?? error.message}.\n`);
  process.exit(1);
});
// Talk that nobody can read is no reason to stop what is being done.
process.stderr.on('error', () => undefined);

const { run } = await import('./run.ts');
const { bugText } = await import('./print.ts');
/** Whether what runs, or what it came from, stands beside the work that counts. */
const beside = new AsyncLocalStorage<boolean>();
process.on('uncaughtException', (error) => {
  process.stderr.write(bugText(error));
  if (beside.getStore() !== true) process.exit(70);
});
const code = await run(
  process.argv.slice(2),
  {
    stdout: process.stdout,
    drained: () => new Promise((resolve) => process.stdout.once('drain', resolve)),
    stderr: process.stderr,
    interactive: process.stderr.isTTY === true,
    get columns() {
      return process.stderr.columns;
    },
    env,
    signal: stopping.signal,
    spare: (act) => beside.run(true, act),
  },
  version,
);
// Not by itself: a connection or a timer that somebody forgot must not keep a finished program alive. What was written goes out first.
process.stdout.write('', (error) => {
  // What could not be written is told by the listener above, and is no success.
  if (error === null || error === undefined) process.exit(code);
});

function version(): string {
  const text = process.getBuiltinModule('node:fs').readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8');
  return String(JSON.parse(text).version);
}
