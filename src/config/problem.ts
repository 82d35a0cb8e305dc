/**
 * What is wrong with a configuration, place by place: schema issues put into words for a person.
 *
 * The hard thing: to show what was found without showing a secret that stands in the wrong place. Nothing under a key of
 * `secretKeys` is ever quoted, nor an unknown key's value, nor a text where a client id was expected (a pasted secret is common).
 */
import { z } from 'zod';
import type { FaultCode } from '../fault/catalog.ts';
import { nearest } from './nearest.ts';
import { configSchema, planned, secretKeys } from './schema.ts';
import type { KeyPath, Place, YamlText } from './yaml-text.ts';

/** Which fault a configuration with this problem is; the first of these that occurs names the whole. */
const codesByWeight = ['config.secret-in-file', 'config.not-yaml', 'config.invalid', 'config.file-unusable', 'config.not-yet'] as const;
type ProblemCode = (typeof codesByWeight)[number] & FaultCode;

export interface Problem extends Place {
  readonly code: ProblemCode;
  /** Dotted, e.g. `sources.telemessage.every`; empty for the file as a whole. */
  readonly key: string;
  /** What was expected and found, e.g. `expected a duration such as 30s, 5m or 1h, found "soon"`. */
  readonly text: string;
}

/** `postern.yaml:12:5 sources.telemessage.every: expected …` */
export function problemLine(file: string, problem: Problem): string {
  const place = `${file}:${problem.line}:${problem.column}`;
  return problem.key === '' ? `${place} ${problem.text}` : `${place} ${problem.key}: ${problem.text}`;
}

/** The text as a sentence of its own, for beside a field of a form. */
export function problemSentence(text: string): string {
  const bare = text.replace(/^missing; /, '');
  return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}${/[.!?]$/.test(bare) ? '' : '.'}`;
}

export function gravest(problems: readonly Problem[]): ProblemCode {
  return codesByWeight.find((code) => problems.some((problem) => problem.code === code)) ?? 'config.invalid';
}

/** A problem with the value at `path`. */
export function valueProblem(yaml: YamlText, path: KeyPath, text: string, code: ProblemCode = 'config.invalid'): Problem {
  return { ...yaml.placeOfValue(path), key: path.join('.'), text, code };
}

/** A problem with the last key of `path` itself, or with what is missing under it. */
export function keyProblem(yaml: YamlText, path: KeyPath, text: string, code: ProblemCode = 'config.invalid'): Problem {
  return { ...yaml.placeOfKey(path), key: path.join('.'), text, code };
}

/** The issues of the schema as problems, in the order of the file. */
export function shapeProblems(yaml: YamlText, issues: readonly z.core.$ZodIssue[]): Problem[] {
  // "Exactly one of env, file and command" says nothing new where an unknown key already explains why there is none.
  const explained = new Set(issues.filter((issue) => issue.code === 'unrecognized_keys').map((issue) => JSON.stringify(issue.path)));
  const telling = issues.filter((issue) => issue.code !== 'custom' || !explained.has(JSON.stringify(issue.path)));
  return telling.flatMap((issue) => problemsOf(yaml, issue, []));
}

function problemsOf(yaml: YamlText, issue: z.core.$ZodIssue, base: KeyPath): Problem[] {
  const path: KeyPath = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(yaml, path, key));
  if (issue.code === 'invalid_key') return [keyProblem(yaml, path, `expected ${issue.issues[0]?.message ?? 'another name'}`)];
  if (issue.code === 'invalid_union') {
    // The branch that was meant is the one that got past the kind of the value (a text, a map, a list).
    const meant = issue.errors.find((errors) => errors.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'));
    if (meant !== undefined) return meant.flatMap((inner) => problemsOf(yaml, inner, path));
  }
  return [wrongValue(yaml, path, issue.message)];
}

function wrongValue(yaml: YamlText, path: KeyPath, expected: string): Problem {
  const found = valueAt(yaml.value, path);
  const last = String(path.at(-1) ?? '');
  if (secretKeys.has(last) && isScalarValue(found)) return plainSecret(yaml, path);
  if (path.length === 0 && (found === null || found === undefined)) {
    return valueProblem(yaml, path, 'the file is empty; `postern config sample` prints one to begin with');
  }
  if (found === undefined) return keyProblem(yaml, path, `missing; expected ${expected}`);
  const quiet = quietKeys.has(last) || path.some(isHidden);
  return valueProblem(yaml, path, quiet ? `expected ${expected}` : `expected ${expected}, found ${described(found)}`);
}

function plainSecret(yaml: YamlText, path: KeyPath, unknown = ''): Problem {
  const text = `${unknown}a secret as plain text; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] } instead`;
  return valueProblem(yaml, path, text, 'config.secret-in-file');
}

function unknownKey(yaml: YamlText, parent: KeyPath, key: string): Problem {
  const path = [...parent, key];
  const later = planned.get(withoutNames(path));
  if (later !== undefined) return keyProblem(yaml, path, later, 'config.not-yet');
  const known = knownKeys(parent);
  const suggestion = nearest(key, known);
  const hint = suggestion === undefined ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`;
  // In `secret: { value }` the unknown key may be the secret itself: it is not repeated.
  if (parent.some(isHidden)) {
    const place = { ...yaml.placeOfKey(path), key: parent.join('.') };
    return suggestion === undefined
      ? {
          ...place,
          code: 'config.secret-in-file',
          text: 'something else than a reference; write { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] }',
        }
      : { ...place, code: 'config.invalid', text: `unknown key; ${hint}` };
  }
  const looksSecret = /secret|pass|pasw|pwd|token/i.test(key) && isScalarValue(valueAt(yaml.value, path));
  return looksSecret ? plainSecret(yaml, path, `unknown key (${hint}) with `) : keyProblem(yaml, path, `unknown key; ${hint}`);
}

/** The keys that the schema knows at this path. */
function knownKeys(path: KeyPath): string[] {
  let level: JsonSchema[] = [z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema];
  for (const part of path) {
    level = level
      .flatMap((schema) => [schema, ...(schema.anyOf ?? [])])
      .flatMap((schema) => {
        const under = schema.properties?.[String(part)] ?? (typeof part === 'number' ? schema.items : schema.additionalProperties);
        return under === undefined || under === false ? [] : [under];
      });
  }
  return level.flatMap((schema) => [schema, ...(schema.anyOf ?? [])]).flatMap((schema) => Object.keys(schema.properties ?? {}));
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** `sources.telemessage.every` without the name in the middle: `sources.every`. */
function withoutNames(path: KeyPath): string {
  return path.filter((_, index) => index !== 1).join('.');
}

function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function isScalarValue(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint';
}

/** Whether what stands under this key may be a secret or hold one: an address for alerts often has a token in it. */
function isHidden(part: string | number): boolean {
  return secretKeys.has(String(part)) || part === 'url';
}

/** Where a secret is pasted by mistake. What was found there is not repeated. */
const quietKeys: ReadonlySet<string> = new Set(['clientId', 'credential', 'certificate', 'auth', 'webhook']);

const longestQuote = 60;

function described(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return JSON.stringify(value.length > longestQuote ? `${value.slice(0, longestQuote)}…` : value);
  return String(value);
}
