/** Every mail of the corpora through the safe view: nothing of it can do something, and each has its document. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { MailView } from '../../src/service/mail-view/mail-view.ts';
import { put, temporaryFolder } from './archive-suite.ts';
import { corpora } from './corpora.ts';
import { assertInert } from './inert.ts';
import { corporaFolder } from './places/peers.ts';

const skip = existsSync(corporaFolder) ? false : 'no corpora';

test('every mail of the corpora has a document that can do nothing', { skip, timeout: 300_000 }, async (t) => {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock);
  const ended = new AbortController();
  const view = new MailView({ archive, signal: ended.signal });
  let withHtml = 0;
  try {
    const mails = corpora();
    const settled = await Promise.all(mails.map((bytes, index) => put(archive, index + 1, bytes)));
    const ids = new Set(settled.map((one) => one.sha256 ?? ''));
    await archive.derived();
    for (const id of ids) {
      const { html, report } = await view.shown(await archive.message(id), ended.signal);
      assertInert(html, id);
      if (!html.includes('<pre>')) withHtml += 1;
      assert.ok(report.links.length <= 500, id);
    }
    t.diagnostic(`${ids.size} messages, ${withHtml} with HTML`);
    assert.ok(withHtml > 100, `only ${withHtml} with HTML`);
  } finally {
    ended.abort();
    await archive.close();
  }
});
