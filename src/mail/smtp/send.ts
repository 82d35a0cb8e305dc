/**
 * One small message: envelope, DATA, the bytes with their dots doubled. RFC 5321 §3.3 and §4.5.2.
 *
 * The hard thing is what a refusal leaves behind: half an envelope, which the next mail would inherit. So it is taken back (RSET).
 */
import { isFault } from '../../fault/fault.ts';
import type { SmtpSession } from './session.ts';
import type { SmtpReply } from './wire.ts';

export interface OutgoingMail {
  /** Envelope addresses, without angle brackets, in ASCII. */
  readonly from: string;
  readonly to: readonly string[];
  /** Header and body, kept in memory: for small mails. Line ends become CRLF, and the last line gets one. */
  readonly bytes: Uint8Array;
}

/** Returns the server's answer to the message. @throws Fault: the first refusal, of whatever it concerns; then nothing was sent. */
export async function send(session: SmtpSession, { from, to, bytes }: OutgoingMail): Promise<SmtpReply> {
  const text = Buffer.from(bytes).toString('latin1');
  // RFC 6152 §3.
  const eightBit = session.capabilities.has('8BITMIME') && /[\x80-\xff]/.test(text) ? ' BODY=8BITMIME' : '';
  try {
    await session.run(`MAIL FROM:<${address(from)}>${eightBit}`);
    for (const recipient of to) await session.run(`RCPT TO:<${address(recipient)}>`);
    await session.run('DATA', { hopedFor: 3 });
  } catch (error) {
    if (!session.closed) await takeBack(session);
    throw error;
  }
  const content = stuffed(text);
  session.dialogue.say('client', () => `[${bytes.length} bytes]`);
  await session.write(Buffer.from(content, 'latin1'));
  return await session.answer('the message', { timeoutMs: session.limits.dataTimeoutMs });
}

/** The lines as they go over the wire, the dot that ends them included. */
export function stuffed(text: string): string {
  const lines = text.replace(/\r\n|\r|\n/g, '\r\n');
  const whole = lines === '' || lines.endsWith('\r\n') ? lines : `${lines}\r\n`;
  return `${whole.replace(/^\./, '..').replaceAll('\r\n.', '\r\n..')}.\r\n`;
}

/** @throws Error for what would end the command or leave the brackets. */
function address(text: string): string {
  if (!/^[\x21-\x3b\x3d\x3f-\x7e]+$/.test(text)) throw new Error('not an envelope address');
  return text;
}

async function takeBack(session: SmtpSession): Promise<void> {
  try {
    await session.run('RSET');
  } catch (error) {
    // The refusal before it is what the caller has to know; a session that cannot be reset is of no more use.
    if (!isFault(error)) throw error;
    session.close();
  }
}
