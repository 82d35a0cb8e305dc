/** A message that the server refuses to change holds up no other: it waits by itself, later each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Archive, Era } from '../../src/archive/archive.ts';
import { sourceCompletion } from '../../src/import/complete/completion.ts';
import { imapWriter } from '../../src/import/from-imap.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { hurrying, mail, withArchive } from './import-place.ts';
import { startLineServer } from './line-server.ts';

const era: Era = { source: 's0', folder: 'INBOX', uidValidity: 7 };

async function archived(archive: Archive, uid: number): Promise<void> {
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield mail(`message ${uid}`);
  };
  await archive.accept(body(), () => ({ era, uid, cursor: uid }));
  await archive.flush();
}

test('a message that the server refuses to mark is tried again by itself; what comes meanwhile is marked at once', async () => {
  const marked: string[] = [];
  const server = await startLineServer('* OK [CAPABILITY IMAP4rev1] ready\r\n', (line) => {
    const [, tag = '', command = '', args = ''] = /^(\S+) ((?:UID )?\S+) ?(.*)$/.exec(line) ?? [];
    if (command === 'SELECT') return `* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n${tag} OK selected\r\n`;
    if (command === 'UID SEARCH') return `* SEARCH 1 2 3\r\n${tag} OK found\r\n`;
    if (command === 'LOGOUT') return `* BYE farewell\r\n${tag} OK bye\r\n`;
    if (command !== 'UID STORE') return `${tag} OK\r\n`;
    const set = args.split(' ')[0] ?? '';
    marked.push(set);
    return /^(?:2|1:2|1:3)$/.test(set) ? `${tag} NO not this one\r\n` : `${tag} OK stored\r\n`;
  });
  try {
    await withArchive(async (archive) => {
      for (const uid of [1, 2]) await archived(archive, uid);
      const clock = hurrying();
      const connect = imapWriter(
        { host: '127.0.0.1', port: server.port, tls: 'none' },
        { kind: 'password', user: 'eva', password: async () => new Secret('word') },
        clock,
      );
      const completion = sourceCompletion({ source: 's0', act: { kind: 'seen' }, connect }, { archive, clock });
      const { signal } = new AbortController();
      const commands = async (): Promise<readonly string[]> => {
        const from = marked.length;
        if (await completion.due([era])) await completion.run([era], signal, () => undefined).catch(() => undefined);
        return marked.slice(from);
      };
      assert.deepEqual(await commands(), ['1:2', '1', '2']);
      assert.deepEqual(await commands(), []);
      await archived(archive, 3);
      assert.deepEqual(await commands(), ['3'], 'the refused one is not asked for, and the new one is');
      await clock.sleep(61_000);
      assert.deepEqual(await commands(), ['2']);
      await clock.sleep(61_000);
      assert.deepEqual(await commands(), [], 'later each time');
      await clock.sleep(61_000);
      assert.deepEqual(await commands(), ['2']);
    });
  } finally {
    server.close();
  }
});
