/**
 * The property test of the import: thousands of random schedules (schedule.ts), each played against the sandbox (play.ts), after each
 * of which the promise of exactly once is held against the server's own list (invariant.ts).
 *
 * The hard thing is to be both many and repeatable. Schedules are dealt out to processes with a sandbox of their own, each schedule is
 * made from one number, and a failing one says the command that plays it again. What is scheduled is the same then; how the operating
 * system shares out its time is not, so a failure that hangs on that may need `--repeat`.
 *
 * chaos.ts [--schedules 2000] [--kills 1000] [--jobs 2] [--from SEED] [--seed SEED [--repeat N]] [--programs 0.3] [--protocol imap|pop3]
 * [--completion leave|seen|move|delete]; goes on past failures up to a few. What the last three do not fix is drawn from the seed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startGround } from './ground.ts';
import { type KillPhase, type Played, play } from './play.ts';
import { makeSchedule, type Wish } from './schedule.ts';

export interface ChaosOptions {
  readonly seeds: Iterable<number>;
  readonly wish: Wish;
  readonly onPlayed: (played: Played) => void;
}

/** Plays schedules one after the other on one ground. */
export async function chaos({ seeds, wish, onPlayed }: ChaosOptions): Promise<void> {
  const ground = await startGround();
  try {
    for (const seed of seeds) onPlayed(await play(ground, makeSchedule(seed, wish)));
  } finally {
    await ground.close();
  }
}

/** What a person needs to see it again. */
export function failureText({ seed, wrong, kept }: Played, wish: Wish): string {
  const words = Object.entries(wish).map(([key, value]) => ` --${key} ${value}`);
  const again = `node_modules/.bin/node test/chaos/chaos.ts --seed ${seed}${words.join('')}`;
  return `schedule ${seed} failed:\n${wrong.map((one) => `  ${one}\n`).join('')}  again: ${again}\n  kept: ${kept}\n`;
}

/** Failures after which the rest is not played. */
const enoughFailures = 10;
const standardPrograms = 0.3;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      schedules: { type: 'string', default: '2000' },
      kills: { type: 'string', default: '1000' },
      jobs: { type: 'string', default: '2' },
      from: { type: 'string', default: String(randomInt(1, 1_000_000_000)) },
      seed: { type: 'string' },
      repeat: { type: 'string', default: '1' },
      programs: { type: 'string', default: String(standardPrograms) },
      protocol: { type: 'string' },
      completion: { type: 'string' },
    },
  });
  const wish: Wish = {
    programs: Number(values.programs),
    ...(values.protocol === undefined ? {} : { protocol: oneOf(['imap', 'pop3'], values.protocol) }),
    ...(values.completion === undefined ? {} : { completion: oneOf(['leave', 'seen', 'move', 'delete'], values.completion) }),
  };
  if (process.send !== undefined) return await work(wish);
  const tally = new Tally(wish);
  if (values.seed !== undefined) {
    const seed = number(values.seed);
    process.stdout.write(`${JSON.stringify(makeSchedule(seed, wish), undefined, 1)}\n`);
    await chaos({ seeds: Array.from({ length: number(values.repeat) }, () => seed), wish, onPlayed: (played) => tally.add(played) });
  } else {
    // Whoever stops a run of an hour wants to know what it has come to.
    process.once('SIGINT', () => {
      process.stdout.write(`stopped\n${tally.text()}`);
      process.exit(130);
    });
    await dealOut(
      { from: number(values.from), schedules: number(values.schedules), kills: Number(values.kills), jobs: number(values.jobs) },
      tally,
    );
  }
  process.stdout.write(tally.text());
  if (tally.failures > 0) process.exitCode = 1;
}

interface Wanted {
  readonly from: number;
  readonly schedules: number;
  readonly kills: number;
  readonly jobs: number;
}

/** Until there were enough schedules and enough kills, or too many failures. */
async function dealOut({ from, schedules, kills, jobs }: Wanted, tally: Tally): Promise<void> {
  process.stdout.write(`--from ${from}\n`);
  const startedAt = performance.now();
  let next = from;
  const isWanted = (): boolean => tally.failures < enoughFailures && (next < from + schedules || tally.kills < kills);
  const deal = (worker: ChildProcess): void => {
    if (isWanted()) worker.send({ seed: next++ });
    else worker.disconnect();
  };
  const workers = Array.from({ length: jobs }, () => {
    const worker = fork(import.meta.filename, process.argv.slice(2), { stdio: 'inherit' });
    worker.on('message', (played: Played) => {
      tally.add(played);
      if (tally.schedules % 50 === 0)
        process.stdout.write(
          `${tally.schedules} schedules, ${tally.kills} kills, ${Math.round((performance.now() - startedAt) / 1000)} s\n`,
        );
      deal(worker);
    });
    deal(worker);
    return worker;
  });
  const codes = await Promise.all(workers.map((worker) => once(worker, 'exit')));
  if (codes.some(([code]) => code !== 0)) throw new Error('a worker ended badly');
}

/** The other side of {@link dealOut}: plays what it is told until nobody tells it more. */
async function work(wish: Wish): Promise<void> {
  const ground = await startGround();
  let turn = Promise.resolve();
  process.on('message', ({ seed }: { seed: number }) => {
    turn = turn.then(async () => {
      const played = await play(ground, makeSchedule(seed, wish));
      if (process.connected) process.send?.(played);
    });
  });
  await once(process, 'disconnect');
  await turn;
  await ground.close();
}

/** Sums up, and tells failures as they come. */
class Tally {
  schedules = 0;
  failures = 0;
  #runs = 0;
  #messages = 0;
  readonly #wish: Wish;
  readonly #kills = new Map<KillPhase, number>();
  readonly #struck = new Map<string, number>();
  readonly #startedAt = performance.now();

  constructor(wish: Wish) {
    this.#wish = wish;
  }

  get kills(): number {
    return [...this.#kills.values()].reduce((sum, one) => sum + one, 0);
  }

  add(played: Played): void {
    this.schedules += 1;
    this.#runs += played.runs;
    this.#messages += played.messages;
    for (const phase of played.kills) this.#kills.set(phase, (this.#kills.get(phase) ?? 0) + 1);
    for (const [what, times] of Object.entries(played.struck)) this.#struck.set(what, (this.#struck.get(what) ?? 0) + times);
    if (played.wrong.length === 0) return;
    this.failures += 1;
    process.stdout.write(failureText(played, this.#wish));
  }

  text(): string {
    const list = (map: ReadonlyMap<string, number>): string =>
      [...map]
        .sort(([, a], [, b]) => b - a)
        .map(([what, times]) => `  ${String(times).padStart(6)} ${what}\n`)
        .join('');
    return (
      `\n${this.schedules} schedules, ${this.#runs} runs, ${this.#messages} messages, ${Math.round((performance.now() - this.#startedAt) / 1000)} s.\n` +
      `${this.kills} kills:\n${list(this.#kills)}What happened:\n${list(this.#struck)}` +
      `${this.failures === 0 ? 'Nothing missing, nothing twice, nothing invented, every archive verified.' : `${this.failures} FAILED.`}\n`
    );
  }
}

function oneOf<T extends string>(known: readonly T[], word: string): T {
  const found = known.find((one) => one === word);
  if (found === undefined) throw new Error(`one of ${known.join(', ')} was expected, not ${word}`);
  return found;
}

function number(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`a whole number was expected, not ${text}`);
  return Number(text);
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  });
}
