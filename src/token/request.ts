/**
 * The question to the token endpoint: client credentials, with a secret or with a signed assertion. Sends nothing.
 *
 * RFC 6749 §4.4.2, RFC 7523 §2.2. M365 (doc): the endpoint is fixed, `POST AUTHORITY/TENANT/oauth2/v2.0/token`, so no discovery is made.
 */
import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { Fault } from '../fault/fault.ts';
import type { HttpQuestion } from '../runtime/http.ts';
import { Secret } from '../runtime/secret.ts';
import { tokenEndpoint } from '../tenant/cloud.ts';
import type { TokenApp } from './token.ts';

/** M365 (doc): 5 to 10 minutes after `nbf` is what Microsoft advises. */
const assertionLifeSeconds = 600;

/**
 * Builds the request for an app-only token. Resolves the credential, so that a rotated one is used at once.
 * @throws Fault config.secret-*, token.key-unusable, token.certificate-expired
 */
export async function tokenRequest(app: TokenApp, nowMs: number): Promise<HttpQuestion> {
  const url = tokenEndpoint(app.authority, app.tenantId);
  const fields = { grant_type: 'client_credentials', client_id: app.clientId, scope: app.scope };
  const proof = await proofOf(app, url, nowMs);
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    // URLSearchParams encodes `+ / = & %`, which stand in most secrets and break an unencoded form.
    body: new Secret(new URLSearchParams({ ...fields, ...proof }).toString()),
    ca: app.ca,
  };
}

async function proofOf(app: TokenApp, url: URL, nowMs: number): Promise<Record<string, string>> {
  if (app.credential.kind === 'secret') return { client_secret: (await app.credential.secret.resolve()).reveal() };
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await signedAssertion(app, app.credential, url, nowMs),
  };
}

type CertificateCredential = Extract<TokenApp['credential'], { kind: 'certificate' }>;

/** M365 (doc): `PS256` with `x5t#S256` is what Entra's page asks for now; `RS256` with `x5t` is the older form, still accepted. */
async function signedAssertion(app: TokenApp, credential: CertificateCredential, url: URL, nowMs: number): Promise<string> {
  const certificate = readCertificate(credential.certificate, nowMs);
  const key = signingKey(await credential.key.resolve(), certificate);
  const thumbprint = (algorithm: string): string => createHash(algorithm).update(certificate.raw).digest('base64url');
  const named = credential.algorithm === 'PS256' ? { 'x5t#S256': thumbprint('sha256') } : { x5t: thumbprint('sha1') };
  const now = Math.floor(nowMs / 1000);
  // Loaded only here: an app with a secret never needs it.
  const { SignJWT } = await import('jose');
  return await new SignJWT({})
    .setProtectedHeader({ alg: credential.algorithm, typ: 'JWT', ...named })
    .setAudience(url.href)
    .setIssuer(app.clientId)
    .setSubject(app.clientId)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + assertionLifeSeconds)
    .sign(key);
}

/** The dates are looked at here: Entra's answer to an expired certificate is harder to read than the certificate. */
function readCertificate(pem: string, nowMs: number): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw new Fault('token.key-unusable', { seen: 'the certificate cannot be read' }, { cause: error });
  }
  if (nowMs < certificate.validFromDate.getTime() || nowMs > certificate.validToDate.getTime()) {
    throw new Fault('token.certificate-expired', {
      subject: certificate.subject,
      validFrom: certificate.validFrom,
      validTo: certificate.validTo,
      thumbprintSha1: certificate.fingerprint.replaceAll(':', ''),
    });
  }
  return certificate;
}

function signingKey(pem: Secret, certificate: X509Certificate): KeyObject {
  const thumbprintSha1 = certificate.fingerprint.replaceAll(':', '');
  const text = pem.reveal();
  // RFC 7468 §11, and the older `Proc-Type: 4,ENCRYPTED`.
  if (text.includes('ENCRYPTED')) throw new Fault('token.key-unusable', { seen: 'the key is locked by a passphrase', thumbprintSha1 });
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    // OpenSSL's text speaks of its decoder; the code alone goes on, and never the key.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('token.key-unusable', { seen: `the key cannot be read (${code})`, thumbprintSha1 });
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw new Fault('token.key-unusable', { seen: `a key of type ${key.asymmetricKeyType ?? 'unknown'} instead of RSA`, thumbprintSha1 });
  }
  if (!certificate.checkPrivateKey(key))
    throw new Fault('token.key-unusable', { seen: 'the key belongs to another certificate', thumbprintSha1 });
  return key;
}
