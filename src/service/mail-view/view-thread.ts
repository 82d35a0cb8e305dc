/**
 * The thread that makes HTML safe. It holds nothing between two texts, so whoever started it may end it at any moment.
 */
import { parentPort } from 'node:worker_threads';
import { type CleanHtml, cleanHtml } from './clean-html.ts';

export interface ToView {
  readonly html: string;
  /** `data:` addresses by Content-ID. */
  readonly pictures: readonly (readonly [contentId: string, address: string])[];
  readonly limitChars: number;
}

export type FromView = { readonly kind: 'ready' } | { readonly kind: 'clean'; readonly clean: CleanHtml } | { readonly kind: 'failed' };

const port = parentPort;
if (port === null) throw new Error('this file is started as a thread');
port.on('message', ({ html, pictures, limitChars }: ToView) => {
  let answer: FromView;
  try {
    answer = { kind: 'clean', clean: cleanHtml(html, new Map(pictures), limitChars) };
  } catch {
    // Too deep for the stack, say: the next try takes less of it.
    answer = { kind: 'failed' };
  }
  port.postMessage(answer);
});
port.postMessage({ kind: 'ready' } satisfies FromView);
