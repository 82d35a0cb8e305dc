/**
 * What a client needs to know to reach a running sandbox: as JSON for programs, as files for Postern and other tools.
 *
 * The hard thing is the secret: it goes into files that only their owner may read, and into the JSON that was asked for, nowhere else.
 */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox } from './place.ts';
import { clientIdOf, domain, type Scenario } from './scenario.ts';

export interface Connection {
  readonly authority: string;
  readonly tokenEndpoint: string;
  readonly tenantId: string;
  readonly domain: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly mailbox: string;
  readonly imap: { readonly host: string; readonly port: number; readonly tlsPort: number; readonly starttlsPort: number };
  readonly control: string;
  readonly ca: string;
  readonly tokenKey: string;
  readonly certificate: string;
  readonly certificateKey: string;
  readonly mailboxes: readonly string[];
  readonly caFile?: string;
}

/** Everything a client needs, pointed at a scenario if one is given. */
export function connectionTo(sandbox: Sandbox, scenario?: Scenario): Connection {
  return {
    authority: sandbox.authority,
    tokenEndpoint: sandbox.tokenEndpoint,
    tenantId: sandbox.tenant.id,
    domain: sandbox.tenant.domain,
    clientId: scenario?.reach === 'app' ? clientIdOf(scenario.number) : sandbox.clientId,
    clientSecret: sandbox.clientSecret,
    scope: sandbox.scope,
    mailbox: scenario?.reach === 'mailbox' ? `${scenario.name}@${domain}` : sandbox.seededMailbox,
    imap: { ...sandbox.imap, port: sandbox.imap.tlsPort },
    control: sandbox.control,
    ca: sandbox.caPem,
    tokenKey: sandbox.tokenKeyPem,
    certificate: sandbox.appCertificatePem,
    certificateKey: sandbox.appKeyPem,
    mailboxes: [...sandbox.tenant.mailboxes.keys()],
  };
}

/** A configuration for Postern that reaches this sandbox. Paths are relative to the folder that it is written to. */
export function posternYaml(connection: Connection): string {
  return `# Written by postern-sandbox for one run of it: ports and keys change at every start.
data: ./postern-data
tenants:
  contoso:
    tenantId: ${connection.tenantId}
    clientId: ${connection.clientId}
    cloud:
      authority: ${connection.authority}
      scope: ${connection.scope}
      imap: { host: ${connection.imap.host}, port: ${connection.imap.tlsPort}, tls: implicit }
    credential: { secret: { file: ./client-secret } }
    ca: ./ca.pem
sources:
  ${connection.mailbox.split('@')[0]}:
    tenant: contoso
    mailbox: ${connection.mailbox}
    protocol: imap
    folders: [INBOX]
    every: 5s
`;
}

/** Writes the files. Those with a secret get mode 0600. Returns the connection with the place of ca.pem. */
export async function writeConnection(connection: Connection, directory: string): Promise<Connection> {
  await mkdir(directory, { recursive: true });
  const caFile = join(directory, 'ca.pem');
  const written = { ...connection, caFile };
  const secret = async (name: string, text: string) => {
    const path = join(directory, name);
    // Removed first: writing into a file of an earlier run would keep its mode.
    await rm(path, { force: true });
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  };
  await writeFile(caFile, connection.ca);
  await writeFile(join(directory, 'token-key.pem'), connection.tokenKey);
  await writeFile(join(directory, 'app.crt'), connection.certificate);
  await writeFile(join(directory, 'postern.yaml'), posternYaml(connection));
  await secret('app.key', connection.certificateKey);
  await secret('client-secret', connection.clientSecret);
  await secret('sandbox.json', `${JSON.stringify(written, undefined, 2)}\n`);
  return written;
}
