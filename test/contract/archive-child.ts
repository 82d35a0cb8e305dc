/**
 * An archive in a process of its own, for tests that kill it. `hold FOLDER` opens it and keeps it open; `accept FOLDER COUNT` takes COUNT
 * messages in, tells each receipt in a line `durable SHA256`, then derives and tells its progress in lines `derived DONE`.
 */
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const [act, folder = '', count = '0'] = process.argv.slice(2);
// A pipe is written to at once (Node's manual on process I/O), so a line that was told is out before the next step.
const tell = (line: string): void => void process.stdout.write(`${line}\n`);

const archive = await openArchive(folder, systemClock).catch((error: unknown) => {
  tell(`refused ${error instanceof Error ? error.message : ''}`);
  process.exit(1);
});
tell('open');
if (act === 'accept') {
  const receipts: Promise<void>[] = [];
  for (let uid = 1; uid <= Number(count); uid += 1) {
    // Every hundredth is large enough for a file of its own.
    const text = uid % 100 === 0 ? 'long line '.repeat(30_000) : 'short text\r\n';
    const body = Buffer.from(`Subject: message ${uid}\r\n\r\nword ${text}`);
    const receipt = await archive.accept(
      (async function* () {
        yield body;
      })(),
      () => ({ era: { source: 's', folder: 'INBOX', uidValidity: 1 }, uid, cursor: uid }),
    );
    receipts.push(receipt.durable.then(({ sha256 }) => tell(`durable ${sha256}`)));
  }
  await Promise.all(receipts);
  await archive.derived({ onProgress: ({ done }) => tell(`derived ${done}`) });
  tell('complete');
}
process.stdin.resume();
process.stdin.on('end', () => void archive.close());
