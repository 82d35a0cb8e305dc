/** Where this message was met: each place of each server has its row of the ledger, which nobody can change unseen. */
import { Anchor, Group, Stack, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { MessageDetail } from '../../../../src/service/api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Instant } from '../../parts/figures.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { quarantineReason } from '../quarantine/reasons.ts';
import styles from './message.module.css';

const states = {
  archived: 'archived: these bytes were new',
  duplicate: 'duplicate: the very same bytes were there before',
  quarantined: 'quarantined',
} as const;

export function PlacesTab({ message }: { readonly message: MessageDetail }) {
  return (
    <Stack gap="sm">
      <Scroller name="Places">
        <Table className={styles['fields'] ?? ''}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Source</Table.Th>
              <Table.Th>Folder</Table.Th>
              <Table.Th>Number</Table.Th>
              <Table.Th>On the server since</Table.Th>
              <Table.Th>In the archive since</Table.Th>
              <Table.Th>As</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {message.occurrences.map(({ source, folder, uidValidity, uid, internalDate, acceptedAt, state, reason }) => (
              <Table.Tr key={`${source} ${folder} ${uidValidity} ${uid} ${acceptedAt}`}>
                <Table.Td>
                  <Anchor component={Link} href={`/sources/${encodeURIComponent(source)}`}>
                    {source}
                  </Anchor>
                </Table.Td>
                <Table.Td className={styles['wrap'] ?? ''}>{folder}</Table.Td>
                <Table.Td title={`UIDVALIDITY ${uidValidity}`}>UID {uid}</Table.Td>
                <Table.Td data-says="on the server since">
                  <Instant at={internalDate} />
                </Table.Td>
                <Table.Td data-says="in the archive since">
                  <Instant at={acceptedAt} />
                </Table.Td>
                <Table.Td>
                  {states[state]}
                  {reason !== null && <>: {quarantineReason(reason)}</>}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Scroller>
      <Group gap={4} wrap="nowrap">
        <Text size="sm" c="dimmed" className="mono">
          SHA-256 {message.id}
        </Text>
        <CopyButton value={message.id} what="the SHA-256 of the message" />
      </Group>
    </Stack>
  );
}
