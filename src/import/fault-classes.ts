/**
 * What a fault of a mailbox means to the import, whatever protocol it came by. The one place that sorts them, so that a protocol is
 * added here and nowhere else.
 */
import type { FaultCode } from '../fault/catalog.ts';
import { type Fault, isFault } from '../fault/fault.ts';

const classes = {
  /** The server asks for a pause; the same may be asked again on the same connection. */
  throttled: ['imap.throttled', 'pop.throttled'],
  /** The session has outlived its token: no failure, a new one is asked for. */
  'token-expired': ['imap.token-expired', 'pop.token-expired'],
  /** The server refused the login. */
  'login-refused': ['imap.authenticate-refused', 'pop.authenticate-refused', 'pop.logon-refused'],
  /** The login was accepted and the mailbox does not open: passes by itself on one that worked before. */
  'not-connected': ['imap.not-connected'],
  /** The server refused one command; the connection stays usable and others may be asked. */
  refused: ['imap.refused', 'imap.bad-command', 'pop.refused'],
  /** A fault of one folder that leaves the connection and the other folders alone. */
  folder: ['imap.folder-unknown', 'imap.refused', 'imap.bad-command', 'pop.refused', 'import.incomplete', 'import.pattern-unmatched'],
  /** The connection ended in the middle: perhaps by the message that was just coming. */
  cut: [
    'imap.closed-by-server',
    'imap.protocol',
    'pop.closed-by-server',
    'pop.protocol',
    'pop.protocol-error-closed',
    'network.connection-lost',
    'network.timeout',
  ],
  /** The server has as many connections of this mailbox as it wants, or says so by hanging up. */
  crowded: [
    'imap.throttled',
    'imap.closed-by-server',
    'imap.server-unavailable',
    'imap.not-connected',
    'pop.throttled',
    'pop.mailbox-locked',
    'pop.login-delay',
    'pop.closed-by-server',
    'pop.server-unavailable',
  ],
} as const satisfies Record<string, readonly FaultCode[]>;

export type FaultClass = keyof typeof classes;

/** Whether `error` is a fault of one of these classes. */
export function isOf(error: unknown, ...names: readonly FaultClass[]): error is Fault {
  return names.some((name) => isFault(error, ...classes[name]));
}
