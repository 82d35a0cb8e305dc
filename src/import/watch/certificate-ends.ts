/**
 * When the certificates end by which Postern itself is known: that of the console to browsers, that of the proxy to applications.
 *
 * The hard thing is not to cry wolf. Certificates that a program renews live for months or days, and are renewed when a third of their
 * life is left; told are only the steps that lie within its last quarter.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Fault } from '../../fault/fault.ts';
import { dayMs, expirySteps } from './expiry.ts';

export interface CertificateFile {
  readonly of: 'console' | 'proxy';
  readonly file: string;
}

export interface CertificateEnd extends CertificateFile {
  readonly begins: Date;
  readonly ends: Date;
}

/** Of its life: a program has renewed it when so little is left. */
const toldShare = 1 / 4;

/** Of each file the first certificate, the server's own: those above it in the chain are not ours to renew. A file that cannot be read, or has none, is told by whoever serves with it. */
export async function certificateEnds(files: readonly CertificateFile[]): Promise<readonly CertificateEnd[]> {
  const read = await Promise.all(files.map(async (one) => ({ one, text: await readFile(one.file, 'utf8').catch(() => '') })));
  return read.flatMap(({ one, text }) => {
    const own = firstCertificate(text);
    return own === undefined ? [] : [{ ...one, begins: own.validFromDate, ends: own.validToDate }];
  });
}

/** RFC 8446 §4.4.2: the sender's certificate comes first. */
function firstCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

/** As of a credential: how many of the steps are behind. Those before its last quarter are none. */
export function certificateStep({ begins, ends }: CertificateEnd, now: number): number {
  const leftDays = (ends.getTime() - now) / dayMs;
  const toldDays = ((ends.getTime() - begins.getTime()) / dayMs) * toldShare;
  const first = expirySteps.find((days) => days < toldDays) ?? 0;
  return leftDays > first ? 0 : expirySteps.filter((days) => leftDays <= days).length;
}

export function certificateFault({ of, file, ends }: CertificateEnd, now: number): Fault {
  const leftMs = ends.getTime() - now;
  const evidence = { certificate: of, file, expires: ends.toISOString(), daysLeft: Math.floor(leftMs / dayMs) };
  return new Fault(leftMs <= 0 ? 'watch.certificate-ended' : 'watch.certificate-ending', evidence);
}
