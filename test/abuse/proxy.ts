/**
 * Thousands of connections that never log in, against the real binary: some say nothing, some drip, some send without end, some begin TLS and
 * stop. Meanwhile an application logs in and is served, the mail server behind sees nobody else, and memory stays bounded.
 *
 * proxy.ts [--connections 10000]; exits with 0 where all of that held. The small number runs with every `npm test`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startSandbox } from '../../sandbox/src/place.ts';
import { loadConfig } from '../../src/config/load.ts';
import { clientsPath } from '../../src/proxy/clients/client-file.ts';
import { addClient } from '../../src/proxy/clients/edit.ts';
import { binary, root } from '../cli/postern.ts';
import { selfSignedCertificate } from '../contract/places/certificate.ts';
import { dial } from '../contract/proxy-place.ts';

const deadlineMs = 60_000;
/** What a connection that has not logged in may take, besides what the program needs by itself. */
const bytesEach = 30_000;
const ownBytes = 200_000_000;
const dripEveryMs = 200;

export interface Siege {
  /** Held at once at the end. */
  readonly held: number;
  readonly peakBytes: number;
  readonly loginMs: number;
}

/** @throws AssertionError where somebody else was not served, or the server behind saw somebody */
export async function besiege(connections: number): Promise<Siege> {
  const sandbox = await startSandbox({ withoutSeed: true });
  const folder = mkdtempSync(join(tmpdir(), 'postern-abuse-'));
  const identity = await selfSignedCertificate();
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  writeFileSync(join(folder, 'proxy.pem'), identity.certificatePem);
  writeFileSync(join(folder, 'proxy.key'), identity.keyPem);
  const file = join(folder, 'postern.yaml');
  writeFileSync(
    file,
    `tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    credential: { secret: { env: LAB_SECRET } }
    ca: ca.pem
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}", imap: { host: localhost, port: ${sandbox.imap.tlsPort} } }
proxy:
  listeners:
    plain: { protocol: imap, listen: "127.0.0.1:0" }
    secure: { protocol: imap, listen: "127.0.0.1:0", tls: implicit }
  certificate: { certificate: proxy.pem, key: { file: proxy.key } }
  limits: { halfOpen: ${connections + 100}, loginTime: 5m }
`,
  );
  const env = { LAB_SECRET: sandbox.clientSecret };
  const config = await loadConfig(file, env);
  const rights = { mailboxes: ['*'], protocols: ['imap'], networks: [] } as const;
  const password = (await addClient(clientsPath(config.dataFolder), 'good', rights, 0)).reveal();
  const child = spawn(binary, ['proxy', '--config', file], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const sockets: Socket[] = [];
  let drip: NodeJS.Timeout | undefined;
  try {
    const [plain, secure] = await portsOf(child.stderr);
    for (let from = 0; from < connections; from += 200) {
      const more = Math.min(200, connections - from);
      sockets.push(...(await Promise.all(Array.from({ length: more }, (_, index) => siege(from + index, plain, secure)))));
    }
    drip = setInterval(() => {
      for (let index = 1; index < sockets.length; index += 4) if (sockets[index]?.writable === true) sockets[index]?.write('x');
    }, dripEveryMs);
    const startedAt = performance.now();
    for (let turn = 0; turn < 3; turn += 1) {
      const talk = await dial(plain);
      talk.say(`a LOGIN ${sandbox.bulkMailbox} ${password}\r\nb EXAMINE INBOX\r\nc LOGOUT\r\n`);
      await talk.until(/c OK .*\r\n/);
      talk.end();
    }
    const loginMs = (performance.now() - startedAt) / 3;
    assert.equal(child.exitCode, null);
    const logins = [...sandbox.tenant.mailboxes.values()].reduce((sum, { seen }) => sum + seen.logins, 0);
    assert.equal(logins, 3);
    return { held: sockets.filter((socket) => !socket.destroyed).length, peakBytes: peakOf(child.pid ?? 0), loginMs };
  } finally {
    clearInterval(drip);
    for (const socket of sockets) socket.destroy();
    child.kill('SIGTERM');
    await exited;
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of four: one says nothing, one drips, one sends much at once, one begins a handshake and stops. */
async function siege(index: number, plain: number, secure: number): Promise<Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: index % 4 === 3 ? secure : plain });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect', { signal: AbortSignal.timeout(deadlineMs) });
  // 100 bytes short of the longest line, so that it is kept and not ended.
  if (index % 4 === 2) socket.write('x'.repeat(8_000));
  if (index % 4 === 3) socket.write(Buffer.from([22, 3, 1, 2, 0]));
  return socket;
}

async function portsOf(stderr: NodeJS.ReadableStream): Promise<readonly [number, number]> {
  let text = '';
  stderr.on('data', (chunk) => {
    text += String(chunk);
  });
  for (const until = AbortSignal.timeout(deadlineMs); ; await once(stderr, 'data', { signal: until })) {
    const [plain, secure] = [...text.matchAll(/listening: imap 127\.0\.0\.1:(\d+)/g)].map((found) => Number(found[1]));
    if (plain !== undefined && secure !== undefined) return [plain, secure];
  }
}

function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Whether that is bounded as it should be. */
export function isBounded({ peakBytes }: Siege, connections: number): boolean {
  return peakBytes < ownBytes + connections * bytesEach;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } });
  const connections = Number(values.connections);
  const result = await besiege(connections);
  const { held, peakBytes, loginMs } = result;
  process.stdout.write(
    `${held} of ${connections} half-open connections held, ${(peakBytes / 1e6).toFixed(0)} MB at most; a login meanwhile took ${loginMs.toFixed(0)} ms\n`,
  );
  process.exitCode = isBounded(result, connections) ? 0 : 1;
}
