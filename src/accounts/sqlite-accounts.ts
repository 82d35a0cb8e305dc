/**
 * The accounts in `<data>/accounts.sqlite`: users, sessions, API tokens and the access log.
 *
 * The hard thing is that whoever reads the file must not be able to log in by it. Passwords are there as slow hashes, cookies and tokens as
 * SHA-256 of 256 random bits, and the token against forged requests nowhere: it follows from the cookie.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Fault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import { type HashCost, type PasswordHashing, passwordHashing } from '../runtime/password-hash.ts';
import { Secret } from '../runtime/secret.ts';
import type {
  AccessLine,
  AccessNote,
  AccountRole,
  Accounts,
  LogHead,
  LoginOutcome,
  OpenSession,
  PasswordOutcome,
  TokenAccount,
  UserAccount,
} from './accounts.ts';
import { passwordObjection } from './password-rule.ts';
import { type AccountRow, AccountsFile } from './sqlite-file.ts';
import { AccessLogTable } from './sqlite-log.ts';
import { Throttle } from './throttle.ts';

/** A working day without a click. */
const idleMs = 8 * 3_600_000;
/** After it everybody logs in again, however busy. */
const lastsMs = 24 * 3_600_000;
/** Use is noted so often at most: a session costs one write a minute, not one a request. */
const usedEveryMs = 60_000;
const mostSessionsOfUser = 20;
const tokenPrefix = 'pst_';

export interface AccountsOptions {
  readonly clock: Clock;
  /** Reads only: makes no file; where there is none everything is empty. */
  readonly readOnly?: boolean;
  /** What a hash costs; a test is in a hurry. */
  readonly cost?: HashCost;
}

/** Opens the accounts of a data folder, making them where they are not there. @throws Fault accounts.* */
export function openAccounts(dataFolder: string, { clock, readOnly = false, cost }: AccountsOptions): Accounts {
  return new SqliteAccounts(new AccountsFile(dataFolder, readOnly), clock, passwordHashing(cost));
}

class SqliteAccounts implements Accounts {
  readonly #file: AccountsFile;
  readonly #log: AccessLogTable;
  readonly #clock: Clock;
  readonly #hashing: PasswordHashing;
  readonly #throttle: Throttle;
  readonly #listeners = new Set<(id: string) => void>();

  constructor(file: AccountsFile, clock: Clock, hashing: PasswordHashing) {
    this.#file = file;
    this.#log = new AccessLogTable(file, clock.now);
    this.#clock = clock;
    this.#hashing = hashing;
    this.#throttle = new Throttle(clock.monotonic);
  }

  async users(): Promise<readonly UserAccount[]> {
    return this.#file.look(() => this.#file.all('select * from user order by name')).map((row) => this.#asUser(row));
  }

  async addUser(user: Parameters<Accounts['addUser']>[0]): Promise<boolean> {
    const { name, role, password, mustChangePassword } = user;
    refuseUnfit(name, password);
    const hash = await this.#hashing.hash(password);
    return this.#file.change(
      () =>
        this.#file.run(
          'insert or ignore into user (name, role, hash, created, disabled, must_change) values (?, ?, ?, ?, 0, ?)',
          name,
          role,
          hash,
          this.#clock.now(),
          Number(mustChangePassword),
        ) > 0,
    );
  }

  async changeUser(name: string, change: Parameters<Accounts['changeUser']>[1]): Promise<boolean> {
    const { role, disabled, password, mustChangePassword } = change;
    if (password !== undefined) refuseUnfit(name, password);
    const hash = password === undefined ? undefined : await this.#hashing.hash(password);
    const ended = this.#file.change(() => {
      const row = this.#file.get('select * from user where name = ?', name);
      if (row === undefined) return undefined;
      const after = { role: role ?? String(row['role']), disabled: disabled ?? row['disabled'] === 1 };
      this.#file.run(
        'update user set role = ?, disabled = ?, hash = ?, must_change = ? where name = ?',
        after.role,
        Number(after.disabled),
        hash ?? String(row['hash']),
        mustChangePassword === undefined ? Number(row['must_change']) : Number(mustChangePassword),
        name,
      );
      this.#keepAnAdministrator(row);
      const endsAll = hash !== undefined || after.role !== row['role'] || Number(after.disabled) !== row['disabled'];
      return endsAll
        ? [...this.#dropSessions(name), ...(after.disabled || after.role !== 'administrator' ? this.#tokenIds(name) : [])]
        : [];
    });
    if (password !== undefined) this.#throttle.forget(name);
    this.#tellEnd(ended ?? []);
    return ended !== undefined;
  }

  async removeUser(name: string): Promise<boolean> {
    const ended = this.#file.change(() => {
      const row = this.#file.get('select * from user where name = ?', name);
      if (row === undefined) return undefined;
      const ids = [...this.#dropSessions(name), ...this.#tokenIds(name)];
      this.#file.run('delete from user where name = ?', name);
      this.#keepAnAdministrator(row);
      return ids;
    });
    this.#tellEnd(ended ?? []);
    return ended !== undefined;
  }

  async logIn(name: string, password: Secret, address: string): Promise<LoginOutcome> {
    const waitMs = this.#throttle.begin(name, address);
    if (waitMs > 0) return { outcome: 'wait', untilMs: this.#clock.now() + waitMs };
    const row = this.#user(name);
    if (!(await this.#isRight(name, address, password, row)) || row === undefined || row['disabled'] === 1) {
      return { outcome: 'refused', isKnown: row !== undefined };
    }
    this.#throttle.right(name, address);
    const cookie = new Secret(randomBytes(32).toString('base64url'));
    const id = `s_${randomBytes(12).toString('hex')}`;
    const dropped = this.#file.change(() => {
      const now = this.#clock.now();
      // The user may have been changed while the hash was computed.
      const still = this.#file.get('select disabled from user where name = ? and hash = ?', name, String(row['hash']));
      if (still === undefined || still['disabled'] === 1) return undefined;
      this.#file.run('update user set last_login = ? where name = ?', now, name);
      const gone = this.#dropExpired(now);
      const oldest = this.#file.all(
        'select id from session where user = ? order by created desc limit -1 offset ?',
        name,
        mostSessionsOfUser - 1,
      );
      for (const one of oldest) this.#file.run('delete from session where id = ?', String(one['id']));
      this.#file.run('insert into session (id, hash, user, created, used) values (?, ?, ?, ?, ?)', id, sha256(cookie), name, now, now);
      return [...gone, ...oldest.map((one) => String(one['id']))];
    });
    if (dropped === undefined) return { outcome: 'refused', isKnown: true };
    this.#tellEnd(dropped);
    const session = await this.session(cookie);
    return session === undefined ? { outcome: 'refused', isKnown: true } : { outcome: 'in', session, cookie };
  }

  /** Takes its time for nobody too. Raises a hash that has become too cheap. */
  async #isRight(name: string, address: string, password: Secret, row: AccountRow | undefined): Promise<boolean> {
    try {
      if (row === undefined) {
        await this.#hashing.checkNothing(password);
        return false;
      }
      const stored = String(row['hash']);
      const seen = await this.#hashing.check(password, stored);
      if (seen === 'right-and-outdated') {
        const hash = await this.#hashing.hash(password);
        this.#file.change(() => void this.#file.run('update user set hash = ? where name = ? and hash = ?', hash, name, stored));
        Object.assign(row, { hash });
      }
      return seen !== 'wrong';
    } catch (error) {
      this.#throttle.undone(name, address);
      throw error;
    }
  }

  async session(cookie: Secret): Promise<OpenSession | undefined> {
    const row = this.#file.look(() =>
      this.#file.get(
        'select s.id, s.user, s.created, s.used, u.role, u.must_change, u.disabled from session s join user u on u.name = s.user where s.hash = ?',
        sha256(cookie),
      ),
    );
    if (row === undefined || row['disabled'] === 1) return undefined;
    const now = this.#clock.now();
    const id = String(row['id']);
    if (endOf(row) <= now) {
      await this.endSession(id);
      return undefined;
    }
    const used = now - Number(row['used']) < usedEveryMs ? Number(row['used']) : this.#noteUse('session', 'used', id, now);
    return {
      id,
      user: String(row['user']),
      role: asRole(row['role']),
      csrf: csrfOf(cookie),
      mustChangePassword: row['must_change'] === 1,
      expires: new Date(endOf({ created: row['created'], used })),
    };
  }

  /** A full disk must not log everybody out: then the time without use goes on to count from before. */
  #noteUse(table: 'session' | 'token', column: 'used' | 'last_used', id: string, now: number): number {
    try {
      this.#file.change(() => void this.#file.run(`update ${table} set ${column} = ? where id = ?`, now, id));
      return now;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return now;
    }
  }

  async isOpen(id: string): Promise<boolean> {
    const now = this.#clock.now();
    return this.#file.look(() => {
      const session = this.#file.get(
        'select s.created, s.used from session s join user u on u.name = s.user where id = ? and u.disabled = 0',
        id,
      );
      if (session !== undefined) return endOf(session) > now;
      return this.#file.get(`${goodToken} and t.id = ?`, now, id) !== undefined;
    });
  }

  async endSession(id: string): Promise<void> {
    if (this.#file.change(() => this.#file.run('delete from session where id = ?', id)) > 0) this.#tellEnd([id]);
  }

  async changePassword(sessionId: string, current: Secret, next: Secret, address: string): Promise<PasswordOutcome> {
    const name = this.#file.look(() => this.#file.get('select user from session where id = ?', sessionId))?.['user'];
    const row = typeof name === 'string' ? this.#user(name) : undefined;
    if (typeof name !== 'string' || row === undefined) return { outcome: 'refused' };
    const waitMs = this.#throttle.begin(name, address);
    if (waitMs > 0) return { outcome: 'wait', untilMs: this.#clock.now() + waitMs };
    if (!(await this.#isRight(name, address, current, row))) return { outcome: 'refused' };
    this.#throttle.right(name, address);
    refuseUnfit(name, next);
    if (sha256(current).equals(sha256(next))) throw new Fault('accounts.password-unfit', { seen: 'it is the same as before' });
    const hash = await this.#hashing.hash(next);
    const ended = this.#file.change(() => {
      // Somebody else may have set a new one meanwhile: then this session is over.
      if (this.#file.run('update user set hash = ?, must_change = 0 where name = ? and hash = ?', hash, name, String(row['hash'])) === 0)
        return undefined;
      return this.#dropSessions(name, sessionId);
    });
    this.#tellEnd(ended ?? []);
    return { outcome: ended === undefined ? 'refused' : 'done' };
  }

  onEnd(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async tokens(): Promise<readonly TokenAccount[]> {
    return this.#file.look(() => this.#file.all('select * from token order by created, id')).map(asToken);
  }

  async addToken(wish: Parameters<Accounts['addToken']>[0]): ReturnType<Accounts['addToken']> {
    const token = new Secret(tokenPrefix + randomBytes(32).toString('base64url'));
    const id = `t_${randomBytes(12).toString('hex')}`;
    const created = this.#clock.now();
    const { name, role, createdBy, expires } = wish;
    this.#file.change(
      () =>
        void this.#file.run(
          'insert into token (id, hash, name, role, created_by, created, expires) values (?, ?, ?, ?, ?, ?, ?)',
          id,
          sha256(token),
          name,
          role,
          createdBy,
          created,
          expires?.getTime() ?? null,
        ),
    );
    return { token, made: { id, name, role, createdBy, created: new Date(created), expires, lastUsed: undefined } };
  }

  async token(token: Secret): Promise<TokenAccount | undefined> {
    const now = this.#clock.now();
    const row = this.#file.look(() => this.#file.get(`${goodToken} and t.hash = ?`, now, sha256(token)));
    if (row === undefined) return undefined;
    const known = asToken(row);
    if (now - (known.lastUsed?.getTime() ?? 0) >= usedEveryMs) this.#noteUse('token', 'last_used', known.id, now);
    return known;
  }

  async removeToken(id: string): Promise<boolean> {
    const isGone = this.#file.change(() => this.#file.run('delete from token where id = ?', id)) > 0;
    if (isGone) this.#tellEnd([id]);
    return isGone;
  }

  note(note: AccessNote): Promise<void> {
    return this.#log.note(note);
  }

  async log(options: Parameters<Accounts['log']>[0]): Promise<readonly AccessLine[]> {
    return this.#log.lines(options);
  }

  async logHead(): Promise<LogHead | undefined> {
    return this.#log.head();
  }

  verifyLog(): ReturnType<Accounts['verifyLog']> {
    return this.#log.verify();
  }

  async close(): Promise<void> {
    this.#log.flush();
    this.#file.close();
  }

  #user(name: string): AccountRow | undefined {
    return this.#file.look(() => this.#file.get('select * from user where name = ?', name));
  }

  /** @throws Fault accounts.last-administrator, which undoes the transaction */
  #keepAnAdministrator(before: AccountRow): void {
    if (before['role'] !== 'administrator' || before['disabled'] === 1) return;
    const left = this.#file.get("select 1 from user where role = 'administrator' and disabled = 0 limit 1");
    if (left === undefined) throw new Fault('accounts.last-administrator', { user: String(before['name']) });
  }

  #dropSessions(user: string, but = ''): string[] {
    const ids = this.#file.all('select id from session where user = ? and id <> ?', user, but).map((row) => String(row['id']));
    this.#file.run('delete from session where user = ? and id <> ?', user, but);
    return ids;
  }

  #dropExpired(now: number): string[] {
    const over = [now - idleMs, now - lastsMs] as const;
    const ids = this.#file.all('select id from session where used <= ? or created <= ?', ...over).map((row) => String(row['id']));
    this.#file.run('delete from session where used <= ? or created <= ?', ...over);
    return ids;
  }

  #tokenIds(user: string): string[] {
    return this.#file.all('select id from token where created_by = ?', user).map((row) => String(row['id']));
  }

  #tellEnd(ids: readonly string[]): void {
    for (const id of ids) for (const listener of this.#listeners) listener(id);
  }

  #asUser(row: AccountRow): UserAccount {
    const name = String(row['name']);
    const lockedMs = this.#throttle.lockedMs(name);
    return {
      name,
      role: asRole(row['role']),
      created: new Date(Number(row['created'])),
      lastLogin: dateOf(row['last_login']),
      disabled: row['disabled'] === 1,
      mustChangePassword: row['must_change'] === 1,
      lockedUntil: lockedMs === 0 ? undefined : new Date(this.#clock.now() + lockedMs),
    };
  }
}

/** A token is good while who made it is an administrator who may log in: one who has left keeps no way in. */
const goodToken = `select t.* from token t join user u on u.name = t.created_by
  where (t.expires is null or t.expires > ?) and u.disabled = 0 and u.role = 'administrator'`;

function endOf({ created, used }: AccountRow): number {
  return Math.min(Number(created) + lastsMs, Number(used) + idleMs);
}

function sha256(secret: Secret): Buffer {
  return createHash('sha256').update(secret.reveal()).digest();
}

function csrfOf(cookie: Secret): string {
  return createHmac('sha256', cookie.reveal()).update('postern csrf').digest('base64url');
}

/** @throws Fault accounts.password-unfit */
function refuseUnfit(name: string, password: Secret): void {
  const seen = passwordObjection(name, password);
  if (seen !== undefined) throw new Fault('accounts.password-unfit', { seen });
}

function asToken(row: AccountRow): TokenAccount {
  return {
    id: String(row['id']),
    name: String(row['name']),
    role: asRole(row['role']),
    createdBy: String(row['created_by']),
    created: new Date(Number(row['created'])),
    expires: dateOf(row['expires']),
    lastUsed: dateOf(row['last_used']),
  };
}

function asRole(value: unknown): AccountRole {
  if (value !== 'administrator' && value !== 'operator' && value !== 'auditor') throw new Error('the column holds no role');
  return value;
}

function dateOf(value: unknown): Date | undefined {
  return value === null || value === undefined ? undefined : new Date(Number(value));
}
