/**
 * Searching in the browser: what is typed, ticked and suggested is one text, the list stands still while mail comes in, what is found can
 * be taken along, and a conversation is printed whole.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { captured } from '../contract/captured.ts';
import { unlessPeers } from '../contract/places/peers.ts';
import { entriesOf } from '../contract/zip-entries.ts';
import { launchBrowser, openWatched, type Watch } from './browser.ts';
import { type ConsolePlace, eventually, everythingIn, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;

const said = (id: string, minute: number, text: string, network: string): string =>
  captured({ id, thread: 'th-1', owner: '447700900123', date: new Date(Date.UTC(2026, 0, 12, 10, minute)).toISOString(), text, network });

before(async () => {
  if (skip !== false) return;
  const sources = '  captured: { tenant: lab, mailbox: {mailbox}, server: {server}, every: 1s, format: telemessage }';
  browser = await launchBrowser();
  place = await startConsolePlace({ sources, seeded: true });
  const talk = Array.from({ length: 230 }, (_, index) =>
    said(`t${index}`, index % 60, `line number ${index} of the talk`, 'WHATSAPP_ARCHIVER'),
  );
  place.deliver(place.sandbox.seededMailbox, [...talk, said('s1', 5, 'a word on Signal', 'SIGNAL')]);
  await everythingIn(place, 'captured');
  assert.equal((await place.admin('GET', '/messages/facets?q=thread:th-1')).body.messages, 231);
});
after(async () => {
  await browser?.close();
  await place?.close();
});

async function opened(path: string): Promise<Watch> {
  const watch = await openWatched(browser, place.url);
  await logInByPage(watch.page, `${place.url}${path}`, 'admin');
  return watch;
}

const searchBox = (page: Page) => page.getByRole('searchbox', { name: 'Search' });
const list = (page: Page) => page.getByRole('list', { name: 'Messages' });

test('what is ticked stands in the box and in the address, and a second value stands beside the first', { skip }, async () => {
  const watch = await opened('/messages?q=thread%3Ath-1');
  const { page } = watch;
  await page.getByRole('checkbox', { name: /^WhatsApp, 230 / }).check();
  await page.waitForURL(/platform/);
  assert.equal(await searchBox(page).inputValue(), 'thread:th-1 platform:whatsapp');
  await page.getByText('230 messages', { exact: true }).waitFor();
  // What could be chosen instead is still counted.
  await page.getByRole('checkbox', { name: /^Signal, 1 / }).check();
  await page.getByText('231 messages', { exact: true }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get('q'), 'thread:th-1 platform:whatsapp platform:signal');
  await page.getByRole('checkbox', { name: /^WhatsApp, / }).uncheck();
  await page.getByText('1 message', { exact: true }).waitFor();
  assert.equal(await searchBox(page).inputValue(), 'thread:th-1 platform:signal');
  watch.assertClean();
  await watch.close();
});

test('a condition is put together from suggestions by the keyboard, and a misspelt one is mended by a click', { skip }, async () => {
  const watch = await opened('/messages');
  const { page } = watch;
  await list(page).getByRole('link').first().waitFor();
  await searchBox(page).pressSequentially('talk plat');
  await page.getByRole('option', { name: /^platform:/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await searchBox(page).inputValue(), 'talk platform:');
  await page.getByRole('option', { name: 'platform:whatsapp' }).click();
  assert.equal(await searchBox(page).inputValue(), 'talk platform:whatsapp ');
  await page.keyboard.press('Enter');
  await page.waitForURL(/whatsapp/);

  await searchBox(page).fill('platfrom:signal talk');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'platform:signal' }).click();
  await page.waitForURL((url) => url.searchParams.get('q') === 'platform:signal talk');
  watch.assertClean();
  await watch.close();
});

test('the list stands still while mail comes in, and shows what has come when it is asked to', { skip }, async () => {
  const watch = await opened('/messages?q=subject%3Aarrival');
  const { page } = watch;
  const mail = (number: number): string =>
    `From: eva@contoso.test\r\nTo: sam@contoso.test\r\nSubject: arrival ${number}\r\nDate: ${new Date(Date.UTC(2026, 1, number)).toUTCString().replace('GMT', '+0000')}\r\nMessage-ID: <arrival.${number}@contoso.test>\r\n\r\nhello\r\n`;
  await page.getByText('No message fits').waitFor();
  place.deliver(place.sandbox.seededMailbox, [mail(2)]);
  // An empty list has nothing that could move: it fills by itself.
  await list(page).getByText('arrival 2').waitFor();
  // One that was sent before all others, and one behind them.
  place.deliver(place.sandbox.seededMailbox, [mail(0), mail(3)]);
  await page.getByRole('button', { name: '2 new messages' }).waitFor();
  assert.equal(await list(page).getByRole('listitem').count(), 1);
  await page.getByRole('button', { name: '2 new messages' }).click();
  await list(page).getByText('arrival 3').waitFor();
  assert.equal(await list(page).getByRole('listitem').count(), 3);
  assert.equal(await page.getByRole('button', { name: /new message/ }).count(), 0);
  watch.assertClean();
  await watch.close();
});

test('what comes while the first answer is on its way is told as soon as there is a list', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await page.clock.install();
  await logInByPage(page, place.url, 'admin');
  let isFirst = true;
  await page.route('**/api/v1/messages?*', async (route) => {
    if (!isFirst) return route.fallback();
    isFirst = false;
    const answer = await route.fetch();
    place.deliver(place.sandbox.seededMailbox, [
      'From: eva@contoso.test\r\nSubject: meanwhile\r\nMessage-ID: <meanwhile@contoso.test>\r\n\r\nhello\r\n',
    ]);
    await eventually('it is searchable', async () => (await place.admin('GET', '/messages?q=subject:meanwhile')).body.rows.length === 1);
    // The page has heard of it, and has looked for it in vain.
    for (let looks = 0; looks < 3; looks += 1) await page.clock.runFor(2_000);
    await route.fulfill({ response: answer });
  });
  await page.goto(`${place.url}/messages?q=subject%3Ameanwhile`);
  await list(page).getByText('meanwhile').waitFor();
  watch.assertClean();
  await watch.close();
});

test('what was found is exported with a reason, and the hash that is shown is that of the manifest in the file', { skip }, async () => {
  const watch = await opened('/messages?q=platform%3Asignal%20thread%3Ath-1');
  const { page } = watch;
  await page.getByRole('link', { name: 'Export these' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('1 message will be exported.').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Start export' }).isDisabled(), 'without a reason nothing is exported');
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('request 2026-118 of the regulator');
  await dialog.getByRole('button', { name: 'Start export' }).click();
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('link', { name: /^Download/ })
      .first()
      .click(),
  ]);
  const zip = readFileSync(await saved.path());
  const shown = await page.getByText(/SHA-256 of the manifest/).textContent();
  const hashes = [...entriesOf(zip)]
    .filter(([name]) => /manifest/.test(name))
    .map(([, bytes]) => createHash('sha256').update(bytes).digest('hex'));
  assert.ok(
    hashes.some((hash) => shown?.includes(hash)),
    `${shown} is the hash of one of ${hashes.join(', ')}`,
  );
  watch.assertClean();
  await watch.close();
});

test('what came into a conversation while the line was broken is told when it is back', { skip }, async () => {
  place.deliver(place.sandbox.seededMailbox, [captured({ id: 'b1', thread: 'th-2', owner: '447700900123', text: 'before' })]);
  const count = async (): Promise<number> => (await place.admin('GET', '/messages/facets?q=thread:th-2')).body.messages;
  await eventually('it has begun', async () => (await count()) === 1);
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  watch.expect(/ERR_FAILED .*\/api\/v1\/events$/);
  await page.route('**/api/v1/events', (route) => route.abort());
  await logInByPage(page, `${place.url}/conversations/th-2`, 'admin');
  await page.getByRole('article').first().waitFor();
  place.deliver(place.sandbox.seededMailbox, [captured({ id: 'b2', thread: 'th-2', owner: '447700900123', text: 'meanwhile' })]);
  await eventually('it has gone on', async () => (await count()) === 2);
  await page.unroute('**/api/v1/events');
  await page.getByRole('button', { name: /^1 new/ }).waitFor();
  watch.assertClean();
  await watch.close();
});

test('a conversation longer than a page is printed whole, with the id of each message', { skip }, async () => {
  const watch = await opened('/conversations/th-1');
  const { page } = watch;
  await page.getByRole('article').first().waitFor();
  assert.ok((await page.getByRole('article').count()) < 100, 'only those that can be seen exist');
  await page.evaluate('window.print = () => { window.printed = document.querySelectorAll("article").length; }');
  await page.getByRole('button', { name: 'Print' }).click();
  await eventually('it is printed', async () => (await page.evaluate('window.printed')) !== undefined);
  assert.equal(await page.evaluate('window.printed'), 231);
  await page.emulateMedia({ media: 'print' });
  assert.match((await page.getByRole('article').first().innerText()).replace(/\s+/g, ' '), /[0-9a-f]{64}/);
  watch.assertClean();
  await watch.close();
});
