/**
 * Captured messages of which something cannot be told, or can be told in more than one way: who takes part, and shapes that nobody knows.
 *
 * The hard thing is that the right answer is often to leave a field empty and to say why.
 */
import { anna, ben, type Case, carla, commonFields, encoded } from './rows.ts';
import { item, known, pair, people, setting } from './variants.ts';

export function participantCases(): Case[] {
  return [
    {
      name: 'somebody whom the phone does not know',
      mail: item({ to: `UNKNOWN ${ben.mobile} <${ben.mobile}@telemessage.example>` }),
      setting,
      expected: {
        participants: [
          { role: 'sender' },
          {
            role: 'recipient',
            name: undefined,
            e164: `+${ben.mobile}`,
            email: undefined,
            syntheticEmail: `${ben.mobile}@telemessage.example`,
          },
        ],
        flags: [],
      },
    },
    {
      name: 'a name with marks of direction',
      mail: item({ to: `${encoded('\u2068Ben\u2069 Okafor')} ${ben.mobile} <${ben.email}>` }),
      setting,
      expected: {
        participants: [
          { role: 'sender' },
          { role: 'recipient', name: 'Ben Okafor', firstName: 'Ben', displayRaw: `\u2068Ben\u2069 Okafor ${ben.mobile}` },
        ],
      },
    },
    {
      name: 'the number before the name',
      mail: item({ to: `${ben.mobile} Ben Okafor <${ben.email}>` }),
      setting,
      expected: { participants: [{ role: 'sender' }, { role: 'recipient', name: 'Ben Okafor', phoneRaw: ben.mobile }] },
    },
    {
      name: 'three members written with an unquoted comma',
      mail: item({
        subject: `Signal message from ${anna.mobile} to chat group Desk`,
        from: `Keller, Anna ${anna.mobile} <${anna.email}>`,
        to: `Okafor, Ben ${ben.mobile} <${ben.email}>, Mendes, Carla ${carla.mobile} <${carla.email}>`,
        headers: {},
      }),
      setting: { ...setting, nameOrder: 'last-first' },
      expected: {
        participants: [
          { role: 'sender', name: 'Anna Keller', firstName: 'Anna', lastName: 'Keller', email: anna.email },
          { role: 'group-member', name: 'Ben Okafor', phoneRaw: ben.mobile, email: ben.email },
          { role: 'group-member', name: 'Carla Mendes', phoneRaw: carla.mobile, email: carla.email },
        ],
        flags: [],
      },
    },
    {
      name: 'an unquoted comma where the source says that names come first',
      mail: item({ to: `Okafor, Ben ${ben.mobile} <${ben.email}>` }),
      setting,
      expected: { flags: ['ambiguous-participants'] },
    },
    {
      name: "the feed's own address in place of the author's",
      mail: item({ from: 'Message Archive <archive@telemessage.example>' }),
      setting,
      expected: {
        participants: [
          { role: 'sender', name: undefined, phoneRaw: anna.mobile, email: undefined, syntheticEmail: 'archive@telemessage.example' },
          { role: 'recipient', name: 'Ben Okafor' },
        ],
        direction: 'out',
      },
    },
    {
      name: 'a header that names another author than the subject',
      mail: item({ from: `Carla Mendes ${carla.mobile} <${carla.email}>` }),
      setting,
      expected: {
        flags: ['disagreement'],
        participants: [{ role: 'sender', phoneRaw: carla.mobile }, { role: 'recipient' }, { role: 'owner', phoneRaw: anna.mobile }],
      },
    },
    {
      name: 'a number without calling code, and the country of the source',
      mail: item({
        subject: 'WhatsApp message from 07700900101 to 07700900102',
        from: '07700900101 <a@contoso.test>',
        to: '07700900102 <b@fabrikam.example>',
        headers: {},
      }),
      setting: { nameOrder: 'first-last', country: '44', owners: ['+44 7700 900102'] },
      expected: {
        participants: [
          { phoneRaw: '07700900101', e164: '+447700900101' },
          { phoneRaw: '07700900102', e164: '+447700900102' },
        ],
        direction: 'in',
      },
    },
    {
      name: 'a number without calling code and no country',
      mail: item({
        subject: 'WhatsApp message from 07700900101 to 07700900102',
        from: '07700900101 <a@contoso.test>',
        to: '07700900102 <b@fabrikam.example>',
        headers: {},
      }),
      setting: { nameOrder: 'first-last' },
      expected: {
        participants: [
          { phoneRaw: '07700900101', e164: undefined },
          { phoneRaw: '07700900102', e164: undefined },
        ],
        direction: 'unknown',
        owner: undefined,
      },
    },
    {
      name: 'both sides monitored',
      mail: item({ headers: {} }),
      setting: { nameOrder: 'first-last', owners: [anna.mobile, ben.mobile] },
      expected: { direction: 'internal', owner: undefined },
    },
  ];
}

export function strangeCases(): Case[] {
  return [
    {
      name: 'a new header, a new network and a new subject',
      mail: item({
        subject: `Kwik reaction from ${anna.mobile} to Ben Okafor: 👍`,
        headers: {
          ...known,
          'X-TELEMESSAGE-Network': 'Kwik',
          'X-TELEMESSAGE-ArchiveSource': 'KWIK_CAPTURE',
          'X-TELEMESSAGE-ReactionTo': 'item-0',
        },
      }),
      setting,
      expected: {
        format: 'telemessage',
        confidence: 'high',
        platform: 'kwik',
        networkType: 'Kwik',
        flags: ['unknown-value', 'unknown-value', 'unknown-value'],
        drift: ['header:x-telemessage-reactionto', 'subject:# reaction from # to #'],
        unparsedHeaders: [{ name: 'X-TELEMESSAGE-ReactionTo', value: 'item-0' }],
      },
    },
    {
      name: 'the feed under another name',
      mail: item({
        subject: 'Captured item',
        headers: { 'X-CaptureMobile-ArchiveMessageID': 'item-1', 'X-CaptureMobile-ThreadName': 'Ben' },
      }),
      setting: { ...setting, format: 'telemessage' },
      expected: {
        format: 'mail',
        confidence: 'low',
        flags: ['unrecognised'],
        drift: ['header:x-capturemobile-archivemessageid', 'header:x-capturemobile-threadname', 'subject:#'],
      },
    },
    {
      name: 'mail of a person in the mailbox of the feed',
      mail: item({ subject: 'Lunch from noon to one?', headers: {} }),
      setting: { ...setting, format: 'telemessage' },
      expected: { format: 'mail', flags: ['unrecognised'], drift: ['subject:# from # to #'] },
    },
    {
      name: 'mail of a person in an ordinary mailbox',
      mail: item({ subject: 'Important message from the board to all staff', headers: {} }),
      setting,
      expected: { format: 'mail', flags: [], drift: [], confidence: 'high' },
    },
    {
      name: 'a header twice with two values',
      mail: item({ fields: [...commonFields(`WhatsApp message ${pair}`, people.from, people.to), 'X-TELEMESSAGE-THREAD_ID: thread-78'] }),
      setting,
      expected: { threadId: 'thread-78', flags: ['duplicate-header'] },
    },
    {
      name: 'networks that contradict one another',
      mail: item({ headers: { ...known, 'X-TELEMESSAGE-Network': 'Signal' } }),
      setting,
      expected: { platform: 'signal', flags: ['disagreement'] },
    },
    {
      name: 'mail of the feed where every message is to be taken as mail',
      mail: item({}),
      setting: { ...setting, format: 'mail' },
      expected: { format: 'mail', nativeId: '<captured-1@telemessage.example>', platform: 'mail' },
    },
  ];
}
