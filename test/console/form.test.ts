/** The form of a source beyond its first filling in: pasted texts, remarks of the service, folders of the server, leaving, changing, removing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, expectDone, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
const mailbox = 'forms@contoso.test';
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace({ trial: true });
  place.mailbox(mailbox);
  place.deliver(mailbox, ['Subject: one\r\n\r\nwords\r\n'], 'Calls');
  place.deliver(mailbox, ['Subject: three\r\n\r\nwords\r\n'], 'Shared');
  place.deliver(mailbox, ['Subject: two\r\n\r\nwords\r\n']);
});
after(async () => {
  await browser?.close();
  await place?.close();
});

async function openTrialForm(page: Page): Promise<void> {
  await page.goto(`${place.url}/sources/new?trial`);
  await page.getByRole('heading', { level: 1, name: 'New source' }).waitFor();
}

test('ids pasted as the import source page names them fill in the form', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.goto(`${place.url}/sources/new`);
  await page.getByRole('button', { name: 'Fill in from a text' }).click();
  const dialog = page.getByRole('dialog');
  await dialog
    .getByRole('textbox', { name: 'Text' })
    .fill(
      `Authentication Mode: OAuth 2.0\nApplication (Client) ID: ${place.sandbox.clientId}\nApplication (Client) Secret: ${place.sandbox.clientSecret}\nDirectory (Tenant) ID: ${place.sandbox.tenant.id}`,
    );
  await dialog
    .getByText('Understood: Authentication Mode, Application (Client) ID, Application (Client) Secret, Directory (Tenant) ID.')
    .waitFor();
  await dialog.getByRole('button', { name: 'Fill in' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Application (Client) ID').inputValue(), place.sandbox.clientId);
  assert.equal(await page.getByRole('textbox', { name: 'Application (Client) Secret' }).inputValue(), place.sandbox.clientSecret);
  assert.equal(await page.getByLabel('Directory (Tenant) ID').inputValue(), place.sandbox.tenant.id);
  watch.assertClean();
  await watch.close();
});

test('saving an unfinished form brings to the first field that is wrong, and what was typed is not lost by a link', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.goto(`${place.url}/sources/new`);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('unfinished');
  // The judgement of the service: what is empty is wrong, though nobody is told so while typing.
  await page.getByText(/^\d+ fields are not right yet$/).waitFor();
  assert.equal(await page.locator('[aria-invalid="true"]').count(), 0);
  // Where the save overtakes the judgement, the service refuses it and names the same fields.
  watch.expect(/status of 400 .*\/api\/v1\/sources$/);
  await page.getByRole('button', { name: 'Save' }).click();
  await eventually(
    'a field that is wrong has the focus',
    async () => await page.evaluate(`document.activeElement?.getAttribute('aria-invalid') === 'true'`),
  );

  const asked: string[] = [];
  page.on('dialog', (dialog) => {
    asked.push(dialog.message());
    void dialog.dismiss();
  });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Alerts' }).click();
  await eventually('the person is asked', async () => asked.length === 1);
  assert.equal(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue(), 'unfinished');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sources' }).waitFor();
  assert.equal(asked.length, 1, 'who cancels means it');
  watch.assertClean();
  await watch.close();
});

test('folders are picked from the mailbox as it is, the source is saved, changed without its secret, and removed by its name', {
  skip,
}, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await openTrialForm(page);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('forms');
  await page.getByRole('textbox', { name: 'Mailbox', exact: true }).fill(mailbox);
  await page.getByRole('textbox', { name: 'Application (Client) Secret' }).fill(place.sandbox.clientSecret);
  await page.getByRole('button', { name: 'Pick from the mailbox' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: /^Calls/ }).check();
  await dialog.getByRole('button', { name: 'Take these folders' }).click();
  assert.deepEqual((await page.getByLabel('Folders').inputValue()).split('\n').sort(), ['Calls', 'INBOX']);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'forms', exact: true }).waitFor();
  await eventually('both folders are imported', async () => (await place.admin('GET', '/sources/forms')).body.card.messages === 2);

  await page.getByRole('link', { name: 'Edit: forms' }).click();
  await page.getByRole('heading', { level: 1, name: 'Edit forms' }).waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Application (Client) Secret' }).inputValue(), '');
  await page.getByLabel('Schedule').fill('2m');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'forms', exact: true }).waitFor();
  const { body } = await place.admin('GET', '/sources/forms');
  assert.deepEqual([body.definition.every, body.secretKept], ['2m', true]);

  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  const confirm = page.getByRole('dialog');
  await confirm.getByRole('textbox').fill('something else');
  await confirm.getByRole('button', { name: 'Remove the source' }).click();
  watch.expect(/status of 400/);
  await confirm.getByRole('alert').waitFor();
  assert.equal((await place.admin('GET', '/sources/forms')).status, 200, 'another name removes nothing');
  await confirm.getByRole('textbox').fill('forms');
  await confirm.getByRole('button', { name: 'Remove the source' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sources' }).waitFor();
  assert.equal((await place.admin('GET', '/sources/forms')).status, 404);
  watch.assertClean();
  await watch.close();
});

test('another app with the saved secret is refused: the secret has to be typed again', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await openTrialForm(page);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('elsewhere');
  await page.getByRole('textbox', { name: 'Mailbox', exact: true }).fill(mailbox);
  await page.getByRole('textbox', { name: 'Application (Client) Secret' }).fill(place.sandbox.clientSecret);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'elsewhere', exact: true }).waitFor();
  await page.getByRole('link', { name: 'Edit: elsewhere' }).click();
  const authority = page.getByRole('textbox', { name: 'Authority', exact: true });
  await authority.fill('https://login.elsewhere.example');
  await page.getByRole('textbox', { name: 'Application (Client) Secret' }).focus();
  await authority.focus();
  await page.getByText(/Type the .* again/).waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  assert.equal((await place.admin('GET', '/sources/elsewhere')).body.definition.app.custom.authority, place.sandbox.authority);
  watch.assertClean();
  await watch.close();
});

test('of two who edit one source the second is told who was first, looks at it, and saves without losing what was typed', {
  skip,
}, async () => {
  const [first, second] = [await openWatched(browser, place.url), await openWatched(browser, place.url)];
  await place.user('berta', 'administrator');
  await logInByPage(first.page, place.url, 'admin');
  await openTrialForm(first.page);
  await first.page.getByRole('textbox', { name: 'Name', exact: true }).fill('shared');
  await first.page.getByRole('textbox', { name: 'Mailbox', exact: true }).fill(mailbox);
  await first.page.getByLabel('Folders').fill('Shared');
  await first.page.getByRole('textbox', { name: 'Application (Client) Secret' }).fill(place.sandbox.clientSecret);
  await first.page.getByRole('button', { name: 'Save' }).click();
  await first.page.getByRole('heading', { level: 1, name: 'shared', exact: true }).waitFor();

  await logInByPage(second.page, place.url, 'berta');
  for (const { page } of [first, second]) {
    await page.goto(`${place.url}/sources/shared/edit`);
    await page.getByRole('heading', { level: 1, name: 'Edit shared' }).waitFor();
  }
  await second.page.getByLabel('Schedule').fill('2m');
  await second.page.getByLabel('Country').fill('44');
  // Typed before the other one saves.
  await first.page.getByLabel('Schedule').fill('3m');
  await second.page.getByRole('button', { name: 'Save' }).click();
  await second.page.getByRole('heading', { level: 1, name: 'shared', exact: true }).waitFor();

  const { page } = first;
  first.expect(/status of 409 .*\/api\/v1\/sources\/shared$/);
  await page.getByRole('button', { name: 'Save' }).click();
  await page
    .getByRole('alert')
    .getByText(/berta changed this source/)
    .waitFor();
  assert.equal((await place.admin('GET', '/sources/shared')).body.definition.every, '2m', 'nothing was overwritten');
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.getByRole('button', { name: 'Look at the change' }).click();
  const dialog = page.getByRole('dialog');
  assert.match(await dialog.getByRole('row', { name: /^every/ }).innerText(), /10s\s+2m\s+3m/);
  assert.match(await dialog.getByRole('row', { name: /^country/ }).innerText(), /–\s+44\s+nothing else/);
  assert.deepEqual(await accessibilityFaults(page), []);
  await dialog.getByRole('button', { name: 'Keep what I typed, take the rest' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.deepEqual([await page.getByLabel('Schedule').inputValue(), await page.getByLabel('Country').inputValue()], ['3m', '44']);
  assert.equal(await page.getByRole('alert').count(), 0);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'shared', exact: true }).waitFor();
  const { body } = await place.admin('GET', '/sources/shared');
  assert.deepEqual([body.definition.every, body.definition.country, body.changed.by], ['3m', '44', 'admin']);

  // Told while it is typed, without a save: and what was typed may be dropped.
  await page.goto(`${place.url}/sources/shared/edit`);
  await page.getByLabel('Schedule').fill('5m');
  const { definition, changed } = (await place.admin('GET', '/sources/shared')).body;
  await expectDone(place.admin('PUT', '/sources/shared', { ...definition, every: '4m', revision: changed.revision }));
  await page.getByRole('button', { name: 'Look at the change' }).click();
  await dialog.getByRole('button', { name: 'Drop what I typed' }).click();
  await eventually('the newer one stands there', async () => (await page.getByLabel('Schedule').inputValue()) === '4m');
  for (const watch of [first, second]) {
    watch.assertClean();
    await watch.close();
  }
});
