/**
 * The text of a configuration file as data with places: every value and key can be asked for its line and column.
 *
 * The YAML reader's own messages are not used: they quote the line, and the line may hold a secret. Its error codes are.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

export type KeyPath = readonly (string | number)[];

export interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface YamlText {
  /** The data; undefined where the text is not valid YAML. */
  readonly value: unknown;
  readonly errors: readonly { readonly place: Place; readonly text: string }[];
  /** Where the value at this path begins; of what is missing, where the nearest thing around it is named. */
  placeOfValue(path: KeyPath): Place;
  /** Where the last key of this path stands. */
  placeOfKey(path: KeyPath): Place;
}

/** A hundred uses of anchors are plenty in a configuration; a bomb has millions. */
const maxAliases = 100;

const meanings: Readonly<Record<string, string>> = {
  BAD_INDENT: 'wrong indentation',
  TAB_AS_INDENT: 'a tab in the indentation; use spaces',
  DUPLICATE_KEY: 'this key stands here a second time',
  MULTIPLE_DOCS: 'a second document begins here (---); a configuration is one document',
  BAD_SCALAR_START: 'a text cannot begin with this sign; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon in one line; put the text in quotes',
  MULTILINE_IMPLICIT_KEY: 'a key without a colon, or a text that goes on in the next line without quotes',
  MISSING_CHAR: 'a sign is missing here: a closing quote or bracket, a colon or a comma',
  TAG_RESOLVE_FAILED: 'a text that begins with "!" must be put in quotes',
  BAD_ALIAS: 'a text that begins with "*" or "&" must be put in quotes',
  BAD_DQ_ESCAPE: 'a "\\" inside double quotes; use single quotes, or none',
  NON_STRING_KEY: 'a key must be a plain text',
  UNEXPECTED_TOKEN: 'something unexpected stands here',
};

/** Reads the text. Never throws for what the text says. */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, logLevel: 'error' });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    // An offset of 0 in an empty text has no line of its own.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const errors = [...document.errors, ...document.warnings].map((error) => ({
    place: placeAt(error.pos[0]),
    text: meanings[error.code] ?? 'not valid YAML here',
  }));
  let value: unknown;
  if (errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: maxAliases });
    } catch {
      // An alias without its anchor, or too many of them; the reader's message would name it, and the name may be a password.
      errors.push({
        place: placeAt(0),
        text: 'a "*name" that refers to nothing, or too many of them; put texts that begin with "*" in quotes',
      });
    }
  }
  return {
    value,
    errors,
    placeOfValue: (path) => placeAt(offsets(document, path).value),
    placeOfKey: (path) => placeAt(offsets(document, path).key),
  };
}

function offsets(document: Document.Parsed, path: KeyPath): { readonly key: number; readonly value: number } {
  let node: unknown = document.contents;
  let key = start(node) ?? 0;
  let value = key;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    const next = child(node, part);
    // Missing: what is around it is named by its key, or is the whole text.
    if (next === undefined) return { key, value: key };
    key = start(next.key) ?? start(next.value) ?? key;
    value = start(next.value) ?? key;
    node = next.value;
  }
  return { key, value };
}

function child(node: unknown, part: string | number): { readonly key: unknown; readonly value: unknown } | undefined {
  if (isMap(node)) return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(part));
  if (isSeq(node) && typeof part === 'number' && part < node.items.length) return { key: undefined, value: node.items[part] };
  return undefined;
}

function start(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
