/** Sources that were made in the console, for the commands beside it: seen by all of them, run by none twice, and told where the key is missing. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { startSandbox } from '../../sandbox/src/place.ts';
import { mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import { postern, type Ran } from '../cli/postern.ts';
import { draftFor } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
before(async () => {
  const sandbox = await startSandbox({ withoutSeed: true });
  addMailbox(sandbox.tenant, makeMailbox('fromfile@contoso.test'));
  place = await startServicePlace({
    sandbox,
    yaml: ({ tenant, imap }) => `tenants:
  lab: ${tenant}
sources:
  of-the-file: { tenant: lab, mailbox: fromfile@contoso.test, every: 1s, server: ${imap} }
`,
  });
  for (const name of ['made', 'resting']) {
    const mailbox = place.mailbox(`${name}@contoso.test`);
    const made = await place.admin('POST', '/sources', draftFor(place.sandbox, { name, mailbox }));
    assert.equal(made.status, 200, made.text);
  }
  assert.equal((await place.admin('POST', '/sources/resting/actions', { action: 'pause' })).status, 200);
});
after(async () => {
  await place.close();
  await place.sandbox.close();
});

function run(...args: readonly string[]): Promise<Ran> {
  return postern([...args, '--config', join(place.folder, 'postern.yaml')], { env: { LAB_SECRET: place.sandbox.clientSecret } });
}

/** What was printed with `--json`. */
function read({ out, talk }: Ran): ReturnType<typeof Object> {
  try {
    return Object(JSON.parse(out));
  } catch {
    throw new Error(`no JSON: ${out}\n${talk}`);
  }
}

function originsOf(sources: readonly { readonly source: string; readonly origin: string }[]): readonly string[] {
  return sources.map(({ source, origin }) => `${source} of ${origin}`);
}

test('beside a running service the commands that look know every source, and the one that imports is refused', async () => {
  place.deliver('made@contoso.test', 'Subject: one\r\n\r\nwords\r\n');
  await place.card('made', ({ messages }) => messages === 1);
  await place.card('of-the-file', ({ lastPass }) => lastPass !== null);

  const status = read(await run('import', 'status', '--json'));
  assert.deepEqual(originsOf(status.sources), ['of-the-file of file', 'made of console', 'resting of console']);
  assert.equal(status.sources[2].state, 'paused');
  const text = await run('import', 'status', 'made');
  assert.match(text.out, /^SOURCE +OF +STATE/m);
  assert.match(text.out, /^made +console +\w+/m);
  assert.ok(
    text.out.split('\n').every((line) => line.length <= 80),
    text.out,
  );

  const twice = await run('import', 'run', '--once', 'made');
  assert.match(twice.talk, /archive\.in-use/);
  assert.notEqual(twice.code, 0);

  const compared = await run('import', 'reconcile', '--json', 'made', 'of-the-file');
  assert.equal(compared.code, 0, compared.talk);
  assert.deepEqual(originsOf(read(compared).sources), ['of-the-file of file', 'made of console']);

  const checked = await run('check', '--protocol', 'imap', '--json');
  assert.equal(checked.code, 0, checked.talk);
  assert.deepEqual(
    read(checked).sources.map(({ source, origin, mailbox }: Record<string, string>) => [source, origin, mailbox]),
    [
      ['of-the-file', 'file', 'fromfile@contoso.test'],
      ['made', 'console', 'made@contoso.test'],
      ['resting', 'console', 'resting@contoso.test'],
    ],
  );
});

test('without a service `import run` brings both in, once each, and not what a person has paused', async () => {
  await place.close({ keep: true });
  place.deliver('made@contoso.test', 'Subject: two\r\n\r\nmore words\r\n', 'Subject: three\r\n\r\nwithheld\r\n');
  place.deliver('resting@contoso.test', 'Subject: later\r\n\r\nnot now\r\n');
  const box = mailboxOf(place.sandbox.tenant, 'made@contoso.test');
  assert.ok(box);
  box.quirks.emptyFetch = [3];

  const first = await run('import', 'run', '--once', '--json');
  assert.equal(first.code, 0, first.talk);
  const summary = read(first);
  assert.deepEqual(originsOf(summary.sources), ['of-the-file of file', 'made of console']);
  const [folder] = summary.sources[1].folders;
  assert.deepEqual([folder.before, folder.archived, folder.quarantined], [1, 1, 1]);
  assert.deepEqual(summary.leftOut, [{ source: 'resting', because: 'paused' }]);

  const again = await run('import', 'run', '--once');
  assert.match(again.out, /^made \(console\): complete\. INBOX: 3 listed = 2 before \+ 0 archived/m);
  assert.match(again.talk, /Paused in the console, so left out: resting\./);

  const paused = await run('import', 'run', '--once', 'resting');
  assert.equal(paused.code, 1);
  assert.ok(paused.talk.includes('import.paused'), paused.talk);

  const unknown = await run('import', 'run', '--once', 'nobody');
  assert.match(unknown.talk, /import\.source-unknown/);
  assert.match(unknown.talk, /of-the-file, made, resting/);
});

test('what is in quarantine of such a source is listed and asked for again', async () => {
  const listed = read(await run('import', 'retry', '--list', '--json'));
  assert.deepEqual(originsOf(listed.quarantine), ['made of console']);
  const box = mailboxOf(place.sandbox.tenant, 'made@contoso.test');
  assert.ok(box);
  box.quirks.emptyFetch = [];
  const asked = await run('import', 'retry', '--json');
  assert.equal(asked.code, 0, asked.talk);
  const { retried, leftOut } = read(asked);
  assert.deepEqual([retried.length, retried[0].outcome.kind, retried[0].origin], [1, 'came', 'console']);
  assert.deepEqual(leftOut, [{ source: 'resting', because: 'paused' }]);
});

test('without its key such a source is told with what to do, by name and among the others, which go on', async () => {
  const key = join(place.folder, 'data', 'secrets.key');
  renameSync(key, `${key}.aside`);
  try {
    const all = await run('import', 'run', '--once', '--json');
    assert.equal(all.code, 1, all.talk);
    const { sources, leftOut } = read(all);
    assert.deepEqual(
      sources.map(({ source, complete }: Record<string, unknown>) => [source, complete]),
      [['of-the-file', true]],
    );
    assert.deepEqual(
      leftOut.map(({ source, because, fault }: Record<string, Record<string, unknown>>) => [source, because, fault?.['code']]),
      [
        ['made', 'fault', 'definitions.key-wrong'],
        ['resting', 'fault', 'definitions.key-wrong'],
      ],
    );
    assert.match(all.talk, /made \(made in the console\) cannot be begun; the others go on/);

    for (const words of [
      ['import', 'run', '--once', 'made'],
      ['import', 'reconcile', 'made'],
      ['import', 'retry', 'made'],
      ['check', 'made@contoso.test'],
    ]) {
      const one = await run(...words);
      assert.equal(one.code, 1, `${words.join(' ')}: ${one.talk}`);
      assert.match(one.talk, /definitions\.key-wrong/, words.join(' '));
    }
    const status = await run('import', 'status', '--json');
    assert.equal(status.code, 3);
    const { well, sources: shown } = read(status);
    assert.deepEqual([well, shown[1].source, shown[1].cannotBegin.code], [false, 'made', 'definitions.key-wrong']);
    const words = (await run('import', 'status', 'made')).out;
    assert.match(words, /^made: made in the console, and cannot be begun$/m);
    assert.ok(
      words.split('\n').every((line) => line.length <= 80),
      words,
    );
  } finally {
    renameSync(`${key}.aside`, key);
  }
});
