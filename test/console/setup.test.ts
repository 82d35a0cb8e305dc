/** The sign-in of an administrator by a code, clicked through: Entra, then Exchange, and the plan of what is there; refused, cancelled, left. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import type { Sandbox } from '../../sandbox/src/place.ts';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace({
    prepare: async (data, sandbox) => writeFileSync(join(data, '../postern.yaml'), configuration(sandbox)),
  });
  // Nobody sits in front of the sandbox: here the test does.
  const { devices } = place.sandbox.tenant.directory;
  const set = devices.set.bind(devices);
  devices.set = (code, device) => set(code, { ...device, pendingPolls: Number.POSITIVE_INFINITY });
});
after(async () => {
  await browser?.close();
  await place?.close();
});

function configuration({ authority, scope, graph, exchangeAdmin, tenant, clientId }: Sandbox): string {
  const cloud = `{ authority: "${authority}", scope: "${scope}", graph: "${graph}", exchangeAdmin: "${exchangeAdmin}" }`;
  const setup = 'setup: { store: { file: ./new-secret }, mailboxes: [bulk@contoso.test], app: { uniqueName: postern-planned } }';
  return `data: ./data
service: { listen: 127.0.0.1:0 }
tenants:
  planned: { tenantId: ${tenant.id}, clientId: ${clientId}, cloud: ${cloud}, ca: ca.pem, credential: { secret: { env: LAB_SECRET } }, ${setup} }
`;
}

/** The code that a person would type on Microsoft's page. */
function codeAsked(): string | undefined {
  return [...place.sandbox.tenant.directory.devices.values()].at(-1)?.userCode;
}

/** The person has typed it, and agreed or not. */
function answerAsPerson(): void {
  for (const device of place.sandbox.tenant.directory.devices.values()) device.pendingPolls = 0;
}

const waiting = (page: Page): Locator => page.getByRole('status').filter({ hasText: 'type the code' });

async function opened(): Promise<Awaited<ReturnType<typeof openWatched>>> {
  const watch = await openWatched(browser, place.url);
  await logInByPage(watch.page, place.url, 'admin');
  await watch.page.goto(`${place.url}/setup`);
  await watch.page.getByText('as in an empty tenant').waitFor();
  return watch;
}

test('the codes for Entra and for Exchange are shown one after the other, and then the plan of what is there', { skip }, async () => {
  const watch = await opened();
  const { page } = watch;
  await page.getByRole('button', { name: 'Sign in and look at the tenant' }).click();
  await waiting(page).getByText('Sign in for Entra.').waitFor();
  const first = codeAsked();
  assert.ok(first);
  await waiting(page).getByText(first, { exact: true }).waitFor();
  const link = waiting(page).getByRole('link');
  assert.equal(await link.getAttribute('href'), `${place.sandbox.authority}/device`);
  assert.deepEqual([await link.getAttribute('target'), await link.getAttribute('rel')], ['_blank', 'noreferrer noopener']);
  await waiting(page)
    .getByText(/^it ends in 1[0-9] min/)
    .waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);

  answerAsPerson();
  await waiting(page).getByText('Sign in once more, for Exchange.').waitFor();
  const second = codeAsked();
  assert.ok(second !== undefined && second !== first);
  await waiting(page).getByText(second, { exact: true }).waitFor();
  answerAsPerson();
  await page.getByText('compared with the tenant').waitFor();
  await page
    .getByRole('heading', { level: 3, name: /postern-planned/ })
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Look at the tenant again' }).waitFor();
  assert.equal(await waiting(page).count(), 0);
  assert.deepEqual(await accessibilityFaults(page), []);
  watch.assertClean();
  await watch.close();
});

test('a sign-in that is declined says what to do, and can be begun again; one that is cancelled is over', { skip }, async () => {
  const watch = await opened();
  const { page } = watch;
  const { quirks } = place.sandbox.tenant.directory;
  quirks.deviceDeclined = true;
  try {
    await page.getByRole('button', { name: 'Sign in and look at the tenant' }).click();
    await waiting(page).getByText('Sign in for Entra.').waitFor();
    answerAsPerson();
    await page.getByRole('article', { name: /declined|refused/i }).waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
  } finally {
    quirks.deviceDeclined = false;
  }
  await page.getByRole('button', { name: 'Sign in and look at the tenant' }).click();
  await waiting(page).getByText('Sign in for Entra.').waitFor();
  assert.equal(await page.getByRole('article', { name: /declined|refused/i }).count(), 0);
  await waiting(page).getByRole('button', { name: 'Cancel' }).click();
  await waiting(page).waitFor({ state: 'detached' });
  await page.getByText('as in an empty tenant').waitFor();
  watch.assertClean();
  await watch.close();
});

test('whoever leaves the page leaves no sign-in behind, however often', { skip }, async () => {
  const watch = await opened();
  const { page } = watch;
  const asked: string[] = [];
  page.on('request', (request) => request.method() === 'DELETE' && asked.push(request.url()));
  for (let round = 1; round <= 6; round += 1) {
    await page.getByRole('button', { name: 'Sign in and look at the tenant' }).click();
    await waiting(page).getByText('Sign in for Entra.').waitFor();
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Access', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Access' }).waitFor();
    await eventually('the sign-in is ended', async () => asked.length === round);
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Setup' }).click();
  }
  watch.assertClean();
  await watch.close();
});
