/** App registrations: one function a call of Graph. M365 (doc): API pages of Graph v1.0, grades and pitfalls in each. */
import { type GraphClient, key } from './client.ts';
import {
  type Application,
  type FederatedCredential,
  type NewSecret,
  type RequiredResourceAccess,
  readApplication,
  readFederated,
  readNewSecret,
} from './shapes.ts';

export type ApplicationKey =
  | { readonly by: 'uniqueName'; readonly value: string }
  | { readonly by: 'appId'; readonly value: string }
  | { readonly by: 'id'; readonly value: string };

function pathOf({ by, value }: ApplicationKey): string {
  return by === 'id' ? `applications/${encodeURIComponent(value)}` : key('applications', by, value);
}

/** Undefined where there is none, or none yet on the server that was asked. */
export async function getApplication(graph: GraphClient, which: ApplicationKey): Promise<Application | undefined> {
  const found = await graph.get(pathOf(which));
  return found === undefined ? undefined : readApplication(found);
}

/** A deleted app with this unique name, which keeps the name for 30 days. */
export async function getDeletedApplication(graph: GraphClient, uniqueName: string): Promise<Application | undefined> {
  for await (const one of graph.list('directory/deletedItems/microsoft.graph.application')) {
    const app = readApplication(one);
    if (app.uniqueName === uniqueName) return app;
  }
  return undefined;
}

export interface ApplicationChange {
  readonly displayName?: string;
  readonly signInAudience?: string;
  readonly uniqueName?: string;
  readonly notes?: string;
  readonly requiredResourceAccess?: readonly RequiredResourceAccess[];
  /** The whole list: old entries go back as they came, a new one has its `key`. */
  readonly keyCredentials?: readonly object[];
}

/** Makes the app, or changes it where it is there: by its unique name, so that it can be repeated. @throws Fault graph.name-taken and others */
export async function putApplication(graph: GraphClient, uniqueName: string, change: ApplicationChange): Promise<Application | undefined> {
  const { made, object } = await graph.patch(key('applications', 'uniqueName', uniqueName), change, { createIfMissing: true });
  return made ? readApplication(object) : undefined;
}

export async function changeApplication(graph: GraphClient, id: string, change: ApplicationChange): Promise<void> {
  await graph.patch(pathOf({ by: 'id', value: id }), change);
}

/** Soft: it can be restored for 30 days, and keeps its unique name as long. */
export async function deleteApplication(graph: GraphClient, id: string): Promise<void> {
  await graph.delete(pathOf({ by: 'id', value: id }));
}

/** For good. */
export async function purgeDeleted(graph: GraphClient, id: string): Promise<void> {
  await graph.delete(`directory/deletedItems/${encodeURIComponent(id)}`);
}

/**
 * Not repeatable: each call makes one more. So the name is one that is used once, and after graph.outcome-unknown the app is looked at for it.
 * @returns with the only copy of the value that there will ever be
 */
export async function addPassword(graph: GraphClient, id: string, displayName: string, ends: Date): Promise<NewSecret> {
  const passwordCredential = { displayName, endDateTime: ends.toISOString() };
  return readNewSecret(await graph.post(`applications/${encodeURIComponent(id)}/addPassword`, { passwordCredential }));
}

export async function removePassword(graph: GraphClient, id: string, keyId: string): Promise<void> {
  await graph.post(`applications/${encodeURIComponent(id)}/removePassword`, { keyId });
}

export async function listFederated(graph: GraphClient, id: string): Promise<readonly FederatedCredential[]> {
  const found: FederatedCredential[] = [];
  for await (const one of graph.list(`applications/${encodeURIComponent(id)}/federatedIdentityCredentials`)) found.push(readFederated(one));
  return found;
}

export async function addFederated(graph: GraphClient, id: string, wanted: Omit<FederatedCredential, 'id'>): Promise<FederatedCredential> {
  return readFederated(await graph.post(`applications/${encodeURIComponent(id)}/federatedIdentityCredentials`, wanted));
}

export async function removeFederated(graph: GraphClient, id: string, credentialId: string): Promise<void> {
  await graph.delete(`applications/${encodeURIComponent(id)}/federatedIdentityCredentials/${encodeURIComponent(credentialId)}`);
}

/** Object ids of who owns the registration: they can add secrets to it. */
export async function listOwners(graph: GraphClient, id: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const one of graph.list(`applications/${encodeURIComponent(id)}/owners?$select=id`)) found.push(String(one['id']));
  return found;
}
