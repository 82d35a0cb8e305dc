/** One message in quarantine: which, why in words, since when, and what there is of it. */
import { Anchor, Badge, Checkbox, Group, Text } from '@mantine/core';
import { IconClock } from '@tabler/icons-react';
import { Link } from 'wouter';
import type { Quarantined } from '../../../../src/service/api.ts';
import { bytesText, Instant, TimeAgo } from '../../parts/figures.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import styles from './quarantine.module.css';
import { quarantineMeaning, quarantineReason } from './reasons.ts';

export function keyOf({ source, folder, uidValidity, uid, uidl }: Quarantined): string {
  return JSON.stringify([source, folder, uidValidity, uid, uidl]);
}

/** `UID 31 of INBOX in telemessage`. */
export function placeText({ source, folder, uid, uidl }: Quarantined): string {
  return `${uidl === null ? `UID ${uid}` : `UIDL ${uidl}`} of ${folder} in ${source}`;
}

export function QuarantineRow({
  message,
  number,
  isChosen,
  onToggle,
}: {
  readonly message: Quarantined;
  readonly number: number;
  readonly isChosen: boolean;
  /** Undefined for those who may not ask again. */
  readonly onToggle: (() => void) | undefined;
}) {
  const { source, folder, uidValidity, uid, uidl, reason, says, keptSince, internalDate, bytes, sha256, renumbered, asked } = message;
  const meaning = says === '' || says === quarantineReason(reason) ? quarantineMeaning(reason) : says;
  return (
    <article className={`panel ${styles['row'] ?? ''}`} aria-label={placeText(message)}>
      {onToggle !== undefined && (
        <Checkbox
          aria-label={`Select message ${number}`}
          checked={isChosen && asked === null && !renumbered}
          disabled={renumbered || asked !== null}
          onChange={onToggle}
          mt={2}
        />
      )}
      <div className={styles['words']}>
        <Group gap={8}>
          <Text fw={600} component="span" title={`UIDVALIDITY ${uidValidity}`}>
            {uidl === null ? `UID ${uid}` : `UIDL ${uidl}`}
          </Text>
          <span>
            <Anchor component={Link} href={`/sources/${encodeURIComponent(source)}`}>
              {source}
            </Anchor>
            <Text span c="dimmed">
              {' '}
              / {folder}
            </Text>
          </span>
          <Badge variant="light" color="yellow" tt="none" radius="sm">
            {reason}
          </Badge>
          {asked !== null && <StateBadge color="harbour" icon={IconClock} word="asked for again" title={`by ${asked.by}`} />}
        </Group>
        <Text>{meaning}</Text>
        <Text size="sm" c="dimmed" component="div" className={styles['facts'] ?? ''}>
          <span>
            kept apart since <Instant at={keptSince} />
          </span>
          {internalDate !== null && (
            <span>
              on the server since <Instant at={internalDate} />
            </span>
          )}
          {sha256 === null ? (
            <span>no bytes: {bytes === null ? 'none came' : `none came; the server announces ${bytesText(bytes)}`}</span>
          ) : (
            <span>
              {bytes === null ? 'bytes' : bytesText(bytes)} kept:{' '}
              <Anchor component={Link} href={`/messages/${sha256}`} underline="always">
                look at what came
              </Anchor>
            </span>
          )}
          {asked !== null && (
            <span>
              asked for by {asked.by}, <TimeAgo at={asked.at} />: the answer comes with the next look
            </span>
          )}
        </Text>
        {renumbered && (
          <Text size="sm" style={{ color: 'var(--postern-warn)' }}>
            The server knows it by another number now, so there is nothing to ask for under this one. If it is still there, it came in again
            as a message of its own.
          </Text>
        )}
      </div>
    </article>
  );
}
