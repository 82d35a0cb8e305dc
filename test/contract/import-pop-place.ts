/** The places to import from, reached over POP3 instead of IMAP. */
import type { ImportPlace } from './import-place.ts';
import { cutProcesses, type DovecotImportPlace, dovecotPlace } from './import-place-dovecot.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';

export async function popSandboxPlace(now?: () => Date): Promise<SandboxPlace> {
  const place = await sandboxPlace(now);
  const { tlsPort, starttlsPort } = place.sandbox.pop;
  return { ...place, name: 'sandbox over POP3', server: servers(tlsPort, starttlsPort, 'ca.pem') };
}

/** @param passwords with them user and password are taken too */
export async function popDovecotPlace(passwords?: Readonly<Record<string, string>>): Promise<DovecotImportPlace> {
  const place = await dovecotPlace(passwords);
  const { ports } = place.dovecot;
  return {
    ...place,
    name: 'Dovecot over POP3',
    server: servers(ports.pop3s, ports.pop3, 'dovecot.pem'),
    cut: () => cutProcesses(place.dovecot, 'pop3'),
  };
}

function servers(implicit: number, starttls: number, ca: string): ImportPlace['server'] {
  return {
    implicit: `{ host: localhost, port: ${implicit}, ca: ${ca} }\n    protocol: pop3`,
    starttls: `{ host: localhost, port: ${starttls}, tls: starttls, ca: ${ca} }\n    protocol: pop3`,
  };
}
