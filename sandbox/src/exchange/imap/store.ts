/**
 * Commands that change messages: STORE, COPY, MOVE, EXPUNGE, APPEND.
 *
 * The hard thing is telling every session the right sequence numbers: changes go through the folder, which tells all views, ours too.
 */

import { type Flag, type Folder, knownFlags, type Message } from '../../folder.ts';
import type { Mailbox } from '../../tenant.ts';
import { type Argument, badArgument, type Command, listOf, Refusal, textOf } from './command.ts';
import { positionsIn } from './sequence-set.ts';
import type { Session } from './session.ts';
import type { View } from './view.ts';

const byCapitals = new Map<string, Flag>(knownFlags.map((flag) => [flag.toUpperCase(), flag]));

/** Flags by name. M365 (assumed): keywords that Exchange cannot keep are dropped without a word. */
function flagsIn(arguments_: readonly Argument[]): Flag[] {
  return arguments_.flatMap((one) => byCapitals.get(textOf(one).toUpperCase()) ?? []);
}

export async function store(session: Session, command: Command): Promise<string> {
  const view = session.writableView();
  const isUid = command.name.startsWith('UID ');
  const [set, item, ...values] = command.args;
  const action = /^([+-]?)FLAGS(\.SILENT)?$/i.exec(textOf(item));
  if (!action || values.length === 0) throw badArgument();
  const flags = flagsIn(values[0]?.kind === 'list' ? listOf(values[0]) : values);
  for (const position of positionsIn(view.messages, textOf(set), isUid)) {
    const message = view.messages[position];
    if (!message) continue;
    view.folder.setFlags(message, changed(message.flags, action[1] ?? '', flags));
    view.forgetFlags(message);
    if (action[2]) continue;
    session.outgoing.line(`* ${position + 1} FETCH (${isUid ? `UID ${message.uid} ` : ''}FLAGS ${session.flagsOf(message)})`);
    await session.outgoing.ready();
  }
  return 'OK STORE completed.';
}

function changed(before: ReadonlySet<Flag>, sign: string, flags: readonly Flag[]): Iterable<Flag> {
  if (sign === '+') return new Set([...before, ...flags]);
  if (sign === '-') return [...before].filter((flag) => !flags.includes(flag));
  return flags;
}

function chosen(view: View, command: Command): readonly Message[] {
  const positions = positionsIn(view.messages, textOf(command.args[0]), command.name.startsWith('UID '));
  return positions.flatMap((position) => view.messages[position] ?? []);
}

/** RFC 3501 §6.4.7: a missing target is refused with TRYCREATE. */
function target(session: Session, command: Command): Folder {
  const wireName = textOf(command.args[1]);
  try {
    return session.folder(wireName);
  } catch (error) {
    throw error instanceof Refusal && error.reply.startsWith('NO ') ? new Refusal(`NO [TRYCREATE] ${wireName} doesn't exist.`) : error;
  }
}

function copyInto(folder: Folder, messages: readonly Message[]): readonly Message[] {
  return messages.map((message) => folder.deliver(message.chunks, { internalDate: message.internalDate, flags: message.flags }));
}

/** COPYUID of UIDPLUS. RFC 4315 §3. M365 (recorded): malformed `[COPYUID 983  ]` has been seen; scenario `empty-copyuid`. */
function copyUid(mailbox: Mailbox, folder: Folder, from: readonly Message[], to: readonly Message[]): string {
  if (mailbox.quirks.emptyCopyUid) return `[COPYUID ${folder.uidValidity}  ] `;
  if (from.length === 0) return '';
  return `[COPYUID ${folder.uidValidity} ${asSet(from)} ${asSet(to)}] `;
}

function asSet(messages: readonly Message[]): string {
  const runs: [number, number][] = [];
  for (const { uid } of messages) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === uid) last[1] = uid;
    else runs.push([uid, uid]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}:${to}`)).join(',');
}

export function copy(session: Session, command: Command): string {
  const messages = chosen(session.openView(), command);
  const folder = target(session, command);
  const copies = copyInto(folder, messages);
  return `OK ${copyUid(session.openMailbox(), folder, messages, copies)}COPY completed.`;
}

/** RFC 6851. */
export function move(session: Session, command: Command): string {
  const view = session.writableView();
  const messages = chosen(view, command);
  const folder = target(session, command);
  const copies = copyInto(folder, messages);
  const code = copyUid(session.openMailbox(), folder, messages, copies);
  if (code !== '') session.outgoing.line(`* OK ${code.trimEnd()}`);
  view.folder.remove(new Set(messages));
  session.writeChanges(true);
  return 'OK MOVE completed.';
}

/** Removes what is marked deleted; all of it, or only the messages given. */
export function expungeDeleted(view: View, among?: readonly Message[]): void {
  view.folder.remove(new Set((among ?? view.messages).filter((message) => message.flags.has('\\Deleted'))));
}

export function expunge(session: Session, command: Command): string {
  const view = session.writableView();
  expungeDeleted(view, command.name === 'UID EXPUNGE' ? chosen(view, command) : undefined);
  session.writeChanges(true);
  return 'OK EXPUNGE completed.';
}

/** APPEND folder [flags] [date] literal. RFC 3501 §6.3.11, APPENDUID of RFC 4315 §3. */
export function append(session: Session, command: Command): string {
  const [name, ...rest] = command.args;
  const folder = session.folder(textOf(name));
  const message = rest.pop();
  const flags = rest[0]?.kind === 'list' ? flagsIn(listOf(rest.shift())) : [];
  const date = rest.shift();
  if (message?.kind !== 'string' || rest.length > 0) throw badArgument();
  const internalDate =
    date === undefined
      ? session.tenant.now()
      : new Date(
          textOf(date)
            .trim()
            .replace(/-/g, (dash, at) => (at < 8 ? ' ' : dash)),
        );
  if (Number.isNaN(internalDate.getTime())) throw badArgument();
  const stored = folder.deliver([message.bytes], { internalDate, flags });
  return `OK [APPENDUID ${folder.uidValidity} ${stored.uid}] APPEND completed.`;
}
