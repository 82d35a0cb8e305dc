/**
 * The box of the search. What is searched for is what stands in it, and the address of the page: facets write into it too.
 *
 * The hard thing is a query that cannot be read: the words stay, the part that is meant is shown, and what would be right is one click away.
 */
import { ActionIcon, Anchor, Group, TextInput } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconSearch, IconX } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import type { ApiFault, MessageFacets, MessagePage } from '../../../../src/service/api.ts';
import { Worded } from '../../parts/fault.tsx';
import styles from './messages.module.css';
import { QueryHelp } from './query-help.tsx';
import { optionId, SuggestionList } from './suggestion-list.tsx';
import { type Suggestion, suggestions } from './suggestions.ts';

export function SearchBox({
  q,
  problem,
  problemAt,
  facets,
  onSearch,
  children,
}: {
  readonly q: string;
  readonly problem: ApiFault | null;
  readonly problemAt: MessagePage['problemAt'];
  /** For the values that are suggested. */
  readonly facets: MessageFacets | undefined;
  readonly onSearch: (q: string) => void;
  /** What stands beside the box. */
  readonly children?: ReactNode;
}) {
  const [text, setText] = useState(q);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => setText(q), [q]);
  useHotkeys([['/', () => box.current?.focus()]]);
  const [caret, setCaret] = useState<number | undefined>(undefined);
  const [chosen, setChosen] = useState(-1);
  const list = useId();
  const suggested = caret === undefined ? [] : suggestions(text, caret, facets);
  const isOpen = suggested.length > 0;

  function take({ whole, caret: next }: Suggestion): void {
    setText(whole);
    setCaret(next);
    setChosen(-1);
    // The cursor can be put there when the box has the new text.
    requestAnimationFrame(() => box.current?.setSelectionRange(next, next));
  }
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>): void {
    if (!isOpen) return;
    const taken = suggested[chosen];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setChosen((before) => (before < 0 && step < 0 ? suggested.length - 1 : (before + step + suggested.length) % suggested.length));
    } else if (event.key === 'Escape') {
      event.preventDefault();
      setCaret(undefined);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && taken !== undefined) {
      event.preventDefault();
      take(taken);
    }
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: the element `search` is not known to all screen readers yet
    <form
      role="search"
      className={styles['search']}
      onSubmit={(event) => {
        event.preventDefault();
        setCaret(undefined);
        onSearch(text.trim());
      }}
    >
      <Group gap="xs" align="flex-start" wrap="nowrap" className={styles['searchLine']}>
        <TextInput
          ref={box}
          type="search"
          aria-label="Search"
          placeholder="Words, “phrases”, with:+447700900123, platform:whatsapp …"
          value={text}
          maxLength={2000}
          spellCheck={false}
          autoComplete="off"
          className={styles['box'] ?? ''}
          leftSection={<IconSearch size={16} aria-hidden />}
          rightSectionWidth={text === '' ? 36 : 64}
          rightSection={
            <Group gap={2} wrap="nowrap">
              {text !== '' && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label="Clear the search"
                  onClick={() => {
                    setText('');
                    onSearch('');
                    box.current?.focus();
                  }}
                >
                  <IconX size={16} aria-hidden />
                </ActionIcon>
              )}
              <QueryHelp
                onChoose={(example) => {
                  setText(example);
                  onSearch(example);
                }}
              />
            </Group>
          }
          aria-autocomplete="list"
          {...(isOpen ? { 'aria-controls': list } : {})}
          {...(isOpen && chosen >= 0 ? { 'aria-activedescendant': optionId(list, chosen) } : {})}
          onKeyDown={onKeyDown}
          onBlur={() => setCaret(undefined)}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setCaret(event.currentTarget.selectionStart ?? undefined);
            setChosen(-1);
          }}
          error={problem === null ? undefined : <QueryProblem q={q} problem={problem} at={problemAt} onSearch={onSearch} />}
        />
        {children}
      </Group>
      {isOpen && <SuggestionList id={list} suggestions={suggested} chosen={chosen} onTake={take} />}
    </form>
  );
}

function QueryProblem({
  q,
  problem,
  at,
  onSearch,
}: {
  readonly q: string;
  readonly problem: ApiFault;
  readonly at: MessagePage['problemAt'];
  readonly onSearch: (q: string) => void;
}) {
  const { part, expected, nearest } = problem.evidence;
  const mended = typeof nearest === 'string' && typeof part === 'string' && at !== null ? mend(q, at, part, nearest) : undefined;
  return (
    <span role="alert" className={styles['problem']}>
      {at === null ? (
        <Worded text={problem.says} />
      ) : (
        <>
          This part cannot be read:{' '}
          <span className="mono">
            {q.slice(Math.max(0, at.from - 30), at.from)}
            <mark className={styles['wrong']}>{q.slice(at.from, at.to)}</mark>
            {q.slice(at.to, at.to + 30)}
          </span>
        </>
      )}
      {mended !== undefined && (
        <>
          {' '}
          Did you mean{' '}
          <Anchor component="button" type="button" className={styles['mend'] ?? ''} onClick={() => onSearch(mended.whole)}>
            {mended.part}
          </Anchor>
          ?
        </>
      )}
      {expected !== undefined && mended === undefined && <> Expected: {String(expected)}.</>}
      {expected === undefined && at === null && (
        <>
          {' '}
          <Worded text={problem.fix} />
        </>
      )}
    </span>
  );
}

/** The nearest is either a field (`fron:eva` → `from`) or a value (`direction:inbound` → `in`). */
function mend(
  q: string,
  at: { readonly from: number; readonly to: number },
  part: string,
  nearest: string,
): { part: string; whole: string } {
  const [, minus = '', field = '', value = ''] = /^(-?)([a-z-]+):(.*)$/s.exec(part) ?? [];
  const isValue = knownFields.has(field);
  const mended = `${minus}${isValue ? `${field}:${nearest}` : `${nearest}:${value}`}`;
  return { part: mended, whole: `${q.slice(0, at.from)}${mended}${q.slice(at.to)}` };
}

/** Fields with a closed list of values: of these it is the value that is wrong. */
const knownFields = new Set(['modality', 'kind', 'direction', 'format', 'chat', 'flag', 'is', 'has']);
