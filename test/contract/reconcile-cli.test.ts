/** `postern import reconcile` as a person and as a machine meet it: what it says first, what it exits with, and that its evidence can be computed again. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { exit } from '../../src/cli/command.ts';
import { importReconcile } from '../../src/cli/import-reconcile.ts';
import { readArguments } from '../../src/cli/parse.ts';
import { run } from '../../src/cli/run.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { mail, mails, sourcesFor, watched } from './import-place.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';
import { once } from './import-suite.ts';

let place: SandboxPlace;
before(async () => {
  place = await sandboxPlace();
});
after(() => place.close());

interface Office {
  readonly folder: string;
  readonly mailbox: string;
  /** Brings in what is there. */
  bringIn(): Promise<void>;
  said(...words: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly talk: string }>;
}

/** A configuration with a source `s0`, as a person has it in a folder. */
function office(t: TestContext): Office {
  const folder = mkdtempSync(join(tmpdir(), 'postern-office-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const mailbox = place.mailbox();
  for (const [name, text] of Object.entries(place.files)) writeFileSync(join(folder, name), text);
  const source = `tenant: lab\n    mailbox: ${mailbox}\n    server: ${place.server.implicit}`;
  writeFileSync(join(folder, 'postern.yaml'), `data: data\ntenants:\n  lab: ${place.tenant}\nsources:\n  s0:\n    ${source}\n`);
  return {
    folder,
    mailbox,
    async bringIn() {
      const archive = await openArchive(join(folder, 'data'), systemClock);
      await once(await sourcesFor(place, { mailbox }), watched(archive));
      await archive.derived();
      await archive.close();
      await openJournal(join(folder, 'data'), { clock: systemClock }).close();
    },
    async said(...words) {
      let out = '';
      let talk = '';
      const terminal = {
        stdout: {
          write: (text: string | Uint8Array) => {
            out += String(text);
            return true;
          },
        },
        drained: async () => undefined,
        stderr: {
          write: (text: string) => {
            talk += text;
            return true;
          },
        },
        interactive: false,
        env: { LAB_SECRET: place.files['client-secret'] ?? '' },
        signal: new AbortController().signal,
      };
      const argv = ['import', 'reconcile', ...words, '--config', join(folder, 'postern.yaml')];
      const code = await run(argv, terminal, () => '0');
      return { code, out, talk };
    },
  };
}

test('says "Complete" first and exits with 0 where nothing is missing', async (t) => {
  const { mailbox, bringIn, said } = office(t);
  place.deliver(mailbox, 'INBOX', mails('whole', 4));
  await bringIn();
  const { code, out, talk } = await said();
  assert.equal(code, exit.done, talk);
  assert.match(out, /^Complete: every message that the servers list is accounted for\.\n/);
  assert.match(out, /day \(UTC\) +seen += +archived +duplicate +excluded +quarantined +pending\n/);
  assert.equal(talk, '');
});

test('says what is missing first, names it, and exits with 3', async (t) => {
  const { mailbox, bringIn, said } = office(t);
  place.deliver(mailbox, 'INBOX', mails('there', 4));
  await bringIn();
  place.deliver(mailbox, 'INBOX', [mail('left out')]);
  const { code, out } = await said();
  assert.equal(code, exit.foundFaults);
  assert.match(out, /^NOT complete: 1 message on the server and not in the archive\.\n/);
  assert.match(out, /missing:\n {6}UID 5 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}\d+ B {2}<left\.out@contoso\.test>\n/);
  for (const line of out.split('\n')) assert.ok(line.length <= 120, `${line.length} columns: ${line}`);
});

test('the evidence can be computed again out of the printed JSON and nothing else, and one changed number shows', async (t) => {
  const { mailbox, bringIn, said, folder } = office(t);
  place.deliver(mailbox, 'INBOX', [...mails('evidence', 3), mail('with é and "quotes"')]);
  await bringIn();
  place.deliver(mailbox, 'INBOX', [mail('pending')]);
  const { out, code } = await said('--json');
  assert.equal(code, exit.foundFaults);
  const { report, evidence } = JSON.parse(out);
  const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
  assert.equal(hash(report), evidence.sha256);
  assert.match(report.ledger.link, /^[0-9a-f]{64}$/);
  report.sources[0].folders[0].totals.pending -= 1;
  assert.notEqual(hash(report), evidence.sha256);

  const journal = openJournal(join(folder, 'data'), { clock: systemClock, readOnly: true });
  const [noted] = await journal.reconciliations();
  const whole = await journal.reconciliation(noted?.id ?? 0);
  await journal.close();
  assert.deepEqual([noted?.evidence, noted?.equal, noted?.sources], [evidence.sha256, false, ['s0']]);
  assert.equal(
    createHash('sha256')
      .update(whole?.report ?? '')
      .digest('hex'),
    evidence.sha256,
  );
});

test('an earlier report can be printed by the hash that stands under it, and has that hash', async (t) => {
  const { mailbox, bringIn, said } = office(t);
  place.deliver(mailbox, 'INBOX', mails('kept', 2));
  await bringIn();
  const hash = /^evidence {2}([0-9a-f]{64})$/m.exec((await said()).out)?.[1] ?? '';
  place.deliver(mailbox, 'INBOX', [mail('later')]);
  await said();
  const { code, out } = await said('--evidence', hash.slice(0, 12).toUpperCase());
  const { report } = JSON.parse(out);
  assert.equal(createHash('sha256').update(JSON.stringify(report)).digest('hex'), hash);
  assert.deepEqual([code, report.equal], [exit.done, true]);
  const unknown = await said('--evidence', 'ffff');
  assert.equal(unknown.code, exit.fault);
  assert.ok(unknown.talk.includes('reconcile.unknown-evidence'), unknown.talk);
});

test('--csv gives a line a day', async (t) => {
  const { mailbox, bringIn, said } = office(t);
  place.deliver(mailbox, 'INBOX', mails('csv', 2));
  await bringIn();
  const { out } = await said('--csv');
  assert.match(out, /^source,folder,uidvalidity,day,.*\r\ns0,INBOX,\d+,\d{4}-\d\d-\d\d,2,2,0,0,0,0,2,0,0,\r\n$/);
});

test('--manifest: each id of a list from upstream is found or named as missing', async (t) => {
  const { mailbox, bringIn, said, folder } = office(t);
  place.deliver(mailbox, 'INBOX', mails('listed', 2));
  await bringIn();
  const manifest = join(folder, 'upstream.csv');
  writeFileSync(
    manifest,
    'Date,Message-ID\n2031-01-01,<listed.1@contoso.test>\n2031-01-01,listed.2@contoso.test\n2031-01-01,<lost@contoso.test>\n',
  );
  const { code, out } = await said('--manifest', manifest);
  assert.equal(code, exit.foundFaults);
  assert.match(out, /^NOT complete: 1 id of the manifest not in the archive\.\n/);
  assert.match(out, /manifest: 3 ids, column Message-ID: 2 in the archive, 1 NOT\n {4}not in the archive:\n {6}lost@contoso\.test\n/);
  writeFileSync(manifest, '<listed.1@contoso.test>\n');
  assert.equal((await said('--manifest', manifest)).code, exit.done);
});

for (const [says, words, code, talk] of [
  ['a day that is none', ['--since', '2031-02-31'], exit.usage, /expected: a day as 2026-11-22, in UTC/],
  ['both forms', ['--json', '--csv'], exit.usage, /exclude one another/],
  ['a list that is not there', ['--manifest', 'nowhere.csv'], exit.fault, /reconcile\.manifest-unreadable/],
  ['a folder that no source has', ['--folder', 'Inbx'], exit.usage, /no source has the folder Inbx/],
  ['an unknown source', ['s1'], exit.fault, /import\.source-unknown/],
] as const) {
  test(`${says}: refused, with a code`, async (t) => {
    const { bringIn, said } = office(t);
    await bringIn();
    const ran = await said(...words);
    assert.equal(ran.code, code);
    assert.match(ran.talk, talk);
  });
}

test('a server that cannot be asked is told with its fault, and nothing is called complete', async (t) => {
  const { bringIn, said, folder } = office(t);
  await bringIn();
  writeFileSync(join(folder, 'ca.pem'), '');
  const config = join(folder, 'postern.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(', ca: ca.pem', ''));
  const { code, out, talk } = await said();
  assert.notEqual(code, exit.done);
  assert.match(out, /^NOT complete: not compared: s0\.\n/);
  assert.match(talk, /^(?:s0: .*\n)*\ns0 could not be compared:\n[a-z]+\.[a-z-]+: /);
});

test('a journal that is not there beside an archive with messages is told, and begun anew', async (t) => {
  const { mailbox, bringIn, said, folder } = office(t);
  place.deliver(mailbox, 'INBOX', mails('forgotten', 2));
  await bringIn();
  rmSync(join(folder, 'data', 'journal.sqlite'));
  const [first, second] = [await said(), await said()];
  assert.deepEqual([first.code, second.code], [exit.done, exit.done]);
  assert.match(first.talk, /^journal\.made-anew: /);
  assert.equal(second.talk, '');
});

test('a journal that cannot be written is told, and the comparison is shown all the same', async (t) => {
  const { mailbox, bringIn, said, folder } = office(t);
  place.deliver(mailbox, 'INBOX', mails('unkept', 2));
  await bringIn();
  const file = join(folder, 'data', 'journal.sqlite');
  rmSync(file, { force: true });
  mkdirSync(file);
  const { code, out, talk } = await said();
  assert.equal(code, exit.done);
  assert.match(talk, /^journal\.un(?:writable|readable): /);
  assert.match(out, /gaps {6}not known: the journal cannot be read\n/);
  assert.match(out, /SHA-256 of this report; it could not be kept\n/);
});

test('its help says what it does and what it exits with', () => {
  assert.deepEqual(readArguments(importReconcile, ['--folder', 'A', '--folder', 'B']).values['folder'], ['A', 'B']);
  assert.match(importReconcile.details ?? '', /The exit code is 0 where nothing is missing, else 3\./);
});
