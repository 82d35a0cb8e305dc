/**
 * Server answers that other projects have collected, read by our wire reader, whole and byte by byte.
 *
 * Nobody here wrote them. A text that our reader rightly refuses stands in `refused` with the reason. They lie beside the repository
 * and are never copied into it; where they are absent the tests say so.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WireReader } from '../../src/mail/imap/wire.ts';

const folder = new URL('../../../shared/corpora/transcripts/', import.meta.url);
const skip = existsSync(folder) ? false : 'skipped: no corpora';

interface Sample {
  readonly name: string;
  readonly text: string;
}

/** Texts that end inside an answer or break one that matters: part of their name, and why. */
const refused: Readonly<Record<string, string>> = {
  CreateUnicodeRespTextCommands: 'the collection holds only the beginning of the answer',
  CreateFetchStreamUnsolicitedInfoCommands: 'the literal is three bytes longer than it says',
  CreateDominoParenthesisWorkaroundCommands: 'Domino puts ENVELOPE into parentheses of its own; we never ask for ENVELOPE',
};

test('every session that MailKit recorded can be read', { skip }, () => {
  const { sessions } = JSON.parse(readFileSync(new URL('mailkit/sessions.json', folder), 'utf8'));
  const samples: Sample[] = [];
  for (const { session, protocol, steps } of sessions) {
    if (protocol !== 'imap') continue;
    for (const { server } of steps) if (typeof server === 'string') samples.push({ name: session, text: server });
  }
  readAll(samples, 500);
});

test('every answer of net-imap can be read', { skip }, () => {
  const samples: Sample[] = [];
  for (const file of readdirSync(new URL('net-imap/', folder))) {
    const text = readFileSync(new URL(`net-imap/${file}`, folder), 'utf8');
    for (const [, quoted = ''] of text.matchAll(/^ {4}:response: ("(?:[^"\\\n]|\\.)*")$/gm)) {
      samples.push({ name: file, text: JSON.parse(quoted.replace(/\\x([0-9a-fA-F]{2})/g, '\\u00$1').replace(/\\0/g, '\\u0000')) });
    }
  }
  readAll(samples, 80);
});

test('every line that somebody saw Exchange send can be read', { skip }, () => {
  const samples: Sample[] = [];
  for (const line of readFileSync(new URL('exchange/exchange-observed.jsonl', folder), 'utf8').split('\n')) {
    if (line === '') continue;
    const { id, protocol, transcript } = JSON.parse(line);
    if (!String(protocol).includes('imap')) continue;
    const said = transcript.filter((each: string) => each.startsWith('S: ')).map((each: string) => `${each.slice(3)}\r\n`);
    samples.push({ name: id, text: said.join('') });
  }
  readAll(samples, 10);
});

test('the data that curl serves by IMAP can be read as a body', { skip }, () => {
  const samples: Sample[] = [];
  for (const file of readdirSync(new URL('curl/', folder))) {
    const text = readFileSync(new URL(`curl/${file}`, folder), 'latin1');
    const data = /<data[^>]*>\n([\s\S]*?)<\/data>/.exec(text)?.[1];
    if (data === undefined || !/\bIMAP\b/.test(text)) continue;
    samples.push({ name: file, text: `* 1 FETCH (BODY[] {${data.length}}\r\n${data} UID 1)\r\n` });
  }
  readAll(samples, 5);
});

function readAll(samples: readonly Sample[], atLeast: number): void {
  assert.ok(samples.length >= atLeast, `only ${samples.length} samples`);
  const problems: string[] = [];
  for (const { name, text } of samples) {
    if (Object.keys(refused).some((part) => name.includes(part))) continue;
    const bytes = Buffer.from(text);
    const problem =
      read([bytes]) ??
      read(
        Array.from(bytes.subarray(0, 20_000), (byte) => Uint8Array.of(byte)),
        bytes.length > 20_000,
      );
    if (problem !== undefined) problems.push(`${name}: ${problem}: ${JSON.stringify(text.slice(0, 300))}`);
  }
  assert.deepEqual(problems, []);
}

/** What went wrong, if something did. */
function read(chunks: Iterable<Uint8Array>, cut = false): string | undefined {
  const reader = new WireReader({ maxLineBytes: 1_000_000, maxLiteralBytes: 1_000_000 });
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      while (reader.next() !== undefined);
    }
  } catch (error) {
    return `${error} ${JSON.stringify(error)}`;
  }
  return reader.clean || cut ? undefined : 'ends inside an answer';
}
