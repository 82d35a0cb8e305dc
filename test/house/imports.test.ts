/**
 * The floors of the house: who may import whom. The same table stands in ARCHITECTURE.md for people, and a test holds the two together.
 *
 * Imports of types count like all others: a folder that cannot be read without another one stands above it, whatever is imported.
 */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path/posix';
import { test } from 'node:test';
import { importsOf, isTest, read, repositoryFiles } from './sources.ts';

interface Room {
  readonly floor: 'door' | 'act' | 'store' | 'plane' | 'ground';
  readonly mayImport: readonly string[];
}

const ground = ['config', 'runtime', 'tenant', 'fault'];
const planes = ['mail', 'token', 'admin'];
const acts = ['setup', 'check', 'import', 'proxy'];
const stores = ['archive', 'journal', 'accounts', 'definitions'];

/** Folders of src/. A new one needs a line here and in ARCHITECTURE.md. */
const rooms: Readonly<Record<string, Room>> = {
  cli: { floor: 'door', mayImport: ['service', ...acts, ...stores, ...planes, ...ground] },
  service: { floor: 'door', mayImport: [...acts, ...stores, ...planes, ...ground] },
  setup: { floor: 'act', mayImport: ['admin', 'token', ...ground] },
  check: { floor: 'act', mayImport: ['archive', ...planes, ...ground] },
  import: { floor: 'act', mayImport: ['archive', 'journal', ...planes, ...ground] },
  proxy: { floor: 'act', mayImport: ['mail', 'token', ...ground] },
  archive: { floor: 'store', mayImport: [...planes, ...ground] },
  journal: { floor: 'store', mayImport: ['runtime', 'fault'] },
  accounts: { floor: 'store', mayImport: ['runtime', 'fault'] },
  definitions: { floor: 'store', mayImport: ['config', 'runtime', 'tenant', 'fault'] },
  mail: { floor: 'plane', mayImport: ground },
  token: { floor: 'plane', mayImport: ground },
  admin: { floor: 'plane', mayImport: ground },
  config: { floor: 'ground', mayImport: ['runtime', 'tenant', 'fault'] },
  runtime: { floor: 'ground', mayImport: ['fault'] },
  tenant: { floor: 'ground', mayImport: ['fault'] },
  fault: { floor: 'ground', mayImport: [] },
};

/** Out of another room only these files may be imported, where a room is listed. Tests may build the real thing. */
const onlyThrough: readonly { readonly user: string; readonly room: string; readonly files: readonly string[] }[] = [
  { user: 'import', room: 'archive', files: ['src/archive/archive.ts'] },
  { user: 'import', room: 'journal', files: ['src/journal/journal.ts'] },
  { user: 'service', room: 'journal', files: ['src/journal/journal.ts'] },
  { user: 'service', room: 'accounts', files: ['src/accounts/accounts.ts'] },
  { user: 'service', room: 'definitions', files: ['src/definitions/definitions.ts'] },
  { user: 'check', room: 'archive', files: ['src/archive/archive.ts'] },
];

/** What is behind a port is constructed in one place. */
const wiring = 'src/cli/wire.ts';
const adapters = /^src\/(archive\/(sqlite|postgres|memory)(\/|\.ts$)|(journal|accounts|definitions)\/(sqlite-|forgiving))/;

interface Edge {
  readonly file: string;
  readonly line: number;
  /** The imported file from the root, or the package's name. */
  readonly target: string;
  readonly typeOnly: boolean;
}

const files = repositoryFiles().filter((file) => /^(src|sandbox|console)\/.*\.(tsx?|mjs)$/.test(file));
const edges = files.flatMap((file) =>
  importsOf(read(file)).map(
    ({ from, line, typeOnly }): Edge => ({ file, line, typeOnly, target: from.startsWith('.') ? join(dirname(file), from) : from }),
  ),
);

function room(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

function say(edge: Edge, why: string): string {
  return `${edge.file}:${edge.line} imports ${edge.target}: ${why}`;
}

test('no file of src/ imports from a room above or beside its own', () => {
  const wrong = edges.flatMap((edge) => {
    const [from, to] = [room(edge.file), room(edge.target)];
    if (from === undefined || to === undefined || from === to) return [];
    return rooms[from]?.mayImport.includes(to) ? [] : [say(edge, `${from} may not import ${to}`)];
  });
  assert.deepEqual(wrong, []);
});

test('every folder of src/ has its floor in the table, and no file lies outside a room', () => {
  const unknown = files.filter((file) => file.startsWith('src/') && rooms[room(file) ?? ''] === undefined);
  assert.deepEqual(unknown, []);
});

test('a room is entered only through its door where it has one', () => {
  const wrong = edges.flatMap((edge) =>
    onlyThrough
      .filter(({ user, room: other }) => !isTest(edge.file) && room(edge.file) === user && room(edge.target) === other)
      .filter((rule) => !rule.files.includes(edge.target))
      .map((rule) => say(edge, `only ${rule.files.join(', ')}`)),
  );
  assert.deepEqual(wrong, []);
});

test('what stands behind a port is constructed in cli/wire.ts alone', () => {
  const wrong = edges.filter(
    (edge) => !isTest(edge.file) && !edge.typeOnly && adapters.test(edge.target) && edge.file !== wiring && !sameAdapterRoom(edge),
  );
  assert.deepEqual(
    wrong.map((edge) => say(edge, `only ${wiring} may`)),
    [],
  );
});

function sameAdapterRoom(edge: Edge): boolean {
  return room(edge.file) === room(edge.target);
}

test('product and sandbox know nothing of each other', () => {
  const wrong = edges.filter(
    ({ file, target }) =>
      (file.startsWith('src/') && (target.startsWith('sandbox/') || target === 'postern-sandbox')) ||
      (file.startsWith('sandbox/') && (target.startsWith('src/') || target === 'postern')),
  );
  assert.deepEqual(
    wrong.map((edge) => say(edge, 'they meet on sockets only')),
    [],
  );
});

test('the console imports of the product only the types of src/service/api.ts, and nobody imports the console but its build', () => {
  const wrong = edges.filter(
    ({ file, target, typeOnly }) =>
      (file.startsWith('console/') && /^(src|sandbox)\//.test(target) && !(target === 'src/service/api.ts' && typeOnly)) ||
      (!file.startsWith('console/') && target.startsWith('console/')),
  );
  assert.deepEqual(
    wrong.map((edge) => say(edge, 'only `import type` of src/service/api.ts')),
    [],
  );
});

test('neither product, sandbox nor console imports tests, tools or examples', () => {
  const wrong = edges.filter((edge) => !isTest(edge.file) && (/^(test|tools|examples)\//.test(edge.target) || isTest(edge.target)));
  assert.deepEqual(
    wrong.map((edge) => say(edge, 'it does not ship')),
    [],
  );
});

test('every relative import leads to a file', () => {
  const known = new Set(repositoryFiles());
  const wrong = edges.filter(({ target }) => /^(src|sandbox|console|test|tools|examples)\//.test(target) && !known.has(target));
  assert.deepEqual(
    wrong.map((edge) => say(edge, 'there is no such file')),
    [],
  );
});

test('no files import one another in a circle, types included', () => {
  assert.deepEqual(
    circles().map((circle) => circle.join(' -> ')),
    [],
  );
});

/** Each circle once, as the files on it. Depth first, with the way back to the file that closes it. */
function circles(): string[][] {
  const next = new Map<string, string[]>();
  for (const { file, target } of edges) next.set(file, [...(next.get(file) ?? []), target]);
  const done = new Set<string>();
  const found: string[][] = [];
  function visit(file: string, way: readonly string[]): void {
    const at = way.indexOf(file);
    if (at !== -1) found.push([...way.slice(at), file]);
    if (at !== -1 || done.has(file)) return;
    for (const target of next.get(file) ?? []) visit(target, [...way, file]);
    done.add(file);
  }
  for (const file of next.keys()) visit(file, []);
  return found;
}

test('the table of floors in ARCHITECTURE.md is this one', () => {
  const written = new Map(
    [...read('ARCHITECTURE.md').matchAll(/^\| `([a-z]+)\/` \| (\w+) \| ([^|]*) \|/gm)].map(([, name = '', floor, list = '']) => [
      name,
      { floor, mayImport: [...list.matchAll(/`([a-z]+)`/g)].map((match) => match[1]).sort() },
    ]),
  );
  const meant = new Map(Object.entries(rooms).map(([name, { floor, mayImport }]) => [name, { floor, mayImport: [...mayImport].sort() }]));
  assert.deepEqual(Object.fromEntries(written), Object.fromEntries(meant));
});
