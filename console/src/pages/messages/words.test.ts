/** The words of badges and calls: said once, and for values that nobody knew as well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callDuration, callResult, platformText, shownMarks, whatText } from './words.ts';

test('platform and kind are said once where they are the same', () => {
  assert.equal(whatText('whatsapp', 'voice'), 'WhatsApp voice call');
  assert.equal(whatText('sms', 'sms'), 'SMS');
  assert.equal(whatText('mail', 'mail'), '');
  assert.equal(whatText('signal', 'unknown'), 'Signal');
  assert.equal(whatText(null, 'voice'), 'voice call');
});

test('a platform that nobody knew is shown as the feed says it', () => {
  assert.equal(platformText('threema'), 'threema');
  assert.equal(callResult('hung-up-by-network'), 'hung-up-by-network');
});

test('flagged is said unless another mark says why', () => {
  assert.deepEqual(shownMarks(['unrecognised', 'flagged', 'copy']), ['unrecognised', 'copy']);
  assert.deepEqual(shownMarks(['flagged', 'edited']), ['flagged', 'edited']);
});

test('the length of a call is said in the units that it has', () => {
  assert.deepEqual([5, 185, 3600, 7384].map(callDuration), ['5 s', '3 min 05 s', '1 h 0 min 00 s', '2 h 3 min 04 s']);
});
