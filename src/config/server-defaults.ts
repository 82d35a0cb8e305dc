/** What the port and the TLS of a mail server are where the file does not say. Pure. */
import type { MailServer } from '../tenant/cloud.ts';
import type { RawMailServer } from './schema.ts';

export type Protocol = 'imap' | 'pop3' | 'smtp';

/** Port and TLS where one or both are left out: what the custom of the ports is. RFC 8314 §3 for the implicit ones. */
export function completeServer(raw: RawMailServer, protocol: Protocol): MailServer {
  const ports = { imap: [993, 143], pop3: [995, 110], smtp: [465, 587] } as const;
  const [implicit, plain] = ports[protocol];
  const startsPlain: readonly number[] = [143, 110, 587, 25];
  const tls = raw.tls ?? ((raw.port === undefined ? protocol === 'smtp' : startsPlain.includes(raw.port)) ? 'starttls' : 'implicit');
  return { host: raw.host, port: raw.port ?? (tls === 'implicit' ? implicit : plain), tls };
}
