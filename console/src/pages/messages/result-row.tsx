/**
 * One found message: when, who, what it says, and its signs. It is a link, so that it can be opened in another tab as well.
 * Of a captured item the words are shown and not the subject, which the app made.
 */
import { memo } from 'react';
import { Link } from 'wouter';
import type { MessageRow } from '../../../../src/service/api.ts';
import { useNow } from '../../parts/figures.tsx';
import { MessageBadges } from './badges.tsx';
import { MarkedText, plainText } from './marked-text.tsx';
import styles from './messages.module.css';

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayOfYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const anyDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** `14:05` today, `12 Jan` this year, `12 Jan 2024` before. */
export function shortTime(at: string, now: number): string {
  const date = new Date(at);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return clock.format(date);
  return date.getFullYear() === today.getFullYear() ? `${dayOfYear.format(date)}, ${clock.format(date)}` : anyDay.format(date);
}

/** Drawn again only when something of it has changed, however fast the list moves. */
export const ResultRow = memo(function ResultRow({
  row,
  index,
  href,
  isOpen,
  isCurrent,
  onFocus,
}: {
  readonly row: MessageRow;
  readonly index: number;
  readonly href: string;
  readonly isOpen: boolean;
  /** The one that Tab leads to. */
  readonly isCurrent: boolean;
  readonly onFocus: (index: number) => void;
}) {
  const now = useNow();
  const captured = row.format === 'telemessage';
  const subject = plainText(row.subject).trim();
  return (
    <Link
      href={href}
      className={`${styles['row'] ?? ''} ${isOpen ? (styles['open'] ?? '') : ''}`}
      tabIndex={isCurrent ? 0 : -1}
      data-row={index}
      {...(isOpen ? { 'aria-current': 'true' as const } : {})}
      onFocus={() => onFocus(index)}
    >
      <span className={styles['line']}>
        <span className={styles['who']} dir="auto">
          {row.from === '' ? '(nobody named)' : row.from}
          {row.to !== '' && <span className={styles['to']}> → {row.to}</span>}
        </span>
        <time className={styles['when']} dateTime={row.at} title={row.at.replace('T', ' ').replace(/\.\d+Z$/, 'Z')}>
          {shortTime(row.at, now)}
        </time>
      </span>
      {!captured && (
        <span className={styles['subject']} dir="auto">
          {subject === '' ? '(no subject)' : <MarkedText text={row.subject} />}
        </span>
      )}
      <span className={captured ? styles['words'] : styles['snippet']} dir="auto">
        {plainText(row.snippet).trim() === '' ? captured ? <MarkedText text={row.subject} /> : ' ' : <MarkedText text={row.snippet} />}
      </span>
      <MessageBadges signs={row} attachments={row.attachments} />
    </Link>
  );
});
