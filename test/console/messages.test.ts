/** Messages in the browser: they arrive by themselves, are found, lead to their conversation; and a hostile one does nothing at all. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, atRest, launchBrowser, openWatched } from './browser.ts';
import { hostileHtml, nestedTables } from './hostile-mail.ts';
import { type ConsolePlace, eventually, everythingIn, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  const sources = '  captured: { tenant: lab, mailbox: {mailbox}, server: {server}, every: 1s, format: telemessage }';
  browser = await launchBrowser();
  place = await startConsolePlace({ sources, seeded: true });
  await everythingIn(place, 'captured');
});
after(async () => {
  await browser?.close();
  await place?.close();
});

const mailOf = (subject: string, type: string, body: string): string =>
  `From: Mallory <mallory@elsewhere.test>\r\nTo: eva@contoso.test\r\nSubject: ${subject}\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <${subject.replaceAll(' ', '.')}@elsewhere.test>\r\nMIME-Version: 1.0\r\nContent-Type: ${type}; charset=utf-8\r\n\r\n${body}\r\n`;

test('a message that arrives is shown without a reload', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, `${place.url}/messages`, 'admin');
  const list = page.getByRole('list', { name: 'Messages' });
  await list.getByRole('listitem').first().waitFor();
  const loads: string[] = [];
  page.on('framenavigated', (frame) => void loads.push(frame.url()));
  place.deliver(place.sandbox.seededMailbox, [mailOf('hot off the wire', 'text/plain', 'just now')]);
  const news = page.getByRole('button', { name: /\d+ new message/ });
  const row = list.getByRole('listitem').filter({ hasText: 'hot off the wire' });
  await news.or(row).first().waitFor();
  if (await news.isVisible()) await news.click();
  await row.waitFor();
  assert.deepEqual(loads, [], 'nothing was loaded anew');
  watch.assertClean();
  await watch.close();
});

test('a search leads to a message, and from there to its conversation', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, `${place.url}/messages`, 'admin');
  const list = page.getByRole('list', { name: 'Messages' });
  await list.getByRole('listitem').first().waitFor();
  const box = page.getByRole('main').getByRole('searchbox').or(page.getByRole('main').getByRole('combobox')).first();
  await box.fill('platform:whatsapp');
  await box.press('Enter');
  await page.waitForURL(/whatsapp/);
  await list.getByRole('listitem').filter({ hasText: 'WhatsApp' }).first().waitFor();
  await list.getByRole('listitem').first().getByRole('link').click();
  await page.getByRole('tab', { name: 'Record' }).waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.getByRole('link', { name: 'Conversation' }).first().click();
  await page.waitForURL(/\/conversations\//);
  await page.getByRole('article').first().waitFor();
  assert.ok((await page.getByRole('article').count()) >= 1);
  await atRest(page);
  assert.deepEqual(await accessibilityFaults(page), []);
  watch.assertClean();
  await watch.close();
});

test('a query that cannot be read is told with what is wrong, and asks for nothing else', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, `${place.url}/messages?q=${encodeURIComponent('platfrom:whatsapp')}`, 'admin');
  await page
    .getByText(/platfrom/)
    .first()
    .waitFor();
  await page
    .getByText(/cannot be read/i)
    .first()
    .waitFor();
  watch.assertClean();
  await watch.close();
});

test('hostile HTML does nothing: no script, no form, no style or picture of elsewhere, no link that runs, no frame, no refresh', {
  skip,
}, async () => {
  const heard: string[] = [];
  const canary = createServer((request, response) => {
    heard.push(String(request.url));
    response.end();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  const elsewhere = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
  const watch = await openWatched(browser, place.url);
  const { page, context } = watch;
  try {
    place.deliver(place.sandbox.seededMailbox, [mailOf('your parcel waits', 'text/html', hostileHtml(elsewhere))]);
    const find = async () => (await place.admin('GET', `/messages?q=${encodeURIComponent('subject:parcel')}`)).body.rows;
    await eventually('the hostile mail is searchable', async () => (await find()).length === 1);
    const [{ id }] = await find();
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    const others: string[] = [];
    context.on('page', (opened) => void others.push(opened.url()));
    await logInByPage(page, `${place.url}/messages/${id}`, 'admin');
    await page.getByRole('heading', { name: 'your parcel waits' }).waitFor();
    await page.getByText('HTML', { exact: true }).first().click();
    const frame = page.frameLocator('iframe[title="HTML of the message"]');
    await frame.getByText('Your parcel could not be delivered').first().waitFor();
    const handle = await page.locator('iframe[title="HTML of the message"]').elementHandle();
    const inner = await handle?.contentFrame();
    const sandboxed = (await handle?.getAttribute('sandbox')) ?? 'none';
    assert.ok(!/allow-(?:scripts|forms|top-navigation|popups(?!-to-escape)|same-origin allow-scripts)/.test(sandboxed), sandboxed);
    for (const link of (await inner?.locator('a').all()) ?? []) await link.click({ timeout: 2_000, force: true }).catch(() => undefined);
    for (const button of (await inner?.locator('button, input').all()) ?? []) {
      await button.click({ timeout: 2_000, force: true }).catch(() => undefined);
    }
    assert.equal(await page.evaluate('globalThis.hacked'), undefined, 'no script of the mail ran');
    assert.equal(await page.evaluate('document.cookie'), '', 'the session cannot be read by scripts at all');
    const left = await inner
      ?.locator('script, form, iframe, object, embed, meta[http-equiv="refresh" i], base, link, [onload], [onerror], [onclick]')
      .count();
    assert.equal(left, 0, 'nothing of it is left in the frame');
    assert.deepEqual([dialogs, others, heard], [[], [], []]);
    assert.match(page.url(), new RegExp(`/messages/${id}`), 'the page is where it was');
    watch.assertClean();
  } finally {
    await watch.close();
    canary.close();
    canary.closeAllConnections();
  }
});

test('five megabytes of tables in tables are shown as far as they go, and the page stays quick', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  place.deliver(place.sandbox.seededMailbox, [mailOf('tables all the way down', 'text/html', nestedTables(5_000_000))]);
  const find = async () => (await place.admin('GET', `/messages?q=${encodeURIComponent('subject:tables')}`)).body.rows;
  await eventually('the deep mail is searchable', async () => (await find()).length === 1, 60_000);
  const [{ id }] = await find();
  await logInByPage(page, `${place.url}/messages/${id}`, 'admin');
  await page.getByRole('heading', { name: 'tables all the way down' }).waitFor();
  const html = page.getByText('HTML', { exact: true }).first();
  if (await html.isVisible()) await html.click();
  await page.getByRole('tab', { name: 'Headers & raw' }).click();
  await page.getByText('mallory@elsewhere.test').first().waitFor();
  assert.equal((await place.admin('GET', '/overview')).status, 200, 'the service answers meanwhile');
  watch.assertClean();
  await watch.close();
});
