/**
 * The two kinds of door: TLS from the first byte, and plain text that is upgraded on the client's word.
 *
 * The hard thing is the upgrade: bytes that came in clear after the command must never be read as commands, so whoever upgrades has
 * taken the reader off the plain socket before.
 */

import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls';

export interface TlsKeys {
  readonly key: string;
  readonly cert: string;
}

/** M365 (recorded): the front end that answers, as it would be named in a greeting; the domain is a reserved one here. */
export const frontEnd = 'SBX0P189CA0001.sandbox.test';
/** M365 (recorded): how IMAP and POP3 put that name into their greeting. */
export const frontEndInBase64 = Buffer.from(frontEnd, 'utf16le').toString('base64');

function prepared(socket: Socket): Socket {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  return socket;
}

/** TLS from the first byte. */
export function tlsDoor(keys: TlsKeys, enter: (socket: Socket) => void): Server {
  const server = createTlsServer(keys, (socket) => enter(prepared(socket)));
  // A failed handshake is the client's affair: it has been told by TLS.
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return server;
}

/** Plain text at first. */
export function plainDoor(enter: (socket: Socket) => void): Server {
  return createPlainServer((socket) => enter(prepared(socket)));
}

/** Puts TLS on a socket that was plain until now. */
export function upgraded(socket: Socket, keys: TlsKeys): TLSSocket {
  const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(keys) });
  secured.on('error', () => secured.destroy());
  return secured;
}
