/** Faults of the proxy: what keeps it from serving, and what it tells its operator of applications and mailboxes. */
import type { FaultEntry } from '../entry.ts';

export const proxyFaults = {
  'proxy.not-configured': {
    says: 'The configuration has no proxy.',
    cause: 'The file has no key `proxy:`.',
    fix: 'Add `proxy: { listeners: { imap: { protocol: imap, listen: 127.0.0.1:1143 } } }`; docs/proxy.md has a guide for each kind of application.',
    retry: 'never',
  },
  'proxy.listen-failed': {
    says: 'The proxy cannot listen where it should.',
    cause:
      'The system refused the address (`errno`): EADDRINUSE means that another program has the port, EACCES that ports below 1024 are not for this user, EADDRNOTAVAIL that the address is not of this machine.',
    fix: 'Choose another `listen`, end the other program, or give the service the right to low ports: `AmbientCapabilities=CAP_NET_BIND_SERVICE` in its systemd unit.',
    retry: 'never',
  },
  'proxy.certificate-unusable': {
    says: 'The certificate of the proxy or its key cannot be used.',
    cause: 'The files could not be read, are not PEM, or do not belong together (`reason`).',
    fix: 'Compare `openssl x509 -noout -pubkey -in CERTIFICATE` with `openssl pkey -pubout -in KEY`, and see that the user of the service may read both. A proxy that runs goes on with the certificate it had.',
    retry: 'never',
  },
  'proxy.clients-unreadable': {
    says: 'The list of clients cannot be read.',
    cause: 'The file is not readable for this user, or not as `postern proxy client` writes it (`reason`).',
    fix: 'Give it back to the user of the service (mode 0600), or restore it from a backup; do not edit it by hand, `postern proxy client change` does that. A proxy that runs goes on with the clients it had.',
    retry: 'never',
  },
  'proxy.clients-unwritable': {
    says: 'The list of clients cannot be written.',
    cause: 'The system refused it (`errno`), or another `postern proxy client` held it for ten seconds.',
    fix: 'Run the command as the user of the service, see that there is space on the disk, and try again.',
    retry: 'soon',
  },
  'proxy.client-unknown': {
    says: 'There is no client with this name.',
    cause: 'The name is not in the list of clients.',
    fix: 'See `postern proxy client list`.',
    retry: 'never',
  },
  'proxy.client-taken': {
    says: 'There is a client with this name already.',
    cause: 'The name is in the list of clients.',
    fix: 'Choose another name, or use `postern proxy client change NAME` (rights) and `postern proxy client password NAME` (a new password).',
    retry: 'never',
  },
  'proxy.mailbox-full': {
    says: 'All connections of this mailbox are in use.',
    cause: 'As many sessions as `proxy: limits: perMailbox` allows were open, and none of them ended while the login waited.',
    fix: 'End applications that hold connections they do not use (`postern proxy` shows who holds them in its metrics and audit rows), or raise the limit; Exchange refuses some number of them too.',
    retry: 'soon',
  },
  'proxy.full': {
    says: 'The proxy has as many sessions as it may.',
    cause: '`proxy: limits: sessions` was reached.',
    fix: 'Raise the limit where the memory of the machine allows it (55 to 95 kB a session), or find the application that opens so many: the audit rows name it.',
    retry: 'soon',
  },
  'proxy.pausing': {
    says: 'The server asked for a pause of this mailbox, and it is kept.',
    cause:
      'An earlier answer of the server named a time, or was of a kind after which one has to wait (`code`, `server`); until then nothing is sent to it.',
    fix: 'Nothing at first. If it comes often, lower the rate of the application that works hardest (audit rows), or its number of connections.',
    retry: 'after-wait',
  },
  'proxy.sender-refused': {
    says: 'A sender was refused that the mailbox may not use.',
    cause:
      'MAIL FROM, or From, Sender, Resent-From or Resent-Sender of the header (`where`) named another address than that of the login, and `proxy: sendAs` does not allow it (`sender`, `mailbox`). Nothing was sent to the server.',
    fix: 'Set the sender in the application to the address of the mailbox; or allow it in both places: `proxy: sendAs: { MAILBOX: [SENDER] }` and `Add-RecipientPermission SENDER -Trustee OBJECT-ID -AccessRights SendAs`.',
    retry: 'never',
  },
  'proxy.message-too-large': {
    says: 'A message was larger than may be sent.',
    cause: 'It was announced with, or grew beyond, what `proxy: limits: messageMegabytes` or the server allows (`most`).',
    fix: 'Send less at once; or raise the limit here and in Exchange (`Set-Mailbox MAILBOX -MaxSendSize 150MB`). On the wire attachments are a third larger than on disk.',
    retry: 'never',
  },
  'proxy.rate': {
    says: 'A mailbox sends more messages than it may in a minute.',
    cause: '`proxy: limits: messagesPerMinute` was reached, and waiting would have taken longer than `wait`.',
    fix: 'Let the application send more slowly, spread it over several mailboxes, or use `proxy: queue`, which waits by itself.',
    retry: 'after-wait',
  },
  'proxy.injection': {
    says: 'Somebody sent commands across the beginning of encryption.',
    cause:
      'Bytes lay behind STARTTLS or STLS before the handshake began: a broken application, or somebody in between who puts commands into the talk of another. The connection was closed.',
    fix: 'If the address is that of an application of yours, use `tls: implicit` for it and report it to its maker. Otherwise find out who sits between.',
    retry: 'never',
  },
  'proxy.audit-unwritable': {
    says: 'Rows of who used which mailbox cannot be written.',
    cause: 'The system refused to write the file of today (`errno`). No session is opened without its row.',
    fix: 'See that there is space on the disk of the data folder, and that its folder `proxy` belongs to the user of the service.',
    retry: 'soon',
  },
  'proxy.transcript-unwritable': {
    says: 'A transcript of a talk with an application cannot be written.',
    cause: 'The system refused to write into `folder` (`errno`). The talk itself was not touched by that.',
    fix: 'See that there is space on the disk of the data folder, and that its folder `proxy` belongs to the user of the service; then start the transcript again.',
    retry: 'soon',
  },
  'proxy.no-server': {
    says: 'The tenant has no server for this protocol.',
    cause: 'Its `cloud:` was written by hand and names no host for the protocol that the application speaks (`tenant`, `protocol`).',
    fix: 'Add the host to `tenants: NAME: cloud`, or take the listener away.',
    retry: 'never',
  },
  'proxy.no-tenant': {
    says: 'No tenant serves this mailbox any more.',
    cause: 'A message waits in the queue for a mailbox that no pattern of `proxy: tenants` covers (`mailbox`).',
    fix: 'Add the mailbox to the list of its tenant, or drop the message: `postern proxy queue list`.',
    retry: 'after-wait',
  },
} as const satisfies Record<string, FaultEntry>;
