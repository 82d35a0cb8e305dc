/**
 * The counts of a search as lists to tick: each tick writes a condition into the box. A list shows its most frequent values first.
 *
 * The hard thing is that a tick takes nothing out of sight: values that are chosen stay, also when the search finds none of them any more.
 */
import { Checkbox, Group, NavLink, Stack, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { MessageFacets } from '../../../../src/service/api.ts';
import { countText } from '../../parts/figures.tsx';
import styles from './messages.module.css';
import { chosenMonth, conditionValues, hasCondition, onlyCondition, toggledCondition, toggledMonth } from './query-text.ts';
import type { FacetField } from './use-messages.ts';
import { directionText, markChoices, modalityText, platformText } from './words.ts';

const shownFirst = 6;

const lists: readonly { readonly field: FacetField; readonly title: string; readonly word: (value: string) => string }[] = [
  { field: 'platform', title: 'Platform', word: platformText },
  { field: 'modality', title: 'Modality', word: modalityText },
  { field: 'direction', title: 'Direction', word: directionText },
  { field: 'source', title: 'Source', word: (value) => value },
  { field: 'owner', title: 'Archived for', word: (value) => value },
];

export function Facets({
  q,
  facets,
  onSearch,
}: {
  readonly q: string;
  readonly facets: MessageFacets | undefined;
  readonly onSearch: (q: string) => void;
}) {
  return (
    <Stack gap="md">
      <FacetGroup title="Show">
        {markChoices.map(({ field, value, not, word }) => (
          <Checkbox
            key={`${field}${value}`}
            size="xs"
            label={word}
            checked={hasCondition(q, field, value, not)}
            onChange={() => onSearch(toggledCondition(q, field, value, not))}
          />
        ))}
      </FacetGroup>
      {lists.map(({ field, title, word }) => (
        <FacetList
          key={field}
          title={title}
          field={field}
          word={word}
          values={facets?.[field] ?? []}
          chosen={conditionValues(q, field)}
          onToggle={(value) => onSearch(field === 'source' ? onlyCondition(q, field, value) : toggledCondition(q, field, value))}
        />
      ))}
      {facets !== undefined && facets.month.length > 0 && <Months q={q} months={facets.month} onSearch={onSearch} />}
      {facets !== undefined && !facets.complete && (
        <Text size="xs" c="dimmed">
          The numbers are those of the newest {countText(facets.messages)}.
        </Text>
      )}
    </Stack>
  );
}

function FacetGroup({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <fieldset className={styles['facet']}>
      <legend>{title}</legend>
      <Stack gap={6}>{children}</Stack>
    </fieldset>
  );
}

function FacetList({
  title,
  field,
  word,
  values,
  chosen,
  onToggle,
}: {
  readonly title: string;
  readonly field: FacetField;
  readonly word: (value: string) => string;
  readonly values: MessageFacets['platform'];
  readonly chosen: readonly string[];
  readonly onToggle: (value: string) => void;
}) {
  const [isLong, setLong] = useState(false);
  const counted = new Set(values.map(({ value }) => value.toLowerCase()));
  const gone = chosen.filter((value) => !counted.has(value.toLowerCase())).map((value) => ({ value, messages: 0 }));
  // An empty value stands for messages of which it is not known: no condition can ask for them.
  const all = [...gone, ...values.filter(({ value }) => value !== '')];
  const unknown = values.find(({ value }) => value === '');
  const isChosen = (value: string): boolean => chosen.some((one) => one.toLowerCase() === value.toLowerCase());
  const shown = isLong ? all : all.filter(({ value }, index) => index < shownFirst || isChosen(value));
  if (all.length === 0 || (all.length === 1 && unknown === undefined && field === 'source' && chosen.length === 0)) return null;
  return (
    <FacetGroup title={title}>
      {shown.map(({ value, messages }) => (
        <Checkbox
          key={value}
          size="xs"
          checked={isChosen(value)}
          aria-label={`${word(value)}, ${countText(messages)} messages`}
          label={
            <Group justify="space-between" gap={6} wrap="nowrap" component="span">
              <Tooltip label={value} disabled={value.length < 22}>
                <span className={styles['facetWord']}>{word(value)}</span>
              </Tooltip>
              <span className={styles['facetCount']}>{countText(messages)}</span>
            </Group>
          }
          classNames={{ labelWrapper: styles['facetLabel'] ?? '', body: styles['facetBody'] ?? '' }}
          onChange={() => onToggle(value)}
        />
      ))}
      {unknown !== undefined && (
        <Group justify="space-between" gap={6} pl={24}>
          <Text size="xs" c="dimmed">
            none
          </Text>
          <span className={styles['facetCount']}>{countText(unknown.messages)}</span>
        </Group>
      )}
      {all.length > shown.length && <More count={all.length - shown.length} onClick={() => setLong(true)} />}
    </FacetGroup>
  );
}

function More({ count, onClick }: { readonly count: number; readonly onClick: () => void }) {
  return (
    <UnstyledButton onClick={onClick} className={styles['more']}>
      {countText(count)} more
    </UnstyledButton>
  );
}

const monthName = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' });

/** The months as bars; a click asks for one month. */
function Months({
  q,
  months,
  onSearch,
}: {
  readonly q: string;
  readonly months: MessageFacets['month'];
  readonly onSearch: (q: string) => void;
}) {
  const [isLong, setLong] = useState(false);
  const chosen = chosenMonth(q);
  const newest = [...months].filter(({ value }) => /^\d{4}-\d{2}$/.test(value)).sort((a, b) => b.value.localeCompare(a.value));
  const most = Math.max(1, ...newest.map(({ messages }) => messages));
  const shown = isLong ? newest : newest.slice(0, 12);
  return (
    <FacetGroup title="Month">
      <Stack gap={2}>
        {shown.map(({ value, messages }) => (
          <NavLink
            key={value}
            component="button"
            type="button"
            className={styles['month'] ?? ''}
            active={value === chosen}
            aria-pressed={value === chosen}
            label={
              <Group justify="space-between" gap={6} wrap="nowrap" component="span">
                <span>{monthName.format(new Date(`${value}-01T00:00:00Z`))}</span>
                <span className={styles['facetCount']}>{countText(messages)}</span>
              </Group>
            }
            description={<span className={styles['bar']} style={{ width: `${Math.max(2, (messages / most) * 100)}%` }} />}
            onClick={() => onSearch(toggledMonth(q, value))}
          />
        ))}
      </Stack>
      {newest.length > shown.length && <More count={newest.length - shown.length} onClick={() => setLong(true)} />}
    </FacetGroup>
  );
}
