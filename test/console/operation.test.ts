/** What operators and auditors do in the browser: ask for what is in quarantine again, look at everything, and change nothing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, atRest, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
const apart = 'apart@contoso.test';
let browser: Browser;
let place: ConsolePlace;

const mailOf = (subject: string): string =>
  `From: a@contoso.test\r\nTo: b@contoso.test\r\nSubject: ${subject}\r\n\r\nwords of ${subject}\r\n`;

before(async () => {
  if (skip !== false) return;
  const sources = `  apart: { tenant: lab, mailbox: ${apart}, server: {server}, every: 1s }
  shut: { tenant: lab, mailbox: no-grant@contoso.test, server: {server}, every: 1s }`;
  browser = await launchBrowser();
  place = await startConsolePlace({ sources, mailboxes: { [apart]: [2, 4] } });
  place.deliver(apart, ['one', 'two', 'three', 'four', 'five'].map(mailOf));
  await place.user('otto', 'operator');
  await place.user('ada', 'auditor');
  const held = async () => (await place.admin('GET', '/quarantine')).body.messages.length;
  await eventually('two messages are in quarantine', async () => (await held()) === 2, 60_000);
});
after(async () => {
  await browser?.close();
  await place?.close();
});

test('an operator asks for what is in quarantine again, and what comes leaves the list by itself', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, `${place.url}/quarantine`, 'otto');
  await page.getByRole('checkbox', { name: 'Select message 1' }).waitFor();
  await page.getByText('gave no content').first().waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  place.mailbox(apart).quirks.emptyFetch = [4];
  await page.getByRole('checkbox', { name: 'Select all' }).check();
  await page.getByRole('button', { name: 'Ask again' }).first().click();
  await page.getByRole('checkbox', { name: 'Select message 2' }).waitFor({ state: 'detached' });
  const { messages } = (await place.admin('GET', '/quarantine')).body;
  assert.deepEqual(
    messages.map(({ uid }: { readonly uid: number }) => uid),
    [4],
  );
  const { entries } = (await place.admin('GET', '/access-log?action=quarantine.retry')).body;
  assert.equal(entries[0].who, 'otto');
  watch.assertClean();
  await watch.close();
});

test('an alert is acknowledged with a note by who is logged in', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  // What may pass by itself is told when it has lasted; a missing grant is told at once or soon after.
  const open = async () => (await place.admin('GET', '/alerts?open=true')).body.alerts;
  await eventually('an alert is open', async () => (await open()).length > 0, 60_000);
  await logInByPage(page, `${place.url}/alerts`, 'otto');
  await page
    .getByRole('button', { name: /^Acknowledge/ })
    .first()
    .click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Note').fill('asked the Exchange team, change 4711');
  assert.deepEqual(await accessibilityFaults(page), []);
  await dialog.getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByText('change 4711').first().waitFor();
  const acknowledged = (await open()).filter((one: { readonly acknowledged: unknown }) => one.acknowledged !== null);
  assert.deepEqual(
    acknowledged.map((one: { readonly acknowledged: { readonly by: string } }) => one.acknowledged.by),
    ['otto'],
  );
  watch.assertClean();
  await watch.close();
});

test('a reconciliation is made from its page, and its equation is shown day by day', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, `${place.url}/reconciliation`, 'otto');
  await page
    .getByRole('button', { name: /^Reconcile now/ })
    .first()
    .click();
  assert.deepEqual(await accessibilityFaults(page), []);
  // An answer from while it was going on comes late, behind the event that says that it is over.
  const counted = page.getByText(/quarantined/i).first();
  let late: Promise<void> | undefined;
  await page.route('**/api/v1/reconciliation', async (route) => {
    if (late !== undefined) return route.fallback();
    const given = await (await route.fetch()).json();
    late = counted.waitFor().then(() => route.fulfill({ json: { ...given, state: 'running', result: null } }));
    await late;
  });
  await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click();
  await eventually('it has ended', async () => (await place.admin('GET', '/reconciliation')).body.state === 'done', 60_000);
  await counted.waitFor();
  await late;
  await page.getByRole('button', { name: /^Reconcile now/ }).waitFor();
  await atRest(page);
  assert.deepEqual(await accessibilityFaults(page), []);
  watch.assertClean();
  await watch.close();
});

test('what happens while a page reads for the first time is shown, though the answer is of before', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'otto');
  const shownCount = async (): Promise<number> => (await place.admin('GET', '/quarantine')).body.messages.length;
  const before = await shownCount();
  let isAsked: () => void = () => undefined;
  const asked = new Promise<void>((done) => {
    isAsked = done;
  });
  // Its event asks for this again, too.
  const told = page.waitForResponse(
    async (response) => response.url().endsWith('/api/v1/overview') && (await response.json()).quarantined === before + 1,
  );
  let first = true;
  await page.route('**/api/v1/quarantine*', async (route) => {
    if (!first) return route.fallback();
    first = false;
    const answer = await route.fetch();
    isAsked();
    await told;
    await route.fulfill({ response: answer });
  });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Quarantine' }).click();
  await asked;
  place.mailbox(apart).quirks.emptyFetch = [4, 6];
  place.deliver(apart, [mailOf('six')]);
  await page.getByRole('checkbox', { name: `Select message ${before + 1}` }).waitFor();
  assert.equal(await shownCount(), before + 1);
  watch.assertClean();
  await watch.close();
});

test('an auditor sees everything and can change nothing: no button does it and the API refuses, and what was seen is in the access log', {
  skip,
}, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'ada');
  const nav = page.getByRole('navigation', { name: 'Main' });
  for (const name of ['Sources', 'Alerts', 'Runs', 'Reconciliation', 'Quarantine', 'Exports', 'Setup', 'Access', 'Access log']) {
    await nav.getByRole('link', { name: new RegExp(`^${name}( \\d|$)`) }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await atRest(page);
    const changing =
      /^(Add|Run now|Pause|Resume|Edit|Test|Delete|Remove|Ask again|Acknowledge|Explain|Reconcile now|Save|New user|New token|Ask for a token|Sign in)/;
    assert.deepEqual(await page.getByRole('main').getByRole('button', { name: changing }).allInnerTexts(), [], `buttons of ${name}`);
    assert.deepEqual(await page.getByRole('main').getByRole('link', { name: changing }).allInnerTexts(), [], `links of ${name}`);
    assert.equal(
      await page
        .getByRole('main')
        .getByRole('checkbox', { name: /^Select/ })
        .count(),
      0,
    );
  }
  assert.deepEqual(await nav.getByRole('link', { name: /^(Users|API tokens)$/ }).allInnerTexts(), [], 'the administration is not theirs');
  await nav.getByRole('link', { name: 'Messages' }).click();
  await page.getByRole('list', { name: 'Messages' }).getByRole('link').first().click();
  await page.getByRole('tab', { name: 'Headers & raw' }).waitFor();

  const auditor = await place.logIn('ada', 'a quiet lamp in the harbour');
  const rows = (await place.admin('GET', '/messages?q=')).body.rows;
  const refused = [
    ['POST', '/sources', {}],
    ['PUT', '/sources/apart', {}],
    ['DELETE', '/sources/apart'],
    ['POST', '/sources/apart/actions', { action: 'pause' }],
    ['POST', '/sources/apart/tests'],
    ['POST', '/drafts/judge', {}],
    ['POST', '/drafts/tests', {}],
    ['POST', '/reconciliations', { sources: [], since: null }],
    ['DELETE', '/reconciliation'],
    ['POST', '/quarantine/retry', { messages: [] }],
    ['POST', '/alerts/1/acknowledgement', { note: 'x' }],
    ['POST', '/gaps/1/explanation', { explanation: 'x' }],
    ['GET', '/users'],
    ['POST', '/users', {}],
    ['POST', '/tokens', {}],
  ] as const;
  for (const [method, path, body] of refused) assert.equal((await auditor(method, path, body)).status, 403, `${method} ${path}`);
  assert.equal((await place.admin('GET', '/sources/apart')).body.card.paused, false);

  await nav.getByRole('link', { name: 'Access log' }).click();
  await page.getByText('message.view').first().waitFor();
  const { entries } = (await place.admin('GET', '/access-log?who=ada')).body;
  const views = entries.filter((one: { readonly action: string }) => one.action === 'message.view');
  assert.ok(
    views.some((one: { readonly object: string }) => rows.some((row: { readonly id: string }) => row.id === one.object)),
    JSON.stringify(entries),
  );
  assert.ok(
    entries.some((one: { readonly outcome: string }) => one.outcome === 'refused'),
    'what was refused is there too',
  );
  watch.assertClean();
  await watch.close();
});
