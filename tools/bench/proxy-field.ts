/**
 * Those who take part in the proxy benchmark, started side by side between one server and the client.
 *
 * The hard thing is that each is set up as its own makers would, and none gets the others' way in.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sandbox } from '../../sandbox/src/place.ts';
import { loadConfig } from '../../src/config/load.ts';
import { clientsPath } from '../../src/proxy/clients/client-file.ts';
import { addClient } from '../../src/proxy/clients/edit.ts';
import { type PeerName, peerProgram } from '../../test/contract/places/peers.ts';
import { posternProgram } from './contenders.ts';
import { Session, type Way } from './proxy-ends.ts';

export const names = ['direct', 'haproxy', 'haproxy, TLS in', 'stunnel', 'email-oauth2-proxy', 'postern', 'postern, TLS in'] as const;
/** Of the peer that no package of Debian has. */
export const peerFile = process.env['EMAIL_OAUTH2_PROXY'];
export type Name = (typeof names)[number];

/** Everything that runs, between one server and the client. */
export interface Field {
  readonly ways: ReadonlyMap<Name, Way>;
  readonly pids: ReadonlyMap<Name, number>;
  end(): Promise<void>;
}

export interface Ground {
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly token: string;
  readonly certificate: string;
  readonly key: string;
  readonly certificatePem: string;
}

/** Starts those who take part before the server at this port. */
export async function startField(ground: Ground, serverPort: number, folder: string, wanted: readonly Name[] = names): Promise<Field> {
  mkdirSync(folder);
  const { token, certificatePem } = ground;
  const xoauth2 = (mailbox: string): string =>
    `AUTHENTICATE XOAUTH2 ${Buffer.from(`user=${mailbox}\x01auth=Bearer ${token}\x01\x01`).toString('base64')}`;
  const [haproxyPlain, haproxyTls, stunnel, posternPlain, posternTls, peerPort] = await freePorts(6);
  const children: ChildProcess[] = [];
  const start = async (program: string, args: readonly string[], port: number): Promise<number> => {
    const child = spawn(program, [...args], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...process.env, BENCH_SECRET: ground.sandbox.clientSecret, SSL_CERT_FILE: join(folder, 'ca.pem') },
    });
    children.push(child);
    await answers(child, port);
    return child.pid ?? 0;
  };
  const ways = new Map<Name, Way>();
  const pids = new Map<Name, number>();
  const add = (name: Name, way: Way, pid: number): void => {
    if (!wanted.includes(name)) return;
    ways.set(name, way);
    pids.set(name, pid);
  };
  const wants = (...some: readonly Name[]): boolean => some.some((name) => wanted.includes(name));
  try {
    if (wants('direct')) add('direct', { port: serverPort, ca: certificatePem, login: xoauth2 }, 0);
    if (wants('haproxy', 'haproxy, TLS in')) {
      writeFileSync(join(folder, 'both.pem'), `${certificatePem}\n${readFileSync(ground.key, 'utf8')}`);
      writeFileSync(join(folder, 'haproxy.cfg'), haproxyConfig(folder, ground.certificate, serverPort, haproxyPlain, haproxyTls));
      const pid = await start(peerProgram('haproxy' satisfies PeerName), ['-db', '-f', join(folder, 'haproxy.cfg')], haproxyPlain);
      add('haproxy', { port: haproxyPlain, ca: undefined, login: xoauth2 }, pid);
      add('haproxy, TLS in', { port: haproxyTls, ca: certificatePem, login: xoauth2 }, pid);
    }
    if (wants('stunnel')) {
      writeFileSync(
        join(folder, 'stunnel.conf'),
        `foreground = yes\npid =\nsyslog = no\noutput = ${folder}/stunnel.log\n[imap]\nclient = yes\naccept = 127.0.0.1:${stunnel}\nconnect = 127.0.0.1:${serverPort}\nverifyChain = yes\ncheckHost = localhost\nCAfile = ${ground.certificate}\n`,
      );
      const pid = await start(peerProgram('stunnel' satisfies PeerName), [join(folder, 'stunnel.conf')], stunnel);
      add('stunnel', { port: stunnel, ca: undefined, login: xoauth2 }, pid);
    }
    writeFileSync(join(folder, 'ca.pem'), `${certificatePem}\n${ground.sandbox.caPem}`);
    if (peerFile !== undefined && wants('email-oauth2-proxy')) {
      const file = join(folder, 'emailproxy.config');
      writeFileSync(file, peerConfig(ground, serverPort, peerPort));
      const pid = await start(
        'python3',
        [peerFile, '--no-gui', '--config-file', file, '--log-file', join(folder, 'emailproxy.log')],
        peerPort,
      );
      add('email-oauth2-proxy', { port: peerPort, ca: undefined, login: (mailbox) => `LOGIN ${mailbox} bench` }, pid);
    }
    if (wants('postern', 'postern, TLS in')) {
      const file = join(folder, 'postern.yaml');
      writeFileSync(file, posternConfig(ground, serverPort, posternPlain, posternTls));
      const config = await loadConfig(file, { BENCH_SECRET: ground.sandbox.clientSecret });
      const rights = { mailboxes: ['*'], protocols: ['imap'], networks: [] } as const;
      const password = await addClient(clientsPath(config.dataFolder), 'bench', rights, 0);
      const pid = await start(posternProgram, ['proxy', '--config', file], posternPlain);
      const login = (mailbox: string): string => `LOGIN ${mailbox} ${password.reveal()}`;
      // The first login of a client costs its hash; every later one is one of many.
      (await Session.open({ port: posternPlain, ca: undefined, login }, 'first@contoso.test')).end();
      add('postern', { port: posternPlain, ca: undefined, login }, pid);
      add('postern, TLS in', { port: posternTls, ca: certificatePem, login }, pid);
    }
  } catch (error) {
    for (const child of children) child.kill('SIGKILL');
    throw error;
  }
  return {
    ways,
    pids,
    async end() {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null) return;
          const exited = once(child, 'exit');
          child.kill('SIGKILL');
          await exited;
        }),
      );
    },
  };
}

function haproxyConfig(folder: string, ca: string, serverPort: number, plain: number, secure: number): string {
  const server = `server s 127.0.0.1:${serverPort} ssl verify required ca-file ${ca} sni str(localhost) verifyhost localhost`;
  return `global
  nbthread 1
  maxconn 6000
defaults
  mode tcp
  maxconn 6000
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen plain
  bind 127.0.0.1:${plain}
  ${server}
listen secure
  bind 127.0.0.1:${secure} ssl crt ${folder}/both.pem
  ${server}
`;
}

/** One account for the whole domain, as its own sample has it. */
function peerConfig({ sandbox }: Ground, serverPort: number, port: number): string {
  return `[Server setup]
[IMAP-${port}]
local_address = 127.0.0.1
server_address = localhost
server_port = ${serverPort}
[Account setup]
[@contoso.test]
token_url = ${sandbox.tokenEndpoint}
oauth2_scope = ${sandbox.scope}
oauth2_flow = client_credentials
redirect_uri = http://localhost
client_id = ${sandbox.clientId}
client_secret = ${sandbox.clientSecret}
[emailproxy]
allow_catch_all_accounts = True
delete_account_token_on_password_error = False
`;
}

function posternConfig({ sandbox, certificate, key }: Ground, serverPort: number, plain: number, secure: number): string {
  return `tenants:
  bench:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    credential: { secret: { env: BENCH_SECRET } }
    ca: ca.pem
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}", imap: { host: localhost, port: ${serverPort} } }
proxy:
  listeners:
    plain: { protocol: imap, listen: "127.0.0.1:${plain}" }
    secure: { protocol: imap, listen: "127.0.0.1:${secure}", tls: implicit }
  certificate: { certificate: ${certificate}, key: { file: ${key} } }
  limits: { sessions: 20000, halfOpen: 20000, perMailbox: { imap: 100 } }
`;
}

async function freePorts(count: number): Promise<[number, number, number, number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return [a, b, c, d, e, f];
}

async function answers(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const socket = connect({ host: '127.0.0.1', port });
    const there = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false,
    );
    socket.destroy();
    if (there) return;
    await pause(25);
  }
  throw new Error('it does not listen');
}
