/**
 * Mail in the shape in which TeleMessage delivers what it captured: subjects, participants and headers by the vendor's known forms.
 *
 * The hard thing is what is not known: body layout and some header values are only inferred, so nothing here claims to be a copy of one.
 * Names, numbers and words are ours; numbers are from ranges kept for fiction, addresses end in `.example` or `.test`.
 */

import { Chance } from './random.ts';

export interface CapturedItem {
  readonly number: number;
  readonly at: Date;
  readonly recipient: string;
}

const people = [
  ['Anna', 'Keller', '447700900101'],
  ['Ben', 'Okafor', '447700900102'],
  ['Carla', 'Mendes', '447700900103'],
  ['Dan', 'Whitfield', '447700900104'],
  ['Eva', 'Novak', '447700900105'],
] as const satisfies readonly (readonly [string, string, string])[];

const lines = [
  'Can we settle the trade before noon?',
  'The revised terms are in your inbox, please confirm.',
  'Running ten minutes late, start without me.',
  'Client asks for the quote again, same volume as last week.',
  'Agreed. I will book it and send the note.',
  'Call me when you are out of the meeting.',
  'Thanks, received. Nothing more from my side today.',
] as const;

const networks = [
  ['WhatsApp', 'WHATSAPP_ARCHIVER'],
  ['Signal', 'SIGNAL'],
  ['Telegram', 'TELEGRAM'],
  ['SMS', 'NETWORK_ARCHIVING'],
] as const;

/** One captured message, the same for the same number and time. CRLF line ends. */
export function capturedMail(item: CapturedItem): Buffer {
  const chance = new Chance(item.number * 7919);
  const [first, last, mobile] = chance.pick(people);
  const [otherFirst, otherLast, otherMobile] = chance.pick(people);
  const [platform, source] = chance.pick(networks);
  const text = chance.pick(lines);
  const id = `${item.at.getTime()}_${mobile}_${item.number}`;
  const subject = platform === 'SMS' ? `SMS from ${mobile} to ${otherMobile}` : `${platform} message from ${mobile} to ${otherMobile}`;
  const head = [
    `Return-Path: <archive@telemessage.example>`,
    `Received: from relay.telemessage.example (relay.telemessage.example [192.0.2.25]) by mx.contoso.test with ESMTPS; ${rfc5322Date(item.at)}`,
    `From: ${first} ${last} ${mobile} <${first.toLowerCase()}.${last.toLowerCase()}@contoso.test>`,
    `To: ${otherFirst} ${otherLast} ${otherMobile} <${otherFirst.toLowerCase()}.${otherLast.toLowerCase()}@fabrikam.example>`,
    `Subject: ${subject}`,
    `Date: ${rfc5322Date(item.at)}`,
    `Message-ID: <${id}@telemessage.example>`,
    `RCPT_TO: ${item.recipient}`,
    `X-TELEMESSAGE-ArchiveMessageID: ${id}`,
    `X-TELEMESSAGE-THREAD_ID: ${mobile}-${otherMobile}`,
    `X-TELEMESSAGE-ThreadName: ${otherFirst} ${otherLast}`,
    `X-TELEMESSAGE-ArchiveInitiator: ${mobile}`,
    `X-TELEMESSAGE-ArchiveSource: ${source}`,
    `X-TELEMESSAGE-Network: ${platform}`,
    `X-TELEMESSAGE-MessageType: ${platform === 'SMS' ? 'pager-message' : 'app-message'}`,
    `X-TELEMESSAGE-Status: Delivered`,
    `X-TELEMESSAGE-OriginalMesageIntegrity: ${chance.digits(32)}`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="tm-${item.number}"`,
    '',
    `--tm-${item.number}`,
    'Content-Type: text/plain; charset="UTF-8"',
    'Content-Transfer-Encoding: 8bit',
    '',
    text,
    '',
    `--tm-${item.number}--`,
    '',
  ];
  return Buffer.from(head.join('\r\n'));
}

/** RFC 5322 §3.3, in UTC. */
export function rfc5322Date(at: Date): string {
  return at.toUTCString().replace('GMT', '+0000');
}
