/**
 * Starts the whole tenant in this process and says where it is. Tests call this; the command line does nothing else.
 *
 * The hard thing is leaving nothing behind: `close` ends every listener and every connection, also those that never said a word.
 * Everything listens on 127.0.0.1 only, and there is no option to change that.
 */

import { randomBytes } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Identity, makeAuthority } from './certificates.ts';
import { makeContoso, seedMailbox } from './contoso.ts';
import { serveControl } from './control.ts';
import { serveExchangeAdmin } from './directory/exchange-admin.ts';
import { serveGraph } from './directory/graph.ts';
import { serveEntra } from './entra/endpoint.ts';
import { appServicePath, machinePath, serveIdentity } from './entra/identity.ts';
import { serveImap } from './exchange/imap/listen.ts';
import { servePop } from './exchange/pop/listen.ts';
import { serveSmtp } from './exchange/smtp/listen.ts';
import { capturedMail } from './mail/telemessage.ts';
import { makeNetwork, type Place, portOf } from './network.ts';
import { bulkMailbox, seededMailbox } from './scenario.ts';
import { exchangeResource, folderOf, mailboxOf, type Tenant } from './tenant.ts';

export interface SandboxOptions {
  readonly now?: () => Date;
  /**
   * First of seven ports: Entra, IMAP with TLS, IMAP with STARTTLS, control, POP3 with TLS, POP3 with STLS, SMTP with STARTTLS.
   * Without it the system chooses each, as it always does those of the scenarios of the network and of managed identities.
   */
  readonly basePort?: number;
  /** Folders whose `*.eml` are added to the seeded mailbox. */
  readonly seedMail?: readonly string[];
  /** Leaves the seeded mailbox empty. */
  readonly withoutSeed?: boolean;
  /** Delivers a captured message to the seeded mailbox at this interval. */
  readonly deliverEveryMs?: number;
}

export interface Sandbox {
  readonly tenant: Tenant;
  readonly authority: string;
  readonly tokenEndpoint: string;
  readonly scope: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** A certificate that is registered for the healthy app, and its key. */
  readonly appCertificatePem: string;
  readonly appKeyPem: string;
  /** The id of the client secret, which some paste for its value. */
  readonly clientSecretId: string;
  /** Certificates that will not do: out of date, and never uploaded to any app. */
  readonly expiredCertificate: Identity;
  readonly unregisteredCertificate: Identity;
  readonly imap: { readonly host: 'localhost'; readonly tlsPort: number; readonly starttlsPort: number };
  readonly pop: { readonly host: 'localhost'; readonly tlsPort: number; readonly starttlsPort: number };
  readonly smtp: { readonly host: 'localhost'; readonly starttlsPort: number };
  /** The local endpoint of managed identities, as a virtual machine has it and as App Service has it with its header. */
  readonly identity: { readonly machine: string; readonly appService: string; readonly header: string };
  /** Where to connect to for each scenario of the network. */
  readonly places: ReadonlyMap<string, Place>;
  /** Origins of Microsoft Graph and of Exchange's administrative interface. */
  readonly graph: string;
  readonly exchangeAdmin: string;
  readonly control: string;
  /** The authority that signed the servers' certificate. */
  readonly caPem: string;
  /** The public key of the tokens, as SPKI. */
  readonly tokenKeyPem: string;
  readonly seededMailbox: string;
  readonly bulkMailbox: string;
  close(): Promise<void>;
}

const ownMail = fileURLToPath(new URL('../mail', import.meta.url));

/** Starts it. Throws when a port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const now = options.now ?? (() => new Date());
  const [authorityCertificate, contoso] = await Promise.all([makeAuthority(now()), makeContoso(now)]);
  const server = await authorityCertificate.issueServer();
  const keys = { key: server.keyPem, cert: server.certificatePem };
  const { tenant } = contoso;
  const seeded = mailboxOf(tenant, seededMailbox);
  if (seeded && !options.withoutSeed) await seedMailbox(seeded, ownMail, now());
  for (const directory of options.seedMail ?? []) if (seeded) await seedMailbox(seeded, directory, now());

  const imap = serveImap(tenant, keys);
  const pop = servePop(tenant, keys);
  const smtp = serveSmtp(tenant, keys);
  const entra = serveEntra(tenant, keys);
  const control = serveControl(tenant);
  const graph = serveGraph(tenant, keys);
  const exchangeAdmin = serveExchangeAdmin(tenant, keys);
  const header = randomBytes(16).toString('hex');
  const identity = serveIdentity(tenant, header);
  const network = await makeNetwork(tenant, authorityCertificate, now());
  const numbered = [entra, imap.tls, imap.starttls, control, pop.tls, pop.starttls, smtp];
  const unnumbered = [identity, graph, exchangeAdmin, ...network.servers];
  const servers = [...numbered, ...unnumbered];
  const sockets = new Set<Socket>();
  for (const one of servers) {
    one.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
  }
  const close = async () => {
    clearInterval(deliveries);
    for (const session of [...tenant.sessions]) session.cut();
    const closed = servers.map((one) => new Promise<void>((resolve) => one.close(() => resolve())));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
  const deliveries = options.deliverEveryMs === undefined ? undefined : deliverEvery(tenant, options.deliverEveryMs);
  try {
    for (const [index, one] of numbered.entries()) await listen(one, options.basePort === undefined ? 0 : options.basePort + index);
    for (const one of unnumbered) await listen(one, 0);
    const authority = `https://localhost:${portOf(entra)}`;
    const host = 'localhost';
    return {
      tenant,
      authority,
      tokenEndpoint: `${authority}/${tenant.id}/oauth2/v2.0/token`,
      scope: `${exchangeResource.uris[0]}/.default`,
      clientId: contoso.clientId,
      clientSecret: contoso.clientSecret,
      appCertificatePem: contoso.appCertificatePem,
      appKeyPem: contoso.appKeyPem,
      clientSecretId: contoso.clientSecretId,
      expiredCertificate: contoso.expiredCertificate,
      unregisteredCertificate: contoso.unregisteredCertificate,
      imap: { host, tlsPort: portOf(imap.tls), starttlsPort: portOf(imap.starttls) },
      pop: { host, tlsPort: portOf(pop.tls), starttlsPort: portOf(pop.starttls) },
      smtp: { host, starttlsPort: portOf(smtp) },
      identity: {
        machine: `http://127.0.0.1:${portOf(identity)}${machinePath}`,
        appService: `http://127.0.0.1:${portOf(identity)}${appServicePath}`,
        header,
      },
      places: network.places({ imap: portOf(imap.starttls), pop: portOf(pop.starttls), smtp: portOf(smtp) }),
      graph: `https://localhost:${portOf(graph)}`,
      exchangeAdmin: `https://localhost:${portOf(exchangeAdmin)}`,
      control: `http://127.0.0.1:${portOf(control)}`,
      caPem: authorityCertificate.certificatePem,
      tokenKeyPem: tenant.signingKey.certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      seededMailbox,
      bulkMailbox,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function deliverEvery(tenant: Tenant, everyMs: number): NodeJS.Timeout {
  let number = 0;
  return setInterval(() => {
    const mailbox = mailboxOf(tenant, seededMailbox);
    number += 1;
    const at = tenant.now();
    if (mailbox) folderOf(mailbox, 'INBOX')?.deliver([capturedMail({ number, at, recipient: seededMailbox })], { internalDate: at });
  }, everyMs);
}
