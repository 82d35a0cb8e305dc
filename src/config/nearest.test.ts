import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.ts';

const known = ['tenant', 'mailbox', 'protocol', 'folders', 'every'];

test('a mistyped word finds the one that was meant', () => {
  assert.deepEqual(
    ['tennant', 'malibox', 'Protocol', 'folder', 'evrey'].map((word) => nearest(word, known)),
    ['tenant', 'mailbox', 'protocol', 'folders', 'every'],
  );
});

test('a word that is far from all gets no suggestion', () => {
  assert.deepEqual(
    ['', 'x', 'password', 'completely'].map((word) => nearest(word, known)),
    Array(4).fill(undefined),
  );
});
