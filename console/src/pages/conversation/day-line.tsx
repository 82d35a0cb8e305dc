/** The day between two days of a conversation, in the reader's own time. */
import styles from './conversation.module.css';
import type { Item } from './use-conversation.ts';

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

export function startsDay(before: Item | undefined, item: Item): boolean {
  return before === undefined || new Date(before.at).toDateString() !== new Date(item.at).toDateString();
}

export function DayLine({ at }: { readonly at: string }) {
  return (
    <h2 className={styles['day']}>
      <span>{day.format(new Date(at))}</span>
    </h2>
  );
}
