/**
 * Who used which mailbox: a row when a session begins, a row when it ends, a row for each refused login. JSON lines, a file a day, in
 * `proxy/audit` of the data folder, for its owner alone.
 *
 * The hard thing is that nobody comes in unseen: a session's first row is in the file before its application hears that it is in, and
 * where it cannot be written nobody is let in. Refusals of those who are locked out are not written, and of a flood of others only so many
 * a minute, so that nobody can fill the disk.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../fault/fault.ts';
import type { LoginRefusal, SessionView } from './port.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;
/** Refusals that are written in a minute; what comes beyond is counted in one row. */
const mostRefusals = 300;

export type AuditRow =
  | { readonly event: 'opened'; readonly session: SessionView }
  | { readonly event: 'closed'; readonly session: SessionView; readonly outcome: string; readonly code: string | undefined }
  | {
      readonly event: 'refused';
      readonly protocol: string;
      readonly address: string;
      readonly name: string;
      readonly reason: LoginRefusal;
    }
  | {
      readonly event: 'failed';
      readonly protocol: string;
      readonly address: string;
      readonly client: string;
      readonly mailbox: string;
      readonly code: string;
    };

export class Audit {
  readonly #folder: string;
  readonly #now: () => number;
  #keepDays: number;
  #day = '';
  #file: number | undefined;
  #minute = 0;
  #refusals = 0;

  constructor(dataFolder: string, now: () => number, keepDays: number) {
    this.#folder = join(dataFolder, 'proxy', 'audit');
    this.#now = now;
    this.#keepDays = keepDays;
  }

  use(keepDays: number): void {
    this.#keepDays = keepDays;
  }

  /** @throws Fault proxy.audit-unwritable */
  write(row: AuditRow): void {
    const now = this.#now();
    const at = new Date(now).toISOString();
    try {
      const more = this.#countRefusal(row, now);
      if (more === 'too-many') return;
      const text = more === 0 ? '' : `${JSON.stringify({ at, event: 'refused', more })}\n`;
      writeSync(this.#open(at.slice(0, 10), now), `${text}${JSON.stringify({ at, ...flat(row) })}\n`);
    } catch (error) {
      this.#close();
      const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      throw new Fault('proxy.audit-unwritable', { folder: this.#folder, errno }, { cause: error });
    }
  }

  /** @returns how many of the minute before were not written; or that this one is not either */
  #countRefusal(row: AuditRow, now: number): number | 'too-many' {
    const minute = Math.floor(now / minuteMs);
    const unwritten = minute === this.#minute ? 0 : Math.max(0, this.#refusals - mostRefusals);
    if (minute !== this.#minute) this.#refusals = 0;
    this.#minute = minute;
    if (row.event !== 'refused') return unwritten;
    this.#refusals += 1;
    return this.#refusals > mostRefusals ? 'too-many' : unwritten;
  }

  close(): void {
    this.#close();
  }

  #open(day: string, now: number): number {
    if (this.#file !== undefined && this.#day === day) return this.#file;
    this.#close();
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#file = openSync(join(this.#folder, `${day}.jsonl`), 'a', 0o600);
    this.#day = day;
    this.#tidy(now);
    return this.#file;
  }

  #tidy(now: number): void {
    const oldest = new Date(now - this.#keepDays * dayMs).toISOString().slice(0, 10);
    for (const name of readdirSync(this.#folder)) {
      if (/^\d{4}-\d\d-\d\d\.jsonl$/.test(name) && name.slice(0, 10) < oldest) rmSync(join(this.#folder, name), { force: true });
    }
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function flat(row: AuditRow): Readonly<Record<string, unknown>> {
  if (row.event !== 'opened' && row.event !== 'closed') return row;
  const { session, ...rest } = row;
  const { id, client, mailbox, tenant, protocol, address, sinceMs, bytesIn, bytesOut, messages } = session;
  const who = { session: id, client, mailbox, tenant, protocol, address };
  if (row.event === 'opened') return { ...rest, ...who };
  return { ...rest, ...who, since: new Date(sinceMs).toISOString(), bytesIn, bytesOut, messages };
}
