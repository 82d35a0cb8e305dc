/**
 * Certificates for servers of tests, made at start: a small authority and server certificates below it. X.509 v3, RFC 5280 §4.1, in DER.
 *
 * Made and not stored, so that no private key lies in the repository and none of them ever expires by itself.
 */
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';

export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  readonly subject: string;
  /** DNS names; `ip` for 127.0.0.1 as well. */
  readonly names?: readonly string[];
  readonly ip?: boolean;
  readonly from: Date;
  readonly to: Date;
}

export class Authority {
  readonly #name: string;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly certificate: string;
  #serial = 1;

  constructor(name: string, from: Date, to: Date) {
    this.#name = name;
    this.certificate = this.#issue({ subject: name, from, to }, this.#keys.publicKey, true);
  }

  issue(options: CertificateOptions): Identity {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { certificate: this.#issue(options, publicKey, false), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  #issue({ subject, names = [], ip = false, from, to }: CertificateOptions, key: KeyObject, authority: boolean): string {
    const extensions = [sequence(oid('551d13'), boolean(true), octets(authority ? sequence(boolean(true)) : sequence()))];
    const alternative = [...names.map((name) => der(0x82, Buffer.from(name))), ...(ip ? [der(0x87, Buffer.from([127, 0, 0, 1]))] : [])];
    if (alternative.length > 0) extensions.push(sequence(oid('551d11'), octets(sequence(...alternative))));
    this.#serial += 1;
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.from([this.#serial])),
      ecdsaWithSha256,
      distinguishedName(this.#name),
      sequence(time(from), time(to)),
      distinguishedName(subject),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', body, this.#keys.privateKey);
    return new X509Certificate(sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])))).toString();
  }
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(...items: readonly Buffer[]): Buffer {
  return der(0x30, ...items);
}

function octets(content: Buffer): Buffer {
  return der(0x04, content);
}

function boolean(value: boolean): Buffer {
  return der(0x01, Buffer.from([value ? 255 : 0]));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime, to the second. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`));
}
