import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../fault/fault.ts';
import { alertMail } from './alert-mail.ts';
import type { OpenAlert } from './alerts.ts';
import { type Notice, type NoticeEvent, noticeOf } from './notice.ts';

const at = Date.UTC(2031, 3, 7, 9);
const sender = { from: 'postern@contoso.test', to: ['eva@contoso.test', 'night@contoso.test'] };

function notice(source: string, event: NoticeEvent = 'opened', seen = 'NO'): Notice {
  const since = { wallMs: at, steadyMs: 0 };
  const alert: OpenAlert = {
    key: `source ${source} refused`,
    kind: 'refused',
    severity: 'critical',
    source,
    tenant: undefined,
    sources: [source],
    fault: new Fault('imap.not-connected', { server: seen }),
    measure: 0,
    since,
    once: false,
    opened: since,
    id: 7,
    acknowledged: false,
  };
  return noticeOf(event, alert, 'archive1', at, 'd1');
}

/** RFC 5322 and RFC 2047, as far as our own mails use them. */
function read(text: string): { readonly head: ReadonlyMap<string, string>; readonly body: string } {
  const [top = '', body = ''] = text.split('\r\n\r\n');
  const lines = top.replace(/\r\n[ \t]/g, ' ').split('\r\n');
  const word = (_: string, base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
  const head = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(': ');
      return [
        line.slice(0, colon),
        line
          .slice(colon + 2)
          .replace(/\?= =\?/g, '?==?')
          .replace(/=\?utf-8\?B\?([^?]*)\?=/g, word),
      ];
    }),
  );
  return { head, body: Buffer.from(body, 'base64').toString('utf8') };
}

test('a mail names what is wrong in its subject, and the fix and the way to acknowledge in its text', () => {
  const { head, body } = read(alertMail([notice('mail')], sender));
  assert.equal(head.get('Subject'), '[postern] critical: source mail: refused. The login was accepted, but the mailbox did not open.');
  assert.equal(head.get('To'), '<eva@contoso.test>, <night@contoso.test>');
  assert.match(body, /^fix: {4}Most often/m);
  assert.match(body, /^ {2}server: NO$/m);
  assert.match(body, /postern import alerts --ack 7 --note TEXT/);
});

test('nobody answers it by machine', () => {
  const { head } = read(alertMail([notice('mail')], sender));
  assert.deepEqual([head.get('Auto-Submitted'), head.get('X-Auto-Response-Suppress')], ['auto-generated', 'All']);
});

test('many alerts are one mail that says how many', () => {
  const { head, body } = read(alertMail([notice('a'), notice('b'), notice('c', 'cleared')], sender));
  assert.match(head.get('Subject') ?? '', /\(and 2 more\)$/);
  assert.deepEqual(body.match(/^[A-Z]+: source \w/gm), ['OPENED: source a', 'OPENED: source b', 'CLEARED: source c']);
});

test('what is over needs no fix any more', () => {
  const { head, body } = read(alertMail([notice('mail', 'cleared')], sender));
  assert.match(head.get('Subject') ?? '', /^\[postern\] over: /);
  assert.doesNotMatch(body, /^fix:|--ack/m);
});

test('what a server said can begin no line of the mail of its own', () => {
  const text = alertMail([notice('mail', 'opened', 'bad\r\nBcc: all@contoso.test\r\n\r\nOPENED: nonsense')], sender);
  const { head, body } = read(text);
  assert.equal(head.has('Bcc'), false);
  assert.match(body, /^ {2}server: bad Bcc: all@contoso\.test OPENED: nonsense$/m);
});

test('lines are short enough for every server, and ASCII', () => {
  const text = alertMail([notice('quarter-é-'.repeat(30))], sender);
  for (const line of text.split('\r\n')) assert.match(line, /^[\x20-\x7e]{0,78}$/);
});
