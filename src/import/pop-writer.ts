/**
 * A POP3 mailbox to be changed: the writing port of mailbox.ts on our client. All that can be done is to remove messages. RFC 1939 §5 and §6.
 *
 * The hard thing is that DELE only marks and QUIT removes: until QUIT is answered nothing is certain, in either direction.
 */
import { Fault } from '../fault/fault.ts';
import type { MailEndpoint } from '../mail/endpoint.ts';
import { connectPop, type PopClient } from '../mail/pop/client.ts';
import type { PopLimits } from '../mail/pop/endpoint.ts';
import type { Clock } from '../runtime/clock.ts';
import { Door, type MailLogin } from './login.ts';
import type { ConnectWriter, MailboxWriter, WritableFolder } from './mailbox.ts';
import { goodbye, look, numbersOf, onlyInbox, type Snapshot } from './pop-look.ts';
import type { PopNumbers } from './pop-numbers.ts';

/**
 * A mailbox to be changed. It lists only messages that are certain to be those of a number in the archive: what the server names
 * ambiguously stays, and so does a number that another connection gives out at the same time.
 */
export function popWriter(
  endpoint: MailEndpoint,
  login: MailLogin,
  source: string,
  clock: Clock,
  limits: Partial<PopLimits> = {},
): ConnectWriter {
  const door = new Door(login, (signal) => connectPop(endpoint, { limits, signal }));
  return async (signal, book) => new PopWriter(await door.open(signal), door, () => numbersOf(source, book), clock);
}

class PopWriter implements MailboxWriter {
  readonly powers = { seen: false, move: false, remove: 'at-quit' } as const;
  readonly #client: PopClient;
  readonly #door: Door<PopClient>;
  readonly #numbers: () => Promise<PopNumbers>;
  readonly #clock: Clock;
  #snapshot: Snapshot | undefined;
  /** As the archive had them when this session looked. */
  #known: PopNumbers | undefined;
  #marked = 0;

  constructor(client: PopClient, door: Door<PopClient>, numbers: () => Promise<PopNumbers>, clock: Clock) {
    this.#client = client;
    this.#door = door;
    this.#numbers = numbers;
    this.#clock = clock;
  }

  async open(folder: string): Promise<WritableFolder> {
    onlyInbox(folder);
    const impossible = async (): Promise<never> => {
      throw new Error('POP3 can neither mark nor move a message; the configuration lets neither through');
    };
    return {
      uidValidity: 0,
      list: async () => [...(await this.#look()).messages.keys()],
      gone: (uids) => this.#gone(uids),
      setSeen: impossible,
      move: impossible,
      remove: (uids) => this.#remove(uids),
    };
  }

  async finish(): Promise<void> {
    try {
      await this.#door.watched(() => this.#client.quit());
    } catch (error) {
      if (this.#marked === 0) return;
      if (!(error instanceof Fault)) throw error; // such as the signal's reason: as unconfirmed as any other end
      throw new Fault('pop.removal-unconfirmed', { ...error.evidence, fault: error.code, marked: this.#marked }, { cause: error });
    }
  }

  /** Without QUIT: what was marked stays. RFC 1939 §6. */
  async close(): Promise<void> {
    if (this.#marked === 0) await goodbye(this.#client, this.#clock);
    else this.#client.close();
  }

  async #look(): Promise<Snapshot> {
    this.#snapshot ??= await this.#door.watched(async () => {
      this.#known = await this.#numbers();
      const numbers = this.#known;
      return await look(this.#client, (listed) => numbers.certain(listed));
    });
    return this.#snapshot;
  }

  /** A number that is not certain may stand for a message that is still there: only a name that is not listed at all is gone. */
  async #gone(uids: readonly number[]): Promise<readonly number[]> {
    const { uidls, counted } = await this.#look();
    if (uidls.length < counted) return []; // of some the server did not tell the name
    const listed = new Set(uidls);
    const names = this.#known?.uidlsOf(uids);
    return uids.filter((uid) => {
      const uidl = names?.get(uid);
      return uidl !== undefined && !listed.has(uidl);
    });
  }

  async #remove(uids: readonly number[]): Promise<void> {
    const { messages } = await this.#look();
    const present = uids.flatMap((uid) => messages.get(uid) ?? []);
    const refusals = await this.#door.watched(() => this.#client.removeAll(present.map(({ position }) => position)));
    this.#marked += present.length - refusals.size;
    const [refused] = refusals.values();
    if (refused === undefined) return;
    const left = present.filter(({ position }) => refusals.has(position)).map(({ number }) => number);
    throw new Fault(refused.code, { ...refused.evidence, uids: left.join(' ') }, { cause: refused });
  }
}
