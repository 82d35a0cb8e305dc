/**
 * Many messages by number, their bodies streamed, several commands in flight where the server has PIPELINING. RFC 2449 §6.6.
 *
 * The hard thing: one stream carries everything. The next message comes only after this one has been read or passed over; and a
 * refused message is no reason to lose the others that were asked for already.
 */
import { type Fault, isFault } from '../../fault/fault.ts';
import type { PopSession } from './session.ts';

export interface RetrievedMessage {
  readonly number: number;
  /** To be read before the next message is asked for; what is left unread is skipped. Undefined: the server refused this message. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Why there is no body: `pop.refused`. */
  readonly refusal: Fault | undefined;
}

export interface RetrieveOptions {
  /** Commands sent ahead of their answers, where the server has PIPELINING. */
  readonly inFlight?: number;
}

/** Enough that a server on the other side of the world never waits for us; small against any server's input buffer. */
const defaultInFlight = 16;

/**
 * Yields one message for each number, in that order, with no other round trip. Leaving early (`break`, `return`, a throw in the loop)
 * closes the connection: what is on its way cannot be called back.
 * @throws Fault of what ended the session, or of a refusal that concerns more than one message (`pop.throttled` …); it is then closed.
 */
export async function* retrieveMessages(
  session: PopSession,
  numbers: Iterable<number>,
  { inFlight = defaultInFlight }: RetrieveOptions = {},
): AsyncGenerator<RetrievedMessage, void, void> {
  const mostAhead = session.capabilities?.has('PIPELINING') ? Math.max(1, inFlight) : 1;
  const waiting = numbers[Symbol.iterator]();
  const sent: number[] = [];
  let done = false;
  try {
    for (;;) {
      // Commands go out in batches: one packet for half of them instead of one for each.
      if (sent.length <= mostAhead / 2) await sendNext(session, waiting, sent, mostAhead);
      const number = sent.shift();
      if (number === undefined) break;
      const answer = await session.status(session.limits.commandTimeoutMs);
      if (answer.ok) {
        const body = session.arriving();
        yield { number, body, refusal: undefined };
        await body.passOver();
      } else {
        const refusal = session.refused(answer, retr(number));
        if (!isFault(refusal, 'pop.refused')) throw refusal;
        yield { number, body: undefined, refusal };
      }
    }
    done = true;
  } finally {
    if (!done) session.close();
  }
}

async function sendNext(session: PopSession, waiting: Iterator<number>, sent: number[], mostAhead: number): Promise<void> {
  const commands: string[] = [];
  while (sent.length < mostAhead) {
    const next = waiting.next();
    if (next.done) break;
    commands.push(retr(next.value));
    sent.push(next.value);
  }
  if (commands.length > 0) await session.send(commands, 'message');
}

/** @throws Error for what is no message number. */
export function retr(number: number): string {
  return `RETR ${messageNumber(number)}`;
}

/** RFC 1939 §3: numbers from 1 on. */
export function messageNumber(number: number): number {
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`not a message number: ${number}`);
  return number;
}
