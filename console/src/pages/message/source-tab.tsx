/** The message as it arrived: its header fields in their order, and the begin of its bytes. */
import { Button, Group, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { apiAddress } from '../../api.ts';
import { bytesText } from '../../parts/figures.tsx';
import { Loaded } from '../../parts/page.tsx';
import styles from './message.module.css';
import { useMessagePart } from './use-message.ts';

interface MessageSource {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly raw: string;
  readonly cut: boolean;
}

export function SourceTab({ id, bytes }: { readonly id: string; readonly bytes: number }) {
  const [view, setView] = useState('headers');
  const source = useMessagePart<MessageSource>(id, 'source');
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <SegmentedControl
          size="xs"
          aria-label="Show"
          value={view}
          onChange={setView}
          data={[
            { value: 'headers', label: 'Headers' },
            { value: 'raw', label: 'Raw' },
          ]}
        />
        <Button
          component="a"
          href={apiAddress(`/messages/${id}/raw`)}
          download
          variant="default"
          size="xs"
          leftSection={<IconDownload size={15} aria-hidden />}
        >
          All {bytesText(bytes)}
        </Button>
      </Group>
      <Loaded query={source}>
        {({ headers, raw, cut }) =>
          view === 'headers' ? (
            <Table className={styles['fields'] ?? ''} verticalSpacing={4}>
              <Table.Tbody>
                {headers.map(({ name, value }, index) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a header may stand there several times, and the list does not move
                  <Table.Tr key={index}>
                    <Table.Th scope="row" fw={500} className={styles['wrap'] ?? ''}>
                      {name}
                    </Table.Th>
                    <Table.Td className="mono" dir="auto">
                      {value}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          ) : (
            <>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
              <pre className={styles['raw']} tabIndex={0}>
                {raw}
              </pre>
              {cut && (
                <Text size="sm" c="dimmed">
                  This is the begin; the download has all of it, byte for byte as it arrived.
                </Text>
              )}
            </>
          )
        }
      </Loaded>
    </Stack>
  );
}
