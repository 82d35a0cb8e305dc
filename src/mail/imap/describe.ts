/**
 * What a server knows of messages without their content: date, size, Message-ID.
 *
 * The hard thing: the header field comes as a literal, and literals of FETCH are handed out as they arrive; so it is collected here,
 * up to a limit. RFC 9051 §6.4.5 (BODY.PEEK[HEADER.FIELDS]).
 */
import type { Fault } from '../../fault/fault.ts';
import { type MessageAttributes, readAttributes } from './fetch.ts';
import { uidSets } from './sequence.ts';
import type { Session } from './session.ts';

export interface MessageOutline extends MessageAttributes {
  /** The content of the first Message-ID field, unfolded, without blanks around it; undefined where there is none. */
  readonly messageId: string | undefined;
}

const perCommand = 1_000;
const inFlight = 4;
const wanted = '(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])';
/** As `wanted` without the header: a server need not open the message for it. */
const wantedWithoutHeader = '(UID INTERNALDATE)';
/** A Message-ID longer than this is cut: it is for people. */
const maxFieldBytes = 4_096;
const bytesAroundSet = 150;

/**
 * In the order of the answers; some may not come. Without `header` only uid and internalDate are asked for. Leaving early closes the connection.
 * @throws Fault of a refusal (the session stays usable), or of what ended the session
 */
export async function* describe(
  session: Session,
  uids: readonly number[],
  { header = true }: { readonly header?: boolean } = {},
): AsyncGenerator<MessageOutline, void, void> {
  const sets = uidSets(uids, perCommand, session.limits.maxCommandBytes - bytesAroundSet);
  const running = new Set<string>();
  let refused: Fault | undefined;
  let field: Buffer[] = [];
  let fieldBytes = 0;
  let done = false;
  try {
    for (;;) {
      while (refused === undefined && running.size < inFlight) {
        const set = sets.next().value;
        if (set === undefined) break;
        running.add(await session.send([`UID FETCH ${set.text} ${header ? wanted : wantedWithoutHeader}`]));
      }
      if (running.size === 0) break;
      const event = await session.event(session.limits.commandTimeoutMs);
      if (event.kind === 'body') [field, fieldBytes] = [[], 0];
      else if (event.kind === 'chunk') {
        const part = Buffer.from(event.bytes.subarray(0, maxFieldBytes - fieldBytes));
        fieldBytes += part.length;
        if (part.length > 0) field.push(part);
      } else if (event.kind === 'response') {
        const { response } = event;
        if (response.kind === 'fetch') {
          const quoted = [...response.items].find(([name]) => name.startsWith('BODY[HEADER'))?.[1];
          const text = typeof quoted === 'string' ? quoted : Buffer.concat(field).toString('latin1');
          [field, fieldBytes] = [[], 0];
          // RFC 9051 §7.5.2: a server may tell changed flags at any time; it does not tell dates unasked.
          if (response.items.has('INTERNALDATE')) yield { ...readAttributes(response), messageId: readMessageId(text) };
        } else if (response.kind === 'tagged' && running.delete(response.tag) && response.status !== 'OK') {
          refused ??= session.refused(response, 'UID FETCH');
        } else if (response.kind === 'continue') {
          throw session.unexpected('a continuation that nobody asked for', response.text);
        }
      }
    }
    done = true;
  } catch (error) {
    throw refused ?? error;
  } finally {
    if (!done) session.close();
  }
  if (refused !== undefined) throw refused;
}

/** @param header header fields as they came, one character a byte */
export function readMessageId(header: string): string | undefined {
  const value = /^message-id[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)/im.exec(header)?.[1];
  return value?.replace(/\r?\n/g, '').trim() || undefined;
}
