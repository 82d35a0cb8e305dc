/**
 * Takes the pictures of the console that docs/console.md shows: every page in light, some in dark and on a phone, from a service with
 * something on every page. `node tools/screenshots.ts [FOLDER]`, by default docs/images.
 *
 * The hard thing is that they are kept in the repository: so they are PNG of few colours, and all together stay under a bound.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { atRest, type Looks, launchBrowser, openWatched } from '../test/console/browser.ts';
import { startFullPlace, untakenMailbox } from '../test/console/full-place.ts';
import { logInByPage } from '../test/console/place.ts';

/** Of all pictures together. */
const mostBytes = 3_000_000;
const inDark = new Set(['overview', 'messages', 'conversation', 'reconciliation']);
const unshown = new Set(['nowhere', 'search', 'account']);
const onPhone = new Set(['overview', 'sources', 'messages', 'conversation']);

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, '..', 'docs', 'images'));
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (name.endsWith('.png')) rmSync(join(folder, name));

const browser = await launchBrowser();
const { place, pages } = await startFullPlace();
try {
  const looks: readonly (readonly [string, Looks, ReadonlySet<string> | undefined])[] = [
    ['', { scheme: 'light', width: 1280 }, undefined],
    ['-dark', { scheme: 'dark', width: 1280 }, inDark],
    ['-phone', { scheme: 'light', width: 390 }, onPhone],
  ];
  for (const [suffix, look, only] of looks) {
    const { page, close } = await openWatched(browser, place.url, look);
    await logInByPage(page, place.url, 'admin');
    for (const { name, path } of pages) {
      if (unshown.has(name) || only?.has(name) === false) continue;
      await page.goto(`${place.url}${path}`);
      await atRest(page);
      if (name === 'source-form') await fillInAndTest(page, place.sandbox.clientSecret);
      await page.screenshot({ path: join(folder, `${name}${suffix}.png`), animations: 'disabled', caret: 'hide', scale: 'css' });
    }
    await close();
  }
} finally {
  await browser.close();
  await place.close();
}
/** The form says most when it is filled in, and its test has been up the ladder. */
async function fillInAndTest(page: Page, secret: string): Promise<void> {
  await page.getByRole('button', { name: /trial tenant/i }).click();
  await page
    .getByLabel(/^Name\b/)
    .first()
    .fill('desk');
  await page.getByLabel('Application (Client) Secret').fill(secret);
  await page.getByRole('textbox', { name: 'Mailbox' }).fill(untakenMailbox);
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await page.getByText('Everything holds.').first().waitFor();
  await page.getByRole('heading', { level: 1 }).click();
  await page.evaluate('scrollTo(0, 0)');
}

const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
const total = sizes.reduce((sum, size) => sum + size, 0);
process.stderr.write(`${sizes.length} pictures, ${(total / 1e6).toFixed(1)} MB\n`);
if (total > mostBytes) process.exitCode = 1;
