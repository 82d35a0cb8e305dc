/**
 * Kills `setup apply`, `setup rotate` and `setup destroy` at each line of their journal, runs them again, and proves after each death that
 * there is one app, one usable secret, none that nobody has, and in the end nothing left.
 *
 * The hard thing is to hit each place. The sandbox runs in this process, so it can look at the journal whenever a request comes, and kill
 * the program before it does what it is asked (`before`), or when it is done and not yet answered (`after`). Between a secret and its
 * store there is no request: there the program that stores it does the killing (`store`).
 *
 * setup.ts [--at apply-after-16]... [--sign-in token|device]: everywhere without --at.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import type { App } from '../../sandbox/src/tenant.ts';
import { askToken, Dialogue, xoauth2 } from '../../sandbox/test/dialogue.ts';
import { handedOver } from '../contract/setup-place.ts';

const main = join(resolve(import.meta.dirname, '../..'), 'src/cli/main.ts');
const admin = 'admin@contoso.test';
const mailbox = 'bulk@contoso.test';
const deadlineMs = 60_000;

export type Verb = 'apply' | 'rotate' | 'destroy';
export type Moment = 'before' | 'after' | 'store';

export interface SetupKill {
  readonly verb: Verb;
  readonly moment: Moment;
  /** Line of the journal, counted from the begin of this run. */
  readonly line: number;
  /** What that line says. */
  readonly event: string;
}

/** All there are: line after line, until a run ends by itself; a store can be hit in two places only. */
class Everywhere {
  readonly #over = new Set<string>();

  over(verb: Verb, moment: Moment): void {
    this.#over.add(`${verb} ${moment}`);
  }

  *[Symbol.iterator](): Generator<Omit<SetupKill, 'event'>> {
    for (const verb of ['apply', 'rotate', 'destroy'] as const) {
      for (const moment of ['before', 'after', 'store'] as const) {
        if (moment === 'store' && verb === 'destroy') continue;
        const last = moment === 'store' ? 2 : Number.POSITIVE_INFINITY;
        for (let line = 1; line <= last && !this.#over.has(`${verb} ${moment}`); line += 1) yield { verb, moment, line };
      }
    }
  }
}

export interface SetupCrashOptions {
  /** Undefined: at each line, until a run ends by itself. */
  readonly at?: readonly Omit<SetupKill, 'event'>[];
  readonly signIn?: 'token' | 'device';
  readonly say: (line: string) => void;
}

/** @throws AssertionError with the kill that broke something; then the folder is kept */
export async function crashSetup({ at, signIn = 'token', say }: SetupCrashOptions): Promise<SetupKill[]> {
  const wished = at === undefined ? new Everywhere() : Object.assign([...at], { over: () => undefined });
  const killer: { look: () => void } = { look: () => undefined };
  const sandbox = await startSandbox({
    withoutSeed: true,
    now: () => {
      killer.look();
      return new Date();
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'postern-setup-crash-'));
  const kills: SetupKill[] = [];
  try {
    const env = await handedOver(sandbox, admin);
    for (const { verb, moment, line } of wished) {
      const name = `${verb}-${moment}-${line}`;
      const round = new Round(sandbox, killer, join(folder, name), name, { ...env }, signIn);
      const event = await round.run(verb, moment, line);
      say(`${verb}, ${moment} ${line}: ${event ?? 'ended by itself'}`);
      if (event !== undefined) kills.push({ verb, moment, line, event });
      else wished.over(verb, moment);
    }
    rmSync(folder, { recursive: true, force: true });
    return kills;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\nkept: ${folder}`, { cause: error });
  } finally {
    await sandbox.close();
  }
}

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly talk: string;
}

/** One app, from nothing to nothing, with one kill on the way. */
class Round {
  readonly #sandbox: Sandbox;
  readonly #killer: { look: () => void };
  readonly #folder: string;
  readonly #name: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #signIn: string;

  constructor(
    sandbox: Sandbox,
    killer: { look: () => void },
    folder: string,
    name: string,
    env: Readonly<Record<string, string>>,
    signIn: string,
  ) {
    this.#sandbox = sandbox;
    this.#killer = killer;
    this.#folder = folder;
    this.#name = name;
    this.#env = env;
    this.#signIn = signIn;
    mkdirSync(folder);
    this.#configure(undefined);
  }

  /** @returns the event of the line at which it was killed; undefined: it ended by itself */
  async run(verb: Verb, moment: Moment, line: number): Promise<string | undefined> {
    const { imapEnabled } = this.#mailbox;
    this.#mailbox.imapEnabled = false;
    try {
      if (verb !== 'apply') await this.#well('apply');
      const event = await this.#killed(verb, moment, line);
      if (verb === 'rotate') await this.#proveOpen(`killed in rotate, ${moment} ${line}`);
      await this.#well(verb);
      if (verb === 'destroy') this.#proveNothing();
      else await this.#proveWhole();
      if (verb !== 'destroy') {
        await this.#well('destroy');
        this.#proveNothing();
      }
      return event;
    } finally {
      this.#mailbox.imapEnabled = imapEnabled;
    }
  }

  /** The app as the configuration wants it; `killing` lets the store end its parent before (1) or after (2) it has stored. */
  #configure(killing: number | undefined): void {
    const { authority, scope, graph, exchangeAdmin, imap, caPem } = this.#sandbox;
    writeFileSync(join(this.#folder, 'ca.pem'), caPem);
    const store = killing === undefined ? '' : `      store: { command: [${JSON.stringify(process.execPath)}, ./store.mjs] }\n`;
    writeFileSync(
      join(this.#folder, 'store.mjs'),
      `import { readFileSync, writeFileSync } from 'node:fs';
const value = readFileSync(0);
if (${killing} === 1) process.kill(process.ppid, 'SIGKILL');
else writeFileSync('secret', value);
if (${killing} === 2) process.kill(process.ppid, 'SIGKILL');
`,
    );
    writeFileSync(
      join(this.#folder, 'postern.yaml'),
      `tenants:
  contoso:
    tenantId: ${this.#sandbox.tenant.id}
    cloud:
      authority: ${authority}
      scope: ${scope}
      graph: ${graph}
      exchangeAdmin: ${exchangeAdmin}
      imap: { host: localhost, port: ${imap.tlsPort} }
    ca: ca.pem
    credential: { secret: { file: ./secret } }
    setup:
      app: { uniqueName: ${this.#name} }
      mailboxes: [${mailbox}]
      clientAccess: { enableWhereNeeded: true }
${store}`,
    );
  }

  async #killed(verb: Verb, moment: Moment, line: number): Promise<string | undefined> {
    if (moment === 'store') this.#configure(line);
    const already = this.#lines().length;
    const { audit } = this.#sandbox.tenant.directory;
    let isOver = false;
    const ended = await this.#program(verb, (pid) => {
      const look = (): void => {
        if (isOver || moment === 'store' || this.#lines().length < already + line) return;
        isOver = true;
        process.kill(pid, 'SIGKILL');
      };
      if (moment === 'before') this.#killer.look = look;
      // Written down when a change is done, and before it is answered.
      audit.push = (...entries) => {
        if (moment === 'after') look();
        return Array.prototype.push.apply(audit, entries);
      };
    });
    this.#killer.look = () => undefined;
    audit.push = Array.prototype.push;
    this.#configure(undefined);
    if (ended.signal === 'SIGKILL') return moment === 'store' ? this.#lines().at(-1) : this.#lines()[already + line - 1];
    assert.equal(ended.code, 0, `${this.#name}: ${ended.talk}`);
    return undefined;
  }

  async #well(verb: Verb): Promise<void> {
    const ended = await this.#program(verb, () => undefined);
    assert.equal(ended.code, 0, `${this.#name}: ${verb} again: ${ended.talk}`);
  }

  #program(verb: Verb, started: (pid: number) => void): Promise<Ended> {
    const agreed = { apply: ['--yes', '--yes-destroy'], rotate: [], destroy: ['--yes-destroy', '--purge'] }[verb];
    const child = spawn(process.execPath, [main, 'setup', verb, ...agreed, '--sign-in', this.#signIn], {
      cwd: this.#folder,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGTERM',
    });
    started(child.pid ?? 0);
    let talk = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      talk += text;
    });
    return new Promise((done, fail) => {
      child.on('error', fail);
      child.on('close', (code, signal) => done({ code, signal, talk }));
    });
  }

  /** Events of the journal. */
  #lines(): readonly string[] {
    const file = join(this.#folder, 'postern-data/setup/contoso.jsonl');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line): string => `${JSON.parse(line).event} ${JSON.parse(line).step ?? ''}`.trim());
  }

  get #mailbox() {
    const found = this.#sandbox.tenant.mailboxes.get(mailbox);
    assert.ok(found);
    return found;
  }

  get #apps(): readonly App[] {
    return [...this.#sandbox.tenant.apps.values()].filter((app) => app.registration.uniqueName === this.#name);
  }

  /** The stored secret opens the mailbox. */
  async #proveOpen(when: string): Promise<void> {
    const [app, another] = this.#apps;
    assert.ok(app && another === undefined, `${when}: one app`);
    const secret = readFileSync(join(this.#folder, 'secret'), 'utf8');
    const { status, body } = await askToken(this.#sandbox, { client_id: app.clientId, client_secret: secret });
    assert.equal(status, 200, `${when}: ${body}`);
    const dialogue = await Dialogue.open(this.#sandbox);
    const said = await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(mailbox, JSON.parse(body).access_token)}`);
    dialogue.close();
    assert.match(said, /TAG OK/, when);
  }

  /** Every secret is the stored one or is known to wait for the end of its overlap. */
  async #proveWhole(): Promise<void> {
    await this.#proveOpen(this.#name);
    const stored = readFileSync(join(this.#folder, 'secret'), 'utf8');
    const kept: { readonly retired: readonly { readonly keyId: string }[] } = JSON.parse(
      readFileSync(join(this.#folder, 'postern-data/setup/contoso.json'), 'utf8'),
    );
    const waiting = new Set(kept.retired.map((one) => one.keyId));
    const unknown = (this.#apps[0]?.secrets ?? []).filter((one) => one.value !== stored && !waiting.has(one.id));
    assert.deepEqual(unknown, [], `${this.#name}: secrets that nobody has`);
    assert.equal(this.#apps[0]?.secrets.filter((one) => one.value === stored).length, 1);
  }

  #proveNothing(): void {
    const { tenant } = this.#sandbox;
    assert.deepEqual(this.#apps, [], `${this.#name}: no app`);
    assert.equal(tenant.directory.deletedApps.length, 0, `${this.#name}: purged`);
    assert.equal(tenant.directory.deletedPrincipals.length, 0, `${this.#name}: purged`);
    const live = new Set([...tenant.apps.values()].map((app) => app.principal?.oid));
    assert.deepEqual(
      [...this.#mailbox.grants].filter((one) => !live.has(one)),
      [],
      `${this.#name}: no grant of nobody`,
    );
    assert.equal(this.#mailbox.imapEnabled, false, `${this.#name}: the switch as it was`);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { at: { type: 'string', multiple: true }, 'sign-in': { type: 'string', default: 'token' } } });
  const at = values.at?.map((text) => {
    const found = /^(apply|rotate|destroy)-(before|after|store)-(\d+)$/.exec(text);
    if (found === null) throw new Error(`--at wants VERB-MOMENT-LINE such as apply-after-16, not ${text}`);
    return { verb: found[1] as Verb, moment: found[2] as Moment, line: Number(found[3]) };
  });
  const kills = await crashSetup({
    ...(at === undefined ? {} : { at }),
    signIn: values['sign-in'] === 'device' ? 'device' : 'token',
    say: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${kills.length} kills, each survived.\n`);
}
