/**
 * A key pair and a self-signed certificate for the app: what Entra registers is the public half.
 *
 * The hard thing is left to others: the key is Node's, the certificate's encoding is node-forge's. RFC 5280 §4.1; RSA, because Entra's
 * assertions are RS256 or PS256.
 */
import { generateKeyPair, randomBytes, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';

export interface MadeCertificate {
  readonly certificatePem: string;
  /** PKCS #8, without a passphrase: to be stored at once, with mode 0600. */
  readonly keyPem: string;
  /** DER of the certificate. */
  readonly base64: string;
  /** SHA-1 of the DER, hex in capitals, as Entra names it. */
  readonly thumbprint: string;
}

const keyBits = 3072;
/** Clocks differ: a certificate of this very second would not be good yet elsewhere. */
const backdatedMs = 5 * 60_000;

/** @param subject `CN=…` */
export async function makeCertificate(subject: string, from: Date, to: Date): Promise<MadeCertificate> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: keyBits });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  // Loaded only here: nothing else of the program wants it.
  const { default: forge } = await import('node-forge');
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey.export({ type: 'spki', format: 'pem' }).toString());
  // RFC 5280 §4.1.2.2: positive, at most 20 octets.
  certificate.serialNumber = `00${randomBytes(16).toString('hex')}`;
  certificate.validity.notBefore = new Date(from.getTime() - backdatedMs);
  certificate.validity.notAfter = to;
  const name = [{ name: 'commonName', value: subject.replace(/^CN=/, '') }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.sign(forge.pki.privateKeyFromPem(keyPem), forge.md.sha256.create());
  const certificatePem = forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
  const read = new X509Certificate(certificatePem);
  return { certificatePem, keyPem, base64: read.raw.toString('base64'), thumbprint: read.fingerprint.replaceAll(':', '') };
}
