/**
 * What a client needs to know to reach a running sandbox: as JSON for programs, as files for Postern and other tools.
 *
 * The hard thing is the secret: it goes into files that only their owner may read, and into the JSON that was asked for, nowhere else.
 */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Identity } from './certificates.ts';
import { issueAssertion } from './entra/federation.ts';
import { identityClientId, machinePath } from './entra/identity.ts';
import type { Place } from './network.ts';
import type { Sandbox } from './place.ts';
import { type AppScenario, clientIdOf, domain, type Scenario } from './scenario.ts';

interface Served {
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls';
  readonly starttlsPort: number;
}

interface ServedTwice extends Served {
  readonly tlsPort: number;
}

export interface Connection {
  readonly authority: string;
  readonly tokenEndpoint: string;
  readonly tenantId: string;
  readonly domain: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly mailbox: string;
  /** `port` and `tls` are how a client begins, in the scenario that was asked for. */
  readonly imap: ServedTwice;
  readonly pop: ServedTwice;
  readonly smtp: Served;
  /** Where each scenario of the network is, by name: what it leaves out is where it is here. */
  readonly places: Readonly<Record<string, Place>>;
  /** Origins of Microsoft Graph and of Exchange's administrative interface. */
  readonly graph: string;
  readonly exchangeAdmin: string;
  readonly control: string;
  readonly ca: string;
  readonly tokenKey: string;
  /** Which credential the scenario is about; all are always there. */
  readonly credential: 'secret' | 'certificate' | 'assertion' | 'managed-identity';
  readonly certificate: string;
  readonly certificateKey: string;
  /** A JWT of the outside issuer, as a cluster writes it into a file. */
  readonly assertion: string;
  /** The local endpoint of managed identities, and the client id of one. */
  readonly identityEndpoint: string;
  readonly identityClientId: string;
  readonly mailboxes: readonly string[];
  /** Whether the written configuration is one for `setup`: without an app, to make one. */
  readonly setup?: boolean;
  readonly caFile?: string;
}

/** Everything a client needs, pointed at a scenario if one is given. */
export function connectionTo(sandbox: Sandbox, scenario?: Scenario): Connection {
  const place = scenario?.reach === 'place' ? sandbox.places.get(scenario.name) : undefined;
  const says = scenario?.reach === 'said' ? scenario.says : undefined;
  const app = scenario?.reach === 'app' ? scenario : undefined;
  const authority = place?.authority ?? sandbox.authority;
  const tenantId = says?.tenantId ?? sandbox.tenant.id;
  return {
    authority,
    tokenEndpoint: `${authority}/${tenantId}/oauth2/v2.0/token`,
    tenantId,
    domain: sandbox.tenant.domain,
    clientId: says?.clientId ?? (app ? clientIdOf(app.number) : sandbox.clientId),
    clientSecret: says?.clientSecret === 'id' ? sandbox.clientSecretId : (says?.clientSecret ?? sandbox.clientSecret),
    scope: says?.scope ?? sandbox.scope,
    mailbox: says?.mailbox ?? (scenario?.reach === 'mailbox' ? `${scenario.name}@${domain}` : sandbox.seededMailbox),
    imap: { ...sandbox.imap, port: sandbox.imap.tlsPort, tls: 'implicit', ...place?.imap },
    pop: { ...sandbox.pop, port: sandbox.pop.tlsPort, tls: 'implicit', ...place?.pop },
    smtp: { ...sandbox.smtp, port: sandbox.smtp.starttlsPort, tls: 'starttls', ...place?.smtp },
    places: Object.fromEntries(sandbox.places),
    graph: sandbox.graph,
    exchangeAdmin: sandbox.exchangeAdmin,
    control: sandbox.control,
    ca: sandbox.caPem,
    tokenKey: sandbox.tokenKeyPem,
    credential: credentialOf(app?.uses),
    ...certificateFor(sandbox, app?.uses),
    assertion: issueAssertion(sandbox.tenant, app?.assertion),
    // M365 (doc): on a machine without identities nothing listens; port 1 is such a place.
    identityEndpoint: app?.identity === 'absent' ? `http://127.0.0.1:1${machinePath}` : sandbox.identity.machine,
    identityClientId: identityClientId(app?.identity ?? 'good'),
    mailboxes: [...sandbox.tenant.mailboxes.keys()],
  };
}

function credentialOf(uses: AppScenario['uses']): Connection['credential'] {
  if (uses === undefined) return 'secret';
  return uses === 'assertion' || uses === 'managed-identity' ? uses : 'certificate';
}

function certificateFor(sandbox: Sandbox, uses: AppScenario['uses']): Pick<Connection, 'certificate' | 'certificateKey'> {
  if (uses === 'expired-certificate') return pemOf(sandbox.expiredCertificate);
  if (uses === 'unregistered-certificate') return pemOf(sandbox.unregisteredCertificate);
  return { certificate: sandbox.appCertificatePem, certificateKey: sandbox.appKeyPem };
}

function pemOf(identity: Identity): Pick<Connection, 'certificate' | 'certificateKey'> {
  return { certificate: identity.certificatePem, certificateKey: identity.keyPem };
}

/** A configuration for Postern that reaches this sandbox. Paths are relative to the folder that it is written to. */
export function posternYaml(connection: Connection): string {
  const server = ({ host, port, tls }: Served) => `{ host: ${host}, port: ${port}, tls: ${tls} }`;
  const credentials: Readonly<Record<Connection['credential'], string>> = {
    secret: '{ secret: { file: ./client-secret } }',
    certificate: '{ certificate: { file: ./app.crt, key: { file: ./app.key } } }',
    assertion: '{ assertion: { file: ./assertion.jwt } }',
    'managed-identity': `{ managedIdentity: { clientId: ${connection.identityClientId}, endpoint: "${connection.identityEndpoint}" } }`,
  };
  return `# Written by postern-sandbox for one run of it: ports and keys change at every start.
data: ./postern-data
tenants:
  contoso:
    tenantId: ${connection.tenantId}
${connection.setup ? '' : `    clientId: ${connection.clientId}\n`}    cloud:
      authority: ${connection.authority}
      scope: ${connection.scope}
      graph: ${connection.graph}
      exchangeAdmin: ${connection.exchangeAdmin}
      imap: ${server(connection.imap)}
      pop3: ${server(connection.pop)}
      smtp: ${server(connection.smtp)}
    credential: ${connection.setup ? '{ secret: { file: ./made-secret } }' : credentials[connection.credential]}
    ca: ./ca.pem
${connection.setup ? setupOf(connection) : ''}sources:
  ${connection.mailbox.split('@')[0]}:
    tenant: contoso
    mailbox: ${connection.mailbox}
    protocol: imap
    folders: [INBOX]
    every: 5s
`;
}

/** What `setup` is to make. Whoever signs in is `admin@…`, and the sandbox says yes by itself. */
function setupOf({ mailbox }: Connection): string {
  return `    setup:
      protocols: [imap, pop3, smtp]
      mailboxes: [${mailbox}]
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
  await secret('assertion.jwt', connection.assertion);
  await secret('sandbox.json', `${JSON.stringify(written, undefined, 2)}\n`);
  return written;
}
