/** A text with the words of the search marked, for eyes and for screen readers. */
import { Fragment } from 'react';
import type { Marked } from '../../../../src/service/api.ts';
import styles from './messages.module.css';

export function MarkedText({ text }: { readonly text: Marked }) {
  return text.map(({ text: piece, hit }, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text, which never move
    <Fragment key={index}>{hit ? <mark className={styles['hit']}>{piece}</mark> : piece}</Fragment>
  ));
}

export function plainText(text: Marked): string {
  return text.map(({ text: piece }) => piece).join('');
}
