/** Runs: each look into a mailbox that ended or goes on, with what it did as an equation, and what kept it from more. */
import { Anchor, Button, Group, Table, Text } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconLoader2, IconPlayerStop, IconPlugX, IconRepeat, IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { Fragment, useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { Run, SourceCard } from '../../../../src/service/api.ts';
import { useLive } from '../../events.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FaultLine } from '../../parts/fault.tsx';
import { bytesText, durationText, Instant, useNow } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useRead } from '../../session.tsx';
import { RunEquation } from './run-equation.tsx';
import styles from './runs.module.css';
import { SourceChoice } from './source-choice.tsx';

interface RunList {
  readonly runs: readonly Run[];
}

const first = 100;
const most = 500;

const outcomes = {
  complete: { word: 'complete', color: 'green', icon: IconCheck, means: 'All that was listed is in the archive.' },
  incomplete: { word: 'incomplete', color: 'yellow', icon: IconAlertTriangle, means: 'Something that was listed is missing.' },
  failed: { word: 'failed', color: 'red', icon: IconX, means: 'A fault ended it.' },
  stopped: { word: 'stopped', color: 'gray', icon: IconPlayerStop, means: 'It was told to end.' },
  interrupted: { word: 'interrupted', color: 'red', icon: IconPlugX, means: 'Its process ended without a word.' },
} as const;

/** The newest first; a run that was there is told anew in its place. */
function merged(runs: readonly Run[], run: Run): readonly Run[] {
  return runs.some(({ id }) => id === run.id) ? runs.map((one) => (one.id === run.id ? run : one)) : [run, ...runs];
}

export function RunsPage() {
  const [words] = useSearchParams();
  const [, go] = useLocation();
  const queries = useQueryClient();
  const source = words.get('source') ?? undefined;
  const [limit, setLimit] = useState(first);
  const query = { source, limit };
  const list = useRead<RunList>('/runs', query, { keep: true });
  const sources = useRead<{ sources: readonly SourceCard[] }>('/sources');
  useLive('run', ({ run }) => {
    if (source !== undefined && run.source !== source) return;
    queries.setQueryData<RunList>(['/runs', query], (before) => (before === undefined ? before : { runs: merged(before.runs, run) }));
  });
  const names = [...new Set([...(sources.data?.sources ?? []).map(({ name }) => name), ...(source === undefined ? [] : [source])])];
  return (
    <Page
      title="Runs"
      subtitle="Each look into a mailbox. A run goes on while its source is watched, and its numbers grow."
      actions={
        <SourceChoice
          names={names}
          source={source}
          onChoose={(one) => go(one === undefined ? '/runs' : `/runs?source=${encodeURIComponent(one)}`)}
        />
      }
    >
      <Loaded query={list}>
        {({ runs }) =>
          runs.length === 0 ? (
            <Empty
              icon={<IconRepeat size={32} aria-hidden />}
              title={source === undefined ? 'No run yet' : `No run of ${source} yet`}
              action={
                <Button component={Link} href="/sources" variant="default">
                  Look at the sources
                </Button>
              }
            >
              A run is noted as soon as a source first looks into its mailbox.
            </Empty>
          ) : (
            <>
              <RunTable runs={runs} />
              {runs.length >= limit && limit < most && (
                <Group justify="center">
                  <Button variant="default" loading={list.isFetching} onClick={() => setLimit(most)}>
                    Show earlier runs
                  </Button>
                </Group>
              )}
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function RunTable({ runs }: { readonly runs: readonly Run[] }) {
  return (
    <Scroller name="Runs" panel>
      <Table className={styles['runs'] ?? ''}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Source</Table.Th>
            <Table.Th>Outcome</Table.Th>
            <Table.Th>Began</Table.Th>
            <Table.Th className="right">Took</Table.Th>
            <Table.Th>What became of what the server listed</Table.Th>
            <Table.Th className="right">Bytes</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map((run) => (
            <Fragment key={run.id}>
              <RunRow run={run} />
              {run.fault !== null && (
                <Table.Tr className={styles['fault'] ?? ''}>
                  <Table.Td colSpan={6}>
                    <FaultLine fault={run.fault} level={run.outcome === 'failed' ? 'fault' : 'warning'} known={{ SOURCE: run.source }} />
                  </Table.Td>
                </Table.Tr>
              )}
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </Scroller>
  );
}

function RunRow({ run }: { readonly run: Run }) {
  const now = useNow();
  const outcome = run.outcome === null ? undefined : outcomes[run.outcome];
  const seconds = (Date.parse(run.ended ?? new Date(now).toISOString()) - Date.parse(run.started)) / 1000;
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} href={`/sources/${encodeURIComponent(run.source)}`}>
          {run.source}
        </Anchor>
      </Table.Td>
      <Table.Td>
        {outcome === undefined ? (
          <StateBadge color="harbour" icon={IconLoader2} word="going on" title="It looks again and again, until it is ended." />
        ) : (
          <StateBadge color={outcome.color} icon={outcome.icon} word={outcome.word} title={outcome.means} />
        )}
      </Table.Td>
      <Table.Td>
        <Instant at={run.started} />
      </Table.Td>
      <Table.Td className="right">{durationText(Math.max(0, seconds))}</Table.Td>
      <Table.Td className={styles['whole'] ?? ''}>
        {run.counts === null ? (
          <Text span c="dimmed">
            not known
          </Text>
        ) : (
          <RunEquation counts={run.counts} />
        )}
      </Table.Td>
      <Table.Td className="right">{run.counts === null ? '–' : bytesText(run.counts.bytes)}</Table.Td>
    </Table.Tr>
  );
}
