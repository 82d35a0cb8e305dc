/**
 * Sequence sets: `1:5,9,12:*`, by sequence number or by UID. RFC 3501 §9.
 *
 * The hard thing: `n:*` always names the last message, even when n lies behind it, and ranges may be written backwards.
 */

import { firstAt, type Message } from '../../folder.ts';
import { badArgument } from './command.ts';

/** Ranges with `*` as Infinity, low end first. */
export function parseSet(text: string): readonly (readonly [from: number, to: number])[] {
  return text.split(',').map((part) => {
    const found = /^(\d{1,10}|\*)(?::(\d{1,10}|\*))?$/.exec(part);
    if (!found) throw badArgument();
    const value = (one: string | undefined) => (one === '*' ? Number.POSITIVE_INFINITY : Number(one));
    const from = value(found[1]);
    const to = found[2] === undefined ? from : value(found[2]);
    if (from === 0 || to === 0) throw badArgument();
    return from <= to ? [from, to] : [to, from];
  });
}

/** Positions (from 0, ascending, each once) in `messages` that the set names. */
export function positionsIn(messages: readonly Message[], text: string, byUid: boolean): readonly number[] {
  const ranges = parseSet(text);
  const last = messages.length - 1;
  if (last < 0) return [];
  const spans = ranges
    .map(([from, to]): readonly [number, number] => {
      const start = from === Number.POSITIVE_INFINITY ? last : byUid ? firstAt(messages, from) : from - 1;
      const end = to === Number.POSITIVE_INFINITY ? last : (byUid ? firstAt(messages, to + 1) : to) - 1;
      return to === Number.POSITIVE_INFINITY ? [Math.min(start, last), last] : [start, Math.min(end, last)];
    })
    .sort((a, b) => a[0] - b[0]);
  const positions: number[] = [];
  let next = 0;
  for (const [start, end] of spans) {
    for (let at = Math.max(start, next); at <= end; at += 1) positions.push(at);
    next = Math.max(next, end + 1);
  }
  return positions;
}
