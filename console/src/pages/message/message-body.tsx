/**
 * What a message says: its text, or its HTML in a frame in which nothing runs and nothing is loaded.
 *
 * The hard thing is hostile HTML. The frame has no permission at all (`sandbox=""`), the service took out what is active, and beside it
 * stands what was taken out and where its links truly lead, because in the frame they lead nowhere.
 */
import { Alert, Anchor, Badge, Group, SegmentedControl, Spoiler, Stack, Text } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useState } from 'react';
import type { HtmlReport, MessageDetail } from '../../../../src/service/api.ts';
import { apiAddress } from '../../api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { countOf } from '../../parts/figures.tsx';
import { Loaded } from '../../parts/page.tsx';
import styles from './message.module.css';
import { useMessagePart } from './use-message.ts';

interface MessageText {
  readonly text: string;
  readonly cut: boolean;
}

export function MessageBody({ message }: { readonly message: MessageDetail }) {
  const isMail = message.format !== 'telemessage';
  const [view, setView] = useState(message.hasHtml && isMail ? 'html' : 'text');
  return (
    <Stack gap="sm">
      {message.problem !== null && (
        <Alert color="yellow" title="The parser gave up on this message">
          {message.problem} Its bytes are whole: they are under “Headers &amp; raw”, and can be downloaded.
        </Alert>
      )}
      {message.hasHtml && (
        <SegmentedControl
          size="xs"
          w="fit-content"
          aria-label="Show as"
          value={view}
          onChange={setView}
          data={[
            { value: 'html', label: 'HTML' },
            { value: 'text', label: 'Text' },
          ]}
        />
      )}
      {view === 'html' ? <HtmlBody id={message.id} /> : <TextBody id={message.id} />}
    </Stack>
  );
}

function TextBody({ id }: { readonly id: string }) {
  const read = useMessagePart<MessageText>(id, 'text');
  return (
    <Loaded query={read}>
      {({ text, cut }) =>
        text.trim() === '' ? (
          <Text c="dimmed">It has no text.</Text>
        ) : (
          <>
            <div className={styles['text']} dir="auto">
              {text}
            </div>
            {cut && (
              <Text size="sm" c="dimmed">
                The text goes on; the whole is in the download.
              </Text>
            )}
          </>
        )
      }
    </Loaded>
  );
}

function HtmlBody({ id }: { readonly id: string }) {
  const report = useMessagePart<HtmlReport>(id, 'html-report');
  return (
    <Stack gap="xs">
      <iframe
        sandbox=""
        src={apiAddress(`/messages/${id}/html`)}
        title="HTML of the message"
        className={styles['frame']}
        referrerPolicy="no-referrer"
      />
      <Loaded query={report}>{(told) => <Report report={told} />}</Loaded>
    </Stack>
  );
}

function Report({ report }: { readonly report: HtmlReport }) {
  const { remote, removed, links, cut } = report;
  const taken = removed.map(({ what, count }) => `${count} × ${what}`).join(', ');
  return (
    <Stack gap="xs">
      {(remote > 0 || removed.length > 0 || cut) && (
        <Alert variant="light" color="gray" p="xs" icon={<IconShieldCheck size={18} aria-hidden />}>
          {remote > 0 && (
            <Text size="sm">
              {countOf(remote, 'picture or style', 'pictures or styles')} of other hosts {remote === 1 ? 'was' : 'were'} not loaded: loading
              them would tell the sender that this was read.
            </Text>
          )}
          {removed.length > 0 && <Text size="sm">Taken out: {taken}. The bytes in the archive still have it.</Text>}
          {cut && <Text size="sm">It was too much to show: what stands above ends before the message does.</Text>}
        </Alert>
      )}
      {links.length > 0 && (
        <section aria-label="Links of the message">
          <Text size="sm" fw={600}>
            {countOf(links.length, 'link')}, and where each leads
          </Text>
          <Spoiler maxHeight={150} showLabel="Show all links" hideLabel="Show fewer">
            <ul className={styles['links']}>
              {links.map(({ text, href, mismatch }, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the same link may stand there twice, and the list does not move
                <li key={index}>
                  <Group gap={6} wrap="nowrap" align="flex-start">
                    <CopyButton value={href} what="the address of this link" />
                    <span className={styles['wrap']}>
                      {text.trim() !== '' && text.trim() !== href && <>{text.trim()} → </>}
                      <Anchor component="span" className="mono" underline="never">
                        {href}
                      </Anchor>
                      {mismatch && (
                        <Badge ml={6} size="sm" color="red" variant="light" tt="none">
                          says another address than it leads to
                        </Badge>
                      )}
                    </span>
                  </Group>
                </li>
              ))}
            </ul>
          </Spoiler>
        </section>
      )}
    </Stack>
  );
}
