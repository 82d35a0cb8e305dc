/** The chain's encoding is fixed for ever: other programs follow docs/archive-format.md, and old archives must stay provable. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CompletionRow, emptyChain, type LedgerRow, nextCompletionLink, nextLink } from './chain.ts';

const first: LedgerRow = {
  row: 1,
  source: 'telemessage',
  folder: 'INBOX',
  uidValidity: 7,
  uid: 12,
  uidl: null,
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

/** Over POP3: a number of ours, the server's UIDL, no INTERNALDATE. */
const third: LedgerRow = {
  ...first,
  row: 3,
  source: 'legacy',
  uidValidity: 0,
  uid: 1,
  uidl: 'whqtswO00WBw418f9t5JxYwZ',
  state: 'duplicate',
  internalDateMs: null,
};
const asked: Omit<CompletionRow, 'ledgerLink'> = {
  row: 1,
  ledgerRow: 1,
  step: 'moved',
  phase: 'asked',
  target: 'Imported',
  detail: null,
  atMs: 1_767_261_602_000,
};
const done: Omit<CompletionRow, 'ledgerLink'> = { ...asked, row: 2, phase: 'done', detail: 'UID 4 there', atMs: 1_767_261_602_345 };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the links of two fixed rows are the ones that were written down', () => {
  const one = nextLink(emptyChain, first);
  assert.equal(hex(one), 'bb5e6aac7e75811f76b522fa871021984f3f02e56b4f3654b7073aab93445bc7');
  assert.equal(hex(nextLink(one, second)), '3896d647c6a36afa166753214300e2c0f09f9fdc80692c65efca4bbb364cc3f3');
});

test('the link of a row with a UIDL and those of two completions are the ones that were written down', () => {
  const one = nextLink(emptyChain, first);
  const three = nextLink(nextLink(one, second), third);
  assert.equal(hex(three), '427a7bdf96c3cec8b1d36458149156c5d98f02ef8da99e1437201872ae37e40d');
  const firstCompletion = nextCompletionLink(emptyChain, { ...asked, ledgerLink: one });
  assert.equal(hex(firstCompletion), '99147db9c76eee860edfbeddd659a10b87a1f9e140d23aa021fdf748808274d9');
  assert.equal(
    hex(nextCompletionLink(firstCompletion, { ...done, ledgerLink: one })),
    'e34eb3892fe73c8dd752902eedbc69090d76d49e208c3a34a081e8590f3d78b0',
  );
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
    { uidl: '' },
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

test('every field of a completion has its part in the link', () => {
  const ledgerLink = nextLink(emptyChain, first);
  const row: CompletionRow = { ...asked, ledgerLink };
  const links = new Set([hex(nextCompletionLink(emptyChain, row)), hex(nextCompletionLink(new Uint8Array(32).fill(1), row))]);
  const changes: readonly Partial<CompletionRow>[] = [
    { row: 2 },
    { ledgerRow: 2 },
    { ledgerLink: new Uint8Array(32) },
    { step: 'deleted' },
    { phase: 'failed' },
    { target: null },
    { detail: '' },
    { atMs: 0 },
  ];
  for (const change of changes) links.add(hex(nextCompletionLink(emptyChain, { ...row, ...change })));
  assert.equal(links.size, 2 + changes.length);
  assert.equal(Object.keys(row).length, changes.length);
});

/** What a shell prints for an example of docs/archive-format.md; undefined where it has no sha256sum or basenc. */
function printedBy(example: string): readonly string[] | undefined {
  const page = readFileSync(join(import.meta.dirname, '../../docs/archive-format.md'), 'utf8');
  const script = new RegExp(`\`\`\`sh ${example}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
  try {
    const printed = execFileSync('sh', ['-c', script], { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
    return printed.trim().split(/\s+/);
  } catch {
    return undefined;
  }
}

test('the worked examples of docs/archive-format.md come out with a shell as they stand there', (context) => {
  const ledger = printedBy('chain');
  const later = printedBy('chain-2');
  if (ledger === undefined || later === undefined) {
    context.skip('skipped: no sha256sum or basenc');
    return;
  }
  const one = nextLink(emptyChain, first);
  const two = nextLink(one, second);
  assert.deepEqual(ledger, [hex(one), hex(two)]);
  const completion = nextCompletionLink(emptyChain, { ...asked, ledgerLink: one });
  const next = nextCompletionLink(completion, { ...done, ledgerLink: one });
  assert.deepEqual(later, [hex(nextLink(two, third)), hex(completion), hex(next)]);
});
