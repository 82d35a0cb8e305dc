/** Faults of the queue in which the proxy keeps mail that it has taken and not yet handed over. */
import type { FaultEntry } from '../entry.ts';

export const queueFaults = {
  'queue.unreadable': {
    says: 'The queue of outgoing mail cannot be read.',
    cause: 'The folder named in the evidence, or a file in it, could not be opened; the evidence has the system’s word for it.',
    fix: 'Give the folder to the account that runs Postern (`chown -R`), and look whether its disk is mounted. What lies in it is not lost; it is sent when it can be read again.',
    retry: 'soon',
  },
  'queue.in-use': {
    says: 'Another proxy hands on the queue of this data folder.',
    cause: 'Its lock is held: `postern proxy` or `postern serve` runs already with the same `data:`. Two would send each message twice.',
    fix: 'End the other one, or give this one a data folder of its own. Each proxy that takes mail into a queue needs its own.',
    retry: 'never',
  },
  'queue.unwritable': {
    says: 'A message could not be taken into the queue of outgoing mail.',
    cause:
      'Writing or syncing a file of the queue failed; the evidence has the system’s word for it. The application was told to try again later (452).',
    fix: 'Free space on the disk of the data folder, or give the folder to the account that runs Postern.',
    retry: 'soon',
  },
  'queue.damaged': {
    says: 'A message of the queue is damaged and is not sent.',
    cause:
      'Its file is missing, shorter than it was, or not what was taken: its SHA-256 differs from the one that was noted when it was taken.',
    fix: 'Look at the disk (`dmesg`, SMART). `postern proxy queue export ID FILE` writes what is left of it; then `postern proxy queue drop ID`, and have the application send it again.',
    retry: 'never',
  },
  'queue.unknown': {
    says: 'There is no such message in the queue.',
    cause: 'No message there has this id, or more than one begins with these letters.',
    fix: '`postern proxy queue list` shows the ids of all that are there; a message that was sent is there no more.',
    retry: 'never',
  },
  'queue.gave-up': {
    says: 'A message was not sent in the time that `proxy.queue.retryFor` gives.',
    cause: 'Every try failed; the last answer of the server is in the evidence. The message is set aside, not lost.',
    fix: 'Mend what the last answer names, then `postern proxy queue retry ID`. Nobody but you has been told that it did not arrive.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
