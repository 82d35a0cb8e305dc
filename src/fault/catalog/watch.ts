/** Faults that the import service finds by watching itself, and those of telling about it. */
import type { FaultEntry } from '../entry.ts';

export const watchFaults = {
  'watch.overdue': {
    says: 'No look at this source has come to its end for too long.',
    cause: 'Since the time in the evidence no pass over its folders ended and no message came, for more than twice `every` and 15 minutes.',
    fix: 'See what stands beside it in `postern import status SOURCE`; where a fault is shown, do what its fix says, else see with `postern check MAILBOX` whether the mailbox can be reached.',
    retry: 'soon',
  },
  'watch.quarantined': {
    says: 'Messages of this source are in quarantine.',
    cause:
      'The server gave no content for them, refused to hand them out, or sent a text of its own in their place; the ledger has a row for each.',
    fix: 'Ask the server for them again with `postern import retry SOURCE`. Those that stay: look at them in the mailbox, then acknowledge with `postern import alerts --ack ID --note TEXT`.',
    retry: 'never',
  },
  'watch.gaps-open': {
    says: 'Messages that the server had are not in the archive.',
    cause: 'A run or a reconciliation found them on the server without a row in the ledger, and they have not come since.',
    fix: 'See each one by name with `postern import reconcile SOURCE`.',
    retry: 'soon',
  },
  'watch.silent': {
    says: 'This source works, and no mail comes.',
    cause:
      'Every look at the mailbox ends well; the last message came longer ago than `silentAfter` allows, or than was ever usual for this time.',
    fix: 'Ask where the mail comes from: is the sender (TeleMessage, the journal rule) still delivering to this mailbox, and does a rule move its mail to another folder? A quiet time that is right: acknowledge it with `postern import alerts --ack ID --note TEXT`, or raise `silentAfter`.',
    retry: 'never',
  },
  'watch.owners-silent': {
    says: 'Some people of this source are silent, though others are not.',
    cause: 'Nothing of them came for longer than was ever usual for these hours of the week; the number of them is in the evidence.',
    fix: 'See who with `postern import reconcile SOURCE`: has the person left, is the phone new, or has the capture been taken off it? A holiday: acknowledge it with `postern import alerts --ack ID --note TEXT`.',
    retry: 'never',
  },
  'watch.credential-expiring': {
    says: 'A credential will expire soon; its sources stop then.',
    cause:
      'Its end is near; `origin` in the evidence says who knows it: the certificate itself, Graph, the notes of `setup`, or `expires:` of the configuration.',
    fix: '`postern setup rotate` replaces a secret that the setup made. Else make a new one beside the old one in the app registration, put it where the configuration points, prove it with `postern check`, and where the file has `expires:`, write the new date there.',
    retry: 'never',
  },
  'watch.credential-expired': {
    says: 'A credential has expired.',
    cause:
      'Its end is past; `origin` in the evidence says who knows it: the certificate itself, Graph, the notes of `setup`, or `expires:` of the configuration.',
    fix: 'Add a new one to the app registration, put it where the configuration points, and prove it with `postern check`. Where it was renewed already, only `expires:` is out of date: write the new date there.',
    retry: 'never',
  },
  'watch.certificate-ending': {
    says: 'A certificate by which Postern itself is known will end soon.',
    cause: 'The file in the evidence holds a certificate whose end is near; clients refuse the connection from then on.',
    fix: 'Renew it and replace the files; they are read anew without a restart. Where a program renews it (ACME), look into the log of that program.',
    retry: 'never',
  },
  'watch.certificate-ended': {
    says: 'A certificate by which Postern itself is known has ended.',
    cause: 'The file in the evidence holds a certificate whose end is past.',
    fix: 'Replace certificate and key by new ones, at the same places; they are read anew without a restart.',
    retry: 'never',
  },
  'watch.behind': {
    says: 'What came in is not made searchable.',
    cause: 'The number of messages that are durable and not derived has not come down for 15 minutes.',
    fix: 'See `postern archive stats`; when the service has ended, `postern archive reindex` derives everything anew. The messages themselves are safe.',
    retry: 'soon',
  },
  'watch.disk-nearly-full': {
    says: 'The disk of the data folder is nearly full.',
    cause: 'The file system under `data:` has less free space than the smaller one of 5 % of its size and 10 GB.',
    fix: 'Free space on it, or enlarge it. When it is full nothing is lost, but nothing comes in.',
    retry: 'never',
  },
  'watch.not-running': {
    says: 'No import service is running.',
    cause: 'None has given a sign of life in this data folder for as long as the evidence says.',
    fix: 'Start it: `postern import run`, best under a service manager that starts it again.',
    retry: 'never',
  },
  'watch.alert-undelivered': {
    says: 'Alerts do not reach anybody by this way.',
    cause: 'The last attempt to deliver one failed with the fault in the evidence; it is tried again with growing waits.',
    fix: 'Look the code up with `postern import status --json` or in docs/faults.md and mend it; until then read the alerts with `postern import alerts`.',
    retry: 'soon',
  },
  'watch.alert-unknown': {
    says: 'No open alert has this ID.',
    cause: 'The journal has none, or it is over by now.',
    fix: 'See them with `postern import alerts`, those that are over with `--all`.',
    retry: 'never',
  },
  'watch.webhook-refused': {
    says: 'The receiver of the webhook did not accept an alert.',
    cause: 'It answered with the status in the evidence. Only 200 to 299 is taken for accepted, and redirects are not followed.',
    fix: 'Look into the log of the receiver at that time; 401 and 403 mean that the address or `alerts.webhook.secret` is not what it wants, 3xx that the address in `alerts.webhook.url` has moved.',
    retry: 'soon',
  },
  'watch.webhook-address': {
    says: 'The address of the webhook cannot be used.',
    cause: 'What `alerts.webhook.url` gives is no URL, or neither https nor http to this machine.',
    fix: 'Give an https URL. For a receiver without TLS put one on this machine and use http://127.0.0.1:PORT/.',
    retry: 'never',
  },
  'watch.listen-refused': {
    says: 'Health and metrics are not served on this address from the command line.',
    cause: 'The address after `--listen` is none of this machine alone, and these pages ask for no password.',
    fix: 'Use 127.0.0.1:PORT or [::1]:PORT. To serve them to others, write the address to `service.listen` in the configuration and put something in front that asks who they are.',
    retry: 'never',
  },
  'watch.listen-failed': {
    says: 'The address for health and metrics cannot be listened on.',
    cause: 'The system refused it with the error in the evidence: EADDRINUSE means that another process listens there.',
    fix: 'End the other one, or choose another port in `service.listen`.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
