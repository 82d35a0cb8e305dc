/** Begins a reconciliation, shows how far it is, and how it ended. One at a time, for everybody. */
import { Button, Checkbox, Group, Loader, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconListCheck, IconPlayerStop } from '@tabler/icons-react';
import { useState } from 'react';
import { FaultNote, Problem } from '../../parts/fault.tsx';
import { countOf, TimeAgo } from '../../parts/figures.tsx';
import { useMay } from '../../session.tsx';
import styles from './day-details.module.css';
import { useJob, useJobActs } from './use-reconciliation.ts';

export function StartButton({ sources }: { readonly sources: readonly string[] }) {
  const mayOperate = useMay('operate');
  const job = useJob();
  const [opened, { open, close }] = useDisclosure(false);
  if (!mayOperate || job.data?.state === 'running') return null;
  return (
    <>
      <Button leftSection={<IconListCheck size={16} aria-hidden />} onClick={open} disabled={sources.length === 0}>
        Reconcile now
      </Button>
      <Modal opened={opened} onClose={close} title="Reconcile now" closeButtonProps={{ 'aria-label': 'Close' }}>
        <StartForm sources={sources} onClose={close} />
      </Modal>
    </>
  );
}

function StartForm({ sources, onClose }: { readonly sources: readonly string[]; readonly onClose: () => void }) {
  const { begin } = useJobActs();
  const [chosen, setChosen] = useState<string[]>([]);
  const [since, setSince] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  async function start(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await begin(chosen, since === '' ? null : since);
      onClose();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          It only reads: nothing on a server changes, and the import goes on beside it.
        </Text>
        <Checkbox.Group label="Sources" description="None chosen: all of them." value={chosen} onChange={setChosen}>
          <Stack gap={6} mt={6} className={styles['sources'] ?? ''}>
            {sources.map((name) => (
              <Checkbox key={name} value={name} label={name} />
            ))}
          </Stack>
        </Checkbox.Group>
        <TextInput
          type="date"
          label="Since"
          description="Leaves out everything older. Empty: all days."
          value={since}
          onChange={(event) => setSince(event.currentTarget.value)}
        />
        {error !== undefined && <Problem error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Start
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function JobPanel() {
  const job = useJob();
  const { stop } = useJobActs();
  const mayOperate = useMay('operate');
  const [error, setError] = useState<unknown>();
  const now = job.data;
  if (now === undefined || now.state === 'none' || now.state === 'done') return null;
  if (now.state === 'failed') return now.fault === null ? null : <FaultNote fault={now.fault} />;
  if (now.state === 'stopped') {
    return (
      <Text c="dimmed" role="status">
        The last reconciliation was stopped; nothing of it was kept.
      </Text>
    );
  }
  return (
    <Stack gap="xs" className="panel" p="md" role="status" aria-label="Reconciliation in progress">
      <Group justify="space-between" gap="xs">
        <Group gap="sm">
          <Loader size="sm" aria-hidden />
          <div>
            <Text fw={600}>
              {now.source === null ? 'Comparing' : `Comparing ${now.source}`}
              {now.folder !== null && ` / ${now.folder}`}
            </Text>
            <Text size="sm" c="dimmed" className="figures">
              {countOf(now.rows, 'row')} of the ledger read
              {now.by !== null && <>, begun by {now.by}</>}
              {now.started !== null && (
                <>
                  , <TimeAgo at={now.started} />
                </>
              )}
            </Text>
            {now.waiting !== null && <Text size="sm">{now.waiting}</Text>}
          </div>
        </Group>
        {mayOperate && (
          <Button
            variant="default"
            leftSection={<IconPlayerStop size={16} aria-hidden />}
            onClick={() => {
              setError(undefined);
              stop().catch(setError);
            }}
          >
            Stop
          </Button>
        )}
      </Group>
      {error !== undefined && <Problem error={error} />}
    </Stack>
  );
}
