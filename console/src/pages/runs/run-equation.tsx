/**
 * What a run did, as the equation that has to hold: listed = before + archived + duplicate + quarantined + excluded + missing.
 * `before` is what had its row already; the service does not count it apart, so it is what is left.
 */
import { Text } from '@mantine/core';
import { Fragment } from 'react';
import type { Run } from '../../../../src/service/api.ts';
import { countText } from '../../parts/figures.tsx';
import styles from './runs.module.css';

type Counts = NonNullable<Run['counts']>;

export function before({ listed, archived, duplicate, quarantined, excluded, missing }: Counts): number {
  return Math.max(0, listed - archived - duplicate - quarantined - excluded - missing);
}

export function RunEquation({ counts }: { readonly counts: Counts }) {
  const terms = [
    { word: 'before', count: before(counts), means: 'were in the archive before this run' },
    { word: 'archived', count: counts.archived, means: 'came in, with new bytes' },
    { word: 'duplicate', count: counts.duplicate, means: 'came in; the very same bytes were there before' },
    { word: 'quarantined', count: counts.quarantined, means: 'are kept apart, with the reason why' },
    { word: 'excluded', count: counts.excluded, means: 'are older than `since`, and were not fetched' },
    { word: 'missing', count: counts.missing, means: 'are listed and not in the archive' },
  ].filter(({ count }, index) => count > 0 || index === 1);
  return (
    <span className={styles['equation']}>
      <span title="The server lists them">
        <b>{countText(counts.listed)}</b> listed
      </span>
      {terms.map(({ word, count, means }, index) => (
        <Fragment key={word}>
          <span>{index === 0 ? '=' : '+'}</span>
          <span title={means} className={word === 'missing' ? styles['bad'] : word === 'quarantined' ? styles['warn'] : ''}>
            <b>{countText(count)}</b> {word}
          </span>
        </Fragment>
      ))}
      {counts.vanished > 0 && (
        <Text span size="sm" c="dimmed" title="Somebody moved or deleted them before they could be fetched.">
          ({countText(counts.vanished)} vanished meanwhile)
        </Text>
      )}
    </span>
  );
}
