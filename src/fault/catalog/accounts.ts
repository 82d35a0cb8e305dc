/** Faults of the accounts: users, sessions, API tokens and the access log. */
import type { FaultEntry } from '../entry.ts';

export const accountsFaults = {
  'accounts.unreadable': {
    says: 'The accounts could not be read.',
    cause: 'The operating system refused to open their file, or SQLite found that it is damaged (its own words are in the evidence).',
    fix: 'Look at the rights of `accounts.sqlite` in the data folder with `ls -l`. If it is damaged, restore it from a backup with the service stopped; it holds the access log, so it is never begun anew by itself.',
    retry: 'never',
  },
  'accounts.unwritable': {
    says: 'The accounts could not be written; whatever has to stand in the access log first was not shown.',
    cause: 'The operating system or the database refused (its own words are in the evidence).',
    fix: 'Free space on the disk of the data folder (`df -h`), or give the user that Postern runs as the right to write there.',
    retry: 'soon',
  },
  'accounts.newer-format': {
    says: 'The accounts were written by a newer version of Postern.',
    cause: 'The format number of the file (in the evidence) is greater than the one that this version knows.',
    fix: 'Use the version of Postern that wrote it, or a newer one.',
    retry: 'never',
  },
  'accounts.last-administrator': {
    says: 'This is the last administrator who may log in.',
    cause: 'After the change nobody could make users, sources or tokens any more.',
    fix: 'Make another user an administrator first, then repeat the change.',
    retry: 'never',
  },
  'accounts.user-unknown': {
    says: 'There is no user of this name.',
    cause: 'The name in the evidence stands in none of the accounts; names are written in small letters.',
    fix: 'See the users with `postern user list`.',
    retry: 'never',
  },
  'accounts.user-exists': {
    says: 'There is a user of this name already.',
    cause: 'The name in the evidence is taken; the access log knows people by it, so it is given once.',
    fix: 'Choose another name, or set a new password for this one with `postern user password NAME`.',
    retry: 'never',
  },
  'accounts.user-changed': {
    says: 'Somebody else has changed this user in the meantime, and nothing was done.',
    cause: 'Role, or whether the user may log in, is not what was seen before; how it is now, and who did it and when, is in the evidence.',
    fix: 'Look at the user once more, and repeat the change if it is still wanted.',
    retry: 'never',
  },
  'accounts.token-unknown': {
    says: 'There is no API token with this ID.',
    cause: 'It was revoked, or has expired and was cleared away.',
    fix: 'See those that there are on the page Tokens of the console.',
    retry: 'never',
  },
  'accounts.password-unfit': {
    says: 'This password is not taken.',
    cause: 'It has fewer than 12 characters or more than 200, or it is the user name or a word that is tried first.',
    fix: 'Choose another one: a sentence of several words is long and can be remembered.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
