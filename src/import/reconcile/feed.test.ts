/** When a feed is called silent, and when nothing can be said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feed, FeedHabit } from '../../archive/archive.ts';
import { hourOfWeek, judgeFeed, silenceOf } from './feed.ts';

const hourMs = 3_600_000;
/** A Monday, 00:00 UTC. */
const monday = Date.UTC(2031, 2, 3);
const at = (days: number, hours: number): Date => new Date(monday + days * 24 * hourMs + hours * hourMs);
const officeHours = (hour: number): boolean => Math.floor(hour / 24) < 5 && hour % 24 >= 9 && hour % 24 < 17;

function habit(last: Date, messages: (hour: number) => number, active: (hour: number) => number): FeedHabit {
  const hours = Array.from({ length: 168 }, (_, hour) => messages(hour));
  return {
    messages: hours.reduce((sum, one) => sum + one, 0),
    firstArrived: at(-28, 0),
    lastArrived: last,
    lastSent: last,
    hours,
    active: Array.from({ length: 168 }, (_, hour) => active(hour)),
  };
}

/** Five messages in each office hour of each of the four weeks. */
const busy = (last: Date): FeedHabit =>
  habit(
    last,
    (hour) => (officeHours(hour) ? 20 : 0),
    (hour) => (officeHours(hour) ? 4 : 0),
  );
/** Each office hour in two weeks of four. */
const calm = (last: Date): FeedHabit =>
  habit(
    last,
    (hour) => (officeHours(hour) ? 3 : 0),
    (hour) => (officeHours(hour) ? 2 : 0),
  );
/** Forty messages in one hour of one week, and nothing else. */
const burst = (last: Date): FeedHabit =>
  habit(
    last,
    (hour) => (hour === 10 ? 40 : 0),
    (hour) => (hour === 10 ? 1 : 0),
  );
const none = (last: Date): FeedHabit =>
  habit(
    last,
    () => 0,
    () => 0,
  );

for (const [says, heard, now, state, expected] of [
  ['a busy feed, an hour of work later', busy(at(0, 10)), at(0, 11), 'heard', 5],
  ['a busy feed, five hours of work later', busy(at(0, 10)), at(0, 15), 'silent', 25],
  ['a busy feed over the night', busy(at(0, 16.9)), at(1, 9), 'heard', 0.5],
  ['a busy feed over the weekend', busy(at(4, 16.9)), at(7, 9), 'heard', 0.5],
  ['a busy feed on Monday noon, silent since Friday', busy(at(4, 16.9)), at(7, 13), 'silent', 20.5],
  ['a calm feed after one day of work', calm(at(0, 9)), at(0, 17), 'heard', 6],
  ['a calm feed after three days of work', calm(at(0, 9)), at(2, 17), 'silent', 18],
  ['a feed that is away for weeks', busy(at(-21, 10)), at(0, 10), 'silent', 600],
  ['one burst, and nothing since', burst(at(0, 10)), at(21, 11), 'unknown', 40],
  ['a feed without a history', none(at(-60, 0)), at(0, 0), 'unknown', 0],
  ['a message that arrives in the future', busy(at(3, 0)), at(0, 0), 'heard', 0],
] as const) {
  test(`${says}: ${state}`, () => {
    const silence = silenceOf(heard, now);
    assert.deepEqual([silence.state, silence.expected], [state, expected]);
    assert.equal(silence.forMs, Math.max(0, now.getTime() - heard.lastArrived.getTime()));
  });
}

test('`silentAfter` decides in place of the habit, in both directions and without a history', () => {
  assert.equal(silenceOf(busy(at(0, 10)), at(0, 15), 24 * hourMs).state, 'heard');
  assert.equal(silenceOf(busy(at(0, 10)), at(0, 12), hourMs).state, 'silent');
  assert.equal(silenceOf(none(at(0, 10)), at(0, 12), hourMs).state, 'silent');
  assert.equal(silenceOf(none(at(0, 10)), at(0, 11), hourMs).state, 'heard');
});

test('the hours of the week are counted from Monday in UTC, before 1970 too', () => {
  assert.deepEqual(
    [at(0, 0), at(0, 23.9), at(6, 23), at(7, 0)].map((date) => hourOfWeek(date.getTime())),
    [0, 23, 167, 0],
  );
  assert.equal(hourOfWeek(Date.UTC(1969, 11, 29)), 0);
});

function feed(sources: Feed['sources'], voices: Feed['voices']): Feed {
  return { sources, voices, understanding: [], lag: 0 };
}

test('an owner who is silent while the others go on is named', () => {
  const now = at(2, 17);
  const active = { source: 's', owner: 'ada', platform: 'whatsapp', ...calm(at(2, 16)) };
  const away = { source: 's', owner: 'bob', platform: 'whatsapp', ...calm(at(0, 9)) };
  const unowned = { source: 's', owner: undefined, platform: undefined, ...calm(at(-7, 9)) };
  const [verdict] = judgeFeed(feed([{ source: 's', ...busy(at(2, 16)) }], [active, away, unowned]), now);
  assert.deepEqual([verdict?.state, verdict?.voices, verdict?.silentVoices.map(({ owner }) => owner)], ['heard', 2, ['bob']]);
});

test('of a source that is silent as a whole its owners are not named one by one', () => {
  const voice = { source: 's', owner: 'bob', platform: 'sms', ...calm(at(0, 9)) };
  const [verdict] = judgeFeed(feed([{ source: 's', ...busy(at(0, 9)) }], [voice]), at(2, 17));
  assert.deepEqual([verdict?.state, verdict?.silentVoices], ['silent', []]);
});

test('`silentAfter` belongs to its source alone', () => {
  const sources = [
    { source: 'a', ...busy(at(0, 10)) },
    { source: 'b', ...busy(at(0, 10)) },
  ];
  const verdicts = judgeFeed(feed(sources, []), at(0, 12), new Map([['a', hourMs]]));
  assert.deepEqual(
    verdicts.map(({ source, state }) => [source, state]),
    [
      ['a', 'silent'],
      ['b', 'heard'],
    ],
  );
});
