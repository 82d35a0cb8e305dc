/** The countdown of a credential on the Access page: it names who knows the date, and where nobody does, why. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Sandbox } from '../../sandbox/src/place.ts';
import { appScenarios, clientIdOf } from '../../sandbox/src/scenario.ts';
import { unlessPeers } from '../contract/places/peers.ts';
import { launchBrowser, openWatched } from './browser.ts';
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
});
after(async () => {
  await browser?.close();
  await place?.close();
});

function configuration({ authority, scope, graph, tenant, clientId }: Sandbox): string {
  const cloud = `{ authority: "${authority}", scope: "${scope}", graph: "${graph}" }`;
  const reader = clientIdOf(appScenarios.find(({ name }) => name === 'reads-itself')?.number ?? 0);
  const app = (id: string, more = ''): string =>
    `{ tenantId: ${tenant.id}, clientId: ${id}, cloud: ${cloud}, ca: ca.pem, credential: { secret: { env: LAB_SECRET }${more} } }`;
  return `data: ./data
service: { listen: 127.0.0.1:0 }
tenants:
  asks: ${app(reader)}
  may-not: ${app(clientId)}
  is-told: ${app(clientId, ', expires: 2099-01-31')}
  renewed: { tenantId: ${tenant.id}, clientId: ${clientId}, cloud: ${cloud}, ca: ca.pem, credential: { assertion: { env: LAB_ASSERTION } } }
`;
}

test('the end of a secret is counted down with where it is known from, and where it is not known, it says why', { skip }, async () => {
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, place.url, 'admin');
  await page.goto(`${place.url}/access`);
  await page.getByText('says the configuration').waitFor();
  // It is asked some seconds after the start of the service.
  await eventually('Graph has answered for each', async () => {
    await page.reload();
    await page.getByText('says the configuration').waitFor();
    const [says, refuses] = ['says Microsoft Graph', 'the app may not read its own registration in Graph'];
    return (await page.getByText(says).isVisible()) && (await page.getByText(refuses).isVisible());
  });
  await page.getByText(/^(?:19|20) days left, until/).waitFor();
  assert.equal(
    await page.getByText('write it as expires into the configuration file').count(),
    1,
    'and where it is told, of the one that has an end',
  );
  await page.getByText('It has no end of its own.').waitFor();
  watch.assertClean();
  await watch.close();
});
