import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { Authority, type CertificateOptions } from '../../test/transcript/certificate.ts';
import { Fault } from '../fault/fault.ts';
import { type ByteSocket, connectSocket } from './socket.ts';

const day = 86_400_000;
const now = Date.now();
const authority = new Authority('Contoso Inspection CA', new Date(now - day), new Date(now + day));
const good: CertificateOptions = { subject: 'mail.contoso.test', ip: true, from: new Date(now - day), to: new Date(now + day) };
const timeoutMs = 40_000;

const servers: Server[] = [];
const peers = new Set<Socket>();
after(() => {
  for (const peer of peers) peer.destroy();
  for (const server of servers) server.close();
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (peer: Socket) => {
    peers.add(peer);
    peer.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return address.port;
}

function secureServer(options: CertificateOptions, onSecure: (peer: Socket) => void = () => {}): Promise<number> {
  const { certificate, key } = authority.issue(options);
  const server = tls.createServer({ cert: certificate, key }, onSecure);
  server.on('tlsClientError', () => {});
  return listening(server);
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const fault = await promise.then(
    () => assert.fail('no fault'),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof Fault, String(fault));
  return fault;
}

async function readAll(socket: ByteSocket): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await socket.read({ timeoutMs });
    if (chunk === undefined) return Buffer.concat(chunks).toString();
    chunks.push(chunk);
  }
}

test('bytes go both ways over TLS with an authority of our own', async () => {
  const port = await secureServer(good, (peer) => peer.on('data', (data) => peer.end(`you said ${data}`)));
  const socket = await connectSocket({ host: '127.0.0.1', port, tls: true, ca: [authority.certificate] }, { timeoutMs });
  await socket.write(Buffer.from('hello'));
  assert.equal(await readAll(socket), 'you said hello');
  socket.destroy();
});

test('a server that wants the post-quantum group gets it, though it is not offered with the first message', async () => {
  const { certificate, key } = authority.issue(good);
  for (const ecdhCurve of ['X25519MLKEM768', 'X25519', 'P-256']) {
    const port = await listening(tls.createServer({ cert: certificate, key, ecdhCurve }));
    const socket = await connectSocket({ host: '127.0.0.1', port, tls: true, ca: [authority.certificate] }, { timeoutMs });
    const released = socket.release().socket;
    assert.ok(released instanceof tls.TLSSocket);
    const agreed: object = released.getEphemeralKeyInfo() ?? {};
    assert.equal('name' in agreed && agreed.name, ecdhCurve === 'P-256' ? 'prime256v1' : ecdhCurve);
    released.destroy();
  }
});

test('a certificate of an unknown authority is refused, and the evidence names its issuer', async () => {
  const heard: string[] = [];
  const port = await secureServer(good, (peer) => peer.on('data', (data) => heard.push(String(data))));
  const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: true }, { timeoutMs }));
  assert.equal(fault.code, 'network.certificate-not-trusted');
  assert.equal(fault.evidence['issuer'], 'CN=Contoso Inspection CA');
  assert.equal(fault.evidence['subject'], 'CN=mail.contoso.test');
  assert.equal(fault.evidence['tlsCode'], 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  assert.deepEqual(heard, []);
});

test('a certificate for another host is refused, and the evidence lists its names', async () => {
  const port = await secureServer({ ...good, ip: false, names: ['mail.contoso.test', 'imap.contoso.test'] });
  const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: true, ca: [authority.certificate] }, { timeoutMs }));
  assert.equal(fault.code, 'network.certificate-wrong-host');
  assert.match(String(fault.evidence['names']), /imap\.contoso\.test/);
});

for (const [what, from, to] of [
  ['has expired', now - 2 * day, now - day],
  ['is not valid yet', now + day, now + 2 * day],
] as const) {
  test(`a certificate that ${what} is refused by its dates`, async () => {
    const port = await secureServer({ ...good, from: new Date(from), to: new Date(to) });
    const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: true, ca: [authority.certificate] }, { timeoutMs }));
    assert.equal(fault.code, 'network.certificate-expired');
    assert.ok(String(fault.evidence['validTo']).length > 0);
  });
}

test('a port that speaks plain text is no TLS server', async () => {
  const port = await listening(createServer((peer) => peer.end('* OK ready\r\n')));
  const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: true }, { timeoutMs }));
  assert.equal(fault.code, 'network.tls-failed');
});

test('a port that hangs up during the handshake is no TLS server', async () => {
  const port = await listening(createServer((peer) => peer.destroy()));
  const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: true }, { timeoutMs }));
  assert.equal(fault.code, 'network.tls-failed');
});

test('a handshake that nobody answers ends at the deadline', async () => {
  const port = await listening(createServer(() => {}));
  const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: true }, { timeoutMs: 1_000 }));
  assert.equal(fault.code, 'network.timeout');
  assert.equal(fault.evidence['waitedFor'], 'TLS handshake');
});

test('a port where nobody listens is unreachable', async () => {
  // The system gives it to nobody who asks for any port.
  const port = 1;
  const fault = await faultOf(connectSocket({ host: '127.0.0.1', port, tls: false }, { timeoutMs }));
  assert.equal(fault.code, 'network.unreachable');
  assert.equal(fault.evidence['errno'], 'ECONNREFUSED');
  assert.equal(fault.evidence['port'], port);
});

test('a name that nobody has does not resolve', async () => {
  const fault = await faultOf(connectSocket({ host: 'no-such-host.invalid', port: 993, tls: true }, { timeoutMs }));
  assert.equal(fault.code, 'network.name-not-found');
});

test('silence ends at the deadline, and the connection is still good', async () => {
  const port = await listening(createServer((peer) => peer.on('data', (data) => peer.end(data))));
  const socket = await connectSocket({ host: '127.0.0.1', port, tls: false }, { timeoutMs });
  const fault = await faultOf(socket.read({ timeoutMs: 20 }));
  assert.equal(fault.code, 'network.timeout');
  assert.equal(fault.evidence['waitedMs'], 20);
  await socket.write(Buffer.from('still here'));
  assert.equal(await readAll(socket), 'still here');
  socket.destroy();
});

test('a reset is a lost connection, and what had arrived before it is still read', async () => {
  const port = await listening(createServer((peer) => peer.on('data', () => peer.resetAndDestroy())));
  const socket = await connectSocket({ host: '127.0.0.1', port, tls: false }, { timeoutMs });
  await socket.write(Buffer.from('x'));
  const fault = await faultOf(readAll(socket));
  assert.equal(fault.code, 'network.connection-lost');
  assert.equal(fault.evidence['errno'], 'ECONNRESET');
  assert.equal((await faultOf(socket.write(Buffer.from('y')))).code, 'network.connection-lost');
  socket.destroy();
});

test('a signal ends a connect, a wait, or a whole connection, each with its own reason', async () => {
  const port = await listening(createServer(() => {}));
  const target = { host: '127.0.0.1', port, tls: false };
  const gone = new Error('gone');
  await assert.rejects(connectSocket(target, { timeoutMs, signal: AbortSignal.abort(gone) }), gone);

  const life = new AbortController();
  const socket = await connectSocket(target, { timeoutMs, signal: life.signal });
  const wait = new AbortController();
  const waiting = assert.rejects(socket.read({ timeoutMs, signal: wait.signal }), gone);
  wait.abort(gone);
  await waiting;

  const reading = assert.rejects(socket.read({ timeoutMs }), gone);
  life.abort(gone);
  await reading;
  await assert.rejects(socket.write(Buffer.from('x')), gone);
});

test('a reader that does not read makes the peer wait', async () => {
  const block = Buffer.alloc(64 * 1024);
  const total = 64 * 1024 * 1024;
  let sent = 0;
  const port = await listening(
    createServer((peer) => {
      const more = (): void => {
        while (sent < total) {
          sent += block.length;
          if (peer.write(block)) continue;
          peer.once('drain', more);
          return;
        }
        peer.end();
      };
      more();
    }),
  );
  const socket = await connectSocket({ host: '127.0.0.1', port, tls: false }, { timeoutMs });
  // Turns of the event loop, each with a chance for all that is ready to be read.
  for (let turn = 0; turn < 2_000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(socket.bufferedBytes < 1024 * 1024, `${socket.bufferedBytes} bytes lie here`);
  assert.ok(sent < total);
  let received = 0;
  for (;;) {
    const chunk = await socket.read({ timeoutMs });
    if (chunk === undefined) break;
    received += chunk.length;
  }
  assert.equal(received, total);
  socket.destroy();
});

test('a plain connection becomes a TLS one, checked like any other', async () => {
  const { certificate, key } = authority.issue(good);
  const port = await listening(
    createServer((peer) => {
      peer.write('go');
      peer.once('data', () => {
        peer.write('ok', () => {
          const secure = new tls.TLSSocket(peer, { isServer: true, cert: certificate, key });
          secure.on('error', () => {});
          secure.on('data', (data) => secure.end(`secretly ${data}`));
        });
      });
    }),
  );
  for (const ca of [[authority.certificate], []]) {
    const socket = await connectSocket({ host: '127.0.0.1', port, tls: false, ca }, { timeoutMs });
    assert.equal(String(await socket.read({ timeoutMs })), 'go');
    await socket.write(Buffer.from('starttls'));
    assert.equal(String(await socket.read({ timeoutMs })), 'ok');
    if (ca.length === 0) {
      assert.equal((await faultOf(socket.startTls(timeoutMs))).code, 'network.certificate-not-trusted');
    } else {
      await socket.startTls(timeoutMs);
      assert.ok(socket.secure);
      await socket.write(Buffer.from('hello'));
      assert.equal(await readAll(socket), 'secretly hello');
    }
    socket.destroy();
  }
});
