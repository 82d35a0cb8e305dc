import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultCode } from '../../fault/catalog.ts';
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { ImportEvent, PassEvent } from '../events.ts';
import { type Expiry, expiryFault, expiryStep } from './expiry.ts';
import { ageOf, type Instant, restored } from './instant.ts';
import { judge, lateAfterMs, newFacts, observe, type SourceFacts, type SourceLook } from './state.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start: Instant = { wallMs: Date.UTC(2031, 3, 7, 9), steadyMs: 5_000 };
const every = minute;

/** So long after the start by both clocks; the machine's clock may be off by `jump`. */
function at(ms: number, jump = 0): Instant {
  return { wallMs: start.wallMs + ms + jump, steadyMs: start.steadyMs + ms };
}

function pass(wish: Partial<PassEvent> = {}): PassEvent {
  const counts = { arrived: 0, duplicate: 0, quarantined: 0, listed: 10, excluded: 0, missing: 0, durationMs: 40 };
  return { kind: 'pass', source: 'mail', faults: new Map(), newest: undefined, ...counts, ...wish };
}

function waiting(code: FaultCode, waitMs = 30_000, evidence: Evidence = {}): ImportEvent {
  return { kind: 'waiting', source: 'mail', fault: new Fault(code, evidence), waitMs };
}

function failed(code: FaultCode): ImportEvent {
  return { kind: 'failed', source: 'mail', fault: new Fault(code), waitMs: 15 * minute };
}

const message: ImportEvent = { kind: 'message', source: 'mail', folder: 'INBOX', bytes: 900, internalDate: undefined };

function after(events: readonly (readonly [ms: number, event: ImportEvent])[], from: SourceFacts = newFacts('mail', start)): SourceFacts {
  return events.reduce((facts, [ms, event]) => observe(facts, event, at(ms)), from);
}

function look(wish: Partial<SourceLook> = {}): SourceLook {
  return {
    everyMs: every,
    awakeSince: start,
    quarantined: 0,
    quarantineAcknowledged: 0,
    gapsOpen: 0,
    silence: undefined,
    silentVoices: 0,
    expiry: undefined,
    ...wish,
  };
}

function ending(daysLeft: number): Expiry {
  return { tenant: 'contoso', what: 'client secret', expires: start.wallMs + daysLeft * day, daysLeft, origin: 'configuration' };
}

const silence = { since: start.wallMs - 5 * hour, silentForMs: 5 * hour, expectedWithinMs: 4 * hour, by: 'silentAfter' } as const;
const secretExpired = failed('token.secret-expired');
const throttled = waiting('imap.throttled', 5 * minute, { backoffMs: 5 * minute });
const noFolder = pass({ faults: new Map([['Sent', new Fault('imap.folder-unknown')]]) });
const incomplete = pass({ missing: 3, faults: new Map([['INBOX', new Fault('import.incomplete')]]) });

const table: readonly (readonly [name: string, state: string, facts: SourceFacts, looked: SourceLook, now: Instant])[] = [
  ['before its first look', 'new', after([]), look(), at(minute)],
  [
    'of which an earlier process saw a look and this one nothing',
    'new',
    newFacts('mail', start, { lastPass: restored(start.wallMs - hour, start) }),
    look(),
    at(minute),
  ],
  ['after a look', 'healthy', after([[0, pass()]]), look(), at(minute)],
  [
    'with a lost connection that is tried again',
    'healthy',
    after([
      [0, pass()],
      [minute, waiting('network.connection-lost')],
    ]),
    look(),
    at(minute),
  ],
  [
    'with a fault that a person must end',
    'refused',
    after([
      [0, pass()],
      [minute, secretExpired],
    ]),
    look(),
    at(minute),
  ],
  [
    'when the mailbox does not open any more',
    'refused',
    after([
      [0, pass()],
      [minute, waiting('import.mailbox-unavailable')],
    ]),
    look(),
    at(minute),
  ],
  ['when a folder does not open', 'refused', after([[0, noFolder]]), look(), at(minute)],
  [
    'while the server wants a pause',
    'throttled',
    after([
      [0, pass()],
      [minute, throttled],
    ]),
    look(),
    at(minute),
  ],
  ['while the token endpoint wants a pause', 'throttled', after([[minute, waiting('token.throttled')]]), look(), at(minute)],
  [
    'with mail again after a pause',
    'new',
    after([
      [minute, throttled],
      [6 * minute, message],
    ]),
    look(),
    at(6 * minute),
  ],
  ['without a look for long', 'late', after([[0, pass()]]), look(), at(lateAfterMs(every) + 1)],
  ['without a look for a moment less', 'healthy', after([[0, pass()]]), look(), at(lateAfterMs(every))],
  ['in a first look of hours that brings mail', 'new', after([[3 * hour, message]]), look(), at(3 * hour + minute)],
  ['in a first look that brings none', 'late', after([]), look(), at(lateAfterMs(every) + 1)],
  ['with messages missing', 'late', after([[0, incomplete]]), look(), at(minute)],
  ['with open gaps', 'late', after([[0, pass()]]), look({ gapsOpen: 1 }), at(minute)],
  ['with messages in quarantine', 'late', after([[0, pass()]]), look({ quarantined: 2 }), at(minute)],
  [
    'with a quarantine that was acknowledged',
    'healthy',
    after([[0, pass()]]),
    look({ quarantined: 2, quarantineAcknowledged: 2 }),
    at(minute),
  ],
  [
    'with more in quarantine than was acknowledged',
    'late',
    after([[0, pass()]]),
    look({ quarantined: 3, quarantineAcknowledged: 2 }),
    at(minute),
  ],
  ['without mail', 'silent', after([[0, pass()]]), look({ silence }), at(minute)],
  ['with some owners of which nothing comes', 'healthy', after([[0, pass()]]), look({ silentVoices: 2 }), at(minute)],
  ['with an end in 31 days', 'healthy', after([[0, pass()]]), look({ expiry: ending(31) }), at(minute)],
  ['with an end in 30 days', 'expiring', after([[0, pass()]]), look({ expiry: ending(30) }), at(minute)],
  ['with an end that is over', 'expiring', after([[0, pass()]]), look({ expiry: ending(-1) }), at(minute)],
  // Precedence: each row holds its own and everything below it.
  [
    'refused, throttled before, late, silent, expiring',
    'refused',
    after([
      [0, throttled],
      [minute, secretExpired],
    ]),
    look({ gapsOpen: 1, silence, expiry: ending(3) }),
    at(day),
  ],
  [
    'with a folder that does not open, and throttled',
    'refused',
    after([
      [0, noFolder],
      [minute, throttled],
    ]),
    look({ gapsOpen: 1 }),
    at(minute),
  ],
  [
    'throttled, late, silent, expiring',
    'throttled',
    after([
      [0, pass()],
      [minute, throttled],
    ]),
    look({ gapsOpen: 1, silence, expiry: ending(3) }),
    at(day),
  ],
  ['late, silent, expiring', 'late', after([[0, pass()]]), look({ gapsOpen: 1, silence, expiry: ending(3) }), at(minute)],
  ['silent, expiring', 'silent', after([[0, pass()]]), look({ silence, expiry: ending(3) }), at(minute)],
];

for (const [name, state, facts, looked, now] of table) {
  test(`a source ${name} is ${state}`, () => {
    assert.equal(judge(facts, looked, now).state, state);
  });
}

test('a source that is late and expiring has both as concerns, the worse first', () => {
  const { concerns } = judge(after([[0, pass()]]), look({ gapsOpen: 2, expiry: ending(3) }), at(minute));
  assert.deepEqual(
    concerns.map(({ kind, fault, measure }) => [kind, fault.code, measure]),
    [
      ['gap', 'watch.gaps-open', 2],
      ['expiring', 'watch.credential-expiring', 4],
    ],
  );
});

test('of a source that does not work nobody says that it is silent', () => {
  const { concerns } = judge(
    after([
      [0, pass()],
      [minute, secretExpired],
    ]),
    look({ silence }),
    at(minute),
  );
  assert.deepEqual(
    concerns.map(({ kind }) => kind),
    ['refused'],
  );
});

test('mail that this process has not looked for yet does not stay away', () => {
  const facts = newFacts('mail', start, {
    lastPass: restored(start.wallMs - day, start),
    lastArrival: restored(start.wallMs - day, start),
  });
  assert.equal(judge(facts, look({ silence }), at(minute)).state, 'new');
  assert.equal(judge(observe(facts, pass(), at(minute)), look({ silence }), at(minute)).state, 'silent');
});

test('a fault says since when it stands, and when it is tried again', () => {
  const facts = after([
    [0, pass()],
    [minute, throttled],
    [6 * minute, throttled],
  ]);
  const verdict = judge(facts, look(), at(7 * minute));
  assert.equal(verdict.concerns[0]?.since.wallMs, at(minute).wallMs);
  assert.equal(verdict.nextLook, at(11 * minute).wallMs);
});

test('a refusal stands through a lost connection, and ends when the mailbox opens', () => {
  const refused = after([
    [0, pass()],
    [minute, secretExpired],
    [2 * minute, waiting('network.connection-lost')],
  ]);
  const verdict = judge(refused, look(), at(2 * minute));
  assert.deepEqual([verdict.state, verdict.heard, verdict.concerns[0]?.fault.code], ['refused', 'nothing', 'token.secret-expired']);
  assert.equal(verdict.nextLook, at(2 * minute).wallMs + 30_000);
  const opened = observe(refused, { kind: 'folder', source: 'mail', folder: 'INBOX', listed: 1, toFetch: 0 }, at(3 * minute));
  assert.equal(judge(opened, look(), at(3 * minute)).state, 'healthy');
});

test('a source is not late for the time in which this process was asleep', () => {
  const facts = after([[0, pass()]]);
  assert.equal(judge(facts, look({ awakeSince: at(8 * hour) }), at(8 * hour + minute)).state, 'healthy');
  assert.equal(judge(facts, look({ awakeSince: at(8 * hour) }), at(9 * hour)).state, 'late');
});

test('a pass ends a fault, and the faults of folders are those of the last pass', () => {
  const facts = after([
    [0, noFolder],
    [minute, secretExpired],
    [2 * minute, pass()],
  ]);
  const verdict = judge(facts, look(), at(2 * minute));
  assert.deepEqual([verdict.state, verdict.concerns, verdict.nextLook], ['healthy', [], undefined]);
});

test('an overdue source names the fault that it waits for', () => {
  const verdict = judge(
    after([
      [0, pass()],
      [minute, waiting('network.unreachable')],
    ]),
    look(),
    at(day),
  );
  assert.equal(verdict.state, 'late');
  assert.equal(verdict.concerns[0]?.fault.code, 'watch.overdue');
  assert.equal(verdict.concerns[0]?.fault.evidence['waitsFor'], 'network.unreachable');
});

test('what held at the last look keeps its beginning', () => {
  const facts = after([[0, pass()]]);
  const first = judge(facts, look({ gapsOpen: 1 }), at(minute));
  const second = judge(facts, look({ gapsOpen: 4 }), at(5 * minute), first.concerns);
  assert.equal(second.concerns[0]?.since.wallMs, at(minute).wallMs);
  assert.equal(second.concerns[0]?.measure, 4);
});

for (const jump of [2 * day, -2 * day]) {
  const way = jump > 0 ? 'forward' : 'back';
  test(`a clock that jumps ${way} by two days makes no source late`, () => {
    const facts = after([[0, pass()]]);
    assert.equal(judge(facts, look(), at(minute, jump)).state, 'healthy');
  });
  test(`a source that is late is found so after a clock has jumped ${way} by two days, once it was late for the jump`, () => {
    const facts = after([[0, pass()]]);
    assert.equal(judge(facts, look(), at(lateAfterMs(every) + 2 * day + 1, jump)).state, 'late');
  });
}

test('what an earlier process wrote by a clock that was two days ahead is not in the future', () => {
  assert.equal(ageOf(restored(start.wallMs + 2 * day, start), at(minute)), minute);
});

test('what an earlier process wrote counts from when it was written', () => {
  assert.equal(ageOf(restored(start.wallMs - hour, start), at(minute)), hour + minute);
});

test('a clock that was two days ahead at the start and is set right does not leave an old age behind', () => {
  const then = restored(start.wallMs - 2 * day, start);
  assert.equal(ageOf(then, at(minute, -2 * day)), minute);
});

test('an end is told at 60, 30, 14, 7 and 1 days and when it is there, each once', () => {
  const steps = [61, 60, 59, 31, 30, 15, 14, 8, 7, 2, 1, 0.5, 0, -3].map((days) => expiryStep(days));
  assert.deepEqual(steps, [0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
});

test('an end that is past is another fault than one that is near', () => {
  assert.equal(expiryFault(ending(0.5)).code, 'watch.credential-expiring');
  assert.equal(expiryFault(ending(-0.5)).code, 'watch.credential-expired');
  assert.equal(expiryFault(ending(29.6)).evidence['daysLeft'], 29);
});
