/** The chain's encoding is fixed for ever: other programs follow docs/archive-format.md, and old archives must stay provable. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyChain, type LedgerRow, nextLink } from './chain.ts';

const first: LedgerRow = {
  row: 1,
  source: 'telemessage',
  folder: 'INBOX',
  uidValidity: 7,
  uid: 12,
  state: 'archived',
  reason: null,
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  bytes: 3,
  internalDateMs: 1_767_261_600_000,
  announcedBytes: 5,
  acceptedAtMs: 1_767_261_601_234,
};
const second: LedgerRow = {
  ...first,
  row: 2,
  folder: 'Entwürfe "alt"',
  uid: 13,
  state: 'quarantined',
  reason: 'no-data',
  sha256: null,
  bytes: null,
  internalDateMs: null,
  announcedBytes: null,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the links of two fixed rows are the ones that were written down', () => {
  const one = nextLink(emptyChain, first);
  assert.equal(hex(one), 'bb5e6aac7e75811f76b522fa871021984f3f02e56b4f3654b7073aab93445bc7');
  assert.equal(hex(nextLink(one, second)), '3896d647c6a36afa166753214300e2c0f09f9fdc80692c65efca4bbb364cc3f3');
});

test('a link is SHA-256 of the link before and of the row as a JSON array, and nothing else', () => {
  const text =
    '["v1",1,"telemessage","INBOX",7,12,"archived",null,"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",3,1767261600000,5,1767261601234]';
  assert.equal(hex(nextLink(emptyChain, first)), createHash('sha256').update(Buffer.alloc(32)).update(text).digest('hex'));
});

test('every field of a row has its part in the link', () => {
  const links = new Set([hex(nextLink(emptyChain, first)), hex(nextLink(new Uint8Array(32).fill(1), first))]);
  const changes: readonly Partial<LedgerRow>[] = [
    { row: 2 },
    { source: 'other' },
    { folder: 'inbox' },
    { uidValidity: 8 },
    { uid: 13 },
    { state: 'duplicate' },
    { reason: 'refused' },
    { sha256: null },
    { bytes: 4 },
    { internalDateMs: null },
    { announcedBytes: 6 },
    { acceptedAtMs: 0 },
  ];
  for (const change of changes) links.add(hex(nextLink(emptyChain, { ...first, ...change })));
  assert.equal(links.size, 2 + changes.length);
  assert.equal(Object.keys(first).length, changes.length);
});

test('the worked example of docs/archive-format.md comes out with a shell as it stands there', (context) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/archive-format.md'), 'utf8');
  const script = /```sh chain\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  let printed: string;
  try {
    printed = execFileSync('sh', ['-c', script], { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    context.skip('skipped: no sha256sum or basenc');
    return;
  }
  assert.deepEqual(printed.trim().split(/\s+/), [hex(nextLink(emptyChain, first)), hex(nextLink(nextLink(emptyChain, first), second))]);
});
