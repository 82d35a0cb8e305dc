/**
 * Many messages by UID, their bodies streamed, several commands in flight. RFC 9051 §6.4.5 and §7.5.2, pipelining §5.5.
 *
 * The hard thing: one stream carries everything. A body's bytes are in front of all that follows, so the next message comes only
 * after this one has been read or passed over; attributes may stand behind the body; and answers that nobody asked for (FLAGS of other
 * messages, EXISTS, EXPUNGE) stand in between and must not be taken for messages.
 */
import type { Fault } from '../../fault/fault.ts';
import { type FetchItems, readInternalDate } from './responses.ts';
import { type UidSet, uidSets } from './sequence.ts';
import type { Session } from './session.ts';
import { BodyMark } from './values.ts';

export interface FetchOptions {
  /** UIDs asked for by one command. */
  readonly perCommand?: number;
  /** Commands sent ahead of their answers, so that the server never waits for a round trip. */
  readonly inFlight?: number;
  /** Aborting closes the connection: what is on its way cannot be called back. */
  readonly signal?: AbortSignal;
}

export interface MessageAttributes {
  readonly uid: number | undefined;
  readonly internalDate: Date | undefined;
  /** RFC822.SIZE as announced. M365 (doc): stored or estimated, it can differ from the bytes sent: never verify by it. */
  readonly announcedBytes: number | undefined;
  readonly flags: readonly string[];
}

/**
 * One message on its way. `body` must be read to its end before the next message is asked for; what is left unread is skipped.
 * The attributes are complete only then, because a server may send UID after BODY[]; until then they are empty.
 */
export interface FetchedMessage {
  /** Undefined: the server answered without a body (BODY[] NIL or absent). */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly attributes: () => MessageAttributes;
}

/** Few enough that connections which share one row of messages end at about the same time. */
const defaultPerCommand = 50;
const defaultInFlight = 8;
const wanted = '(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])';
/** Tag, verb and the items around the set of UIDs. */
const bytesAroundSet = 100;
const nothingYet: MessageAttributes = { uid: undefined, internalDate: undefined, announcedBytes: undefined, flags: [] };

/**
 * Yields in the order of arrival, with no other round trip. `uids` is drawn from as commands get free, so several connections may share one.
 *  Ends normally when every command ended with OK, also when some UIDs
 * brought nothing: the caller compares. A NO or BAD stops further commands; what the others in flight still bring is yielded, then the
 * fault is thrown, and the session stays usable. Leaving early (`break`, `return`, a throw in the loop) closes the connection.
 * @throws Fault of the refusal, or of what ended the session.
 */
export async function* fetchMessages(
  session: Session,
  uids: Iterable<number>,
  { perCommand = defaultPerCommand, inFlight = defaultInFlight, signal }: FetchOptions = {},
): AsyncGenerator<FetchedMessage, void, void> {
  const sets = drawnSets(uids, perCommand, session.limits.maxCommandBytes - bytesAroundSet);
  const running = new Set<string>();
  let refused: Fault | undefined;
  let done = false;
  try {
    for (;;) {
      while (refused === undefined && running.size < inFlight) {
        const set = sets.next().value;
        if (set === undefined) break;
        running.add(await session.send([`UID FETCH ${set.text} ${wanted}`]));
      }
      if (running.size === 0) break;
      const event = await session.event(session.limits.commandTimeoutMs, signal);
      if (event.kind === 'body' && isWhole(event.section)) {
        const message = new ArrivingMessage(session, signal);
        yield message;
        await message.passOver();
      } else if (event.kind === 'response') {
        const { response } = event;
        if (response.kind === 'fetch') {
          const message = messageInText(response);
          if (message !== undefined) yield message;
        } else if (response.kind === 'tagged' && running.delete(response.tag) && response.status !== 'OK') {
          refused ??= session.refused(response, 'UID FETCH');
        } else if (response.kind === 'continue') {
          throw session.unexpected('a continuation that nobody asked for', response.text);
        }
      }
    }
    done = true;
  } catch (error) {
    // M365 (doc): "not connected" and throttling are often followed by the end of the connection; the first word says why.
    throw refused ?? error;
  } finally {
    if (!done) session.close();
  }
  if (refused !== undefined) throw refused;
}

function* drawnSets(uids: Iterable<number>, perCommand: number, maxBytes: number): Generator<UidSet, void, void> {
  if (Array.isArray(uids)) return yield* uidSets(uids, perCommand, maxBytes);
  const row = uids[Symbol.iterator]();
  for (;;) {
    const drawn: number[] = [];
    while (drawn.length < perCommand) {
      const next = row.next();
      if (next.done === true) break;
      drawn.push(next.value);
    }
    if (drawn.length === 0) return;
    yield* uidSets(drawn, perCommand, maxBytes);
  }
}

/** A message whose body is just coming in; reads from the session, so it lives only until the next message. */
class ArrivingMessage implements FetchedMessage, AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #session: Session;
  readonly #signal: AbortSignal | undefined;
  #attributes = nothingYet;
  #complete = false;

  constructor(session: Session, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#signal = signal;
  }

  get body(): AsyncIterable<Uint8Array> {
    return this;
  }

  readonly attributes = (): MessageAttributes => this.#attributes;

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    let inBody = true;
    while (!this.#complete) {
      const event = await this.#session.event(this.#session.limits.stallTimeoutMs, this.#signal);
      if (event.kind === 'chunk' && inBody) return { done: false, value: event.bytes };
      // What follows belongs to the same answer: the rest of its attributes, perhaps other sections, whose bytes are not ours.
      if (event.kind === 'body-end') inBody = false;
      if (event.kind === 'response') {
        this.#complete = true;
        if (event.response.kind === 'fetch') this.#attributes = readAttributes(event.response);
      }
    }
    return { done: true, value: undefined };
  }

  async passOver(): Promise<void> {
    while (!(await this.next()).done);
  }
}

/** An answer without a literal for the body: a quoted one, NIL, or none. Undefined: no message but an update of flags. */
function messageInText(answer: FetchItems): FetchedMessage | undefined {
  const body = answer.items.get('BODY[]') ?? answer.items.get('RFC822');
  if (body instanceof BodyMark) return undefined;
  // RFC 9051 §7.5.2: a server may tell changed flags at any time; it does not tell date or size unasked.
  const asked =
    answer.items.has('BODY[]') || answer.items.has('RFC822') || answer.items.has('RFC822.SIZE') || answer.items.has('INTERNALDATE');
  if (!asked) return undefined;
  const attributes = readAttributes(answer);
  return { body: typeof body === 'string' ? inOneChunk(body) : undefined, attributes: () => attributes };
}

async function* inOneChunk(text: string): AsyncGenerator<Uint8Array, void, void> {
  if (text !== '') yield Buffer.from(text, 'latin1');
}

function isWhole(section: string): boolean {
  return section === 'BODY[]' || section === 'RFC822';
}

/** The attributes that a FETCH answer carries; absent ones are undefined. */
export function readAttributes({ items }: FetchItems): MessageAttributes {
  const flags = items.get('FLAGS');
  const date = items.get('INTERNALDATE');
  return {
    uid: number(items.get('UID')),
    internalDate: typeof date === 'string' ? readInternalDate(date) : undefined,
    announcedBytes: number(items.get('RFC822.SIZE')),
    flags: Array.isArray(flags) ? flags.filter((flag) => typeof flag === 'string') : [],
  };
}

function number(value: unknown): number | undefined {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
