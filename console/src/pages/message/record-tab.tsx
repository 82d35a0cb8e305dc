/** The record of a message: each field with the place that it was read from, and what a person should know of it, in words. */
import { Alert, Stack, Table, Text } from '@mantine/core';
import { IconFlag } from '@tabler/icons-react';
import type { MessageDetail } from '../../../../src/service/api.ts';
import { Worded } from '../../parts/fault.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import styles from './message.module.css';

/** `header:X-TELEMESSAGE-Network` → `header X-TELEMESSAGE-Network`. */
function originText(origin: string): string {
  const header = /^header:(.+)$/.exec(origin)?.[1];
  if (header !== undefined) return `header ${header}`;
  return { inferred: 'inferred by a rule of ours', profile: 'the source’s settings', body: 'the text' }[origin] ?? origin;
}

export function RecordTab({ message }: { readonly message: MessageDetail }) {
  return (
    <Stack gap="sm">
      {message.flags.map(({ code, says, detail }) => (
        <Alert key={`${code}${detail ?? ''}`} color="yellow" variant="light" p="xs" icon={<IconFlag size={16} aria-hidden />}>
          <Text size="sm">
            <Worded text={says} />
            {detail !== null && <span className="mono"> ({detail})</span>}
          </Text>
        </Alert>
      ))}
      {message.fields.length === 0 ? (
        <Text c="dimmed">No record was made of it yet. It is durable; the record follows in a moment.</Text>
      ) : (
        <Scroller name="Fields of the record">
          <Table className={styles['fields'] ?? ''}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Field</Table.Th>
                <Table.Th>Value</Table.Th>
                <Table.Th>Read from</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {message.fields.map(({ name, value, origin }, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a field may stand there several times, and the list does not move
                <Table.Tr key={index}>
                  <Table.Th scope="row" fw={500}>
                    {name}
                  </Table.Th>
                  <Table.Td className="mono" dir="auto">
                    {value}
                  </Table.Td>
                  <Table.Td c="dimmed">{origin === null ? '' : originText(origin)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Scroller>
      )}
      <Text size="sm" c="dimmed">
        A record holds what the message claims. The bytes are the evidence; the record can be made again from them.
      </Text>
    </Stack>
  );
}
