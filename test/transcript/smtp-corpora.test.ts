/** SMTP answers that nobody here wrote, read by our wire reader, whole and byte by byte. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { defaultSmtpLimits } from '../../src/mail/smtp/endpoint.ts';
import { SmtpReader } from '../../src/mail/smtp/wire.ts';
import { corpora, events, exchangeLines, mailkitSteps, type Sample, skipWithoutCorpora as skip } from './replay.ts';

test('every SMTP session that MailKit recorded can be read', { skip }, () => {
  readAll(
    mailkitSteps('smtp').map(({ session, client, answer }) => ({ name: `${session}: ${client}`, bytes: answer })),
    70,
  );
});

test('every line that somebody saw the SMTP server of Exchange send can be read', { skip }, () => {
  readAll(exchangeLines('smtp'), 1);
  const recorded = readFileSync(new URL('exchange/ace-smtp/sample', corpora), 'latin1');
  // The recorder has put the command before each line, and left out the signs of lines that go on.
  const said = [...recorded.matchAll(/^< (?:[A-Z]*|>) (\d{3} .*)$/gm)].map((match) => `${match[1]}\r\n`);
  readAll([{ name: 'ace-smtp', bytes: Buffer.from(said.join(''), 'latin1') }], 1);
});

test("the server's side of James' SMTP scripts can be read", { skip }, () => {
  const samples: Sample[] = readdirSync(new URL('james-mpt/smtp/', corpora)).map((file) => {
    const text = readFileSync(new URL(`james-mpt/smtp/${file}`, corpora), 'utf8');
    const said = [...text.matchAll(/^S: (\d{3}.*)$/gm)].map((match) => `${match[1]?.replace('.*', ' ok')}\r\n`);
    return { name: file, bytes: Buffer.from(said.join('')) };
  });
  readAll(samples, 1);
});

test('the answers that curl serves by SMTP can be read', { skip }, () => {
  const samples: Sample[] = [];
  for (const file of readdirSync(new URL('curl/', corpora))) {
    const text = readFileSync(new URL(`curl/${file}`, corpora), 'latin1');
    if (!/^SMTP$/m.test(text)) continue;
    const replies = [...text.matchAll(/^REPLY (?:"[^"]*"|\S+) (\d{3}.*)$/gm)].map(
      (match) => `${match[1]?.replaceAll('\\r\\n', '\r\n')}\r\n`,
    );
    const data = /<data[^>]*>\n([\s\S]*?)<\/data>/.exec(text)?.[1]?.replaceAll('\n', '\r\n') ?? '';
    const said = `${replies.join('')}${/^\d{3}[- ]/.test(data) ? data : ''}`;
    if (said !== '') samples.push({ name: file, bytes: Buffer.from(said, 'latin1') });
  }
  readAll(samples, 10);
});

function readAll(samples: readonly Sample[], atLeast: number): void {
  assert.ok(samples.length >= atLeast, `only ${samples.length} samples`);
  for (const { name, bytes } of samples) {
    const [whole, byByte] = [bytes.length, 1].map((pieceBytes) => {
      const reader = new SmtpReader(defaultSmtpLimits);
      const seen = events(reader, bytes, pieceBytes);
      assert.ok(reader.clean, `${name}: ends inside an answer`);
      assert.deepEqual(
        seen.filter((event) => event.kind === 'stray'),
        [],
        name,
      );
      return seen;
    });
    assert.deepEqual(whole, byByte, name);
  }
}
