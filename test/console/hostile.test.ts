/**
 * Every shape of hostile HTML that tests know of, each as a message of its own, shown in frames of a real browser as the console shows
 * them: nothing runs, nothing is asked of another host, no frame goes elsewhere.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { greedy, hostile } from '../contract/hostile-html.ts';
import { unlessPeers } from '../contract/places/peers.ts';
import { launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
/** Frames that are open at the same time. */
const atOnce = 20;
/** Of the documents of some megabytes, so many. */
const greedyOnes = 4;
let browser: Browser;
let place: ConsolePlace;
const ids: string[] = [];

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace({ prepare: fill });
});
after(async () => {
  await browser?.close();
  await place?.close();
});

async function fill(dataFolder: string): Promise<void> {
  const archive = await openArchive(dataFolder, systemClock);
  try {
    const shapes = [...hostile, ...greedy.slice(0, greedyOnes)];
    for (const [index, { html }] of shapes.entries()) {
      const head = `From: Mallory <mallory@elsewhere.test>\r\nSubject: shape ${index}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
      const lines = Buffer.from(html).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
      const receipt = await archive.accept(one(Buffer.from(`${head}${lines}\r\n`)), () => ({
        era: { source: 'feed', folder: 'INBOX', uidValidity: 1 },
        uid: index + 1,
        cursor: index + 1,
      }));
      ids.push((await receipt.durable).sha256 ?? '');
    }
    await archive.derived();
  } finally {
    await archive.close();
  }
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test('no hostile shape does anything in the frame that the console shows it in', { skip, timeout: 280_000 }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page, context } = watch;
  // What is too large or too deep is answered with a fault, which the browser calls an error.
  watch.expect(/status of 4\d\d .*\/html$/);
  const acts: string[] = [];
  page.on('dialog', (dialog) => {
    acts.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on('page', (opened) => void acts.push(`window ${opened.url()}`));
  page.on('download', (download) => void acts.push(`download ${download.url()}`));
  await logInByPage(page, `${place.url}/messages`, 'admin');
  const [{ id: shown }] = (await place.admin('GET', '/messages?limit=1')).body.rows;
  await page.goto(`${place.url}/messages/${shown}`);
  const real = page.locator('iframe[title="HTML of the message"]');
  await real.waitFor();
  const sandboxed = await real.getAttribute('sandbox');
  assert.ok(sandboxed !== null && !/allow-(?:scripts|forms|popups|top-navigation|modals|downloads)/.test(sandboxed), String(sandboxed));

  assert.equal(new Set(ids).size, ids.length);
  for (let from = 0; from < ids.length; from += atOnce) {
    const part = ids.slice(from, from + atOnce);
    await page.evaluate(`Promise.all(${JSON.stringify(part)}.map((id) => new Promise((done) => {
      const frame = document.createElement('iframe');
      frame.setAttribute('sandbox', ${JSON.stringify(sandboxed)});
      frame.className = 'of-test';
      frame.addEventListener('load', done);
      frame.src = '/api/v1/messages/' + id + '/html';
      document.body.append(frame);
    })))`);
    for (const frame of page.frames()) {
      if (frame.parentFrame() === null) continue;
      assert.match(frame.url(), /\/api\/v1\/messages\/[0-9a-f]{64}\/html$/, 'no frame went elsewhere, and none is in a frame');
    }
    await page.evaluate(`document.querySelectorAll('.of-test').forEach((one) => one.remove())`);
  }
  assert.deepEqual(acts, []);
  assert.match(page.url(), new RegExp(`/messages/${shown}`));
  watch.assertClean();
  await watch.close();
});
