/** Reading recorded answers twice with a wire reader, whole and byte by byte; and where the recordings lie. */
import { existsSync, readFileSync } from 'node:fs';
import type { EventReader } from '../../src/mail/intake.ts';

/** Server answers that other projects have collected. They lie beside the repository and are never copied into it. */
export const corpora = new URL('../../../shared/corpora/transcripts/', import.meta.url);
export const skipWithoutCorpora = existsSync(corpora) ? false : 'skipped: no corpora';

export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Sessions that MailKit recorded: what a client said and a server answered, step by step. Messages lie in files of their own. */
export function mailkitSteps(
  wanted: 'pop3' | 'smtp',
): readonly { readonly session: string; readonly client: string; readonly answer: Buffer }[] {
  const { sessions } = JSON.parse(readFileSync(new URL('mailkit/sessions.json', corpora), 'utf8'));
  const found = [];
  for (const { session, protocol, steps } of sessions) {
    if (protocol !== wanted) continue;
    for (const { client, server, resource } of steps) {
      const file = new URL(`mailkit/${wanted}/${String(resource).replace('.', '/')}`, corpora);
      if (typeof server === 'string') found.push({ session, client, answer: Buffer.from(server, 'latin1') });
      // MailKit keeps them with a bare LF and serves them with CRLF.
      else if (existsSync(file))
        found.push({ session, client, answer: Buffer.from(readFileSync(file, 'latin1').replace(/\r?\n/g, '\r\n'), 'latin1') });
    }
  }
  return found;
}

/** What servers of Exchange were seen to say, line by line. */
export function exchangeLines(wanted: string): readonly Sample[] {
  const lines = readFileSync(new URL('exchange/exchange-observed.jsonl', corpora), 'utf8').split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const { id, protocol, transcript } = JSON.parse(line);
    if (!String(protocol).includes(wanted)) return [];
    const said = transcript.filter((each: string) => each.startsWith('S: ')).map((each: string) => `${each.slice(3)}\r\n`);
    return [{ name: String(id), bytes: Buffer.from(said.join('')) }];
  });
}

/** Every event of these bytes, however they are cut; throws what the reader throws. */
export function events<Event>(reader: EventReader<Event>, bytes: Uint8Array, pieceBytes: number): Event[] {
  const seen: Event[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(bytes.subarray(at, at + pieceBytes));
    for (let event = reader.next(); event !== undefined; event = reader.next()) seen.push(event);
  }
  return seen;
}
