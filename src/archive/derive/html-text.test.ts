/** HTML becomes its words, whoever wrote it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { htmlText } from './html-text.ts';

test('tags become gaps, entities characters, and what is no text is left out', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['<p>one</p><p>two</p>', 'one two'],
    ['a&nbsp;b &amp; c &lt;d&gt; &#65;&#x42; &unknown; &#0; &#x110000;', 'a b & c <d> AB &unknown;'],
    ['<style>p { color: red }</style>shown<SCRIPT>if (a < b) hide()</ScRiPt >also', 'shown also'],
    ['<scripted>shown</scripted>', 'shown'],
    ['before<!-- <p>hidden</p> -->after', 'beforeafter'],
    ['an unclosed <a href="x', 'an unclosed'],
    ['an unclosed <!-- comment', 'an unclosed'],
    ['<script>never closed', 'never closed'],
    ['1 < 2', '1'],
    ['İ<b>İstanbul</b><style>x</style>', 'İ İstanbul'],
    ['', ''],
  ];
  for (const [html, text] of cases) assert.equal(htmlText(html), text, html);
});

test('ten times the text takes no more than a small multiple of ten times the time, however hostile', () => {
  for (const unit of ['<', '<script>', '<script ', '<!--', '<style></style', '&', '&#1', '&amp', '</script', '< ', '  ', '<a href=']) {
    const once = fastest(unit.repeat(50_000));
    const tenfold = fastest(unit.repeat(500_000));
    assert.ok(tenfold < once * 60 + 100, `${unit}: ${once} ms, then ${tenfold} ms`);
  }
});

function fastest(html: string): number {
  const times = [0, 0, 0].map(() => {
    // Time of the processor: others on the machine do not lengthen it.
    const begun = process.cpuUsage();
    htmlText(html);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}
