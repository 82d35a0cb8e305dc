/** A session whose mail is taken into the queue: the dialogue, with what the proxy counts of it and how the proxy ends it. */
import type { ProxyConfig } from '../../config/config.ts';
import type { LoginAnswer } from '../login.ts';
import { senderRule } from '../senders.ts';
import { type Talk, TalkEnded } from '../talk.ts';
import type { Queue } from './queue.ts';
import { serveQueued } from './queued-dialogue.ts';

export interface QueuedParts {
  readonly config: () => ProxyConfig;
  readonly queue: Queue;
  readonly now: () => number;
  readonly onMessage: () => void;
}

/** It is ended after a day. */
const longestQueuedMs = 24 * 3_600_000;

/** Until the session has ended. */
export async function runQueued(
  { session, visit }: Extract<LoginAnswer, { kind: 'opened' }>,
  talk: Talk,
  { config, queue, now, onMessage }: QueuedParts,
): Promise<void> {
  const { client, mailbox, tenant } = session.facts;
  const stop = new AbortController();
  session.stop = (how) => (how === 'gently' ? stop.abort() : talk.close('421 4.3.2 Closing down, try again later\r\n'));
  // The dialogue keeps its own time.
  talk.arm(longestQueuedMs);
  try {
    await serveQueued({
      talk,
      client,
      mailbox,
      tenant,
      maySendAs: (address) => senderRule(mailbox, config().sendAs)(address),
      maxBytes: config().limits.messageBytes,
      signal: stop.signal,
      queue,
      onMessage: () => {
        session.doing.messages += 1;
        onMessage();
      },
      onBytes: (bytes) => {
        session.doing.bytesIn += bytes;
        session.doing.lastByteMs = now();
      },
      onAnswer: (bytes) => {
        session.doing.bytesOut += bytes;
      },
    });
    visit.ended('client-ended');
  } catch (error) {
    if (!(error instanceof TalkEnded)) throw error;
    visit.ended(error.reason === 'deadline' ? 'idle' : 'client-ended');
  }
}
