/** The configuration page of a source, as the seeds describe it: its fields by their names, its test from red to green, and what it keeps secret. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { everythingUnder } from '../contract/watch-place.ts';
import { accessibilityFaults, atRest, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
const mailbox = 'captured@contoso.test';
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace({ trial: true });
});
after(async () => {
  await browser?.close();
  await place?.close();
});

async function rung(page: Page, outcome: string): Promise<readonly string[]> {
  const rungs = page
    .getByRole('list', { name: 'Test result' })
    .getByRole('listitem')
    .filter({ has: page.getByText(outcome, { exact: true }) });
  return await rungs.allInnerTexts();
}

async function tested(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await page.locator('ol[aria-label="Test result"][aria-busy="false"]').waitFor();
}

test('the TeleMessage source is made by the names of its fields; its test is red until the grant is given, then green, and then it works', {
  skip,
}, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  const granted = place.mailbox(mailbox);
  const { principal } = place.sandbox.tenant.apps.get(place.sandbox.clientId) ?? {};
  granted.grants.clear();
  place.deliver(mailbox, ['From: a@contoso.test\r\nTo: b@contoso.test\r\nSubject: the first of them\r\n\r\nwords\r\n']);

  await logInByPage(page, place.url, 'admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Sources' }).click();
  await page
    .getByRole('main')
    .getByRole('link', { name: /Add source|Make the first source/ })
    .first()
    .click();
  await page.getByLabel('Name').first().waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);

  await page
    .getByLabel(/^Name\b/)
    .first()
    .fill('telemessage');
  await page.getByLabel('Protocol').selectOption('imap');
  await page.getByLabel('Authentication Mode').selectOption({ label: 'OAuth 2.0' });
  // What people mix up is said while they type: the id of a secret in place of its value, half an id.
  await page.getByLabel('Application (Client) ID').fill('5a000000-0000');
  await page.getByLabel('Application (Client) Secret').fill(place.sandbox.clientSecretId);
  await page.getByLabel('Directory (Tenant) ID').fill(place.sandbox.tenant.id);
  await page
    .getByText(/secret ID|id of the secret|Secret ID/i)
    .first()
    .waitFor();
  await page.getByLabel('Application (Client) ID').fill(place.sandbox.clientId);
  await page.getByLabel('Application (Client) Secret').fill(place.sandbox.clientSecret);
  await page.getByText('Advanced', { exact: false }).first().click();
  await page.getByLabel('Cloud').selectOption('custom');
  await page.getByRole('textbox', { name: 'Authority', exact: true }).fill(place.sandbox.authority);
  await page.getByLabel('Token scope').fill(place.sandbox.scope);
  await page.getByLabel('IMAP host').fill(`localhost:${place.sandbox.imap.tlsPort}`);
  await page.getByLabel('POP3 host').fill(`localhost:${place.sandbox.pop.tlsPort}`);
  await page.getByLabel('Certificate authority (PEM)').fill(place.sandbox.caPem);
  await page.getByLabel('Mailbox', { exact: false }).last().fill(mailbox);
  await page.getByLabel('Schedule').fill('1s');
  await page.getByLabel('On completion').selectOption({ index: 0 });
  await page.getByLabel('Format').selectOption({ index: 0 });

  await tested(page);
  const red = await rung(page, 'refused');
  assert.match(red[0] ?? '', /authenticated but not connected/, 'what the server said stands at the rung that it was seen at');
  assert.ok((await rung(page, 'ok')).length >= 5, 'the rungs below it hold');
  const findings = page.getByRole('region', { name: 'Findings' });
  assert.match(await findings.innerText(), /Add-MailboxPermission/, 'the command that mends it is shown');
  assert.ok((await findings.getByRole('button', { name: /copy/i }).count()) >= 1);
  assert.deepEqual(await accessibilityFaults(page), []);

  granted.grants.add(principal?.oid ?? '');
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await page.getByText('Everything holds.').first().waitFor();
  assert.deepEqual(await rung(page, 'refused'), []);

  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'telemessage' }).waitFor();
  await page.getByText('healthy').first().waitFor();
  await eventually('the message is archived', async () => (await place.admin('GET', '/sources/telemessage')).body.card.messages === 1);
  const { body } = await place.admin('GET', '/sources/telemessage');
  assert.equal(body.secretKept, true);
  await atRest(page);
  assert.ok(!(await page.content()).includes(place.sandbox.clientSecret), 'the page does not hold the secret');
  assert.ok(!JSON.stringify(body).includes(place.sandbox.clientSecret), 'nor does the API');
  assert.ok(!everythingUnder(join(place.folder, 'data')).includes(place.sandbox.clientSecret), 'nor does any file');
  watch.assertClean();
  await watch.close();
});

test('a source is paused and goes on, and looks at once when it is told to', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Sources' }).click();
  await page.getByRole('button', { name: 'Pause: telemessage' }).click();
  await page.getByText('paused').first().waitFor();
  const messages = async (): Promise<number> => (await place.admin('GET', '/sources/telemessage')).body.card.messages;
  const before = await messages();
  place.deliver(mailbox, ['Subject: while it was paused\r\n\r\nwords\r\n']);
  await page.getByRole('button', { name: 'Resume: telemessage' }).click();
  await page.getByRole('button', { name: 'Pause: telemessage' }).waitFor();
  await eventually('what came meanwhile is there', async () => (await messages()) === before + 1);
  place.deliver(mailbox, ['Subject: run now\r\n\r\nwords\r\n']);
  await page.getByRole('button', { name: 'Run now: telemessage' }).click();
  await eventually('what it was told to look for is there', async () => (await messages()) === before + 2);
  watch.assertClean();
  await watch.close();
});

test('an answer that comes behind a later event does not put back what was', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  const act = async (action: 'pause' | 'resume') => await place.admin('POST', '/sources/telemessage/actions', { action });
  await act('pause');
  await logInByPage(page, `${place.url}/sources`, 'admin');
  const resume = page.getByRole('button', { name: 'Resume: telemessage' });
  await resume.waitFor();
  let again: Promise<unknown> | undefined;
  await page.route('**/api/v1/sources/telemessage/actions', async (route) => {
    const answer = await route.fetch();
    await page.getByRole('button', { name: 'Pause: telemessage' }).waitFor();
    // Somebody else pauses it, which this page hears at once; the answer to its own question comes after that.
    await act('pause');
    await resume.waitFor();
    again = page.waitForResponse(`${place.url}/api/v1/sources`);
    await route.fulfill({ response: answer });
  });
  const [answered] = await Promise.all([page.waitForResponse('**/api/v1/sources/telemessage/actions'), resume.click()]);
  assert.equal((await answered.json()).paused, false, 'it is of before');
  await again;
  await resume.waitFor();
  watch.assertClean();
  await watch.close();
});
