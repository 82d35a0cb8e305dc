/** A mail server on loopback that takes everything and keeps it: what stands behind a relay, to see what came through. No TLS, no login. */
import { once } from 'node:events';
import net from 'node:net';

export interface MailSink {
  readonly port: number;
  /** Contents as they came, dots taken off, newest last. */
  readonly taken: readonly string[];
  close(): void;
}

export async function startMailSink(): Promise<MailSink> {
  const taken: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write('220 sink\r\n');
    let rest = '';
    let content: string[] | undefined;
    socket.setEncoding('latin1').on('data', (text) => {
      const lines = `${rest}${String(text)}`.split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (content === undefined) {
          if (/^DATA$/i.test(line)) content = [];
          socket.write(answer(line));
        } else if (line === '.') {
          taken.push(`${content.join('\r\n')}\r\n`);
          content = undefined;
          socket.write('250 2.0.0 Taken\r\n');
        } else content.push(line.startsWith('.') ? line.slice(1) : line);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    taken,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function answer(line: string): string {
  if (/^EHLO/i.test(line)) return '250-sink\r\n250 8BITMIME\r\n';
  if (/^DATA$/i.test(line)) return '354 go on\r\n';
  return /^QUIT/i.test(line) ? '221 bye\r\n' : '250 2.0.0 OK\r\n';
}
