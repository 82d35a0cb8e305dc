/**
 * The MIME parser, reading a text many lines at a time.
 *
 * postal-mime takes a message line by line, with a promise for each, and puts the lines of a text that is not encoded together again
 * unchanged: a third of the deriving of a mailbox went there (measured). So where it asks for the next line of such a text it gets all of
 * them up to the next one that may be a boundary, joined as it would have joined them.
 * The hard thing is that this leans on what the parser does not promise: the names below. Its version is pinned, a test compares what comes
 * out with what the parser makes alone, and a parser that no longer asked would go on by itself, line by line.
 */
import PostalMime, { type Email } from 'postal-mime';
import { CR, endOfLines, LF, withoutCarriageReturns } from './lines.ts';

/** What is used of a running parser besides its public part. */
interface Running {
  /** The message. */
  readonly av: Uint8Array;
  /** Where its next line begins. */
  readPos: number;
  /** The part whose lines come. */
  readonly currentNode: { readonly state: string; readonly contentTransferEncoding: { readonly encoding: string } };
}

class QuickParser extends PostalMime {
  /** The next line without its end; or several, with LF between them. Called by the parser. */
  readLine(): { readonly bytes: Uint8Array; readonly done: boolean } {
    const running = this as unknown as Running;
    const { av, readPos, currentNode } = running;
    const isPlain = currentNode.state === 'body' && !/base64|quoted-printable/i.test(currentNode.contentTransferEncoding.encoding);
    const end = isPlain ? endOfLines(av, readPos) : readPos;
    if (end > readPos) {
      running.readPos = end;
      return { bytes: withoutCarriageReturns(av.subarray(readPos, end)), done: end >= av.length };
    }
    const lineFeed = av.indexOf(LF, readPos);
    running.readPos = lineFeed < 0 ? av.length : lineFeed + 1;
    let lineEnd = lineFeed < 0 ? av.length : lineFeed;
    while (lineEnd > readPos && av[lineEnd - 1] === CR) lineEnd -= 1;
    return { bytes: av.subarray(readPos, lineEnd), done: running.readPos >= av.length };
  }
}

/**
 * @param bytes a message, in memory of its own
 * @param forceRfc822Attachments whether a message within the message is an attachment wherever it stands
 * @throws Error for a message that is more deeply nested than any, or whose header is longer
 */
export function parse(bytes: Uint8Array<ArrayBuffer>, forceRfc822Attachments: boolean): Promise<Email> {
  return new QuickParser({ forceRfc822Attachments }).parse(bytes.buffer);
}
