/** Faults of the setup as a whole: what no single answer of Graph or Exchange says. */
import type { FaultEntry } from '../entry.ts';

export const setupFaults = {
  'setup.not-configured': {
    says: 'There is no setup in the configuration for this tenant.',
    cause: 'The tenant (in the evidence) has no key `setup:`.',
    fix: 'Add it: `postern config sample` shows its keys. At least the mailboxes are needed.',
    retry: 'never',
  },
  'setup.no-graph': {
    says: 'Nobody can sign in to look at this tenant from here.',
    cause: 'Its endpoints were given by hand, and Microsoft Graph is not among them.',
    fix: 'Add `graph` and `exchangeAdmin` to the `cloud` of the tenant in the configuration file. The plan for an empty tenant and the script need neither.',
    retry: 'never',
  },
  'setup.tenant-unreadable': {
    says: 'The tenant does not tell what the setup needs to know.',
    cause:
      'Microsoft Graph gave no organization, or the tenant has no service principal of Office 365 Exchange Online (which is in the evidence).',
    fix: 'Check that the tenant is the right one and has an Exchange Online licence; sign in as somebody of this tenant.',
    retry: 'never',
  },
  'setup.app-not-found': {
    says: 'The app is not in this tenant.',
    cause:
      'No registration has the application id (in the evidence) that `setup.app.adopt` names, or that an earlier `setup apply` noted: it was deleted, or is in another tenant.',
    fix: 'To take an app over, copy the Application (client) ID from the page of its registration into `setup.app.adopt`, or leave `adopt` out to have one made. For one that the setup had made: restore it under Deleted applications of the Entra admin centre within 30 days, or run `postern setup plan` to see what is to be made.',
    retry: 'never',
  },
  'setup.blocked': {
    says: 'Something stands in the way that no step of the plan changes.',
    cause: 'The plan has remarks of the kind `blocked` (in the evidence).',
    fix: 'Do what the remarks say, then make a new plan.',
    retry: 'never',
  },
  'setup.plan-stale': {
    says: 'The tenant has changed since the plan was made.',
    cause: 'What is observed now has another hash than the plan was made for.',
    fix: 'Make a new plan, read it, and apply that.',
    retry: 'never',
  },
  'setup.plan-unreadable': {
    says: 'This file is no plan that can be applied.',
    cause: 'It cannot be read, is no `postern.plan/1`, or was made for another tenant or another configuration (which is in the evidence).',
    fix: 'Make one: `postern setup plan --out FILE`.',
    retry: 'never',
  },
  'setup.result-unreadable': {
    says: 'This file does not hold what the script printed at its end.',
    cause: 'It cannot be read, or has no JSON object `postern.setup-result/1` with its ids (which is in the evidence).',
    fix: 'Copy the last lines of the script’s output, from `{` to `}`, into a file and name that.',
    retry: 'never',
  },
  'setup.nothing-noted': {
    says: 'There is no app yet that this machine knows of.',
    cause:
      'No ids stand beside the journal (its file is in the evidence): no `setup apply` was run here, or what it noted was forgotten or moved.',
    fix: 'Run `postern setup apply`: it makes the app, or finds it again by its unique name and notes its ids.',
    retry: 'never',
  },
  'setup.notes-unusable': {
    says: 'What the setup notes for itself cannot be read or written.',
    cause:
      'The operating system refused (its word is in the evidence, with the file), or the file does not hold what the setup writes there.',
    fix: 'Look at the room and the rights of the data folder (`df -h`, `ls -l`), and run the same command again. A damaged file: restore it from a backup, or move it away and run `postern setup apply`, which notes the ids again; which rights the setup gave and which switches it turned on is then not known any more, and `setup destroy` leaves those switches on.',
    retry: 'never',
  },
  'setup.not-consistent': {
    says: 'A change was made and is not seen yet.',
    cause: 'It was read back for as long as there was patience for (how long is in the evidence) and did not show each time.',
    fix: 'Wait some minutes and run `postern setup apply` again: what is done is not done twice.',
    retry: 'soon',
  },
  'setup.stopped': {
    says: 'The setup stopped before its end.',
    cause: 'A step failed; those before it are done and noted in the journal (its file is in the evidence).',
    fix: 'Mend what the fault above says, then run the same command again: it goes on where it stopped.',
    retry: 'never',
  },
  'setup.destroy-not-confirmed': {
    says: 'Nothing was taken away.',
    cause: 'Steps that take something away want `--yes-destroy`.',
    fix: 'Read the list, then run the same command with `--yes-destroy`.',
    retry: 'never',
  },
  'setup.store-failed': {
    says: 'The new credential could not be stored, so it was removed from the app again.',
    cause: 'The file could not be written, or the command ended with an error (which is in the evidence).',
    fix: 'Make the place writable for this user, or name another under `setup.store`, and run `postern setup apply` again.',
    retry: 'never',
  },
  'setup.last-credential': {
    says: 'The last working credential of the app is not removed.',
    cause: 'No other credential of the app is known to work.',
    fix: 'Add another first: `postern setup rotate`.',
    retry: 'never',
  },
  'setup.new-credential-unused': {
    says: 'The new credential does not work yet, so the old one stays in use.',
    cause: 'Entra did not take it within the time (how long is in the evidence, with its last answer).',
    fix: 'Run `postern setup rotate` again in some minutes: the secret that did not work was removed from the app.',
    retry: 'soon',
  },
} as const satisfies Record<string, FaultEntry>;
