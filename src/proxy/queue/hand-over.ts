/**
 * One message of the queue over a logged-in SMTP session: envelope, content, and what became of each recipient. RFC 5321 §3.3.
 *
 * The hard thing is to tell answers apart by whom they concern: a recipient that is refused for good must not hold up the others, nor the
 * others be sent to twice because of it. And between the last byte of the content and the server's answer nobody knows whether the message
 * was taken: a connection that ends there means that it is sent once more, for lost mail is worse than mail that comes twice.
 */
import type { Fault } from '../../fault/fault.ts';
import { asData } from '../../mail/smtp/incoming-data.ts';
import { onOneLine, refusal } from '../../mail/smtp/refusal.ts';
import type { SmtpSession } from '../../mail/smtp/session.ts';
import type { SmtpReply } from '../../mail/smtp/wire.ts';
import type { QueuedMessage, QueuedRecipient } from './spool.ts';

export interface HandedOver {
  /** As they are now: `waiting` where the server wants them later. */
  readonly recipients: readonly QueuedRecipient[];
  /** What stands in the way of those that wait, or of the whole message; undefined where all was settled without one. */
  readonly fault: Fault | undefined;
  /** The whole message was refused for good: trying again changes nothing. */
  readonly final: boolean;
  /** The server's answer to the content. */
  readonly answer: string | undefined;
}

const longestSeen = 300;

/** A command is written one character a byte: letters beyond that go as the octets of UTF-8, never cut down to another sign. RFC 6531 §3.3. */
function octets(address: string): string {
  return Buffer.from(address, 'utf8').toString('latin1');
}

/**
 * @param content the message's bytes, lines ended by CRLF
 * @throws Fault of the connection, or of reading the content; the session is closed then, and nothing was taken but for a connection that
 * ended behind the content
 */
export async function handOver(session: SmtpSession, message: QueuedMessage, content: AsyncIterable<Uint8Array>): Promise<HandedOver> {
  const { capabilities } = session;
  const parameters = [
    ...(capabilities.has('SIZE') ? [` SIZE=${message.bytes}`] : []),
    // RFC 6152 §3: to a server that does not know it the bytes go as they are.
    ...(message.eightBit && capabilities.has('8BITMIME') ? [' BODY=8BITMIME'] : []),
    ...(message.smtpUtf8 && capabilities.has('SMTPUTF8') ? [' SMTPUTF8'] : []),
  ];
  const sender = await session.ask(`MAIL FROM:<${octets(message.from)}>${parameters.join('')}`);
  if (sender.code >= 300) return whole(message, session, sender, 'MAIL FROM');
  const { recipients, accepted, fault } = await envelope(session, message);
  if (accepted.length === 0) {
    await reset(session);
    return { recipients, fault, final: false, answer: undefined };
  }
  const go = await session.ask('DATA');
  if (go.code !== 354) return whole({ ...message, recipients }, session, go, 'DATA');
  try {
    for await (const piece of asData(content)) await session.write(piece);
  } catch (error) {
    // Half a message must not be ended: without its last line the server throws it away.
    session.close();
    throw error;
  }
  const answer = await session.heard(session.limits.dataTimeoutMs);
  if (answer.code >= 300) return whole({ ...message, recipients }, session, answer, 'the message');
  const seen = onOneLine(answer).slice(0, longestSeen);
  return {
    recipients: recipients.map((one) => (accepted.includes(one.address) ? { address: one.address, state: 'sent', seen } : one)),
    fault,
    final: false,
    answer: seen,
  };
}

async function envelope(
  session: SmtpSession,
  message: QueuedMessage,
): Promise<{ readonly recipients: readonly QueuedRecipient[]; readonly accepted: readonly string[]; readonly fault: Fault | undefined }> {
  const accepted: string[] = [];
  const recipients: QueuedRecipient[] = [];
  let fault: Fault | undefined;
  for (const one of message.recipients) {
    if (one.state !== 'waiting') {
      recipients.push(one);
      continue;
    }
    const reply = await session.ask(`RCPT TO:<${octets(one.address)}>`);
    if (reply.code < 300) accepted.push(one.address);
    else fault ??= refusal(reply, 'other', { ...session.where, command: 'RCPT TO' });
    // A session that the server has closed (421) decides nothing about the others.
    if (reply.code === 421) throw refusal(reply, 'other', { ...session.where, command: 'RCPT TO' });
    const seen = onOneLine(reply).slice(0, longestSeen);
    recipients.push(reply.code >= 500 ? { address: one.address, state: 'failed', seen } : one);
  }
  return { recipients, accepted, fault };
}

/** An answer that concerns the message as a whole. */
async function whole(message: QueuedMessage, session: SmtpSession, reply: SmtpReply, command: string): Promise<HandedOver> {
  const fault = refusal(reply, 'other', { ...session.where, command });
  if (!session.closed) await reset(session);
  // 552 for SIZE is for good too. What the catalogue calls passing is tried again, whatever its number says (550 5.2.25x).
  const final = reply.code >= 500 && fault.entry.retry === 'never';
  return { recipients: message.recipients, fault, final, answer: onOneLine(reply).slice(0, longestSeen) };
}

/** The next message must not inherit half an envelope. */
async function reset(session: SmtpSession): Promise<void> {
  if (session.closed) return;
  const reply = await session.ask('RSET');
  if (reply.code >= 300) session.close();
}
