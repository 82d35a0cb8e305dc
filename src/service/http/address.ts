/**
 * Where the console is served, and under which names: what the configuration and the command line say, checked before anything listens.
 *
 * The hard thing is what must not happen by mistake: passwords and messages over a line that others read. So an address that other
 * machines reach is taken only with a certificate, or behind a proxy whose address is named; and certificate and key are read and tried
 * at the start, not at the first handshake.
 */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Config, ServiceTls } from '../../config/config.ts';
import { listenAddress } from '../../config/schema.ts';
import { Fault } from '../../fault/fault.ts';
import { isLoopback } from '../../tenant/ids.ts';

export const defaultListen = { host: '127.0.0.1', port: 8473 } as const;

export interface ServiceAddress {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly tls: TlsMaterial | undefined;
  /** Host names of the configuration, in small letters. */
  readonly names: readonly string[];
  /** Addresses of the proxy in front; empty: there is none. */
  readonly proxies: readonly string[];
}

export interface TlsMaterial {
  /** Certificate with its chain and key as PEM, for the TLS that is made of them. */
  readonly pair: () => { readonly cert: string; readonly key: string };
  /** Another one: a pair that has changed. */
  readonly fingerprint: string;
  /** Names and addresses of the certificate, in small letters; `*.contoso.com` among them. */
  readonly names: readonly string[];
  readonly ends: Date;
  /** Reads both again. @throws Fault service.tls-unusable, config.secret-* */
  readonly again: () => Promise<TlsMaterial>;
}

/**
 * @param listen `--listen` of the command line, which goes before the configuration
 * @throws Fault service.listen-refused, service.tls-unusable, config.secret-*, cli.wrong-use
 */
export async function serviceAddress(config: Config, listen: string | undefined): Promise<ServiceAddress> {
  const { service } = config;
  const { host, port } = listen === undefined ? (service?.listen ?? defaultListen) : given(listen);
  const proxies = service?.behindProxy ?? [];
  if (!isLoopback(host) && service?.tls === undefined && proxies.length === 0) throw new Fault('service.listen-refused', { host, port });
  const tls = service?.tls === undefined ? undefined : await readTls(service.tls);
  return { host, port, tls, names: service?.names ?? [], proxies };
}

function given(listen: string): { readonly host: string; readonly port: number } {
  const address = listenAddress(listen);
  if (address !== undefined) return address;
  throw new Fault('cli.wrong-use', { option: '--listen', expected: 'HOST:PORT, e.g. 127.0.0.1:8473', found: listen });
}

async function readTls(files: ServiceTls): Promise<TlsMaterial> {
  const unusable = (seen: string, cause?: unknown): Fault =>
    new Fault('service.tls-unusable', { certificate: files.certificateFile, key: files.key.describe, seen }, { cause });
  let certificate: string;
  try {
    certificate = await readFile(files.certificateFile, 'utf8');
  } catch (error) {
    throw unusable(`certificate: ${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}`, error);
  }
  const key = await files.key.resolve();
  const leaf = attempt(
    () => new X509Certificate(certificate),
    () => unusable('the certificate is no PEM'),
  );
  // OpenSSL's words about a key quote nothing of it, but they are no `cause`: what read it may be in them.
  const isPair = attempt(
    () => leaf.checkPrivateKey(createPrivateKey(key.reveal())),
    () => unusable('the key is no PEM, or has a passphrase'),
  );
  if (!isPair) throw unusable('the key does not belong to the certificate');
  attempt(
    () => createSecureContext({ cert: certificate, key: key.reveal() }),
    () => unusable('OpenSSL does not take them together'),
  );
  return {
    pair: () => ({ cert: certificate, key: key.reveal() }),
    fingerprint: createHash('sha256').update(certificate).update(key.reveal()).digest('hex'),
    names: namesOf(leaf),
    ends: leaf.validToDate,
    again: () => readTls(files),
  };
}

function attempt<T>(act: () => T, fault: () => Fault): T {
  try {
    return act();
  } catch {
    throw fault();
  }
}

/** `DNS:a.example, DNS:*.b.example, IP Address:127.0.0.1`; a certificate without such names serves none (RFC 9110 §4.3.4). */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].map(([, name = '']) => name.toLowerCase());
}
