/**
 * Exchange journal reports around mail and around captured messages, what only looks like one, and the record that each has to become.
 *
 * The hard thing is the line between the two: a report that is taken for mail is found all the same, but a mail that is taken for a report
 * would show somebody's invention as an envelope.
 */
import { anna, ben, type Case, carla, sentAt } from './rows.ts';
import { attachment, item, pair, setting } from './variants.ts';

export const envelope = [
  'Sender: anna.keller@contoso.test',
  'Subject: terms',
  'Message-ID: <inner-1@contoso.test>',
  'To: ben.okafor@fabrikam.example',
  'To: carla.mendes@fabrikam.example, Expanded: desk@fabrikam.example',
  'Bcc: audit@contoso.test',
].join('\r\n');

/** A journal report around a message. */
export function report(
  text: string,
  inner: Buffer,
  more: { readonly header?: string; readonly isBase64?: boolean; readonly end?: string } = {},
): Buffer {
  const content = more.isBase64 === true ? inner.toString('base64').replaceAll(/.{76}/g, '$&\r\n') : inner.toString('latin1');
  const lines = [
    'From: <journal@contoso.test>',
    'To: archive@contoso.test',
    'Subject: terms',
    'Message-ID: <report-1@journal.report.generator>',
    'Date: Thu, 01 Jan 2026 10:00:01 +0000',
    more.header ?? 'X-MS-Journal-Report:',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="journal-part"',
    '',
    '--journal-part',
    'Content-Type: text/plain; charset="us-ascii"',
    'Content-Transfer-Encoding: 7bit',
    '',
    text,
    '',
    '--journal-part',
    'Content-Type: message/rfc822',
    ...(more.isBase64 === true ? ['Content-Transfer-Encoding: base64'] : []),
    '',
    content,
    more.end ?? '--journal-part--\r\n',
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

export const innerMail = Buffer.from(
  [
    'From: Anna Keller <anna.keller@contoso.test>',
    'To: ben.okafor@fabrikam.example, desk@fabrikam.example',
    'Subject: terms',
    'Message-ID: <inner-1@contoso.test>',
    'In-Reply-To: <inner-0@contoso.test>',
    'References: <first@contoso.test> <inner-0@contoso.test>',
    'Date: Thu, 01 Jan 2026 10:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="inner-part"',
    '',
    '--inner-part',
    'Content-Type: text/plain',
    '',
    'The terms.',
    '--inner-part',
    attachment('terms.pdf', 'application/pdf', Buffer.concat([Buffer.from('%PDF-'), Buffer.alloc(40_000, 'x')])),
    '--inner-part--',
    '',
  ].join('\r\n'),
  'latin1',
);

export function journalCases(): Case[] {
  const owners = { nameOrder: 'first-last', owners: [anna.email] } as const;
  const understood = {
    format: 'journal',
    subject: 'terms',
    messageId: '<inner-1@contoso.test>',
    nativeId: '<inner-1@contoso.test>',
    threadId: '<first@contoso.test>',
    relatesTo: [{ kind: 'replyTo', nativeId: '<inner-0@contoso.test>' }],
    sentAt,
    preview: 'The terms.',
    direction: 'out',
    attachmentSizes: [40_005],
    participants: [
      { role: 'sender', email: anna.email, name: 'Anna Keller', monitored: true, external: false },
      { role: 'recipient', email: ben.email, external: true },
      { role: 'recipient', email: 'desk@fabrikam.example' },
      { role: 'recipient', email: carla.email },
      { role: 'bcc', email: 'audit@contoso.test', external: false },
    ],
  };
  const asMail = { format: 'mail', messageId: '<report-1@journal.report.generator>', flags: ['journal-lookalike'], journal: undefined };
  return [
    { name: 'a journal report', mail: report(envelope, innerMail), setting: owners, expected: { ...understood, flags: [] } },
    {
      name: 'a journal report around base64',
      mail: report(envelope, innerMail, { isBase64: true }),
      setting: owners,
      expected: { ...understood, flags: [] },
    },
    {
      name: 'a journal report that ends before its end',
      mail: report(envelope, innerMail, { end: '' }),
      setting: owners,
      expected: { ...understood, flags: ['boundary-missing'] },
    },
    {
      name: 'a journal report around a captured message',
      mail: report(envelope, item({})),
      setting,
      expected: {
        format: 'telemessage',
        nativeId: 'item-1',
        platform: 'whatsapp',
        direction: 'out',
        flags: [],
        subject: `WhatsApp message ${pair}`,
      },
    },
    {
      name: 'a report with a line more than the form has',
      mail: report(`${envelope}\r\nPlease note the above.`, innerMail),
      setting: owners,
      expected: asMail,
    },
    {
      name: 'a report with a line twice',
      mail: report(`${envelope}\r\nSender: eve@evil.example`, innerMail),
      setting: owners,
      expected: asMail,
    },
    {
      name: 'a report without recipients',
      mail: report('Sender: a@contoso.test\r\nMessage-ID: <x@y>', innerMail),
      setting: owners,
      expected: asMail,
    },
    {
      name: 'a report whose header has a value',
      mail: report(envelope, innerMail, { header: 'X-MS-Journal-Report: yes' }),
      setting: owners,
      expected: asMail,
    },
    {
      name: 'a report with a second message in it',
      mail: report(envelope, innerMail, {
        end: `--journal-part\r\nContent-Type: message/rfc822\r\n\r\n${innerMail.toString('latin1')}\r\n--journal-part--\r\n`,
      }),
      setting: owners,
      expected: asMail,
    },
    {
      name: 'a journal report where every message is to be taken as mail',
      mail: report(envelope, innerMail),
      setting: { ...owners, format: 'mail' },
      expected: { ...asMail, flags: [] },
    },
  ];
}
