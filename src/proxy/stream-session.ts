/**
 * An IMAP or POP3 session after its login: bytes both ways, with an eye on what the server says.
 *
 * The hard thing is its end. M365 (doc): the session ends when its token does, about once an hour, with words of the server that the
 * application gets as they come; a new session needs a login, and the token for that is there already. It is not carried over to another
 * connection behind the application's back: message numbers, the open folder and what was announced of it belong to the connection.
 */
import type { Socket } from 'node:net';
import { Fault } from '../fault/fault.ts';
import type { LoginAnswer } from './login.ts';
import { passOn } from './pass-on.ts';
import { ImapWatch } from './watch-imap.ts';
import { PopWatch } from './watch-pop.ts';

/** A longer hold would look like a broken connection to the application; then it asks, and the server answers it. */
const longestHoldMs = 5 * 60_000;
/** A session that is ended gently may finish what it is about: so long without a byte is the end of that. */
const quietMs = 1_000;

/** Until both connections are closed. */
export async function runStream(
  { opened, session, visit }: Extract<LoginAnswer, { kind: 'opened' }>,
  client: { readonly socket: Socket; readonly unread: Uint8Array },
  now: () => number,
): Promise<void> {
  if (opened.protocol === 'smtp' || opened.protocol === 'smtp-queue') throw new Error('SMTP is relayed, not passed on');
  const { mailbox } = session.facts;
  let asked = false;
  const imap =
    opened.protocol === 'imap'
      ? new ImapWatch(mailbox, (fault, farewell) => {
          // A goodbye that the application asked for is none of our business.
          if (!asked || !farewell) visit.heard(fault);
        })
      : undefined;
  const pop = opened.protocol === 'pop3' ? new PopWatch(mailbox, (fault) => visit.heard(fault)) : undefined;
  const passing = passOn({
    client: client.socket,
    server: opened.stream.socket,
    fromClient: client.unread,
    fromServer: opened.stream.unread,
    now,
    ...(imap === undefined ? {} : { onServer: (chunk: Uint8Array): void => imap.see(chunk) }),
    ...(pop === undefined
      ? {
          onClient: (chunk: Uint8Array): void => {
            asked = endsInLogout(chunk);
          },
        }
      : { onServer: (chunk: Uint8Array): void => pop.see(chunk), onClient: (chunk: Uint8Array): void => pop.seeCommands(chunk) }),
  });
  session.doing = Object.assign(passing.passed, { messages: 0 });
  session.hold = (ms) => passing.hold(Math.min(ms, longestHoldMs));
  let quiet: NodeJS.Timeout | undefined;
  session.stop = (how) => {
    // RFC 9051 §7.1.5: BYE may come at any time, between two answers.
    const farewell = (): string => (imap?.betweenAnswers === true ? '* BYE Postern is closing down, or your rights have changed.\r\n' : '');
    if (how === 'at-once') return passing.stop(farewell());
    quiet ??= setInterval(() => {
      if (now() - passing.passed.lastByteMs >= quietMs && (imap === undefined || imap.betweenAnswers)) passing.stop(farewell());
    }, quietMs / 4);
  };
  const outcome = await passing.done;
  clearInterval(quiet);
  visit.ended(outcome, outcome === 'server-lost' ? new Fault('network.connection-lost', { mailbox, closedBy: 'server' }) : undefined);
}

/** Whether the last thing that was said is LOGOUT: then the server's goodbye answers it. */
function endsInLogout(chunk: Uint8Array): boolean {
  const end = chunk.length - (chunk.at(-2) === 13 ? 2 : 1);
  if (chunk.at(-1) !== 10 || end < logout.length) return false;
  for (let index = 0; index < logout.length; index += 1) {
    // Letters differ from their small ones by one bit.
    if (((chunk[end - logout.length + index] ?? 0) | 0x20) !== logout.charCodeAt(index)) return false;
  }
  return true;
}

const logout = 'logout';
