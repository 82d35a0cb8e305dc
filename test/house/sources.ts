/** What the house's own rules look at: the repository's files, and a TypeScript file without its comments. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Every file that is in the repository or about to be, as a path from the root with slashes. */
export function repositoryFiles(): string[] {
  const files = existsSync(join(root, '.git'))
    ? execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')
    : globSync('**/*', { cwd: root, exclude: (name) => name === 'node_modules' });
  return files.filter((file) => file !== '' && existsSync(join(root, file)) && !isFolder(file)).sort();
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function isFolder(file: string): boolean {
  try {
    readFileSync(join(root, file));
    return false;
  } catch {
    return true;
  }
}

export function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

/**
 * TypeScript without comments; line numbers stay. Strings are kept: whoever looks for a literal needs them.
 * It knows quotes and escapes, and takes a slash for the begin of a regular expression where no value can stand before it.
 */
export function withoutComments(code: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?{;\n[]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;
  return code.replaceAll(token, (text) => (text.startsWith('/*') || text.startsWith('//') ? text.replaceAll(/[^\n]/g, ' ') : text));
}

/** As {@link withoutComments}, with the contents of strings blanked too: for whoever looks for code. */
export function codeOnly(code: string): string {
  return withoutComments(code).replaceAll(
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g,
    (text) => `${text[0]}${' '.repeat(text.length - 2)}${text[0]}`,
  );
}

/** The line, counted from 1, on which the character at `index` stands. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** Everything that a file imports: static, `import type`, `export … from`, and dynamic with a literal. */
export function importsOf(
  code: string,
): readonly { readonly from: string; readonly line: number; readonly typeOnly: boolean; readonly names: string }[] {
  const text = withoutComments(code);
  const found = [];
  const statement = /^[ \t]*(?:import|export)\s+(type\s+)?([\w\s{},*$]*?)\s*(?:from\s+)?'([^']+)';?[ \t]*$/gm;
  for (const match of text.matchAll(statement)) {
    const [whole, type, names = '', from = ''] = match;
    // `export const x = 'text'` has an equals sign and never matches; `import 'x'` has no names.
    if (!whole.includes('from') && !/^\s*import\s+'/.test(whole)) continue;
    found.push({ from, line: lineAt(text, match.index), typeOnly: type !== undefined, names });
  }
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) {
    found.push({ from: match[1] ?? '', line: lineAt(text, match.index), typeOnly: false, names: '' });
  }
  return found;
}
