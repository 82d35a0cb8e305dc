/** Faults of the sources that were made in the console: their store, the key of their secrets, and the tests of them. */
import type { FaultEntry } from '../entry.ts';

export const definitionsFaults = {
  'definitions.unreadable': {
    says: 'The sources that were made in the console cannot be read.',
    cause: 'The operating system refused to open a file of the folder `sources` (the error and the file are in the evidence).',
    fix: 'Give the user that Postern runs as the right to read the data folder: `ls -l` shows whose its files are.',
    retry: 'never',
  },
  'definitions.unwritable': {
    says: 'The change was not kept: nothing can be written beside the sources of the console.',
    cause: 'The operating system refused it with the error in the evidence; what was there before is still there.',
    fix: 'Free space on the disk of the data folder (`df -h`), or give the user that Postern runs as the right to write in it; then repeat the change.',
    retry: 'soon',
  },
  'definitions.damaged': {
    says: 'A source that was made in the console is damaged and not begun.',
    cause: 'Its file is cut off, is no JSON, or does not bear the checksum of what it says: something other than Postern changed it.',
    fix: 'Restore the named file from a backup, or delete the source in the console and make it anew under the same name: what it imported is kept.',
    retry: 'never',
  },
  'definitions.pauses-damaged': {
    says: 'Which sources are paused cannot be told any more.',
    cause: 'The file in the evidence is no list that this version wrote. Nothing begins, since a source that somebody has stopped might.',
    fix: 'Restore the file from a backup; or remove it, start the service, and pause again what is to rest.',
    retry: 'never',
  },
  'definitions.newer-format': {
    says: 'A source of the console was written by a newer version of Postern.',
    cause: 'The file in the evidence names a format that this version does not know.',
    fix: 'Use the version of Postern that wrote it, or a newer one.',
    retry: 'never',
  },
  'definitions.key-wrong': {
    says: 'The secret of a source was encrypted with another key than the one that is here.',
    cause:
      'The key ids in the evidence differ. Most often the data folder was restored or moved without its `secrets.key`, or `service.key` names another key.',
    fix: 'Put the old key back: into `secrets.key` in the data folder or where `service.key` points, as a further line. Or type the secret in again on the page of the source.',
    retry: 'never',
  },
  'definitions.key-unusable': {
    says: 'The key for the secrets of the console cannot be used.',
    cause: 'It could not be had, or one of its lines has fewer than 32 characters (what was seen is in the evidence).',
    fix: 'Make one with `openssl rand -base64 32`, and keep it where `service.key` points, one key a line and the newest first.',
    retry: 'never',
  },
  'definitions.key-not-ours': {
    says: 'This key is not changed by Postern.',
    cause: '`service.key` of the configuration says where it comes from, and whoever keeps it there makes new ones.',
    fix: 'Put a new key in front of the old one (one a line), then run the same command again: the secrets are encrypted anew with the first. Afterwards remove the old line.',
    retry: 'never',
  },
  'definitions.of-file': {
    says: 'This source stands in the configuration file and is not changed here.',
    cause: 'The console changes only what was made in it, so that file and service never say different things.',
    fix: 'Change it in the file that the evidence names, and have it read again: *Read the file again* on the page Sources, or SIGHUP to `postern serve`.',
    retry: 'never',
  },
  'definitions.shadowed': {
    says: 'A source of the console has the same name as one of the configuration file, which wins.',
    cause: 'The name came into the file after the source had been made in the console.',
    fix: 'Rename the one in the file, or delete the one in the console.',
    retry: 'never',
  },
  'definitions.name-taken': {
    says: 'There is a source of this name already.',
    cause: 'Names are given once, and two that differ in capital letters only would be confused.',
    fix: 'Choose another name; the archive keeps it for ever.',
    retry: 'never',
  },
  'definitions.changed-meanwhile': {
    says: 'Somebody else has changed this source in the meantime, and nothing of this was saved.',
    cause: 'What is kept is not the revision that was looked at before; who changed it and when is in the evidence.',
    fix: 'Look at what is kept now, then take it over, or save again over it on purpose.',
    retry: 'never',
  },
  'definitions.secret-wanted': {
    says: 'The secret has to be typed in again.',
    cause:
      'None is kept for this source, or it was given for another tenant, app or server than the one named now, and it is sent nowhere else.',
    fix: 'Copy it from where it was made into the form; of a client secret that nobody has any more, add a new one under Certificates & secrets.',
    retry: 'never',
  },
  'tests.too-many': {
    says: 'Too many tests, or sign-ins of administrators, are running.',
    cause:
      'Four of each go on at once, at most. A test takes some seconds, and two minutes where a server does not answer; a sign-in lasts until its code is used or nobody looks at it any more.',
    fix: 'Wait until one of them has ended, or stop it in the console.',
    retry: 'soon',
  },
} as const satisfies Record<string, FaultEntry>;
