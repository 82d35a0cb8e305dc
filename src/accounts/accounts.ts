/**
 * The port of the accounts: users, their sessions, API tokens, and the access log. Other rooms know this file and no other of the folder.
 *
 * The hard thing is the access log: it is what an auditor relies on, so what it says is durable before the thing it says is shown, and no
 * method changes or removes a line of it.
 */
import type { Secret } from '../runtime/secret.ts';

export type AccountRole = 'administrator' | 'operator' | 'auditor';

/** In small letters, so that no two users differ by a capital. */
export const userNamePattern = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

export interface UserAccount {
  readonly name: string;
  readonly role: AccountRole;
  readonly created: Date;
  readonly lastLogin: Date | undefined;
  readonly disabled: boolean;
  readonly mustChangePassword: boolean;
  readonly lockedUntil: Date | undefined;
}

export interface OpenSession {
  readonly id: string;
  readonly user: string;
  readonly role: AccountRole;
  readonly csrf: string;
  readonly mustChangePassword: boolean;
  readonly expires: Date;
}

export interface TokenAccount {
  readonly id: string;
  readonly name: string;
  readonly role: AccountRole;
  readonly createdBy: string;
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly lastUsed: Date | undefined;
}

export interface AccessNote {
  readonly who: string;
  readonly role: AccountRole | undefined;
  readonly address: string;
  readonly action: string;
  readonly object: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly detail: string;
}

export interface AccessLine extends AccessNote {
  readonly id: number;
  readonly at: Date;
}

export type LoginOutcome =
  | { readonly outcome: 'in'; readonly session: OpenSession; readonly cookie: Secret }
  /** `isKnown`: whether there is such a user. For the log: what is typed as a name may be a password. Never for the one who asks. */
  | { readonly outcome: 'refused'; readonly isKnown: boolean }
  | { readonly outcome: 'wait'; readonly untilMs: number };

export type PasswordOutcome = { readonly outcome: 'done' | 'refused' } | { readonly outcome: 'wait'; readonly untilMs: number };

export interface LogHead {
  readonly id: number;
  /** SHA-256 over the line and the hash of the line before it. */
  readonly hash: string;
}

/** Every method: @throws Fault accounts.unreadable, accounts.unwritable. */
export interface Accounts {
  users(): Promise<readonly UserAccount[]>;
  /** @returns false where the name is taken */
  addUser(user: {
    readonly name: string;
    readonly role: AccountRole;
    readonly password: Secret;
    readonly mustChangePassword: boolean;
  }): Promise<boolean>;
  /**
   * Ends the user's sessions where role, password or `disabled` change. @returns false where there is no such user
   * @throws Fault accounts.last-administrator: the last one who may log in cannot be removed, disabled or made something else
   */
  changeUser(
    name: string,
    change: { readonly role?: AccountRole; readonly disabled?: boolean; readonly password?: Secret; readonly mustChangePassword?: boolean },
  ): Promise<boolean>;
  /** @returns false where there is no such user. @throws Fault accounts.last-administrator */
  removeUser(name: string): Promise<boolean>;

  /** Takes the same time for a name that does not exist. `wait`: too many wrong passwords of this user or from this address, for so long. */
  logIn(name: string, password: Secret, address: string): Promise<LoginOutcome>;
  /** Keeps it alive: the time without use counts anew from here. */
  session(cookie: Secret): Promise<OpenSession | undefined>;
  /** Whether a session or API token is good still; does not count as use. For whatever stays open for long. */
  isOpen(id: string): Promise<boolean>;
  endSession(id: string): Promise<void>;
  /** The user's own act: the old password is checked and throttled as at a login. Other sessions of the user end, this one goes on. */
  changePassword(sessionId: string, current: Secret, next: Secret, address: string): Promise<PasswordOutcome>;
  /** Hears the id of each session and API token that this process ends. @returns stops the hearing */
  onEnd(listener: (id: string) => void): () => void;

  tokens(): Promise<readonly TokenAccount[]>;
  addToken(wish: {
    readonly name: string;
    readonly role: AccountRole;
    readonly createdBy: string;
    readonly expires: Date | undefined;
  }): Promise<{ readonly token: Secret; readonly made: TokenAccount }>;
  token(token: Secret): Promise<TokenAccount | undefined>;
  removeToken(id: string): Promise<boolean>;

  /** Durable when it resolves. */
  note(note: AccessNote): Promise<void>;
  /** Newest first. */
  log(options: {
    readonly before?: number;
    readonly limit: number;
    readonly who?: string;
    readonly action?: string;
  }): Promise<readonly AccessLine[]>;

  /** The newest line and its hash: kept elsewhere, it proves later that nothing before it was changed. Undefined: no line yet. */
  logHead(): Promise<LogHead | undefined>;
  /** Reads the whole log and proves its chain. */
  verifyLog(): Promise<{ readonly lines: number; readonly head: LogHead | undefined; readonly brokenAt: number | undefined }>;

  close(): Promise<void>;
}
