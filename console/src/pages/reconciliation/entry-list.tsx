/** Comparisons that were made, each with its verdict and the hash that makes it evidence. */
import { Anchor, Button, Group, Stack, Table, Text } from '@mantine/core';
import { IconCheck, IconFileTypeCsv, IconJson, IconX } from '@tabler/icons-react';
import { Link } from 'wouter';
import { apiAddress } from '../../api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Instant } from '../../parts/figures.tsx';
import { Loaded } from '../../parts/page.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { type Entry, useEntries } from './use-reconciliation.ts';

export function Evidence({ entry }: { readonly entry: Entry }) {
  return (
    <Group gap="xs" justify="space-between">
      <Group gap={4} wrap="nowrap" style={{ minWidth: 0 }}>
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          Evidence: SHA-256 <span className="mono">{entry.evidence}</span>
        </Text>
        <CopyButton value={entry.evidence} what="the evidence hash" />
      </Group>
      <Group gap="xs">
        <Button
          component="a"
          href={apiAddress(`/reconciliations/${entry.id}/report`)}
          download
          variant="default"
          size="xs"
          leftSection={<IconJson size={15} aria-hidden />}
        >
          Report
        </Button>
        <Button
          component="a"
          href={apiAddress(`/reconciliations/${entry.id}/days.csv`)}
          download
          variant="default"
          size="xs"
          leftSection={<IconFileTypeCsv size={15} aria-hidden />}
        >
          Days as CSV
        </Button>
      </Group>
    </Group>
  );
}

export function EntryList({ source }: { readonly source: string | undefined }) {
  const entries = useEntries(source);
  return (
    <Loaded query={entries}>
      {({ reconciliations }) =>
        reconciliations.length === 0 ? (
          <Text c="dimmed">Nothing was compared yet.</Text>
        ) : (
          <Stack gap="xs">
            <Text size="sm" c="dimmed">
              Whoever keeps one of these hashes outside of this machine can show that neither its report nor a row of the ledger before it
              was changed.
            </Text>
            <Scroller name="Comparisons" panel>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>When</Table.Th>
                    <Table.Th>Verdict</Table.Th>
                    <Table.Th>Sources</Table.Th>
                    <Table.Th>Evidence</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {reconciliations.map((entry) => (
                    <Table.Tr key={entry.id}>
                      <Table.Td>
                        <Anchor component={Link} href={`/reconciliation?id=${entry.id}`}>
                          <Instant at={entry.at} />
                        </Anchor>
                      </Table.Td>
                      <Table.Td>
                        {entry.equal ? (
                          <StateBadge color="green" icon={IconCheck} word="complete" />
                        ) : (
                          <StateBadge color="red" icon={IconX} word="not complete" />
                        )}
                      </Table.Td>
                      <Table.Td>{entry.sources.join(', ')}</Table.Td>
                      <Table.Td>
                        <Group gap={4} wrap="nowrap">
                          <span className="mono" style={{ whiteSpace: 'nowrap' }}>
                            {entry.evidence.slice(0, 16)}…
                          </span>
                          <CopyButton value={entry.evidence} what="the evidence hash" />
                        </Group>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Scroller>
          </Stack>
        )
      }
    </Loaded>
  );
}
