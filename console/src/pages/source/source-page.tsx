/** One source whole: how it is and what is wrong, its test, its runs, its definition. */
import { Badge, Button, Code, Group, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation, useParams, useSearchParams } from 'wouter';
import type { AccessList, Run, SourceCard, SourceDetail } from '../../../../src/service/api.ts';
import { ApiError, apiAddress } from '../../api.ts';
import { Ladder } from '../../ladder/ladder.tsx';
import { type RunningTest, useSourceTest } from '../../ladder/use-source-test.ts';
import { ConfirmModal } from '../../parts/confirm.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { FaultNote, Problem } from '../../parts/fault.tsx';
import { countText, durationText, Instant, TimeAgo } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { useSay } from '../../parts/say.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { Sparkline } from '../../parts/sparkline.tsx';
import { SourceStateBadge, sourceStates } from '../../parts/state-badge.tsx';
import { useApi, useMay, useRead } from '../../session.tsx';
import { Fact } from '../overview/overview-page.tsx';
import { SourceActions } from '../sources/source-actions.tsx';
import { useSourceDetail } from './use-detail.ts';

export function SourcePage() {
  const { name = '' } = useParams();
  const path = `/sources/${encodeURIComponent(name)}`;
  const detail = useSourceDetail(name);
  const test = useSourceTest();
  useTestAskedFor(detail.data !== undefined, () => test.begin(`${path}/tests`));
  return (
    <Page
      title={name}
      subtitle={detail.data === undefined ? undefined : detail.data.card.mailbox}
      actions={
        detail.data === undefined ? undefined : (
          <SourceActions card={detail.data.card} onTest={() => test.begin(`${path}/tests`)} testing={test.running} />
        )
      }
    >
      {detail.isError && detail.data === undefined && <Unreadable name={name} error={detail.error} />}
      {(!detail.isError || detail.data !== undefined) && (
        <Loaded query={detail}>
          {(data) => (
            <div className="halves">
              <Stack>
                <State card={data.card} />
                <TestPanel test={test} />
                <Runs name={name} />
                <Definition detail={data} />
              </Stack>
              <Numbers card={data.card} />
            </div>
          )}
        </Loaded>
      )}
    </Page>
  );
}

/** A source that is not there; or one whose definition cannot be read any more, which can only be made anew. */
function Unreadable({ name, error }: { readonly name: string; readonly error: unknown }) {
  const mayRemove = useMay('administer') && error instanceof ApiError && error.status !== 404 && error.status !== 0;
  return (
    <Problem
      error={error}
      {...(mayRemove
        ? { actions: <Removal name={name} what="Its definition is forgotten, so that it can be made anew under its name." /> }
        : {})}
    />
  );
}

/** `?test` in the address begins one, once. */
function useTestAskedFor(ready: boolean, begin: () => void): void {
  const [words, setWords] = useSearchParams();
  const mayTest = useMay('operate');
  const begun = useRef(false);
  useEffect(() => {
    if (!words.has('test')) begun.current = false;
    if (!ready || begun.current || !mayTest || !words.has('test')) return;
    begun.current = true;
    setWords({}, { replace: true });
    begin();
  });
}

function State({ card }: { readonly card: SourceCard }) {
  const access = useRead<AccessList>('/access').data?.tenants.find(({ tenant }) => tenant === card.tenant);
  const known = { SOURCE: card.name, MAILBOX: card.mailbox, 'OBJECT-ID': access?.servicePrincipalId };
  return (
    <section className="panel block" aria-label="State">
      <Group gap="sm" mb={card.concerns.length > 0 ? 'sm' : 0}>
        <SourceStateBadge state={card.state} />
        {card.running && !card.paused && (
          <Badge color="harbour" variant="outline" radius="sm" tt="none">
            looking now
          </Badge>
        )}
        <Text size="sm" c="dimmed">
          {sourceStates[card.state].means}
          {card.stateSince !== null && (
            <>
              {' '}
              Since <TimeAgo at={card.stateSince} />.
            </>
          )}
        </Text>
      </Group>
      <Stack gap="sm">
        {card.concerns.map((concern) => (
          <FaultNote
            key={`${concern.kind} ${concern.folder ?? ''}`}
            fault={concern.fault}
            known={known}
            level={concern.fault.retry === 'never' ? 'fault' : 'warning'}
          />
        ))}
      </Stack>
    </section>
  );
}

function TestPanel({ test }: { readonly test: RunningTest }) {
  const shown = test.running || test.test !== undefined || test.error !== undefined;
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    // It may stand below what is wrong, out of sight of who has just pressed Test.
    if (test.running) panel.current?.scrollIntoView({ block: 'start' });
  }, [test.running]);
  if (!shown) return null;
  return (
    <section ref={panel} className="panel block test-panel" aria-label="Test of the connection">
      <Group justify="space-between" mb="xs">
        <Title order={2}>Test</Title>
        {test.running && (
          <Button size="xs" variant="default" onClick={test.stop}>
            Stop
          </Button>
        )}
      </Group>
      {test.error !== undefined && <Problem error={test.error} />}
      {test.test !== undefined && <Ladder test={test.test} />}
    </section>
  );
}

function Numbers({ card }: { readonly card: SourceCard }) {
  return (
    <section className="panel block" aria-labelledby="source-numbers">
      <Title order={2} id="source-numbers" mb="xs">
        At a glance
      </Title>
      <dl className="facts">
        <Fact name="Last message">
          <TimeAgo at={card.lastArrival} never="none yet" />
        </Fact>
        <Fact name="Lag">{card.lagSeconds === null ? 'not known yet' : durationText(card.lagSeconds)}</Fact>
        <Fact name="Last complete look">
          <TimeAgo at={card.lastPass} />
        </Fact>
        <Fact name="Next look">{card.paused ? 'paused' : <TimeAgo at={card.nextLook} never="not planned" />}</Fact>
        <Fact name="Messages">
          <Link href={`/messages?q=${encodeURIComponent(`source:${card.name}`)}`}>{countText(card.messages)}</Link>
        </Fact>
        <Fact name="Quarantine">
          <Link href="/quarantine">{countText(card.quarantined)}</Link>
        </Fact>
        <Fact name="Open gaps">
          <Link href="/reconciliation">{countText(card.openGaps)}</Link>
        </Fact>
        <Fact name="Last 24 hours">
          <Sparkline values={card.arrivals} />
        </Fact>
      </dl>
    </section>
  );
}

function Runs({ name }: { readonly name: string }) {
  const runs = useRead<{ readonly runs: readonly Run[] }>('/runs', { source: name, limit: 8 });
  return (
    <section className="panel block" aria-labelledby="source-runs">
      <Group justify="space-between" mb="xs">
        <Title order={2} id="source-runs">
          Runs
        </Title>
        <Link href={`/runs?source=${encodeURIComponent(name)}`}>All runs</Link>
      </Group>
      <Loaded query={runs}>
        {(data) =>
          data.runs.length === 0 ? (
            <Text c="dimmed" size="sm">
              It has not looked into its mailbox yet.
            </Text>
          ) : (
            <Scroller name="Table of runs">
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Begun</Table.Th>
                    <Table.Th>Outcome</Table.Th>
                    <Table.Th className="right">Seen</Table.Th>
                    <Table.Th className="right">New</Table.Th>
                    <Table.Th className="right">Took</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.runs.map((run) => (
                    <Table.Tr key={run.id}>
                      <Table.Td>
                        <Instant at={run.started} />
                      </Table.Td>
                      <Table.Td title={run.fault?.says}>{run.outcome ?? 'going on'}</Table.Td>
                      <Table.Td className="right">{run.counts === null ? '–' : countText(run.counts.listed)}</Table.Td>
                      <Table.Td className="right">{run.counts === null ? '–' : countText(run.counts.archived)}</Table.Td>
                      <Table.Td className="right">
                        {run.ended === null ? '–' : durationText((Date.parse(run.ended) - Date.parse(run.started)) / 1000)}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Scroller>
          )
        }
      </Loaded>
    </section>
  );
}

function Definition({ detail }: { readonly detail: SourceDetail }) {
  const { card, changed, yaml } = detail;
  const mayEdit = useMay('administer') && detail.editable;
  return (
    <section className="panel block" aria-labelledby="source-definition">
      <Title order={2} id="source-definition" mb={4}>
        Definition
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        {card.origin === 'file'
          ? 'Of the configuration file: it is changed there.'
          : 'Made in the console; as it would stand in the configuration file.'}
        {changed !== null && (
          <>
            {' '}
            Changed <TimeAgo at={changed.at} /> by {changed.by}.
          </>
        )}
      </Text>
      <Code block tabIndex={0} className="definition" aria-label="Definition in YAML">
        {yaml}
      </Code>
      <Group gap="xs" mt="sm">
        <CopyButton value={yaml} what="the definition" wide />
        <Button
          component="a"
          href={apiAddress(`/sources/${encodeURIComponent(card.name)}/definition`)}
          download
          size="xs"
          variant="default"
        >
          Save as a file
        </Button>
        {mayEdit && (
          <Removal
            name={card.name}
            revision={changed?.revision}
            what={`It stops looking into ${card.mailbox}, and its saved secret is forgotten.`}
          />
        )}
      </Group>
    </section>
  );
}

/** Removing wants the name typed: it cannot be taken back, though what came stays in the archive. */
function Removal({ name, revision, what }: { readonly name: string; readonly revision?: string | undefined; readonly what: string }) {
  const api = useApi();
  const queries = useQueryClient();
  const [, go] = useLocation();
  const say = useSay();
  const [opened, setOpened] = useState(false);
  const [typed, setTyped] = useState('');
  async function remove(): Promise<void> {
    // What was looked at is removed, and not what somebody else has just made of it.
    await api.del(apiAddress(`/sources/${encodeURIComponent(name)}`, { confirm: typed.trim(), revision }).slice('/api/v1'.length));
    say(`${name} is removed. What came stays in the archive.`);
    go('/sources');
    queries.removeQueries({ queryKey: [`/sources/${encodeURIComponent(name)}`] });
    void queries.invalidateQueries({ queryKey: ['/sources'] });
  }
  return (
    <>
      <Button size="xs" variant="default" leftSection={<IconTrash size={14} aria-hidden />} onClick={() => setOpened(true)}>
        Remove
      </Button>
      <ConfirmModal
        opened={opened}
        onClose={() => setOpened(false)}
        onConfirm={remove}
        title={`Remove ${name}?`}
        verb="Remove the source"
        danger
      >
        <Stack gap="sm">
          <Text>{what} The messages that came, with their ledger, stay in the archive.</Text>
          <TextInput
            label={`Type ${name} to confirm`}
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            data-autofocus
          />
        </Stack>
      </ConfirmModal>
    </>
  );
}
