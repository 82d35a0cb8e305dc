/** The language of the search, by examples that can be clicked: each is put into the box, where it can be changed. */
import { ActionIcon, Anchor, Group, Popover, Stack, Table, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconHelp } from '@tabler/icons-react';
import styles from './messages.module.css';

interface Example {
  readonly text: string;
  readonly finds: string;
}

const examples: readonly Example[] = [
  { text: 'invoice "second quarter"', finds: 'all of these words, and the phrase as it stands' },
  { text: 'invoi*', finds: 'words that begin so' },
  { text: 'with:"+44 7700 900123"', finds: 'messages in which this number takes part, in any spelling' },
  { text: 'from:eva subject:offer', finds: 'a word in one place: from, to, subject, attachment, header, body' },
  { text: 'platform:whatsapp platform:signal', finds: 'either of them' },
  { text: 'kind:call direction:out', finds: 'calls of the monitored person' },
  { text: 'is:deleted -is:copy', finds: 'what was deleted later, shown once; a minus excludes' },
  { text: 'since:2026-01 until:2026-03', finds: 'from the beginning of January until the end of March' },
  { text: 'has:attachment source:telemessage', finds: 'with files, met by this source' },
];

const fields: readonly (readonly [string, string])[] = [
  ['subject: from: to: body: attachment: header:', 'the word there only'],
  ['with:', 'takes part: a number, an address, a part of a name'],
  ['platform:', 'whatsapp, signal, telegram, …'],
  ['modality:', 'mail, sms, mms, im, voice, video, event'],
  ['kind:', 'message, edit, delete, reaction, call, join, leave, …'],
  ['direction:', 'in, out, internal, unknown'],
  ['chat:', 'direct, group, channel'],
  ['format:', 'telemessage, journal, mail'],
  ['owner:', 'archived for this person'],
  ['since: until:', '2026, 2026-01, 2026-01-31, 2026-01-31T18:00+01:00'],
  ['source: thread: id: flag:', 'where it came from; ids; what is noteworthy'],
  ['is:', 'edited, deleted, encrypted, unrecognised, unreadable, flagged, copy, quarantined'],
];

export function QueryHelp({ onChoose }: { readonly onChoose: (text: string) => void }) {
  const [opened, { toggle, close }] = useDisclosure(false);
  return (
    <Popover opened={opened} onChange={(now) => !now && close()} width={520} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Search help" aria-expanded={opened} onClick={toggle}>
          <IconHelp size={18} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown maw="calc(100vw - 24px)" aria-label="Search help">
        <div className={styles['help']}>
          <Stack gap="sm">
            <Text fw={600}>Examples</Text>
            <Stack gap={2}>
              {examples.map(({ text, finds }) => (
                <UnstyledButton
                  key={text}
                  onClick={() => {
                    onChoose(text);
                    close();
                  }}
                >
                  <Anchor component="span" className="mono">
                    {text}
                  </Anchor>
                  <Text size="sm" c="dimmed">
                    {finds}
                  </Text>
                </UnstyledButton>
              ))}
            </Stack>
            <Text fw={600}>Fields</Text>
            <Table verticalSpacing={3} horizontalSpacing={4} withRowBorders={false}>
              <Table.Tbody>
                {fields.map(([names, means]) => (
                  <Table.Tr key={names}>
                    <Table.Th scope="row" className="mono" fw={500} w={170} style={{ verticalAlign: 'top' }}>
                      {names}
                    </Table.Th>
                    <Table.Td>{means}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
            <Text size="sm" c="dimmed">
              Case and accents do not count. Without its country, a number fits every one that ends with it.
            </Text>
            <Group gap={4}>
              <Text size="sm" c="dimmed">
                Keys: arrows move in the list, Enter opens, Escape closes, / leads to the box.
              </Text>
            </Group>
          </Stack>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
