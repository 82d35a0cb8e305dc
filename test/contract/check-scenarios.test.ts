/** Every scenario of the sandbox against its line in check-expectations.ts, where what `check` says of it first is written down. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refusals } from '../../sandbox/src/entra/aadsts.ts';
import { scenarios } from '../../sandbox/src/scenario.ts';
import { isFault } from '../../src/fault/fault.ts';
import { faultByAadsts } from '../../src/token/response.ts';
import { clientNamed, expectations } from './check-expectations.ts';
import { type CheckPlace, startCheckPlace } from './check-place.ts';

let place: CheckPlace;
before(async () => {
  place = await startCheckPlace();
});
after(() => place.close());

test('every scenario of the sandbox has its expectation, and no other has', () => {
  assert.deepEqual(Object.keys(expectations).sort(), scenarios.map(({ name }) => name).sort());
});

for (const scenario of scenarios) {
  const expected = expectations[scenario.name];
  if (expected === undefined) continue;
  test(`${scenario.name}: check says ${expected.first ?? 'that all is well'} first`, async () => {
    const wish = expected.wish ?? {};
    if (expected.throws) {
      await assert.rejects(place.check({ scenario, ...wish }), (error) => isFault(error) && error.code === expected.first);
      return;
    }
    const { findings } = await place.check({ scenario, ...wish });
    const [first] = findings;
    const told = findings.map(({ code, certainty, level }) => `${code} ${certainty} ${level}`).join(', ');
    assert.equal(first?.code, expected.first, told);
    if (first === undefined) return;
    assert.equal(first.certainty, expected.certainty ?? 'sure', told);
    assert.equal(first.level, expected.level ?? 'fault', told);
    assert.ok(!JSON.stringify(findings).includes(place.sandbox.clientSecret));
  });
}

test('every AADSTS answer that the sandbox can give is the fault of its number, and keeps the ids that support asks for', async () => {
  const numbers = Object.keys(refusals).map(Number);
  const answers = await Promise.all(
    numbers.map(async (number) => {
      const { findings } = await place.check(clientNamed(`aad57500-0000-4000-8000-${String(number).padStart(12, '0')}`));
      return { number, code: findings[0]?.code, seen: findings[0]?.seen };
    }),
  );
  for (const { number, code, seen } of answers) {
    assert.equal(code, faultByAadsts.get(number) ?? 'token.unknown-answer', String(number));
    assert.match(String(seen?.['traceId']), /^[0-9a-f-]{36}$/);
    assert.match(String(seen?.['correlationId']), /^[0-9a-f-]{36}$/);
  }
});
