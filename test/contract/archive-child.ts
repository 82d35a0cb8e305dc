/**
 * An archive in a process of its own, for tests that kill it. `hold FOLDER` opens it and keeps it open; `accept FOLDER COUNT` takes COUNT
 * messages in, tells each receipt in a line `durable SHA256`, then derives and tells its progress in lines `derived DONE`. `read FOLDER WORD`
 * reads it as somebody who is not root, and tells in one line of JSON what was found. `complete FOLDER COUNT` takes COUNT messages in and
 * notes two steps of each on the server, telling each in a line `asked UID` or `done UID`.
 */
import { readQuery } from '../../src/archive/query.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { Fault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/** A user id that owns nothing. */
const nobody = 65_534;

const [act, folder = '', count = '0'] = process.argv.slice(2);
// A pipe is written to at once (Node's manual on process I/O), so a line that was told is out before the next step.
const tell = (line: string): void => void process.stdout.write(`${line}\n`);

if (act === 'read') {
  tell(JSON.stringify(await readAsNobody(count)));
  process.exit(0);
}

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
if (act === 'complete') {
  const era = { source: 's', folder: 'INBOX', uidValidity: 1 };
  const work = Array.from({ length: Number(count) }, async (_, index) => {
    const uid = index + 1;
    const body = Buffer.from(`Subject: message ${uid}\r\n\r\nword`);
    const receipt = await archive.accept(
      (async function* () {
        yield body;
      })(),
      () => ({ era, uid, cursor: uid }),
    );
    await receipt.durable;
    for (const phase of ['asked', 'done'] as const) {
      await archive.complete([{ era, uid, step: 'deleted', phase }]);
      tell(`${phase} ${uid}`);
    }
  });
  await Promise.all(work);
  tell('complete');
}
process.stdin.resume();
process.stdin.on('end', () => void archive.close());

async function readAsNobody(word: string): Promise<unknown> {
  if (process.getuid?.() === 0) {
    process.setgroups?.([]);
    process.setgid?.(nobody);
    process.setuid?.(nobody);
  }
  try {
    const reader = openArchiveReader(folder);
    const { messages } = await reader.stats();
    const hits = await reader.search(readQuery(word), 100).then(
      (result) => result.hits.length,
      (error: unknown) => (error instanceof Fault ? error.code : String(error)),
    );
    const { findings } = await reader.verify();
    await reader.close();
    return { messages, hits, findings };
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
}
