/** A titled table of the proxy's page: columns by name (those with `#` before them hold numbers), and what to say where there is no row. */
import { Table, Text, Title } from '@mantine/core';
import { type ReactNode, useId } from 'react';
import type { ProxySession } from '../../../../src/service/api.ts';
import { Scroller } from '../../parts/scroller.tsx';

export const protocolWords: Readonly<Record<ProxySession['protocol'], string>> = { imap: 'IMAP', pop3: 'POP3', smtp: 'SMTP' };

interface Row {
  readonly key: string;
  readonly cells: readonly ReactNode[];
}

export function Grid({
  title,
  columns,
  empty,
  children,
}: {
  readonly title: string;
  readonly columns: readonly string[];
  readonly empty?: string;
  readonly children: readonly Row[];
}) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Title order={2} id={id} mb={6}>
        {title}
      </Title>
      {children.length === 0 ? (
        <Text c="dimmed">{empty}</Text>
      ) : (
        <Scroller name={`Table of ${title.toLowerCase()}`} panel>
          <Table>
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <Table.Th key={column} className={column.startsWith('#') ? 'right' : 'nowrap'}>
                    {column === '' ? <span className="visually-hidden">Actions</span> : column.replace(/^#/, '')}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {children.map(({ key, cells }) => (
                <Table.Tr key={key}>
                  {cells.map((cell, index) => (
                    <Table.Td key={columns[index]} {...(columns[index]?.startsWith('#') === true ? { className: 'right' } : {})}>
                      {cell}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Scroller>
      )}
    </section>
  );
}
