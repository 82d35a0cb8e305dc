/** One day of one folder: the equation written out, what each part of it means, and every missing message by its name. */
import { Anchor, Group, Stack, Text, Title } from '@mantine/core';
import { Fragment } from 'react';
import { Link } from 'wouter';
import { countOf, countText } from '../../parts/figures.tsx';
import { condition } from '../messages/query-text.ts';
import styles from './day-details.module.css';
import { type Equation, nothing, partMeans, parts } from './equation.ts';
import type { Chosen } from './heat-map.tsx';
import { MissingTable } from './missing-table.tsx';
import type { Missing, Shown } from './use-reconciliation.ts';

const long = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone: 'UTC' });
const isDay = (day: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(day);

/** A missing message has the day of its INTERNALDATE; one of a POP3 server has none. */
function isOn(one: Missing, { source, folder, day }: Chosen): boolean {
  if (one.source !== source || one.folder !== folder) return false;
  return one.internalDate === null ? !isDay(day) : one.internalDate.startsWith(day);
}

export function DayDetails({ chosen, shown }: { readonly chosen: Chosen; readonly shown: Shown }) {
  const { source, folder, day } = chosen;
  const cell: Equation = shown.days.find((one) => one.source === source && one.folder === folder && one.day === day) ?? nothing;
  const missing = shown.missing.filter((one) => isOn(one, chosen));
  const title = isDay(day) ? `${long.format(new Date(`${day}T00:00:00Z`))} (UTC)` : day;
  const found = ['', condition('source', source), ...(isDay(day) ? [`since:${day}`, `until:${day}`] : [])].join(' ').trim();
  return (
    <section className="panel" style={{ padding: 'var(--mantine-spacing-md)' }} aria-live="polite" aria-label="The chosen day">
      <Stack gap="sm">
        <Group justify="space-between" gap="xs">
          <Title order={2}>
            {title}: {source} / {folder}
          </Title>
          {isDay(day) && cell.seen > 0 && (
            <Anchor component={Link} href={`/messages?q=${encodeURIComponent(found)}`}>
              Messages of this day
            </Anchor>
          )}
        </Group>
        <div className={styles['equation']}>
          <Term count={cell.seen} word="seen" means="listed by the server now, or listed no more and in the ledger" />
          {parts.map((part, index) => (
            <Fragment key={part}>
              <span className={styles['sign']}>{index === 0 ? '=' : '+'}</span>
              <Term count={cell[part]} word={part} means={partMeans[part]} tone={part} />
            </Fragment>
          ))}
        </div>
        <Text size="sm" c="dimmed">
          And seen = {countText(cell.listed)} listed + {countText(cell.gone)} gone from the server since, which is normal.
        </Text>
        {cell.pending > 0 && (
          <>
            <Title order={3}>
              {countOf(cell.pending, 'missing message')}
              {missing.length < cell.pending && `, of which ${countText(missing.length)} by name here`}
            </Title>
            <MissingTable missing={missing} />
            {missing.length < cell.pending && (
              <Text size="sm" c="dimmed">
                The report of the comparison names all of them.
              </Text>
            )}
          </>
        )}
      </Stack>
    </section>
  );
}

function Term({
  count,
  word,
  means,
  tone = '',
}: {
  readonly count: number;
  readonly word: string;
  readonly means: string;
  readonly tone?: string;
}) {
  const isBad = tone === 'pending' && count > 0;
  const isOdd = tone === 'quarantined' && count > 0;
  return (
    <span className={`${styles['term'] ?? ''} ${isBad ? (styles['bad'] ?? '') : ''} ${isOdd ? (styles['odd'] ?? '') : ''}`} title={means}>
      <b>{countText(count)}</b>
      <span>{word}</span>
    </span>
  );
}
