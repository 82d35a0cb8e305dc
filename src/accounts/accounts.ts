/**
 * The port of the accounts: users, their sessions, API tokens, and the access log. Other rooms know this file and no other of the folder.
 *
 * The hard thing is the access log: it is what an auditor relies on, so what it says is durable before the thing it says is shown, and no
 * method changes or removes a line of it.
 */
import type { Secret } from '../runtime/secret.ts';

export type AccountRole = 'administrator' | 'operator' | 'auditor';

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
  /** Ends the user's sessions where role, password or `disabled` change. @returns false where there is no such user */
  changeUser(
    name: string,
    change: { readonly role?: AccountRole; readonly disabled?: boolean; readonly password?: Secret; readonly mustChangePassword?: boolean },
  ): Promise<boolean>;
  /** The last administrator who may log in cannot be removed, disabled or made something else. */
  removeUser(name: string): Promise<boolean>;

  /** Takes the same time for a name that does not exist. `wait`: too many wrong passwords, for so long. */
  logIn(
    name: string,
    password: Secret,
  ): Promise<
    | { readonly outcome: 'in'; readonly session: OpenSession; readonly cookie: Secret }
    | { readonly outcome: 'refused' }
    | { readonly outcome: 'wait'; readonly untilMs: number }
  >;
  session(cookie: Secret): Promise<OpenSession | undefined>;
  endSession(id: string): Promise<void>;

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

  close(): Promise<void>;
}
