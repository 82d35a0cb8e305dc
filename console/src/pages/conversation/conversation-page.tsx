/**
 * A conversation as it was had: who said what when, with what became of it. The archive's rule holds here too: nothing is hidden. An
 * original keeps its words whatever was edited or deleted later; each copy and each gap is named.
 *
 * The hard thing is length: only the items that can be seen exist, so paper (and the browser's own search) gets them all by `Print`.
 */
import { Badge, Button, Group, Text } from '@mantine/core';
import { IconPrinter, IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { Link, useParams, useSearchParams } from 'wouter';
import { Problem } from '../../parts/fault.tsx';
import { countOf, countText } from '../../parts/figures.tsx';
import { Loading, Page } from '../../parts/page.tsx';
import { condition } from '../messages/query-text.ts';
import { platformText } from '../messages/words.ts';
import styles from './conversation.module.css';
import { ConversationItem } from './conversation-item.tsx';
import { ConversationList } from './conversation-list.tsx';
import { DayLine, startsDay } from './day-line.tsx';
import { type About, type Reading, useConversation } from './use-conversation.ts';

const shownNames = 12;
const zone = new Intl.DateTimeFormat('en-GB').resolvedOptions().timeZone;

export function ConversationPage() {
  const { id = '' } = useParams<{ id: string }>();
  const [words] = useSearchParams();
  const around = words.get('around') ?? undefined;
  const reading = useConversation(decoded(id), around);
  const { about } = reading;
  const [printing, setPrinting] = useState(false);
  return (
    <Page
      title={about === undefined ? 'Conversation' : conversationTitle(about, reading)}
      subtitle={about !== undefined && <Subtitle about={about} title={conversationTitle(about, reading)} />}
      fill={!printing}
      actions={about !== undefined && <Actions about={about} isPrinting={printing} onPrint={() => setPrinting(true)} />}
    >
      {reading.error !== null && <Problem error={reading.error} actions={<Button onClick={reading.again}>Ask again</Button>} />}
      {about === undefined && reading.error === null && <Loading />}
      {about !== undefined &&
        (printing ? (
          <Whole reading={reading} onEnd={() => setPrinting(false)} />
        ) : (
          <ConversationList key={id} reading={reading} around={around} />
        ))}
    </Page>
  );
}

/** The router has decoded it already where it could. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function conversationTitle({ name, platform, chatType, participants }: About, { items }: Reading): string {
  if (name !== null && name !== '') return name;
  const subject = items.find((item) => item.subject !== null)?.subject;
  if (platform === null && subject !== null && subject !== undefined) return subject.trim() === '' ? '(no subject)' : subject;
  if (participants.length > 0) return participants.slice(0, 3).join(', ') + (participants.length > 3 ? ' …' : '');
  return chatType === 'unknown' ? 'Conversation' : `${chatType} chat`;
}

function Subtitle({ about, title }: { readonly about: About; readonly title: string }) {
  const { platform, chatType, participants, messages, inferred, owner, lag } = about;
  const more = participants.length - shownNames;
  const names = participants.slice(0, shownNames).join(', ');
  const kind = chatType === 'unknown' ? '' : chatType === 'direct' ? 'direct chat' : chatType;
  return (
    <>
      <Group gap={8}>
        {platform !== null && (
          <Badge variant="light" radius="sm" tt="none">
            {platformText(platform)}
          </Badge>
        )}
        {kind !== '' && <span>{kind}</span>}
        <span className="figures">{countOf(messages, 'message')}</span>
        {owner !== null && platform !== 'mail' && <span>at the right: {owner}</span>}
        <span>times in {zone}</span>
        {inferred && <span title="The feed gave no id for it.">held together by platform and participants only</span>}
        {lag > 0 && <span>{countText(lag)} messages of the archive are not read yet</span>}
      </Group>
      {names !== title && (
        <Text size="sm" dir="auto">
          {names}
          {more > 0 && ` and ${countText(more)} more`}
        </Text>
      )}
    </>
  );
}

function Actions({ about, isPrinting, onPrint }: { readonly about: About; readonly isPrinting: boolean; readonly onPrint: () => void }) {
  return (
    <Group gap="xs" className={styles['noPrint'] ?? ''}>
      {about.threadId !== null && (
        <Button
          component={Link}
          href={`/messages?q=${encodeURIComponent(condition('thread', about.threadId))}`}
          variant="default"
          leftSection={<IconSearch size={16} aria-hidden />}
        >
          Search in it
        </Button>
      )}
      <Button variant="default" loading={isPrinting} onClick={onPrint} leftSection={<IconPrinter size={16} aria-hidden />}>
        Print
      </Button>
    </Group>
  );
}

/** Paper is white: printed in dark colours the words would be too. @returns puts the colours back and goes on */
function inLight(next: () => void): () => void {
  const root = document.documentElement;
  const scheme = root.getAttribute('data-mantine-color-scheme') ?? 'light';
  root.setAttribute('data-mantine-color-scheme', 'light');
  return () => {
    root.setAttribute('data-mantine-color-scheme', scheme);
    next();
  };
}

/** Reads the conversation to both ends, shows all of it, and prints it. */
function Whole({ reading, onEnd }: { readonly reading: Reading; readonly onEnd: () => void }) {
  const { earlier, later, items, error } = reading;
  const isWhole = earlier === undefined && later === undefined && !reading.isLoadingEarlier && !reading.isLoadingLater;
  const failed = error !== null;
  useEffect(() => {
    if (failed) onEnd();
    else if (!isWhole) void (earlier ?? later)?.();
    else {
      const end = inLight(onEnd);
      window.addEventListener('afterprint', end, { once: true });
      window.print();
      return () => window.removeEventListener('afterprint', end);
    }
    return undefined;
  }, [failed, isWhole, earlier, later, onEnd]);
  return (
    <div className={styles['printed']}>
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a gap has no id of its own, and the list does not move
        <div key={index}>
          {startsDay(items[index - 1], item) && <DayLine at={item.at} />}
          <ConversationItem item={item} isTarget={false} isWhole />
        </div>
      ))}
    </div>
  );
}
