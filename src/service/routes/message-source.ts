/**
 * The source of a message for a person: its header fields in their order, and the beginning of its bytes as text.
 *
 * The hard thing is that bytes are not text: what is no UTF-8 is shown by the character that stands for that, and only a download has it as it
 * is. Nothing but the beginning is read.
 */
import type { MessageSource } from '../api/message.ts';

const rawBytes = 64 * 1024;
const headersMost = 500;
const valueChars = 8_000;

export async function sourceOf(chunks: AsyncIterable<Uint8Array>): Promise<MessageSource> {
  const taken: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    taken.push(new Uint8Array(chunk));
    bytes += chunk.length;
    if (bytes > rawBytes) break;
  }
  const all = Buffer.concat(taken);
  const raw = new TextDecoder().decode(all.subarray(0, rawBytes));
  return { headers: headersOf(raw), raw, cut: bytes > rawBytes };
}

/** RFC 5322 §2.2: fields up to the first empty line, unfolded (§2.2.3). */
function headersOf(raw: string): MessageSource['headers'] {
  const headers: MessageSource['headers'] = [];
  for (const line of raw.split(/\r\n|\n|\r/)) {
    if (line === '') break;
    const last = headers.at(-1);
    if (/^[ \t]/.test(line) && last !== undefined) {
      if (last.value.length < valueChars) last.value += line;
      continue;
    }
    if (headers.length >= headersMost) break;
    const colon = line.indexOf(':');
    // What is no field stands there as it is, without a name.
    headers.push(
      colon <= 0 || /[^\x21-\x7e]/.test(line.slice(0, colon).trimEnd())
        ? { name: '', value: line.slice(0, valueChars) }
        : {
            name: line.slice(0, colon).trimEnd(),
            value: line
              .slice(colon + 1)
              .trim()
              .slice(0, valueChars),
          },
    );
  }
  return headers;
}
