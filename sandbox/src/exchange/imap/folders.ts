/**
 * Commands on folders that are not open: LIST, LSUB, STATUS, NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.
 *
 * The hard thing is the names: modified UTF-7 on the wire, `/` between the levels, INBOX in any case, wildcards over all of it.
 */

import { Folder } from '../../folder.ts';
import { folderOf, type Mailbox } from '../../tenant.ts';
import { badArgument, type Command, listOf, Refusal, textOf } from './command.ts';
import type { Session } from './session.ts';
import { decodeFolderName, encodeFolderName, quote } from './utf7.ts';

/** M365 (recorded): separator `/`, no shared namespace. */
export function namespace(session: Session): string {
  session.openMailbox();
  session.outgoing.line('* NAMESPACE (("" "/")) NIL NIL');
  return 'OK NAMESPACE completed.';
}

export function list(session: Session, command: Command): string {
  return listFolders(session, command, 'LIST', () => true);
}

export function lsub(session: Session, command: Command): string {
  return listFolders(session, command, 'LSUB', (folder) => folder.subscribed);
}

function listFolders(session: Session, command: Command, word: 'LIST' | 'LSUB', wanted: (folder: Folder) => boolean): string {
  const mailbox = session.openMailbox();
  const reference = textOf(command.args[0]);
  const pattern = textOf(command.args[1]);
  if (command.args.length !== 2) throw badArgument();
  if (pattern === '') {
    session.outgoing.line(`* ${word} (\\Noselect \\HasChildren) "/" ""`);
    return `OK ${word} completed.`;
  }
  const matches = matcher(reference + pattern);
  for (const folder of mailbox.folders) {
    const wire = encodeFolderName(folder.name);
    if (!wanted(folder) || !matches(wire)) continue;
    const children = mailbox.folders.some((other) => other.name.startsWith(`${folder.name}/`)) ? '\\HasChildren' : '\\HasNoChildren';
    const attributes = [children, folder.attribute].filter((one) => one !== '').join(' ');
    // M365 (recorded): the Inbox may be listed as `Inbox`.
    const shown = folder.name === 'INBOX' ? (mailbox.quirks.mixedCaseInbox ? 'Inbox' : 'INBOX') : wire;
    session.outgoing.line(`* ${word} (${attributes}) "/" ${/^[A-Za-z0-9]+$/.test(shown) ? shown : quote(shown)}`);
  }
  return `OK ${word} completed.`;
}

/** RFC 3501 §6.3.8: `*` is anything, `%` anything without the separator. */
function matcher(pattern: string): (wire: string) => boolean {
  const source = pattern.replace(/[.*+?^${}()|[\]\\%]/g, (one) => (one === '*' ? '.*' : one === '%' ? '[^/]*' : `\\${one}`));
  const exact = new RegExp(`^${source}$`, 's');
  const anyCase = new RegExp(`^${source}$`, 'is');
  return (wire) => (wire === 'INBOX' ? anyCase : exact).test(wire);
}

const statusItems: Readonly<Record<string, (folder: Folder) => number>> = {
  MESSAGES: (folder) => folder.messages.length,
  RECENT: (folder) => folder.messages.filter((message) => message.uid >= folder.recentFrom).length,
  UIDNEXT: (folder) => folder.uidNext,
  UIDVALIDITY: (folder) => folder.uidValidity,
  UNSEEN: (folder) => folder.messages.filter((message) => !message.flags.has('\\Seen')).length,
};

export function status(session: Session, command: Command): string {
  const folder = session.folder(textOf(command.args[0]));
  const answers = listOf(command.args[1]).map((item) => {
    const name = textOf(item).toUpperCase();
    const count = statusItems[name];
    if (!count) throw badArgument();
    return `${name} ${count(folder)}`;
  });
  session.outgoing.line(`* STATUS ${quote(encodeFolderName(folder.name))} (${answers.join(' ')})`);
  return 'OK STATUS completed.';
}

function newName(mailbox: Mailbox, wire: string): string {
  const name = decodeFolderName(wire).replace(/\/$/, '');
  if (name === '' || name.split('/').includes('')) throw badArgument();
  if (folderOf(mailbox, name)) throw new Refusal('NO Folder already exists.');
  return name;
}

/** Next UIDVALIDITY: above every one of this mailbox, so that a re-created folder never has an old one. RFC 3501 §2.3.1.1. */
export function nextUidValidity(mailbox: Mailbox): number {
  return Math.max(...mailbox.folders.map((folder) => folder.uidValidity)) + 1;
}

export function create(session: Session, command: Command): string {
  const mailbox = session.openMailbox();
  const name = newName(mailbox, textOf(command.args[0]));
  const levels = name.split('/');
  for (let depth = 1; depth <= levels.length; depth += 1) {
    const path = levels.slice(0, depth).join('/');
    if (!folderOf(mailbox, path)) mailbox.folders.push(new Folder({ name: path, uidValidity: nextUidValidity(mailbox) }));
  }
  return 'OK CREATE completed.';
}

export function remove(session: Session, command: Command): string {
  const mailbox = session.openMailbox();
  const folder = session.folder(textOf(command.args[0]));
  if (folder.name === 'INBOX' || folder.attribute !== '') throw new Refusal('NO Cannot delete a default folder.');
  mailbox.folders.splice(mailbox.folders.indexOf(folder), 1);
  if (session.view?.folder === folder) session.deselect();
  folder.endSessions();
  return 'OK DELETE completed.';
}

export function rename(session: Session, command: Command): string {
  const mailbox = session.openMailbox();
  const folder = session.folder(textOf(command.args[0]));
  if (folder.name === 'INBOX') throw new Refusal('NO Cannot rename a default folder.');
  renameFolder(mailbox, folder, newName(mailbox, textOf(command.args[1])));
  return 'OK RENAME completed.';
}

/** Renames a folder and all below it. */
export function renameFolder(mailbox: Mailbox, folder: Folder, name: string): void {
  const before = folder.name;
  for (const one of mailbox.folders) {
    if (one.name === before || one.name.startsWith(`${before}/`)) one.name = name + one.name.slice(before.length);
  }
}

export function subscribe(session: Session, command: Command): string {
  session.folder(textOf(command.args[0])).subscribed = true;
  return 'OK SUBSCRIBE completed.';
}

export function unsubscribe(session: Session, command: Command): string {
  session.folder(textOf(command.args[0])).subscribed = false;
  return 'OK UNSUBSCRIBE completed.';
}
