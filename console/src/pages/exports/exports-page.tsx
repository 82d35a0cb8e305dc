/**
 * Exports: the found messages as files, made by the service in the background, each with a manifest whose hash says that nothing is missing
 * and nothing was changed. Who exports says why, and the access log keeps it.
 */
import { ActionIcon, Anchor, Button, Group, Progress, Stack, Text, Tooltip } from '@mantine/core';
import { IconCheck, IconDownload, IconFileZip, IconLoader2, IconPlayerStop, IconPlus, IconTrash, IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { ExportJob } from '../../../../src/service/api.ts';
import { apiAddress } from '../../api.ts';
import { useLive } from '../../events.tsx';
import { ConfirmModal } from '../../parts/confirm.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FaultNote } from '../../parts/fault.tsx';
import { bytesText, countOf, countText, TimeAgo } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useApi, useRead, useSession } from '../../session.tsx';
import { NewExport } from './new-export.tsx';

interface ExportList {
  readonly exports: readonly ExportJob[];
}

export function ExportsPage() {
  const [words] = useSearchParams();
  const [, go] = useLocation();
  const queries = useQueryClient();
  const list = useRead<ExportList>('/exports');
  const isNew = words.get('new') !== null;
  useLive('export', ({ job }) => {
    queries.setQueryData<ExportList>(['/exports', {}], (before) =>
      before === undefined ? before : { exports: before.exports.map((one) => (one.id === job.id ? job : one)) },
    );
  });
  const newOne = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => go('/exports?new=1')}>
      New export
    </Button>
  );
  return (
    <Page title="Exports" subtitle="Copies of messages to hand on, with a manifest that proves them. Kept for a day." actions={newOne}>
      <NewExport key={words.get('q') ?? ''} opened={isNew} q={words.get('q') ?? ''} onClose={() => go('/exports', { replace: true })} />
      <Loaded query={list}>
        {({ exports }) =>
          exports.length === 0 ? (
            <Empty
              icon={<IconFileZip size={32} aria-hidden />}
              title="No exports"
              action={
                <Button component={Link} href="/messages" variant="default">
                  Search messages
                </Button>
              }
            >
              Search for messages first, look at what is found, and choose “Export these”. An export holds every message as it arrived, byte
              for byte, and a manifest with the SHA-256 of each.
            </Empty>
          ) : (
            <Stack component="ul" gap="sm" p={0} m={0} style={{ listStyle: 'none' }} aria-label="Exports">
              {exports.map((job) => (
                <li key={job.id}>
                  <Job job={job} />
                </li>
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Page>
  );
}

const states = {
  running: { word: 'being made', color: 'harbour', icon: IconLoader2 },
  done: { word: 'done', color: 'green', icon: IconCheck },
  failed: { word: 'failed', color: 'red', icon: IconX },
  stopped: { word: 'stopped', color: 'gray', icon: IconPlayerStop },
} as const;

function Job({ job }: { readonly job: ExportJob }) {
  const state = states[job.state];
  const part = job.total === null || job.total === 0 ? undefined : Math.min(100, (job.messages / job.total) * 100);
  return (
    <Stack className="panel" p="md" gap="xs">
      <Group justify="space-between" align="flex-start" gap="xs">
        <div style={{ minWidth: 0, flex: '1 1 260px' }}>
          <Group gap="xs">
            <StateBadge color={state.color} icon={state.icon} word={state.word} />
            <Text fw={600} className="figures">
              {job.state === 'running' && job.total !== null && `${countText(job.messages)} of `}
              {countOf(job.state === 'running' && job.total !== null ? job.total : job.messages, 'message')}, {bytesText(job.bytes)}
            </Text>
            <Text c="dimmed">{job.format === 'eml' ? '.eml files' : 'mbox'}</Text>
          </Group>
          <Text mt={4} style={{ overflowWrap: 'anywhere' }}>
            {job.q === '' ? (
              'All messages'
            ) : (
              <Anchor component={Link} href={`/messages?q=${encodeURIComponent(job.q)}`} className="mono">
                {job.q}
              </Anchor>
            )}
          </Text>
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {job.by}, <TimeAgo at={job.at} />: {job.reason}
          </Text>
        </div>
        <JobActions job={job} />
      </Group>
      {job.state === 'running' && (
        <Progress
          value={part ?? 100}
          animated={part === undefined}
          striped={part === undefined}
          aria-label={`Progress of the export, ${countText(job.messages)} messages so far`}
        />
      )}
      {job.damaged > 0 && (
        <Text size="sm" style={{ color: 'var(--postern-warn)' }}>
          {countOf(job.damaged, 'message')} could not be written, because the stored bytes are damaged; the manifest names each.
        </Text>
      )}
      {job.manifest !== null && (
        <Group gap={4} wrap="nowrap">
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            SHA-256 of the manifest <span className="mono">{job.manifest}</span>
          </Text>
          <CopyButton value={job.manifest} what="the hash of the manifest" />
        </Group>
      )}
      {job.state === 'done' && (
        <Text size="sm" c="dimmed">
          To be downloaded for <TimeAgo at={job.expires} />. Write the hash down elsewhere: whoever has it can show that the files are those
          of today.
        </Text>
      )}
      {job.fault !== null && <FaultNote fault={job.fault} />}
    </Stack>
  );
}

function JobActions({ job }: { readonly job: ExportJob }) {
  const api = useApi();
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const session = useSession();
  const isRunning = job.state === 'running';
  const mayRemove = session.role === 'administrator' || session.user === job.by;
  async function remove(): Promise<void> {
    await api.del(`/exports/${job.id}`);
    await queries.invalidateQueries({ queryKey: ['/exports'] });
  }
  return (
    <Group gap="xs" wrap="nowrap">
      {job.state === 'done' && (
        <Button
          component="a"
          href={apiAddress(`/exports/${job.id}/file`)}
          download={job.fileName}
          leftSection={<IconDownload size={16} aria-hidden />}
        >
          Download{job.zipBytes !== null && ` ${bytesText(job.zipBytes)}`}
        </Button>
      )}
      {!mayRemove ? null : isRunning ? (
        <Button variant="default" leftSection={<IconPlayerStop size={16} aria-hidden />} onClick={() => setAsks(true)}>
          Stop
        </Button>
      ) : (
        <Tooltip label="Remove">
          <ActionIcon variant="default" size="lg" aria-label="Remove this export" onClick={() => setAsks(true)}>
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
      <ConfirmModal
        opened={asks}
        onClose={() => setAsks(false)}
        onConfirm={remove}
        title={isRunning ? 'Stop this export?' : 'Remove this export?'}
        verb={isRunning ? 'Stop it' : 'Remove it'}
        danger
      >
        {isRunning
          ? 'What was written so far is thrown away.'
          : 'The file is thrown away; the messages stay in the archive, and the access log keeps who exported what and why.'}
      </ConfirmModal>
    </Group>
  );
}
