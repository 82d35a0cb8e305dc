/** A conversation that is opened in its middle: what was before comes by a button, and nothing that is read moves away under the reader. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { captured } from '../contract/captured.ts';
import { unlessPeers } from '../contract/places/peers.ts';
import { accessibilityFaults, launchBrowser, openWatched } from './browser.ts';
import { type ConsolePlace, eventually, everythingIn, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
const messages = 330;
/** A pixel is lost by rounding. */
const stillPixels = 2;
let browser: Browser;
let place: ConsolePlace;

const textOf = (index: number): string =>
  `line number ${index} of the talk${index % 7 === 0 ? `. ${'It goes on and on. '.repeat(20)}` : ''}`;

before(async () => {
  if (skip !== false) return;
  const sources = '  captured: { tenant: lab, mailbox: {mailbox}, server: {server}, every: 1s, format: telemessage }';
  browser = await launchBrowser();
  place = await startConsolePlace({ sources });
  const talk = Array.from({ length: messages }, (_, index) =>
    captured({
      id: `t${index}`,
      thread: 'th-long',
      owner: '447700900123',
      // Some six hours to a day: lines of days stand between.
      date: new Date(Date.UTC(2026, 0, 12, 6, index * 10)).toISOString(),
      text: textOf(index),
    }),
  );
  place.deliver(place.sandbox.seededMailbox, talk);
  await everythingIn(place, 'captured');
});
after(async () => {
  await browser?.close();
  await place?.close();
});

/** Numbers of the lines whose items exist, and where each stands on the screen. */
async function linesOf(page: Page): Promise<ReadonlyMap<number, number>> {
  const found: readonly (readonly [number, number])[] = await page.evaluate(`[...document.querySelectorAll('article')].flatMap((one) => {
    const number = /line number (\\d+) /.exec(one.textContent)?.[1];
    return number === undefined ? [] : [[Number(number), one.getBoundingClientRect().top]];
  })`);
  return new Map(found);
}

/** The first line that can be seen in the frame of the conversation. */
async function firstSeen(page: Page): Promise<readonly [number, number]> {
  const top = (await page.getByRole('region', { name: 'Conversation' }).boundingBox())?.y ?? 0;
  const seen = [...(await linesOf(page))].filter(([, y]) => y >= top).sort((one, other) => one[1] - other[1])[0];
  assert.ok(seen, 'a line can be seen');
  return seen;
}

test('earlier messages come by a button until there are none, and what is read stays where it is', { skip }, async () => {
  const { body } = await place.admin('GET', '/messages?q=%22line%20number%20280%20of%20the%20talk%22');
  const middle: string = body.rows[0].id;
  const watch = await openWatched(browser, place.url);
  const { page } = watch;
  await logInByPage(page, `${place.url}/conversations/th-long?around=${middle}`, 'admin');
  const frame = page.getByRole('region', { name: 'Conversation' });
  await eventually('it opens at the message', async () => (await linesOf(page)).has(280));
  const button = page.getByRole('button', { name: 'Earlier messages' });
  const begins = page.getByText('The conversation begins here.');
  const scrollUp = (): Promise<void> =>
    eventually('the beginning of what was read is reached', async () => {
      await page.evaluate(`document.querySelector('section[aria-label="Conversation"]').scrollTop = 0`);
      const top = (await frame.boundingBox())?.y ?? 0;
      return ((await button.or(begins).boundingBox())?.y ?? -1) >= top && (await firstSeen(page))[1] - top < 200;
    });
  let rounds = 0;
  for (; ; rounds += 1) {
    assert.ok(rounds < 8, 'it comes to an end');
    await scrollUp();
    if (await begins.isVisible()) break;
    const [line, y] = await firstSeen(page);
    if (rounds === 0) assert.deepEqual(await accessibilityFaults(page), []);
    await button.click();
    await eventually('an earlier one is there', async () => (await linesOf(page)).has(line - 1));
    await eventually(
      `line ${line} stays at ${Math.round(y)}`,
      async () => Math.abs(((await linesOf(page)).get(line) ?? Number.POSITIVE_INFINITY) - y) <= stillPixels,
      5_000,
    );
  }
  assert.ok(rounds >= 2, `it came in ${rounds} pages`);
  assert.equal(await button.count(), 0);
  assert.equal(await page.evaluate('document.activeElement?.getAttribute("aria-label")'), 'Conversation', 'the keyboard goes on from here');
  assert.equal((await firstSeen(page))[0], 0);
  // Nothing is left out and nothing comes twice, from the first to the last.
  const met: number[] = [];
  await eventually('the end is reached', async () => {
    for (const [line] of [...(await linesOf(page))].sort((one, other) => one[1] - other[1])) if (line > (met.at(-1) ?? -1)) met.push(line);
    await page.evaluate(`document.querySelector('section[aria-label="Conversation"]').scrollBy(0, 500)`);
    return met.at(-1) === messages - 1;
  });
  assert.deepEqual(
    met,
    Array.from({ length: messages }, (_, index) => index),
  );
  watch.assertClean();
  await watch.close();
});
