/**
 * Which folders a source means: exact names, globs and special uses, with exclusions. Pure.
 *
 * The hard thing is to see, without asking the server, that two choices take the same folder. Exact names against anything can be
 * decided; two globs only where one is the other or covers it. The rest shows when the server lists its folders.
 */
/** A folder is chosen when one of `include` fits it and none of `exclude`. */
export interface FolderChoice {
  /** At least one; in the order of the file. */
  readonly include: readonly FolderPattern[];
  readonly exclude: readonly FolderPattern[];
}

export type FolderPattern =
  /** A decoded name as the server lists it; INBOX in capitals. */
  | { readonly kind: 'name'; readonly name: string }
  /** `*` stands for any signs, `%` for any but the hierarchy delimiter. RFC 9051 §6.3.9. */
  | { readonly kind: 'glob'; readonly glob: string }
  /** An attribute of LIST with its backslash, as RFC 6154 §2 spells it: `\Sent`. Attributes are compared without regard to case. */
  | { readonly kind: 'special-use'; readonly use: string };

/** One entry of `folders:`. */
export interface FolderEntry {
  readonly exclude: boolean;
  readonly pattern: FolderPattern;
}

/** RFC 6154 §2 and RFC 8457 §3: what a folder is for, by the attributes of LIST. */
export const specialUses: readonly string[] = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Important', '\\Junk', '\\Sent', '\\Trash'];

/**
 * Reads `INBOX`, `Archive/*`, `\Sent`, `!Archive/Private`. A text with `*` or `%` is a glob, one with `\` before it a special use.
 * @returns undefined when it names no folder, or an unknown special use
 */
export function folderEntry(text: string): FolderEntry | undefined {
  const exclude = text.startsWith('!');
  const rest = exclude ? text.slice(1) : text;
  if (rest === '') return undefined;
  if (rest.startsWith('\\')) {
    const use = specialUses.find((known) => known.toLowerCase() === rest.toLowerCase());
    return use === undefined ? undefined : { exclude, pattern: { kind: 'special-use', use } };
  }
  if (/[*%]/.test(rest)) return { exclude, pattern: { kind: 'glob', glob: rest } };
  return { exclude, pattern: exactName(rest) };
}

/** RFC 9051 §5.1: INBOX is the one name whose case does not count. */
export function exactName(name: string): Extract<FolderPattern, { kind: 'name' }> {
  return { kind: 'name', name: name.toUpperCase() === 'INBOX' ? 'INBOX' : name };
}

/** As a person writes it. */
export function patternText(pattern: FolderPattern): string {
  if (pattern.kind === 'name') return pattern.name;
  return pattern.kind === 'glob' ? pattern.glob : pattern.use;
}

/** Every entry as a person writes it, exclusions last. */
export function choiceTexts({ include, exclude }: FolderChoice): readonly string[] {
  return [...include.map(patternText), ...exclude.map((pattern) => `!${patternText(pattern)}`)];
}

/** The exact names that are chosen: what can be known without asking the server. */
export function exactNames({ include }: FolderChoice): readonly string[] {
  return include.flatMap((pattern) => (pattern.kind === 'name' ? [pattern.name] : []));
}

/** Whether a folder of this name is chosen, as far as names tell: special uses are known to the server only. */
export function chooses(choice: FolderChoice, name: string): boolean {
  const named: FolderPattern = exactName(name);
  return choice.include.some((pattern) => covers(pattern, named)) && !choice.exclude.some((pattern) => covers(pattern, named));
}

/** A pattern that both choices take for certain, should the server have such a folder; undefined where that cannot be decided. */
export function shared(one: FolderChoice, other: FolderChoice): FolderPattern | undefined {
  return surelyIn(one, other) ?? surelyIn(other, one);
}

/** Of `inner`'s patterns, one that `outer` takes as a whole and that neither leaves out. */
function surelyIn(inner: FolderChoice, outer: FolderChoice): FolderPattern | undefined {
  const excluded = [...inner.exclude, ...outer.exclude];
  return inner.include.find(
    (pattern) =>
      outer.include.some((wider) => covers(wider, pattern)) &&
      !excluded.some((exclusion) => covers(exclusion, pattern) || (pattern.kind === 'glob' && exclusion.kind !== 'special-use')),
  );
}

/** Whether every folder that `narrow` fits is certain to fit `wide`. */
export function covers(wide: FolderPattern, narrow: FolderPattern): boolean {
  if (wide.kind === 'special-use' || narrow.kind === 'special-use') return patternText(wide) === patternText(narrow);
  if (wide.kind === 'name') return narrow.kind === 'name' && wide.name === narrow.name;
  return globExpression(wide.glob).test(patternText(narrow));
}

/**
 * For names and for globs alike: a `*` in what is tested stands for itself and is taken by `*` alone, so that a match means containment.
 * The delimiter of the server is not known here: `%` stops at each sign that is one somewhere.
 */
function globExpression(glob: string): RegExp {
  const parts = glob.split(/([*%])/).map((part) => {
    if (part === '*') return '.*';
    if (part === '%') return '[^*/.\\\\]*';
    return part.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 'su');
}
