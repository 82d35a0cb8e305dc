/**
 * One message whole: who and when, what it says, what was made of it, its files, its bytes, and where it was met. It stands in the reading
 * pane and on a page of its own.
 *
 * The hard thing is that every word of it comes from outside: it is shown as text, or in a frame in which nothing runs.
 */
import { ActionIcon, Alert, Anchor, Badge, Button, Group, Stack, Tabs, Text, Title, Tooltip } from '@mantine/core';
import {
  IconArrowLeft,
  IconArrowsDiagonal,
  IconChevronDown,
  IconChevronUp,
  IconDownload,
  IconLink,
  IconMessages,
  IconX,
} from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { MessageDetail } from '../../../../src/service/api.ts';
import { apiAddress } from '../../api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { countOf } from '../../parts/figures.tsx';
import { Loaded } from '../../parts/page.tsx';
import { MessageBadges } from '../messages/badges.tsx';
import { callDuration, callResult } from '../messages/words.ts';
import { AttachmentsTab } from './attachments-tab.tsx';
import styles from './message.module.css';
import { MessageBody } from './message-body.tsx';
import { People, Times } from './people.tsx';
import { PlacesTab } from './places-tab.tsx';
import { RecordTab } from './record-tab.tsx';
import { SourceTab } from './source-tab.tsx';
import { useMessage } from './use-message.ts';

export interface Neighbours {
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export function messageTitle(message: MessageDetail): string {
  return message.subject.trim() === '' ? '(no subject)' : message.subject;
}

export function conversationAddress({ threadId, id }: Pick<MessageDetail, 'threadId' | 'id'>): string {
  return `/conversations/${encodeURIComponent(threadId ?? id)}?around=${id}`;
}

export function MessageView({
  id,
  headingOrder,
  onClose,
  closeWord = 'Close',
  neighbours,
}: {
  readonly id: string;
  /** Undefined: the page's own heading names it. */
  readonly headingOrder: 2 | undefined;
  readonly onClose?: () => void;
  readonly closeWord?: string;
  readonly neighbours?: Neighbours;
}) {
  const message = useMessage(id);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the pane wherever the focus is within it
    <div onKeyDown={(event) => event.key === 'Escape' && onClose?.()}>
      {onClose !== undefined && <PaneBar id={id} onClose={onClose} closeWord={closeWord} neighbours={neighbours} />}
      <Loaded query={message}>{(data) => <Whole message={data} headingOrder={headingOrder} />}</Loaded>
    </div>
  );
}

function PaneBar({
  id,
  onClose,
  closeWord,
  neighbours,
}: {
  readonly id: string;
  readonly onClose: () => void;
  readonly closeWord: string;
  readonly neighbours: Neighbours | undefined;
}) {
  const steps = [
    { to: neighbours?.before, word: 'Previous message', icon: IconChevronUp },
    { to: neighbours?.after, word: 'Next message', icon: IconChevronDown },
  ];
  const isBack = closeWord !== 'Close';
  return (
    <Group justify="space-between" mb={4} className={styles['bar'] ?? ''}>
      <Group gap={2}>
        {isBack && (
          <Button variant="subtle" size="compact-sm" leftSection={<IconArrowLeft size={16} aria-hidden />} onClick={onClose}>
            {closeWord}
          </Button>
        )}
        {steps.map(({ to, word, icon: Icon }) =>
          to === undefined ? null : (
            <Tooltip key={word} label={word}>
              <ActionIcon component={Link} href={to} variant="subtle" color="gray" aria-label={word}>
                <Icon size={18} aria-hidden />
              </ActionIcon>
            </Tooltip>
          ),
        )}
      </Group>
      {!isBack && (
        <Group gap={2}>
          <Tooltip label="Open on a page of its own">
            <ActionIcon component={Link} href={`/messages/${id}`} variant="subtle" color="gray" aria-label="Open on a page of its own">
              <IconArrowsDiagonal size={17} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Close (Escape)">
            <ActionIcon variant="subtle" color="gray" aria-label={closeWord} onClick={onClose}>
              <IconX size={18} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </Group>
  );
}

function Whole({ message, headingOrder }: { readonly message: MessageDetail; readonly headingOrder: 2 | undefined }) {
  const [tab, setTab] = useState<string | null>('message');
  const noteworthy = message.flags.length + (message.problem === null ? 0 : 1);
  return (
    <Stack gap="sm">
      {headingOrder !== undefined && (
        <Title order={headingOrder} className={styles['title'] ?? ''} dir="auto">
          {messageTitle(message)}
        </Title>
      )}
      <MessageBadges signs={message} attachments={message.attachments.length} />
      <People message={message} />
      <Times message={message} />
      {message.call !== null && <CallLine call={message.call} />}
      <Actions message={message} />
      <Related message={message} />
      <Tabs value={tab} onChange={setTab} keepMounted={false} classNames={{ tab: styles['tab'] ?? '' }}>
        <Tabs.List>
          <Tabs.Tab value="message">Message</Tabs.Tab>
          <Tabs.Tab value="record" rightSection={noteworthy === 0 ? undefined : <Noteworthy count={noteworthy} />}>
            Record
          </Tabs.Tab>
          <Tabs.Tab value="attachments">Attachments{message.attachments.length > 0 && ` (${message.attachments.length})`}</Tabs.Tab>
          <Tabs.Tab value="source">Headers &amp; raw</Tabs.Tab>
          <Tabs.Tab value="places">Where it was met</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="message" pt="sm">
          <MessageBody message={message} />
        </Tabs.Panel>
        <Tabs.Panel value="record" pt="sm">
          <RecordTab message={message} />
        </Tabs.Panel>
        <Tabs.Panel value="attachments" pt="sm">
          <AttachmentsTab id={message.id} attachments={message.attachments} />
        </Tabs.Panel>
        <Tabs.Panel value="source" pt="sm">
          <SourceTab id={message.id} bytes={message.bytes} />
        </Tabs.Panel>
        <Tabs.Panel value="places" pt="sm">
          <PlacesTab message={message} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

function Noteworthy({ count }: { readonly count: number }) {
  return (
    <Badge size="xs" color="yellow" variant="light" title={`${countOf(count, 'flag')}: a person should know of it`}>
      {count}
    </Badge>
  );
}

function CallLine({ call }: { readonly call: NonNullable<MessageDetail['call']> }) {
  const said = [
    call.result === null ? '' : callResult(call.result),
    call.durationSec === null ? '' : callDuration(call.durationSec),
  ].filter((one) => one !== '');
  return (
    <div>
      <Text fw={600}>Call{said.length > 0 && `: ${said.join(', ')}`}</Text>
      {call.legs.map((leg) => (
        <Text key={leg} size="sm" c="dimmed" dir="auto">
          {leg}
        </Text>
      ))}
    </div>
  );
}

function Actions({ message }: { readonly message: MessageDetail }) {
  const link = `${window.location.origin}/messages/${message.id}`;
  return (
    <Group gap="xs">
      <Button
        component={Link}
        href={conversationAddress(message)}
        variant="default"
        size="xs"
        leftSection={<IconMessages size={15} aria-hidden />}
      >
        Conversation
      </Button>
      <Button
        component="a"
        href={apiAddress(`/messages/${message.id}/raw`)}
        download
        variant="default"
        size="xs"
        leftSection={<IconDownload size={15} aria-hidden />}
      >
        Download .eml
      </Button>
      <CopyButton value={message.id} what="id" wide />
      <CopyButton value={link} what="link" wide />
    </Group>
  );
}

const relationWords = { edits: 'It edits', deletes: 'It deletes', replyTo: 'It answers', status: 'It tells the state of' } as const;

/** What this item is about: the original of an edit, of a deletion, of an answer. */
function Related({ message }: { readonly message: MessageDetail }) {
  if (message.relations.length === 0) return null;
  return (
    <Alert variant="light" color="gray" p="xs" icon={<IconLink size={16} aria-hidden />}>
      {message.relations.map(({ kind, nativeId, messages }) => (
        <Text key={`${kind}${nativeId ?? ''}`} size="sm" className={styles['wrap'] ?? ''}>
          {relationWords[kind]}{' '}
          {messages.length === 0 ? (
            <>an item that is not in the archive{nativeId !== null && <span className="mono">: {nativeId}</span>}</>
          ) : (
            messages.slice(0, 5).map((id, index) => (
              <span key={id}>
                {index > 0 && ', '}
                <Anchor component={Link} href={`/messages/${id}`} underline="always">
                  {index === 0 ? 'this message' : `copy ${index}`}
                </Anchor>
              </span>
            ))
          )}
        </Text>
      ))}
    </Alert>
  );
}
