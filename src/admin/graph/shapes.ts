/**
 * Graph's objects as we read them: the properties that the setup looks at, checked when they come.
 *
 * M365 (doc): resource types of Graph v1.0. What else an object has is left alone, and never written back.
 */
import { z } from 'zod';
import { type GraphObject, unreadable } from './client.ts';

const secretInfo = z.object({
  keyId: z.string(),
  displayName: z.string().nullish(),
  hint: z.string().nullish(),
  startDateTime: z.string().nullish(),
  endDateTime: z.string().nullish(),
});
const keyInfo = secretInfo.extend({
  type: z.string().nullish(),
  usage: z.string().nullish(),
  customKeyIdentifier: z.string().nullish(),
  key: z.string().nullish(),
});
const resourceAccess = z.object({
  resourceAppId: z.string(),
  resourceAccess: z.array(z.object({ id: z.string(), type: z.string() })),
});

const application = z.object({
  id: z.string(),
  appId: z.string(),
  displayName: z.string().nullish(),
  uniqueName: z.string().nullish(),
  signInAudience: z.string().nullish(),
  createdDateTime: z.string().nullish(),
  requiredResourceAccess: z.array(resourceAccess).default([]),
  passwordCredentials: z.array(secretInfo).default([]),
  keyCredentials: z.array(keyInfo).default([]),
  tags: z.array(z.string()).default([]),
  notes: z.string().nullish(),
});
const permission = z.object({ id: z.string(), value: z.string().nullish() });
const servicePrincipal = z.object({
  id: z.string(),
  appId: z.string(),
  displayName: z.string().nullish(),
  accountEnabled: z.boolean().nullish(),
  appRoles: z.array(permission).default([]),
  oauth2PermissionScopes: z.array(permission).default([]),
});
const assignment = z.object({ id: z.string(), appRoleId: z.string(), principalId: z.string(), resourceId: z.string() });
const delegatedGrant = z.object({
  id: z.string(),
  clientId: z.string(),
  consentType: z.string(),
  resourceId: z.string(),
  scope: z.string().nullish(),
});
const federated = z.object({ id: z.string(), name: z.string(), issuer: z.string(), subject: z.string(), audiences: z.array(z.string()) });
const newSecret = secretInfo.extend({ secretText: z.string() });
const organization = z.object({
  id: z.string(),
  displayName: z.string().nullish(),
  verifiedDomains: z.array(z.object({ name: z.string(), isInitial: z.boolean().nullish() })).default([]),
});

const policy = z.object({
  isEnabled: z.boolean().default(false),
  applicationRestrictions: z
    .object({
      passwordCredentials: z
        .array(z.object({ restrictionType: z.string(), state: z.string().nullish(), maxLifetime: z.string().nullish() }))
        .default([]),
    })
    .nullish(),
});

/** What the tenant allows of secrets. `maxDays` undefined: no limit that could be read. */
export interface SecretPolicy {
  readonly allowed: boolean;
  readonly maxDays: number | undefined;
}
export type Application = z.infer<typeof application>;
export type RequiredResourceAccess = z.infer<typeof resourceAccess>;
export type SecretInfo = z.infer<typeof secretInfo>;
export type KeyInfo = z.infer<typeof keyInfo>;
export type ServicePrincipal = z.infer<typeof servicePrincipal>;
export type Assignment = z.infer<typeof assignment>;
export type DelegatedGrant = z.infer<typeof delegatedGrant>;
export type FederatedCredential = z.infer<typeof federated>;
export type NewSecret = z.infer<typeof newSecret>;
export type Organization = z.infer<typeof organization>;

/** @throws Fault graph.answer-unreadable */
function reader<T>(schema: z.ZodType<T>, what: string): (object: GraphObject) => T {
  return (object) => {
    const read = schema.safeParse(object);
    if (read.success) return read.data;
    // Paths of the schema only: a value may be a secret.
    const where = read.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw unreadable(what, `${what} without a readable ${where}`);
  };
}

export const readApplication = reader(application, 'application');
export const readServicePrincipal = reader(servicePrincipal, 'servicePrincipal');
export const readAssignment = reader(assignment, 'appRoleAssignment');
export const readDelegatedGrant = reader(delegatedGrant, 'oauth2PermissionGrant');
export const readFederated = reader(federated, 'federatedIdentityCredential');
export const readNewSecret = reader(newSecret, 'passwordCredential');
export const readPolicy = reader(policy, 'appManagementPolicy');
export const readOrganization = reader(organization, 'organization');
