/**
 * The sandbox's certificates: an authority made at start, a server certificate under it, and self-signed ones for apps.
 *
 * The hard thing is DER, written here by hand: a certificate needs five kinds of value and a signature, and a library for it
 * would bring some thirty packages. Reading is left to Node's `X509Certificate`. RFC 5280 §4.1 and §4.2.
 */

import { createHash, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';

const makeKeyPair = promisify(generateKeyPair);
const dayMs = 86_400_000;

/** A key with its certificate, both also as PEM. */
export interface Identity {
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly certificate: X509Certificate;
  readonly certificatePem: string;
}

export interface ServerWishes {
  /** DNS name for which it is; `localhost` if it does not say, and then also the two addresses of this machine. */
  readonly host?: string;
  /** Whether it ended a day ago. */
  readonly isExpired?: boolean;
}

export interface Authority extends Identity {
  /** Makes a server certificate. */
  issueServer(wishes?: ServerWishes): Promise<Identity>;
}

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length: number[] = [];
  if (body.length < 0x80) length.push(body.length);
  else {
    for (let rest = body.length; rest > 0; rest >>>= 8) length.unshift(rest & 0xff);
    length.unshift(0x80 | length.length);
  }
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...content: readonly Buffer[]) => der(0x30, ...content);
const octets = (content: Buffer) => der(0x04, content);
const bits = (content: Buffer, unused = 0) => der(0x03, Buffer.from([unused]), content);
const truth = der(0x01, Buffer.from([0xff]));

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const septets = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return der(0x06, Buffer.from(bytes));
}

function name(commonName: string): Buffer {
  const attribute = (type: string, text: string) => der(0x31, sequence(oid(type), der(0x0c, Buffer.from(text))));
  return sequence(attribute('2.5.4.10', 'Postern sandbox (not for production)'), attribute('2.5.4.3', commonName));
}

function time(date: Date): Buffer {
  const text = date
    .toISOString()
    .replace(/[-:T]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  // RFC 5280 §4.1.2.5: two-digit years up to 2049, four digits from 2050.
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [truth] : []), octets(value));
}

const keyIdentifier = (spki: Buffer) => createHash('sha1').update(spki).digest();

const extensions = {
  authority: extension('2.5.29.19', true, sequence(truth, der(0x02, Buffer.from([0])))),
  leaf: extension('2.5.29.19', true, sequence()),
  signsCertificates: extension('2.5.29.15', true, bits(Buffer.from([0x06]), 1)),
  signsData: extension('2.5.29.15', true, bits(Buffer.from([0x80]), 7)),
  forServers: extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
  // A guardrail: whoever installs this authority by mistake has trusted it for this machine and reserved names only. RFC 5280 §4.2.1.10.
  onlyHere: extension(
    '2.5.29.30',
    true,
    sequence(
      der(
        0xa0,
        ...['localhost', 'test', 'example'].map((host) => sequence(der(0x82, Buffer.from(host)))),
        sequence(der(0x87, Buffer.from([127, 0, 0, 0, 255, 0, 0, 0]))),
        sequence(der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(16, 0xff)]))),
      ),
    ),
  ),
};

/** Subject alternative names. RFC 5280 §4.2.1.6. */
function namesOf(host: string): Buffer {
  const addresses = host === 'localhost' ? [Buffer.from([127, 0, 0, 1]), Buffer.concat([Buffer.alloc(15), Buffer.from([1])])] : [];
  return extension('2.5.29.17', false, sequence(der(0x82, Buffer.from(host)), ...addresses.map((one) => der(0x87, one))));
}

interface Request {
  readonly subject: string;
  readonly issuer: string;
  readonly spki: Buffer;
  readonly issuerSpki: Buffer;
  readonly signer: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

function certify(request: Request): X509Certificate {
  const algorithm =
    request.signer.asymmetricKeyType === 'rsa' ? sequence(oid('1.2.840.113549.1.1.11'), der(0x05)) : sequence(oid('1.2.840.10045.4.3.2'));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    name(request.issuer),
    sequence(time(request.notBefore), time(request.notAfter)),
    name(request.subject),
    request.spki,
    der(
      0xa3,
      sequence(
        ...request.extensions,
        extension('2.5.29.14', false, octets(keyIdentifier(request.spki))),
        extension('2.5.29.35', false, sequence(der(0x80, keyIdentifier(request.issuerSpki)))),
      ),
    ),
  );
  return new X509Certificate(sequence(toBeSigned, algorithm, bits(sign('sha256', toBeSigned, request.signer))));
}

function identity(key: KeyObject, certificate: X509Certificate): Identity {
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, keyPem, certificate, certificatePem: certificate.toString() };
}

const spkiOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

/** Makes an authority: P-256, valid from two days ago for 30 days, in memory only. */
export async function makeAuthority(now: Date, subject = 'Postern sandbox authority'): Promise<Authority> {
  const pair = await makeKeyPair('ec', { namedCurve: 'P-256' });
  const spki = spkiOf(pair.publicKey);
  const notBefore = new Date(now.getTime() - 2 * dayMs);
  const notAfter = new Date(now.getTime() + 30 * dayMs);
  const common = { issuer: subject, issuerSpki: spki, signer: pair.privateKey, notBefore, notAfter };
  const own = certify({ ...common, subject, spki, extensions: [extensions.authority, extensions.signsCertificates, extensions.onlyHere] });
  return {
    ...identity(pair.privateKey, own),
    async issueServer({ host = 'localhost', isExpired = false } = {}) {
      const server = await makeKeyPair('ec', { namedCurve: 'P-256' });
      const parts = [extensions.leaf, extensions.signsData, extensions.forServers, namesOf(host)];
      const until = isExpired ? new Date(now.getTime() - dayMs) : notAfter;
      const issued = certify({ ...common, notAfter: until, subject: host, spki: spkiOf(server.publicKey), extensions: parts });
      return identity(server.privateKey, issued);
    },
  };
}

/** Makes a self-signed RSA certificate, as an administrator would upload to an app; also used for the token signing key. */
export async function makeSelfSigned(subject: string, notBefore: Date, notAfter: Date): Promise<Identity> {
  const pair = await makeKeyPair('rsa', { modulusLength: 2048 });
  const spki = spkiOf(pair.publicKey);
  const parts = [extensions.leaf, extensions.signsData];
  const common = { subject, issuer: subject, spki, issuerSpki: spki, signer: pair.privateKey, notBefore, notAfter };
  return identity(pair.privateKey, certify({ ...common, extensions: parts }));
}

/** The thumbprints by which Entra names a certificate: `x5t` is base64url of SHA-1, `x5t#S256` of SHA-256 over the DER. RFC 7515 §4.1.7. */
export function thumbprints(certificate: X509Certificate): { readonly x5t: string; readonly x5tS256: string; readonly hex: string } {
  const digest = (algorithm: string) => createHash(algorithm).update(certificate.raw).digest();
  return {
    x5t: digest('sha1').toString('base64url'),
    x5tS256: digest('sha256').toString('base64url'),
    hex: digest('sha1').toString('hex').toUpperCase(),
  };
}
