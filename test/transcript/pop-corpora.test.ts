/** POP3 answers that nobody here wrote, read by our wire reader, whole and byte by byte. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { defaultPopLimits } from '../../src/mail/pop/endpoint.ts';
import { type AnswerForm, type PopEvent, PopReader } from '../../src/mail/pop/wire.ts';
import { corpora, events, exchangeLines, mailkitSteps, skipWithoutCorpora as skip } from './replay.ts';

test('every POP3 session that MailKit recorded can be read, and its messages come out without their dots', { skip }, () => {
  const steps = mailkitSteps('pop3');
  let messages = 0;
  for (const { session, client, answer } of steps) {
    const forms = client.split('\r\n').filter(Boolean).map(form);
    const bytes = read(`${session}: ${client}`, answer, forms);
    if (bytes === undefined) continue;
    messages += 1;
    assert.equal(bytes.toString('latin1'), unstuffed(answer.toString('latin1')), session);
  }
  assert.ok(steps.length >= 180 && messages >= 25, `${steps.length} steps, ${messages} messages`);
});

test('every line that somebody saw the POP3 server of Exchange send can be read', { skip }, () => {
  const samples = exchangeLines('pop3').filter(({ bytes }) => /^[+-]/.test(Buffer.from(bytes).toString()));
  assert.ok(samples.length >= 2);
  for (const { name, bytes } of samples) read(name, Buffer.from(bytes), []);
});

test('the data that curl serves by POP3 comes out as it went in', { skip }, () => {
  let messages = 0;
  for (const file of readdirSync(new URL('curl/', corpora))) {
    const text = readFileSync(new URL(`curl/${file}`, corpora), 'latin1');
    const data = /<data[^>]*>\n([\s\S]*?)<\/data>/.exec(text)?.[1]?.replaceAll('\n', '\r\n');
    if (data === undefined || !/^POP3$/m.test(text)) continue;
    messages += 1;
    const answer = Buffer.from(`+OK\r\n${data.replace(/^\./gm, '..')}.\r\n`, 'latin1');
    assert.equal(read(file, answer, ['message'])?.toString('latin1'), data, file);
  }
  assert.ok(messages >= 5, `only ${messages} messages`);
});

/** What follows +OK to this command. */
function form(command: string): AnswerForm {
  if (/^(?:RETR|TOP) /i.test(command)) return 'message';
  return /^(?:CAPA|LIST|UIDL|LANG)$/i.test(command.trim()) ? 'lines' : 'status';
}

/** Reads the answer in both ways and compares them; the bytes of its messages, if it has some. */
function read(name: string, answer: Buffer, forms: readonly AnswerForm[]): Buffer | undefined {
  const ways = [answer.length, 1].map((pieceBytes) => {
    const reader = new PopReader(defaultPopLimits);
    for (const each of forms) reader.expect(each);
    const seen = events(reader, answer, pieceBytes);
    assert.ok(reader.clean, `${name}: ends inside an answer`);
    assert.ok(!seen.some((event) => event.kind === 'stray'), `${name}: ${JSON.stringify(seen.find((event) => event.kind === 'stray'))}`);
    return { bytes: joined(seen), others: seen.filter((event) => event.kind !== 'chunk') };
  });
  assert.deepEqual(ways[0], ways[1], name);
  return forms.includes('message') ? ways[0]?.bytes : undefined;
}

function joined(seen: readonly PopEvent[]): Buffer {
  return Buffer.concat(seen.map((event) => (event.kind === 'chunk' ? event.bytes : Buffer.alloc(0))));
}

/** The messages in these answers, by another way than ours. */
function unstuffed(answers: string): string {
  return answers
    .split(/(?<=\r\n)\.\r\n/)
    .map((answer) => answer.replace(/^\+OK[^\n]*\n/, ''))
    .filter((body) => !body.startsWith('-ERR'))
    .map((body) => body.replace(/(^|\r\n)\./g, '$1'))
    .join('');
}
