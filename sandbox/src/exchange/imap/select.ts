/**
 * Commands that open, watch and close a folder: SELECT, EXAMINE, CLOSE, UNSELECT, CHECK, IDLE.
 *
 * The hard thing is IDLE: the session waits for DONE while the folder speaks, and either may end the connection. RFC 2177.
 */

import { knownFlags } from '../../folder.ts';
import { badCommand, type Command, textOf } from './command.ts';
import type { Session } from './session.ts';
import { expungeDeleted } from './store.ts';

/** M365 (recorded): FLAGS, and PERMANENTFLAGS without `\*`: no keywords of one's own. */
export function select(session: Session, command: Command): string {
  return open(session, command, false);
}

export function examine(session: Session, command: Command): string {
  return open(session, command, true);
}

function open(session: Session, command: Command, isReadOnly: boolean): string {
  const mailbox = session.openMailbox();
  if (mailbox.quirks.unavailable) {
    mailbox.quirks.unavailable -= 1;
    session.end('* BAD Server Unavailable. 15');
    return '';
  }
  // RFC 3501 §6.3.1: a failed SELECT leaves no folder open.
  session.deselect();
  const folder = session.folder(textOf(command.args[0]));
  const view = session.select(folder, isReadOnly);
  const recent = Math.max(0, view.messages.filter((message) => view.isRecent(message)).length);
  const flags = knownFlags.join(' ');
  const { outgoing } = session;
  outgoing.line(`* ${view.messages.length} EXISTS`);
  outgoing.line(`* ${recent} RECENT`);
  outgoing.line(`* FLAGS (${flags})`);
  outgoing.line(`* OK [PERMANENTFLAGS (${isReadOnly ? '' : flags})] Permanent flags`);
  const unseen = view.messages.findIndex((message) => !message.flags.has('\\Seen'));
  if (unseen >= 0) outgoing.line(`* OK [UNSEEN ${unseen + 1}] Is the first unseen message`);
  outgoing.line(`* OK [UIDVALIDITY ${folder.uidValidity}] UIDVALIDITY value`);
  outgoing.line(`* OK [UIDNEXT ${folder.uidNext}] The next unique identifier value`);
  return isReadOnly ? 'OK [READ-ONLY] EXAMINE completed.' : 'OK [READ-WRITE] SELECT completed.';
}

/** RFC 3501 §6.4.2: CLOSE removes what is marked deleted, without EXPUNGE lines, unless the folder is read-only. */
export function close(session: Session): string {
  const view = session.openView();
  if (!view.isReadOnly) expungeDeleted(view);
  session.deselect();
  return 'OK CLOSE completed.';
}

export function unselect(session: Session): string {
  session.openView();
  session.deselect();
  return 'OK UNSELECT completed.';
}

export function check(session: Session): string {
  session.openView();
  return 'OK CHECK completed.';
}

export async function idle(session: Session): Promise<string> {
  const mailbox = session.openMailbox();
  session.outgoing.line('+ IDLE accepted, awaiting DONE command.');
  session.writeChanges(true);
  session.outgoing.flush();
  const after = mailbox.quirks.expires?.afterIdleMs;
  const expiry = after === undefined ? undefined : setTimeout(() => session.expire(), after);
  session.isIdling = true;
  try {
    if (session.isExpired) session.expire();
    const line = await session.incoming.line();
    if (line.toUpperCase() !== 'DONE') throw badCommand();
  } finally {
    session.isIdling = false;
    clearTimeout(expiry);
  }
  return 'OK IDLE completed.';
}
