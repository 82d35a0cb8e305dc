import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalog, type FaultCode } from '../fault/catalog.ts';
import { Fault } from '../fault/fault.ts';
import type { Terminal } from './command.ts';
import { bytes, count, duration, exitCodeOf, faultAsJson, faultText, number, printable, progress, table, wantsColour } from './print.ts';

function terminal(interactive: boolean, env: Record<string, string> = {}): Terminal & { readonly talk: string[] } {
  const talk: string[] = [];
  return {
    stdout: { write: () => true },
    drained: async () => undefined,
    stderr: { write: (text) => talk.push(text) > 0 },
    interactive,
    env,
    signal: new AbortController().signal,
    talk,
  };
}

test('numbers, bytes and durations are short and rounded', () => {
  assert.deepEqual(
    [number(1_234_567), count(1, 'source'), count(3, 'source'), count(2, 'entry', 'entries')],
    ['1,234,567', '1 source', '3 sources', '2 entries'],
  );
  assert.deepEqual([0, 512, 999, 1_000, 1_234_567, 9_960_000, 36_000_000_000, 5e15].map(bytes), [
    '0 B',
    '512 B',
    '999 B',
    '1.0 kB',
    '1.2 MB',
    '10 MB',
    '36 GB',
    '5000 TB',
  ]);
  assert.deepEqual([0, 340, 4_200, 59_999, 60_000, 185_000, 7_200_000, 7_800_000, 273_600_000].map(duration), [
    '0 ms',
    '340 ms',
    '4.2 s',
    '1 m',
    '1 m',
    '3 m 05 s',
    '2 h',
    '2 h 10 m',
    '3 d 4 h',
  ]);
});

test('a table is as wide as its widest cells, numbers to the right, without blanks at line ends', () => {
  const columns = [{ title: 'SOURCE' }, { title: 'MAIL', right: true }, { title: 'NOTE' }];
  assert.equal(
    table(columns, [
      ['telemessage', '1,234', ''],
      ['ä', '7', 'late'],
    ]),
    'SOURCE        MAIL  NOTE\ntelemessage  1,234\nä                7  late\n',
  );
});

test('a fault is read at a glance: what, what was seen, why, what to do', () => {
  const fault = new Fault('config.invalid', { file: 'postern.yaml', problems: 'postern.yaml:1:2 a: b\npostern.yaml:3:4 c: d' });
  const { says, cause, fix } = catalog['config.invalid'];
  assert.equal(
    faultText(fault),
    `config.invalid: ${says}\n  seen   file: postern.yaml\n         problems:\n           postern.yaml:1:2 a: b\n           postern.yaml:3:4 c: d\n  cause  ${cause}\n  fix    ${fix}\n`,
  );
});

test('what a server says cannot move the cursor or change colours', () => {
  const fault = new Fault('token.unknown-answer', { description: 'evil\x1b[2Jtext\x07' });
  assert.match(faultText(fault), /description: evil\uFFFD\[2Jtext\uFFFD\n/);
  assert.equal(printable('a\u009bb'), 'a\uFFFDb');
});

test('what a server says cannot turn the reading direction around', () => {
  assert.equal(printable('\u2068Ada Lovelace\u2069 to \u2068Bob\u2069'), 'Ada Lovelace to Bob');
  for (const sign of ['\u2066', '\u2067', '\u2068', '\u2069']) assert.equal(printable(`a${sign}b`), 'ab');
  for (const sign of ['\u202a', '\u202b', '\u202c', '\u202d', '\u202e'])
    assert.equal(printable(`invoice${sign}fdp.exe`), 'invoice\uFFFDfdp.exe');
});

test('colour is for terminals that want it', () => {
  assert.deepEqual(
    [
      terminal(true),
      terminal(false),
      terminal(true, { NO_COLOR: '1' }),
      terminal(true, { NO_COLOR: '' }),
      terminal(true, { TERM: 'dumb' }),
    ].map(wantsColour),
    [true, false, false, true, false],
  );
  const fault = new Fault('cli.unknown-command', { asked: 'x' });
  assert.ok(faultText(fault, true).includes('\x1b[') && !faultText(fault).includes('\x1b'));
});

test('the exit code of a fault follows from its plane and from whether trying again can help', () => {
  const codes: readonly (readonly [FaultCode, number])[] = [
    ['config.invalid', 2],
    ['config.secret-not-set', 2],
    ['cli.wrong-use', 2],
    ['token.secret-expired', 1],
    ['network.certificate-not-trusted', 1],
    ['token.throttled', 75],
    ['network.timeout', 75],
  ];
  for (const [code, expected] of codes) assert.equal(exitCodeOf(new Fault(code)), expected, code);
});

test('a fault for machines holds everything that people are told', () => {
  const { says, cause, fix, retry } = catalog['token.throttled'];
  assert.deepEqual(faultAsJson(new Fault('token.throttled', { retryAfterSeconds: 7 })), {
    fault: { code: 'token.throttled', says, cause, fix, evidence: { retryAfterSeconds: 7 }, retry },
  });
});

test('progress is one line, shown ten times a second at most, cut to the width, and taken away', () => {
  let now = 0;
  const screen = { ...terminal(true), columns: 10 };
  const line = progress(screen, () => now);
  for (; now < 250; now += 10) line.show(() => `at ${now} of many`);
  line.clear();
  line.clear();
  assert.deepEqual(screen.talk, ['\r\x1b[2Kat 0 of m', '\r\x1b[2Kat 100 of', '\r\x1b[2Kat 200 of', '\r\x1b[2K']);
});

test('progress is silent where nobody watches, and its text is not even made', () => {
  const pipe = terminal(false);
  const line = progress(pipe, () => 0);
  line.show(() => assert.fail('made for nobody'));
  line.clear();
  assert.deepEqual(pipe.talk, []);
});
