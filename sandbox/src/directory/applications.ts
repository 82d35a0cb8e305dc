/**
 * Graph's `applications`: registrations, their secrets, certificates and federated credentials, and what was deleted of them.
 *
 * The hard thing is what the real one does not undo or does not do twice: an alternate key stays taken while its app is soft-deleted, a
 * repeated addPassword makes a second secret, and PATCH replaces lists whole. M365 (doc): API pages of Graph v1.0.
 */

import { randomUUID, X509Certificate } from 'node:crypto';
import { type App, type AppSecret, makeApp, makeSecret, type Tenant } from '../tenant.ts';
import { badRequest, GraphError, notFound } from './graph-answer.ts';
import { guidOf } from './state.ts';

const dayMs = 86_400_000;
/** M365 (doc): without an end a secret lives for two years. */
const defaultSecretDays = 730;
const maxFederated = 20;

export function applicationShape(app: App): Record<string, unknown> {
  const { registration } = app;
  return {
    id: app.objectId,
    appId: app.clientId,
    displayName: registration.displayName,
    uniqueName: registration.uniqueName,
    signInAudience: registration.signInAudience,
    createdDateTime: registration.created.toISOString(),
    requiredResourceAccess: registration.requiredResourceAccess,
    tags: registration.tags,
    notes: registration.notes,
    passwordCredentials: app.secrets.map(secretShape),
    keyCredentials: app.certificates.map(certificateShape),
  };
}

function secretShape(secret: AppSecret): Record<string, unknown> {
  return {
    keyId: secret.id,
    displayName: secret.displayName ?? null,
    hint: secret.value.slice(0, 3),
    startDateTime: (secret.starts ?? new Date(0)).toISOString(),
    endDateTime: secret.expires.toISOString(),
    secretText: null,
    customKeyIdentifier: null,
  };
}

function certificateShape(certificate: X509Certificate): Record<string, unknown> {
  return {
    keyId: guidOf('certificate', certificate.fingerprint256),
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
    displayName: certificate.subject,
    customKeyIdentifier: certificate.fingerprint.replaceAll(':', ''),
    startDateTime: certificate.validFromDate.toISOString(),
    endDateTime: certificate.validToDate.toISOString(),
    key: null,
  };
}

export function federatedShape(record: App['federated'][number]): Record<string, unknown> {
  return {
    id: record.id ?? guidOf('federated', record.issuer, record.subject),
    name: record.name ?? 'federated',
    issuer: record.issuer,
    subject: record.subject,
    audiences: [record.audience],
  };
}

/** `{id}`, `(appId='…')` or `(uniqueName='…')`. */
export function findApplication(tenant: Tenant, key: { readonly name: string; readonly value: string }): App | undefined {
  const shapes = [...tenant.apps.values()];
  switch (key.name) {
    case 'id':
      return shapes.find((app) => app.objectId === key.value);
    case 'appId':
      return shapes.find((app) => app.clientId === key.value.toLowerCase());
    default:
      return shapes.find((app) => app.registration.uniqueName === key.value);
  }
}

/** @throws GraphError 400 where the alternate key is taken, by a live app or by a deleted one */
export function createApplication(tenant: Tenant, wanted: Record<string, unknown>, uniqueName?: string): App {
  const key = uniqueName ?? wanted['uniqueName'];
  if (typeof wanted['displayName'] !== 'string') throw badRequest('One or more required properties are missing: displayName.');
  const app = makeApp({
    clientId: randomUUID(),
    name: wanted['displayName'],
    secrets: [],
    withoutPrincipal: true,
    created: tenant.now(),
  });
  // M365 (doc): the audience is the widest unless it is sent.
  app.registration.signInAudience = 'AzureADandPersonalMicrosoftAccount';
  changeApplication(tenant, app, { ...wanted, ...(typeof key === 'string' ? { uniqueName: key } : {}) });
  tenant.apps.set(app.clientId, app);
  return app;
}

/** @throws GraphError 400 */
export function changeApplication(tenant: Tenant, app: App, wanted: Record<string, unknown>): void {
  const { registration } = app;
  const uniqueName = wanted['uniqueName'];
  if (typeof uniqueName === 'string' && uniqueName !== registration.uniqueName) {
    if (registration.uniqueName !== null) throw badRequest('Property uniqueName is read-only and cannot be set.');
    const taken = [...tenant.apps.values(), ...tenant.directory.deletedApps.map((one) => one.app)];
    if (taken.some((one) => one.registration.uniqueName === uniqueName)) {
      throw badRequest('Another object with the same value for property uniqueName already exists.');
    }
    registration.uniqueName = uniqueName;
  }
  if (wanted['passwordCredentials'] !== undefined) throw badRequest('Property passwordCredentials cannot be updated. Use addPassword.');
  if (typeof wanted['displayName'] === 'string') registration.displayName = wanted['displayName'];
  if (typeof wanted['signInAudience'] === 'string') registration.signInAudience = wanted['signInAudience'];
  if (Array.isArray(wanted['requiredResourceAccess'])) registration.requiredResourceAccess = wanted['requiredResourceAccess'];
  if (Array.isArray(wanted['tags'])) registration.tags = wanted['tags'].map(String);
  if (typeof wanted['notes'] === 'string') registration.notes = wanted['notes'];
  if (Array.isArray(wanted['keyCredentials'])) replaceCertificates(app, wanted['keyCredentials']);
}

/** The list is replaced whole: an entry without a key must be one that is there. */
function replaceCertificates(app: App, entries: readonly unknown[]): void {
  const certificates = entries.map((entry) => {
    const { key, keyId } = Object(entry) as { key?: unknown; keyId?: unknown };
    if (typeof key === 'string') return readCertificate(key);
    const known = app.certificates.find((one) => guidOf('certificate', one.fingerprint256) === keyId);
    if (!known) throw badRequest('Key credential has no key and is not one of the application.');
    return known;
  });
  app.certificates.splice(0, app.certificates.length, ...certificates);
}

function readCertificate(base64: string): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    throw new GraphError(400, 'KeyCredentialsInvalidEndDate', 'Key credential is not a valid certificate.');
  }
}

/** M365 (doc): answers the only time with `secretText`. @throws GraphError 400 where a policy of the tenant forbids it */
export function addPassword(tenant: Tenant, app: App, wanted: unknown): Record<string, unknown> {
  const { displayName, startDateTime, endDateTime } = Object(wanted) as Record<string, unknown>;
  const { quirks } = tenant.directory;
  const starts = typeof startDateTime === 'string' ? new Date(startDateTime) : tenant.now();
  const expires = typeof endDateTime === 'string' ? new Date(endDateTime) : new Date(starts.getTime() + defaultSecretDays * dayMs);
  if (Number.isNaN(expires.getTime())) throw badRequest('endDateTime is no date.');
  if (quirks.noSecrets) {
    throw new GraphError(400, 'CredentialTypeNotAllowedAsPerAppPolicy', 'Credential type not allowed as per assigned policy.');
  }
  if (quirks.maxSecretDays !== undefined && expires.getTime() - starts.getTime() > quirks.maxSecretDays * dayMs) {
    throw new GraphError(
      400,
      'CredentialInvalidLifetimeAsPerAppPolicy',
      'Credential lifetime exceeds the max value allowed as per assigned policy.',
      [
        {
          code: 'InvalidKeyEndDate',
          message: `The end date is later than ${quirks.maxSecretDays} days from its start.`,
          target: 'EndDate',
        },
      ],
    );
  }
  const secret: AppSecret = {
    id: randomUUID(),
    value: makeSecret(),
    starts,
    expires,
    ...(quirks.newSecretUnknown === undefined ? {} : { unknownFor: quirks.newSecretUnknown }),
    ...(typeof displayName === 'string' ? { displayName } : {}),
  };
  app.secrets.push(secret);
  return { ...secretShape(secret), secretText: secret.value };
}

/** @throws GraphError 400 */
export function removePassword(app: App, wanted: unknown): void {
  const { keyId } = Object(wanted) as Record<string, unknown>;
  const at = app.secrets.findIndex((one) => one.id === keyId);
  if (at < 0) throw badRequest(`No password credential found with keyId '${String(keyId)}'.`);
  app.secrets.splice(at, 1);
}

/** @throws GraphError 400, 409 */
export function addFederated(app: App, wanted: unknown): Record<string, unknown> {
  const { name, issuer, subject, audiences } = Object(wanted) as Record<string, unknown>;
  const [audience] = Array.isArray(audiences) ? audiences.map(String) : [];
  if (typeof name !== 'string' || typeof issuer !== 'string' || typeof subject !== 'string' || audience === undefined) {
    throw badRequest('A federated credential wants name, issuer, subject and audiences.');
  }
  if (app.federated.length >= maxFederated) throw badRequest('The limit of federated identity credentials is reached.');
  if (app.federated.some((one) => one.name === name || (one.issuer === issuer && one.subject === subject))) {
    throw new GraphError(409, 'Request_MultipleObjectsWithSameKeyValue', `FederatedIdentityCredential with name ${name} already exists.`);
  }
  const record = { id: randomUUID(), name, issuer, subject, audience };
  app.federated.push(record);
  return federatedShape(record);
}

/** Soft: with its service principal it waits for 30 days among the deleted. M365 (doc). */
export function deleteApplication(tenant: Tenant, app: App): void {
  const deletedAt = tenant.now();
  tenant.apps.delete(app.clientId);
  tenant.directory.deletedApps.push({ app, deletedAt });
  if (app.principal) deletePrincipal(tenant, app);
}

/** M365 (doc): the pointer in Exchange vanishes with the service principal, and so do its role assignments. */
export function deletePrincipal(tenant: Tenant, app: App): void {
  const { principal } = app;
  if (!principal) return;
  tenant.directory.deletedPrincipals.push({ app, principal, deletedAt: tenant.now() });
  app.principal = undefined;
  const grants = tenant.directory.delegatedGrants;
  grants.splice(0, grants.length, ...grants.filter((one) => one.clientId !== principal.oid));
  tenant.pointers.splice(0, tenant.pointers.length, ...tenant.pointers.filter((one) => one.objectId !== principal.oid));
  const left = tenant.sendAssignments.filter((one) => one.objectId !== principal.oid);
  tenant.sendAssignments.splice(0, tenant.sendAssignments.length, ...left);
  const { roleAssignments } = tenant.directory;
  roleAssignments.splice(0, roleAssignments.length, ...roleAssignments.filter((one) => one.objectId !== principal.oid));
}

/** @throws GraphError 404 */
export function restoreDeleted(tenant: Tenant, id: string): Record<string, unknown> {
  const { deletedApps, deletedPrincipals } = tenant.directory;
  const at = deletedApps.findIndex((one) => one.app.objectId === id);
  const found = deletedApps[at];
  if (found) {
    deletedApps.splice(at, 1);
    tenant.apps.set(found.app.clientId, found.app);
    return applicationShape(found.app);
  }
  const place = deletedPrincipals.findIndex((one) => one.principal.oid === id);
  const principal = deletedPrincipals[place];
  // M365 (assumed): a service principal without its app cannot be restored.
  if (!principal || !tenant.apps.has(principal.app.clientId)) throw notFound(id);
  deletedPrincipals.splice(place, 1);
  principal.app.principal = principal.principal;
  return { id, appId: principal.app.clientId };
}

/** For good. @throws GraphError 404 */
export function purgeDeleted(tenant: Tenant, id: string): void {
  const { deletedApps, deletedPrincipals } = tenant.directory;
  const app = deletedApps.findIndex((one) => one.app.objectId === id);
  const principal = deletedPrincipals.findIndex((one) => one.principal.oid === id);
  if (app >= 0) deletedApps.splice(app, 1);
  else if (principal >= 0) deletedPrincipals.splice(principal, 1);
  else throw notFound(id);
}
