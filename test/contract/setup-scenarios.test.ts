/** Every scenario of administration against its line in setup-expectations.ts, and against a plan that is empty afterwards. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setQuirks } from '../../sandbox/src/directory/state.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { type DirectoryScenario, directoryScenarios } from '../../sandbox/src/scenario/directory.ts';
import { scenarios } from '../../sandbox/src/scenario.ts';
import { isFault } from '../../src/fault/fault.ts';
import type { Desired } from '../../src/setup/desired.ts';
import { setupExpectations } from './setup-expectations.ts';
import { desiredFor, type SetupPlace, setupPlace } from './setup-place.ts';

test('every scenario of administration has its expectation, no other has, and none bears the name of another scenario', () => {
  const names = directoryScenarios.map(({ name }) => name);
  assert.deepEqual(Object.keys(setupExpectations).sort(), [...names].sort());
  assert.equal(new Set([...names, ...scenarios.map(({ name }) => name)]).size, names.length + scenarios.length);
});

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

/** Two mailboxes and all protocols, so that each kind of step is there; an app of its own for each scenario. */
const desiredIn = (uniqueName: string): Desired =>
  desiredFor({
    app: { ...desiredFor().app, uniqueName },
    mailboxes: [
      { address: 'bulk@contoso.test', protocols: ['imap', 'pop3', 'smtp'], sendAs: ['telemessage@contoso.test'] },
      { address: 'telemessage@contoso.test', protocols: ['imap'], sendAs: [] },
    ],
  });

async function within({ name, quirks }: DirectoryScenario, act: (place: SetupPlace, desired: Desired) => Promise<void>): Promise<void> {
  const place = await setupPlace({ sandbox, hurried: true, signIn: name.startsWith('device-') ? 'device' : 'token' });
  const { directory } = sandbox.tenant;
  try {
    const mailbox = place.sandbox.tenant.mailboxes.get('bulk@contoso.test');
    assert.ok(mailbox);
    mailbox.imapEnabled = false;
    directory.audit.splice(0);
    setQuirks(directory.quirks, quirks);
    await act(place, desiredIn(name));
  } finally {
    for (const quirk of Object.keys(directory.quirks)) setQuirks(directory.quirks, { [quirk]: null });
    await place.close();
  }
}

for (const scenario of directoryScenarios) {
  const expected = setupExpectations[scenario.name];
  if (expected === undefined) continue;
  switch (expected.comesTo) {
    case 'applied':
      test(`${scenario.name}: all is done once, and nothing is left to do`, () =>
        within(scenario, async (place, desired) => {
          const { tenant } = place.sandbox;
          await place.apply(desired, 'one');
          const again = await place.plan(desired);
          assert.deepEqual([again.steps, again.remarks], [[], []]);
          const ours = [...tenant.apps.values()].filter((one) => one.registration.uniqueName === scenario.name);
          assert.equal(ours.length, 1);
          assert.deepEqual(
            ours[0]?.secrets.map((one) => one.value),
            [await readFile(place.secretFile, 'utf8')],
          );
          const counted = Object.entries(scenario.quirks).filter(([name, value]) => typeof value === 'number' && !untouched.has(name));
          for (const [name] of counted) assert.equal(Reflect.get(tenant.directory.quirks, name), 0, `${name} was met`);
        }));
      break;
    case 'blocked':
      test(`${scenario.name}: the plan says what stands in the way, and nothing is begun`, () =>
        within(scenario, async (place, desired) => {
          const plan = await place.plan(desired);
          const blocked = plan.remarks.filter((one) => one.kind === 'blocked').map((one) => one.text);
          assert.match(blocked.join('\n'), expected.remark);
          await assert.rejects(place.apply(desired, 'one'), (error) => isFault(error, 'setup.blocked'));
          assert.deepEqual(place.sandbox.tenant.directory.audit, []);
        }));
      break;
    case 'fault':
      test(`${scenario.name}: ${expected.code}, and nothing is begun`, () =>
        within(scenario, async (place, desired) => {
          await assert.rejects(place.apply(desired, 'one'), (error) => isFault(error, expected.code));
          assert.deepEqual(place.sandbox.tenant.directory.audit, []);
        }));
      break;
    default:
      expected satisfies never;
  }
}

/** Not used up by being met, or used up by what comes later. */
const untouched: ReadonlySet<string> = new Set(['pageSize', 'maxSecretDays', 'pointerRefusesLogins', 'newSecretUnknown']);

test('a policy that may not be read refuses the secret itself, and the secret’s step says so', async () => {
  const desired = desiredIn('policy-unread');
  const place = await setupPlace({ sandbox, hurried: true });
  try {
    const { tenant } = sandbox;
    const seen = await place.plan(desired);
    assert.equal(seen.remarks.length, 0);
    const ports = place.ports('late');
    // The policy comes between the look and the secret.
    const notes: typeof ports.notes = {
      ...ports.notes,
      note(entry) {
        if (entry.event === 'secret-asked') tenant.directory.quirks.maxSecretDays = 30;
        ports.notes.note(entry);
      },
    };
    const { apply } = await import('../../src/setup/apply.ts');
    await assert.rejects(apply(desired, seen, { ...ports, notes }), (error) => isFault(error, 'graph.credential-policy'));
  } finally {
    await place.close();
  }
});
