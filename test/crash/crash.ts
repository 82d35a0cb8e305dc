/**
 * Kills the import at random moments until it has died often enough, and proves after each death that nothing was lost or counted twice.
 *
 * The hard thing is that the kills must hit. Each run goes on where the last one died, so an archive is soon complete and a further kill
 * would prove nothing: then a fresh one is begun, and a kill counts only if it left the archive incomplete. Where each one hit is told.
 * In every other round a second process reads the archive all the while.
 *
 * crash.ts [--kills 100] [--messages 2000] [--seed N] [--length MS]; the seed gives the moments as parts of the length of an undisturbed
 * run, which is measured first unless it is given.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Chance, chanceOf } from './chance.ts';
import { proveComplete, verify } from './complete.ts';
import { look, type Seen } from './look.ts';
import { type ArchivePlace, importOnce, type Place, startPlace } from './place.ts';

export interface CrashOptions {
  readonly kills: number;
  readonly messages: number;
  /** Fixes the mail and the moments of the kills. */
  readonly seed: number;
  /** How long an undisturbed run takes, milliseconds. Measured when it is not given. */
  readonly lengthMs?: number;
  readonly say: (line: string) => void;
}

export const phases = ['before anything new was durable', 'while messages came in', 'while the rest was derived'] as const;
export type Phase = (typeof phases)[number];

export interface Kill {
  readonly phase: Phase;
  readonly afterMs: number;
  readonly seen: Seen;
}

export interface CrashSummary {
  readonly lengthMs: number;
  readonly kills: readonly Kill[];
  /** Archives that were begun. Each was complete in the end. */
  readonly rounds: number;
  /** Runs that a kill found with everything done, or that ended before it came; they prove no kill. */
  readonly tooLate: number;
  /** Looks of the readers beside. */
  readonly looks: number;
}

/** After so many kills `archive verify` looks too: it opens as any reader does and so tidies what the kill left. */
const verifyEvery = 10;
/** So many kills in a row by which an archive did not grow, and it is let run to its end: on a busy machine it may not get any further. */
const fruitlessKills = 5;
/** From so many kills on, a phase that none of them hit is a fault of the schedule. */
const killsForAllPhases = 50;

/** @throws AssertionError; then the folder is kept, and the message names it */
export async function crash(options: CrashOptions): Promise<CrashSummary> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-crash-'));
  try {
    const place = await startPlace(folder, options.messages, options.seed);
    const summary = await new Crash(place, options).run().finally(() => place.close());
    rmSync(folder, { recursive: true, force: true });
    return summary;
  } catch (error) {
    throw new Error(`crash test with --seed ${options.seed}: ${error instanceof Error ? error.message : error}\nkept: ${folder}`, {
      cause: error,
    });
  }
}

class Crash {
  readonly #place: Place;
  readonly #options: CrashOptions;
  readonly #chance: Chance;
  readonly #kills: Kill[] = [];
  #lengthMs = 0;
  #rounds = 0;
  #tooLate = 0;
  #looks = 0;

  constructor(place: Place, options: CrashOptions) {
    this.#place = place;
    this.#options = options;
    this.#chance = chanceOf(options.seed);
  }

  async run(): Promise<CrashSummary> {
    await this.#undisturbed();
    while (this.#kills.length < this.#options.kills) await this.#round();
    return {
      lengthMs: this.#lengthMs,
      kills: this.#kills,
      rounds: this.#rounds,
      tooLate: this.#tooLate,
      looks: this.#looks,
    };
  }

  /** The shortest of three: the first also fills the cache of compiled code, which all later runs find. */
  async #undisturbed(): Promise<void> {
    const durations: number[] = [];
    for (const name of ['undisturbed-1', 'undisturbed-2', 'undisturbed-3']) {
      const archive = this.#place.archive(name);
      const ran = await importOnce(this.#place, archive);
      assert.equal(ran.code, 0, `an undisturbed import: ${ran.talk}`);
      durations.push(ran.durationMs);
      rmSync(archive.dataFolder, { recursive: true });
    }
    this.#lengthMs = this.#options.lengthMs ?? Math.ceil(Math.min(...durations));
    this.#options.say(`an undisturbed run takes ${this.#lengthMs} ms`);
  }

  /** One archive from empty to complete, killed on the way as often as it goes. */
  async #round(): Promise<void> {
    this.#rounds += 1;
    const archive = this.#place.archive(`round-${this.#rounds}`);
    const reader = this.#rounds % 2 === 0 ? startReader(archive) : undefined;
    try {
      let seen = look(archive.dataFolder, this.#place.messages);
      let fruitless = 0;
      while (this.#kills.length < this.#options.kills && !this.#isComplete(seen) && fruitless < fruitlessKills) {
        const next = await this.#runAndKill(archive, seen);
        if (next === undefined) break;
        fruitless = next.rows === seen.rows && next.lag === seen.lag ? fruitless + 1 : 0;
        seen = next;
      }
      // Also after a run that ended by itself before its kill: then this one must find nothing left to do.
      await proveComplete(this.#place, archive, await importOnce(this.#place, archive));
    } finally {
      const said = await reader?.end();
      this.#looks += said?.looks ?? 0;
    }
    rmSync(archive.dataFolder, { recursive: true });
  }

  /** What the kill left; undefined where the run ended before it. */
  async #runAndKill(archive: ArchivePlace, before: Seen): Promise<Seen | undefined> {
    const afterMs = Math.floor(this.#chance.next() * this.#lengthMs);
    const ran = await importOnce(this.#place, archive, afterMs);
    if (ran.signal !== 'SIGKILL') {
      assert.equal(ran.code, 0, `an import that went on where a kill had stopped another: ${ran.talk}`);
      this.#tooLate += 1;
      return undefined;
    }
    const seen = look(archive.dataFolder, this.#place.messages);
    assert.ok(seen.rows >= before.rows && seen.messages - seen.lag >= before.messages - before.lag, 'what was durable stays');
    const phase = this.#phase(before, seen);
    if (phase === undefined) {
      this.#tooLate += 1;
      return seen;
    }
    this.#kills.push({ phase, afterMs, seen });
    const number = this.#kills.length;
    this.#options.say(
      `kill ${String(number).padStart(3)}, archive ${this.#rounds}, after ${String(afterMs).padStart(5)} ms: ` +
        `${seen.rows} rows (${seen.rows - before.rows} new), ${seen.lag} not derived, ${seen.incoming} large on the way: ${phase}`,
    );
    if (seen.rows > 0 && (number % verifyEvery === 0 || number === this.#options.kills)) await verify(this.#place, archive);
    return seen;
  }

  #phase(before: Seen, seen: Seen): Phase | undefined {
    if (this.#isComplete(seen)) return undefined;
    if (seen.rows === this.#place.messages.length) return 'while the rest was derived';
    return seen.rows === before.rows ? 'before anything new was durable' : 'while messages came in';
  }

  #isComplete(seen: Seen): boolean {
    return seen.rows === this.#place.messages.length && seen.lag === 0;
  }
}

interface Reader {
  /** Ends it. @throws AssertionError where it saw what may not be */
  end(): Promise<{ readonly looks: number }>;
}

function startReader({ dataFolder }: ArchivePlace): Reader {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'reader.ts'), dataFolder],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let out = '';
  let talk = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    talk += text;
  });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  return {
    async end() {
      child.stdin?.on('error', () => undefined).end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const code = await ended.finally(() => clearTimeout(timer));
      assert.equal(code, 0, `the reader beside: ${talk}`);
      return JSON.parse(out);
    },
  };
}

/** How many kills hit which phase, and what they met. */
export function hits(kills: readonly Kill[]): string {
  const parts = phases.map((phase) => `${kills.filter((kill) => kill.phase === phase).length} ${phase}`);
  const lagging = kills.filter(({ seen }) => seen.lag > 0).length;
  const cutOff = kills.filter(({ seen }) => seen.incoming > 0).length;
  return `${parts.join(', ')}; ${lagging} left messages not derived, ${cutOff} cut a large body off`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      messages: { type: 'string', default: '2000' },
      seed: { type: 'string', default: String(randomInt(1, 1_000_000)) },
      length: { type: 'string' },
    },
  });
  const number = (text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`a whole number was expected, not ${text}`);
    return Number(text);
  };
  const seed = number(values.seed);
  const startedAt = performance.now();
  process.stdout.write(`--seed ${seed}\n`);
  const kills = number(values.kills);
  const summary = await crash({
    kills,
    messages: number(values.messages),
    seed,
    ...(values.length === undefined ? {} : { lengthMs: number(values.length) }),
    say: (line) => process.stdout.write(`${line}\n`),
  });
  const missed = phases.filter((phase) => !summary.kills.some((kill) => kill.phase === phase));
  if (kills >= killsForAllPhases && missed.length > 0) throw new Error(`no kill hit ${missed.join(' nor ')}: nothing is shown of it`);
  process.stdout.write(
    `\n${summary.kills.length} kills: ${hits(summary.kills)}.\n` +
      `${summary.rounds} archives of ${values.messages} messages, ${summary.tooLate} runs were done before the kill, ` +
      `${summary.looks} looks of readers beside, ${Math.round((performance.now() - startedAt) / 1000)} s.\n` +
      `Nothing missing, nothing twice, every archive verified. Again: --seed ${seed} --length ${summary.lengthMs}\n`,
  );
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  });
}
