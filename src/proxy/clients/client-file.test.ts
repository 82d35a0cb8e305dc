/** Who owns what `postern proxy client` makes: a command that is given as root must not lock out the service that reads it. */
import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { clientsPath } from './client-file.ts';
import { addClient } from './edit.ts';

const service = 64_000;

test('made as root, folder, list and lock belong to whose data folder it is', { skip: process.getuid?.() !== 0 }, async () => {
  const data = mkdtempSync(join(tmpdir(), 'postern-clients-'));
  try {
    chownSync(data, service, service);
    const file = clientsPath(data);
    await addClient(file, 'crm', { mailboxes: ['*@contoso.test'], protocols: ['imap'], networks: [] }, 0);
    for (const path of [dirname(file), file, `${file}.lock`]) assert.equal(statSync(path).uid, service, path);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});
