/**
 * A proxy as the product makes it, from a configuration file on, before the sandbox or before Debian's Dovecot; in this process, so that a
 * test can look at what it tells.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';
import { thumbprints } from '../../sandbox/src/certificates.ts';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, type Mailbox, mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import { proxyFor } from '../../src/cli/wire-proxy.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { clientsPath } from '../../src/proxy/clients/client-file.ts';
import { addClient } from '../../src/proxy/clients/edit.ts';
import type { ProxyEvent, ProxyPort, ProxyProtocol } from '../../src/proxy/port.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { selfSignedCertificate } from './places/certificate.ts';
import { type DovecotPlace, startDovecot } from './places/dovecot.ts';

const deadlineMs = 40_000;

export interface ProxyWish {
  /** YAML under `proxy:` besides the listeners, indented by two blanks. */
  readonly more?: string;
  /** Instead of a plain listener on 127.0.0.1 for each protocol. */
  readonly listeners?: string;
  /** Mail servers: those of the sandbox unless Dovecot is given, which has its tokens from the sandbox. */
  readonly behind?: 'sandbox' | 'dovecot';
  /** Where that Dovecot hands submitted mail on. */
  readonly relayPort?: number;
  /** Waits between two attempts take as long as in life; else next to nothing. */
  readonly patient?: boolean;
  /** Instead of the servers behind, as keys of `cloud`. */
  readonly servers?: string;
  /** Listeners have a certificate. */
  readonly tls?: boolean;
}

export interface ClientWish {
  readonly name: string;
  readonly mailboxes?: readonly string[];
  readonly protocols?: readonly ProxyProtocol[];
  readonly networks?: readonly string[];
}

export interface ProxyPlace {
  readonly proxy: ProxyPort;
  readonly sandbox: Sandbox;
  readonly dovecot: DovecotPlace | undefined;
  readonly config: Config;
  readonly folder: string;
  readonly clientsFile: string;
  /** PEM of the certificate that the listeners show. */
  readonly certificateFile: string;
  readonly events: ProxyEvent[];
  readonly bugs: unknown[];
  port(listener: ProxyProtocol | string): number;
  /** Adds a client and has the proxy see it. @returns its password */
  client(wish: ClientWish): Promise<string>;
  /** An empty mailbox that the app may open. */
  mailbox(address: string): Mailbox;
  deliver(address: string, messages: readonly string[]): void;
  /** Waits until the proxy has told this. */
  event<K extends ProxyEvent['kind']>(
    kind: K,
    fits?: (event: Extract<ProxyEvent, { kind: K }>) => boolean,
  ): Promise<Extract<ProxyEvent, { kind: K }>>;
  /** Rows of the audit so far. */
  audit(): readonly Readonly<Record<string, unknown>>[];
  reload(more: string): Promise<void>;
  close(): Promise<void>;
}

/** The machine's clock, but nobody is kept waiting. */
const hurried: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) };

const plainListeners = `
    imap: { protocol: imap, listen: "127.0.0.1:0" }
    pop3: { protocol: pop3, listen: "127.0.0.1:0" }
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }`;

export async function startProxyPlace(wish: ProxyWish = {}): Promise<ProxyPlace> {
  const sandbox = await startSandbox({ withoutSeed: true });
  const folder = mkdtempSync(join(tmpdir(), 'postern-proxy-'));
  const certificate = wish.tls === true || wish.behind === 'dovecot' ? await selfSignedCertificate() : undefined;
  const dovecot =
    wish.behind === 'dovecot' && certificate !== undefined ? await dovecotFor(sandbox, certificate, wish.relayPort) : undefined;
  writeFileSync(join(folder, 'ca.pem'), `${sandbox.caPem}\n${certificate?.certificatePem ?? ''}`);
  if (certificate !== undefined) {
    writeFileSync(join(folder, 'proxy.pem'), certificate.certificatePem);
    writeFileSync(join(folder, 'proxy.key'), certificate.keyPem, { mode: 0o600 });
  }
  const file = join(folder, 'postern.yaml');
  const env = { LAB_SECRET: sandbox.clientSecret };
  const written = async (more: string): Promise<Config> => {
    writeFileSync(file, yamlFor(sandbox, dovecot, { ...wish, more }));
    return await loadConfig(file, env);
  };
  const config = await written(wish.more ?? '');
  const events: ProxyEvent[] = [];
  const bugs: unknown[] = [];
  const proxy = await proxyFor(config, {
    onEvent: (event) => void events.push(event),
    onBug: (error) => void bugs.push(error),
    clock: wish.patient === true ? systemClock : hurried,
  });
  const clientsFile = clientsPath(config.dataFolder);
  return {
    proxy,
    sandbox,
    dovecot,
    config,
    folder,
    clientsFile,
    certificateFile: join(folder, 'proxy.pem'),
    events,
    bugs,
    port(name) {
      const names = Object.keys(config.proxy?.listeners.map((one) => [one.name]) ?? []);
      const index = config.proxy?.listeners.findIndex((one) => one.name === name) ?? -1;
      const address = proxy.listeners()[index]?.address;
      if (address === undefined) throw new Error(`no listener ${name} among ${names.join(', ')}`);
      return Number(/:(\d+)$/.exec(address)?.[1]);
    },
    async client({ name, mailboxes = ['*@contoso.test'], protocols = ['imap', 'pop3', 'smtp'], networks = [] }) {
      const password = await addClient(clientsFile, name, { mailboxes, protocols, networks }, 0);
      await proxy.reloadClients();
      return password.reveal();
    },
    mailbox: (address) => mailboxOf(sandbox.tenant, address) ?? addMailbox(sandbox.tenant, makeMailbox(address)),
    deliver(address, messages) {
      if (dovecot !== undefined) {
        dovecot.deliver(
          address,
          'INBOX',
          messages.map((text) => Buffer.from(text, 'latin1')),
        );
        return;
      }
      const mailbox = mailboxOf(sandbox.tenant, address);
      const inbox = mailbox && folderOf(mailbox, 'INBOX');
      for (const text of messages) inbox?.deliver([Buffer.from(text, 'latin1')], { internalDate: sandbox.tenant.now() });
    },
    async event(kind, fits = () => true) {
      for (const startedAt = performance.now(); performance.now() - startedAt < deadlineMs; await pause(5)) {
        const found = events.find(
          (event): event is Extract<ProxyEvent, { kind: typeof kind }> => event.kind === kind && fits(event as never),
        );
        if (found !== undefined) return found;
      }
      throw new Error(`the proxy did not tell of ${kind}; it told ${events.map((event) => event.kind).join(', ')}`);
    },
    audit() {
      const rows = join(config.dataFolder, 'proxy', 'audit');
      return readdirSync(rows).flatMap((name) =>
        readFileSync(join(rows, name), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line)),
      );
    },
    async reload(more) {
      const { proxy: now } = await written(more);
      if (now === undefined) throw new Error('there is no proxy in the configuration');
      await proxy.reload(now);
    },
    async close() {
      await proxy.close(0);
      await dovecot?.close();
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(bugs, []);
    },
  };
}

async function dovecotFor(
  sandbox: Sandbox,
  identity: { readonly certificatePem: string; readonly keyPem: string },
  relayPort: number | undefined,
): Promise<DovecotPlace> {
  return await startDovecot({
    tls: identity,
    ...(relayPort === undefined ? {} : { relayPort }),
    signer: {
      issuer: `https://sts.windows.net/${sandbox.tenant.id}/`,
      kid: thumbprints(sandbox.tenant.signingKey.certificate).x5t,
      publicKeyPem: sandbox.tokenKeyPem,
    },
  });
}

function yamlFor(
  sandbox: Sandbox,
  dovecot: DovecotPlace | undefined,
  { listeners = plainListeners, more = '', tls: hasTls, servers }: ProxyWish,
): string {
  const [imap, pop3, smtp] =
    dovecot === undefined
      ? [sandbox.imap.tlsPort, sandbox.pop.tlsPort, sandbox.smtp.starttlsPort]
      : [dovecot.ports.imaps, dovecot.ports.pop3s, dovecot.ports.submission];
  const usual = `      imap: { host: localhost, port: ${imap} }
      pop3: { host: localhost, port: ${pop3} }
      smtp: { host: localhost, port: ${smtp}, tls: starttls }
`;
  return `tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    credential: { secret: { env: LAB_SECRET } }
    ca: ca.pem
    cloud:
      authority: "${sandbox.authority}"
      scope: "${sandbox.scope}"
${servers ?? usual}proxy:
  listeners:${listeners}
${hasTls === true ? '  certificate: { certificate: proxy.pem, key: { file: proxy.key } }\n' : ''}${more}
`;
}

/** A talk with a listener, by hand: lines in, text out, each wait with a deadline. */
export class Dialogue {
  readonly socket: net.Socket;
  heard = '';
  ended = false;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.heard += String(text);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.ended = true;
    });
  }

  say(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until what was heard fits, takes it away up to there, and gives it. */
  async until(pattern: RegExp): Promise<string> {
    for (const startedAt = performance.now(); performance.now() - startedAt < deadlineMs; await pause(2)) {
      const found = pattern.exec(this.heard);
      if (found !== null) {
        const text = this.heard.slice(0, found.index + found[0].length);
        this.heard = this.heard.slice(text.length);
        return text;
      }
      if (this.ended) break;
    }
    throw new Error(`waited for ${pattern}, heard ${JSON.stringify(this.heard.slice(-500))}${this.ended ? ' and the end' : ''}`);
  }

  async closed(): Promise<string> {
    for (const startedAt = performance.now(); performance.now() - startedAt < deadlineMs; await pause(2)) {
      if (this.ended) return this.heard;
    }
    throw new Error(`the connection did not end; heard ${JSON.stringify(this.heard.slice(-500))}`);
  }

  end(): void {
    this.socket.destroy();
  }
}

export async function dial(port: number, from?: string): Promise<Dialogue> {
  const socket = net.connect({ host: '127.0.0.1', port, ...(from === undefined ? {} : { localAddress: from }) });
  await once(socket, 'connect', { signal: AbortSignal.timeout(deadlineMs) });
  return new Dialogue(socket);
}

export async function dialTls(port: number, ca: string): Promise<Dialogue> {
  const socket = tls.connect({ host: 'localhost', port, ca: readFileSync(ca, 'utf8') });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(deadlineMs) });
  return new Dialogue(socket);
}
