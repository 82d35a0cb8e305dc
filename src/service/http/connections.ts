/**
 * Bounds the connections of each address, so that one asker cannot keep the others out by holding what it does not use.
 *
 * The hard thing is to drop the right one. Whoever is over the bound loses the oldest connection on which nothing is being answered, so a
 * person who opens the console beside a hundred idle connections of a broken program still gets in.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const mostOfAddress = 200;
const mostOfAll = 1_000;

/** @param unbounded addresses behind which many people are: the proxy in front */
export function boundConnections(server: Server, unbounded: readonly string[]): void {
  const held = new Map<string, Set<Socket>>();
  const busy = new Map<Socket, number>();
  server.maxConnections = mostOfAll;
  // With TLS both are told, the inner one later; what counts is the connection itself.
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    const own = held.get(address) ?? new Set();
    held.set(address, own);
    own.add(socket);
    socket.once('close', () => {
      own.delete(socket);
      busy.delete(socket);
      if (own.size === 0 && held.get(address) === own) held.delete(address);
    });
    if (own.size <= mostOfAddress || unbounded.includes(address)) return;
    const idle = [...own].find((one) => one !== socket && !busy.has(one));
    (idle ?? socket).destroy();
  });
  server.on('request', ({ socket }, response) => {
    const raw = plainSocket(socket);
    busy.set(raw, (busy.get(raw) ?? 0) + 1);
    response.once('close', () => {
      const left = (busy.get(raw) ?? 1) - 1;
      if (left === 0) busy.delete(raw);
      else busy.set(raw, left);
    });
  });
}

/** Of a TLS socket the connection below it, which is the one that was told of first. */
function plainSocket(socket: Socket): Socket {
  const parent: unknown = Reflect.get(socket, '_parent');
  return parent !== null && parent !== undefined ? (parent as Socket) : socket;
}
