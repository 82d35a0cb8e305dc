/**
 * The question to the token endpoint: client credentials, with a secret, an assertion signed here, or one of an outside issuer. Sends
 * nothing to Entra; to have the token of a managed identity, the local endpoint of the machine is asked.
 *
 * RFC 6749 §4.4.2, RFC 7523 §2.2. M365 (doc): the endpoint is fixed, `POST AUTHORITY/TENANT/oauth2/v2.0/token`, so no discovery is made.
 */
import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { type Evidence, Fault } from '../fault/fault.ts';
import { type HttpQuestion, type HttpRequest, request as systemRequest } from '../runtime/http.ts';
import { Secret } from '../runtime/secret.ts';
import { tokenEndpoint } from '../tenant/cloud.ts';
import { inspectAssertion } from './assertion.ts';
import { describeIdentity, identityAssertion } from './managed-identity.ts';
import type { TokenApp } from './token.ts';

/** M365 (doc): 5 to 10 minutes after `nbf` is what Microsoft advises. */
const assertionLifeSeconds = 600;

export interface TokenQuestion extends HttpQuestion {
  /** Which credential goes with it and, of an assertion, what it says of itself: for people, and no secret. */
  readonly provenBy: Evidence;
}

/**
 * Builds the request for an app-only token. Resolves the credential, so that a rotated one is used at once.
 * @param ask for the local endpoint of a managed identity; the machine's own unless given
 * @throws Fault config.secret-*, token.key-unusable, token.certificate-expired, token.assertion-*, token.identity-*
 */
export async function tokenRequest(app: TokenApp, nowMs: number, ask: HttpRequest = systemRequest): Promise<TokenQuestion> {
  const url = tokenEndpoint(app.authority, app.tenantId);
  const fields = { grant_type: 'client_credentials', client_id: app.clientId, scope: app.scope };
  const { fields: proof, provenBy } = await proofOf(app, url, nowMs, ask);
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    // URLSearchParams encodes `+ / = & %`, which stand in most secrets and break an unencoded form.
    body: new Secret(new URLSearchParams({ ...fields, ...proof }).toString()),
    ca: app.ca,
    provenBy,
  };
}

interface Proof {
  readonly fields: Readonly<Record<string, string>>;
  readonly provenBy: Evidence;
}

async function proofOf(app: TokenApp, url: URL, nowMs: number, ask: HttpRequest): Promise<Proof> {
  const { credential } = app;
  switch (credential.kind) {
    case 'secret':
      return { fields: { client_secret: (await credential.secret.resolve()).reveal() }, provenBy: { credential: credential.kind } };
    case 'certificate':
      return { fields: asserted(await signedAssertion(app, credential, url, nowMs)), provenBy: { credential: credential.kind } };
    case 'assertion':
      return fromOutside(credential.kind, await credential.assertion.resolve(), credential.assertion.describe, nowMs);
    case 'managed-identity': {
      const assertion = await identityAssertion(credential, app.authority, ask, nowMs);
      return fromOutside(credential.kind, assertion, describeIdentity(credential), nowMs);
    }
  }
}

/** RFC 7523 §2.2. M365 (doc): the two fields are the same for a certificate and for a federated credential. */
function asserted(assertion: string): Record<string, string> {
  return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion };
}

function fromOutside(kind: string, given: Secret, from: string, nowMs: number): Proof {
  const seen = inspectAssertion(given, from, nowMs);
  // Blanks and line ends around it come from files and commands, and are never part of a JWT.
  return { provenBy: { credential: kind, ...seen }, fields: asserted(given.reveal().trim()) };
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
