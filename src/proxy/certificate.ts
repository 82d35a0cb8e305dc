/** The certificate of the listeners, as TLS wants it. Read again when its file has changed, so that a renewed one needs no restart. */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { ProxyCertificate } from '../config/config.ts';
import { Fault, isFault } from '../fault/fault.ts';

export interface LoadedCertificate {
  readonly context: SecureContext;
  /** Changes with the file. */
  readonly version: string;
}

/** @throws Fault proxy.certificate-unusable, or that of the reference to the key */
export async function loadCertificate({ file, key }: ProxyCertificate): Promise<LoadedCertificate> {
  try {
    const version = await versionOf(file);
    const [cert, secret] = await Promise.all([readFile(file, 'utf8'), key.resolve()]);
    return { context: createSecureContext({ cert, key: secret.reveal(), minVersion: 'TLSv1.2' }), version };
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault('proxy.certificate-unusable', { file, reason: error instanceof Error ? error.message.slice(0, 200) : 'unknown' });
  }
}

/** Undefined where it cannot be seen just now: it is being replaced. */
export async function certificateVersion({ file }: ProxyCertificate): Promise<string | undefined> {
  return await versionOf(file).catch(() => undefined);
}

async function versionOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  return `${mtimeMs} ${size} ${ino}`;
}
