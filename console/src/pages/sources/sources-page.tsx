/** Every source at a glance: how it is, what came, what is wrong and what mends it, and what may be done. It moves by itself. */
import { Button, Group, Modal, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconInbox, IconPlus, IconRefresh } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Overview, SourceCard, SourceList, TakenOver } from '../../../../src/service/api.ts';
import { FaultNote, Problem } from '../../parts/fault.tsx';
import { countText } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { sourceStates } from '../../parts/state-badge.tsx';
import { useApi, useMay, useRead } from '../../session.tsx';
import { FirstScreen } from '../overview/first-screen.tsx';
import { SourceRow } from './source-row.tsx';

const troubled = ['refused', 'stopped', 'late', 'throttled', 'silent', 'expiring'];

export function SourcesPage() {
  const list = useRead<SourceList>('/sources');
  const overview = useRead<Overview>('/overview');
  const mayMake = useMay('administer');
  return (
    <Page
      title="Sources"
      subtitle={list.data === undefined ? undefined : <Summary sources={list.data.sources} />}
      actions={
        mayMake ? (
          <Group gap="xs">
            <ReadFileAgain />
            <Button component={Link} href="/sources/new" leftSection={<IconPlus size={16} aria-hidden />}>
              Add source
            </Button>
          </Group>
        ) : undefined
      }
    >
      <Loaded query={list}>
        {({ sources }) => (sources.length === 0 ? <FirstScreen trial={overview.data?.trial ?? null} /> : <List sources={sources} />)}
      </Loaded>
    </Page>
  );
}

/** Takes over what the configuration file says now. */
function ReadFileAgain() {
  const api = useApi();
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const read = useMutation({
    mutationFn: () => api.post<TakenOver>('/configuration/reload'),
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <>
      <Button
        variant="default"
        loading={read.isPending}
        leftSection={<IconRefresh size={16} aria-hidden />}
        onClick={() => {
          open();
          read.mutate();
        }}
      >
        Read the file again
      </Button>
      <Modal opened={opened && !read.isPending} onClose={close} title="The configuration file" closeButtonProps={{ 'aria-label': 'Close' }}>
        {read.data !== undefined && <Taken taken={read.data} />}
        {read.error !== null && (
          <>
            <Text mb="sm">Nothing has changed.</Text>
            <Problem error={read.error} />
          </>
        )}
      </Modal>
    </>
  );
}

function Taken({ taken }: { readonly taken: TakenOver }) {
  const { began, changed, ended, notBegun, alerts, proxy, afterRestart } = taken;
  const lines = [
    ['Begun', began],
    ['Changed', changed],
    ['Ended', ended],
    ['Taken over', [...(alerts ? ['alerts'] : []), ...(proxy ? ['proxy'] : [])]],
    ['Only after a restart', afterRestart],
  ] as const;
  const shown = lines.filter(([, names]) => names.length > 0);
  return (
    <Stack gap="sm">
      {shown.length + notBegun.length === 0 && <Text>It says what was in force already.</Text>}
      {shown.map(([word, names]) => (
        <Text key={word}>
          <b>{word}:</b> {names.join(', ')}
        </Text>
      ))}
      {notBegun.map(({ source, fault }) => (
        <FaultNote key={source} fault={fault} known={{ SOURCE: source }} />
      ))}
    </Stack>
  );
}

/** So many are seen at a glance; more of them are looked for. */
const manyAre = 8;

function List({ sources }: { readonly sources: readonly SourceCard[] }) {
  const [words, setWords] = useState('');
  const [state, setState] = useState('');
  const states = [...new Set(sources.map((card) => card.state))].sort();
  const wanted = words.trim().toLowerCase();
  const shown = sources.filter(
    (card) => (state === '' || card.state === state) && `${card.name} ${card.mailbox} ${card.server}`.toLowerCase().includes(wanted),
  );
  return (
    <>
      {sources.length > manyAre && (
        <search className="source-filter">
          <TextInput
            label="Find"
            placeholder="name, mailbox or server"
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
          <NativeSelect
            label="State"
            data={[{ value: '', label: 'any' }, ...states.map((one) => ({ value: one, label: sourceStates[one].word }))]}
            value={state}
            onChange={(event) => setState(event.currentTarget.value)}
          />
          <Text size="sm" c="dimmed" role="status">
            {shown.length === sources.length ? '' : `${countText(shown.length)} of ${countText(sources.length)}`}
          </Text>
        </search>
      )}
      {shown.length === 0 ? (
        <Text c="dimmed">No source fits.</Text>
      ) : (
        <ul className="panel source-list" aria-label="Sources">
          {shown.toSorted(worstFirst).map((card) => (
            <SourceRow key={card.name} card={card} />
          ))}
        </ul>
      )}
    </>
  );
}

function Summary({ sources }: { readonly sources: readonly SourceCard[] }) {
  if (sources.length === 0) return null;
  const counts = new Map<SourceCard['state'], number>();
  for (const { state } of sources) counts.set(state, (counts.get(state) ?? 0) + 1);
  return (
    <Text component="span" className="with-icon">
      <IconInbox size={16} aria-hidden />
      {[...counts].map(([state, count]) => `${countText(count)} ${sourceStates[state].word}`).join(', ')}
    </Text>
  );
}

/** What needs somebody stands first; within that by name. */
function worstFirst(one: SourceCard, other: SourceCard): number {
  const rank = (card: SourceCard) => (troubled.indexOf(card.state) + troubled.length + 1) % (troubled.length + 1);
  return rank(one) - rank(other) || one.name.localeCompare(other.name);
}
