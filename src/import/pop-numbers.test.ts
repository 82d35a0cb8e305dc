import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UidlNumbers } from '../archive/archive.ts';
import { type ListedMessage, type NumberedMessage, PopNumbers } from './pop-numbers.ts';

/** Messages as a server lists them: `name` or `name:size`. */
function listed(...texts: readonly string[]): ListedMessage[] {
  return texts.map((text, index) => {
    const [uidl = '', bytes] = text.split(':');
    return { position: index + 1, uidl, bytes: bytes === undefined ? undefined : Number(bytes) };
  });
}

/** What an archive has: rows of number, name and the announced size. */
function book(...rows: readonly (readonly [number: number, uidl: string, bytes?: number])[]): UidlNumbers {
  const numbers = new Map<string, number[]>();
  for (const [number, uidl] of rows) numbers.set(uidl, [...(numbers.get(uidl) ?? []), number]);
  const announcedBytes = new Map(rows.flatMap(([number, , bytes]) => (bytes === undefined ? [] : [[number, bytes] as const])));
  return { numbers, announcedBytes, highest: Math.max(0, ...rows.map(([number]) => number)) };
}

/** `number@position` of each. */
function assigned(numbers: PopNumbers, messages: readonly ListedMessage[]): string {
  return shown(numbers.assign(messages));
}

function shown(messages: readonly NumberedMessage[]): string {
  return messages.map(({ number, position }) => `${number}@${position}`).join(' ');
}

test('messages that were never met get numbers from 1 on in the order of the list, and keep them over sessions', () => {
  const numbers = new PopNumbers(book());
  assert.equal(assigned(numbers, listed('a:10', 'b:20')), '1@1 2@2');
  assert.equal(assigned(numbers, listed('b:20', 'c:30', 'a:10')), '1@3 2@1 3@2');
  assert.equal(numbers.highest, 3);
});

test('messages that the archive knows keep the numbers that it has, and new ones come behind its highest', () => {
  const numbers = new PopNumbers(book([4, 'd', 40], [7, 'a', 10]));
  assert.equal(assigned(numbers, listed('a:10', 'new:1', 'd:40')), '4@3 7@1 8@2');
});

test('one name for several messages: each has a number of its own, found again by its size, else by its place', () => {
  const numbers = new PopNumbers(book());
  assert.equal(assigned(numbers, listed('same:10', 'same:20', 'same:20')), '1@1 2@2 3@3');
  assert.equal(assigned(numbers, listed('same:20', 'same:10', 'same:20')), '1@2 2@1 3@3');
  assert.equal(assigned(numbers, listed('same:20')), '2@1');
});

test('a name that comes with another size is another message; with the old size again it is the old one', () => {
  const numbers = new PopNumbers(book([1, 'a', 10]));
  assert.equal(assigned(numbers, listed('a:11')), '2@1');
  assert.equal(assigned(numbers, listed('a:11')), '2@1');
  assert.equal(assigned(numbers, listed('a:10')), '1@1');
  assert.equal(assigned(numbers, listed('a:10', 'a:11', 'a:12')), '1@1 2@2 3@3');
});

test('a number whose bytes never came is asked for again under any size, until they have come under one', () => {
  const numbers = new PopNumbers(book([1, 'a']));
  const [message] = numbers.assign(listed('a:10'));
  assert.equal(message?.number, 1);
  assert.equal(assigned(numbers, listed('a:12')), '1@1');
  if (message !== undefined) numbers.came(message);
  assert.equal(assigned(numbers, listed('a:12')), '2@1');
});

test('without sizes the name alone tells', () => {
  const numbers = new PopNumbers(book([1, 'a', 10], [2, 'a', 20]));
  assert.equal(assigned(numbers, listed('a', 'a', 'b')), '1@1 2@2 3@3');
});

test('certain is only what one number, one name and one size belong to', () => {
  const numbers = new PopNumbers(book([3, 'c', 30], [5, 'e', 50], [6, 'e', 60], [7, 'f', 70], [8, 'f', 70], [9, 'g']));
  const certain = (...texts: readonly string[]): string => shown(numbers.certain(listed(...texts)));
  assert.equal(certain('e:50', 'c:30', 'e:60'), '3@2 5@1 6@3');
  assert.equal(certain('never met:1'), '');
  assert.equal(certain('c:31'), '', 'another size');
  assert.equal(certain('c'), '', 'no size');
  assert.equal(certain('g:90'), '', 'bytes that never came');
  assert.equal(certain('f:70'), '', 'two numbers');
  assert.equal(certain('c:30', 'c:30'), '', 'two messages');
  assert.equal(numbers.highest, 9, 'and no number is given out');
});
