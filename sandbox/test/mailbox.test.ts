import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeFolderName, encodeFolderName } from '../src/exchange/imap/utf7.ts';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { folderOf, mailboxOf } from '../src/tenant.ts';
import { Dialogue } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.close());

let mailboxes = 0;

/** A mailbox of its own with these messages, and a session that has INBOX open. */
async function opened(messages: readonly string[], command = 'SELECT') {
  mailboxes += 1;
  const address = `m${mailboxes}@contoso.test`;
  await fetch(`${sandbox.control}/mailboxes`, { method: 'POST', body: JSON.stringify({ address }) });
  const mailbox = mailboxOf(sandbox.tenant, address);
  const inbox = mailbox && folderOf(mailbox, 'INBOX');
  assert.ok(inbox);
  for (const text of messages) inbox.deliver([Buffer.from(text, 'latin1')], { internalDate: new Date('2026-02-03T04:05:06Z') });
  const dialogue = await Dialogue.loggedIn(sandbox, address);
  const greeting = await dialogue.command(`${command} INBOX`);
  return { address, inbox, dialogue, greeting };
}

const mail = (subject: string, body = 'Hello.\r\n') => `From: a@contoso.test\r\nSubject: ${subject}\r\n\r\n${body}`;

test('SELECT tells what Exchange tells, without room for keywords of one’s own', async () => {
  const { dialogue, greeting } = await opened([mail('one'), mail('two')]);
  assert.equal(
    greeting,
    [
      '* 2 EXISTS',
      '* 2 RECENT',
      '* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)',
      '* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags',
      '* OK [UNSEEN 1] Is the first unseen message',
      '* OK [UIDVALIDITY 14] UIDVALIDITY value',
      '* OK [UIDNEXT 3] The next unique identifier value',
      'TAG OK [READ-WRITE] SELECT completed.',
      '',
    ].join('\r\n'),
  );
  assert.match(await dialogue.command('SELECT Nowhere'), /TAG NO /);
  assert.match(await dialogue.command('FETCH 1 FLAGS'), /TAG BAD /);
  dialogue.close();
});

test('the seeded mailbox gives every message byte for byte as its file holds it', async () => {
  const directory = fileURLToPath(new URL('../mail', import.meta.url));
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.eml'))
    .sort();
  assert.ok(files.length >= 40);
  const dialogue = await Dialogue.loggedIn(sandbox, sandbox.seededMailbox);
  await dialogue.command('EXAMINE INBOX');
  const listed = JSON.parse(await (await fetch(`${sandbox.control}/mailboxes/${sandbox.seededMailbox}/messages`)).text());
  for (const [index, name] of files.entries()) {
    const bytes = readFileSync(`${directory}/${name}`);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const answer = await dialogue.command(`UID FETCH ${index + 1} BODY.PEEK[]`);
    const literal = /BODY\[\] \{(\d+)\}\r\n/.exec(answer);
    assert.ok(literal, name);
    const start = literal.index + literal[0].length;
    assert.equal(
      createHash('sha256')
        .update(Buffer.from(answer.slice(start, start + Number(literal[1])), 'latin1'))
        .digest('hex'),
      hash,
      name,
    );
    assert.equal(listed[index].sha256, hash, name);
    assert.doesNotMatch(bytes.toString('latin1'), /[^\r]\n/, `${name} has CRLF line ends only`);
  }
  dialogue.close();
});

test('FETCH gives sections and parts', async () => {
  const parts =
    'Content-Type: multipart/mixed; boundary=b\r\nSubject: two parts\r\nTo: "x, y" <x@contoso.test>\r\n\r\nignored\r\n' +
    '--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--b--\r\n';
  const { dialogue } = await opened([parts]);
  const cases: readonly (readonly [string, string])[] = [
    ['BODY.PEEK[HEADER.FIELDS (SUBJECT)]', 'BODY[HEADER.FIELDS (SUBJECT)] {22}\r\nSubject: two parts\r\n\r\n'],
    ['BODY.PEEK[1]', 'BODY[1] {5}\r\nfirst'],
    ['BODY.PEEK[1.MIME]', 'BODY[1.MIME] {28}\r\nContent-Type: text/plain\r\n\r\n'],
    ['BODY.PEEK[2.HEADER]', 'BODY[2.HEADER] {18}\r\nSubject: inner\r\n\r\n'],
    ['BODY.PEEK[2.TEXT]', 'BODY[2.TEXT] {6}\r\ninside'],
    ['BODY.PEEK[2.1]', 'BODY[2.1] {6}\r\ninside'],
    ['BODY.PEEK[]<0.12>', 'BODY[]<0> {12}\r\nContent-Type'],
    ['BODY.PEEK[]<8.4>', 'BODY[]<8> {4}\r\nType'],
    ['BODY.PEEK[7]', 'BODY[7] NIL'],
    ['INTERNALDATE', 'INTERNALDATE " 3-Feb-2026 04:05:06 +0000"'],
    ['ENVELOPE', 'ENVELOPE (NIL "two parts" NIL NIL NIL (("x, y" NIL "x" "contoso.test")) NIL NIL NIL NIL)'],
    [
      'BODY',
      'BODY (("text" "plain" NIL NIL NIL "7bit" 5 0)("message" "rfc822" NIL NIL NIL "7bit" 24 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" NIL NIL NIL "7bit" 6 0) 2) "mixed")',
    ],
  ];
  for (const [item, expected] of cases) {
    assert.equal(await dialogue.command(`FETCH 1 ${item}`), `* 1 FETCH (${expected})\r\nTAG OK FETCH completed.\r\n`);
  }
  assert.match(await dialogue.command('FETCH 1 FAST'), /^\* 1 FETCH \(FLAGS \(\\Recent\) INTERNALDATE "[^"]+" RFC822\.SIZE \d+\)\r\n/);
  assert.match(await dialogue.command('FETCH 1 BODY[NONSENSE]'), /TAG BAD Command Argument Error\. 11/);
  dialogue.close();
});

test('BODY[] marks a message as read, PEEK and EXAMINE do not', async () => {
  const { address, inbox, dialogue } = await opened([mail('one')]);
  await dialogue.command('FETCH 1 BODY.PEEK[]');
  assert.equal(inbox.byUid(1)?.flags.has('\\Seen'), false);
  const second = await Dialogue.loggedIn(sandbox, address);
  await second.command('EXAMINE INBOX');
  await second.command('FETCH 1 BODY[]');
  assert.equal(inbox.byUid(1)?.flags.has('\\Seen'), false);
  assert.match(await second.command('STORE 1 +FLAGS (\\Seen)'), /TAG NO /);
  await dialogue.command('FETCH 1 BODY[]');
  assert.equal(inbox.byUid(1)?.flags.has('\\Seen'), true);
  assert.match(await second.command('NOOP'), /^\* 1 FETCH \(FLAGS \(\\Seen\)\)\r\n/);
  dialogue.close();
  second.close();
});

test('RFC822.SIZE is near the truth and not always it', async () => {
  const { inbox, dialogue } = await opened(Array.from({ length: 9 }, (_, index) => mail(`number ${index}`)));
  const sizes = [...(await dialogue.command('FETCH 1:* RFC822.SIZE')).matchAll(/RFC822\.SIZE (\d+)/g)].map((found) => Number(found[1]));
  const off = sizes.map((size, index) => size - (inbox.messages[index]?.sizeBytes ?? 0));
  assert.ok(off.every((one) => Math.abs(one) <= 4));
  assert.ok(off.some((one) => one !== 0));
  dialogue.close();
});

test('SEARCH finds by every criterion it knows', async () => {
  const { dialogue, inbox } = await opened([mail('Alpha', 'needle\r\n'), mail('Beta', 'x'.repeat(5000)), mail('Gamma')]);
  const second = inbox.byUid(2);
  assert.ok(second);
  inbox.setFlags(second, ['\\Seen', '\\Flagged']);
  await dialogue.command('NOOP');
  const cases: readonly (readonly [string, string])[] = [
    ['ALL', ' 1 2 3'],
    ['SEEN', ' 2'],
    ['UNSEEN', ' 1 3'],
    ['FLAGGED', ' 2'],
    ['DELETED', ''],
    ['NEW', ' 1 3'],
    ['RECENT', ' 1 2 3'],
    ['2:*', ' 2 3'],
    ['UID 3', ' 3'],
    ['UID 9:*', ' 3'],
    ['SUBJECT beta', ' 2'],
    ['FROM contoso HEADER Subject "Gamma"', ' 3'],
    ['BODY needle', ' 1'],
    ['TEXT "Subject: Alpha"', ' 1'],
    ['LARGER 4000', ' 2'],
    ['SMALLER 4000', ' 1 3'],
    ['SINCE 3-Feb-2026', ' 1 2 3'],
    ['SINCE 4-Feb-2026', ''],
    ['BEFORE 3-Feb-2026', ''],
    ['ON 3-Feb-2026', ' 1 2 3'],
    ['NOT SEEN', ' 1 3'],
    ['OR SUBJECT alpha SUBJECT gamma', ' 1 3'],
    ['(OR SEEN (UNSEEN SUBJECT alpha)) NOT DELETED', ' 1 2'],
    ['CHARSET US-ASCII SUBJECT alpha', ' 1'],
  ];
  for (const [criteria, found] of cases) {
    assert.equal(await dialogue.command(`UID SEARCH ${criteria}`), `* SEARCH${found}\r\nTAG OK SEARCH completed.\r\n`, criteria);
  }
  assert.match(await dialogue.command('SEARCH CHARSET UTF-8 ALL'), /^TAG NO \[BADCHARSET \(US-ASCII\)\]/);
  assert.match(await dialogue.command('SEARCH KEYWORD Imported'), /^TAG BAD Command Argument Error\. 11/);
  assert.match(await dialogue.command('SEARCH SORCERY'), /^TAG BAD Command Argument Error/);
  dialogue.close();
});

test('n:* returns the last message also when n lies behind it', async () => {
  const dialogue = await Dialogue.loggedIn(sandbox, 'repeats-last@contoso.test');
  await dialogue.command('SELECT INBOX');
  assert.match(await dialogue.command('UID FETCH 100:* (FLAGS)'), /^\* 3 FETCH \(UID 3 FLAGS \([^)]*\)\)\r\nTAG OK/);
  assert.match(await dialogue.command('UID FETCH 100:200 (FLAGS)'), /^TAG OK/);
  dialogue.close();
});

test('COPY, MOVE, STORE and EXPUNGE change the folder and are told to others in time', async () => {
  const { address, dialogue, inbox } = await opened([mail('1'), mail('2'), mail('3'), mail('4')]);
  const other = await Dialogue.loggedIn(sandbox, address);
  await other.command('SELECT INBOX');
  assert.match(await dialogue.command('CREATE "Imported/Done"'), /TAG OK/);
  assert.match(await dialogue.command('UID COPY 1:2 Imported/Done'), /^TAG OK \[COPYUID \d+ 1:2 1:2\] COPY completed/);
  assert.match(await dialogue.command('COPY 1 Nowhere'), /^TAG NO \[TRYCREATE\]/);
  const moved = await dialogue.command('UID MOVE 3 Imported/Done');
  assert.match(moved, /^\* OK \[COPYUID \d+ 3 3\]\r\n\* 3 EXPUNGE\r\nTAG OK MOVE completed/);
  assert.match(await dialogue.command('STORE 1 +FLAGS (\\Deleted Own)'), /^\* 1 FETCH \(FLAGS \(\\Deleted \\Recent\)\)\r\nTAG OK/);
  assert.match(await dialogue.command('STORE 3 +FLAGS.SILENT (\\Deleted)'), /^TAG OK/);
  // The other session's numbers stay until a command that may change them.
  assert.doesNotMatch(await other.command('FETCH 4 UID'), /EXPUNGE/);
  assert.equal(await dialogue.command('UID EXPUNGE 1'), '* 1 EXPUNGE\r\nTAG OK EXPUNGE completed.\r\n');
  assert.equal(await dialogue.command('EXPUNGE'), '* 2 EXPUNGE\r\nTAG OK EXPUNGE completed.\r\n');
  assert.match(await other.command('NOOP'), /^\* 4 EXPUNGE\r\n\* 3 EXPUNGE\r\n\* 1 EXPUNGE\r\n(?:\* 1 FETCH.*\r\n)?TAG OK/);
  assert.deepEqual(
    inbox.messages.map((message) => message.uid),
    [2],
  );
  dialogue.close();
  other.close();
});

test('APPEND takes literals of both kinds, flags and a date', async () => {
  const { dialogue, inbox } = await opened([]);
  const body = mail('appended');
  dialogue.send(`b1 APPEND INBOX (\\Seen) "17-Jul-2026 02:44:25 -0700" {${body.length}}\r\n`);
  await dialogue.until(/^\+ .*\r\n/);
  dialogue.send(`${body}\r\n`);
  await dialogue.until(/b1 OK \[APPENDUID 14 1\] APPEND completed\.\r\n/);
  dialogue.send(`b2 APPEND {5+}\r\nINBOX {${body.length}+}\r\n${body}\r\n`);
  await dialogue.until(/b2 OK \[APPENDUID 14 2\] APPEND completed\.\r\n/);
  assert.equal(inbox.byUid(1)?.internalDate.toISOString(), '2026-07-17T09:44:25.000Z');
  assert.deepEqual([...(inbox.byUid(1)?.flags ?? [])], ['\\Seen']);
  assert.equal(inbox.byUid(2)?.sizeBytes, body.length);
  dialogue.close();
});

test('IDLE announces a delivery at once', async () => {
  const { address, dialogue } = await opened([mail('1')]);
  dialogue.send('i1 IDLE\r\n');
  await dialogue.until(/\+ IDLE accepted, awaiting DONE command\.\r\n/);
  await fetch(`${sandbox.control}/mailboxes/${address}/messages`, { method: 'POST', body: mail('2') });
  await dialogue.until(/^\* 2 EXISTS\r\n/);
  dialogue.send('DONE\r\n');
  await dialogue.until(/i1 OK IDLE completed\.\r\n/);
  dialogue.close();
});

test('folder names travel in modified UTF-7 and come back', async () => {
  for (const name of ['Entwürfe', 'A & B', '受信箱/昔', 'Ľubica', 'emoji 👍', 'plain']) {
    assert.equal(decodeFolderName(encodeFolderName(name)), name);
    assert.match(encodeFolderName(name), /^[\x20-\x7e]*$/);
  }
  assert.equal(encodeFolderName('Entwürfe & mehr'), 'Entw&APw-rfe &- mehr');
  const dialogue = await Dialogue.loggedIn(sandbox, 'localised@contoso.test');
  const listed = await dialogue.command('LIST "" "*"');
  assert.match(listed, /\* LIST \(\\HasNoChildren \\Trash\) "\/" "Gel&APY-schte Elemente"\r\n/);
  assert.match(listed, /"\/" Inbox\r\n/);
  assert.match(await dialogue.command('SELECT "Gel&APY-schte Elemente"'), /TAG OK/);
  assert.match(await dialogue.command('SELECT inbox'), /TAG OK/);
  assert.match(
    await dialogue.command('STATUS InBoX (MESSAGES UIDVALIDITY UIDNEXT UNSEEN)'),
    /^\* STATUS "INBOX" \(MESSAGES 12 UIDVALIDITY 14 UIDNEXT 13 UNSEEN 12\)/,
  );
  assert.equal((await dialogue.command('LIST "" "%"')).match(/\* LIST/g)?.length, 13);
  assert.match(await dialogue.command('LIST "" ""'), /^\* LIST \(\\Noselect \\HasChildren\) "\/" ""\r\n/);
  dialogue.close();
});

test('commands sent all at once are answered in order', async () => {
  const { dialogue } = await opened([mail('1'), mail('2')]);
  dialogue.send('p1 UID FETCH 1 FLAGS\r\np2 NOOP\r\np3 UID FETCH 2 BODY.PEEK[]\r\np4 UNSELECT\r\n');
  const all = await dialogue.until(/p4 OK [^\r]*\r\n/);
  assert.deepEqual(all.match(/^p\d OK/gm), ['p1 OK', 'p2 OK', 'p3 OK', 'p4 OK']);
  dialogue.close();
});

test('a line without end is refused and the connection closed', async () => {
  const dialogue = await Dialogue.open(sandbox);
  dialogue.send('x'.repeat(20_000));
  assert.match(await dialogue.rest(), /^\* BAD Command Error\. 10\r\n$/);
});

test('what cannot be parsed is answered with BAD and the session goes on', async () => {
  const { dialogue } = await opened([mail('1')]);
  for (const command of [
    'FETCH',
    'FETCH 1',
    'FETCH 0 FLAGS',
    'FETCH a FLAGS',
    'FETCH 1 (FLAGS',
    'SELECT',
    'SEARCH',
    'STORE 1 FLAGS',
    'UID',
    'FROBNICATE',
  ]) {
    assert.match(await dialogue.command(command), /^TAG BAD /, command);
  }
  assert.match(await dialogue.command('LOGOUT'), /^\* BYE .*\r\nTAG OK LOGOUT completed\.\r\n/);
  await dialogue.rest();
});
