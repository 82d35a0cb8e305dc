/** What passes after the login: every byte, in its order, both ways at once, no faster than the slower side, and each end where it belongs. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { type PassedOn, type Passing, passOn } from '../../src/proxy/pass-on.ts';

interface Line {
  /** The application's end, and the server's. */
  readonly near: Socket;
  readonly far: Socket;
  readonly passing: Passing;
}

/** Two TCP connections with the proxy's passing between them. */
async function connected(fromClient = '', fromServer = ''): Promise<Line> {
  const [near, client] = await pair();
  const [far, server] = await pair();
  const passing = passOn({
    client,
    server,
    fromClient: Buffer.from(fromClient),
    fromServer: Buffer.from(fromServer),
    now: () => performance.now(),
  });
  return { near, far, passing };
}

async function pair(): Promise<[Socket, Socket]> {
  const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const one = net.connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [[other]] = await Promise.all([once(listener, 'connection'), once(one, 'connect')]);
  listener.close();
  one.on('error', () => undefined);
  return [one, other];
}

async function heard(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'end', { signal: AbortSignal.timeout(60_000) });
  return Buffer.concat(chunks);
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('megabytes pass both ways at once, byte for byte, behind what was read before', async () => {
  const { near, far, passing } = await connected('first ', 'FIRST ');
  const [out, back] = [randomBytes(12_000_000), randomBytes(9_000_000)];
  const [atFar, atNear] = [heard(far), heard(near)];
  near.end(out);
  far.end(back);
  assert.equal(sha256(await atFar), sha256(Buffer.concat([Buffer.from('first '), out])));
  assert.equal(sha256(await atNear), sha256(Buffer.concat([Buffer.from('FIRST '), back])));
  await passing.done;
  assert.partialDeepStrictEqual(passing.passed satisfies PassedOn, { bytesIn: out.length + 6, bytesOut: back.length + 6 });
});

test('who does not read stops who writes, and nothing piles up in between', async () => {
  const { near, far, passing } = await connected();
  near.pause();
  const before = process.memoryUsage().arrayBuffers;
  const piece = Buffer.alloc(64 * 1024);
  let sent = 0;
  // Until TCP's own buffers on the whole way are full.
  for (let quiet = 0; quiet < 200; quiet += 1) {
    while (far.write(piece)) {
      sent += piece.length;
      quiet = 0;
    }
    await new Promise((done) => setImmediate(done));
    if (!far.writableNeedDrain) quiet = 0;
    assert.ok(sent < 100_000_000, 'it went on taking');
  }
  assert.ok(passing.passed.bytesOut < 20_000_000);
  assert.ok(process.memoryUsage().arrayBuffers - before < 20_000_000);
  near.destroy();
  await passing.done;
  far.destroy();
});

test('a half that is closed stays open the other way', async () => {
  const { near, far, passing } = await connected();
  near.end('all that I say\r\n');
  assert.equal((await heard(far)).toString(), 'all that I say\r\n');
  const answer = heard(near);
  far.write('and ');
  far.end('the answer\r\n');
  assert.equal((await answer).toString(), 'and the answer\r\n');
  assert.equal(await passing.done, 'client-ended');
});

test('a server that ends has its last words heard, and an application that is lost ends the server', async () => {
  const one = await connected();
  one.far.end('* BYE\r\n');
  assert.equal((await heard(one.near)).toString(), '* BYE\r\n');
  one.near.end();
  assert.equal(await one.passing.done, 'server-ended');
  const other = await connected();
  other.near.resetAndDestroy();
  assert.equal((await heard(other.far)).length, 0);
  other.far.end();
  assert.match(await other.passing.done, /^client-/);
});

test('a hold keeps back what the application says, and not what the server says; then all of it passes', async () => {
  const { near, far, passing } = await connected();
  const startedAt = performance.now();
  passing.hold(150);
  near.write('wait\r\n');
  far.write('news\r\n');
  const [news] = await once(near, 'data');
  assert.equal(String(news), 'news\r\n');
  const [said] = await once(far, 'data');
  assert.equal(String(said), 'wait\r\n');
  assert.ok(performance.now() - startedAt >= 145);
  passing.stop('* BYE\r\n');
  assert.equal((await heard(near)).toString(), '* BYE\r\n');
  near.end();
  assert.equal(await passing.done, 'stopped');
  far.destroy();
});
