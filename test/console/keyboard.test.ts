/** The console without a mouse: the login, the form of a source, the list of messages, by Tab, Enter, arrows and Escape alone. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { atRest, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, everythingIn, password, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  const sources = '  captured: { tenant: lab, mailbox: {mailbox}, server: {server}, every: 1s, format: telemessage }';
  browser = await launchBrowser();
  place = await startConsolePlace({ sources, seeded: true, trial: true, mailboxes: { 'keys@contoso.test': [] } });
  await everythingIn(place, 'captured');
});
after(async () => {
  await browser?.close();
  await place?.close();
});

/** Name and role of what has the focus, as a screen reader would say it, and whether a person can see where it is. */
async function focused(page: Page): Promise<{ readonly text: string; readonly isVisible: boolean }> {
  return await page.evaluate(`(() => {
    const one = document.activeElement;
    const label = one?.labels?.[0]?.textContent ?? one?.getAttribute('aria-label') ?? one?.textContent ?? '';
    const box = one?.getBoundingClientRect();
    const style = one === null ? undefined : getComputedStyle(one);
    const parent = one?.parentElement === null || one === null ? undefined : getComputedStyle(one.parentElement);
    const marked = [style, parent].some((of) => of !== undefined && ((of.outlineStyle !== 'none' && of.outlineWidth !== '0px') || of.boxShadow !== 'none' || of.borderColor !== 'rgba(0, 0, 0, 0)'));
    return { text: label.replace(/\\s+/g, ' ').trim(), isVisible: marked && box !== undefined && box.width > 0 && box.bottom > 0 && box.top < innerHeight };
  })()`);
}

/** Presses Tab until the focus is on something of this name. */
async function tabTo(page: Page, name: RegExp, most = 80): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press('Tab');
    const { text, isVisible } = await focused(page);
    passed.push(text);
    if (!name.test(text)) continue;
    assert.ok(isVisible, `${text} has the focus and nobody sees it`);
    return;
  }
  assert.fail(`Tab did not lead to ${name} but to ${passed.join(' | ')}`);
}

async function logInByKeys(page: Page, path: string): Promise<void> {
  await page.goto(`${place.url}${path}`);
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  if (!/User name/.test((await focused(page)).text)) await tabTo(page, /^User name/);
  await page.keyboard.type('admin');
  await tabTo(page, /^Password/);
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'admin', exact: true }).waitFor();
}

test('the form of a source is filled in, tested and saved by the keyboard alone', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByKeys(page, '/sources');
  await page.reload();
  await page.getByRole('heading', { name: 'Sources', level: 1 }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal((await focused(page)).text, 'Skip to content');
  await page.keyboard.press('Enter');
  await tabTo(page, /^Add source$/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /New source/, level: 1 }).waitFor();
  await atRest(page);
  // It is there as soon as the service has told of its trial tenant.
  await page.getByRole('button', { name: /trial tenant/i }).waitFor();
  await tabTo(page, /trial tenant/i);
  await page.keyboard.press('Enter');
  await tabTo(page, /^Name/);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('by-keys');
  await tabTo(page, /^Application \(Client\) Secret/);
  await page.keyboard.type(place.sandbox.clientSecret);
  await tabTo(page, /^Mailbox/);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('keys@contoso.test');
  await tabTo(page, /^Test$/);
  await page.keyboard.press('Enter');
  await page.getByText('Everything holds.').first().waitFor();
  await tabTo(page, /^Save$/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'by-keys', level: 1 }).waitFor();
  watch.assertClean();
  await watch.close();
});

test('the arrows walk through the messages, Enter opens one, Escape goes back to where it was', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByKeys(page, '/messages');
  const list = page.getByRole('list', { name: 'Messages' });
  await list.getByRole('listitem').first().waitFor();
  const first = (await list.getByRole('link').first().innerText()).replaceAll(/\s+/g, '');
  const isInList = async (): Promise<boolean> => await page.evaluate(`document.activeElement?.closest('[aria-label="Messages"]') !== null`);
  for (let presses = 0; presses < 80 && !(await isInList()); presses += 1) await page.keyboard.press('Tab');
  assert.equal(
    (await focused(page)).text.replaceAll(' ', '').slice(0, 20),
    first.slice(0, 20),
    'one Tab stop leads into the list, to its first row',
  );
  for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowDown');
  await eventually('the fourth row has the focus', async () => {
    const at: unknown = await page.evaluate(`document.activeElement?.closest('li')?.getAttribute('aria-posinset')`);
    return at === '4';
  });
  assert.ok((await focused(page)).isVisible);
  await page.keyboard.press('End');
  await eventually(
    'the last row has the focus',
    async () => Number(await page.evaluate(`document.activeElement?.closest('li')?.getAttribute('aria-posinset')`)) > 20,
  );
  await page.keyboard.press('Home');
  await eventually(
    'the first row has the focus',
    async () => (await page.evaluate(`document.activeElement?.closest('li')?.getAttribute('aria-posinset')`)) === '1',
  );
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: 'Record' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('tab', { name: 'Record' }).waitFor({ state: 'detached' });
  assert.ok(await isInList(), 'the focus is in the list again');
  watch.assertClean();
  await watch.close();
});
