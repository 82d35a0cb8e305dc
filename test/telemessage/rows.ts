/**
 * TeleMessage's mail made by us: every known subject, in every form of the participants, with every state of the headers; and beside each
 * what a record of it has to say, by rule from what is known of the feed. Shares no code with the product.
 *
 * The hard thing is that no complete mail of the feed is public: subjects, header names and codes are facts, the values of some headers
 * are inferred. People and words are invented; numbers are from ranges kept for fiction, addresses end in `.example` or `.test`.
 */

export interface Person {
  readonly first: string;
  readonly last: string;
  readonly mobile: string;
  readonly email: string;
}

/** The monitored one. */
export const anna: Person = { first: 'Anna', last: 'Keller', mobile: '447700900101', email: 'anna.keller@contoso.test' };
export const ben: Person = { first: 'Ben', last: 'Okafor', mobile: '447700900102', email: 'ben.okafor@fabrikam.example' };
export const carla: Person = { first: 'Carla', last: 'Mendes', mobile: '447700900103', email: 'carla.mendes@fabrikam.example' };

export interface ExpectedParticipant {
  readonly role?: string;
  readonly name?: string | undefined;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
  readonly phoneRaw?: string | undefined;
  readonly e164?: string | undefined;
  readonly email?: string | undefined;
  readonly syntheticEmail?: string;
  readonly displayRaw?: string;
  readonly monitored?: boolean;
  readonly external?: boolean;
}

/** Every field named here has to be exactly so in the record; of a participant every field named. */
export interface Expected {
  readonly participants?: readonly ExpectedParticipant[];
  /** Codes of the flags, in any order. */
  readonly flags?: readonly string[];
  /** Part of the preview, or the whole of it. */
  readonly preview?: string;
  readonly [field: string]: unknown;
}

/** What is set on the source. */
export interface Setting {
  readonly format?: 'auto' | 'telemessage' | 'journal' | 'mail';
  readonly nameOrder: 'first-last' | 'last-first';
  readonly owners?: readonly string[];
  readonly country?: string;
}

export interface Case {
  readonly name: string;
  readonly mail: Buffer;
  readonly setting: Setting;
  readonly expected: Expected;
}

/** One row of the subject grammar, with what else the feed would say of such an item. */
interface Row {
  readonly name: string;
  readonly subject: string;
  readonly messageType: string;
  readonly network: string;
  readonly source: string;
  readonly group?: string;
  readonly id: string;
  readonly text: string;
  /** Whether the subject gives the numbers of sender and recipient. */
  readonly numbers: 'both' | 'sender' | 'none';
  readonly expected: Expected;
}

const words = 'The revised terms are in your inbox, please confirm.';
const pair = `from ${anna.mobile} to ${ben.mobile}`;
const direct = { chatType: 'direct', relatesTo: [] };
const message = { eventKind: 'message', modality: 'im', preview: words };

function row(name: string, subject: string, expected: Expected, more: Partial<Row> = {}): Row {
  const id = `1767261600000_${anna.mobile}_${name.length}`;
  return {
    name,
    subject,
    messageType: 'app-message',
    network: 'WhatsApp',
    source: 'WHATSAPP_ARCHIVER',
    id,
    text: words,
    numbers: 'both',
    expected,
    ...more,
  };
}

const signal = { network: 'Signal', source: 'SIGNAL' } as const;
const telegram = { network: 'Telegram', source: 'TELEGRAM' } as const;
const carrier = { network: 'NETWORK_ARCHIVING', source: 'NETWORK_ARCHIVING' } as const;
const original = `1767261500000_${anna.mobile}_0`;

function followUp(name: string, subject: string, expected: Expected, more: Partial<Row> = {}): Row {
  const kind = expected['eventKind'] === 'edit' ? 'edits' : 'deletes';
  return row(
    name,
    subject,
    { modality: 'im', chatType: 'direct', platform: 'whatsapp', relatesTo: [{ kind, nativeId: original }], ...expected },
    more,
  );
}

export const rows: readonly Row[] = [
  row('a WhatsApp message', `WhatsApp message ${pair}`, { ...message, ...direct, platform: 'whatsapp' }),
  row('another spelling of the platform', `Whatsapp message ${pair}`, { ...message, ...direct, platform: 'whatsapp' }),
  row('a Signal message', `Signal message ${pair}`, { ...message, ...direct, platform: 'signal' }, signal),
  row('a Telegram message', `Telegram message ${pair}`, { ...message, ...direct, platform: 'telegram' }, telegram),
  row(
    'a Signal group',
    `Signal message from ${anna.mobile} to chat group Rates desk`,
    { ...message, platform: 'signal', chatType: 'group', groupName: 'Rates desk' },
    { ...signal, group: 'Rates desk', numbers: 'sender' },
  ),
  row(
    'a WhatsApp group with the words swapped',
    `WhatsApp message from ${anna.mobile} to Rates desk chat group`,
    { ...message, platform: 'whatsapp', chatType: 'group', groupName: 'Rates desk' },
    { source: 'WHATSAPP_CLOUD_ARCHIVER', group: 'Rates desk', numbers: 'sender' },
  ),
  row(
    'a Telegram channel, sent by a name',
    'Telegram message from Market Watch to channel Morning notes',
    { ...message, platform: 'telegram', chatType: 'channel', groupName: 'Morning notes' },
    { ...telegram, group: 'Morning notes', numbers: 'none' },
  ),
  row(
    'a WhatsApp group without the word',
    `WhatsApp Message from ${anna.mobile} to Rates desk`,
    { ...message, platform: 'whatsapp', chatType: 'group', groupName: 'Rates desk' },
    { group: 'Rates desk', numbers: 'sender' },
  ),
  row(
    'an SMS',
    `SMS ${pair}`,
    { eventKind: 'message', modality: 'sms', preview: words, ...direct, platform: 'sms' },
    { ...carrier, messageType: 'pager-message' },
  ),
  row(
    'a call of the telephone',
    `voice call ${pair}`,
    { eventKind: 'call', modality: 'voice', chatType: 'direct', platform: undefined, call: {}, preview: '' },
    { ...carrier, messageType: 'voice-call', text: '' },
  ),
  row(
    'a WhatsApp voice call',
    `WhatsApp voice call ${pair}`,
    { eventKind: 'call', modality: 'voice', chatType: 'direct', platform: 'whatsapp', call: {} },
    { messageType: 'voice-call', text: '' },
  ),
  row(
    'an unanswered Signal video call',
    `unanswered Signal video call ${pair}`,
    { eventKind: 'call', modality: 'video', chatType: 'direct', platform: 'signal', call: { result: 'unanswered' } },
    { ...signal, messageType: 'video-call', text: '' },
  ),
  row(
    'an unanswered call of the telephone',
    `unanswered voice call ${pair}`,
    { eventKind: 'call', modality: 'voice', chatType: 'direct', platform: undefined, call: { result: 'unanswered' } },
    { ...carrier, messageType: 'voice-call', text: '' },
  ),
  row(
    'several calls in one item',
    'Calls with multiple participants',
    {
      eventKind: 'call',
      modality: 'voice',
      chatType: 'unknown',
      call: {
        legs: [
          {
            raw: `Ben Okafor 2026-01-01 09:12:00 00:01:30 Incoming Call to: ${anna.mobile}`,
            direction: 'in',
            other: 'Ben Okafor',
            number: anna.mobile,
            at: '2026-01-01 09:12:00',
            durationSec: 90,
          },
          {
            raw: `${carla.mobile} 01/01/2026 1:00:05 Outgoing Call from: ${anna.mobile}`,
            direction: 'out',
            other: carla.mobile,
            number: anna.mobile,
            at: '01/01/2026',
            durationSec: 3605,
          },
        ],
      },
    },
    {
      ...carrier,
      messageType: 'call-log',
      numbers: 'none',
      text: [
        `Ben Okafor 2026-01-01 09:12:00 00:01:30 Incoming Call to: ${anna.mobile}`,
        `${carla.mobile} 01/01/2026 1:00:05 Outgoing Call from: ${anna.mobile}`,
      ].join('\r\n'),
    },
  ),
  ...(['READ', 'UNREAD', 'UNKNOWN'] as const).flatMap((state) => [
    followUp(
      `a deletion, ${state}, with dashes`,
      `DELETED – ${state} – WhatsApp message ${pair}`,
      { eventKind: 'delete', readState: state.toLowerCase(), deletedFor: 'all' },
      { id: `DELETE_FOR_ALL-${original}`, text: `${words}\r\nOriginal Message (Msg ID - ${original})` },
    ),
    followUp(
      `a deletion for oneself, ${state}`,
      `DELETED For Me ${state} WhatsApp message ${pair}`,
      { eventKind: 'delete', readState: state.toLowerCase(), deletedFor: 'me' },
      { id: `DELETE_FOR_ME-${original}`, text: `Original Message (Msg ID - ${original})\r\n${words}` },
    ),
    followUp(
      `a deletion for all, ${state}`,
      `DELETED For All ${state} WhatsApp message ${pair}`,
      { eventKind: 'delete', readState: state.toLowerCase(), deletedFor: 'all' },
      { id: `DELETE_FOR_ALL-${original}`, text: `${words}\r\nOriginal Message (Msg ID - ${original})` },
    ),
    followUp(
      `an edit, ${state}`,
      `EDIT ${state} WhatsApp message ${pair}`,
      { eventKind: 'edit', readState: state.toLowerCase() },
      {
        id: `EDIT-${original}-2`,
        text: `Original Message ID: ${original}\r\nEdit ID - 2\r\nLast Edit ID - 1\r\nPrevious Text:\r\nat noon\r\nEdited Text:\r\n${words}`,
      },
    ),
  ]),
  row('a status', `STATUS - WhatsApp message ${pair}`, { eventKind: 'status', modality: 'im', ...direct, platform: 'whatsapp' }),
  row(
    'a system event',
    'Android Archiver System Event',
    { eventKind: 'system', modality: 'event', threadId: undefined, participants: [] },
    { network: 'WIRELESS_COPY', source: 'WIRELESS_COPY', messageType: 'event', text: 'SIM removed', numbers: 'none' },
  ),
  row(
    'a system event that names the phone',
    `Android Archiver System Event - User Anna Keller mobile ${anna.mobile} SIM removed`,
    {
      eventKind: 'system',
      modality: 'event',
      threadId: undefined,
      owner: anna.mobile,
      participants: [{ role: 'owner', name: 'Anna Keller', phoneRaw: anna.mobile, e164: `+${anna.mobile}` }],
    },
    { network: 'WIRELESS_COPY', source: 'WIRELESS_COPY', messageType: 'event', text: 'SIM removed', numbers: 'none' },
  ),
];

/** How a participant is written (the eight choices of the portal), and what can be known from it. */
export const formats: readonly {
  readonly name: string;
  readonly nameOrder: Setting['nameOrder'];
  readonly write: (one: Person) => string;
  readonly hasName: boolean;
  readonly hasPhone: boolean;
}[] = [
  {
    name: 'First Last Mobile',
    nameOrder: 'first-last',
    hasName: true,
    hasPhone: true,
    write: (p) => `${p.first} ${p.last} ${p.mobile} <${p.email}>`,
  },
  {
    name: 'quoted',
    nameOrder: 'first-last',
    hasName: true,
    hasPhone: true,
    write: (p) => `"${p.first} ${p.last} ${p.mobile}" <${p.email}>`,
  },
  {
    name: 'Last First Mobile',
    nameOrder: 'last-first',
    hasName: true,
    hasPhone: true,
    write: (p) => `${p.last} ${p.first} ${p.mobile} <${p.email}>`,
  },
  {
    name: 'Last, First Mobile',
    nameOrder: 'last-first',
    hasName: true,
    hasPhone: true,
    write: (p) => `${p.last}, ${p.first} ${p.mobile} <${p.email}>`,
  },
  { name: 'Mobile', nameOrder: 'first-last', hasName: false, hasPhone: true, write: (p) => `${p.mobile} <${p.email}>` },
  { name: 'First Last', nameOrder: 'first-last', hasName: true, hasPhone: false, write: (p) => `${p.first} ${p.last} <${p.email}>` },
  { name: 'Last First', nameOrder: 'last-first', hasName: true, hasPhone: false, write: (p) => `${p.last} ${p.first} <${p.email}>` },
  { name: 'Last, First', nameOrder: 'last-first', hasName: true, hasPhone: false, write: (p) => `${p.last}, ${p.first} <${p.email}>` },
];

export const headerStates = ['none', 'all', 'misspelt', 'duplicated'] as const;

/** The feed's headers of a row by their names as they are seen. */
function headersOf(one: Row): (readonly [string, string])[] {
  const isSystem = one.messageType === 'event';
  return [
    ['X-TELEMESSAGE-ArchiveMessageID', one.id],
    ...(isSystem ? [] : ([['X-TELEMESSAGE-THREAD_ID', 'thread-77']] as const)),
    ...(isSystem ? [] : ([['X-TELEMESSAGE-ThreadName', 'Ben Okafor']] as const)),
    ...(one.group === undefined
      ? []
      : ([
          ['X-TELEMESSAGE-GroupID', 'group-9'],
          ['X-TELEMESSAGE-GROUP_NAME', one.group],
        ] as const)),
    ['X-TELEMESSAGE-OriginalMesageIntegrity', '0f1e2d3c'],
    ['X-TELEMESSAGE-ArchiveInitiator', anna.mobile],
    ['X-TELEMESSAGE-ArchiveSource', one.source],
    ['X-TELEMESSAGE-Network', one.network],
    ['X-TELEMESSAGE-MessageType', one.messageType],
    ['X-TELEMESSAGE-Status', 'Delivered'],
    ['X-TELEMESSAGE-SID', '4711'],
  ];
}

/** The same names as somebody else would misspell them. */
function misspelt(name: string): string {
  const other = name.includes('Mesage')
    ? name.replace('Mesage', 'Message')
    : name.replace('MessageI', 'MesageI').replace('MessageT', 'MesageT');
  return other.replace('THREAD_ID', 'ThreadId').replace('GROUP_NAME', 'Group-Name').replace('X-TELEMESSAGE', 'x-TeleMessage');
}

export function inState(state: (typeof headerStates)[number], headers: readonly (readonly [string, string])[]): string[] {
  if (state === 'none') return [];
  const lines = headers.map(([name, value]) => `${state === 'misspelt' ? misspelt(name) : name}: ${value}`);
  return state === 'duplicated' ? lines.flatMap((line) => [line, line]) : lines;
}

/** A whole mail: CRLF line ends, one text part in a multipart, as far as it is known. */
export function mailOf(fields: readonly string[], text: string, parts: readonly string[] = []): Buffer {
  const body = [
    '',
    '--tm-part',
    'Content-Type: text/plain; charset="UTF-8"',
    'Content-Transfer-Encoding: 8bit',
    '',
    text,
    ...parts.flatMap((part) => ['--tm-part', part]),
    '--tm-part--',
    '',
  ];
  const head = [...fields, 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="tm-part"'];
  return Buffer.from([...head, ...body].join('\r\n'));
}

export const sentAt = new Date('2026-01-01T10:00:00Z');

export function commonFields(subject: string, from: string, to: string): string[] {
  return [
    'Received: from relay.telemessage.example by mx.contoso.test with ESMTPS; Thu, 01 Jan 2026 10:00:20 +0000',
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${encoded(subject)}`,
    'Date: Thu, 01 Jan 2026 10:00:00 +0000',
    'Message-ID: <captured-1@telemessage.example>',
  ];
}

/** RFC 2047, where it is needed. */
export function encoded(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
}

/** Every row in every form with every state of the headers. */
export function gridCases(): Case[] {
  return rows.flatMap((one) =>
    formats.flatMap((format) =>
      headerStates.map((state): Case => {
        const isSystem = one.expected['eventKind'] === 'system';
        const fields = [...commonFields(one.subject, format.write(anna), format.write(ben)), ...inState(state, headersOf(one))];
        const isGroup = one.expected['chatType'] === 'group' || (one.group !== undefined && state !== 'none');
        // The initiator is a number; where nobody's number is known, nobody can be told to be him.
        const isStranger = state !== 'none' && !format.hasPhone && one.numbers === 'none';
        const people = [
          participant(anna, 'sender', format, one.numbers !== 'none'),
          participant(ben, isGroup ? 'group-member' : 'recipient', format, one.numbers === 'both'),
          ...(isStranger ? [{ role: 'owner', name: undefined, phoneRaw: anna.mobile }] : []),
        ];
        const owner = expectedOwner(state, format.hasPhone || one.numbers !== 'none');
        return {
          name: `${one.name} | ${format.name} | headers ${state}`,
          mail: mailOf(fields, one.text),
          setting: { nameOrder: format.nameOrder, owners: [anna.mobile, anna.email] },
          expected: {
            format: 'telemessage',
            problem: undefined,
            sentAt,
            messageId: '<captured-1@telemessage.example>',
            subject: one.subject,
            drift: [],
            encrypted: false,
            ...(isSystem ? {} : { participants: people, direction: isStranger ? 'unknown' : 'out', owner }),
            ...(state === 'none' ? withoutHeaders(one) : withHeaders(one, isSystem)),
          },
        };
      }),
    ),
  );
}

function expectedOwner(state: (typeof headerStates)[number], hasPhone: boolean): string {
  return state !== 'none' || hasPhone ? anna.mobile : anna.email;
}

function participant(one: Person, role: string, format: (typeof formats)[number], inSubject: boolean): ExpectedParticipant {
  const hasPhone = format.hasPhone || inSubject;
  return {
    role,
    name: format.hasName ? `${one.first} ${one.last}` : undefined,
    firstName: format.hasName ? one.first : undefined,
    lastName: format.hasName ? one.last : undefined,
    phoneRaw: hasPhone ? one.mobile : undefined,
    e164: hasPhone ? `+${one.mobile}` : undefined,
    email: one.email,
  };
}

/** Only what subject, addresses and text say. */
function withoutHeaders(one: Row): Expected {
  const { eventKind } = one.expected;
  const isFollowUp = eventKind === 'edit' || eventKind === 'delete';
  // Without the id only the words of the subject tell for whom something was deleted.
  const deletedFor = /For Me/.test(one.subject) ? 'me' : /For All/.test(one.subject) ? 'all' : undefined;
  return {
    ...one.expected,
    confidence: 'medium',
    nativeId: undefined,
    flags: [],
    ...(isFollowUp ? { deletedFor } : {}),
    ...(eventKind === 'system' ? {} : { threadInferred: true }),
    captureProduct: undefined,
    networkType: undefined,
    deliveryStatus: undefined,
  };
}

function withHeaders(one: Row, isSystem: boolean): Expected {
  return {
    ...one.expected,
    confidence: 'high',
    nativeId: one.id,
    ...(isSystem
      ? { owner: one.expected['owner'] === undefined ? anna.mobile : one.expected['owner'] }
      : { threadId: 'thread-77', threadInferred: false, threadName: 'Ben Okafor' }),
    ...(one.group === undefined ? {} : { groupId: 'group-9', groupName: one.group }),
    captureProduct: one.source,
    networkType: one.network,
    deliveryStatus: 'Delivered',
    flags: [],
  };
}
