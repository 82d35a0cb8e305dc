/**
 * Plays one schedule against a sandbox in this process, and says what did not hold.
 *
 * The hard thing is to blame rightly. After every run only what this very run claimed is held against the server: a folder that it calls
 * complete must have everything that lay there before and after it. Only at the end, when all is healed, must everything be in.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { importSources } from '../../src/cli/wire.ts';
import { loadConfig } from '../../src/config/load.ts';
import { isFault } from '../../src/fault/fault.ts';
import { type RunSummary, runOn, runOnce } from '../../src/import/run.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type Door, type Mishap, startDoor } from '../contract/places/door.ts';
import { configuration, type Ground, mountSmall, moveTarget } from './ground.ts';
import { alwaysHolds, isComplete, isSettled } from './invariant.ts';
import { type FolderNow, ServerMailbox } from './mailbox.ts';
import { reconcileWrongs } from './reconcile.ts';
import type { Act, Moment, Run, Schedule } from './schedule.ts';
import { type ArchiveSeen, lagOf, witness } from './witness.ts';

const root = resolve(import.meta.dirname, '../..');
/** No run takes nearly as long; one that does hangs. */
const runDeadlineMs = 120_000;
/** After so long the program is interrupted as by Ctrl-C. */
const programMs = 2_500;
/** So long a run listens that goes on by itself. */
const listeningMs = 400;
/** The longest wait of a run that goes on: what its listening would take an hour for, it does in this time. */
const listeningWaitMs = 30;
/** One schedule of so many ends with a reconciliation, which is a process of its own. */
const reconcileEvery = 4;
/** A healed mailbox is complete within so many runs: one may still meet the end of what was wrong. */
const cleanRuns = 3;

export type KillPhase =
  | 'before anything new was durable'
  | 'while messages came in'
  | 'while the rest was derived'
  | 'with everything done';

export interface Played {
  readonly seed: number;
  /** What did not hold, in the order in which it was seen. Empty: all did. */
  readonly wrong: readonly string[];
  /** What struck or was done, by its name: how often. */
  readonly struck: Readonly<Record<string, number>>;
  readonly kills: readonly KillPhase[];
  readonly runs: number;
  readonly messages: number;
  /** Where what is left of a failed one lies. */
  readonly kept: string | undefined;
}

export async function play(ground: Ground, schedule: Schedule): Promise<Played> {
  const player = new Player(ground, schedule);
  try {
    await player.play();
  } catch (error) {
    player.blame(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return await player.end();
}

class Player {
  readonly #ground: Ground;
  readonly #schedule: Schedule;
  readonly #mailbox: ServerMailbox;
  readonly #folder: string;
  readonly #wrong: string[] = [];
  readonly #struck: Record<string, number> = {};
  readonly #kills: KillPhase[] = [];
  #door: Door | undefined;
  #doing = 'the beginning';
  #runs = 0;
  #seen: ArchiveSeen = { rows: [], messages: [], cursors: [], wrong: [] };
  /** Those of the current run that have not been reached, in order. */
  #moments: Moment[] = [];
  #timers: NodeJS.Timeout[] = [];
  #mishaps: readonly (Mishap | undefined)[] = [];
  #connectionsBefore = 0;
  #passedBefore = 0;
  /** Ends the current run as Ctrl-C does. */
  #interrupt: () => void = () => undefined;
  #kill: () => void = () => undefined;
  /** Acts come one after the other, also when several connections reach their moment. */
  #acts: Promise<void> = Promise.resolve();
  #hasSmallDisk = false;

  constructor(ground: Ground, schedule: Schedule) {
    this.#ground = ground;
    this.#schedule = schedule;
    this.#mailbox = new ServerMailbox(ground.sandbox.control, `chaos-${schedule.seed}@contoso.test`, schedule);
    this.#folder = join(ground.folder, `schedule-${schedule.seed}`);
  }

  blame(what: string): void {
    this.#wrong.push(`${this.#doing}: ${what}`);
  }

  async play(): Promise<void> {
    await this.#prepare();
    for (const [index, run] of this.#schedule.runs.entries()) {
      this.#doing = `run ${index + 1} (${run.way})`;
      for (const act of run.before) await this.#act(act);
      await this.#run(run);
      if (this.#wrong.length > 0) return;
    }
    await this.#heal();
    await this.#proveComplete();
  }

  async end(): Promise<Played> {
    await this.#acts;
    await this.#door?.close();
    await this.#mailbox.destroy().catch(() => undefined);
    await this.#mailbox.tokenEndpoint(this.#ground.sandbox.clientId, null);
    this.#ground.time.aheadMs = 0;
    const failed = this.#wrong.length > 0;
    const kept = failed ? `${tmpdir()}/postern-chaos-failed-${this.#schedule.seed}` : undefined;
    if (kept !== undefined) {
      rmSync(kept, { recursive: true, force: true });
      execFileSync('cp', ['-r', this.#folder, kept]);
    }
    if (this.#hasSmallDisk) execFileSync('umount', ['-l', join(this.#folder, 'data')], { timeout: 60_000 });
    rmSync(this.#folder, { recursive: true, force: true });
    return {
      seed: this.#schedule.seed,
      wrong: this.#wrong,
      struck: this.#struck,
      kills: this.#kills,
      runs: this.#runs,
      messages: this.#seen.messages.length,
      kept,
    };
  }

  async #prepare(): Promise<void> {
    const { sandbox } = this.#ground;
    mkdirSync(join(this.#folder, 'data'), { recursive: true });
    if (this.#schedule.smallDisk) this.#hasSmallDisk = mountSmall(join(this.#folder, 'data'));
    await this.#mailbox.create();
    await this.#mailbox.deliver(this.#schedule.initial);
    this.#door = await startDoor({
      target: { port: this.#schedule.protocol === 'imap' ? sandbox.imap.tlsPort : sandbox.pop.tlsPort },
      delayMs: this.#schedule.delayMs,
      mishap: (connection) => this.#mishaps[connection - this.#connectionsBefore - 1],
      interlude: {
        at: () => {
          const [next] = this.#moments;
          return next !== undefined && 'atBytes' in next.when ? this.#passedBefore + next.when.atBytes : undefined;
        },
        act: async () => {
          const next = this.#moments.shift();
          if (next === undefined) return;
          if ('thenMs' in next.when && (next.when.thenMs ?? 0) > 0)
            this.#timers.push(setTimeout(() => void this.#act(next.act), next.when.thenMs));
          else await this.#act(next.act);
        },
      },
    });
    writeFileSync(join(this.#folder, 'postern.yaml'), configuration(this.#ground, this.#schedule, this.#mailbox.address, this.#door.port));
  }

  /** A run, and what it leaves and claims held against the server. */
  async #run(run: Run): Promise<RunSummary | undefined> {
    this.#runs += 1;
    const before = await this.#mailbox.look();
    this.#begin(run);
    let summary: RunSummary | undefined;
    try {
      summary = run.way === 'program' ? await this.#program() : await this.#inside(run);
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
      this.#moments = [];
      await this.#acts;
    }
    for (const one of this.#door?.struck.slice(this.#struckBefore) ?? [])
      this.#count(`${one.does} ${one.counts ?? 'server'} ${one.unit ?? 'bytes'}`);
    const after = await this.#mailbox.look();
    const now = witness(join(this.#folder, 'data'));
    for (const what of alwaysHolds(this.#mailbox, this.#schedule.completion, this.#seen, now)) this.blame(what);
    if (summary !== undefined) this.#holdClaims(summary, before, after, now);
    this.#seen = now;
    return summary;
  }

  #struckBefore = 0;

  /** Sets up what is to happen. */
  #begin(run: Run): void {
    this.#mishaps = run.mishaps;
    this.#connectionsBefore = this.#door?.connections ?? 0;
    this.#passedBefore = this.#door?.passedBytes ?? 0;
    this.#struckBefore = this.#door?.struck.length ?? 0;
    const bytesOf = ({ when }: Moment): number => ('atBytes' in when ? when.atBytes : 0);
    this.#moments = run.moments.filter(({ when }) => 'atBytes' in when).sort((a, b) => bytesOf(a) - bytesOf(b));
    this.#timers = run.moments.flatMap(({ when, act }) => ('afterMs' in when ? [setTimeout(() => void this.#act(act), when.afterMs)] : []));
  }

  async #inside(run: Run): Promise<RunSummary | undefined> {
    const control = new AbortController();
    this.#interrupt = () => control.abort(new Error('interrupted by the schedule'));
    const deadline = setTimeout(() => {
      this.blame(`it did not end within ${runDeadlineMs} ms`);
      this.#interrupt();
    }, runDeadlineMs);
    const config = await loadConfig(join(this.#folder, 'postern.yaml'), { CHAOS_SECRET: this.#ground.sandbox.clientSecret });
    const clock = this.#hurryingClock(run.way === 'listening' ? listeningWaitMs : 1);
    let archive: Awaited<ReturnType<typeof openArchive>> | undefined;
    try {
      archive = await openArchive(config.dataFolder, clock);
      const ports = { archive, clock, random: () => 0.5, report: () => undefined, signal: control.signal };
      if (run.way === 'listening') {
        const enough = setTimeout(() => this.#interrupt(), listeningMs);
        await runOn(importSources(config, [], clock), ports, { connections: 2 }).finally(() => clearTimeout(enough));
        return undefined;
      }
      return await runOnce(importSources(config, [], clock), ports, { connections: 2 });
    } catch (error) {
      if (!this.#mayFail(error)) throw error;
      this.#count(isFault(error) ? `ended by ${error.code}` : 'ended');
      return undefined;
    } finally {
      clearTimeout(deadline);
      await archive?.close();
    }
  }

  /** A full disk ends a run by a fault of the archive. Nothing else may throw. */
  #mayFail(error: unknown): boolean {
    return this.#hasSmallDisk && isFault(error, 'archive.disk-full');
  }

  /** Waits are over soon: the time that they stand for goes by on both sides. */
  #hurryingClock(longestMs: number): Clock {
    const { time } = this.#ground;
    let ahead = 0;
    return {
      now: () => systemClock.now() + ahead,
      monotonic: () => systemClock.monotonic() + ahead,
      async sleep(ms, signal) {
        const waitMs = Math.min(ms, longestMs);
        ahead += ms - waitMs;
        time.aheadMs += ms - waitMs;
        await systemClock.sleep(waitMs, signal);
      },
    };
  }

  async #program(): Promise<RunSummary | undefined> {
    const words = ['import', 'run', '--once', '--json', '--config', join(this.#folder, 'postern.yaml')];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'src/cli/main.ts'), ...words], {
      env: { ...process.env, CHAOS_SECRET: this.#ground.sandbox.clientSecret, NODE_COMPILE_CACHE: join(this.#ground.folder, 'compiled') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let wasKilled = false;
    this.#interrupt = () => child.kill('SIGINT');
    this.#kill = () => {
      wasKilled = child.kill('SIGKILL') || wasKilled;
    };
    // The program really waits before it tries again: it is not let wait for long.
    const enough = setTimeout(() => this.#interrupt(), programMs);
    const deadline = setTimeout(() => {
      this.blame(`it did not end within ${runDeadlineMs} ms`);
      child.kill('SIGKILL');
    }, runDeadlineMs);
    let [out, talk] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      talk += text;
    });
    const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done, fail) => {
      child.once('error', fail).once('close', (code, signal) => done({ code, signal }));
    });
    clearTimeout(enough);
    clearTimeout(deadline);
    this.#kill = () => undefined;
    if (signal === 'SIGKILL' && wasKilled) {
      this.#kills.push(this.#phase(await this.#mailbox.look()));
      return undefined;
    }
    // On a busy machine Ctrl-C can come before the program has begun to listen for it; then nothing else has begun either.
    if (signal === 'SIGINT' && talk === '' && out === '') {
      this.#count('program interrupted before its first word');
      return undefined;
    }
    // 130: interrupted. 1 and 75: a fault, of which the summary tells; nothing here needs a person but for a grant that was taken away.
    if (code === null || ![0, 1, 75, 130].includes(code)) this.blame(`postern ended with ${code ?? signal}:\n${talk}${out}`);
    this.#count(`program ended with ${code}`);
    return out.startsWith('{') ? readSummary(out) : undefined;
  }

  #phase(server: ReadonlyMap<string, FolderNow>): KillPhase {
    const now = witness(join(this.#folder, 'data'));
    const isIn = isComplete(this.#mailbox, server.values(), now).length === 0;
    if (isIn) return lagOf(join(this.#folder, 'data')) > 0 ? 'while the rest was derived' : 'with everything done';
    return now.rows.length === this.#seen.rows.length ? 'before anything new was durable' : 'while messages came in';
  }

  /** What the run says of itself. */
  #holdClaims(summary: RunSummary, before: ReadonlyMap<string, FolderNow>, after: ReadonlyMap<string, FolderNow>, now: ArchiveSeen): void {
    if (summary.head.rows !== now.rows.length)
      this.blame(`the summary tells of ${summary.head.rows} rows, the ledger has ${now.rows.length}`);
    let added = 0;
    for (const source of summary.sources) {
      for (const folder of source.folders) {
        const { listed, before: stood, archived, duplicate, quarantined, excluded, missing, fault } = folder;
        if (listed !== stood + archived + duplicate + quarantined + excluded + missing.length)
          this.blame(`the equation does not hold: ${JSON.stringify(folder)}`);
        // One that was noted without bytes before is asked for anew in each run, and counted as noted again without a further row.
        added += archived + duplicate;
        const isWhole = source.fault === undefined && !source.stopped && fault === undefined && missing.length === 0;
        if (!isWhole) continue;
        const [was, is] = [before.get(folder.folder), after.get(folder.folder)];
        if (was !== undefined && is !== undefined && !this.#hidesFromLists() && !this.#mailbox.hasUnknownEras)
          for (const what of isSettled(was, is, now)) this.blame(what);
      }
    }
    const rows = now.rows.length - this.#seen.rows.length;
    // Under an earlier UIDVALIDITY rows may have come that the equation of the last one does not count.
    if (added > rows) this.blame(`the summary tells of ${added} new messages, the ledger got ${rows} rows`);
    if (summary.complete) this.#count('complete');
  }

  #act(act: Act): Promise<void> {
    this.#acts = this.#acts.then(() => this.#actNow(act)).catch((error: unknown) => this.blame(`${JSON.stringify(act)}: ${error}`));
    return this.#acts;
  }

  async #actNow(act: Act): Promise<void> {
    const mailbox = this.#mailbox;
    this.#count(act.does === 'scenario' ? `scenario ${act.name} ${act.on ? 'on' : 'off'}` : act.does);
    switch (act.does) {
      case 'deliver':
        return await mailbox.deliver(act.deliveries);
      case 'remove':
        return await mailbox.remove(act.folder, act.where);
      case 'renumber':
        return await mailbox.renumber(act.folder);
      case 'rename':
        return await mailbox.rename(act.folder);
      case 'scenario':
        return await mailbox.scenario(act.name, act.on);
      case 'token-endpoint':
        return await mailbox.tokenEndpoint(this.#ground.sandbox.clientId, act);
      case 'expire-tokens':
        return await mailbox.expireTokens();
      case 'cut-at-server':
        return await mailbox.cut();
      case 'clock':
        this.#ground.time.aheadMs += act.seconds * 1_000;
        return;
      case 'strike':
        return this.#door?.strike(act.mishap);
      case 'disk':
        return this.#fillDisk(act.full);
      case 'interrupt':
        return this.#interrupt();
      case 'kill':
        return this.#kill();
      default:
        act satisfies never;
    }
  }

  #fillDisk(full: boolean): void {
    if (!this.#hasSmallDisk) return;
    const ballast = join(this.#folder, 'data', 'ballast');
    rmSync(ballast, { force: true });
    if (!full) return;
    const { bavail, bsize } = statfsSync(join(this.#folder, 'data'));
    try {
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024)));
    } catch (error) {
      // The product wrote in between: then it is as full as it was to be.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }

  async #heal(): Promise<void> {
    this.#doing = 'healing';
    this.#fillDisk(false);
    await this.#mailbox.heal();
    await this.#mailbox.tokenEndpoint(this.#ground.sandbox.clientId, null);
    this.#ground.time.aheadMs = 0;
    // A message that holds nothing is noted only beside others that hold something.
    const letters = this.#schedule.folders.map((folder, index) => ({
      folder,
      letter: { number: 900_000 + index, sizeBytes: 500 },
      daysAgo: 0,
    }));
    await this.#mailbox.deliver(letters);
  }

  async #proveComplete(): Promise<void> {
    const undisturbed: Run = { way: 'inside', before: [], moments: [], mishaps: [] };
    let summary: RunSummary | undefined;
    const least = this.#hidesFromLists() ? cleanRuns : 1;
    for (let turn = 1; turn <= least || (turn <= cleanRuns && summary?.complete !== true); turn += 1) {
      this.#doing = `clean run ${turn}`;
      summary = await this.#run(undisturbed);
    }
    if (summary?.complete !== true) {
      this.blame(`it is not complete: ${JSON.stringify(summary, undefined, 1)}`);
      return;
    }
    this.#doing = 'the end';
    const folders = await this.#mailbox.look();
    for (const what of isComplete(this.#mailbox, folders.values(), this.#seen)) this.blame(what);
    for (const { folder, listed } of summary.sources.flatMap((source) => source.folders)) {
      const there = folders.get(folder)?.uids.size;
      const stays = this.#schedule.completion === 'leave' || this.#schedule.completion === 'seen';
      if (stays && there !== listed) this.blame(`${folder} has ${there} messages, the summary tells of ${listed} listed`);
    }
    await this.#proveMoved();
    const head = this.#seen.rows.length;
    this.#doing = 'a run that has nothing to do';
    await this.#run(undisturbed);
    const noted = this.#seen.rows.slice(head).filter((row) => row.state !== 'quarantined');
    if (noted.length > 0) this.blame(`it brought ${noted.length} rows`);
    await this.#verify();
    if (this.#schedule.seed % reconcileEvery !== 0) return;
    this.#doing = 'import reconcile';
    const config = join(this.#folder, 'postern.yaml');
    for (const what of await reconcileWrongs(config, this.#ground.sandbox.clientSecret, (await this.#mailbox.look()).values()))
      this.blame(what);
    this.#count('reconciled');
  }

  /** Over POP3 a message that comes late is in no list of the sessions before: nobody can miss it, and each login brings it nearer. */
  #hidesFromLists(): boolean {
    return this.#schedule.protocol === 'pop3' && this.#mailbox.hadHiddenUids;
  }

  /** What was moved lies where it was moved to, as often as it was moved. */
  async #proveMoved(): Promise<void> {
    if (this.#schedule.completion !== 'move') return;
    const there = [...(await this.#mailbox.moved(moveTarget))];
    for (const { name, id, sha256 } of this.#mailbox.taken) {
      const at = there.indexOf(sha256);
      if (at < 0) this.blame(`${name}, ${id} (${sha256}) is gone, and not in ${moveTarget}`);
      else there.splice(at, 1);
    }
  }

  async #verify(): Promise<void> {
    this.#doing = 'archive verify';
    const archive = await openArchive(join(this.#folder, 'data'), systemClock);
    try {
      const { findings, orphans } = await archive.verify();
      if (findings.length > 0) this.blame(JSON.stringify(findings));
      if (orphans > 0) this.#count('orphans');
      const { lag, messages } = await archive.stats();
      if (lag > 0) this.blame(`${lag} messages are not derived after a complete run`);
      if (messages !== this.#seen.messages.length)
        this.blame(`stats tell of ${messages} messages, there are ${this.#seen.messages.length}`);
    } finally {
      await archive.close();
    }
  }

  #count(what: string): void {
    this.#struck[what] = (this.#struck[what] ?? 0) + 1;
  }
}

/** The program's JSON says the same as the summary of a run inside, for what is looked at here. */
function readSummary(out: string): RunSummary | undefined {
  const said = JSON.parse(out);
  return 'sources' in said ? said : undefined;
}
