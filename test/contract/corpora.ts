/** The messages of the corpora beside a development checkout, and the comparison of what was to come with what came. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corporaFolder } from './places/peers.ts';

/** Every file of the kind `message`, and every message of the mboxes. */
export function corpora(): readonly Buffer[] {
  const manifest: { readonly files: readonly { readonly kind: string; readonly path: string }[] } = JSON.parse(
    readFileSync(join(corporaFolder, 'manifest.json'), 'utf8'),
  );
  const read = (kind: string): Buffer[] =>
    manifest.files.filter((file) => file.kind === kind).map((file) => readFileSync(join(corporaFolder, file.path)));
  return [...read('message'), ...read('mbox').flatMap(split)].filter((bytes) => bytes.length > 0);
}

/** Messages of an mbox: what stands between lines that begin with `From `. */
function split(mbox: Buffer): Buffer[] {
  const text = mbox.toString('latin1');
  return text
    .split(/^From [^\r\n]*\r?\n/m)
    .slice(1)
    .map((message) => Buffer.from(message, 'latin1'));
}

/** Holds hashes against hashes, naming those that are missing or foreign. */
export function assertSame(actual: readonly string[], expected: readonly string[]): void {
  const [have, want] = [new Set(actual), new Set(expected)];
  assert.deepEqual(
    { missing: expected.filter((hash) => !have.has(hash)), foreign: actual.filter((hash) => !want.has(hash)) },
    { missing: [], foreign: [] },
  );
}
