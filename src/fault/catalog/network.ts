/** Faults on the way to a host: name, connection, TLS, silence. One set for every protocol. */
import type { FaultEntry } from '../entry.ts';

export const networkFaults = {
  'network.name-not-found': {
    says: 'The host name does not resolve.',
    cause: 'DNS answered that the name does not exist (ENOTFOUND), or did not answer (EAI_AGAIN).',
    fix: 'Check the host name in the configuration for a typing error, and that this machine can resolve it: `nslookup HOST`.',
    retry: 'soon',
  },
  'network.unreachable': {
    says: 'The host cannot be reached.',
    cause: 'The connection was refused, timed out, or no route leads there.',
    fix: 'Check host and port, and that a firewall lets this machine out to them: `curl -v telnet://HOST:PORT`.',
    retry: 'soon',
  },
  'network.certificate-not-trusted': {
    says: 'The server showed a certificate that this machine does not trust.',
    cause: 'The TLS handshake failed on the chain: the issuer (in the evidence) is not among the trusted authorities.',
    fix: 'If the issuer is your own company (TLS inspection), put its CA certificate into a PEM file and name it as `ca:`. If it is not, somebody stands in between: do not go on.',
    retry: 'never',
  },
  'network.certificate-wrong-host': {
    says: 'The certificate is for another host name.',
    cause: 'The chain is trusted, but the name asked for is not among the names in the certificate.',
    fix: 'Use the host name that the certificate carries; an IP address or an alias does not do.',
    retry: 'never',
  },
  'network.certificate-expired': {
    says: 'The server certificate is outside its dates.',
    cause: 'The TLS handshake failed because the certificate has expired or is not valid yet, by the clock of this machine.',
    fix: 'Compare the clock of this machine with the real time; if it is right, the owner of the server has to renew the certificate.',
    retry: 'never',
  },
  'network.tls-failed': {
    says: 'No TLS session could be agreed on.',
    cause: 'The handshake ended with another error than one about the certificate (in the evidence).',
    fix: 'Check that the port speaks TLS on connect (993), or set `tls: starttls` for a port that starts in plain text (143).',
    retry: 'never',
  },
  'network.timeout': {
    says: 'The server did not answer in time.',
    cause: 'The connection stood, but the awaited answer did not come before the deadline (in the evidence).',
    fix: 'Nothing at first, it is tried again. If it stays, look for a firewall that drops idle connections, and at the state of the service.',
    retry: 'soon',
  },
  'network.connection-lost': {
    says: 'The connection broke off.',
    cause: 'The peer closed the connection, or it was reset, before the answer was complete.',
    fix: 'Nothing: Postern connects again and goes on where it stopped. If it repeats at the same place, keep the log and report it.',
    retry: 'soon',
  },
} as const satisfies Record<string, FaultEntry>;
