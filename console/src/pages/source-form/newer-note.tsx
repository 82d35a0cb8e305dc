/** Somebody else has saved while this form was open: who and when, what is different, and what is to become of what was typed. */
import { Button, Group, Modal, Stack, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle } from '@tabler/icons-react';
import { TimeAgo } from '../../parts/figures.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import type { FormDraft } from './draft.ts';
import { differences } from './newer.ts';

export function NewerNote({
  changed,
  before,
  now,
  typed,
  onKeep,
  onDrop,
}: {
  readonly changed: { readonly at: string; readonly by: string };
  readonly before: FormDraft;
  readonly now: FormDraft;
  readonly typed: FormDraft;
  /** What was typed stays, the rest follows the newer one. */
  readonly onKeep: () => void;
  readonly onDrop: () => void;
}) {
  const [opened, { open, close }] = useDisclosure(false);
  const rows = differences(before, now, typed);
  const decide = (act: () => void) => () => {
    close();
    act();
  };
  return (
    <div role="alert" className="fault warning">
      <IconAlertTriangle size={20} aria-hidden className="fault-icon" />
      <Group justify="space-between" gap="xs">
        <Text>
          <b>{changed.by}</b> changed this source <TimeAgo at={changed.at} />, while this form was open. What is typed here is not lost and
          not saved.
        </Text>
        <Button size="xs" variant="default" onClick={open}>
          Look at the change
        </Button>
      </Group>
      <Modal opened={opened} onClose={close} title={`What ${changed.by} changed`} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          {rows.length === 0 ? (
            <Text>No field says anything else: a secret was typed in anew.</Text>
          ) : (
            <Scroller name="What is different">
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    {['Field', 'Before', 'Now', 'Typed here'].map((word) => (
                      <Table.Th key={word}>{word}</Table.Th>
                    ))}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((row) => (
                    <Table.Tr key={row.field}>
                      <Table.Td className="mono">{row.field}</Table.Td>
                      <Table.Td>{row.before === '' ? '–' : row.before}</Table.Td>
                      <Table.Td>{row.now === '' ? '–' : row.now}</Table.Td>
                      <Table.Td>{row.typed === undefined ? 'nothing else' : row.typed === '' ? '–' : <b>{row.typed}</b>}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Scroller>
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={decide(onDrop)}>
              Drop what I typed
            </Button>
            <Button onClick={decide(onKeep)}>Keep what I typed, take the rest</Button>
          </Group>
        </Stack>
      </Modal>
    </div>
  );
}
