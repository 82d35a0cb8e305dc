/**
 * Builds the benchmark's mailbox: 10,000 messages of 207 MB in a Maildir, the same bytes on every machine and every run.
 *
 * The hard part is to be both quick and like real mail: sizes are drawn around a median of 8 KB with some of 1 to 20 MB, texts come
 * from a few languages and compress as texts do, attachments are base64 of noise and do not compress.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { maildirName } from '../../test/contract/places/maildir.ts';

export interface MailboxShape {
  readonly messages: number;
  /** Of all messages together; met within a thousandth. */
  readonly totalBytes: number;
  readonly seed: number;
  /** Without those of 1 to 20 MB. */
  readonly withoutLarge?: boolean;
  /** One more, of this size. */
  readonly hugeBytes?: number;
}

export const standardShape: MailboxShape = { messages: 10_000, totalBytes: 207_000_000, seed: 20_261_122 };

const medianBytes = 8_192;
const spread = 0.95;
const smallestBytes = 900;
/** One message in this many is large; their sizes go from the smallest to the largest in equal ratios. */
const oneLargeIn = 833;
const largeBytes = { from: 1_000_000, to: 20_000_000 } as const;
const attachmentFromBytes = 30_000;
const base64Line = 76;

/** Writes the messages into `maildir`/cur and returns what was written. The folder must be there. */
export function buildMailbox(maildir: string, shape: MailboxShape): { readonly messages: number; readonly bytes: number } {
  const random = randomNumbers(shape.seed);
  const stock = makeStock(random);
  let bytes = 0;
  for (const [index, size] of drawSizes(shape, random).entries()) {
    const message = Buffer.from(makeMessage(index, size, stock, random), 'utf8');
    const name = maildirName(index + 1, message);
    writeFileSync(join(maildir, 'tmp', name), message, { mode: 0o644 });
    renameSync(join(maildir, 'tmp', name), join(maildir, 'cur', `${name}:2,`));
    bytes += message.length;
  }
  if (shape.hugeBytes !== undefined) bytes += addHuge(maildir, shape.messages + 1, shape.hugeBytes, stock, random);
  return { messages: shape.messages + (shape.hugeBytes === undefined ? 0 : 1), bytes };
}

/** A message with one attachment, in pieces: no text of ours may be that long. */
function addHuge(maildir: string, number: number, size: number, stock: Stock, random: () => number): number {
  const head = `${makeHead(number, stock, random)}Content-Type: application/zip; name="huge.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
  const times = Math.ceil((size - head.length) / stock.noise.length);
  const message = Buffer.concat([Buffer.from(head), ...Array.from({ length: times }, () => Buffer.from(stock.noise))]);
  const name = maildirName(number, message);
  writeFileSync(join(maildir, 'cur', `${name}:2,`), message, { mode: 0o644 });
  return message.length;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function drawSizes({ messages, totalBytes, withoutLarge = false }: MailboxShape, random: () => number): number[] {
  const largeCount = withoutLarge ? 0 : Math.floor(messages / oneLargeIn);
  const ratio = largeBytes.to / largeBytes.from;
  const large = Array.from({ length: largeCount }, (_, i) => largeBytes.from * ratio ** (largeCount === 1 ? 0 : i / (largeCount - 1)));
  const small = Array.from({ length: messages - largeCount }, () =>
    Math.max(smallestBytes, medianBytes * Math.exp(spread * normal(random))),
  );
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  // A small mailbox has no room for 20 MB: then the large ones shrink with the rest.
  const scale = Math.max(0.1, totalBytes - sum(large)) / sum(small);
  const sizes =
    scale < 0.5 ? [...small, ...large].map((size) => (size * totalBytes) / (sum(small) + sum(large))) : small.map((size) => size * scale);
  if (scale >= 0.5) for (const size of large) sizes.splice(Math.floor(random() * sizes.length), 0, size);
  return sizes.map(Math.round);
}

/** Box and Muller's way from even to normal numbers. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface Stock {
  readonly lines: readonly string[];
  /** Base64 of noise in lines of 76 characters, CRLF between. */
  readonly noise: string;
}

const vocabulary = [
  'the order was confirmed this morning and the invoice follows by post please check the amounts before Friday because our auditors ask for the signed copy',
  'bitte prüfen Sie die Unterlagen bis morgen die Lieferung verzögert sich um zwei Wochen wir melden uns sobald der Termin für die Übergabe feststeht',
  'kérjük ellenőrizze a mellékelt szerződést a határidő péntek délután köszönjük a gyors választ és várjuk a visszajelzést az árajánlatról',
  'merci de vérifier le contrat ci-joint la réunion est déplacée à jeudi nous attendons votre réponse concernant la facture du mois dernier',
  'por favor revise el documento adjunto la reunión se mueve al jueves esperamos su respuesta sobre la factura del mes pasado y el nuevo precio',
].map((text) => text.split(' '));

function makeStock(random: () => number): Stock {
  const lines = Array.from({ length: 4_000 }, () => makeLine(random));
  const raw = Buffer.alloc(57 * 40_000);
  for (let at = 0; at + 4 <= raw.length; at += 4) raw.writeUInt32LE(Math.floor(random() * 4_294_967_296), at);
  const noise = raw.toString('base64').replaceAll(/.{76}/g, '$&\r\n');
  return { lines, noise };
}

function makeLine(random: () => number): string {
  const words = pick(vocabulary, random);
  let line = '';
  while (line.length < 56) line += `${pick(words, random)}${random() < 0.08 ? ` ${Math.floor(random() * 90_000)}` : ''} `;
  return line.trimEnd();
}

function pick<T>(from: readonly T[], random: () => number): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

function makeMessage(index: number, size: number, stock: Stock, random: () => number): string {
  const boundary = `=_${index.toString(36)}_${Math.floor(random() * 1e9).toString(36)}`;
  const head = makeHead(index, stock, random);
  const room = size - Buffer.byteLength(head);
  if (size >= attachmentFromBytes || (room > 4_000 && random() < 0.15)) return head + mixed(room, boundary, stock, random);
  if (room > 1_500 && random() < 0.7) return head + alternative(room, boundary, stock, random);
  return `${head}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${plain(room - 90, stock, random)}`;
}

function makeHead(index: number, stock: Stock, random: () => number): string {
  const at = new Date(1_767_225_600_000 + index * 180_000).toUTCString().replace('GMT', '+0000');
  const sender = `user${Math.floor(random() * 400)}@fabrikam.example`;
  const id = Math.floor(random() * 1e15).toString(36);
  const subject = Buffer.from(pick(stock.lines, random).slice(0, 32)).toString('base64');
  return [
    `Received: from mail.fabrikam.example (192.0.2.${index % 250}) by mx.contoso.example with ESMTPS id ${id}; ${at}`,
    `From: "User ${index % 400}" <${sender}>`,
    'To: journal@contoso.example',
    `Subject: =?utf-8?B?${subject}?=`,
    `Date: ${at}`,
    `Message-ID: <${id}.${index}@fabrikam.example>`,
    'MIME-Version: 1.0\r\n',
  ].join('\r\n');
}

function plain(size: number, stock: Stock, random: () => number): string {
  let text = '';
  for (let left = size; left > 0; ) {
    const line = `${pick(stock.lines, random)}\r\n`;
    text += line;
    left -= Buffer.byteLength(line);
  }
  return text === '' ? '\r\n' : text;
}

function html(size: number, stock: Stock, random: () => number): string {
  const body = plain(size * 0.8, stock, random).replaceAll(/(.+)\r\n/g, '<p class="m">$1</p>\r\n');
  return `<html><head><style>.m { margin: 0 }</style></head><body>\r\n${body}</body></html>\r\n`;
}

function alternative(room: number, boundary: string, stock: Stock, random: () => number): string {
  const rest = Math.max(0, room - 380);
  return (
    `Content-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n` +
    part(boundary, 'text/plain; charset=utf-8', '8bit', plain(rest * 0.4, stock, random)) +
    part(boundary, 'text/html; charset=utf-8', '8bit', html(rest * 0.58, stock, random)) +
    `--${boundary}--\r\n`
  );
}

function mixed(room: number, boundary: string, stock: Stock, random: () => number): string {
  const textBytes = Math.min(6_000, room * 0.3);
  const inner = alternative(textBytes, `${boundary}.a`, stock, random);
  const type = pick(['application/pdf', 'image/jpeg', 'application/zip'], random);
  const name = `attachment.${type.split('/')[1]}`;
  return (
    `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n${inner}\r\n` +
    part(boundary, `${type}; name="${name}"`, 'base64', noise(room - textBytes - 420, stock, random)) +
    `--${boundary}--\r\n`
  );
}

function part(boundary: string, type: string, encoding: string, body: string): string {
  return `--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n`;
}

/** A stretch of the stock, from a random line on, as often around as is needed. */
function noise(wantedBytes: number, { noise: all }: Stock, random: () => number): string {
  const lineBytes = base64Line + 2;
  const size = Math.max(lineBytes, Math.round(wantedBytes));
  const start = Math.floor((random() * all.length) / lineBytes) * lineBytes;
  let text = all.slice(start, start + size);
  while (text.length < size) text += all.slice(0, size - text.length);
  return text;
}
