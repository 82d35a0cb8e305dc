/**
 * Mail of the feed that is out of the ordinary, each with the record that it has to become: names that could be taken for grammar, empty and
 * huge contents, follow-ups, copies, reports around it, forgeries, and shapes that nobody knows.
 *
 * The hard thing is what must NOT happen: nothing is dropped, mended or guessed, and what is strange is told by flags and counts.
 */
import { anna, ben, type Case, carla, commonFields, inState, mailOf, type Setting } from './rows.ts';

export const people = { from: `Anna Keller ${anna.mobile} <${anna.email}>`, to: `Ben Okafor ${ben.mobile} <${ben.email}>` } as const;
export const setting: Setting = { nameOrder: 'first-last', owners: [anna.mobile] };
export const pair = `from ${anna.mobile} to ${ben.mobile}`;

type Headers = Readonly<Record<string, string>>;

export const known: Headers = {
  'X-TELEMESSAGE-ArchiveMessageID': 'item-1',
  'X-TELEMESSAGE-THREAD_ID': 'thread-77',
  'X-TELEMESSAGE-ArchiveInitiator': anna.mobile,
  'X-TELEMESSAGE-ArchiveSource': 'WHATSAPP_ARCHIVER',
  'X-TELEMESSAGE-Network': 'WhatsApp',
  'X-TELEMESSAGE-MessageType': 'app-message',
};

interface Item {
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  readonly headers?: Headers;
  readonly text?: string;
  readonly parts?: readonly string[];
  readonly fields?: readonly string[];
}

export function item(one: Item): Buffer {
  const fields = [
    ...(one.fields ?? commonFields(one.subject ?? `WhatsApp message ${pair}`, one.from ?? people.from, one.to ?? people.to)),
    ...inState('all', Object.entries(one.headers ?? known)),
  ];
  return mailOf(fields, one.text ?? 'See you at noon.', one.parts);
}

export function attachment(name: string, type: string, content: Buffer): string {
  const lines = content.toString('base64').replaceAll(/.{76}/g, '$&\r\n');
  return [`Content-Type: ${type}; name="${name}"`, 'Content-Transfer-Encoding: base64', '', lines].join('\r\n');
}

const groupNames = [
  'Deals to close',
  'from A to B to C',
  'Rates – desk',
  'chat group',
  '🚀 to the moon 🌕',
  'קבוצת מסחר',
  '\u2068Rates\u2069 desk',
  '447700900199 fans',
];

function named(): Case[] {
  return groupNames.map((name) => ({
    name: `a group called ${JSON.stringify(name)}`,
    mail: item({ subject: `Signal message from ${anna.mobile} to chat group ${name}`, headers: {} }),
    setting,
    expected: {
      format: 'telemessage',
      confidence: 'medium',
      chatType: 'group',
      // Marks of direction are evidence in the subject; a name is matched and shown without them.
      groupName: name.replaceAll(/[\u2068\u2069]/g, ''),
      direction: 'out',
      flags: [],
    },
  }));
}

function contents(): Case[] {
  const photo = Buffer.concat([Buffer.from('\xff\xd8\xff\xe0', 'latin1'), Buffer.alloc(30 * 1024 * 1024, 'photo')]);
  const sticker = Buffer.from('RIFF\x20\x00\x00\x00WEBPVP8 ', 'latin1');
  return [
    {
      name: 'an empty text',
      mail: item({ text: '' }),
      setting,
      expected: { format: 'telemessage', preview: '', eventKind: 'message', flags: [] },
    },
    {
      name: 'an attachment of no bytes',
      mail: item({ text: 'Files:\r\nnote.txt', parts: [attachment('note.txt', 'application/octet-stream', Buffer.alloc(0))] }),
      setting,
      expected: {
        preview: '',
        furniture: 'Files:\nnote.txt',
        flags: [],
        attachments: [
          {
            name: 'note.txt',
            type: 'application/octet-stream',
            bytes: 0,
            sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
            role: 'document',
          },
        ],
      },
    },
    {
      name: 'a photo of 30 MB',
      mail: item({ text: 'Files:\r\nV1_WhatsApp_1_2.jpg', parts: [attachment('V1_WhatsApp_1_2.jpg', 'image/jpeg', photo)] }),
      setting,
      expected: { problem: undefined, flags: [], attachmentSizes: [photo.length] },
    },
    {
      name: 'a sticker and a contact',
      mail: item({
        text: '',
        parts: [
          attachment('s.webp', 'application/octet-stream', sticker),
          attachment('c.vcf', 'text/x-vcard', Buffer.from('BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n')),
        ],
      }),
      setting,
      expected: { roles: ['sticker', 'contact'] },
    },
    {
      name: 'the sound of a call',
      mail: item({
        subject: `WhatsApp voice call ${pair}`,
        headers: { ...known, 'X-TELEMESSAGE-MessageType': 'voice-call', 'X-TELEMESSAGE-Status': 'Voice Mail' },
        text: '',
        parts: [
          attachment('V1_call_1.mp3', 'audio/mpeg', Buffer.from('ID3\x03')),
          attachment('V1_call_2.3gp', 'audio/3gp', Buffer.from('\0\0\0\x18ftyp3gp4')),
        ],
      }),
      setting,
      expected: { eventKind: 'call', modality: 'voice', call: { result: 'voice-mail' }, roles: ['call-audio', 'call-audio'], flags: [] },
    },
    {
      name: 'a file that the text lists and the mail does not have',
      mail: item({
        text: 'Look.\r\nFiles:\r\nV1_WhatsApp_1_2.jpg\r\nV1_WhatsApp_1_3.jpg',
        parts: [attachment('V1_WhatsApp_1_3.jpg', 'image/jpeg', Buffer.from('x'))],
      }),
      setting,
      expected: { preview: 'Look.', flags: ['attachment-missing'] },
    },
    {
      name: 'the last boundary missing',
      mail: Buffer.from(item({}).toString('latin1').replace('--tm-part--\r\n', ''), 'latin1'),
      setting,
      expected: { format: 'telemessage', preview: 'See you at noon.', flags: ['boundary-missing'] },
    },
  ];
}

/** An original, its edit and its deletion; each stands for itself, whichever comes first, and whether the original ever comes. */
function followUps(): Case[] {
  const edit = { ...known, 'X-TELEMESSAGE-ArchiveMessageID': 'EDIT-item-1-3' };
  const deletion = { ...known, 'X-TELEMESSAGE-ArchiveMessageID': 'DELETE_FOR_ALL-item-1' };
  const deleted = `DELETED – READ – WhatsApp message ${pair}`;
  return [
    {
      name: 'an edit whose id and text name the original',
      mail: item({
        subject: `EDIT READ WhatsApp message ${pair}`,
        headers: edit,
        text: 'Original Message ID: item-1\r\nPrevious Text: at noon\r\nEdited Text: at one',
      }),
      setting,
      expected: { eventKind: 'edit', relatesTo: [{ kind: 'edits', nativeId: 'item-1' }], flags: [], preview: 'at noon at one' },
    },
    {
      name: 'an edit that names no original',
      mail: item({ subject: `EDIT UNKNOWN WhatsApp message ${pair}`, headers: {}, text: 'at one' }),
      setting,
      expected: { eventKind: 'edit', readState: 'unknown', relatesTo: [{ kind: 'edits' }], flags: ['original-unknown'] },
    },
    {
      name: 'a deletion, which does not repeat its attachments',
      mail: item({
        subject: deleted,
        headers: deletion,
        text: 'Look.\r\nOriginal Message (Msg ID - item-1)\r\nFiles:\r\nV1_WhatsApp_1_2.jpg',
      }),
      setting,
      expected: {
        eventKind: 'delete',
        deletedFor: 'all',
        relatesTo: [{ kind: 'deletes', nativeId: 'item-1' }],
        flags: [],
        preview: 'Look.',
      },
    },
    {
      name: 'a deletion whose text names another original than its id',
      mail: item({ subject: deleted, headers: deletion, text: 'Original Message (Msg ID - item-2)' }),
      setting,
      expected: { eventKind: 'delete', relatesTo: [{ kind: 'deletes', nativeId: 'item-1' }], flags: ['disagreement'] },
    },
    {
      name: 'a subject that says deleted and an id that says edited',
      mail: item({ subject: deleted, headers: edit }),
      setting,
      expected: { eventKind: 'delete', flags: ['disagreement'] },
    },
    {
      name: 'an ordinary message that says in its text what the app would say',
      mail: item({ text: 'Original Message (Msg ID - item-2)' }),
      setting,
      expected: { eventKind: 'message', relatesTo: [], flags: ['disagreement'] },
    },
    ...['â€“', '\u2014', '-', '?', '\ufffd', ' '].map((dash) => ({
      name: `a deletion whose dash became ${JSON.stringify(dash)}`,
      mail: item({ subject: `Deleted ${dash} Unread ${dash} WhatsApp message ${pair}`, headers: deletion }),
      setting,
      expected: { eventKind: 'delete', readState: 'unread', platform: 'whatsapp', drift: [] },
    })),
  ];
}

function sealed(): Case[] {
  const cipher = Buffer.alloc(300, 0x5a).toString('base64');
  return [
    {
      name: "a message under the customer's key",
      mail: item({ headers: { ...known, 'X-TELEMESSAGE-ENC-DATAKEY': 'd2hhdGV2ZXI=', 'X-TELEMESSAGE-ENC-KEY-ID': 'key-1' }, text: cipher }),
      setting,
      expected: {
        encrypted: true,
        preview: '',
        platform: 'whatsapp',
        nativeId: 'item-1',
        threadId: 'thread-77',
        flags: ['encrypted'],
        drift: [],
      },
    },
    {
      name: 'a day of a conversation in one mail',
      mail: item({
        subject: 'Ben Okafor daily conversation report',
        headers: { 'X-TELEMESSAGE-THREAD_ID': 'thread-77', 'X-TELEMESSAGE-Network': 'WhatsApp' },
        text: '09:12 Anna: at noon?\r\n09:13 Ben: yes',
      }),
      setting,
      expected: {
        format: 'telemessage',
        eventKind: 'thread-day',
        confidence: 'low',
        direction: 'unknown',
        threadId: 'thread-77',
        flags: ['thread-day', 'unknown-value'],
        drift: ['subject:# daily conversation report'],
      },
    },
  ];
}

function times(): Case[] {
  const dated = (date: string): Buffer => {
    const fields = commonFields(`WhatsApp message ${pair}`, people.from, people.to).map((field) =>
      field.startsWith('Date:') ? `Date: ${date}` : field,
    );
    return item({ fields });
  };
  return [
    {
      name: 'a date after the receipt',
      mail: dated('Thu, 01 Jan 2026 11:00:00 +0000'),
      setting,
      expected: { flags: ['clock-skew'], sentAt: new Date('2026-01-01T11:00:00Z') },
    },
    {
      name: 'a date long before the receipt',
      mail: dated('Mon, 01 Dec 2025 11:00:00 +0000'),
      setting,
      expected: { flags: ['clock-skew'], sentAt: new Date('2025-12-01T11:00:00Z') },
    },
    {
      name: 'a date that is none',
      mail: dated('yesterday at noon'),
      setting,
      expected: { flags: [], sentAt: undefined, rawDate: 'yesterday at noon' },
    },
    {
      name: 'a date two days back',
      mail: dated('Tue, 30 Dec 2025 11:00:00 +0100'),
      setting,
      expected: { flags: [], sentAt: new Date('2025-12-30T10:00:00Z') },
    },
  ];
}

/** The same number, first Ben's and then Carla's: each record says what its mail says. */
function reassigned(): Case[] {
  return [ben, carla].map((one) => ({
    name: `a number that changed hands, in the hands of ${one.first}`,
    mail: item({ to: `${one.first} ${one.last} ${ben.mobile} <${one.email}>` }),
    setting,
    expected: {
      participants: [
        { role: 'sender', name: 'Anna Keller' },
        { role: 'recipient', name: `${one.first} ${one.last}`, e164: `+${ben.mobile}`, email: one.email },
      ],
      direction: 'out',
      flags: [],
    },
  }));
}

export function variantCases(): Case[] {
  return [...named(), ...contents(), ...followUps(), ...sealed(), ...times(), ...reassigned()];
}
