import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnEnd } from '../../admin/graph/own-credential.ts';
import type { TenantConfig } from '../../config/config.ts';
import { Fault } from '../../fault/fault.ts';
import type { NotedCredential } from '../../journal/journal.ts';
import { Secret } from '../../runtime/secret.ts';
import { clouds } from '../../tenant/cloud.ts';
import { CredentialEnds } from './credential-ends.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2031, 3, 7, 9);

interface Wish {
  readonly secret?: { value: string; readonly kind?: 'file' | 'command' };
  readonly expires?: Date;
  readonly restored?: readonly NotedCredential[];
}

/** One tenant, a clock that only the test moves, and a Graph that answers what the test says. */
function setting({ secret = { value: 'abc-1' }, expires, restored = [] }: Wish = {}) {
  const { kind = 'file' } = secret;
  const tenant: TenantConfig = {
    name: 'contoso',
    tenantId: '11111111-2222-3333-4444-555555555555',
    clientId: '66666666-7777-8888-9999-000000000000',
    setup: undefined,
    cloud: clouds.global,
    scope: clouds.global.scope,
    credential: {
      kind: 'secret',
      secret: { kind, describe: 'a secret', resolve: async () => new Secret(secret.value) },
      ...(expires === undefined ? {} : { expires }),
    },
    ca: [],
  };
  let nowMs = start;
  let noted: Date | undefined;
  let answer: OwnEnd = { kind: 'known', what: 'client secret', ends: new Date(start + 90 * day) };
  const askedAt: number[] = [];
  const ends = new CredentialEnds({
    tenants: () => [tenant],
    ask: async () => {
      askedAt.push(nowMs - start);
      return answer;
    },
    noted: () => noted,
    clock: { now: () => nowMs, monotonic: () => nowMs - start, sleep: () => Promise.reject(new Error('nobody sleeps here')) },
    random: () => 0.5,
  });
  ends.restore(restored);
  const { signal } = new AbortController();
  return {
    ends,
    askedAt,
    look: (atOnce?: boolean) => ends.look(signal, atOnce),
    /** Lets time go by with a look each minute. */
    async pass(ms: number) {
      await ends.look(signal);
      for (const end = nowMs + ms; nowMs < end; ) {
        nowMs = Math.min(end, nowMs + minute);
        await ends.look(signal);
      }
    },
    answers: (next: OwnEnd) => {
      answer = next;
    },
    notes: (at: Date) => {
      noted = at;
    },
    known: () => {
      const expiry = ends.view(nowMs).expiries.get('contoso');
      return expiry && { origin: expiry.origin, inDays: Math.round((expiry.expires - start) / day) };
    },
    because: () => ends.view(nowMs).unknown.get('contoso')?.because,
    now: () => nowMs,
  };
}

const failed: OwnEnd = { kind: 'unknown', because: 'failed', fault: new Fault('graph.unavailable') };

test('Graph is asked soon after the start and then once a day', async () => {
  const at = setting();
  await at.look();
  assert.deepEqual([at.askedAt, at.because()], [[], 'not-asked']);
  await at.pass(minute);
  assert.deepEqual(at.known(), { origin: 'graph', inDays: 90 });
  await at.pass(2 * day);
  assert.deepEqual(at.askedAt, [minute, minute + day, minute + 2 * day]);
});

test('after failures it is asked less and less often, and what it said last counts', async () => {
  const at = setting();
  await at.pass(minute);
  at.answers(failed);
  await at.pass(2 * day);
  const [, ...later] = at.askedAt;
  const apart = later.slice(1).map((time, index) => Math.round((time - (later[index] ?? 0)) / minute));
  assert.deepEqual(apart, [15, 30, 60, 120, 240, 480]);
  assert.deepEqual(at.known(), { origin: 'graph', inDays: 90 });
});

test('what may not be asked is not known, for its reason, and the configuration has the word where it says anything', async () => {
  const silent = setting();
  silent.answers({ kind: 'unknown', because: 'not-allowed' });
  await silent.pass(minute);
  assert.deepEqual([silent.known(), silent.because()], [undefined, 'not-allowed']);
  await silent.pass(2 * hour);
  assert.equal(silent.askedAt.length, 1, 'it is no failure');
  const told = setting({ expires: new Date(start + 40 * day) });
  told.answers({ kind: 'unknown', because: 'not-allowed' });
  await told.pass(minute);
  assert.deepEqual(told.known(), { origin: 'configuration', inDays: 40 });
});

test('another secret at the same place is seen within a minute and asked for anew; what was known of the old one says nothing of it', async () => {
  const secret = { value: 'abc-1' };
  const at = setting({ secret });
  await at.pass(hour);
  secret.value = 'xyz-2';
  at.answers(failed);
  await at.pass(minute);
  assert.deepEqual([at.askedAt.length, at.known(), at.because()], [2, undefined, 'failed']);
  at.answers({ kind: 'known', what: 'client secret', ends: new Date(start + 365 * day) });
  await at.pass(hour);
  assert.deepEqual(at.known(), { origin: 'graph', inDays: 365 });
});

test('a vault is not asked each minute', async () => {
  const secret = { value: 'abc-1', kind: 'command' as const };
  const at = setting({ secret });
  await at.pass(hour);
  secret.value = 'xyz-2';
  await at.pass(hour);
  assert.equal(at.askedAt.length, 1);
});

test('what the setup has stored since is asked for at once, and counts where Graph may not be asked', async () => {
  const at = setting();
  at.answers({ kind: 'unknown', because: 'not-allowed' });
  await at.pass(hour);
  at.notes(new Date(start + 180 * day));
  await at.pass(minute);
  assert.equal(at.askedAt.length, 2);
  assert.deepEqual(at.known(), { origin: 'setup', inDays: 180 });
});

test('a restart keeps what Graph has said, and runs that a scheduler starts ask once a day all together', async () => {
  const first = setting();
  await first.pass(minute);
  const restored = first.ends.notes(first.now());
  assert.deepEqual(JSON.stringify(restored).includes('abc'), false, 'nothing of the secret is noted');
  const next = setting({ restored });
  await next.look(true);
  assert.deepEqual([next.askedAt, next.known()], [[], { origin: 'graph', inDays: 90 }]);
  const old = restored.map((one) => ({ ...one, answered: new Date(start - 2 * day) }));
  const later = setting({ restored: old });
  await later.look(true);
  assert.equal(later.askedAt.length, 1);
  const failing = setting({ restored: restored.map((one) => ({ ...one, because: 'failed', answered: new Date(start - hour) })) });
  await failing.look(true);
  assert.equal(failing.askedAt.length, 1, 'a question that failed is asked again sooner');
  const service = setting({ restored });
  await service.look();
  assert.deepEqual(service.known(), { origin: 'graph', inDays: 90 });
  await service.pass(minute);
  assert.equal(service.askedAt.length, 1, 'the secret may be another one since');
});
