/**
 * Mail for the crash test: sizes as in a real mailbox, some so large that they get a file of their own, and some that come twice.
 *
 * Each message has one word that stands nowhere else and only once in it, in its text, so that the full text can be asked whether
 * it counted a message twice.
 */
import { createHash } from 'node:crypto';
import { type Chance, chanceOf } from './chance.ts';

export interface SentMail {
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly word: string;
}

/** Middle size of the ordinary ones; log-normal with sigma 1, as in the sandbox's own filling. */
const medianBytes = 8 * 1024;
const ordinaryBytes = { least: 1024, most: 200 * 1024 } as const;
const largeBytes = { least: 300_000, most: 3_000_000 } as const;
/** One of so many is large; one of so many has the very bytes of the one before it. */
const everyLarge = 50;
const everyTwin = 40;

const words = 'order price market account meeting draft signed report quarter volume delivery office notice balance answer review'.split(
  ' ',
);

/** The same messages for the same seed. */
export function* mailFor(count: number, seed: number): Generator<SentMail> {
  const chance = chanceOf(seed);
  const pool = Buffer.from(base64Lines(chance, largeBytes.most + 64 * 1024), 'latin1');
  let before: SentMail | undefined;
  for (let number = 1; number <= count; number += 1) {
    if (before !== undefined && number % everyTwin === 0) {
      yield before;
      continue;
    }
    const isLarge = number % everyLarge === Math.floor(everyLarge / 2);
    before = mail(number, isLarge ? pool : undefined, chance);
    yield before;
  }
}

/** @param pool what the attachment is a slice of; without it the message has none and is small */
function mail(number: number, pool: Buffer | undefined, chance: Chance): SentMail {
  const word = `unique${String(number).padStart(6, '0')}word`;
  const date = new Date(Date.UTC(2026, 0, 5) + number * 60_000).toUTCString().replace('GMT', '+0000');
  const head =
    `From: Desk <desk@fabrikam.example>\r\nTo: <bulk@contoso.test>\r\nSubject: ${text(chance, 40)}\r\nDate: ${date}\r\n` +
    `Message-ID: <${number}.${chance.between(1, 1e9)}@fabrikam.example>\r\nMIME-Version: 1.0\r\n`;
  const plain = 'Content-Type: text/plain; charset="us-ascii"\r\n\r\n';
  const drawn = Math.round(medianBytes * Math.exp(chance.normal()));
  const size = Math.min(ordinaryBytes.most, Math.max(ordinaryBytes.least, drawn));
  const bytes =
    pool === undefined
      ? Buffer.from(`${head}${plain}${word} ${text(chance, size)}`, 'latin1')
      : withAttachment(head, `${plain}${word} ${text(chance, 500)}`, slice(pool, chance));
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), word };
}

function slice(pool: Buffer, chance: Chance): Buffer {
  const size = chance.between(largeBytes.least, largeBytes.most);
  const start = chance.between(0, pool.length - size);
  return pool.subarray(start, start + size);
}

function withAttachment(head: string, part: string, attached: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${head}Content-Type: multipart/mixed; boundary="=_part"\r\n\r\n--=_part\r\n${part}\r\n--=_part\r\n`, 'latin1'),
    Buffer.from('Content-Type: application/pdf; name="scan.pdf"\r\nContent-Disposition: attachment; filename="scan.pdf"\r\n', 'latin1'),
    Buffer.from('Content-Transfer-Encoding: base64\r\n\r\n', 'latin1'),
    attached,
    Buffer.from('\r\n--=_part--\r\n', 'latin1'),
  ]);
}

/** Lines of words, at least `size` bytes. */
function text(chance: Chance, size: number): string {
  const lines: string[] = [];
  for (let length = 0; length < size; ) {
    const line = Array.from({ length: 9 }, () => words[chance.between(0, words.length - 1)]).join(' ');
    lines.push(line);
    length += line.length + 2;
  }
  return lines.length === 1 ? (lines[0] ?? '') : `${lines.join('\r\n')}\r\n`;
}

function base64Lines(chance: Chance, size: number): string {
  const raw = Buffer.alloc(57);
  const lines: string[] = [];
  for (let length = 0; length < size; length += 78) {
    for (let at = 0; at < raw.length; at += 1) raw[at] = chance.between(0, 255);
    lines.push(raw.toString('base64'));
  }
  return `${lines.join('\r\n')}\r\n`;
}
