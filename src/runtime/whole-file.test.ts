/** What a disk that takes only the beginning of a file does to what stood there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const module = new URL('./whole-file.ts', import.meta.url).href;
/** The system takes 8 KiB of each file and refuses the rest, as a disk does that is full. */
const limitKib = 8;

test('a file of which the disk takes only the beginning is refused, the one before stands, and no draft is left', {
  skip: process.platform === 'win32' && 'there is no such limit',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-whole-'));
  try {
    const script = `
      import { writeWhole, writeWholeOnce } from '${module}';
      const refused = (act) => { try { act(); return 'written'; } catch (error) { return error.code; } };
      writeWhole('deep/er/kept', 'as it was');
      console.log(refused(() => writeWhole('deep/er/kept', 'n'.repeat(100_000))), refused(() => writeWholeOnce('once', 'n'.repeat(100_000))));`;
    const command = `ulimit -f ${limitKib} && exec '${process.execPath}' --input-type=module -`;
    const said = execFileSync('bash', ['-c', command], { cwd: folder, input: script, encoding: 'utf8', timeout: 20_000 });
    assert.equal(said, 'EFBIG EFBIG\n');
    assert.equal(readFileSync(join(folder, 'deep', 'er', 'kept'), 'utf8'), 'as it was');
    assert.deepEqual([readdirSync(folder), readdirSync(join(folder, 'deep', 'er'))], [['deep'], ['kept']]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
