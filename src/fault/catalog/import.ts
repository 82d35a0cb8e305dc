/** Faults of an import as a whole: what no single answer of a server says. */
import type { FaultEntry } from '../entry.ts';

export const importFaults = {
  'import.mailbox-unavailable': {
    says: 'The mailbox does not open now, though it did before.',
    cause:
      'The login was accepted, then the server answered "User is authenticated but not connected", on a mailbox that this archive has mail of.',
    fix: 'Nothing at first, it is tried again: most often the server is throttling, holds too many connections of this mailbox, or has an incident (see the service health page of the Microsoft 365 admin centre). If it stays for hours, see whether the grant was taken back: `Get-MailboxPermission MAILBOX`.',
    retry: 'soon',
  },
  'import.incomplete': {
    says: 'The server has messages of this folder that did not come.',
    cause:
      'What was seen is in the evidence: after several rounds the folder still listed UIDs without a row in the ledger, or the server counted more messages than it listed, gave none of their content, ended the connection at the same ones each time, or numbered the folder anew again and again.',
    fix: 'Run the import again: most often mail arrived faster than it could be brought in, or was just arriving. If the number stays the same, keep the output and report it.',
    retry: 'soon',
  },
  'import.pattern-unmatched': {
    says: 'A pattern of `folders:` found no folder.',
    cause: 'The server listed its folders, and none of them fits the pattern (in the evidence, beside the names that it listed).',
    fix: 'Compare the pattern with the names: they are in the language of the mailbox, with its separator. `%` stays within one level, `*` does not; a special use such as `\\Sent` works only where the server marks the folder so.',
    retry: 'soon',
  },
  'import.already-running': {
    says: 'This source is being imported already.',
    cause: 'Another run of the same source, in this process, has not ended yet.',
    fix: 'Wait for its end, or stop it. Nothing is missed: the run that goes on brings in what is there.',
    retry: 'soon',
  },
  'import.other-mailbox': {
    says: 'Under this name another mailbox was imported before.',
    cause:
      'The archive knows the messages of a source by their numbers in its mailbox. The numbers of another mailbox would be taken for those, and its messages be left out.',
    fix: 'Give the source of the new mailbox a name of its own. The old name belongs to what came under it.',
    retry: 'never',
  },
  'import.source-unknown': {
    says: 'No source of this name is configured.',
    cause: 'The name given on the command line is neither a key under `sources:` nor one of a source that was made in the console.',
    fix: 'See the names with `postern import status`.',
    retry: 'never',
  },
  'import.no-sources': {
    says: 'There is nothing to import: no source is configured.',
    cause: 'The configuration has no entry under `sources:`, and none was made in the console.',
    fix: 'Add one; `postern config sample` shows how.',
    retry: 'never',
  },
  'import.paused': {
    says: 'The source is paused.',
    cause: 'A person has stopped it in the console; what somebody has stopped does not begin by a command either.',
    fix: 'Let it go on in the console (`postern serve`, page Sources, Resume), then repeat this.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
