/** A certificate for `localhost` that signs itself, made by openssl: for a place that stands without the sandbox and its authority. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { peerProgram } from './peers.ts';

const deadlineMs = 60_000;

export interface Certificate {
  /** Both the server's certificate and the authority to trust. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** For two days, for `localhost` and 127.0.0.1. */
export async function selfSignedCertificate(): Promise<Certificate> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-certificate-'));
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  try {
    const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost'.split(' ');
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    await promisify(execFile)(peerProgram('openssl'), [...words, ...names, '-keyout', key, '-out', certificate], { timeout: deadlineMs });
    return { certificatePem: readFileSync(certificate, 'utf8'), keyPem: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
