/** Users, API tokens and the access log in a browser; and the door: it opens onto the place that was asked for. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { tenantOf } from '../contract/import-place-sandbox.ts';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, atRest, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, logInByPage, password, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace();
});
after(async () => {
  await browser?.close();
  await place?.close();
});

test('a user is added, chooses a password at the first login, and is shut out by a click', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Users' }).click();
  await page.getByRole('button', { name: 'Add user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'User name' }).fill('anna');
  await dialog.getByLabel('Role').selectOption('auditor');
  await dialog.getByRole('textbox', { name: 'Password' }).fill('for the first time');
  await dialog.getByRole('button', { name: 'Add the user' }).click();
  const row = page.getByRole('row').filter({ hasText: 'anna' });
  await row.waitFor();

  const other = await openWatched(browser, place.url);
  // The login stands in the place of the page, and the page comes after it.
  await other.page.goto(`${place.url}/access-log`);
  await other.page.getByRole('textbox', { name: 'User name' }).fill('anna');
  await other.page.getByRole('textbox', { name: 'Password' }).fill('for the first time');
  await other.page.getByRole('button', { name: 'Log in' }).click();
  await other.page.getByRole('textbox', { name: 'Current password' }).fill('for the first time');
  await other.page.getByRole('textbox', { name: 'New password', exact: true }).fill(password);
  await other.page.getByRole('textbox', { name: 'Repeat new password' }).fill(password);
  await other.page.getByRole('button', { name: 'Change password' }).click();
  await other.page.getByRole('heading', { level: 1, name: 'Access log' }).waitFor();
  assert.equal(new URL(other.page.url()).pathname, '/access-log');
  // What an auditor may not see is not there, at its address either.
  await other.page.goto(`${place.url}/sources/new`);
  await other.page.getByRole('heading', { level: 1, name: 'No such page' }).waitFor();

  await row.getByRole('button', { name: 'Change anna' }).click();
  await page.getByRole('menuitem', { name: 'Disable' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await row.getByText('disabled').waitFor();
  other.expect(/status of 40[13]/);
  await other.page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor();
  other.assertClean();
  await other.close();
  watch.assertClean();
  await watch.close();
});

test('an API token is shown once, opens the API with its role, and is dead when it is revoked', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'API tokens' }).click();
  await page.getByRole('button', { name: 'Make a token' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('monitoring');
  await dialog.getByRole('button', { name: 'Make the token' }).click();
  const token = /pst_[\w-]+/.exec(await dialog.getByText(/^pst_/).innerText())?.[0] ?? '';
  const asked = async (): Promise<number> =>
    (await fetch(`${place.url}/api/v1/overview`, { headers: { authorization: `Bearer ${token}` } })).status;
  assert.equal(await asked(), 200);
  await dialog.getByRole('button', { name: 'I have copied it' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.reload();
  const row = page.getByRole('row').filter({ hasText: 'monitoring' });
  await row.waitFor();
  assert.ok(!(await page.content()).includes(token), 'it is not shown again');
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke the token' }).click();
  await row.waitFor({ state: 'detached' });
  assert.equal(await asked(), 401);
  watch.assertClean();
  await watch.close();
});

test('the access log is filtered by who and what, and read back to its beginning', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  for (let number = 0; number < 120; number += 1)
    await place.admin('POST', '/tokens', { name: `token ${number}`, role: 'auditor', expiresInDays: 1 });
  await logInByPage(page, place.url, 'admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Access log' }).click();
  await atRest(page);
  await page
    .getByRole('textbox', { name: 'Action' })
    .or(page.getByRole('combobox', { name: 'Action' }))
    .fill('token.add');
  const rows = page.getByRole('table').getByRole('row');
  await eventually('only these lines are shown', async () => {
    const texts = await rows.allInnerTexts();
    return texts.length === 101 && texts.slice(1).every((text) => text.includes('token.add'));
  });
  await page.getByRole('button', { name: 'Older lines' }).click();
  await eventually('older ones are shown below', async () => (await rows.count()) > 120);
  await page.getByText(/to the beginning/).waitFor();
  await page.getByRole('textbox', { name: 'Who' }).fill('nobody-of-this-name');
  await page.getByText('No line fits').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await rows.nth(100).waitFor();
  watch.assertClean();
  await watch.close();
});

test('light or dark is kept from one visit to the next', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.getByRole('button', { name: 'Colours: auto' }).click();
  await page.getByRole('menuitem', { name: 'Dark' }).click();
  await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
  await page.reload();
  await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
  watch.assertClean();
  await watch.close();
});

test('a line that breaks is told, and comes back by itself', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  watch.expect(/ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED/);
  await logInByPage(page, place.url, 'admin');
  const line = page.getByRole('banner').getByRole('status').first();
  await eventually('the console is live', async () => (await line.innerText()) === 'Live');
  await watch.context.setOffline(true);
  await eventually('it says that it is not', async () => (await line.innerText()) === 'Not live');
  await watch.context.setOffline(false);
  await eventually('it is live again', async () => (await line.innerText()) === 'Live', 40_000);
  watch.assertClean();
  await watch.close();
});

test('the configuration file is read again by a click; what is wrong with it is said, and nothing has changed then', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  const file = join(place.folder, 'postern.yaml');
  const first = readFileSync(file, 'utf8');
  place.mailbox('of-the-file@contoso.test');
  const { tenant } = tenantOf(place.sandbox);
  const server = `{ host: localhost, port: ${place.sandbox.imap.tlsPort}, ca: ca.pem }`;
  const source = `tenants:\n  lab: ${tenant}\nsources:\n  of-the-file: { tenant: lab, mailbox: of-the-file@contoso.test, every: 1h, server: ${server} }\n`;
  await logInByPage(page, place.url, 'admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Sources' }).click();
  const dialog = page.getByRole('dialog');
  const read = async (yaml: string): Promise<void> => {
    writeFileSync(file, yaml);
    await page.getByRole('button', { name: 'Read the file again' }).click();
    await dialog.waitFor();
  };
  await read(`${first}${source}`);
  await dialog.getByText('Begun: of-the-file').waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('link', { name: 'of-the-file', exact: true }).waitFor();
  watch.expect(/status of 400 .*\/configuration\/reload$/);
  await read(`${first}${source.replace('every', 'evry')}`);
  await dialog.getByText('Nothing has changed.').waitFor();
  await dialog.getByText('config.invalid').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('link', { name: 'of-the-file', exact: true }).waitFor();
  await read(first);
  await dialog.getByText('Ended: of-the-file').waitFor();
  watch.assertClean();
  await watch.close();
});
