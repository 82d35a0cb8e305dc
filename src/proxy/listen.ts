/** One listener: takes connections, gives each its place among those that have not logged in, and its door. */
import { createServer, type Server, type Socket } from 'node:net';
import type { ProxyListener } from '../config/config.ts';
import { Fault } from '../fault/fault.ts';
import type { ListenerView } from './port.ts';

export interface Listening {
  readonly listener: ProxyListener;
  readonly view: ListenerView;
  /** Takes no more connections; those that are there stay. */
  close(): void;
}

/** Silence after which TCP asks whether the application is still there; keeps firewalls from forgetting an idle session. */
const keepAliveAfterMs = 60_000;

/** @throws Fault proxy.listen-failed */
export async function listenFor(listener: ProxyListener, onSocket: (socket: Socket) => void): Promise<Listening> {
  const server = createServer(
    // An application may end its half and still wait for answers; and nothing is read before somebody looks at it.
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs },
    onSocket,
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const { host, port, name } = listener;
      reject(new Fault('proxy.listen-failed', { listener: name, host, port, errno: error.code ?? 'unknown' }, { cause: error }));
    });
    server.listen({ host: listener.host, port: listener.port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      // A connection that cannot be taken (no more files) is the application's loss, not the end of the proxy.
      server.on('error', () => undefined);
      resolve();
    });
  });
  return {
    listener,
    view: { protocol: listener.protocol, address: addressOf(server), tls: listener.tls },
    close: () => void server.close(),
  };
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
