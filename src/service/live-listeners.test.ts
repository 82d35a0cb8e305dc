/** What is told to many who listen, of whom some do not read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import type { LiveEvent } from './api/event.ts';
import { liveListeners } from './live-listeners.ts';

const gaps = (source: string): LiveEvent => ({ kind: 'gaps', source });

async function taken(events: AsyncIterator<LiveEvent>, many: number): Promise<readonly LiveEvent[]> {
  const all: LiveEvent[] = [];
  while (all.length < many) all.push((await events.next()).value);
  return all;
}

test('of news of one thing the newest is told, in its place; past the bound one is told to look anew, and that is not lost again', async () => {
  const stop = new AbortController();
  const live = liveListeners(systemClock, stop.signal);
  const events = live.listen(stop.signal)[Symbol.asyncIterator]();
  assert.equal((await taken(events, 1))[0]?.kind, 'hello');
  for (const source of ['a', 'b', 'a']) live.tell(gaps(source));
  assert.deepEqual(await taken(events, 2), [gaps('b'), gaps('a')]);
  for (let index = 0; index <= 500; index += 1) live.tell(gaps(`source ${index}`));
  // The one that was over the bound is told of again.
  live.tell(gaps('source 500'));
  const [first, second] = await taken(events, 2);
  assert.deepEqual([first?.kind, second], ['hello', gaps('source 500')]);
  stop.abort();
});

test('the cards of five hundred sources are told to two hundred listeners in no time', async () => {
  const stop = new AbortController();
  const live = liveListeners(systemClock, stop.signal);
  const listeners = Array.from({ length: 200 }, () => live.listen(stop.signal)[Symbol.asyncIterator]());
  await Promise.all(listeners.map((one) => one.next()));
  const before = process.cpuUsage();
  for (let index = 0; index < 500; index += 1) live.tell(gaps(`source ${index}`));
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 400_000, `${Math.round((user + system) / 1000)} ms of the import's time`);
  stop.abort();
});
