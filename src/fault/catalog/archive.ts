/** Faults of the archive: what keeps it from storing, finding or proving. */
import type { FaultEntry } from '../entry.ts';

export const archiveFaults = {
  'archive.not-found': {
    says: 'There is no archive in the data folder.',
    cause: 'The folder (in the evidence) has no file `archive/archive.sqlite`.',
    fix: 'Check `data:` in the configuration file, or bring mail in first: `postern import run --once`.',
    retry: 'never',
  },
  'archive.in-use': {
    says: 'Another process is writing to this archive.',
    cause: 'The lock of the data folder is held; the operating system takes it back by itself when its holder ends.',
    fix: 'End the other process (its id is in the evidence when it could be read) or let it finish. Reading (`archive search`, `show`, `verify`) works beside it.',
    retry: 'after-wait',
  },
  'archive.disk-full': {
    says: 'The disk is full: nothing more can be archived.',
    cause: 'The operating system refused to write for want of room (ENOSPC or SQLITE_FULL).',
    fix: 'Free room where the data folder lies (`df -h`), or move it, and run the import again: it goes on where it stopped, nothing is lost.',
    retry: 'never',
  },
  'archive.write-failed': {
    says: 'The archive could not be written.',
    cause: 'The operating system or the database refused (its own words are in the evidence).',
    fix: 'Look at the rights and the state of the data folder (`ls -ld`, `dmesg`), mend it, and run the import again.',
    retry: 'never',
  },
  'archive.read-failed': {
    says: 'The archive could not be read.',
    cause: 'The operating system or the database refused (its own words are in the evidence); nothing was found to be damaged.',
    fix: 'Look at the rights and the state of the data folder (`ls -l`, `dmesg`); read as the user that the import runs as. A copy where nothing may be written can be read unless a `-wal` file with content lies in it: copy it to where it may be written.',
    retry: 'never',
  },
  'archive.damaged': {
    says: 'The archive has a damaged place.',
    cause: 'SQLite found a page that does not make sense (SQLITE_CORRUPT or SQLITE_NOTADB), or the tables are not those that Postern made.',
    fix: 'Run `postern archive verify` to see how much is affected, copy the data folder away, check the disk, and restore from a backup; what the server still has is fetched again.',
    retry: 'never',
  },
  'archive.index-damaged': {
    says: 'The search index has a damaged place; the messages themselves are not touched by that.',
    cause: 'SQLite found a page of `index.sqlite` that does not make sense, or what is written there cannot be read.',
    fix: 'Make the index again from the stored bytes: `postern archive reindex`.',
    retry: 'never',
  },
  'archive.deriving-stopped': {
    says: 'What is archived from here on cannot be found by a search until the index goes on.',
    cause:
      'The part of Postern that reads messages for the search index ended (what was seen is in the evidence); the messages themselves are archived.',
    fix: 'It is tried again by itself, after growing waits, and what is missing is then made up for. If it does not go on: give the machine more memory if it is short of it (`free -m`), start the import again, and if that does not help: `postern archive reindex`.',
    retry: 'never',
  },
  'archive.newer-format': {
    says: 'The archive was written by a newer version of Postern.',
    cause: 'Its format number (in the evidence) is greater than the one that this version knows.',
    fix: 'Use the version of Postern that wrote it, or a newer one.',
    retry: 'never',
  },
  'archive.body-changed': {
    says: 'The stored bytes of a message are not those that arrived.',
    cause: 'Their SHA-256 differs from the one in the ledger.',
    fix: 'Take the data folder out of use, restore this message from a backup, and find out who or what wrote to the disk.',
    retry: 'never',
  },
  'archive.body-missing': {
    says: 'The bytes of a message are not there.',
    cause: 'The ledger names a body file that does not exist or cannot be read.',
    fix: 'Restore the file (its name is the SHA-256 in the evidence, below `archive/bodies`) from a backup.',
    retry: 'never',
  },
  'archive.chain-broken': {
    says: 'A row of the ledger, or of what was done on servers, was changed, taken out or put in.',
    cause:
      'The link computed from the row and its predecessor differs from the stored one, rows are missing, or a message, a cursor or a step on a server has no row that stands for it.',
    fix: 'Take the data folder out of use and compare the ledger with a backup; rows before the first broken link are proven.',
    retry: 'never',
  },
  'archive.unknown-message': {
    says: 'No message has this id.',
    cause: 'No SHA-256 in the archive begins with what was given.',
    fix: 'Copy the id from the output of `postern archive search`.',
    retry: 'never',
  },
  'archive.unknown-attachment': {
    says: 'The message has no such attachment.',
    cause: 'The number that was asked for (in the evidence, from 0) is not below the number of its attachments.',
    fix: 'Take the link from the page of the message, or the place in `attachments` of `postern archive show ID --json`.',
    retry: 'never',
  },
  'archive.query-too-slow': {
    says: 'The search took too long and was given up.',
    cause: 'It was not answered within the seconds in the evidence; a search for very short beginnings of words goes through the most.',
    fix: 'Make it narrower: longer words, a `since:`, a `source:` or a person. If short searches take long too, look at the load of the machine.',
    retry: 'after-wait',
  },
  'archive.unknown-conversation': {
    says: 'Nothing has this id: no thread, no item of a conversation, no message.',
    cause: 'No derived message belongs to such a thread or is called so, and no SHA-256 in the archive begins with what was given.',
    fix: 'Copy an id from the output of `postern archive search`; the id of a thread stands in `postern archive show`. If messages are not searchable yet (`postern archive stats`), wait for them.',
    retry: 'never',
  },
  'archive.not-derived': {
    says: 'This message is archived, but not read yet: what it says is not known.',
    cause: 'The index has no record of it; it follows what arrives, and may be behind or being made again.',
    fix: 'Look at `postern archive stats`; with `postern archive reindex`, or while an import runs, the index catches up. `postern archive show ID --raw` shows the bytes at once.',
    retry: 'after-wait',
  },
  'archive.ambiguous-id': {
    says: 'More than one message begins with this id.',
    cause: 'The given digits fit several SHA-256 values, or are fewer than four.',
    fix: 'Give more digits of the id.',
    retry: 'never',
  },
  'archive.query-unreadable': {
    says: 'The search cannot be read.',
    cause: 'A part of it (in the evidence) is not a word, a "phrase", or a known `field:value`.',
    fix: 'See `postern archive search --help` for the fields and their form.',
    retry: 'never',
  },
  'archive.export-target': {
    says: 'The folder to export to cannot be used.',
    cause: 'It holds files already, or cannot be written (in the evidence): an export never overwrites.',
    fix: 'Name an empty or new folder.',
    retry: 'never',
  },
  'archive.backup-target': {
    says: 'The folder to back up to cannot be used.',
    cause:
      'It is the data folder, lies in it or around it, cannot be written, or holds something that is no backup of ours (in the evidence).',
    fix: 'Name an empty or new folder, best on another disk, or the one that an earlier `postern archive backup` wrote.',
    retry: 'never',
  },
  'archive.backup-ahead': {
    says: 'The earlier backup in this folder is not a beginning of the archive that is to be backed up.',
    cause: 'The last row of its chain (number in the evidence) is not in the archive, or has another link there.',
    fix: 'Keep that folder as it is. If the archive was restored from an older backup, or is another one, back it up into a new folder; else find out with `postern archive verify` what happened to it.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
