/** The first minutes with the console: the printed password, an empty archive, a first source. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, atRest, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, password, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace({ settled: false, seeded: true, trial: true });
});
after(async () => {
  await browser?.close();
  await place?.close();
});

test('the printed password is good for one thing only, and from there one path leads to a source that works', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await page.goto(place.url);
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);

  watch.expect(/status of 401 .*\/api\/v1\/session$/);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel(/^Password/).fill('not the password at all');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel(/^Password/).fill(place.firstPassword);
  await page.getByRole('button', { name: 'Log in' }).click();

  await page.getByLabel('Current password').waitFor();
  assert.equal(await page.getByRole('navigation').count(), 0, 'nothing else is open before the password is changed');
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.getByLabel('Current password').fill(place.firstPassword);
  await page.getByLabel(/^New password/).fill(password);
  await page.getByLabel('Repeat new password').fill(password);
  await page.getByRole('button', { name: 'Change password' }).click();

  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await atRest(page);
  assert.deepEqual(await accessibilityFaults(page), []);
  await page
    .getByRole('main')
    .getByRole('link', { name: /try|trial/i })
    .first()
    .click();
  // The form is filled in with the tenant to try things with; only the secret is typed.
  await page.getByLabel('Application (Client) Secret').fill(place.sandbox.clientSecret);
  assert.equal(await page.getByLabel('Directory (Tenant) ID').inputValue(), place.sandbox.tenant.id);
  assert.equal(await page.getByLabel('Application (Client) ID').inputValue(), place.sandbox.clientId);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'telemessage', level: 1 }).waitFor();
  // Mail comes in without a reload.
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Messages' }).click();
  await page.getByRole('list', { name: 'Messages' }).getByRole('listitem').first().waitFor();
  watch.assertClean();
  await watch.close();
});

test('who logs out, or whose session ends, sees the login and nothing else', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await page.goto(`${place.url}/messages`);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Messages', level: 1 }).waitFor();
  assert.match(page.url(), /\/messages$/, 'after the login the page is the one that was asked for');

  // Somebody changes the password elsewhere: this session ends while its page is open.
  watch.expect(/status of 401/);
  const other = await place.logIn('admin', password);
  await other('PUT', '/session/password', { current: password, next: `${password}!` });
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  assert.equal(await page.getByRole('list', { name: 'Messages' }).count(), 0);

  await page.getByLabel('User name').fill('admin');
  await page.getByLabel(/^Password/).fill(`${password}!`);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Runs' }).click();
  await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'admin', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  watch.assertClean();
  await watch.close();
});
