/**
 * A schedule: what lies in a mailbox, and what happens to it, to the way to it and to the import while the import runs. Made from a
 * seed and nothing else, as plain data, so that the same seed schedules the same.
 *
 * The hard thing is to hit. Most of a run is over within some hundred kilobytes, so moments are drawn as parts of what the mailbox
 * weighs, and small numbers of bytes as often as large ones: within the login, within the list, within a body. What is scheduled is
 * repeatable; how the operating system shares out its time among threads and processes is not.
 */

import type { Mishap } from '../contract/places/door.ts';
import { type Chance, chanceOf } from '../crash/chance.ts';

/** A message is made from the schedule's seed and its number. */
export interface Letter {
  readonly number: number;
  readonly sizeBytes: number;
  /** Has the very bytes of this other one. */
  readonly twinOf?: number;
}

export interface Delivery {
  readonly folder: string;
  readonly letter: Letter;
  /** INTERNALDATE, days before today. */
  readonly daysAgo: number;
}

export type Act =
  | { readonly does: 'deliver'; readonly deliveries: readonly Delivery[] }
  /** Somebody else deletes a message. `where` chooses it: 0 the oldest, 1 the newest. */
  | { readonly does: 'remove'; readonly folder: string; readonly where: number }
  | { readonly does: 'renumber'; readonly folder: string }
  | { readonly does: 'rename'; readonly folder: string }
  | { readonly does: 'scenario'; readonly name: string; readonly on: boolean }
  /** The healthy app's endpoint answers this way so many times. */
  | {
      readonly does: 'token-endpoint';
      readonly kind: 'too-many-requests' | 'unavailable' | 'captive-portal' | 'cut';
      readonly times: number;
    }
  | { readonly does: 'expire-tokens' }
  /** The server's clock goes so much ahead of the client's: the same as a jump of the client's clock back. */
  | { readonly does: 'clock'; readonly seconds: number }
  | { readonly does: 'strike'; readonly mishap: Mishap['does'] }
  | { readonly does: 'cut-at-server' }
  | { readonly does: 'disk'; readonly full: boolean }
  | { readonly does: 'interrupt' }
  | { readonly does: 'kill' };

/** When something is done in a run: once the server has sent so much (and so long after that), or so long after the start. */
export type When = { readonly atBytes: number; readonly thenMs?: number } | { readonly afterMs: number };

export interface Moment {
  readonly when: When;
  readonly act: Act;
}

export interface Run {
  /** `inside`: in this process, and waits between two attempts are skipped. `listening`: the same, but it goes on. `program`: `postern import run`. */
  readonly way: 'inside' | 'listening' | 'program';
  readonly before: readonly Act[];
  readonly moments: readonly Moment[];
  /** By connection of this run; those behind the last have none. */
  readonly mishaps: readonly (Mishap | undefined)[];
}

export type Protocol = 'imap' | 'pop3';
/** What the import does with a message on the server once it is durable. */
export type Completion = 'leave' | 'seen' | 'move' | 'delete';

export interface Schedule {
  readonly seed: number;
  readonly protocol: Protocol;
  readonly completion: Completion;
  readonly folders: readonly string[];
  readonly initial: readonly Delivery[];
  /** The archive lies on a disk of a few megabytes of its own, where the machine allows that. */
  readonly smallDisk: boolean;
  /** The way from the server takes so long. */
  readonly delayMs: number;
  readonly runs: readonly Run[];
}

export interface Wish {
  /** Part of the runs that are the program itself, which can be killed. 0 to 1. */
  readonly programs: number;
  /** Instead of what the seed would draw. */
  readonly protocol?: Protocol;
  readonly completion?: Completion;
}

const otherFolders = ['Archive', 'Journal', 'Project X/Ärger & Söhne', 'Deep/Down/Here'];

/** Scenarios of the sandbox by mailbox that pass, or that leave at least some mail to be had. */
export const scenarios = [
  'busy-then-connected',
  'too-many-sessions',
  'throttled',
  'expires',
  'drops',
  'empty-fetch',
  'substitute',
  'late-uid',
  'uidvalidity-changes',
  'server-unavailable',
  'wrong-size',
  'no-grant',
  'imap-off',
] as const;

const hourSeconds = 3_600;

export function makeSchedule(seed: number, wish: Wish): Schedule {
  return new Maker(chanceOf(seed), wish).make(seed);
}

class Maker {
  readonly #chance: Chance;
  readonly #wish: Wish;
  #letters: Letter[] = [];
  #folders: string[] = [];
  /** What a run will have to fetch, about. */
  #freshBytes = 0;
  #smallDisk = false;
  /** Scenarios that are on, as far as the acts that were made go. */
  readonly #on = new Set<string>();

  constructor(chance: Chance, wish: Wish) {
    this.#chance = chance;
    this.#wish = wish;
  }

  make(seed: number): Schedule {
    const chance = this.#chance;
    const drawn = { protocol: chance.next() < 0.3 ? ('pop3' as const) : ('imap' as const), completion: this.#completion(chance.next()) };
    const { protocol = drawn.protocol } = this.#wish;
    const wanted = this.#wish.completion ?? drawn.completion;
    // POP3 can neither mark nor move.
    const completion = protocol === 'pop3' && wanted !== 'delete' ? 'leave' : wanted;
    const others = otherFolders.filter(() => chance.next() < 0.3);
    this.#folders = ['INBOX', ...(protocol === 'pop3' ? [] : others)];
    this.#smallDisk = chance.next() < 0.06;
    const initial = this.#deliveries(chance.between(5, 60), chance.next() < 0.2);
    const runs = Array.from({ length: chance.between(2, 6) }, (_, index) => this.#run(index === 0));
    const delayMs = chance.next() < 0.1 ? chance.between(1, 4) : 0;
    return { seed, protocol, completion, folders: this.#folders, initial, smallDisk: this.#smallDisk, delayMs, runs };
  }

  #completion(drawn: number): Completion {
    if (drawn < 0.55) return 'leave';
    return drawn < 0.65 ? 'seen' : drawn < 0.8 ? 'move' : 'delete';
  }

  #deliveries(count: number, withLarge: boolean): Delivery[] {
    const large = withLarge ? this.#chance.between(0, count - 1) : -1;
    return Array.from({ length: count }, (_, index) => ({
      folder: this.#folder(),
      letter: this.#letter(index === large),
      daysAgo: this.#chance.next() < 0.5 ? 0 : this.#chance.between(1, 5),
    }));
  }

  #letter(isLarge: boolean): Letter {
    const chance = this.#chance;
    const number = this.#letters.length + 1;
    const twin = chance.next() < 0.12 ? this.#letters[chance.between(0, this.#letters.length - 1)] : undefined;
    const drawn = chance.next();
    const sizeBytes = isLarge
      ? chance.between(300_000, 900_000)
      : drawn < 0.03
        ? 0
        : Math.round(400 * Math.exp(1.2 * Math.abs(chance.normal())));
    const letter = twin === undefined ? { number, sizeBytes } : { ...twin, number, twinOf: twin.twinOf ?? twin.number };
    this.#letters.push(letter);
    this.#freshBytes += letter.sizeBytes + 300;
    return letter;
  }

  #folder(): string {
    // Most mail lies in INBOX, as people have it.
    return this.#chance.next() < 0.6 ? 'INBOX' : this.#pick(this.#folders);
  }

  #run(isFirst: boolean): Run {
    const chance = this.#chance;
    const drawn = chance.next();
    const way = drawn < this.#wish.programs ? 'program' : drawn > 0.9 ? 'listening' : 'inside';
    const before = [...(isFirst ? [] : this.#some(3, () => this.#serverAct())), ...this.#scenarioActs()];
    const isKilled = way === 'program' && chance.next() < 0.8;
    // A kill shows little where nothing is on its way.
    if (isKilled && !isFirst) before.unshift({ does: 'deliver', deliveries: this.#deliveries(chance.between(5, 25), chance.next() < 0.2) });
    const killed = isKilled ? [{ when: this.#whenToKill(), act: { does: 'kill' as const } }] : [];
    const moments = this.#some(3, () => ({ when: this.#when(), act: this.#actDuring() }));
    const mishaps = this.#some(chance.next() < 0.4 ? 0 : 5, () => (chance.next() < 0.25 ? undefined : this.#mishap()));
    // Part of it will be left for the next one.
    this.#freshBytes *= 0.3;
    return { way, before, moments: [...moments, ...killed], mishaps };
  }

  /** What is wrong with the mailbox from here on: most of what was is over soon. */
  #scenarioActs(): Act[] {
    const over = [...this.#on].filter(() => this.#chance.next() < 0.7).map((name) => this.#scenario(name, false));
    return this.#chance.next() < 0.4 ? [...over, this.#someScenario()] : over;
  }

  /** One that comes on beside those that are. */
  #someScenario(): Act {
    return this.#scenario(this.#pick(scenarios), true);
  }

  #scenario(name: string, on: boolean): Act {
    if (on) this.#on.add(name);
    else this.#on.delete(name);
    return { does: 'scenario', name, on };
  }

  /** What others do to the mailbox. */
  #serverAct(): Act {
    const chance = this.#chance;
    const drawn = chance.next();
    if (drawn < 0.4) return { does: 'deliver', deliveries: this.#deliveries(chance.between(1, 8), chance.next() < 0.05) };
    if (drawn < 0.65) return { does: 'remove', folder: this.#folder(), where: chance.next() };
    if (drawn < 0.85) return { does: 'renumber', folder: this.#folder() };
    return { does: 'rename', folder: this.#pick(this.#folders) };
  }

  #actDuring(): Act {
    const chance = this.#chance;
    const drawn = chance.next();
    if (this.#smallDisk && drawn > 0.6) return { does: 'disk', full: chance.next() < 0.6 };
    if (drawn < 0.5) return this.#serverAct();
    if (drawn < 0.6) return this.#someScenario();
    if (drawn < 0.66) return { does: 'expire-tokens' };
    if (drawn < 0.72) {
      return {
        does: 'token-endpoint',
        kind: this.#pick(['too-many-requests', 'unavailable', 'captive-portal', 'cut']),
        times: chance.between(1, 3),
      };
    }
    if (drawn < 0.78) return { does: 'clock', seconds: chance.between(-2 * hourSeconds, 2 * hourSeconds) };
    if (drawn < 0.84) return { does: 'strike', mishap: this.#pick(['cut', 'reset']) };
    if (drawn < 0.9) return { does: 'cut-at-server' };
    return { does: 'interrupt' };
  }

  #when(): When {
    return { atBytes: this.#someBytes() };
  }

  /** Some by the clock, for what comes before the first byte; most behind bytes or a little later, for what is derived after the last one. */
  #whenToKill(): When {
    const chance = this.#chance;
    if (chance.next() < 0.2) return { afterMs: chance.between(150, 1_100) };
    return { atBytes: this.#someBytes(), thenMs: chance.next() < 0.4 ? 0 : Math.floor(10 ** (2.5 * chance.next())) };
  }

  #mishap(): Mishap {
    const chance = this.#chance;
    const drawn = chance.next();
    const does = drawn < 0.15 ? 'stall' : drawn < 0.55 ? 'reset' : 'cut';
    const isClient = chance.next() < 0.15;
    const isRecords = chance.next() < 0.3;
    return {
      does,
      afterBytes: isRecords ? chance.between(1, 40) : isClient ? Math.floor(10 ** (1 + 2.7 * chance.next())) : this.#someBytes(),
      ...(isClient ? { counts: 'client' as const } : {}),
      ...(isRecords ? { unit: 'records' as const } : {}),
      ...(does === 'stall' ? { forMs: chance.between(5, 80) } : {}),
    };
  }

  /** Up to a little more than there is to come. The first three kilobytes are the handshake of TLS and the login. */
  #someBytes(): number {
    const chance = this.#chance;
    const most = 6_000 + this.#freshBytes * 1.1;
    return Math.floor(chance.next() < 0.7 ? 3_000 + chance.next() * (most - 3_000) : 100 * (most / 100) ** chance.next());
  }

  #some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#chance.between(0, most) }, make);
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[this.#chance.between(0, from.length - 1)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  }
}
