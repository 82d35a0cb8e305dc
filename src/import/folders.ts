/**
 * Which of the listed folders a source means: exact names, globs, special uses, and what is left out. No I/O.
 *
 * The hard thing is silence: a pattern that finds nothing looks just like a folder without mail. So it is named.
 */
import type { FolderChoice, FolderPattern } from '../config/config.ts';
import type { ListedFolder } from './mailbox.ts';

export interface ChosenFolders {
  /** Decoded names, each once, in the order of `include`, then in the server's. INBOX in capitals. */
  readonly folders: readonly string[];
  /** Of `include`: those that found none, before anything was left out. Exact names are not among them: opening them shows it. */
  readonly unmatched: readonly FolderPattern[];
}

/** A choice of exact names. */
export function exactly(names: readonly string[]): FolderChoice {
  return { include: names.map((name) => ({ kind: 'name', name: plainName(name) })), exclude: [] };
}

/** The names where the choice can be read without a list; undefined where the server has to be asked. */
export function namesOf({ include, exclude }: FolderChoice): readonly string[] | undefined {
  const names: string[] = [];
  for (const pattern of include) {
    if (pattern.kind !== 'name') return undefined;
    names.push(plainName(pattern.name));
  }
  if (exclude.some((pattern) => pattern.kind === 'special-use')) return undefined;
  const left = exclude.some((pattern) => pattern.kind === 'glob') ? undefined : exclude.map(patternText).map(plainName);
  return left === undefined ? undefined : [...new Set(names)].filter((name) => !left.includes(name));
}

/**
 * @param leaveOut a folder that is never chosen by a pattern: the one that the import itself moves messages to
 */
export function chosenFolders(choice: FolderChoice, listed: readonly ListedFolder[], leaveOut?: string): ChosenFolders {
  const chosen = new Set<string>();
  const unmatched: FolderPattern[] = [];
  const isExcluded = (folder: ListedFolder): boolean => choice.exclude.some((pattern) => fits(pattern, folder));
  for (const pattern of choice.include) {
    if (pattern.kind === 'name') {
      const name = plainName(pattern.name);
      // Also one that is not listed: a server may open what it does not list, and else it says so itself.
      const folder = listed.find((one) => one.name === name) ?? {
        name,
        separator: undefined,
        attributes: new Set<string>(),
        selectable: true,
      };
      if (!isExcluded(folder)) chosen.add(name);
      continue;
    }
    const found = listed.filter((folder) => folder.selectable && fits(pattern, folder));
    if (found.length === 0) unmatched.push(pattern);
    for (const folder of found) if (folder.name !== leaveOut && !isExcluded(folder)) chosen.add(folder.name);
  }
  return { folders: [...chosen], unmatched };
}

/** As it stands in the configuration. */
export function patternText(pattern: FolderPattern): string {
  switch (pattern.kind) {
    case 'name':
      return pattern.name;
    case 'glob':
      return pattern.glob;
    case 'special-use':
      return pattern.use;
    default:
      return pattern satisfies never;
  }
}

function fits(pattern: FolderPattern, folder: ListedFolder): boolean {
  if (pattern.kind === 'name') return plainName(pattern.name) === folder.name;
  if (pattern.kind === 'special-use') return folder.attributes.has(pattern.use.toLowerCase());
  return globFits(pattern.glob, folder);
}

/** RFC 9051 §6.3.9: `*` stands for anything, `%` for anything but the separator. */
function globFits(glob: string, { name, separator }: ListedFolder): boolean {
  const within = separator === undefined ? '.*' : `[^${escaped(separator)}]*`;
  const pattern = glob
    .split(/([*%]+)/)
    .map((part, at) => (at % 2 === 0 ? escaped(part) : part.includes('*') ? '.*' : within))
    .join('');
  // RFC 9051 §5.1: in INBOX, and in nothing else, case does not count.
  return new RegExp(`^${pattern}$`, name === 'INBOX' ? 'isu' : 'su').test(name);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (sign) => (sign === '-' ? '\\x2d' : `\\${sign}`));
}

/** RFC 9051 §5.1: INBOX is the one name in which case does not count. */
export function plainName(name: string): string {
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name;
}
