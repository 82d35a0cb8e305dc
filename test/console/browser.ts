/**
 * A real Chromium for tests of the console, and what every page of it has to hold to: no request to another host, nothing against the
 * content security policy, nothing on the error console.
 *
 * The hard thing is to see everything: requests are heard where the browser makes them (also those of frames and of styles), violations
 * of the policy by its own event in every frame, before any script of the page runs. What a test provokes by intent it names.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { peerProgram } from '../contract/places/peers.ts';

/** Waits of a page: longer than a busy machine needs, so that a test that hangs says where. */
const deadlineMs = 40_000;

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-breakpad',
];

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: peerProgram('chromium'), args: flags });
}

export interface Looks {
  readonly scheme?: 'light' | 'dark';
  readonly width?: 1280 | 390;
}

export interface Watch {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Every address that anything in the context asked for, in order. */
  readonly asked: readonly string[];
  /** An error console line or a failed answer that the test provokes. */
  expect(pattern: RegExp): void;
  /** Nothing left the host, nothing broke the policy, nothing was an error. */
  assertClean(): void;
  close(): Promise<void>;
}

/** A page in a context of its own, at `origin`, watched from its first request on. */
export async function openWatched(browser: Browser, origin: string, { scheme = 'light', width = 1280 }: Looks = {}): Promise<Watch> {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: width === 390 ? 844 : 900 },
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...(width === 390 ? { hasTouch: true, isMobile: true } : {}),
  });
  context.setDefaultTimeout(deadlineMs);
  const asked: string[] = [];
  const wrong: string[] = [];
  const expected: RegExp[] = [
    // Before the login the page asks who it is.
    /status of 401 .*\/api\/v1\/session$/,
  ];
  context.on('request', (request) => asked.push(request.url()));
  context.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    wrong.push(`${message.type()} ${message.text()} ${message.location().url}`);
  });
  context.on('weberror', (error) => wrong.push(`uncaught ${error.error().message}`));
  await context.exposeFunction('noteViolation', (text: string) => {
    wrong.push(`policy ${text}`);
  });
  await context.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => noteViolation(event.violatedDirective + ' ' + event.blockedURI + ' at ' + location.href), true);`,
  );
  const page = await context.newPage();
  return {
    page,
    context,
    asked,
    expect: (pattern) => void expected.push(pattern),
    assertClean() {
      const away = asked.filter((url) => !/^(?:data|blob|about):/.test(url) && new URL(url).origin !== new URL(origin).origin);
      assert.deepEqual(away, [], 'requests to other hosts');
      assert.deepEqual(
        wrong.filter((line) => !expected.some((pattern) => pattern.test(line))),
        [],
        'errors of the page',
      );
    },
    close: () => context.close(),
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeNode {
  readonly target: readonly unknown[];
  readonly html: string;
}
interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string | null;
    readonly help: string;
    readonly nodes: readonly AxeNode[];
  }[];
}

/** Serious and critical findings of axe on the page as it is, each with its places. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  // Once for each document.
  if ((await page.evaluate('globalThis.axe === undefined')) === true) await page.evaluate(axe);
  // What is on its way from one colour to another has neither of them, and sets out only with the next picture.
  await page.evaluate(`(async () => {
    for (;;) {
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      const moving = document.getAnimations()
        .filter((one) => one.playState === 'running' && Number.isFinite(one.effect?.getComputedTiming().endTime));
      if (moving.length === 0) return;
      await Promise.allSettled(moving.map((one) => one.finished));
    }
  })()`);
  // The document of a mail is not ours; its frame is.
  const result: AxeResult = await page.evaluate(`axe.run({ exclude: [['iframe']] }, { resultTypes: ['violations'] })`);
  return result.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}\n${nodes.map(({ target, html }) => `  ${target.join(' ')}  ${html.slice(0, 160)}`).join('\n')}`,
    );
}

/** The page has come to rest: its content is there and nothing is loading. */
export async function atRest(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.locator('[aria-busy="true"], .mantine-Loader-root, .mantine-Skeleton-root').first().waitFor({ state: 'detached' });
}
