/** Every command that the server knows, one line each: the table that `listen.ts` looks in. */

import type { Command } from './command.ts';
import { fetch } from './fetch.ts';
import { create, list, lsub, namespace, remove, rename, status, subscribe, unsubscribe } from './folders.ts';
import { authenticate, capability, id, login, logout, noop } from './login.ts';
import { search } from './search.ts';
import { check, close, examine, idle, select, unselect } from './select.ts';
import type { Session } from './session.ts';
import { append, copy, expunge, move, store } from './store.ts';

/** Does the command and returns its tagged answer without the tag; '' when the session ends without one. Throws Refusal. */
export type Handler = (session: Session, command: Command) => string | Promise<string>;

export const commands: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['APPEND', append],
  ['AUTHENTICATE', authenticate],
  ['CAPABILITY', capability],
  ['CHECK', check],
  ['CLOSE', close],
  ['COPY', copy],
  ['CREATE', create],
  ['DELETE', remove],
  ['EXAMINE', examine],
  ['EXPUNGE', expunge],
  ['FETCH', fetch],
  ['ID', id],
  ['IDLE', idle],
  ['LIST', list],
  ['LOGIN', login],
  ['LOGOUT', logout],
  ['LSUB', lsub],
  ['MOVE', move],
  ['NAMESPACE', namespace],
  ['NOOP', noop],
  ['RENAME', rename],
  ['SEARCH', search],
  ['SELECT', select],
  ['STATUS', status],
  ['STORE', store],
  ['SUBSCRIBE', subscribe],
  ['UID COPY', copy],
  ['UID EXPUNGE', expunge],
  ['UID FETCH', fetch],
  ['UID MOVE', move],
  ['UID SEARCH', search],
  ['UID STORE', store],
  ['UNSELECT', unselect],
  ['UNSUBSCRIBE', unsubscribe],
]);

/** Commands whose answer must not renumber messages. RFC 3501 §7.4.1. */
export const keepsNumbers: ReadonlySet<string> = new Set(['FETCH', 'STORE', 'SEARCH']);

/** Commands that count against the request budget. M365 (assumed): which ones do is not public. */
export const throttled: ReadonlySet<string> = new Set(['SELECT', 'EXAMINE', 'SEARCH', 'UID SEARCH', 'FETCH', 'UID FETCH']);
