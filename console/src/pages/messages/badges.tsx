/** The small signs of a message: what it is, which way it went, and what a person should know of it. Each has a word, none only a colour. */
import { IconArrowDownLeft, IconArrowsLeftRight, IconArrowUpRight, IconPaperclip } from '@tabler/icons-react';
import { countOf } from '../../parts/figures.tsx';
import styles from './badges.module.css';
import { directionText, markLook, shownMarks, whatText } from './words.ts';

interface Signs {
  readonly platform: string | null;
  readonly modality: string | null;
  readonly kind: string | null;
  readonly direction: string | null;
  readonly format: string | null;
  readonly marks: readonly string[];
}

const arrows = { in: IconArrowDownLeft, out: IconArrowUpRight, internal: IconArrowsLeftRight } as const;

function isArrow(direction: string): direction is keyof typeof arrows {
  return Object.hasOwn(arrows, direction);
}

export function MessageBadges({ signs, attachments = 0 }: { readonly signs: Signs; readonly attachments?: number }) {
  const { platform, modality, kind, direction, format, marks } = signs;
  const what = whatText(platform, modality);
  return (
    <span className={styles['signs']}>
      {format === null && <Sign color="gray" word="not read yet" title="It is durable, and will be searchable in a moment." />}
      {what !== '' && <Sign color="harbour" word={what} />}
      {what === '' && format !== null && <Sign color="gray" word={format === 'journal' ? 'journal report' : 'mail'} />}
      {kind !== null && kind !== 'message' && kind !== 'call' && kind !== 'unknown' && <Sign color="gray" word={kind} />}
      {direction !== null && isArrow(direction) && <DirectionSign direction={direction} />}
      {attachments > 0 && (
        <Sign
          color="gray"
          word={String(attachments)}
          icon={<IconPaperclip size={12} aria-hidden />}
          title={countOf(attachments, 'attachment')}
        />
      )}
      {shownMarks(marks).map((mark) => {
        const look = markLook(mark);
        return <Sign key={mark} color={look.color} word={look.word} title={look.means} />;
      })}
    </span>
  );
}

function DirectionSign({ direction }: { readonly direction: keyof typeof arrows }) {
  const Icon = arrows[direction];
  return <Sign color="gray" word={directionText(direction)} icon={<Icon size={12} aria-hidden />} />;
}

/** A plain element and no component: a list of them is drawn anew with every turn of the wheel. */
function Sign({
  word,
  color,
  title,
  icon,
}: {
  readonly word: string;
  readonly color: string;
  readonly title?: string;
  readonly icon?: React.ReactNode;
}) {
  return (
    <span className={`${styles['sign'] ?? ''} ${styles[color] ?? ''}`} {...(title === undefined ? {} : { title })}>
      {icon}
      {word}
    </span>
  );
}
