/**
 * What there is in the tenant, as far as the setup is concerned: read from Graph and Exchange, changing nothing.
 *
 * The hard thing is who may read what: an administrator of Entra alone sees nothing of Exchange, and the other way round. What could not be
 * seen is `undefined` and stays a gap in the plan; it is never taken for absent.
 */
import { createHash } from 'node:crypto';
import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import { type ApplicationKey, getApplication, getDeletedApplication, listFederated, listOwners } from '../admin/graph/applications.ts';
import type { GraphClient } from '../admin/graph/client.ts';
import { getSecretPolicy } from '../admin/graph/policies.ts';
import {
  exchangeAppId,
  getOrganization,
  getServicePrincipal,
  listAssignments,
  listDelegatedGrants,
  listMemberships,
} from '../admin/graph/service-principals.ts';
import type { Application, DelegatedGrant, FederatedCredential, SecretPolicy } from '../admin/graph/shapes.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { Desired } from './desired.ts';
import type { Kept } from './notes.ts';
import { type ObservedExchange, observeExchange } from './observed-exchange.ts';

export interface Observed {
  readonly entra: ObservedEntra;
  /** Undefined: not looked at (no sign-in for Exchange). */
  readonly exchange: ObservedExchange | undefined;
}

export interface ObservedEntra {
  readonly organization: { readonly id: string; readonly name: string; readonly initialDomain: string };
  /** The resource and the ids of its roles by their value. */
  readonly resource: { readonly id: string; readonly roles: Readonly<Record<string, string>> };
  readonly app: Application | undefined;
  readonly federated: readonly FederatedCredential[];
  /** A deleted app that holds the unique name. */
  readonly deletedAppId: string | undefined;
  readonly owners: readonly string[];
  readonly principal: ObservedPrincipal | undefined;
  /** Secrets of ours, by their names, whose values were never stored: nobody has them. */
  readonly lost: readonly string[];
  /** What of the stored secret its hint in Entra shows (the first three characters); undefined: cannot be looked at; empty: nothing is stored. */
  readonly storedHint: string | undefined;
  /** Key ids of ours that were replaced and wait for the end of their overlap. */
  readonly retired: readonly string[];
  /** What the tenant's policy says of secrets; undefined where it may not be read. */
  readonly secretPolicy: SecretPolicy | undefined;
}

export interface ObservedPrincipal {
  readonly id: string;
  readonly enabled: boolean;
  /** Consented app roles. `role` is the id where the resource is another one or does not tell its value. */
  readonly assignments: readonly {
    readonly id: string;
    readonly resourceId: string;
    readonly role: string;
    readonly onExchange: boolean;
  }[];
  /** Undefined where they could not be read. */
  readonly delegated: readonly DelegatedGrant[] | undefined;
  /** Directory roles and groups; undefined where they could not be read. */
  readonly memberOf: readonly string[] | undefined;
}

export interface ObserveOptions {
  readonly graph: GraphClient;
  /** Undefined: Exchange is left out. */
  readonly exchange: ExchangeAdmin | undefined;
  /** Names of secrets that were asked for and never stored, as the journal has it. */
  readonly lost: readonly string[];
  /** See {@link ObservedEntra.storedHint}. */
  readonly storedHint: string | undefined;
  /** What the setup noted of its own doing; undefined: nothing. */
  readonly kept: Kept | undefined;
  readonly onProgress?: (what: string) => void;
}

/** @throws Fault graph.*, exchange.*, signin.*, network.*, setup.tenant-unreadable */
export async function observe(desired: Desired, options: ObserveOptions): Promise<Observed> {
  const { graph, exchange, lost, storedHint, kept, onProgress = () => undefined } = options;
  onProgress('reading the app in Entra');
  const retired = (kept?.retired ?? []).map((one) => one.keyId);
  const entra = { ...(await observeEntra(graph, desired)), lost, storedHint, retired };
  if (exchange === undefined) return { entra, exchange: undefined };
  const ids = { appId: entra.app?.appId, principalId: entra.principal?.id };
  return { entra, exchange: await observeExchange(exchange, desired, ids, kept?.granted ?? [], onProgress) };
}

async function observeEntra(graph: GraphClient, desired: Desired): Promise<Omit<ObservedEntra, 'lost' | 'storedHint' | 'retired'>> {
  const [organization, resource, secretPolicy] = await Promise.all([
    getOrganization(graph),
    getServicePrincipal(graph, exchangeAppId),
    desired.credential.kind === 'secret' ? orUnseen(() => getSecretPolicy(graph)) : undefined,
  ]);
  if (organization === undefined || resource === undefined) {
    throw new Fault('setup.tenant-unreadable', { missing: organization === undefined ? 'organization' : 'Office 365 Exchange Online' });
  }
  const roles = Object.fromEntries(resource.appRoles.flatMap(({ id, value }) => (value ? [[value, id]] : [])));
  const app = await findApp(graph, desired);
  const shared = {
    organization: {
      id: organization.id,
      name: organization.displayName ?? '',
      initialDomain: organization.verifiedDomains.find((one) => one.isInitial)?.name ?? '',
    },
    resource: { id: resource.id, roles },
    secretPolicy,
  };
  if (app === undefined) {
    const deleted = desired.app.adopt === undefined ? await getDeletedApplication(graph, desired.app.uniqueName) : undefined;
    return { ...shared, app, federated: [], deletedAppId: deleted?.id, owners: [], principal: undefined };
  }
  const [federated, owners, principal] = await Promise.all([
    listFederated(graph, app.id),
    listOwners(graph, app.id),
    observePrincipal(graph, app.appId, resource.id, roles),
  ]);
  return { ...shared, app, federated, deletedAppId: undefined, owners, principal };
}

async function findApp(graph: GraphClient, { app: { adopt, uniqueName } }: Desired): Promise<Application | undefined> {
  const which: ApplicationKey = adopt === undefined ? { by: 'uniqueName', value: uniqueName } : { by: 'appId', value: adopt };
  const found = await getApplication(graph, which);
  // A taken-over app that is not there is a mistake of the configuration, not something to make.
  if (found === undefined && adopt !== undefined) throw new Fault('setup.app-not-found', { appId: adopt });
  return found;
}

async function observePrincipal(
  graph: GraphClient,
  appId: string,
  resourceId: string,
  roles: Readonly<Record<string, string>>,
): Promise<ObservedPrincipal | undefined> {
  const principal = await getServicePrincipal(graph, appId);
  if (principal === undefined) return undefined;
  const valueById = new Map(Object.entries(roles).map(([value, id]) => [id, value]));
  const [assignments, delegated, memberOf] = await Promise.all([
    listAssignments(graph, principal.id),
    orUnseen(() => listDelegatedGrants(graph, principal.id)),
    orUnseen(() => listMemberships(graph, principal.id)),
  ]);
  return {
    id: principal.id,
    enabled: principal.accountEnabled !== false,
    assignments: assignments.map(({ id, resourceId: on, appRoleId }) => ({
      id,
      resourceId: on,
      onExchange: on === resourceId,
      role: (on === resourceId ? valueById.get(appRoleId) : undefined) ?? appRoleId,
    })),
    delegated,
    memberOf,
  };
}

/** What only some administrators may read is left unseen for the others. */
async function orUnseen<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isFault(error, 'graph.not-allowed', 'graph.refused')) return undefined;
    throw error;
  }
}

/**
 * SHA-256 over what was observed, in hex: a plan is applied only to what it was made for. What depends on who looks is left out, so that
 * one who may only read can make the plan that another one applies.
 */
export function observedHash({ entra, exchange }: Observed): string {
  const { secretPolicy: _, ...app } = entra;
  const { cmdlets: __, ...rest } = exchange ?? { cmdlets: [] };
  return createHash('sha256')
    .update(canonical({ app, exchange: exchange === undefined ? null : rest }))
    .digest('hex');
}

/** JSON with the keys of each object in order, so that the same always reads the same. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${entries
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`)
    .join(',')}}`;
}
