/** The running import service, as the routes see it: sources that come and go, pause and wake, while the others go on. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mailboxOf } from '../../sandbox/src/tenant.ts';
import { Fault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { LiveEvent } from '../../src/service/api/event.ts';
import { until } from './import-place.ts';
import { oneSource, type ServicePlace, startServicePlace } from './service-place.ts';

const message = (subject: string): string =>
  `From: eva@contoso.test\r\nTo: adam@contoso.test\r\nSubject: ${subject}\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <${subject}@contoso.test>\r\n\r\n${subject}\r\n`;

let place: ServicePlace;
before(async () => {
  place = await startServicePlace({
    yaml: ({ tenant, imap, mailbox }) => `tenants:
  lab: ${tenant}
sources:
  standing: { tenant: lab, mailbox: ${mailbox}, server: ${imap}, every: 1h }
`,
  });
});
after(() => place.close());

/** A source of the console with a mailbox of its own, that has looked once. */
async function begun(name: string, ...texts: string[]): Promise<string> {
  const mailbox = place.mailbox();
  place.deliver(mailbox, ...texts.map(message));
  await place.parts.engine.put(await oneSource(place, name, mailbox));
  await place.card(name, ({ messages, state, running }) => messages === texts.length && state === 'healthy' && !running);
  return mailbox;
}

/** Everything that is told live from now on. */
function listening(): { readonly heard: readonly LiveEvent[]; stop(): Promise<void> } {
  const stop = new AbortController();
  const heard: LiveEvent[] = [];
  const ended = (async () => {
    for await (const event of place.parts.live.listen(stop.signal)) heard.push(event);
  })();
  return {
    heard,
    stop: () => {
      stop.abort();
      return ended;
    },
  };
}

function passes(name: string): number {
  return place.events.filter((event) => event.kind === 'pass' && event.source === name).length;
}

test('a source that is put begins, brings in what lies there and what arrives, and all of it is told live', {
  timeout: 240_000,
}, async () => {
  const { heard, stop } = listening();
  const mailbox = await begun('first', 'one', 'two');
  const card = await place.parts.engine.card('first');
  assert.equal(card?.origin, 'console');
  assert.equal(
    card?.arrivals.reduce((sum, one) => sum + one, 0),
    2,
  );
  place.deliver(mailbox, message('three'));
  const later = await place.card('first', ({ messages, lagSeconds }) => messages === 3 && lagSeconds !== null);
  assert.ok((later.lagSeconds ?? 0) < 20, `arrived ${later.lagSeconds} s ago`);
  const arrived = (): number =>
    heard.reduce((sum, event) => (event.kind === 'arrivals' && event.source === 'first' ? sum + event.messages : sum), 0);
  await until(() => arrived() === 3);
  await until(
    () => heard.some((event) => event.kind === 'run' && event.run.source === 'first' && event.run.counts?.archived === 1),
    10_000,
  );
  await until(() => heard.some((event) => event.kind === 'source' && event.card.name === 'first' && event.card.messages === 3), 10_000);
  assert.equal(heard[0]?.kind, 'hello');
  assert.ok(heard.some((event) => event.kind === 'talk' && event.source === 'first' && event.text === '1 message came'));
  await until(() => heard.some((event) => event.kind === 'derived' && event.lag === 0));
  await stop();
});

test('arrivals are told twice a second at most, however many messages come', { timeout: 240_000 }, async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, ...Array.from({ length: 2_000 }, (_, index) => message(`many-${index}`)));
  const { heard, stop } = listening();
  const began = performance.now();
  await place.parts.engine.put(await oneSource(place, 'many', mailbox));
  const told = (): LiveEvent[] => heard.filter((event) => event.kind === 'arrivals' && event.source === 'many');
  await until(() => told().reduce((sum, event) => (event.kind === 'arrivals' ? sum + event.messages : sum), 0) === 2_000, 30_000);
  assert.ok(told().length <= (performance.now() - began) / 500 + 1, `${told().length} times in ${performance.now() - began} ms`);
  await stop();
  await place.parts.engine.remove('many');
});

test('run now looks at once, where the next look is an hour away; a paused source is not woken by it', { timeout: 240_000 }, async () => {
  const { engine } = place.parts;
  await begun('woken', 'before');
  const before = passes('woken');
  assert.equal(engine.runNow('woken'), true);
  await until(() => passes('woken') > before, 10_000);
  await engine.pause('woken', 'tester');
  assert.equal(engine.runNow('woken'), false);
  assert.equal(engine.runNow('nobody'), false);
  await engine.remove('woken');
});

test('run now tries at once what was refused until a person acted, and is no way around a grant', { timeout: 240_000 }, async () => {
  const { engine } = place.parts;
  const address = place.mailbox();
  const mailbox = mailboxOf(place.sandbox.tenant, address);
  const grants = [...(mailbox?.grants ?? [])];
  mailbox?.grants.clear();
  place.deliver(address, message('behind the grant'));
  await engine.put(await oneSource(place, 'granted', address));
  await place.card('granted', ({ state }) => state === 'refused');
  for (const oid of grants) mailbox?.grants.add(oid);
  await until(() => engine.runNow('granted'));
  await place.card('granted', ({ state, messages }) => state === 'healthy' && messages === 1);
  await engine.remove('granted');
});

test('a paused source does not look, is neither late nor silent, and takes up what came when it goes on', {
  timeout: 240_000,
}, async () => {
  const { engine, definitions } = place.parts;
  const mailbox = await begun('paused', 'one');
  await engine.pause('paused', 'tester');
  const card = await engine.card('paused');
  assert.deepEqual([card?.state, card?.paused, card?.running, card?.nextLook, card?.messages], ['paused', true, false, null, 1]);
  assert.ok(card?.lastPass !== null, 'it is known when it looked last');
  assert.ok((await definitions.paused()).has('paused'));
  const before = passes('paused');
  place.deliver(mailbox, message('two'));
  place.deliver(place.sandbox.seededMailbox, message('for the other'));
  await place.card('standing', ({ messages }) => messages > 0);
  assert.equal(passes('paused'), before, 'another source goes on, and this one has not looked');
  assert.equal(place.parts.watch()?.verdicts.has('paused'), false);
  await engine.resume('paused', 'tester');
  await place.card('paused', ({ state, messages }) => state === 'healthy' && messages === 2);
  assert.equal((await definitions.paused()).has('paused'), false);
});

test('a source of the file is paused and goes on as one of the console', { timeout: 240_000 }, async () => {
  const { engine } = place.parts;
  await engine.pause('standing', 'tester');
  assert.equal((await engine.card('standing'))?.state, 'paused');
  await engine.resume('standing', 'tester');
  await place.card('standing', ({ state }) => state === 'healthy');
  await assert.rejects(engine.put(await oneSource(place, 'standing', place.mailbox())), /configuration file/);
});

test('a replaced source has ended before the new one begins: no message comes twice, and the new definition holds', {
  timeout: 240_000,
}, async () => {
  const { engine, archive } = place.parts;
  const mailbox = await begun('replaced', 'a', 'b');
  const one = await oneSource(place, 'replaced', mailbox);
  for (const everySeconds of [7, 8, 9]) await engine.put({ ...one, everyMs: everySeconds * 1000 });
  place.deliver(mailbox, message('c'));
  await place.card('replaced', ({ everySeconds, messages }) => everySeconds === 9 && messages === 3);
  const uids: string[] = [];
  for await (const { uid, uidValidity, folder } of archive.ledger({ source: 'replaced' })) uids.push(`${folder} ${uidValidity} ${uid}`);
  assert.equal(new Set(uids).size, uids.length);
});

test('a name under which another mailbox came in before is refused: its numbers would be taken for those', {
  timeout: 240_000,
}, async () => {
  const { engine } = place.parts;
  await begun('named', 'a', 'b');
  const other = place.mailbox();
  place.deliver(other, message('elsewhere'));
  const wanted = await oneSource(place, 'named', other);
  assert.equal((await engine.objection(wanted))?.code, 'import.other-mailbox');
  await assert.rejects(engine.put(wanted), (error: unknown) => error instanceof Fault && error.code === 'import.other-mailbox');
  await engine.remove('named');
  assert.equal((await engine.objection(wanted))?.code, 'import.other-mailbox', 'what came stays, and so does its name');
  assert.equal(await engine.objection(await oneSource(place, 'unheard-of', other)), undefined);
});

test('a removed source is gone from cards and watch, and what came of it stays', { timeout: 240_000 }, async () => {
  const { engine, archive } = place.parts;
  await begun('removed', 'kept');
  const { heard, stop } = listening();
  await until(() => heard.length > 0);
  await engine.pause('removed', 'tester');
  await engine.remove('removed');
  assert.equal((await place.parts.definitions.paused()).has('removed'), false, 'a later one of its name is not paused');
  assert.equal(await engine.card('removed'), undefined);
  assert.equal(engine.importSource('removed'), undefined);
  await until(() => heard.some((event) => event.kind === 'source-gone' && event.name === 'removed'));
  assert.equal(
    place.parts.watch()?.sources.some(({ name }) => name === 'removed'),
    false,
  );
  let rows = 0;
  for await (const _row of archive.ledger({ source: 'removed' })) rows += 1;
  assert.equal(rows, 1);
  await stop();
});

test('an alert of a source that is paused or removed ends, and opens again when it goes on as before', { timeout: 240_000 }, async () => {
  const { engine, journal } = place.parts;
  const address = place.mailbox();
  mailboxOf(place.sandbox.tenant, address)?.grants.clear();
  const { heard, stop } = listening();
  const open = async (): Promise<number> => (await journal.alerts({ open: true })).filter(({ source }) => source === 'alerting').length;
  const became = async (wanted: number): Promise<void> => {
    for (const began = performance.now(); (await open()) !== wanted; await systemClock.sleep(50)) {
      assert.ok(performance.now() - began < 60_000, `${await open()} alerts are open, not ${wanted}`);
    }
  };
  await engine.put(await oneSource(place, 'alerting', address));
  await became(1);
  await engine.pause('alerting', 'tester');
  await became(0);
  await engine.resume('alerting', 'tester');
  await became(1);
  await engine.remove('alerting');
  await became(0);
  const told = (isOver: boolean): number =>
    heard.filter((event) => event.kind === 'alert' && event.alert.source === 'alerting' && (event.alert.cleared !== null) === isOver)
      .length;
  await until(() => told(true) === 2 && told(false) >= 2, 20_000);
  await stop();
});

test('a fault of one source ends its pass only', { timeout: 240_000 }, async () => {
  const { engine } = place.parts;
  const source = await oneSource(place, 'broken', place.mailbox());
  await engine.put({ ...source, server: { ...source.server, port: 1 } });
  await place.card('broken', ({ nextLook, running }) => nextLook !== null && !running);
  const before = (await engine.card('standing'))?.messages ?? 0;
  place.deliver(place.sandbox.seededMailbox, message('all the same'));
  await place.card('standing', ({ messages }) => messages === before + 1);
  await engine.remove('broken');
});

test('a listener that does not read is told to look anew, and holds up nobody', { timeout: 240_000 }, async () => {
  const { live } = place.parts;
  const stop = new AbortController();
  const events = live.listen(stop.signal)[Symbol.asyncIterator]();
  assert.equal((await events.next()).value?.kind, 'hello');
  const at = new Date().toISOString();
  for (let index = 0; index < 5_000; index += 1) live.tell({ kind: 'talk', at, source: null, text: `line ${index}`, fault: null });
  const kinds: string[] = [];
  for (let kind = ''; kind !== 'derived'; kinds.push(kind)) {
    if (kinds.length === 1) live.tell({ kind: 'derived', lag: 7 });
    kind = (await events.next()).value?.kind ?? '';
  }
  assert.equal(kinds[0], 'hello');
  assert.ok(kinds.length <= 600, `${kinds.length} were kept for it`);
  stop.abort();
  assert.equal((await events.next()).done, true);
});

test('the overview counts what is there, and says how the sources are', { timeout: 240_000 }, async () => {
  const { overview } = await import('../../src/service/api/operation.ts');
  const { archive, engine } = place.parts;
  const { messages, head } = await archive.stats();
  await until(() => engine.total?.messages === messages);
  const seen = (await place.admin('GET', '/overview')).as(overview);
  assert.equal(seen.messages, messages);
  assert.deepEqual(seen.head, head);
  assert.equal(seen.empty, false);
  assert.ok((seen.sources.healthy ?? 0) >= 2, JSON.stringify(seen.sources));
});
