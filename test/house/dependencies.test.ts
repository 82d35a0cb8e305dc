/** Dependencies: each has its reason in CONTRIBUTING.md, each is used, and each version is exact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, read, repositoryFiles } from './sources.ts';

interface Package {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Used by being run or read, not by being imported; where each is, so that the claim can be checked. */
const usedOtherwise: Readonly<Record<string, { readonly file: string; readonly word: string }>> = {
  node: { file: 'tools/run.mjs', word: "'node', 'bin'" },
  typescript: { file: 'tools/tests.ts', word: "'typescript', 'bin', 'tsc'" },
  '@biomejs/biome': { file: 'tools/tests.ts', word: "'@biomejs', 'biome'" },
  '@types/node-forge': { file: 'src/setup/certificate.ts', word: "import('node-forge')" },
  '@types/react': { file: 'console/tsconfig.json', word: '"jsx": "react-jsx"' },
  '@types/react-dom': { file: 'console/src/main.tsx', word: "from 'react-dom/client'" },
  '@types/sanitize-html': { file: 'src/service/mail-view/clean-html.ts', word: "from 'sanitize-html'" },
  'axe-core': { file: 'test/console/browser.ts', word: "'axe-core/axe.min.js'" },
  '@types/node': { file: 'tsconfig.json', word: '"types": ["node"]' },
};

const files = repositoryFiles();
const manifests = files
  .filter((file) => /(?:^|\/)package\.json$/.test(file))
  .map((file) => ({ file, folder: file.replace(/package\.json$/, ''), ...parse(read(file)) }));

function parse(text: string): Package {
  return JSON.parse(text);
}

function namesOf(manifest: Package): string[] {
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

test('every dependency has its line in the table of CONTRIBUTING.md, and the table none that is gone', () => {
  const section = /^## Dependencies$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(read('CONTRIBUTING.md'))?.[1] ?? '';
  const listed = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  const present = new Set(manifests.flatMap(namesOf));
  assert.deepEqual(listed.toSorted(), [...present].sort());
});

test('every `npm run` that somebody is told to use is there', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const told = files
    .filter((file) => /\.(?:md|tsx?|mjs)$/.test(file) && file !== 'CHANGELOG.md')
    .flatMap((file) => [...read(file).matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map((match) => ({ file, script: String(match[1]) })));
  assert.ok(told.some(({ script }) => script === 'build'));
  assert.deepEqual(
    told.filter(({ script }) => !Object.hasOwn(scripts, script)),
    [],
  );
});

test('no dependency is unused', () => {
  const unused = manifests.flatMap((manifest) => {
    const imported = new Set(
      files
        .filter((file) => /\.(tsx?|mjs)$/.test(file) && file.startsWith(manifest.folder))
        .flatMap((file) => importsOf(read(file)).map(({ from }) => packageOf(from))),
    );
    return namesOf(manifest)
      .filter((name) => {
        const use = usedOtherwise[name];
        return use === undefined ? !imported.has(name) : !read(use.file).includes(use.word);
      })
      .map((name) => `${manifest.file}: ${name}`);
  });
  assert.deepEqual(unused, []);
});

test('what the product imports is a dependency, not one for development only', () => {
  const own = new Set(Object.keys(manifests.find(({ file }) => file === 'package.json')?.dependencies ?? {}));
  const wrong = files
    .filter((file) => /^src\/.*\.ts$/.test(file) && !file.endsWith('.test.ts'))
    .flatMap((file) => importsOf(read(file)).map(({ from, line }) => ({ from, place: `${file}:${line}` })))
    .filter(({ from }) => !from.startsWith('.') && !from.startsWith('node:') && !own.has(packageOf(from)));
  assert.deepEqual(wrong, []);
});

test('every version is exact', () => {
  const loose = manifests.flatMap((manifest) =>
    Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
  );
  assert.deepEqual(loose, []);
});
