import assert from 'node:assert/strict';
import type http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { after, test } from 'node:test';
import { Authority } from '../../test/transcript/certificate.ts';
import { isFault } from '../fault/fault.ts';
import { type HttpQuestion, request } from './http.ts';
import { Secret } from './secret.ts';

const authority = new Authority('Test CA', new Date('2026-01-01'), new Date('2126-01-01'));
const { certificate, key } = authority.issue({
  subject: 'localhost',
  names: ['localhost'],
  from: new Date('2026-01-01'),
  to: new Date('2126-01-01'),
});
const open: net.Server[] = [];
after(() => {
  for (const server of open) server.close();
});

async function listening(server: net.Server): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A server over TLS that answers every question the same way. */
async function answering(answer: http.RequestListener): Promise<URL> {
  return new URL(`https://localhost:${await listening(https.createServer({ cert: certificate, key }, answer))}/path?a=b`);
}

/** A server without TLS that writes these bytes to whoever connects, and hangs up or not. */
async function writing(bytes: string, hangsUp: boolean): Promise<URL> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => (hangsUp ? socket.end(bytes) : socket.write(bytes)));
  });
  return new URL(`http://127.0.0.1:${await listening(server)}/`);
}

function ask(url: URL, more: Partial<HttpQuestion> = {}): ReturnType<typeof request> {
  return request({ method: 'GET', url, ca: [authority.certificate], timeoutMs: 5_000, ...more });
}

test('a question arrives whole over TLS with one more authority, and so does the answer', async () => {
  const url = await answering((asked, answer) => {
    asked.setEncoding('utf8').on('data', (body) => {
      const { method, url: path, headers } = asked;
      answer.writeHead(418, { 'Content-Type': 'application/json', 'X-Twice': ['a', 'b'] });
      answer.end(
        JSON.stringify({ method, path, host: headers.host, length: headers['content-length'], type: headers['content-type'], body }),
      );
    });
  });
  const answer = await ask(url, { method: 'POST', body: new Secret('äb=c'), headers: { 'content-type': 'text/plain' } });
  assert.deepEqual(JSON.parse(answer.text), {
    method: 'POST',
    path: '/path?a=b',
    host: url.host,
    length: '5',
    type: 'text/plain',
    body: 'äb=c',
  });
  assert.deepEqual([answer.status, answer.headers['content-type'], answer.headers['x-twice']], [418, 'application/json', 'a, b']);
});

test('a chunked answer of many pieces is read to its end', async () => {
  const url = await answering((_, answer) => {
    for (let piece = 0; piece < 100; piece += 1) answer.write('x'.repeat(5_000));
    answer.end();
  });
  assert.equal((await ask(url)).text.length, 500_000);
});

test('an answer without length ends with the connection', async () => {
  const url = await writing('HTTP/1.0 200 OK\r\n\r\nto the end', true);
  assert.equal((await ask(url)).text, 'to the end');
});

test('an authority that nobody trusts is refused before anything is sent', async () => {
  let asked = 0;
  const url = await answering((_, answer) => {
    asked += 1;
    answer.end();
  });
  await assert.rejects(ask(url, { ca: [] }), (error) => isFault(error, 'network.certificate-not-trusted'));
  assert.equal(asked, 0);
});

test('a longer answer than allowed, and one that is not HTTP, cannot be used', async () => {
  const url = await answering((_, answer) => answer.end('x'.repeat(2_000)));
  await assert.rejects(ask(url, { maxBytes: 1_000 }), (error) => isFault(error, 'http.answer-unusable'));
  await assert.rejects(ask(await writing('* OK IMAP4rev1 ready\r\n', false)), (error) => isFault(error, 'http.answer-unusable'));
});

test('an answer that breaks off or never comes is a fault of the network', async () => {
  const cut = await writing('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', true);
  await assert.rejects(ask(cut), (error) => isFault(error, 'network.connection-lost'));
  const nothing = await writing('', true);
  await assert.rejects(ask(nothing), (error) => isFault(error, 'network.connection-lost'));
  const silent = await answering(() => undefined);
  await assert.rejects(ask(silent, { timeoutMs: 300 }), (error) => isFault(error, 'network.timeout') && error.evidence['waitedMs'] === 300);
});

test('a signal ends the wait with its own reason', async () => {
  const abort = new AbortController();
  const url = await answering(() => abort.abort(new Error('enough')));
  await assert.rejects(ask(url, { signal: abort.signal }), /enough/);
  await assert.rejects(ask(url, { signal: abort.signal }), /enough/);
});
