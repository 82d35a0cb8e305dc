/** Missing messages by name: the server's numbers, date, size and Message-ID, which is all that is known of a message that is not there. */
import { Group, Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { CopyButton } from '../../parts/copy-button.tsx';
import { bytesText, Instant } from '../../parts/figures.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import styles from './day-details.module.css';
import type { Missing } from './use-reconciliation.ts';

export function missingName({ uid, uidl }: Missing): string {
  return uidl !== null ? `UIDL ${uidl}` : uid !== null ? `UID ${uid}` : 'no number';
}

export function MissingTable<T extends Missing>({
  missing,
  withPlace = false,
  heads,
  cells,
}: {
  readonly missing: readonly T[];
  /** Source and folder are not clear from what stands above. */
  readonly withPlace?: boolean;
  readonly heads?: ReactNode;
  readonly cells?: (one: T) => ReactNode;
}) {
  return (
    <Scroller name="Missing messages">
      <Table className={styles['stacked'] ?? ''}>
        <Table.Thead>
          <Table.Tr>
            {withPlace && <Table.Th>Folder</Table.Th>}
            <Table.Th>Message</Table.Th>
            <Table.Th>On the server since</Table.Th>
            <Table.Th className="right">Size</Table.Th>
            <Table.Th>Message-ID</Table.Th>
            {heads}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {missing.map((one) => (
            <Table.Tr key={`${one.source} ${one.folder} ${one.uidValidity ?? ''} ${one.uid ?? ''} ${one.uidl ?? ''}`}>
              {withPlace && (
                <Table.Td>
                  {one.source} / {one.folder}
                </Table.Td>
              )}
              <Table.Td title={one.uidValidity === null ? '' : `UIDVALIDITY ${one.uidValidity}`} className={styles['name'] ?? ''}>
                {missingName(one)}
              </Table.Td>
              <Table.Td data-says="on the server since">
                <Instant at={one.internalDate} />
              </Table.Td>
              <Table.Td className="right" data-says="size">
                {one.bytes === null ? '–' : bytesText(one.bytes)}
              </Table.Td>
              <Table.Td>
                {one.messageId === null ? (
                  '–'
                ) : (
                  <Group gap={4} wrap="nowrap">
                    <span className="mono">{one.messageId}</span>
                    <CopyButton value={one.messageId} what="the Message-ID" />
                  </Group>
                )}
              </Table.Td>
              {cells?.(one)}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scroller>
  );
}
