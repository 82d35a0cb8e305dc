/**
 * The search benchmark: captured messages of a made-up firm go the whole way into an archive, then searches of every kind are timed.
 *
 * search.ts [--messages 100000] [--data DIR] [--rounds 5]. With --data the archive stays there and is taken as it is the next time. The
 * hard thing is what people look for: words that stand everywhere and words that stand once, people who write all day, days that are
 * gone, and conditions that exclude each other. Each search is timed as the port answers it, with the records of its twenty hits; beside
 * it stands the processor time, which is what a machine that does nothing else would need.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Archive, ArchiveReader, RecordProfile, SearchOrder } from '../../src/archive/archive.ts';
import { readQuery } from '../../src/archive/query.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    data: { type: 'string' },
  },
});

const people = 2_000;
const firstDay = Date.UTC(2024, 0, 1);
/** Messages that wait for their receipt at once. */
const inFlight = 2_000;
const profile: RecordProfile = { format: 'telemessage', nameOrder: 'first-last', owners: [], country: '44' };

const total = Number(values.messages);
const folder = values.data ?? mkdtempSync(join(tmpdir(), 'postern-search-'));
try {
  if (!existsSync(join(folder, 'archive', 'archive.sqlite'))) await fill(folder);
  await measure(folder, Number(values.rounds));
} finally {
  if (values.data === undefined) rmSync(folder, { recursive: true, force: true });
}

/** Repeatable: the same number gives the same archive. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

function number(person: number): string {
  return `4477009${String(person).padStart(5, '0')}`;
}

/** A word by its rank: few stand everywhere, most stand a few times, as in any language. */
function word(next: () => number): string {
  return `w${Math.floor(60_000 ** next())}`;
}

function message(uid: number, next: () => number): { readonly bytes: Buffer; readonly sentAt: Date } {
  const from = Math.floor(next() * next() * people);
  const to = Math.floor(next() * people);
  const isSignal = next() < 0.02;
  const owner = next() < 0.5 ? from : to;
  // Mostly in the order of time, and one in ten brought in later.
  const sentAt = new Date(
    firstDay + Math.floor((uid / total) * 700 * 86_400_000) - (next() < 0.1 ? Math.floor(next() * 90 * 86_400_000) : 0),
  );
  const platform = isSignal ? 'Signal' : 'WhatsApp';
  const hasFile = next() < 0.05;
  const text = Array.from({ length: 5 + Math.floor(next() * 40) }, () => word(next)).join(' ');
  const rare = uid % 10_000 === 0 ? ` needle${uid}` : '';
  const head = [
    `From: "First${from} Last${from} ${number(from)}" <p${from}@contoso.test>`,
    `To: "First${to} Last${to} ${number(to)}" <p${to}@contoso.test>`,
    `Subject: ${platform} message from ${number(from)} to ${number(to)}`,
    `Date: ${sentAt.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <m${uid}@bench.test>`,
    `X-TELEMESSAGE-ArchiveMessageID: item-${uid}`,
    `X-TELEMESSAGE-THREAD_ID: thread-${Math.min(from, to)}-${Math.max(from, to)}`,
    `X-TELEMESSAGE-Network: ${isSignal ? 'SIGNAL' : 'WHATSAPP_ARCHIVER'}`,
    `X-TELEMESSAGE-ArchiveInitiator: p${owner}@contoso.test`,
    'MIME-Version: 1.0',
  ];
  const plain = `Content-Type: text/plain; charset=utf-8\r\n\r\n${text}${rare}\r\n`;
  const file = 'Content-Type: application/pdf; name="f.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n';
  const body = hasFile ? `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${plain}--b\r\n${file}--b--\r\n` : plain;
  return { bytes: Buffer.from(`${head.join('\r\n')}\r\n${body}`), sentAt };
}

async function fill(dataFolder: string): Promise<void> {
  const archive = await openArchive(dataFolder, systemClock, { feed: profile });
  const next = chance(1);
  const begun = performance.now();
  let waiting: Promise<unknown>[] = [];
  for (let uid = 1; uid <= total; uid += 1) {
    const { bytes, sentAt } = message(uid, next);
    waiting.push((await accept(archive, uid, bytes, sentAt)).durable);
    if (waiting.length >= inFlight) {
      await Promise.all(waiting);
      waiting = [];
    }
  }
  await Promise.all(waiting);
  say(`${total} messages durable after ${seconds(begun)} s`);
  await archive.derived();
  say(`searchable after ${seconds(begun)} s`);
  await archive.close();
  for (const name of ['archive.sqlite', 'index.sqlite']) {
    const size = statSync(join(dataFolder, 'archive', name)).size;
    say(`${name}: ${(size / 1e6).toFixed(0)} MB, ${(size / total).toFixed(0)} bytes a message`);
  }
}

function accept(archive: Archive, uid: number, bytes: Buffer, sentAt: Date): ReturnType<Archive['accept']> {
  const era = { source: 'feed', folder: 'INBOX', uidValidity: 1 };
  return archive.accept(once(bytes), () => ({ era, uid, cursor: uid, internalDate: new Date(sentAt.getTime() + 60_000) }));
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function searches(next: () => number): readonly (readonly [kind: string, query: string])[] {
  const person = (): number => Math.floor(next() * next() * people);
  const day = (): string => new Date(firstDay + Math.floor(next() * 690) * 86_400_000).toISOString().slice(0, 10);
  const month = (): string => day().slice(0, 7);
  return [
    ['everything', ''],
    ['a word that stands everywhere', 'w1'],
    ['a frequent word', `w${5 + Math.floor(next() * 50)}`],
    ['a word', word(next)],
    ['a rare word', `w${40_000 + Math.floor(next() * 20_000)}`],
    ['a word that stands once', `needle${10_000 * (1 + Math.floor(next() * Math.max(1, Math.floor(total / 10_000))))}`],
    ['no such word', 'nowhere'],
    ['two words', `w1 ${word(next)}`],
    ['two frequent words', 'w2 w5'],
    ['a phrase', `"w1 w${1 + Math.floor(next() * 9)}"`],
    ['the beginning of a word', `w${100 + Math.floor(next() * 800)}*`],
    ['without a word', 'w3 -w1'],
    ['a number', `with:"+44 77009 ${number(person()).slice(-5)}"`],
    ['the end of a number', `with:"077009 ${number(person()).slice(-5)}"`],
    ['an address', `with:p${person()}@contoso.test`],
    ['a name', `with:Last${person()}`],
    ['two people', `with:p${person()}@contoso.test with:p${person()}@contoso.test`],
    ['a person and a word', `with:p${person()}@contoso.test ${word(next)}`],
    ['a busy person and a frequent word', 'with:p3@contoso.test w1'],
    ['a platform', 'platform:whatsapp'],
    ['a small platform and a word', `platform:signal ${word(next)}`],
    ['a platform that is not there', 'platform:telegram w1'],
    ['an owner and a direction', `owner:p${person()}@contoso.test direction:out`],
    ['a thread', `thread:thread-${Math.floor(next() * 20)}-${20 + Math.floor(next() * 200)}`],
    ['an item', `id:item-${1 + Math.floor(next() * total)}`],
    ['a day', `since:${day()} until:${day()}`],
    ['a month and a word', `since:${month()} until:${month()} ${word(next)}`],
    ['files of a small platform', 'has:attachment platform:signal'],
    ['files and a frequent word', 'has:attachment w2'],
    ['edited ones, of which there are none', 'is:edited'],
    ['a direction and a kind', 'direction:in kind:message modality:im'],
  ];
}

async function measure(dataFolder: string, rounds: number): Promise<void> {
  const archive = openArchiveReader(dataFolder, { feed: profile });
  const next = chance(7);
  const times = new Map<string, Took[]>();
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const [kind, query] of searches(next)) {
        for (const order of ['sent', 'arrival'] as const) {
          const took = await timed(archive, query, order);
          // The first round finds the file cold, which is another question.
          if (round > 0) times.set(`${kind}|${order}`, [...(times.get(`${kind}|${order}`) ?? []), took]);
        }
      }
    }
    report(times);
    for (const [name, call] of [
      ['counts of a frequent word', () => archive.facets(readQuery('w1'))],
      ['counts of a word', () => archive.facets(readQuery('w200'))],
      ['counts of two letters and whatever follows', () => archive.facets(readQuery('w1*'))],
      ['two letters and whatever follows', () => archive.search(readQuery('w1*'), 20)],
      ['three letters and whatever follows', () => archive.search(readQuery('w12*'), 20)],
      ['the fiftieth page of a frequent word', () => manyPages(archive, 'w5', 50)],
      ['the feed', () => archive.feed(new Date(firstDay + 700 * 86_400_000))],
      ['a conversation', () => archive.conversation('item-1')],
      ['the numbers of the archive', () => archive.stats()],
      ['the same again', () => archive.stats()],
    ] satisfies readonly (readonly [string, () => Promise<unknown>])[]) {
      const { ms, processor } = await timedCall(call);
      say(`${name}: ${ms.toFixed(1)} ms, processor ${processor.toFixed(1)} ms`);
    }
  } finally {
    await archive.close();
  }
}

/** All pages until this one. */
async function manyPages(archive: ArchiveReader, words: string, pages: number): Promise<void> {
  let after: string | undefined;
  for (let page = 1; page <= pages; page += 1) {
    after = (await archive.search(readQuery(words), 20, after === undefined ? {} : { after })).next;
  }
}

interface Took {
  readonly ms: number;
  /** Of the whole process. */
  readonly processor: number;
}

async function timed(archive: ArchiveReader, query: string, order: SearchOrder): Promise<Took> {
  return timedCall(() => archive.search(readQuery(query), 20, { order }));
}

async function timedCall(call: () => Promise<unknown>): Promise<Took> {
  const [begun, before] = [performance.now(), process.cpuUsage()];
  await call();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - begun, processor: (user + system) / 1000 };
}

/** Median and worst, of time and of processor time. */
function report(times: ReadonlyMap<string, readonly Took[]>): void {
  const inOrder = (took: readonly Took[], what: keyof Took): number[] => took.map((one) => one[what]).sort((a, b) => a - b);
  for (const [key, found] of times) {
    const [kind = '', order = ''] = key.split('|');
    const columns = (['ms', 'processor'] as const).flatMap((what) => {
      const sorted = inOrder(found, what);
      return [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0];
    });
    process.stdout.write(`${kind.padEnd(40)} ${order.padEnd(8)} ${columns.map((one) => one.toFixed(1).padStart(8)).join(' ')}\n`);
  }
  for (const what of ['ms', 'processor'] as const) {
    const all = inOrder([...times.values()].flat(), what);
    const at = (share: number): string => (all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0).toFixed(1);
    const name = what === 'ms' ? 'time' : 'processor time';
    say(`${all.length} searches, ${name}: median ${at(0.5)} ms, 95 % under ${at(0.95)} ms, 99 % under ${at(0.99)} ms, worst ${at(1)} ms`);
  }
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1000).toFixed(1);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
