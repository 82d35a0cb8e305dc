/** Who is logged in, users, API tokens, and the access log. */
import { z } from 'zod';
import { instant, next, sha256 } from './leaf.ts';

/**
 * `administrator`: everything. `operator`: runs, pauses, retries, acknowledges, tests; reads messages. `auditor`: reads everything, the
 * access log too, and changes nothing.
 */
export const role = z.enum(['administrator', 'operator', 'auditor']);
export type Role = z.infer<typeof role>;

export const userName = z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,63}$/);
/** Length counts, not signs: NIST SP 800-63B §3.1.1. */
export const newPassword = z.string().min(12).max(200);

export const login = z.strictObject({ user: z.string().max(200), password: z.string().max(200) });

/** `csrf` goes into the header `x-postern-csrf` of every request that is no GET. */
export const session = z.strictObject({
  user: userName,
  role,
  csrf: z.string(),
  /** The first password was printed somewhere: it has to be changed before anything else. */
  mustChangePassword: z.boolean(),
  expires: instant,
  version: z.string(),
});
export type Session = z.infer<typeof session>;

export const passwordChange = z.strictObject({ current: z.string().max(200), next: newPassword });

export const user = z.strictObject({
  name: userName,
  role,
  created: instant,
  lastLogin: instant.nullable(),
  /** May not log in. */
  disabled: z.boolean(),
  /** Until when logins are refused after wrong passwords; null: they are not. */
  lockedUntil: instant.nullable(),
});
export type User = z.infer<typeof user>;
export const userList = z.strictObject({ users: z.array(user) });
export type UserList = z.infer<typeof userList>;
export const newUser = z.strictObject({ name: userName, role, password: newPassword });
export const userChange = z.strictObject({
  role: role.optional(),
  disabled: z.boolean().optional(),
  password: newPassword.optional(),
  /** How the user was when it was looked at: where that is not so any more, nothing is changed. Without it the last one wins. */
  seen: z.strictObject({ role, disabled: z.boolean() }).optional(),
});

export const apiToken = z.strictObject({
  id: z.string(),
  name: z.string().min(1).max(100),
  role,
  createdBy: userName,
  created: instant,
  expires: instant.nullable(),
  lastUsed: instant.nullable(),
});
export type ApiToken = z.infer<typeof apiToken>;
export const apiTokenList = z.strictObject({ tokens: z.array(apiToken) });
export type TokenList = z.infer<typeof apiTokenList>;
export const newApiToken = z.strictObject({ name: z.string().min(1).max(100), role, expiresInDays: z.int().min(1).max(3650).nullable() });
/** Shown once. It goes into the header `Authorization: Bearer …`. */
export const madeApiToken = z.strictObject({ token: z.string(), made: apiToken });
export type MadeApiToken = z.infer<typeof madeApiToken>;

/** One line of the access log: who saw, exported or changed what. */
export const accessEntry = z.strictObject({
  id: z.int(),
  at: instant,
  /** A user's name, or `token:NAME`; empty where nobody was logged in. */
  who: z.string(),
  role: role.nullable(),
  address: z.string(),
  /** E.g. `login`, `login-refused`, `message.view`, `message.download`, `search`, `export`, `source.change`, `alert.acknowledge`. */
  action: z.string(),
  /** What it was done to: a message's SHA-256, a source's name, a query. */
  object: z.string(),
  outcome: z.enum(['done', 'refused', 'failed']),
  detail: z.string(),
});
export type AccessEntry = z.infer<typeof accessEntry>;
/** The newest line: its hash stands for all lines before it. */
export const accessHead = z.strictObject({ id: z.int(), hash: sha256 }).nullable();
export const accessLog = z.strictObject({ entries: z.array(accessEntry), next, head: accessHead });
/** `brokenAt`: the first line that was changed or removed; null: every line is as it was written. */
export const accessProof = z.strictObject({ lines: z.int(), head: accessHead, brokenAt: z.int().nullable() });
export type AccessProof = z.infer<typeof accessProof>;
export type AccessLog = z.infer<typeof accessLog>;
