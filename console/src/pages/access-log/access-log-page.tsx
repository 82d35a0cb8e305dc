/**
 * Who saw, exported or changed what, newest first. Lines are read further back by a button, not by scrolling: an auditor wants to know
 * where the end is.
 */
import { Button, Group, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconBan, IconCheck, IconCircleX, IconClipboardList } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { AccessEntry, AccessLog } from '../../../../src/service/api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Problem } from '../../parts/fault.tsx';
import { countOf, Instant } from '../../parts/figures.tsx';
import { Loading, Page } from '../../parts/page.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useApi } from '../../session.tsx';

const pageSize = 100;
const outcomes = {
  done: { color: 'green', icon: IconCheck, word: 'done' },
  refused: { color: 'yellow', icon: IconBan, word: 'refused' },
  failed: { color: 'red', icon: IconCircleX, word: 'failed' },
} as const;
/** Offered while typing; any other can be typed too. */
const actions = [
  'login',
  'login-refused',
  'logout',
  'password.change',
  'password-refused',
  'refused',
  'message.search',
  'message.view',
  'message.text',
  'message.html',
  'message.source',
  'message.raw',
  'message.attachment',
  'conversation.view',
  'export.start',
  'export.download',
  'export.remove',
  'source.create',
  'source.change',
  'source.delete',
  'source.run',
  'source.pause',
  'source.resume',
  'source.test',
  'source.folders',
  'setup.sign-in',
  'access.token',
  'user.add',
  'user.change',
  'user.remove',
  'token.add',
  'token.remove',
  'alert.acknowledge',
  'gap.explain',
  'quarantine.retry',
  'reconciliation.start',
  'reconciliation.cancel',
  'reconciliation.download',
  'proxy.session-end',
  'proxy.queue-retry',
  'proxy.queue-drop',
  'access-log.verify',
];

export function AccessLogPage() {
  const api = useApi();
  const [who, setWho] = useState('');
  const [action, setAction] = useState('');
  const [filter] = useDebouncedValue({ who: who.trim(), action: action.trim() }, 300);
  const log = useInfiniteQuery({
    queryKey: ['/access-log', filter],
    initialPageParam: '',
    // Each visit reads it anew: nothing tells that a line was added, the visit itself may have.
    gcTime: 0,
    queryFn: ({ pageParam, signal }) => api.get<AccessLog>('/access-log', { ...filter, before: pageParam, limit: pageSize }, signal),
    getNextPageParam: (page: AccessLog) => page.next,
  });
  const entries = log.data?.pages.flatMap((page) => page.entries) ?? [];
  const head = log.data?.pages[0]?.head;
  const filtered = filter.who !== '' || filter.action !== '';
  return (
    <Page
      title="Access log"
      subtitle="Who saw, exported or changed what. It is written before anything is shown, and no line is ever changed."
      actions={
        <Button variant="default" onClick={() => void log.refetch()} loading={log.isRefetching}>
          Read again
        </Button>
      }
    >
      <Group gap="sm" align="flex-end" component="search">
        <TextInput label="Who" placeholder="anna, token:prometheus" value={who} onChange={(event) => setWho(event.currentTarget.value)} />
        <TextInput
          label="Action"
          placeholder="message.view"
          list="access-log-actions"
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
        <datalist id="access-log-actions">
          {actions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        {filtered && (
          <Button
            variant="subtle"
            onClick={() => {
              setWho('');
              setAction('');
            }}
          >
            Show all
          </Button>
        )}
      </Group>
      {log.isError && <Problem error={log.error} />}
      {log.isPending && <Loading />}
      {log.isSuccess && entries.length === 0 && (
        <Empty icon={<IconClipboardList size={32} aria-hidden />} title={filtered ? 'No line fits' : 'Nothing was done yet'}>
          {filtered ? 'Names and actions are compared whole.' : 'Logins, views, searches, downloads, exports and changes are written here.'}
        </Empty>
      )}
      {entries.length > 0 && (
        <>
          <LogTable entries={entries} />
          <Group justify="space-between">
            <Text size="sm" c="dimmed" role="status">
              {countOf(entries.length, 'line')}
              {log.hasNextPage ? ', and older ones' : ', to the beginning'}
            </Text>
            {log.hasNextPage && (
              <Button variant="default" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
                Older lines
              </Button>
            )}
          </Group>
          {head != null && (
            <Text size="sm" c="dimmed">
              Each line holds the hash of the one before. Newest: line {head.id}, <span className="mono">{head.hash.slice(0, 16)}…</span>{' '}
              <CopyButton value={head.hash} what="the hash of the newest line" />
            </Text>
          )}
        </>
      )}
    </Page>
  );
}

function LogTable({ entries }: { readonly entries: readonly AccessEntry[] }) {
  return (
    <Scroller name="Lines" panel>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>When</Table.Th>
            <Table.Th>Who</Table.Th>
            <Table.Th>Action</Table.Th>
            <Table.Th>Object</Table.Th>
            <Table.Th>Outcome</Table.Th>
            <Table.Th>From</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.map((entry) => (
            <Table.Tr key={entry.id}>
              <Table.Td className="nowrap">
                <Instant at={entry.at} />
              </Table.Td>
              <Table.Td>
                {entry.who === '' ? <Text c="dimmed">nobody</Text> : entry.who}
                {entry.role !== null && (
                  <Text size="xs" c="dimmed">
                    {entry.role}
                  </Text>
                )}
              </Table.Td>
              <Table.Td className="mono nowrap">{entry.action}</Table.Td>
              <Table.Td maw={320}>
                <span className="mono">{/^[0-9a-f]{64}$/.test(entry.object) ? `${entry.object.slice(0, 16)}…` : entry.object}</span>
                {entry.detail !== '' && (
                  <Text size="xs" c="dimmed" className="break">
                    {entry.detail}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <StateBadge {...outcomes[entry.outcome]} />
              </Table.Td>
              <Table.Td className="mono nowrap">{entry.address}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scroller>
  );
}
