/** That the benchmark runs and puts its figures into words. What the figures are is no test: a busy machine would decide. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { unlessDovecot } from '../../test/contract/places/peers.ts';

const bench = promisify(execFile);

test('a row of the benchmark is measured and held against its goals', {
  skip: unlessDovecot('mbsync', 'mpop', 'getmail', 'openssl'),
  timeout: 120_000,
}, async () => {
  const words = ['--only', 'pop3-one-by-one-0', '--messages', '12', '--runs', '1'];
  const { stdout } = await bench(process.execPath, [join(import.meta.dirname, 'import.ts'), ...words, '--contender', 'postern'], {
    timeout: 100_000,
  });
  assert.match(stdout, /^## Import over POP3 without PIPELINING, 0 ms round trip\n\n12 messages, /);
  assert.match(stdout, /^\| postern, durable \| \d+\.\d\d \(/m);
  assert.match(stdout, /^Goal: under 256 MB resident\. Measured \d+ MB: /m);
});
