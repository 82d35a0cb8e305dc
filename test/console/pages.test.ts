/**
 * Every page, in light and dark, wide and on a phone: nothing serious for axe, no request to another host, nothing against the policy, no
 * error, nothing wider than the screen.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, atRest, launchBrowser, openWatched } from './browser.ts';
import { type FullPlace, startFullPlace } from './full-place.ts';
import { logInByPage } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let full: FullPlace;

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  full = await startFullPlace();
});
after(async () => {
  await browser?.close();
  await full?.place.close();
});

for (const scheme of ['light', 'dark'] as const) {
  for (const width of [1280, 390] as const) {
    test(`every page can be used by everybody and asks nobody else, ${scheme}, ${width} px wide`, { skip }, async () => {
      const watch = await openWatched(browser, full.place.url, { scheme, width });
      const { page } = watch;
      const faults: string[] = [];
      await page.goto(full.place.url);
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      faults.push(...(await accessibilityFaults(page)).map((fault) => `login: ${fault}`));
      await logInByPage(page, full.place.url, 'admin');
      for (const { path, heading } of full.pages) {
        await page.goto(`${full.place.url}${path}`);
        await page
          .getByRole('heading', { level: 1, ...(heading === undefined ? {} : { name: heading }) })
          .first()
          .waitFor();
        await atRest(page);
        faults.push(...(await accessibilityFaults(page)).map((fault) => `${path}: ${fault}`));
        const overflow: unknown = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
        if (Number(overflow) > 0) faults.push(`${path}: ${overflow} px wider than the screen`);
        const title = await page.title();
        if (!/Postern/.test(title) || title === 'Postern') faults.push(`${path}: its title is ${title}`);
      }
      assert.equal(faults.join('\n'), '');
      watch.assertClean();
      await watch.close();
    });
  }
}
