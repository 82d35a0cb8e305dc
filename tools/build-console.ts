/**
 * Builds the console into console/dist, where nothing has changed since the last time without building. `npm start`, the tests and
 * `node tools/build-console.ts` come here.
 *
 * The hard thing is that two tests may want it at the same moment: each builds into a folder of its own that takes the place of
 * console/dist in one step, and whoever comes second finds it done.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'console', 'dist');
/** Inside of it: the hash of what it was built from. */
const stampName = 'built-from.txt';
const inputs = [
  'console/{index.html,build.ts,package.json,tsconfig.json}',
  'console/{src,public}/**/*',
  'src/service/api.ts',
  'src/service/api/*.ts',
  'tools/build-console.ts',
  'package-lock.json',
];

/** @returns the folder with the built console */
export async function buildConsole(): Promise<string> {
  const wanted = hashOfInputs();
  if (isBuiltFrom(wanted)) return dist;
  const fresh = join(root, 'console', `.dist-${randomUUID()}`);
  try {
    // Vite is heavy: it is loaded only where there is something to build.
    const { bundleInto } = await import('../console/build.ts');
    await bundleInto(fresh);
    await compressBeside(join(fresh, 'assets'));
    await writeFile(join(fresh, stampName), wanted);
    await takePlace(fresh, wanted);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return dist;
}

/** The service sends these in their place, so that it compresses nothing itself. */
async function compressBeside(folder: string): Promise<void> {
  for (const file of globSync('*.{js,css}', { cwd: folder })) {
    const bytes = readFileSync(join(folder, file));
    await writeFile(join(folder, `${file}.gz`), gzipSync(bytes, { level: 9 }));
    await writeFile(join(folder, `${file}.br`), brotliCompressSync(bytes));
  }
}

function hashOfInputs(): string {
  const hash = createHash('sha256');
  const files = globSync(inputs, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function isBuiltFrom(wanted: string): boolean {
  const stamp = join(dist, stampName);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

async function takePlace(fresh: string, wanted: string): Promise<void> {
  // Another one was there first, with the same: whoever reads it already is not to lose it.
  if (isBuiltFrom(wanted)) return;
  const old = join(root, 'console', `.dist-${randomUUID()}`);
  await rename(dist, old).catch(() => undefined); // There may be none yet.
  try {
    await rename(fresh, dist);
  } catch (error) {
    if (!isBuiltFrom(wanted)) throw error; // Another one was there first, with the same.
  } finally {
    await rm(old, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const startedAt = performance.now();
  const folder = await buildConsole();
  process.stderr.write(`${folder} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
}
