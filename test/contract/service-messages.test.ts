/** Messages over the API of a running service: found, read, opened, downloaded and exported, each look noted. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { LiveEvent } from '../../src/service/api/event.ts';
import { failure } from '../../src/service/api/leaf.ts';
import {
  conversationPage,
  type ExportJob,
  exportJob,
  exportList,
  htmlReport,
  type MessageNews,
  messageDetail,
  messageFacets,
  messageNews,
  messagePage,
  messageSource,
  messageText,
} from '../../src/service/api/message.ts';
import { madeApiToken } from '../../src/service/api/session.ts';
import { captured, eva, sam } from './captured.ts';
import { until } from './import-place.ts';
import { type Asker, type ServicePlace, startServicePlace } from './service-place.ts';
import { entriesOf } from './zip-entries.ts';

const crlf = (lines: readonly string[]): string => lines.join('\r\n');

const htmlMail = crlf([
  'From: "Ana Ruiz" <ana@contoso.test>',
  'To: eva@contoso.test',
  'Subject: Quarterly r=?utf-8?q?=C3=A9sum=C3=A9?= of figures',
  'Date: Tue, 13 Jan 2026 09:00:00 +0000',
  'Message-ID: <html-1@contoso.test>',
  'X-Odd: one',
  ' folded',
  'MIME-Version: 1.0',
  'Content-Type: multipart/related; boundary=r',
  '',
  '--r',
  'Content-Type: text/html; charset=utf-8',
  '',
  '<p>Dear <b>Eva</b>, <img src="cid:logo@x"><img src="https://track.example/pixel.gif"><a href="https://evil.example/login">https://contoso.test/login</a></p><script>alert(1)</script>',
  '--r',
  'Content-Type: image/png',
  'Content-ID: <logo@x>',
  'Content-Transfer-Encoding: base64',
  '',
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  '--r--',
  '',
]);

const longMail = crlf([
  'From: sam@contoso.test',
  'To: eva@contoso.test',
  'Subject: minutes',
  'Date: Wed, 14 Jan 2026 09:00:00 +0000',
  'Message-ID: <long-1@contoso.test>',
  '',
  `${'word '.repeat(400)}then the Überweisung to Köln was agreed ${'word '.repeat(400)}`,
  '',
]);

const at = (minute: number): string => `2026-01-12T10:${String(minute).padStart(2, '0')}:00Z`;
const items = [
  captured({
    id: 'i1',
    thread: 'th-1',
    owner: 'eva@contoso.test',
    text: 'Can you talk about the figures?',
    date: at(1),
    file: ['figures.pdf', '%PDF-1.7 figures'],
  }),
  captured({
    id: 'i1',
    thread: 'th-1',
    owner: 'sam@contoso.test',
    text: 'Can you talk about the figures?',
    date: at(1),
    file: ['figures.pdf', '%PDF-1.7 figures'],
    headers: ['X-Copy: 2'],
  }),
  captured({ id: 'i2', thread: 'th-1', owner: 'eva@contoso.test', from: sam, to: [eva], text: 'Not now', date: at(2) }),
  captured({
    id: 'EDIT-i1-1',
    thread: 'th-1',
    owner: 'eva@contoso.test',
    subject: 'EDIT - WhatsApp message',
    text: 'Original Message (Msg ID - i1)\r\nCan you talk about the Q2 figures?',
    date: at(3),
  }),
  captured({
    id: 'DELETE_FOR_ALL-zz',
    thread: 'th-1',
    owner: 'eva@contoso.test',
    from: sam,
    to: [eva],
    subject: 'DELETED For All - READ - WhatsApp message',
    text: 'Forget it',
    date: at(4),
  }),
  ...Array.from({ length: 40 }, (_, index) =>
    captured({
      id: `n${index}`,
      thread: 'th-1',
      owner: 'eva@contoso.test',
      ...(index % 2 === 0 ? {} : { from: sam, to: [eva] }),
      text: `line ${index}`,
      date: at(5 + index),
    }),
  ),
];
const messages = [htmlMail, longMail, ...items];
const id = (text: string): string => createHash('sha256').update(text).digest('hex');

let place: ServicePlace;
let auditor: Asker;
let token: string;
const heard: LiveEvent[] = [];
const listening = new AbortController();
before(async () => {
  place = await startServicePlace({
    yaml: ({ tenant, imap, mailbox }) => `tenants:
  lab: ${tenant}
sources:
  feed: { tenant: lab, mailbox: ${mailbox}, server: ${imap}, every: 1h, owners: [eva@contoso.test, sam@contoso.test], country: "44" }
`,
  });
  place.deliver(place.sandbox.seededMailbox, ...messages);
  await place.card('feed', (card) => card.messages === messages.length);
  await place.parts.archive.derived();
  auditor = await place.as('auditor');
  token = (await place.admin('POST', '/tokens', { name: 'downloads', role: 'auditor', expiresInDays: null })).as(madeApiToken).token;
  void (async () => {
    for await (const event of place.parts.live.listen(listening.signal)) heard.push(event);
  })();
});
after(async () => {
  listening.abort();
  await place.close();
});

async function logged(action: string): Promise<readonly { object: string; detail: string; who: string }[]> {
  return await place.parts.accounts.log({ limit: 500, action });
}

async function found(query: string, more = ''): Promise<ReturnType<typeof messagePage.parse>> {
  return (await auditor('GET', `/messages?q=${encodeURIComponent(query)}${more}`)).as(messagePage);
}

test('a search shows what it found marked, whatever case and accents, and says what it could not see', async () => {
  const page = await found('RESUME');
  assert.equal(page.rows.length, 1);
  assert.deepEqual(
    page.rows[0]?.subject.filter(({ hit }) => hit).map(({ text }) => text),
    ['résumé'],
  );
  assert.equal(page.rows[0]?.from, 'Ana Ruiz');
  assert.equal(page.lag, 0);
  assert.equal(page.problem, null);
});

test('a word far behind the first words is shown with what stands around it', async () => {
  const [row] = (await found('uberweisung "to koln"')).rows;
  const snippet = row?.snippet ?? [];
  assert.deepEqual(
    snippet.filter(({ hit }) => hit).map(({ text }) => text),
    ['Überweisung', 'to Köln'],
  );
  const text = snippet.map((piece) => piece.text).join('');
  assert.ok(text.length < 300 && text.includes('then the Überweisung to Köln was agreed'), text);
});

test('pages follow one another without a gap or a repetition, in both orders', async () => {
  for (const order of ['sent', 'arrival']) {
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const page: ReturnType<typeof messagePage.parse> = await found('', `&order=${order}&limit=7${next === null ? '' : `&after=${next}`}`);
      seen.push(...page.rows.map((row) => row.id));
      next = page.next;
    } while (next !== null);
    assert.deepEqual([...seen].sort(), messages.map(id).sort());
  }
});

test('a query that cannot be read is an answer that says where it is wrong', async () => {
  const page = await found('figures fron:eva more');
  assert.equal(page.problem?.code, 'archive.query-unreadable');
  assert.deepEqual(page.problemAt, { from: 8, to: 16 });
  assert.equal(page.problem?.evidence['nearest'], 'from');
  assert.deepEqual(page.rows, []);
  const facets = (await auditor('GET', '/messages/facets?q=direction:inbound')).as(messageFacets);
  assert.equal(facets.problem?.code, 'archive.query-unreadable');
});

test('facets count what the search finds', async () => {
  const facets = (await auditor('GET', '/messages/facets?q=platform:whatsapp')).as(messageFacets);
  assert.equal(facets.messages, items.length);
  assert.deepEqual(facets.platform, [{ value: 'whatsapp', messages: items.length }]);
  assert.deepEqual(facets.month, [{ value: '2026-01', messages: items.length }]);
  assert.equal(facets.complete, true);
});

test('a search is noted with its query, once for all its pages, and a look at a message with its SHA-256', async () => {
  const page = await found('line', '&limit=5');
  await found('line', `&limit=5&after=${page.next}`);
  assert.equal((await logged('message.search')).filter(({ detail }) => detail === 'line').length, 1);
  const one = id(htmlMail);
  for (const what of ['', '/text', '/source', '/html', '/raw', '/attachments/0']) await auditor('GET', `/messages/${one}${what}`);
  for (const action of ['message.view', 'message.text', 'message.source', 'message.html', 'message.raw', 'message.attachment']) {
    const [line] = await logged(action);
    assert.equal(line?.object, one, action);
    assert.match(line?.who ?? '', /^test-auditor/);
  }
});

test('pages, counts and news of a search are noted where nobody has asked for its first page', async () => {
  const other = await place.as('auditor');
  const { next } = await found('', '&limit=1');
  const lines = async (q: string): Promise<number> => (await logged('message.search')).filter(({ detail }) => detail === q).length;
  for (const [q, path] of [
    ['line 3', `/messages?q=line%203&after=${next}`],
    ['line 4', '/messages/facets?q=line%204'],
    ['line 5', '/messages/news?q=line%205'],
  ] as const) {
    for (let time = 0; time < 3; time += 1) assert.equal((await other('GET', path)).status, 200);
    assert.equal(await lines(q), 1, q);
    await other('GET', `/messages?q=${encodeURIComponent(q)}`);
    assert.equal(await lines(q), 1, 'the line of what was asked for just before stands for the search');
    await other('GET', `/messages?q=${encodeURIComponent(q)}`);
    assert.equal(await lines(q), 2, 'a search that is made again is noted again');
  }
});

test('what came since is counted, without a message being shown; beside a search that is noted no line is written', async () => {
  for (const q of ['', 'fron:x']) await found(q);
  const before = (await logged('message.search')).length;
  const news = async (more: string): Promise<MessageNews> => (await auditor('GET', `/messages/news?${more}`)).as(messageNews);
  const { newest } = await news('q=');
  assert.equal(newest, id(items.at(-1) ?? ''));
  assert.deepEqual(await news(`q=&known=${newest}`), { newest, messages: 0, more: false });
  assert.deepEqual(await news(`q=&known=${id(items.at(-31) ?? '')}`), { newest, messages: 30, more: false });
  assert.deepEqual(await news('q=fron:x'), { newest: null, messages: 0, more: false });
  assert.deepEqual(await news(`q=&known=${'0'.repeat(64)}`), { newest, messages: messages.length, more: true });
  assert.equal((await logged('message.search')).length, before);
});

test('a message is told whole: people, attachments, each field with its origin, where it was met', async () => {
  const detail = (await auditor('GET', `/messages/${id(items[0] ?? '')}`)).as(messageDetail);
  assert.equal(detail.platform, 'whatsapp');
  assert.equal(detail.threadId, 'th-1');
  assert.equal(detail.owner, 'eva@contoso.test');
  assert.deepEqual(
    detail.people.map(({ role, display, number, monitored }) => ({ role, display, number, monitored })),
    [
      { role: 'sender', display: 'Eva Brandt', number: '+447700900123', monitored: true },
      { role: 'recipient', display: 'Sam Hill', number: '+447700900777', monitored: true },
    ],
  );
  assert.deepEqual(
    detail.attachments.map(({ index, name, type, bytes }) => ({ index, name, type, bytes })),
    [{ index: 0, name: 'figures.pdf', type: 'application/pdf', bytes: 16 }],
  );
  const field = (name: string): unknown => detail.fields.find((one) => one.name === name);
  assert.deepEqual(field('threadId'), { name: 'threadId', value: 'th-1', origin: 'header:X-TELEMESSAGE-THREAD_ID' });
  assert.ok(detail.marks.includes('edited'), detail.marks.join());
  assert.equal(detail.occurrences[0]?.source, 'feed');
  assert.equal(detail.hasHtml, false);
  const edit = (await auditor('GET', `/messages/${id(items[3] ?? '')}`)).as(messageDetail);
  assert.deepEqual(edit.relations, [{ kind: 'edits', nativeId: 'i1', messages: [id(items[1] ?? ''), id(items[0] ?? '')] }]);
  const mail = (await auditor('GET', `/messages/${id(htmlMail)}`)).as(messageDetail);
  assert.equal(mail.hasHtml, true);
});

test('text and source are those of the message, headers in their order and unfolded', async () => {
  const text = (await auditor('GET', `/messages/${id(longMail)}/text`)).as(messageText);
  assert.ok(text.text.includes('then the Überweisung to Köln was agreed'));
  assert.equal(text.cut, false);
  const source = (await auditor('GET', `/messages/${id(htmlMail)}/source`)).as(messageSource);
  assert.deepEqual(
    source.headers.map(({ name }) => name),
    ['From', 'To', 'Subject', 'Date', 'Message-ID', 'X-Odd', 'MIME-Version', 'Content-Type'],
  );
  assert.equal(source.headers[5]?.value, 'one folded');
  assert.ok(source.raw.startsWith('From: "Ana Ruiz"'));
});

test('the bytes come as they arrived, and an attachment as it was before it was encoded, never to be shown', async () => {
  const raw = await fetchBytes(`/messages/${id(htmlMail)}/raw`);
  assert.equal(createHash('sha256').update(raw.bytes).digest('hex'), id(htmlMail));
  assert.match(raw.headers.get('content-disposition') ?? '', /^attachment; filename="[0-9a-f]{64}\.eml"/);
  const file = await fetchBytes(`/messages/${id(items[0] ?? '')}/attachments/0`);
  assert.equal(file.bytes.toString(), '%PDF-1.7 figures');
  assert.match(file.headers.get('content-disposition') ?? '', /^attachment; filename="figures.pdf"/);
  assert.equal(file.headers.get('content-type'), 'application/pdf');
  assert.equal(file.headers.get('content-length'), '16');
  assert.equal(file.headers.get('x-content-type-options'), 'nosniff');
  assert.match(file.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const picture = await fetchBytes(`/messages/${id(htmlMail)}/attachments/0`);
  assert.equal(picture.bytes.subarray(1, 4).toString(), 'PNG');
});

/** A download, byte for byte, by a token as a program would. */
async function fetchBytes(path: string): Promise<{ readonly bytes: Buffer; readonly headers: Headers }> {
  const answer = await fetch(`${place.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200, path);
  return { bytes: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
}

test('the HTML comes as a document in which nothing runs and nothing is loaded, with a report of what is not in it', async () => {
  const shown = await auditor('GET', `/messages/${id(htmlMail)}/html`);
  assert.equal(shown.status, 200);
  assert.match(shown.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  assert.match(shown.headers.get('content-security-policy') ?? '', /sandbox/);
  assert.ok(shown.text.includes('Dear <b>Eva</b>'));
  assert.ok(shown.text.includes('src="data:image/png;base64,iVBOR'));
  assert.doesNotMatch(shown.text, /script>|track\.example|href=/);
  const report = (await auditor('GET', `/messages/${id(htmlMail)}/html-report`)).as(htmlReport);
  assert.deepEqual(report, {
    remote: 1,
    pictures: 1,
    links: [{ text: 'https://contoso.test/login', href: 'https://evil.example/login', mismatch: true }],
    removed: [{ what: 'script', count: 1 }],
    cut: false,
  });
  const plain = await auditor('GET', `/messages/${id(longMail)}/html`);
  assert.ok(plain.text.includes('<pre>word word'));
});

test('ids that are none are refused, and those of nothing are not found', async () => {
  for (const wrong of ['abc', `${'g'.repeat(64)}`, '..%2f..%2fetc', 'A'.repeat(64)]) {
    const answer = await auditor('GET', `/messages/${wrong}`);
    assert.ok(answer.status === 400 || answer.status === 404, `${wrong}: ${answer.status}`);
  }
  const unknown = await auditor('GET', `/messages/${'0'.repeat(64)}`);
  assert.equal(unknown.status, 404);
  assert.equal(unknown.as(failure).fault.code, 'archive.unknown-message');
  const attachment = await auditor('GET', `/messages/${id(htmlMail)}/attachments/7`);
  assert.equal(attachment.status, 404);
  assert.equal(attachment.as(failure).fault.code, 'archive.unknown-attachment');
  assert.equal((await auditor('GET', `/messages/${id(htmlMail)}/attachments/-1`)).status, 400);
  assert.equal((await place.nobody('GET', `/messages/${id(htmlMail)}`)).status, 401);
});

test('a conversation shows each item once, with its copies, its changes, the gap, and whose side it is', async () => {
  const page = (await auditor('GET', '/conversations/th-1?limit=500')).as(conversationPage);
  assert.equal(page.messages, items.length);
  assert.equal(page.owner, 'eva@contoso.test');
  assert.deepEqual([page.next, page.previous], [null, null]);
  const [first, second, gap] = page.items;
  assert.equal(first?.text, 'Can you talk about the figures?');
  assert.equal(first?.own, true);
  assert.deepEqual(first?.copies, [id(items[1] ?? '')]);
  assert.deepEqual(
    first?.changes.map(({ kind, id: sha256 }) => ({ kind, sha256 })),
    [{ kind: 'edit', sha256: id(items[3] ?? '') }],
  );
  assert.equal(second?.own, false);
  assert.equal(second?.from, 'Sam Hill');
  assert.deepEqual(gap?.missing, { nativeId: 'zz' });
  assert.equal(gap?.changes[0]?.deletedFor, 'all');
  assert.equal(page.items.length, 43);
});

test('the pages of a conversation follow one another forwards, backwards, and around a message', async () => {
  const whole = (await auditor('GET', '/conversations/th-1?limit=500')).as(conversationPage).items.map((one) => one.id);
  const forwards: (string | null)[] = [];
  let page = (await auditor('GET', '/conversations/th-1?limit=10')).as(conversationPage);
  for (;;) {
    forwards.push(...page.items.map((one) => one.id));
    if (page.next === null) break;
    page = (await auditor('GET', `/conversations/th-1?limit=10&after=${page.next}`)).as(conversationPage);
  }
  assert.deepEqual(forwards, whole);
  const backwards: (string | null)[] = [];
  for (;;) {
    backwards.unshift(...page.items.map((one) => one.id));
    if (page.previous === null) break;
    page = (await auditor('GET', `/conversations/th-1?limit=10&before=${page.previous}`)).as(conversationPage);
  }
  assert.deepEqual(backwards, whole);
  const wanted = id(items[25] ?? '');
  const around = (await auditor('GET', `/conversations/th-1?limit=10&around=${wanted}`)).as(conversationPage);
  assert.ok(around.items.some((one) => one.id === wanted) && around.next !== null && around.previous !== null);
  // What an edit says is shown at its original.
  const edit = (await auditor('GET', `/conversations/th-1?limit=4&around=${id(items[3] ?? '')}`)).as(conversationPage);
  assert.ok(edit.items.some((one) => one.changes.some((change) => change.id === id(items[3] ?? ''))));
  const alone = (await auditor('GET', `/conversations/${id(htmlMail)}`)).as(conversationPage);
  assert.equal(alone.items[0]?.subject, 'Quarterly résumé of figures');
  const byMessageId = (await auditor('GET', `/conversations/${encodeURIComponent('<html-1@contoso.test>')}`)).as(conversationPage);
  assert.equal(byMessageId.items.length, 1);
  const unknown = await auditor('GET', '/conversations/nothing-like-it');
  assert.equal(unknown.as(failure).fault.code, 'archive.unknown-conversation');
});

test('an export is made in the background, told as it goes, and its zip is what its manifest says', { timeout: 240_000 }, async () => {
  const made = (await auditor('POST', '/exports', { q: 'thread:th-1', format: 'eml', reason: 'case 17' })).as(exportJob);
  const done = await exported(made.id);
  assert.equal(done.state, 'done', JSON.stringify(done.fault));
  assert.deepEqual([done.messages, done.damaged, done.fault], [items.length, 0, null]);
  const { bytes, headers } = await fetchBytes(`/exports/${made.id}/file`);
  assert.equal(bytes.length, done.zipBytes);
  assert.ok(headers.get('content-disposition')?.includes(done.fileName));
  const entries = entriesOf(bytes);
  const manifest = entries.get('manifest.jsonl');
  assert.equal(
    createHash('sha256')
      .update(manifest ?? '')
      .digest('hex'),
    done.manifest,
  );
  const lines = String(manifest)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.sha256).sort(), items.map(id).sort());
  for (const line of lines)
    assert.equal(
      createHash('sha256')
        .update(entries.get(line.file) ?? '')
        .digest('hex'),
      line.sha256,
    );
  assert.equal((await logged('export.start'))[0]?.detail, 'eml: case 17');
  assert.equal((await logged('export.download'))[0]?.object, made.id);
  assert.ok((await auditor('GET', '/exports')).as(exportList).exports.some((one) => one.id === made.id));
});

/** Waits until the service has told that it is over. */
async function exported(job: string): Promise<ExportJob> {
  const over = (): LiveEvent | undefined =>
    heard.find((event) => event.kind === 'export' && event.job.id === job && event.job.state !== 'running');
  await until(() => over() !== undefined, 30_000);
  return (await auditor('GET', `/exports/${job}`)).as(exportJob);
}
