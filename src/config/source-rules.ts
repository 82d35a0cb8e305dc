/**
 * What of a source's keys does not go together, though each is sound by itself; and what two sources may not share. Pure.
 *
 * The hard thing is to say what to write instead: a key that POP3 cannot keep is no mistake of spelling.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CompletionConfig } from './config.ts';
import {
  chooses,
  covers,
  exactName,
  exactNames,
  type FolderChoice,
  type FolderEntry,
  folderEntry,
  patternText,
  shared,
} from './folder-choice.ts';
import type { RawSource } from './schema.ts';

/** Something wrong, with its place below the source. */
export interface Objection {
  readonly at: readonly (string | number)[];
  readonly text: string;
}

/** M365 (assumed): no current figure is published; Exchange 2013 and later allow a mailbox 16 connections, and others use it too. */
const usualConnections = 4;

/** What the keys mean together, and what is against it. */
export function judgeSource(raw: RawSource): {
  readonly folders: FolderChoice;
  readonly onCompletion: CompletionConfig;
  readonly connections: number;
  readonly objections: readonly Objection[];
} {
  const overPop = raw.protocol === 'pop3';
  const { folders, objections } = readFolders(raw.folders);
  const onCompletion = completion(raw.onCompletion);
  return {
    folders,
    onCompletion,
    connections: raw.connections ?? (overPop ? 1 : usualConnections),
    objections: [...objections, ...(overPop ? onlyWithImap(raw, folders, onCompletion) : moveTarget(onCompletion, folders))],
  };
}

function readFolders(raw: RawSource['folders']): { readonly folders: FolderChoice; readonly objections: readonly Objection[] } {
  const entries: (FolderEntry & { readonly index: number })[] = raw.flatMap((entry, index) => {
    const found = typeof entry === 'string' ? folderEntry(entry) : { exclude: false, pattern: exactName(entry.name) };
    return found === undefined ? [] : [{ ...found, index }];
  });
  const include = entries.filter(({ exclude }) => !exclude);
  const exclude = entries.filter((entry) => entry.exclude).map(({ pattern }) => pattern);
  const objections = include.flatMap(({ pattern, index }, place): Objection[] => {
    const [at, name] = [['folders', index], JSON.stringify(patternText(pattern))];
    if (include.slice(0, place).some((other) => isDeepStrictEqual(other.pattern, pattern))) {
      return [{ at, text: `the folder ${name} stands here twice` }];
    }
    const leftOut = exclude.some((exclusion) => covers(exclusion, pattern));
    return leftOut ? [{ at, text: `the folder ${name} is named here and left out (\`!\`) in the same list` }] : [];
  });
  if (include.length === 0) objections.push({ at: ['folders'], text: "only folders to leave out; begin with '*' for all the others" });
  return { folders: { include: include.map(({ pattern }) => pattern), exclude }, objections };
}

function completion(raw: RawSource['onCompletion']): CompletionConfig {
  if (typeof raw === 'string') return { kind: raw };
  if (raw.delete !== undefined) return { kind: 'delete', afterMs: raw.delete.after };
  if (raw.move === undefined) throw new Error('the schema lets nothing through that is neither a move nor a deletion');
  return { kind: 'move', folder: raw.move };
}

/** RFC 1939 has one maildrop and knows neither folders nor marks nor dates, and its §3 locks it for one session. */
function onlyWithImap(raw: RawSource, folders: FolderChoice, { kind }: CompletionConfig): Objection[] {
  const instead = 'use `protocol: imap`';
  const rows: readonly (readonly [wrong: boolean, key: string, text: string])[] = [
    [
      folders.exclude.length > 0 || folders.include.length > 1 || exactNames(folders).join() !== 'INBOX',
      'folders',
      `POP3 reaches the inbox only; leave this out, or ${instead}`,
    ],
    [raw.since !== undefined, 'since', `POP3 does not tell when a message arrived; leave this out, or ${instead}`],
    [(raw.connections ?? 1) > 1, 'connections', 'POP3 locks the mailbox for one session; leave this out, or write 1'],
    [kind === 'seen', 'onCompletion', `POP3 cannot mark a message as seen; use \`leave\` or \`delete\`, or ${instead}`],
    [kind === 'move', 'onCompletion', `POP3 has no folders to move to; use \`leave\` or \`delete\`, or ${instead}`],
  ];
  return rows.flatMap(([wrong, key, text]) => (wrong ? [{ at: [key], text }] : []));
}

/** What is moved would be found there, imported and moved again. */
function moveTarget(onCompletion: CompletionConfig, folders: FolderChoice): Objection[] {
  if (onCompletion.kind !== 'move' || !chooses(folders, onCompletion.folder)) return [];
  const target = onCompletion.folder;
  const instead = exactNames(folders).includes(exactName(target).name)
    ? 'move elsewhere'
    : `add '!${target}' to \`folders\`, or move elsewhere`;
  const text = `the folder ${JSON.stringify(target)} is itself imported by this source; ${instead}`;
  return [{ at: ['onCompletion', 'move'], text }];
}

/** Which source imports which folders: two for one folder would import each message twice under two names. */
export class FolderClaims {
  readonly #claims = new Map<string, { readonly source: string; readonly folders: FolderChoice }[]>();

  /** @param mailbox what names a mailbox on a server, the same for the same one */
  claim(source: string, mailbox: string, folders: FolderChoice): Objection[] {
    const others = this.#claims.get(mailbox) ?? [];
    this.#claims.set(mailbox, [...others, { source, folders }]);
    for (const other of others) {
      const both = shared(folders, other.folders);
      if (both === undefined) continue;
      return [{ at: ['mailbox'], text: `source ${other.source} already imports ${JSON.stringify(patternText(both))} of this mailbox` }];
    }
    return [];
  }
}
