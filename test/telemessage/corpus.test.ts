/** Every known form of TeleMessage's mail says in its record what the facts say it means; nothing that is unknown is lost or guessed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extract } from '../../src/archive/derive/extract.ts';
import { type MessageRecord, packRecord, type RecordProfile, unpackRecord } from '../../src/archive/record.ts';
import { unusualCases } from './cases.ts';
import { envelope, innerMail, report } from './journals.ts';
import { anna, ben, type Case, type Expected, formats, gridCases, headerStates, rows } from './rows.ts';
import { item } from './variants.ts';

test('every subject, in every form of the participants and with every state of the headers, becomes the record that it should', async () => {
  const cases = gridCases();
  assert.equal(cases.length, rows.length * formats.length * headerStates.length);
  await assertAll(cases);
});

test('what is out of the ordinary becomes the record that it should, and tells what is strange about it', async () => {
  await assertAll(unusualCases());
});

test('the copies that each participant archives are tied together by id or by content, and stay records of their own', async () => {
  const texts = ['same words', 'same words', 'other words'];
  const [mine, his, other] = await Promise.all(
    texts.map(async (text, index) => {
      const initiator = index === 0 ? anna.mobile : ben.mobile;
      const headers = { 'X-TELEMESSAGE-ArchiveMessageID': `copy-${index}`, 'X-TELEMESSAGE-ArchiveInitiator': initiator };
      return recordOf({ name: '', mail: item({ headers, text }), setting: { nameOrder: 'first-last', owners: [] }, expected: {} });
    }),
  );
  assert.deepEqual([mine?.direction, his?.direction], ['out', 'in']);
  assert.ok(mine?.copyKeys.some((key) => his?.copyKeys.includes(key)));
  assert.ok(!mine?.copyKeys.some((key) => other?.copyKeys.includes(key)));
  const again = await recordOf({
    name: '',
    mail: item({ headers: { 'X-TELEMESSAGE-ArchiveMessageID': 'copy-0' }, text: 'cut' }),
    setting: { nameOrder: 'first-last' },
    expected: {},
  });
  assert.ok(again.copyKeys.some((key) => mine?.copyKeys.includes(key)));
});

test('both directions of a conversation are one thread, with ids and without', async () => {
  const write = (one: typeof anna): string => `${one.first} ${one.last} ${one.mobile} <${one.email}>`;
  for (const headers of [{}, { 'X-TELEMESSAGE-THREAD_ID': 'thread-1' }]) {
    const [out, back, elsewhere] = await Promise.all(
      [
        item({ subject: `Signal message from ${anna.mobile} to ${ben.mobile}`, from: write(anna), to: write(ben), headers }),
        item({ subject: `Signal message from ${ben.mobile} to ${anna.mobile}`, from: write(ben), to: write(anna), headers }),
        item({ subject: `WhatsApp message from ${ben.mobile} to ${anna.mobile}`, from: write(ben), to: write(anna), headers: {} }),
      ].map((mail) => recordOf({ name: '', mail, setting: { nameOrder: 'first-last' }, expected: {} })),
    );
    assert.notEqual(out?.threadId, undefined);
    assert.equal(out?.threadId, back?.threadId);
    assert.notEqual(out?.threadId, elsewhere?.threadId);
  }
});

test('a journal report keeps its whole envelope, and both layers can be found', async () => {
  const { record, words } = await extract([report(envelope, innerMail)], { format: 'auto', nameOrder: 'first-last', owners: [] });
  assert.deepEqual(record.journal?.recipients, [
    { kind: 'to', address: 'ben.okafor@fabrikam.example' },
    { kind: 'to', address: 'carla.mendes@fabrikam.example', via: { how: 'expanded', address: 'desk@fabrikam.example' } },
    { kind: 'bcc', address: 'audit@contoso.test' },
  ]);
  assert.equal(record.journal?.reportMessageId, '<report-1@journal.report.generator>');
  assert.equal(record.journal?.sender, 'anna.keller@contoso.test');
  assert.match(words.headers, /report-1@journal[\s\S]*audit@contoso\.test/);
  assert.match(words.headers, /inner-0@contoso/);
  assert.match(words.recipients, /audit@contoso\.test/);
  const journaled = await extract([report(envelope, item({}))]);
  assert.equal(journaled.record.journal?.recipients.length, 3);
});

test('a mail that a journal report wraps and the same mail in a mailbox are tied together', async () => {
  const [wrapped, alone] = await Promise.all([extract([report(envelope, innerMail)]), extract([innerMail])]);
  assert.deepEqual(wrapped.record.copyKeys, alone.record.copyKeys);
  assert.equal(alone.record.copyKeys.length, 1);
});

test('a shape that is counted holds no word of a person', async () => {
  const mail = item({
    subject: 'Reaction from Anna Keller to Ben Okafor about project Falcon 4711',
    headers: { 'X-TELEMESSAGE-New Thing 4711': 'x' },
  });
  const { record } = await extract([mail], { format: 'telemessage', nameOrder: 'first-last', owners: [] });
  assert.deepEqual(record.drift, ['header:x-telemessage-new?thing?4711', 'subject:reaction from # to #']);
});

test('a record goes through text and back unchanged', async () => {
  for (const one of [...gridCases().slice(0, 40), ...unusualCases()]) {
    const record = await recordOf(one);
    assert.deepEqual(unpackRecord(packRecord(record)), record, one.name);
  }
});

test('every field that a record has beyond the plain ones names the place that it was read from', async () => {
  for (const one of [...gridCases(), ...unusualCases().filter(({ name }) => !name.includes('30 MB'))]) {
    const record = await recordOf(one);
    for (const field of ['platform', 'nativeId', 'threadId', 'groupName', 'owner', 'readState', 'call', 'networkType'] as const) {
      assert.equal(record[field] === undefined, record.provenance[field] === undefined, `${one.name}: ${field}`);
    }
  }
});

/** Fails with the first differences of all cases, so that one rule that is wrong shows as such. */
async function assertAll(cases: readonly Case[]): Promise<void> {
  const wrong: string[] = [];
  for (const one of cases) {
    const record = await recordOf(one);
    wrong.push(...differences(record, one.expected).map((line) => `${one.name}: ${line}`));
  }
  assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} differences in ${cases.length} cases`);
}

async function recordOf(one: Case): Promise<MessageRecord> {
  const profile: RecordProfile = { format: 'auto', owners: [], ...one.setting };
  return (await extract([one.mail], profile)).record;
}

function differences(record: MessageRecord, expected: Expected): string[] {
  const seen: Record<string, unknown> = {
    ...record,
    attachmentSizes: record.attachments.map((one) => one.bytes),
    roles: record.attachments.map((one) => one.role),
  };
  return Object.entries(expected).flatMap(([field, wanted]) => {
    const had =
      field === 'flags' ? record.flags.map((flag) => flag.code).sort() : field === 'participants' ? people(record, expected) : seen[field];
    const want = field === 'flags' ? [...(expected.flags ?? [])].sort() : wanted;
    return same(had, want) ? [] : [`${field} is ${JSON.stringify(had)}, not ${JSON.stringify(want)}`];
  });
}

/** Of each participant the fields that are expected of the one in his place. */
function people(record: MessageRecord, expected: Expected): unknown[] {
  return record.participants.map((one, index) => {
    const wanted = expected.participants?.[index] ?? {};
    const had: Record<string, unknown> = { ...one };
    return Object.fromEntries(Object.keys(wanted).map((field) => [field, had[field]]));
  });
}

function same(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
