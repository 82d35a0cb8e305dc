/**
 * Quarantine: messages that did not come as the server should have sent them, why, since when, and what there is of them. Who may can ask
 * the server for them again, one or many.
 *
 * The hard thing is the answer: it comes with the next look of the source, so a message that was asked for says so until it comes, stays,
 * or is gone; what came leaves the list and is told.
 */
import { Button, Checkbox, Group, Stack, Text } from '@mantine/core';
import { IconRefresh, IconShieldCheck } from '@tabler/icons-react';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { Quarantined, SourceCard } from '../../../../src/service/api.ts';
import { faultOf } from '../../api.ts';
import { Empty } from '../../parts/empty.tsx';
import { Problem } from '../../parts/fault.tsx';
import { countOf } from '../../parts/figures.tsx';
import { Loading, Page } from '../../parts/page.tsx';
import { useSay } from '../../parts/say.tsx';
import { useApi, useMay, useRead } from '../../session.tsx';
import { SourceChoice } from '../runs/source-choice.tsx';
import styles from './quarantine.module.css';
import { keyOf, placeText, QuarantineRow } from './quarantine-row.tsx';
import { quarantineReason } from './reasons.ts';

interface QuarantinePageOf {
  readonly messages: readonly Quarantined[];
  readonly next: string | null;
}

/** What somebody asked for on this page and has no answer yet, by key. */
type WishedFor = RefObject<Map<string, Quarantined>>;

/** The most that one wish may name. */
const mostAtOnce = 1000;

function useQuarantine(source: string | undefined) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['/quarantine', { source }],
    queryFn: ({ pageParam, signal }) => api.get<QuarantinePageOf>('/quarantine', { source, after: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  });
}

export function QuarantinePage() {
  const [words] = useSearchParams();
  const [, go] = useLocation();
  const source = words.get('source') ?? undefined;
  const list = useQuarantine(source);
  const sources = useRead<{ sources: readonly SourceCard[] }>('/sources');
  const messages = useMemo(() => list.data?.pages.flatMap((page) => page.messages) ?? [], [list.data]);
  const names = [...new Set([...(sources.data?.sources ?? []).map(({ name }) => name), ...(source === undefined ? [] : [source])])];
  const wished = useRef(new Map<string, Quarantined>());
  const isWhole = list.data !== undefined && !list.isFetching && !list.hasNextPage;
  useOutcomes(isWhole ? messages : undefined, source, wished);
  return (
    <Page
      title="Quarantine"
      subtitle="Messages that the server lists and does not hand out as it should. Nothing else is held up by them."
      actions={
        <SourceChoice
          names={names}
          source={source}
          onChoose={(one) => go(one === undefined ? '/quarantine' : `/quarantine?source=${encodeURIComponent(one)}`)}
        />
      }
    >
      {list.error !== null && list.data === undefined && <Problem error={list.error} />}
      {list.isPending && <Loading />}
      {list.data !== undefined &&
        (messages.length === 0 ? (
          <Empty icon={<IconShieldCheck size={32} aria-hidden />} title="Nothing is kept apart">
            When a server lists a message and gives no content, refuses it, or sends a text of its own in its place, the message is named
            here, with what there is of it, and can be asked for again.
          </Empty>
        ) : (
          <Kept key={source ?? ''} messages={messages} wished={wished} />
        ))}
      {list.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      )}
    </Page>
  );
}

/**
 * What becomes of those that were asked for: told once for each. Gone from the list: it came, or the server has it no more. Still there and
 * not asked for any more: it stays.
 *
 * @param messages all that there are; undefined as long as that is not known
 */
function useOutcomes(messages: readonly Quarantined[] | undefined, source: string | undefined, wished: WishedFor): void {
  const say = useSay();
  useEffect(() => {
    if (messages === undefined) return;
    const now = new Map(messages.map((one) => [keyOf(one), one]));
    for (const [key, one] of wished.current) {
      const there = now.get(key);
      // Of another source than those that are shown: nothing is known.
      if (source !== undefined && one.source !== source) continue;
      if (there !== undefined && there.asked !== null) continue;
      wished.current.delete(key);
      if (there === undefined) say(`${placeText(one)} has left the quarantine.`);
      else say(`${placeText(one)} was asked for again and stays in quarantine: ${quarantineReason(there.reason)}.`, 'bad');
    }
  }, [messages, source, wished, say]);
}

function Kept({ messages, wished }: { readonly messages: readonly Quarantined[]; readonly wished: WishedFor }) {
  const api = useApi();
  const say = useSay();
  const queries = useQueryClient();
  const mayOperate = useMay('operate');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const askable = messages.filter(({ renumbered, asked }) => !renumbered && asked === null);
  const wanted = askable.filter((one) => chosen.has(keyOf(one))).slice(0, mostAtOnce);

  async function ask(list: readonly Quarantined[]): Promise<void> {
    setBusy(true);
    try {
      const { asked } = await api.post<{ asked: number }>('/quarantine/retry', {
        messages: list.map(({ source, folder, uidValidity, uid, uidl }) => ({ source, folder, uidValidity, uid, uidl })),
      });
      for (const one of list) wished.current.set(keyOf(one), one);
      setChosen(new Set());
      say(`${countOf(asked, 'message')} will be asked for. The answer comes with the next look of the source.`);
    } catch (error) {
      const fault = faultOf(error);
      say(`${fault.says} ${fault.fix}`, 'bad');
    } finally {
      await queries.invalidateQueries({ queryKey: ['/quarantine'] });
      setBusy(false);
    }
  }

  function toggle(key: string): void {
    setChosen((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  }
  return (
    <Stack gap="sm">
      {mayOperate && (
        <Group justify="space-between" className={styles['bar'] ?? ''}>
          <Checkbox
            label="Select all"
            checked={askable.length > 0 && wanted.length === askable.length}
            indeterminate={wanted.length > 0 && wanted.length < askable.length}
            disabled={askable.length === 0}
            onChange={(event) => setChosen(new Set(event.currentTarget.checked ? askable.map(keyOf) : []))}
          />
          <Group gap="xs">
            {wanted.length > 0 && (
              <Text size="sm" c="dimmed" role="status">
                {countOf(wanted.length, 'message')} selected
              </Text>
            )}
            <Button
              leftSection={<IconRefresh size={16} aria-hidden />}
              disabled={wanted.length === 0}
              loading={busy}
              onClick={() => void ask(wanted)}
            >
              Ask again
            </Button>
          </Group>
        </Group>
      )}
      <ul className={styles['rows']} aria-label="Messages in quarantine">
        {messages.map((one, index) => (
          <li key={keyOf(one)}>
            <QuarantineRow
              message={one}
              number={index + 1}
              isChosen={chosen.has(keyOf(one))}
              onToggle={mayOperate ? () => toggle(keyOf(one)) : undefined}
            />
          </li>
        ))}
      </ul>
      <Text size="sm" c="dimmed">
        Those without content are asked for once in each run anyway. What there is of a message is searchable:{' '}
        <Link href="/messages?q=is%3Aquarantined">is:quarantined</Link>.
      </Text>
    </Stack>
  );
}
