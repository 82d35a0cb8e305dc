/** A server of lines on loopback, in plain text, that answers whatever a test says: for claims that no program makes, and no scenario should. */
import { once } from 'node:events';
import net from 'node:net';

export interface LineServer {
  readonly port: number;
  close(): void;
}

/** @param answer what to send for a line, with its line ends; undefined for nothing */
export async function startLineServer(greeting: string, answer: (line: string) => string | undefined): Promise<LineServer> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.write(greeting);
    let rest = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      const lines = `${rest}${String(chunk)}`.split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) socket.write(answer(line) ?? '', 'latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
