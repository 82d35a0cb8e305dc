/** The readers that the other rules stand on: a rule whose eyes are closed finds nothing wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOnly, importsOf, withoutComments } from './sources.ts';

test('imports are found in every form, and not in comments', () => {
  const code = [
    "import a from './a.ts';",
    "import type { B } from './b.ts';",
    "import { c, type C } from './c.ts';",
    'import {',
    '  d,',
    '  type D,',
    "} from './d.ts';",
    "import './e.ts';",
    "export * from './f.ts';",
    "export type { G } from './g.ts';",
    "const h = await import('./h.ts');",
    "type I = import('./i.ts').I;",
    "// import j from './j.ts';",
    "/* import k from './k.ts'; */",
    "export const notAnImport = 'text';",
  ].join('\n');
  assert.deepEqual(
    importsOf(code).map(({ from, line, typeOnly }) => [from, line, typeOnly]),
    [
      ['./a.ts', 1, false],
      ['./b.ts', 2, true],
      ['./c.ts', 3, false],
      ['./d.ts', 4, false],
      ['./e.ts', 8, false],
      ['./f.ts', 9, false],
      ['./g.ts', 10, true],
      ['./h.ts', 11, false],
      ['./i.ts', 12, false],
    ],
  );
});

test('comments go, strings and line numbers stay', () => {
  const code = "const url = 'https://a.example'; // a comment\nconst quote = /['\"]/g; /* two\nlines */ const x = 1;";
  assert.equal(withoutComments(code).replaceAll(/ +/g, ' '), "const url = 'https://a.example'; \nconst quote = /['\"]/g; \n const x = 1;");
  assert.equal(codeOnly("read('process.env')").includes('process.env'), false);
});
