/** Tenants: what the setup would do, and the ids and credentials of the access. */
import { z } from 'zod';
import { fault, instant } from './leaf.ts';

export const planStep = z.strictObject({
  does: z.string(),
  title: z.string(),
  why: z.string(),
  undo: z.string().nullable(),
  /** `entra` or `exchange`; what the person who does it must be. */
  where: z.string(),
  role: z.string().nullable(),
  details: z.array(z.strictObject({ name: z.string(), value: z.string() })),
});
/** `observed: false`: as it would be in an empty tenant, since nobody has signed in to look. */
export const setupPlan = z.strictObject({
  tenant: z.string(),
  observed: z.boolean(),
  steps: z.array(planStep),
  remarks: z.array(z.string()),
  /** What the app will be able to reach when all is done: the lines that an administrator approves by. */
  reach: z.array(z.string()),
  /** PowerShell for an administrator to read and run. */
  script: z.string(),
  commands: z.array(z.strictObject({ title: z.string(), command: z.string() })),
  problem: fault.nullable(),
});
export type SetupPlan = z.infer<typeof setupPlan>;

/** A sign-in of an administrator, so that the tenant can be looked at: by a code on another page. */
export const planSignIn = z.strictObject({
  id: z.string(),
  state: z.enum(['waiting', 'looking', 'done', 'failed']),
  /** What is going on, for a person: which sign-in is waited for (Entra first, then Exchange, each with a code), what is looked at. */
  says: z.string(),
  page: z.string().nullable(),
  code: z.string().nullable(),
  expires: instant.nullable(),
  plan: setupPlan.nullable(),
  fault: fault.nullable(),
});
export type PlanSignIn = z.infer<typeof planSignIn>;

/** Ids side by side: what people mix up. */
export const access = z.strictObject({
  tenant: z.string(),
  origin: z.enum(['file', 'console']),
  cloud: z.string(),
  tenantId: z.string(),
  clientId: z.string(),
  scope: z.string(),
  /** Object id of the app registration; null: not known here. */
  appObjectId: z.string().nullable(),
  /** Object id of the service principal (Enterprise application), the one that Exchange wants: the token's `oid`. */
  servicePrincipalId: z.string().nullable(),
  credential: z.strictObject({
    kind: z.string(),
    describe: z.string(),
    expires: instant.nullable(),
    daysLeft: z.int().nullable(),
    /** Where the end is known from; null: it is not known, and `unknown` says why. */
    origin: z.enum(['certificate', 'configuration', 'setup', 'graph']).nullable(),
    unknown: z.string().nullable(),
  }),
  /** Roles in the last token; null: none was asked for yet. */
  roles: z.array(z.string()).nullable(),
  tokenExpires: instant.nullable(),
  /** The last token read claim by claim, each with what it means here; `good` null: neither. Never the token itself. */
  claims: z.array(z.strictObject({ name: z.string(), value: z.string(), means: z.string(), good: z.boolean().nullable() })).nullable(),
  sources: z.array(z.string()),
  fault: fault.nullable(),
});
export type Access = z.infer<typeof access>;
export const accessList = z.strictObject({ tenants: z.array(access) });
export type AccessList = z.infer<typeof accessList>;
