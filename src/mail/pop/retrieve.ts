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
  /** Only the header and so many lines of the body (TOP), instead of the whole message. */
  readonly lines?: number;
}

/**
 * Enough that a server far away never waits for us: at 40 ms and 20 KB a message 16 would mean 8 MB a second, this is 120. The commands
 * are 3 KB, which the sockets between hold, so that writing them never waits for a server that is itself waiting for us to read.
 */
const mostInFlight = 256;

/**
 * Yields one message for each number, in that order, with no other round trip. Leaving early (`break`, `return`, a throw in the loop)
 * closes the connection: what is on its way cannot be called back.
 * @param numbers drawn as the connection gets to them
 * @throws Fault `pop.throttled` when what was asked for before has come, where a later one is to be waited for; the session stays usable
 * @throws Fault of what ended the session, or of another refusal that concerns more than one message; it is then closed
 */
export async function* retrieveMessages(
  session: PopSession,
  numbers: Iterable<number>,
  { inFlight = mostInFlight, lines }: RetrieveOptions = {},
): AsyncGenerator<RetrievedMessage, void, void> {
  const most = session.pipelines ? Math.max(1, inFlight) : 1;
  const command = (number: number): string => (lines === undefined ? retr(number) : top(number, lines));
  const waiting = numbers[Symbol.iterator]();
  const sent: number[] = [];
  let throttled: Fault | undefined;
  let done = false;
  try {
    for (;;) {
      const mostAhead = Math.min(most, session.window);
      // Commands go out in batches: one packet for half of them instead of one for each.
      if (throttled === undefined && sent.length <= mostAhead / 2) await sendNext(session, waiting, sent, mostAhead, command);
      const number = sent.shift();
      if (number === undefined) break;
      const answer = await session.status(session.limits.commandTimeoutMs);
      if (answer.ok) {
        const body = session.arriving();
        yield { number, body, refusal: undefined };
        await body.passOver();
        if (throttled === undefined) session.window = Math.min(mostInFlight, session.window + 1);
        continue;
      }
      const refusal = session.refused(answer, command(number));
      // What is in flight is answered all the same, by refusals too for the most part: the pause begins behind it.
      if (isFault(refusal, 'pop.throttled')) {
        throttled ??= refusal;
        session.window = 1;
      } else if (isFault(refusal, 'pop.refused')) yield { number, body: undefined, refusal };
      else throw refusal;
    }
    done = true;
  } finally {
    if (!done) session.close();
  }
  if (throttled !== undefined) throw throttled;
}

async function sendNext(
  session: PopSession,
  waiting: Iterator<number>,
  sent: number[],
  mostAhead: number,
  command: (number: number) => string,
): Promise<void> {
  const commands: string[] = [];
  while (sent.length < mostAhead) {
    const next = waiting.next();
    if (next.done) break;
    commands.push(command(next.value));
    sent.push(next.value);
  }
  if (commands.length > 0) await session.send(commands, 'message');
}

/** @throws Error for what is no message number. */
export function retr(number: number): string {
  return `RETR ${messageNumber(number)}`;
}

/** @throws Error for what is no message number. */
export function top(number: number, lines: number): string {
  return `TOP ${messageNumber(number)} ${lines}`;
}

/** @throws Error for what is no message number. */
export function dele(number: number): string {
  return `DELE ${messageNumber(number)}`;
}

/** RFC 1939 §3: numbers from 1 on. */
function messageNumber(number: number): number {
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`not a message number: ${number}`);
  return number;
}
