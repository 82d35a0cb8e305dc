/** The start page: how the sources are, what comes in just now, and what the archive holds. */
import { Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Overview, SourceList } from '../../../../src/service/api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { FaultNote } from '../../parts/fault.tsx';
import { bytesText, countOf, countText, TimeAgo } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { useRead } from '../../session.tsx';
import { SourceRow } from '../sources/source-row.tsx';
import { FirstScreen } from './first-screen.tsx';
import { Ticker } from './ticker.tsx';

export function OverviewPage() {
  const overview = useRead<Overview>('/overview');
  return (
    <Page
      title="Overview"
      subtitle={
        overview.data === undefined ? undefined : (
          <>
            Postern {overview.data.version}, started <TimeAgo at={overview.data.startedAt} />
          </>
        )
      }
    >
      <Loaded query={overview}>{(data) => (data.empty ? <FirstScreen trial={data.trial} /> : <Filled overview={data} />)}</Loaded>
    </Page>
  );
}

function Filled({ overview }: { readonly overview: Overview }) {
  const list = useRead<SourceList>('/sources');
  const troubled = list.data?.sources.filter(({ concerns }) => concerns.length > 0) ?? [];
  return (
    <Stack>
      {overview.concerns.map((fault) => (
        <FaultNote key={`${fault.code} ${fault.says}`} fault={fault} level={fault.retry === 'never' ? 'fault' : 'warning'} />
      ))}
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm" component="dl" className="tiles">
        <Tile name="Messages" to="/messages" value={countText(overview.messages)} more={`${bytesText(overview.bytes)} as they came`} />
        <Tile
          name="Sources"
          to="/sources"
          value={countText(sum(overview.sources))}
          more={troubled.length === 0 ? 'all as they should be' : `${countText(troubled.length)} to look at`}
          tone={troubled.length === 0 ? 'good' : 'warn'}
        />
        <Tile
          name="Open alerts"
          to="/alerts"
          value={countText(overview.openAlerts)}
          more={overview.openAlerts === 0 ? 'none open' : 'to look at'}
          tone={overview.openAlerts === 0 ? 'good' : 'bad'}
        />
        <Tile
          name="Open gaps"
          to="/reconciliation"
          value={countText(overview.openGaps)}
          more={overview.openGaps === 0 ? 'nothing is missing' : 'on the server, not here'}
          tone={overview.openGaps === 0 ? 'good' : 'bad'}
        />
        <Tile
          name="Quarantine"
          to="/quarantine"
          value={countText(overview.quarantined)}
          more={overview.quarantined === 0 ? 'nothing is kept back' : 'could not be fetched'}
          tone={overview.quarantined === 0 ? 'good' : 'warn'}
        />
        <Tile
          name="Search"
          to="/messages"
          value={overview.lag === 0 ? 'up to date' : countText(overview.lag)}
          more={overview.lag === 0 ? 'everything is searchable' : 'not searchable yet'}
          tone={overview.lag === 0 ? 'good' : 'warn'}
        />
      </SimpleGrid>
      <div className="halves">
        <Stack gap="xs" component="section" aria-labelledby="overview-sources">
          <Group justify="space-between">
            <Title order={2} id="overview-sources">
              {troubled.length === 0 ? 'Sources' : 'Sources to look at'}
            </Title>
            <Link href="/sources" className="more">
              All sources <IconArrowRight size={15} aria-hidden />
            </Link>
          </Group>
          <Loaded query={list}>
            {({ sources }) => (
              <ul className="panel source-list narrow" aria-label="Sources">
                {(troubled.length === 0 ? sources : troubled).slice(0, 6).map((card) => (
                  <SourceRow key={card.name} card={card} />
                ))}
              </ul>
            )}
          </Loaded>
        </Stack>
        <Stack gap="md">
          <Ticker />
          <Storage overview={overview} />
        </Stack>
      </div>
    </Stack>
  );
}

function sum(counts: Overview['sources']): number {
  return Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0);
}

function Tile({
  name,
  to,
  value,
  more,
  tone,
}: {
  readonly name: string;
  readonly to: string;
  readonly value: string;
  readonly more: string;
  readonly tone?: 'good' | 'warn' | 'bad';
}) {
  return (
    <div className="panel tile">
      <dt>
        <Link href={to}>{name}</Link>
      </dt>
      <dd className="tile-value figures">{value}</dd>
      <dd className={`tile-more ${tone ?? ''}`}>{more}</dd>
    </div>
  );
}

/** Of evidence and room: the head of the chain is what an auditor writes down. */
function Storage({ overview }: { readonly overview: Overview }) {
  const { disk, head } = overview;
  return (
    <section className="panel storage" aria-labelledby="overview-archive">
      <Title order={2} id="overview-archive" mb="xs">
        Archive
      </Title>
      <dl className="facts">
        <Fact name="Stored">
          {overview.storedBytes === 0 && overview.messages > 0 ? (
            'not counted yet'
          ) : (
            <>
              {bytesText(overview.storedBytes)} for {bytesText(overview.bytes)} of mail
            </>
          )}
        </Fact>
        <Fact name="Ledger">{countOf(head.rows, 'row')}</Fact>
        <Fact name="Head of the chain">
          <span className="mono">{head.link.slice(0, 16)}…</span> <CopyButton value={head.link} what="the head of the chain" />
        </Fact>
        <Fact name="Disk">
          {disk === null ? (
            'not known'
          ) : (
            <>
              {bytesText(disk.freeBytes)} free of {bytesText(disk.sizeBytes)}
              <meter
                min={0}
                max={disk.sizeBytes}
                low={disk.sizeBytes * 0.75}
                high={disk.sizeBytes * 0.9}
                optimum={0}
                value={disk.sizeBytes - disk.freeBytes}
                aria-label="Disk used"
              />
            </>
          )}
        </Fact>
      </dl>
      <Text size="sm" c="dimmed" mt="xs">
        Whoever keeps the head of the chain can prove later that nothing before it was changed.
      </Text>
    </section>
  );
}

export function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="figures">{children}</dd>
    </div>
  );
}
