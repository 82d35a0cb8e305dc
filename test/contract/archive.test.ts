/** The archive on SQLite keeps the contract, and each refusal of it has its fault. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportMessages } from '../../src/archive/export.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ledgerContract } from './archive-ledger-suite.ts';
import { type ArchiveUnderTest, archiveContract, put, temporaryFolder } from './archive-suite.ts';

const sqlite: ArchiveUnderTest = { name: 'SQLite', open: (folder) => openArchive(folder, systemClock), openReader: openArchiveReader };
archiveContract(sqlite);
ledgerContract(sqlite);

test('SQLite: a wrong id and a used folder are told as what they are', async () => {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock);
  await put(archive, 1, 'x');
  const nothing = 'f'.repeat(64);
  await assert.rejects(archive.message(nothing), (error) => isFault(error, 'archive.unknown-message') && error.evidence.id === nothing);
  await assert.rejects(archive.message('2d7'), (error) => isFault(error, 'archive.ambiguous-id') && error.evidence.digits === 3);
  await assert.rejects(
    exportMessages(archive, { terms: [] }, 'eml', folder.path),
    (error) => isFault(error, 'archive.export-target') && error.evidence.holds === 1,
  );
  await archive.close();
});
