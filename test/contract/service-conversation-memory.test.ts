/** What a page of a conversation costs, of which each item is as long as a mail may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { conversationPage } from '../../src/service/api/message.ts';
import type { Ask } from '../../src/service/http/route.ts';
import type { ServiceParts } from '../../src/service/parts.ts';
import { conversationsRoutes } from '../../src/service/routes/conversations.ts';
import { put, temporaryFolder } from './archive-suite.ts';

const textBytes = 8 * 1024 * 1024;
const items = 40;

test('a page of a conversation holds of each text what it shows, however long they are', { timeout: 240_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const held = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock);
  try {
    const mail = (index: number): string =>
      `From: a@contoso.test\r\nTo: b@contoso.test\r\nDate: Thu, 01 Jan 2026 00:${10 + index}:00 +0000\r\nMessage-ID: <m${index}@contoso.test>\r\n${index === 0 ? '' : 'References: <m0@contoso.test>\r\n'}Subject: long\r\n\r\nwords ${index}\r\n`;
    for (let index = 0; index < items; index += 1) await put(archive, index + 1, mail(index));
    await archive.derived();
    let last: Promise<unknown> = Promise.resolve();
    const before = held();
    let most = 0;
    const long = {
      ...archive,
      // One after the other, as the threads do it.
      text: (id: string): Promise<string> => {
        const mine = last.then(async () => {
          most = Math.max(most, held() - before);
          return `${id} ${Buffer.alloc(textBytes, 'x').toString('latin1')}`;
        });
        last = mine;
        return mine;
      },
    };
    const [route] = conversationsRoutes({ archive: long } as unknown as ServiceParts);
    const ask = {
      params: { id: 'm0@contoso.test' },
      query: { limit: 100 },
      signal: new AbortController().signal,
      log: async () => undefined,
    };
    const page = conversationPage.parse(await route?.handle(ask as unknown as Ask<unknown, unknown, unknown>));
    assert.equal(page.items.length, items);
    assert.ok(page.items.every(({ text, cut }) => cut && text.length === 6_000));
    assert.ok(most < 10 * textBytes, `${Math.round(most / 1024 / 1024)} MB were held`);
  } finally {
    await archive.close();
  }
});
