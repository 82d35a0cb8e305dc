/**
 * The scenarios of the network: the same tenant behind servers that cannot be reached as they should.
 *
 * The hard thing is that a test must be able to meet each beside the healthy servers, so each has ports of its own, chosen by the system.
 */

import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Authority, type Identity, makeAuthority } from './certificates.ts';
import { serveEntra } from './entra/endpoint.ts';
import { serveImap } from './exchange/imap/listen.ts';
import type { TlsKeys } from './exchange/listeners.ts';
import { servePop } from './exchange/pop/listen.ts';
import { serveSmtp } from './exchange/smtp/listen.ts';
import { placeScenarios } from './scenario/network.ts';
import type { PlaceScenario } from './scenario/shape.ts';
import type { Tenant } from './tenant.ts';

/** Where a protocol is served, and how a client is meant to begin. */
export interface Door {
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls';
}

/** What is served elsewhere in a scenario; the rest is where it always is. */
export interface Place {
  readonly authority?: string;
  readonly imap?: Door;
  readonly pop?: Door;
  readonly smtp?: Door;
}

type Kind = 'imap' | 'pop' | 'smtp';
type ByKind<T> = Readonly<Record<Kind, T>>;

export interface Network {
  /** To be listened on by the caller. */
  readonly servers: readonly Server[];
  /** The scenarios by name, once all listen. `plain` are the ports of the healthy servers that begin in plain text. */
  places(plain: ByKind<number>): ReadonlyMap<string, Place>;
}

const unresolvable = 'no-such-host.contoso.test';
const usualPorts: ByKind<number> = { imap: 993, pop: 995, smtp: 587 };
/** tcpmux: nobody has listened there for thirty years. */
const closedPort = 1;
const usualTls: ByKind<Door['tls']> = { imap: 'implicit', pop: 'implicit', smtp: 'starttls' };

export async function makeNetwork(tenant: Tenant, authority: Authority, now: Date): Promise<Network> {
  const stranger = await makeAuthority(now, 'Contoso network inspection');
  const [intercepted, misnamed, expired] = await Promise.all([
    stranger.issueServer(),
    authority.issueServer({ host: 'mail.elsewhere.test' }),
    authority.issueServer({ isExpired: true }),
  ]);
  const mail = {
    'other-authority': mailServers(tenant, keysOf(intercepted)),
    'other-name': mailServers(tenant, keysOf(misnamed)),
    'expired-server-certificate': mailServers(tenant, keysOf(expired)),
  };
  const entra = serveEntra(tenant, keysOf(intercepted));
  const silent = createServer((socket) => socket.on('error', () => socket.destroy()));
  const mailPorts = (by: PlaceScenario['by'], plain: ByKind<number>): ByKind<number> => {
    switch (by) {
      case 'plain-banner':
        return plain;
      case 'silence':
        return sameFor(portOf(silent));
      case 'no-such-host':
        return usualPorts;
      case 'closed-port':
        return sameFor(closedPort);
      default:
        return { imap: portOf(mail[by].imap), pop: portOf(mail[by].pop), smtp: portOf(mail[by].smtp) };
    }
  };
  const placeOf = ({ concerns, by }: PlaceScenario, plain: ByKind<number>): Place => {
    const host = by === 'no-such-host' ? unresolvable : 'localhost';
    if (concerns === 'authority') {
      const port = by === 'silence' ? portOf(silent) : by === 'no-such-host' ? 443 : portOf(entra);
      return { authority: port === 443 ? `https://${host}` : `https://${host}:${port}` };
    }
    const ports = mailPorts(by, plain);
    const door = (kind: Kind): Door => ({ host, port: ports[kind], tls: by === 'plain-banner' ? 'implicit' : usualTls[kind] });
    return { imap: door('imap'), pop: door('pop'), smtp: door('smtp') };
  };
  return {
    servers: [entra, silent, ...Object.values(mail).flatMap((servers) => Object.values(servers))],
    places: (plain) => new Map(placeScenarios.map((scenario) => [scenario.name, placeOf(scenario, plain)])),
  };
}

function mailServers(tenant: Tenant, keys: TlsKeys): ByKind<Server> {
  return { imap: serveImap(tenant, keys).tls, pop: servePop(tenant, keys).tls, smtp: serveSmtp(tenant, keys) };
}

function keysOf(identity: Identity): TlsKeys {
  return { key: identity.keyPem, cert: identity.certificatePem };
}

function sameFor(port: number): ByKind<number> {
  return { imap: port, pop: port, smtp: port };
}

/** The port of a server that listens. */
export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}
