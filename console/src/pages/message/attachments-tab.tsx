/** The files of a message. They are only ever downloaded: nothing of them is shown by this page. */
import { Badge, Button, Text, Tooltip } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { MessageDetail } from '../../../../src/service/api.ts';
import { apiAddress } from '../../api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { bytesText } from '../../parts/figures.tsx';
import styles from './message.module.css';

type Attachment = MessageDetail['attachments'][number];

export function AttachmentsTab({ id, attachments }: { readonly id: string; readonly attachments: readonly Attachment[] }) {
  if (attachments.length === 0) return <Text c="dimmed">It has no attachments.</Text>;
  return (
    <ul className={styles['files']} aria-label="Attachments">
      {attachments.map((one) => (
        <li key={one.index}>
          <AttachmentCard id={id} attachment={one} />
        </li>
      ))}
    </ul>
  );
}

function AttachmentCard({ id, attachment }: { readonly id: string; readonly attachment: Attachment }) {
  const { index, name, type, bytes, sha256, sniffedType, role } = attachment;
  const called = name === '' ? `attachment ${index + 1}` : name;
  return (
    <>
      <div className={styles['file']}>
        <Text fw={600} className={styles['wrap'] ?? ''} dir="auto">
          {name === '' ? '(no name)' : name}
        </Text>
        <Text size="sm" c="dimmed" component="div">
          {bytesText(bytes)}, declared as <span className="mono">{type}</span>
          {role !== 'other' && `, ${role}`}
          {sniffedType !== null && (
            <Tooltip label="What its first bytes say that it is, against what is declared">
              <Badge ml={6} size="sm" radius="sm" color="yellow" variant="light" tt="none">
                its bytes say {sniffedType}
              </Badge>
            </Tooltip>
          )}
        </Text>
        {sha256 === null ? (
          <Text size="sm" c="dimmed">
            Not read to its end, so it has no hash here.
          </Text>
        ) : (
          <div className={styles['hash']}>
            <span className="mono">SHA-256 {sha256}</span>
            <CopyButton value={sha256} what={`the hash of ${called}`} />
          </div>
        )}
      </div>
      <Button
        component="a"
        href={apiAddress(`/messages/${id}/attachments/${index}`)}
        download
        variant="default"
        size="xs"
        leftSection={<IconDownload size={15} aria-hidden />}
        aria-label={`Download ${called}`}
      >
        Download
      </Button>
    </>
  );
}
