/**
 * Remarks on the ids and the credential of an app: what is copied from the portal into the wrong field. Pure.
 *
 * The hard thing: five of the portal's texts are GUIDs (tenant, application, two objects, the secret's id) and look alike. What a text
 * cannot be is sure and an error; what it only seems to be is a hint.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { parseDay } from '../../config/quantity.ts';
import { clouds } from '../../tenant/cloud.ts';
import { isDomain, isGuid, isTenantId } from '../../tenant/ids.ts';
import type { SourceDraft } from '../api/source.ts';
import { type RemarkGround, type Say, wantSecret } from './remark.ts';

type App = NonNullable<SourceDraft['app']>;
type Credential = App['credential'];

export function appRemarks(app: App, ground: RemarkGround, say: Say): void {
  ofClientId(app, ground, say);
  ofTenantId(app, ground, say);
  ofCloud(app, say);
  ofScope(app, say);
  const { credential } = app;
  if (credential.kind === 'secret') ofSecret(credential, app, ground, say);
  if (credential.kind === 'certificate') ofCertificate(credential, ground, say);
  if (credential.kind === 'reference') ofReference(credential, app, say);
}

/** M365 (doc): ids of Microsoft's own resources, which are copied out of guides. */
const resources: ReadonlyMap<string, string> = new Map([
  ['00000002-0000-0ff1-ce00-000000000000', 'Office 365 Exchange Online'],
  ['00000003-0000-0000-c000-000000000000', 'Microsoft Graph'],
]);

function ofClientId({ clientId, tenantId }: App, { objectIds }: RemarkGround, say: Say): void {
  const id = clientId.trim();
  const where = 'It stands on the Overview page of the app registration as Application (client) ID.';
  const field = 'app.clientId';
  if (id === '') say('error', field, `Paste the Application (client) ID: a GUID. ${where}`);
  else if (!isGuid(id)) {
    if (looksLikeSecretValue(id))
      say(
        'error',
        field,
        `This looks like the value of a client secret, which belongs into the field Application (Client) Secret. ${where}`,
      );
    else if (/^\{.*\}$/.test(id)) say('error', field, 'Without the braces.');
    else say('error', field, `Expected a GUID such as 66666666-7777-8888-9999-000000000000. ${where}`);
  } else if (id.toLowerCase() === tenantId.trim().toLowerCase()) {
    say('error', field, `The same as the Directory (tenant) ID: one of the two was copied twice. ${where}`);
  } else if (resources.has(id.toLowerCase())) {
    say('error', field, `This is the id of ${resources.get(id.toLowerCase())} itself, not of your app. ${where}`);
  } else if (objectIds.has(id.toLowerCase())) {
    say('error', field, `This is ${objectIds.get(id.toLowerCase())}, not its Application (client) ID. ${where}`);
  } else if (id !== clientId) say('hint', field, 'Blanks around it are left out.');
}

function ofTenantId({ tenantId }: App, { objectIds }: RemarkGround, say: Say): void {
  const id = tenantId.trim();
  const field = 'app.tenantId';
  const where = 'It stands on the Overview page of the app registration as Directory (tenant) ID.';
  if (id === '') say('error', field, `Paste the Directory (tenant) ID: a GUID, or a domain of the tenant. ${where}`);
  else if (/^(?:common|organizations|consumers)$/i.test(id))
    say('error', field, `"${id}" is for people who sign in; an app wants its own tenant. ${where}`);
  else if (id.includes('@')) say('error', field, `An address; the domain alone would do: ${id.slice(id.lastIndexOf('@') + 1)}`);
  else if (/^https?:/i.test(id)) say('error', field, `An address of the web; only the id in it is wanted. ${where}`);
  else if (!isTenantId(id))
    say(
      'error',
      field,
      looksLikeSecretValue(id)
        ? `This looks like the value of a client secret. ${where}`
        : `Expected a GUID, or a domain such as contoso.onmicrosoft.com. ${where}`,
    );
  else if (objectIds.has(id.toLowerCase())) say('error', field, `This is ${objectIds.get(id.toLowerCase())}. ${where}`);
  else if (id !== tenantId) say('hint', field, 'Blanks around it are left out.');
}

/** M365 (recorded): values have some 40 letters, digits and signs, nearly always a `~` at the fourth place or later. */
function looksLikeSecretValue(text: string): boolean {
  return /^[A-Za-z0-9~._-]{30,64}$/.test(text) && /[~_.]/.test(text) && /\d/.test(text) && !isDomain(text);
}

function ofCloud({ cloud, custom }: App, say: Say): void {
  if (cloud !== 'custom') return;
  const authority = custom?.authority.trim() ?? '';
  const known = Object.values(clouds).find((one) => one.authority === authority.replace(/\/+$/, ''));
  if (authority === '')
    say('error', 'app.custom.authority', 'The address of the token endpoint, without a path, such as https://localhost:8443.');
  else if (known !== undefined)
    say(
      'hint',
      'app.custom.authority',
      `This is the address of the cloud ${known.name}: choose that instead of giving its endpoints by hand.`,
    );
  else if (URL.canParse(authority) && new URL(authority).pathname !== '/')
    say('error', 'app.custom.authority', `Without a path: ${new URL(authority).origin}`);
}

function ofScope({ scope, cloud, custom }: App, say: Say): void {
  const wanted = scope?.trim() ?? '';
  if (wanted === '') return;
  const usual = cloud === 'custom' ? clouds.global.scope : clouds[cloud].scope;
  const field = 'app.scope';
  if (!wanted.endsWith('/.default')) {
    const resource = URL.canParse(wanted) ? new URL(wanted).origin : undefined;
    say(
      'error',
      field,
      `An app asks for all that it was given, so the scope ends in /.default: ${resource === undefined ? usual : `${resource}/.default`}`,
    );
  } else if (/^https:\/\/(?:dod-)?(?:graph\.microsoft|microsoftgraph)\b/i.test(wanted)) {
    say('error', field, `A token for Microsoft Graph opens no mailbox over IMAP or POP3. Leave this empty: ${usual}`);
  } else {
    const other = Object.values(clouds).find((one) => one.scope === wanted && one.name !== cloud);
    if (other !== undefined && wanted !== usual && custom === null)
      say('error', field, `This is the scope of the cloud ${other.name}. Here it is ${usual}`);
    else if (wanted !== usual && cloud !== 'custom') say('hint', field, `Microsoft prescribes ${usual}`);
  }
}

function ofSecret({ secret = '', expires }: Extract<Credential, { kind: 'secret' }>, app: App, ground: RemarkGround, say: Say): void {
  const field = 'app.credential.secret';
  const value = secret.trim();
  if (value === '') {
    if (!ground.carried.includes('secret')) wantSecret(field, 'secret', ground, say);
  } else if (value.toLowerCase() === app.clientId.trim().toLowerCase()) {
    say('error', field, 'This is the Application (client) ID again. The secret is the column Value under Certificates & secrets.');
  } else if (value.toLowerCase() === app.tenantId.trim().toLowerCase()) {
    say('error', field, 'This is the Directory (tenant) ID again. The secret is the column Value under Certificates & secrets.');
  } else if (isGuid(value)) {
    say(
      'error',
      field,
      'This is the Secret ID. Paste the column Value beside it; it is shown only once, so if it is gone, add a new client secret.',
    );
  } else if (/-----BEGIN/.test(value)) {
    say('error', field, 'This is a certificate or a key: choose Certificate instead of Client secret.');
  } else if (/^eyJ[\w-]+\.[\w-]+\./.test(value)) {
    say('error', field, 'This is a token, which lasts an hour. The secret is the column Value under Certificates & secrets.');
  } else if (/^\*+$|…$|\.\.\.$|\*{3,}/.test(value)) {
    say('error', field, 'The portal shows only the first letters of an old secret. If the whole value is gone, add a new client secret.');
  } else if (/\s/.test(value)) {
    say('error', field, 'A client secret has no blanks in it: something else was copied along.');
  } else if (value.length < 16) {
    say('hint', field, `Values have at least 16 characters, nearly always 40; this one has ${value.length}. Was it copied whole?`);
  } else if (value !== secret) say('hint', field, 'Blanks around it are left out.');
  ofEnd(expires, ground, say);
}

function ofEnd(expires: string | undefined, { nowMs }: RemarkGround, say: Say): void {
  const end = parseDay(expires?.trim() ?? '');
  if (end === undefined) return;
  const field = 'app.credential.expires';
  if (end.getTime() <= nowMs) say('hint', field, 'On this day the secret has expired already.');
  else if (end.getTime() - nowMs < soonMs) say('hint', field, 'It expires within 30 days: make a new one soon.');
}

const soonMs = 30 * 86_400_000;

function ofReference(credential: Extract<Credential, { kind: 'reference' }>, { cloud }: App, say: Say): void {
  const { env = '', file = '' } = credential;
  if (env.trim() === '' && file.trim() === '')
    say('error', 'app.credential.env', 'Name the environment variable or the file that holds the secret.');
  if (env.trim() !== '' && file.trim() !== '') say('error', 'app.credential.file', 'Either a variable or a file.');
  // What lies on this machine may go to Microsoft, and to nobody whom the console names.
  if (cloud === 'custom')
    say(
      'error',
      'app.cloud',
      'A secret that lies on this machine is sent to Microsoft’s own clouds only. For other endpoints use the configuration file, or type the secret in.',
    );
}

function ofCertificate({ certificate, key = '' }: Extract<Credential, { kind: 'certificate' }>, ground: RemarkGround, say: Say): void {
  const field = 'app.credential.certificate';
  const pem = certificate?.trim() ?? '';
  let found: X509Certificate | undefined;
  if (/PRIVATE KEY-----/.test(pem))
    say('error', field, 'There is a private key in it. Here belongs the certificate alone; the key has a field of its own.');
  else if (pem === '' && !ground.kept.includes('key'))
    say('error', field, 'Paste the certificate (PEM) that was uploaded to the app registration.');
  else if (pem !== '') {
    found = certificateOf(pem);
    if (found === undefined) say('error', field, 'No certificate in PEM form (-----BEGIN CERTIFICATE-----).');
    else ofValidity(found, ground, say);
  }
  const keyField = 'app.credential.key';
  if (key.trim() === '') {
    if (!ground.carried.includes('key')) wantSecret(keyField, 'key', ground, say);
    else if (found !== undefined) say('hint', keyField, 'The kept key stays; a new certificate nearly always has a new key.');
    return;
  }
  if (/ENCRYPTED/.test(key)) {
    say('error', keyField, 'This key is protected by a passphrase, and nobody is there to type it: openssl pkey -in KEY -out PLAIN');
    return;
  }
  const read = keyOf(key);
  if (read === undefined) say('error', keyField, 'No private key in PEM form (-----BEGIN PRIVATE KEY-----).');
  else if (read.asymmetricKeyType !== 'rsa')
    say('error', keyField, `Entra wants an RSA key; this one is ${read.asymmetricKeyType ?? 'of another kind'}.`);
  else if (found !== undefined && !found.checkPrivateKey(read))
    say('error', keyField, 'This key does not belong to the certificate above.');
}

function ofValidity(found: X509Certificate, { nowMs }: RemarkGround, say: Say): void {
  const field = 'app.credential.certificate';
  const [from, to] = [found.validFromDate, found.validToDate];
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  if (to.getTime() <= nowMs)
    say('error', field, `This certificate expired on ${day(to)}. Upload a new one to the app registration and paste it here.`);
  else if (from.getTime() > nowMs) say('error', field, `This certificate is valid from ${day(from)} on, not yet.`);
  else if (to.getTime() - nowMs < soonMs) say('hint', field, `It expires on ${day(to)}: make a new one soon.`);
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
