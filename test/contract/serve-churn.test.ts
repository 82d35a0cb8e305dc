/**
 * Sources that come and go in any order, with connections cut in between and mail arriving all the while: nothing is lost, nothing comes
 * twice, and everybody who was to go on goes on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailboxOf } from '../../sandbox/src/tenant.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { oneSource, type ServicePlace, startServicePlace } from './service-place.ts';

const names = ['alpha', 'beta', 'gamma'] as const;
const steps = 60;

/** Repeatable: the same number gives the same row of numbers. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

async function churn(place: ServicePlace, seed: number): Promise<Readonly<Record<string, readonly string[]>>> {
  const { engine } = place.parts;
  const pick = chance(seed);
  const delivered: Record<string, string[]> = {};
  const mailboxes = new Map(names.map((name) => [name, place.mailbox()]));
  const under: Promise<unknown>[] = [];
  for (let step = 0; step < steps; step += 1) {
    const name = names[pick(names.length)] ?? 'alpha';
    const mailbox = mailboxes.get(name) ?? '';
    const act = pick(8);
    // Not waited for: people and connections do not wait for one another either.
    if (act === 0) under.push(engine.put(await oneSource(place, name, mailbox, ', connections: 2')));
    else if (act === 1) under.push(engine.pause(name, 'churn'));
    else if (act === 2) under.push(engine.resume(name, 'churn'));
    else if (act === 3) engine.runNow(name);
    else if (act === 4 && pick(3) === 0) under.push(engine.remove(name));
    else if (act === 5) for (const session of [...place.sandbox.tenant.sessions]) session.cut();
    else {
      const subjects = Array.from({ length: 1 + pick(30) }, (_, index) => `${name}-${step}-${index}`);
      delivered[name] = [...(delivered[name] ?? []), ...subjects];
      place.deliver(mailbox, ...subjects.map((subject) => `Subject: ${subject}\r\n\r\n${subject}\r\n`));
    }
    if (pick(3) === 0) await systemClock.sleep(pick(40));
  }
  await Promise.all(under);
  for (const name of names) {
    await engine.put(await oneSource(place, name, mailboxes.get(name) ?? ''));
    await engine.resume(name, 'churn');
    assert.ok(mailboxOf(place.sandbox.tenant, mailboxes.get(name) ?? '') !== undefined);
  }
  return delivered;
}

for (const seed of [1, 7, 42]) {
  test(`sources that are put, paused, woken and removed while connections break bring each message once (seed ${seed})`, {
    timeout: 240_000,
  }, async () => {
    const place = await startServicePlace();
    try {
      const delivered = await churn(place, seed);
      const { archive, engine } = place.parts;
      for (const name of names) {
        const wanted = delivered[name] ?? [];
        await place.card(name, ({ state, messages }) => state === 'healthy' && messages === wanted.length);
        const seen = new Set<string>();
        const bodies = new Set<string>();
        for await (const row of archive.ledger({ source: name })) {
          assert.equal(row.state, 'archived', `${name} ${row.uid}`);
          assert.ok(!seen.has(`${row.folder} ${row.uidValidity} ${row.uid}`), `${name} has the row of ${row.uid} twice`);
          seen.add(`${row.folder} ${row.uidValidity} ${row.uid}`);
          bodies.add(row.sha256 ?? '');
        }
        assert.deepEqual([seen.size, bodies.size], [wanted.length, wanted.length]);
        assert.equal(engine.source(name)?.paused, false);
      }
      assert.deepEqual((await archive.verify()).findings, []);
      assert.deepEqual(place.bugs, []);
    } finally {
      await place.close();
    }
  });
}
