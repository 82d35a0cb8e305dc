/**
 * Mail by the thousand, the same for the same seed: to fill a mailbox for measuring.
 *
 * The hard thing is memory: 100,000 messages of real size would not fit. Each message has its own header, and a body that is a slice of one
 * pool shared by all; slices begin at line ends, so that every message is whole and compresses about as real mail does.
 */

import { Chance } from './random.ts';
import { capturedMail, rfc5322Date } from './telemessage.ts';

export interface Filling {
  readonly count: number;
  readonly seed: number;
  /** How many of them are large, spread evenly. */
  readonly large: number;
  readonly largeMinBytes: number;
  readonly largeMaxBytes: number;
  /** Middle size of the others; sizes are spread as a log-normal distribution with sigma 1. */
  readonly medianBytes: number;
  /** Bound for all but the large ones. */
  readonly boundBytes: number;
  readonly recipient: string;
  /** Date of the first message; one every minute after it. */
  readonly from: Date;
}

export interface SyntheticMail {
  readonly chunks: readonly Buffer[];
  readonly internalDate: Date;
}

const words = (
  'the a of and to in for on with by from at contract meeting invoice delivery order number account client please find attached ' +
  'report quarter week month today tomorrow price volume market note term review draft signed agreed open closed late early first last ' +
  'second team office call letter copy version change question answer reason result amount balance payment due date limit risk'
).split(' ');
const senders = ['billing', 'orders', 'support', 'anna.keller', 'ben.okafor', 'reports', 'eva.novak', 'no-reply'] as const;
const domains = ['fabrikam.example', 'adatum.example', 'contoso.test', 'northwind.example'] as const;

const textPoolBytes = 2 * 1024 * 1024;
const smallestBytes = 900;
const lineBytes = 78;

let pools: { readonly text: Buffer; readonly base64: Buffer } | undefined;

/** The pools are the same for every seed, so they are made once. Base64 lines are 76 characters and CRLF. RFC 2045 §6.8. */
function poolsFor(largestBytes: number): { readonly text: Buffer; readonly base64: Buffer } {
  const wanted = Math.ceil((largestBytes * 1.1) / lineBytes + 4000) * lineBytes;
  if (pools && pools.base64.length >= wanted) return pools;
  const chance = new Chance(20);
  const lines: string[] = [];
  for (let size = 0; size < textPoolBytes; ) {
    let line = '';
    while (line.length < 60) line += `${words[chance.below(words.length)]} `;
    lines.push(`${line.trimEnd()}.\r\n`);
    size += line.length + 2;
  }
  const base64 = Buffer.alloc(wanted);
  const raw = Buffer.alloc(57);
  for (let at = 0; at < wanted; at += lineBytes) {
    for (let byte = 0; byte < raw.length; byte += 4) raw.writeUInt32LE(chance.below(0xffffffff), Math.min(byte, raw.length - 4));
    base64.write(`${raw.toString('base64')}\r\n`, at, 'latin1');
  }
  pools = { text: Buffer.from(lines.join(''), 'latin1'), base64 };
  return pools;
}

function textSlice(pool: Buffer, chance: Chance, bytes: number): Buffer {
  const wanted = Math.min(bytes, pool.length - 4096);
  const start = pool.indexOf(0x0a, chance.below(pool.length - wanted - 2048)) + 1;
  const end = pool.indexOf(0x0a, start + wanted) + 1;
  return pool.subarray(start, end > 0 ? end : pool.length);
}

function base64Slice(pool: Buffer, chance: Chance, bytes: number): Buffer {
  const lineCount = Math.max(1, Math.floor(bytes / lineBytes));
  const start = chance.below(pool.length / lineBytes - lineCount) * lineBytes;
  return pool.subarray(start, start + lineCount * lineBytes);
}

/** Makes the mail one after the other. */
export function* syntheticMail(filling: Filling): Generator<SyntheticMail> {
  const { text, base64 } = poolsFor(filling.large > 0 ? filling.largeMaxBytes : filling.boundBytes);
  const chance = new Chance(filling.seed);
  const every = filling.large > 0 ? Math.max(1, Math.floor(filling.count / filling.large)) : 0;
  for (let index = 0; index < filling.count; index += 1) {
    const internalDate = new Date(filling.from.getTime() + index * 60_000);
    const isLarge = every > 0 && index % every === Math.floor(every / 2) && Math.floor(index / every) < filling.large;
    const drawn = Math.round(filling.medianBytes * Math.exp(chance.normal()));
    const size = isLarge
      ? filling.largeMinBytes + chance.below(Math.max(1, filling.largeMaxBytes - filling.largeMinBytes))
      : Math.min(filling.boundBytes, Math.max(smallestBytes, drawn));
    const kind = isLarge ? 'attachment' : chance.pick(['text', 'text', 'text', 'html', 'attachment', 'attachment', 'captured'] as const);
    if (kind === 'captured') {
      const number = filling.seed * 1_000_000 + index;
      yield { chunks: [capturedMail({ number, at: internalDate, recipient: filling.recipient })], internalDate };
      continue;
    }
    const id = `${filling.seed}.${index}.${chance.digits(6)}`;
    const sender = chance.pick(senders);
    const subject = Array.from({ length: 3 + chance.below(5) }, () => words[chance.below(words.length)]).join(' ');
    const head =
      `Return-Path: <${sender}@${chance.pick(domains)}>\r\n` +
      `Received: from mx.fabrikam.example ([192.0.2.${chance.below(250)}]) by mx.contoso.test with ESMTPS id ${id};\r\n\t${rfc5322Date(internalDate)}\r\n` +
      `From: "${sender}" <${sender}@${chance.pick(domains)}>\r\nTo: <${filling.recipient}>\r\nSubject: ${subject} ${index}\r\n` +
      `Date: ${rfc5322Date(internalDate)}\r\nMessage-ID: <${id}@sandbox.test>\r\nMIME-Version: 1.0\r\n`;
    yield { chunks: bodyOf(kind, head, id, size, { text, base64 }, chance), internalDate };
  }
}

function bodyOf(
  kind: 'text' | 'html' | 'attachment',
  head: string,
  id: string,
  size: number,
  pool: { readonly text: Buffer; readonly base64: Buffer },
  chance: Chance,
): readonly Buffer[] {
  const rest = Math.max(100, size - head.length - 300);
  if (kind === 'text') {
    return [Buffer.from(`${head}Content-Type: text/plain; charset="us-ascii"\r\n\r\n`, 'latin1'), textSlice(pool.text, chance, rest)];
  }
  const mark = `=_${id}`;
  const open = `${head}Content-Type: multipart/${kind === 'html' ? 'alternative' : 'mixed'}; boundary="${mark}"\r\n\r\n--${mark}\r\nContent-Type: text/plain; charset="us-ascii"\r\n\r\n`;
  const close = Buffer.from(`\r\n--${mark}--\r\n`, 'latin1');
  if (kind === 'html') {
    const second = Buffer.from(`\r\n--${mark}\r\nContent-Type: text/html; charset="us-ascii"\r\n\r\n<html><body><p>`, 'latin1');
    const half = Math.floor(rest / 2);
    return [
      Buffer.from(open, 'latin1'),
      textSlice(pool.text, chance, half),
      second,
      textSlice(pool.text, chance, half),
      Buffer.from(`</p></body></html>\r\n--${mark}--\r\n`, 'latin1'),
    ];
  }
  const name = `${chance.pick(['report', 'scan', 'invoice', 'drawing'])}-${chance.digits(4)}.pdf`;
  const second = Buffer.from(
    `\r\n--${mark}\r\nContent-Type: application/pdf; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
    'latin1',
  );
  return [
    Buffer.from(open, 'latin1'),
    textSlice(pool.text, chance, Math.min(rest / 4, 1500)),
    second,
    base64Slice(pool.base64, chance, rest),
    close,
  ];
}
