/**
 * What the server lists of one folder, asked for as briefly as is safe.
 *
 * The hard thing: a list of a million UIDs at each look is far too much, and a look that asks for less can miss something. So a look is
 * brief only behind one at which everything agreed (counted = listed = settled), and only as long as the count still fits; anything odd,
 * and every quarter of an hour, brings the full comparison.
 */
import type { OpenFolder } from './mailbox.ts';
import { type PausePorts, patiently } from './patience.ts';

/** A message whose UID comes late, below others, behind another's removal, is seen no later than this. */
const fullEveryMs = 15 * 60_000;

/** M365 (assumed): a message is counted a moment before it is listed, or listed before it can be fetched. Waits in between, milliseconds. */
export const lateUidWaitsMs = [500, 2_000];

/** A look at which the server counted what it listed, and all of that was settled. */
interface Agreement {
  readonly exists: number;
  /** No message that comes later has a lower UID (RFC 9051 §2.3.1.1). */
  readonly next: number;
  /** When the last full comparison was made, by the monotonic clock. */
  readonly fullAtMs: number;
}

export class Listing {
  readonly #source: string;
  readonly #ports: PausePorts;
  #agreement: Agreement | undefined;
  #fullAtMs = 0;
  /** UIDs below this are known by their number only: the last agreement vouches for them. */
  #from = 1;
  #below = 0;
  #uids: readonly number[] = [];
  #unlisted = 0;

  constructor(source: string, ports: PausePorts) {
    this.#source = source;
    this.#ports = ports;
  }

  /** What was listed last, ascending; without those that an agreement vouches for. */
  get uids(): readonly number[] {
    return this.#uids;
  }

  /** All UIDs below it are settled, and not in `uids`. */
  get from(): number {
    return this.#from;
  }

  /** Messages in the folder as far as they were listed. */
  get count(): number {
    return this.#below + this.#uids.length;
  }

  /** Messages that the server counted before it was asked for the list, and did not list. */
  get unlisted(): number {
    return this.#unlisted;
  }

  /** Another era, or something odd: the next look is a full one. */
  forget(): void {
    this.#agreement = undefined;
  }

  /**
   * Looks at the folder.
   * @param news whether the server told of a change since the last look; undefined where the folder has just been opened
   * @returns false where nothing has changed since everything agreed: there is nothing to do
   * @throws Fault
   */
  async look(opened: OpenFolder, news: boolean | undefined): Promise<boolean> {
    const agreed = this.#agreement;
    this.#agreement = undefined;
    if (agreed === undefined || this.#ports.clock.monotonic() - agreed.fullAtMs >= fullEveryMs) {
      await this.#lookAtAll(opened);
      return true;
    }
    if (opened.exists === agreed.exists && (news === false || (news === undefined && opened.uidNext === agreed.next))) {
      this.#agreement = agreed;
      return false;
    }
    [this.#from, this.#below] = [agreed.next, agreed.exists];
    await this.#listAnnounced(opened);
    // Something was removed, or came with a UID that is no new one: only the whole list shows what.
    if (opened.exists !== this.count) await this.#lookAtAll(opened);
    return true;
  }

  /** Asks again for what was asked for at the last look, and once more while the server counts more than it lists. @throws Fault */
  async announced(opened: OpenFolder): Promise<void> {
    await this.#listAnnounced(opened);
    if (this.#from > 1 && opened.exists !== this.count) await this.#lookAtAll(opened);
  }

  /** What the server lists now, in the reach of the last look. @throws Fault */
  list(opened: OpenFolder): Promise<readonly number[]> {
    return patiently(this.#source, this.#ports, () => opened.list(this.#from));
  }

  /** Leaves out those that are gone. */
  keep(isThere: (uid: number) => boolean): void {
    this.#uids = this.#uids.filter(isThere);
  }

  /** Everything listed is settled. Remembered where the server counts the same. */
  settled(opened: OpenFolder): void {
    if (opened.exists !== this.count) return;
    const next = Math.max(opened.uidNext ?? 1, (this.#uids.at(-1) ?? 0) + 1, this.#from);
    this.#agreement = { exists: opened.exists, next, fullAtMs: this.#fullAtMs };
  }

  /** Lets go of the UIDs where an agreement vouches for them. @returns whether it did */
  shrink(): boolean {
    if (this.#agreement === undefined) return false;
    [this.#from, this.#below, this.#uids] = [this.#agreement.next, this.#agreement.exists, []];
    return true;
  }

  async #lookAtAll(opened: OpenFolder): Promise<void> {
    [this.#from, this.#below] = [1, 0];
    this.#fullAtMs = this.#ports.clock.monotonic();
    await this.#listAnnounced(opened);
  }

  async #again(opened: OpenFolder): Promise<void> {
    const counted = opened.exists;
    this.#uids = await this.list(opened);
    this.#unlisted = Math.max(0, counted - this.count);
  }

  async #listAnnounced(opened: OpenFolder): Promise<void> {
    await this.#again(opened);
    for (const waitMs of lateUidWaitsMs) {
      if (this.#unlisted === 0) return;
      // RFC 9051 §7.5.1: a removal need not be told with the answer to a search; a NOOP is the occasion for it.
      await patiently(this.#source, this.#ports, () => opened.changed());
      this.#unlisted = Math.max(0, opened.exists - this.count);
      if (this.#unlisted === 0) return;
      await this.#ports.clock.sleep(waitMs, this.#ports.signal);
      await this.#again(opened);
    }
  }
}
