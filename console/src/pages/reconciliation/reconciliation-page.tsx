/**
 * Reconciliation: did everything come in? The verdict first, then the equation of every day as a map, the chosen day written out with its
 * missing messages by name, the gaps, and the evidence of each comparison.
 */
import { Anchor, Button, Group, Tabs, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconListCheck } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { SourceCard } from '../../../../src/service/api.ts';
import { Empty } from '../../parts/empty.tsx';
import { Problem } from '../../parts/fault.tsx';
import { countText } from '../../parts/figures.tsx';
import { Loading, Page } from '../../parts/page.tsx';
import { useRead } from '../../session.tsx';
import { SourceChoice } from '../runs/source-choice.tsx';
import { DayDetails } from './day-details.tsx';
import { EntryList } from './entry-list.tsx';
import { GapList } from './gap-list.tsx';
import { grid, pageOf } from './grid.ts';
import { type Chosen, HeatMap } from './heat-map.tsx';
import { JobPanel, StartButton } from './job-panel.tsx';
import { type Shown, useGaps, useShown } from './use-reconciliation.ts';
import { VerdictPanel } from './verdict-panel.tsx';

export function ReconciliationPage() {
  const [words] = useSearchParams();
  const [, go] = useLocation();
  const source = words.get('source') ?? undefined;
  const id = words.get('id') ?? undefined;
  const { shown, error } = useShown(id, source);
  const sources = useRead<{ sources: readonly SourceCard[] }>('/sources');
  const names = [...new Set([...(sources.data?.sources ?? []).map(({ name }) => name), ...(source === undefined ? [] : [source])])];
  const wanted = source === undefined ? names : [source];
  const isNone = shown !== undefined && shown.entries.length === 0;
  return (
    <Page
      title="Reconciliation"
      subtitle="Is everything that the servers list in the archive? What is not is named."
      actions={
        <>
          {id === undefined && (
            <SourceChoice
              names={names}
              source={source}
              onChoose={(one) => go(one === undefined ? '/reconciliation' : `/reconciliation?source=${encodeURIComponent(one)}`)}
            />
          )}
          <StartButton sources={names} />
        </>
      }
    >
      <JobPanel />
      {id !== undefined && (
        <Text>
          This is a comparison of before.{' '}
          <Anchor component={Link} href="/reconciliation" underline="always">
            Show the newest of each source
          </Anchor>
        </Text>
      )}
      {shown === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <Problem error={error} />
        )
      ) : isNone ? (
        <Empty icon={<IconListCheck size={32} aria-hidden />} title="Nothing was compared yet">
          A reconciliation asks each server for all that it lists, and finds each message in the archive, or names it as missing. It changes
          nothing on the server, and its hash is evidence that outlives this machine. Run it every night:{' '}
          <code>postern import reconcile</code>.
        </Empty>
      ) : (
        <>
          <VerdictPanel shown={shown} uncompared={id === undefined ? wanted.filter((name) => !shown.compared.includes(name)) : []} />
          <Days key={`${id ?? ''} ${source ?? ''}`} shown={shown} />
        </>
      )}
      <More source={source} />
    </Page>
  );
}

function Days({ shown }: { readonly shown: Shown }) {
  const isWide = useMediaQuery('(min-width: 75em)', true, { getInitialValueInEffect: false });
  const isPhone = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false });
  const columns = isPhone ? 7 : isWide ? 21 : 14;
  const days = useMemo(() => grid(shown.days), [shown.days]);
  const [page, setPage] = useState(0);
  const [chosen, setChosen] = useState<Chosen | undefined>(() => worst(shown));
  const wanting = [...new Set(shown.days.filter(({ pending }) => pending > 0).map(({ day }) => day))].sort().reverse();
  return (
    <>
      <section className="panel" style={{ padding: 'var(--mantine-spacing-md)' }} aria-label="Days">
        <HeatMap grid={days} columns={columns} page={page} onPage={setPage} chosen={chosen} onChoose={setChosen} />
        {wanting.length > 0 && (
          <Group gap={6} mt="sm">
            <Text size="sm">Days with missing messages:</Text>
            {wanting.slice(0, 12).map((day) => (
              <Button
                key={day}
                size="compact-xs"
                variant="default"
                onClick={() => {
                  setPage(pageOf(days.days, day, columns));
                  const cell = shown.days.find((one) => one.day === day && one.pending > 0);
                  if (cell !== undefined) setChosen(cell);
                }}
              >
                {day}
              </Button>
            ))}
            {wanting.length > 12 && <Text size="sm">and {countText(wanting.length - 12)} more</Text>}
          </Group>
        )}
      </section>
      {chosen !== undefined && <DayDetails chosen={chosen} shown={shown} />}
    </>
  );
}

/** What is missing is what somebody came for: the newest such day is written out at once. */
function worst(shown: Shown): Chosen | undefined {
  const missing = shown.days.filter(({ pending }) => pending > 0).sort((a, b) => b.day.localeCompare(a.day));
  const [first] = missing;
  return first === undefined ? undefined : { source: first.source, folder: first.folder, day: first.day };
}

function More({ source }: { readonly source: string | undefined }) {
  const [tab, setTab] = useState<string | null>('open');
  const open = useGaps('open', source);
  return (
    <Tabs value={tab} onChange={setTab} keepMounted={false}>
      <Tabs.List>
        <Tabs.Tab value="open">Open gaps{open.data !== undefined && ` (${countText(open.data.gaps.length)})`}</Tabs.Tab>
        <Tabs.Tab value="permanent">Never came</Tabs.Tab>
        <Tabs.Tab value="closed">Closed gaps</Tabs.Tab>
        <Tabs.Tab value="entries">Comparisons</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="open" pt="sm">
        <GapList state="open" source={source} />
      </Tabs.Panel>
      <Tabs.Panel value="permanent" pt="sm">
        <GapList state="permanent" source={source} />
      </Tabs.Panel>
      <Tabs.Panel value="closed" pt="sm">
        <GapList state="closed" source={source} />
      </Tabs.Panel>
      <Tabs.Panel value="entries" pt="sm">
        <EntryList source={source} />
      </Tabs.Panel>
    </Tabs>
  );
}
