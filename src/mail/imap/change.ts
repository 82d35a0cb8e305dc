/**
 * What changes messages in the open folder: marks as read, moves, removes. RFC 9051 §6.4.6 to §6.4.9, MOVE of RFC 6851, UIDPLUS of RFC 4315.
 *
 * The hard thing is to touch these messages and no others. EXPUNGE without UIDs removes whatever anybody has marked as deleted, so it is
 * never sent, and a server without UIDPLUS is not asked to remove anything. Each command names its UIDs; those that are gone already
 * are passed over by the server (RFC 9051 §6.4.9), so every step may be repeated.
 */
import { Fault, isFault } from '../../fault/fault.ts';
import type { StatusText } from './responses.ts';
import { expandSet, uidSets } from './sequence.ts';
import { astring, type CommandPart, type Session } from './session.ts';
import { encodeUtf7 } from './utf7.ts';

/** {@link ImapMoved} while it is being told. */
interface Told {
  uidValidity: number | undefined;
  readonly uids: Map<number, number>;
}

/** Few enough that a server has done one command before it looks hung; a step that breaks has done whole commands. */
const perCommand = 500;
const bytesAroundCommand = 100;

export interface ImapMoved {
  /** UIDVALIDITY of the target; undefined where the server did not tell. */
  readonly uidValidity: number | undefined;
  /** New UID by old UID, as far as the server told. */
  readonly uids: ReadonlyMap<number, number>;
}

/** Whether single messages can be removed: UID EXPUNGE is of UIDPLUS, and part of IMAP4rev2. */
export function canRemove({ capabilities }: Session): boolean {
  return capabilities.has('UIDPLUS') || capabilities.has('IMAP4REV2');
}

/** Whether messages can be moved without touching others: by MOVE, or by COPY and then removing. */
export function canMove(session: Session): boolean {
  return hasMove(session) || canRemove(session);
}

function hasMove({ capabilities }: Session): boolean {
  return capabilities.has('MOVE') || capabilities.has('IMAP4REV2');
}

/** Adds a flag, silently. @throws Fault of a refusal */
export async function addFlag(session: Session, uids: readonly number[], flag: '\\Seen' | '\\Deleted'): Promise<void> {
  for (const set of sets(session, uids)) await session.run([`UID STORE ${set} +FLAGS.SILENT (${flag})`]);
}

/** Marks as deleted and removes these, by UID EXPUNGE only. @throws Fault `imap.cannot-change` without UIDPLUS; of a refusal */
export async function remove(session: Session, uids: readonly number[]): Promise<void> {
  if (!canRemove(session)) throw cannot(session, 'remove');
  for (const set of sets(session, uids)) {
    await session.run([`UID STORE ${set} +FLAGS.SILENT (\\Deleted)`]);
    await session.run([`UID EXPUNGE ${set}`]);
  }
}

/**
 * Moves into a folder, by its decoded name, which is made where it is missing.
 * @throws Fault `imap.cannot-change` where only a bare EXPUNGE would do; of a refusal. What the commands before it moved stays moved.
 */
export async function move(session: Session, uids: readonly number[], target: string): Promise<ImapMoved> {
  if (!canMove(session)) throw cannot(session, 'move');
  const moved: Told = { uidValidity: undefined, uids: new Map() };
  const note = (told: StatusText): void => noteCopyUid(told, moved, session.limits.maxSearchResults);
  const verb = hasMove(session) ? 'UID MOVE' : 'UID COPY';
  const name = astring(session.rawNames.get(target) ?? encodeUtf7(target));
  for (const set of sets(session, uids)) {
    const command: readonly CommandPart[] = [`${verb} ${set} `, name];
    const transfer = async (): Promise<void> =>
      note(await session.run(command, { purpose: 'open', onResponse: (response) => response.kind === 'status' && note(response) }));
    try {
      await transfer();
    } catch (error) {
      if (!isFault(error, 'imap.folder-unknown')) throw error;
      await create(session, name);
      await transfer();
    }
    // RFC 6851 §3.3: what MOVE does, in its own order; between the two commands the message is in both folders, never in none.
    if (verb === 'UID COPY') {
      await session.run([`UID STORE ${set} +FLAGS.SILENT (\\Deleted)`]);
      await session.run([`UID EXPUNGE ${set}`]);
    }
  }
  return moved;
}

/** Somebody else may have made it a moment ago: then the next command shows it. */
async function create(session: Session, name: CommandPart): Promise<void> {
  try {
    await session.run(['CREATE ', name]);
  } catch (error) {
    if (!isFault(error, 'imap.refused')) throw error;
  }
}

/** RFC 4315 §3. M365 (recorded): `[COPYUID 983  ]`, without the UIDs, has been seen; what cannot be read tells nothing. */
function noteCopyUid({ code }: StatusText, moved: Told, maxUids: number): void {
  if (code?.name !== 'COPYUID') return;
  const match = /^(\d{1,10}) +([\d:,]+) +([\d:,]+)$/.exec(code.argument);
  if (match === null) return;
  const [from, to] = [readable(match[2] ?? '', maxUids), readable(match[3] ?? '', maxUids)];
  if (from === undefined || from.length !== to?.length) return;
  moved.uidValidity = Number(match[1]);
  for (const [at, uid] of from.entries()) moved.uids.set(uid, to[at] ?? 0);
}

/** The UIDs of a set; undefined where it is none. */
function readable(set: string, maxUids: number): readonly number[] | undefined {
  try {
    return expandSet(set, maxUids);
  } catch (error) {
    if (isFault(error, 'imap.protocol')) return undefined;
    throw error;
  }
}

function* sets(session: Session, uids: readonly number[]): Generator<string, void, void> {
  for (const { text } of uidSets(uids, perCommand, session.limits.maxCommandBytes - bytesAroundCommand)) yield text;
}

function cannot(session: Session, what: string): Fault {
  return new Fault('imap.cannot-change', { ...session.where, what, capabilities: [...session.capabilities].join(' ').slice(0, 1000) });
}
