/** One item of a conversation: words in a bubble, a call, a mail, something that happened, or a gap; and below it what became of it. */
import { Anchor, Badge, Spoiler, Text } from '@mantine/core';
import { IconAlertTriangle, IconPaperclip, IconPhone, IconPhoneOff, IconVideo } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { apiAddress } from '../../api.ts';
import { bytesText, countOf } from '../../parts/figures.tsx';
import { callDuration, callResult, markLook } from '../messages/words.ts';
import styles from './conversation.module.css';
import { editedWords } from './edit-text.ts';
import type { Item } from './use-conversation.ts';

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
const plainKinds = new Set(['message', 'call', 'unknown']);
/** Marks that the item shows by itself. */
const shownOtherwise = new Set(['edited', 'deleted', 'copy']);

export function ConversationItem({
  item,
  isTarget,
  isWhole,
}: {
  readonly item: Item;
  /** It is the one that somebody came from. */
  readonly isTarget: boolean;
  /** Long texts are shown to their end, for paper. */
  readonly isWhole: boolean;
}) {
  if (item.missing !== null) return <Gap item={item} />;
  const isMail = item.subject !== null;
  const side = isMail ? styles['mail'] : item.own ? styles['own'] : styles['other'];
  const isDeleted = item.changes.some(({ kind }) => kind === 'delete');
  const isEdited = item.changes.some(({ kind }) => kind === 'edit');
  return (
    <article
      className={`${styles['item'] ?? ''} ${side ?? ''} ${isTarget ? (styles['target'] ?? '') : ''}`}
      aria-label={`${item.from}, ${dayAndClock.format(new Date(item.at))}`}
      {...(isTarget ? { 'aria-current': 'true' as const } : {})}
    >
      <header className={styles['head']}>
        <b dir="auto">{item.from === '' ? '(nobody named)' : item.from}</b>
        {isMail && item.to !== '' && <span dir="auto"> → {item.to}</span>}
        <ItemTime item={item} />
        {item.id !== null && <span className={`mono ${styles['onPaper'] ?? ''}`}>{item.id}</span>}
      </header>
      <div className={styles['bubble']}>
        {isMail && (
          <Text fw={600} dir="auto">
            {item.subject?.trim() === '' ? '(no subject)' : item.subject}
          </Text>
        )}
        {item.kind !== null && !plainKinds.has(item.kind) && (
          <Badge size="sm" variant="light" color="gray" tt="none">
            {item.kind}
          </Badge>
        )}
        {item.call !== null && <CallCard call={item.call} modality={item.modality} />}
        <Words item={item} isDeleted={isDeleted} isEdited={isEdited} isWhole={isWhole} />
        <Files item={item} />
        <Marks item={item} />
      </div>
      <Changes item={item} />
      <Copies owners={item.owners} copies={item.copies} />
    </article>
  );
}

/** Lines that the card of the call shows already are not said again. */
function wordsOf({ text, call }: Item): string {
  const said = new Set(call?.legs ?? []);
  const lines = text.split('\n').filter((line) => !said.has(line.trim()));
  return lines.join('\n').trim();
}

function ItemTime({ item }: { readonly item: Item }) {
  const time = (
    <time dateTime={item.at} className="figures" title={item.at.replace('T', ' ').replace(/\.\d+Z$/, 'Z')}>
      {clock.format(new Date(item.at))}
    </time>
  );
  return item.id === null ? (
    time
  ) : (
    <Anchor component={Link} href={`/messages/${item.id}`} className={styles['time'] ?? ''} title="Open this message">
      {time}
    </Anchor>
  );
}

function Words({
  item,
  isDeleted,
  isEdited,
  isWhole,
}: {
  readonly item: Item;
  readonly isDeleted: boolean;
  readonly isEdited: boolean;
  readonly isWhole: boolean;
}) {
  if (item.damaged) {
    return (
      <Text size="sm" className={styles['warn'] ?? ''}>
        Its stored bytes cannot be read; `postern archive verify` names the damage.
      </Text>
    );
  }
  const text = wordsOf(item);
  if (text === '') return item.call === null && item.attachments.length === 0 && !isDeleted ? <Text c="dimmed">(no text)</Text> : null;
  const words = (
    <div className={`${styles['words'] ?? ''} ${isDeleted ? (styles['gone'] ?? '') : ''}`} dir="auto">
      {isDeleted ? <del>{text}</del> : text}
    </div>
  );
  return (
    <>
      {isEdited && <div className={styles['label']}>As it was first sent</div>}
      {isWhole || text.length < 900 ? (
        words
      ) : (
        <Spoiler maxHeight={280} showLabel="Show all" hideLabel="Show less">
          {words}
        </Spoiler>
      )}
      {item.cut && item.id !== null && (
        <Anchor component={Link} href={`/messages/${item.id}`} size="sm">
          The text goes on in the message
        </Anchor>
      )}
    </>
  );
}

function CallCard({ call, modality }: { readonly call: NonNullable<Item['call']>; readonly modality: string | null }) {
  const isVideo = modality === 'video';
  const isAnswered = call.result === 'ok' || (call.durationSec ?? 0) > 0;
  const Icon = isVideo ? IconVideo : isAnswered || call.result === null ? IconPhone : IconPhoneOff;
  const said = [call.result === null ? '' : callResult(call.result), call.durationSec === null ? '' : callDuration(call.durationSec)];
  return (
    <div className={styles['call']}>
      <Icon size={22} stroke={1.6} aria-hidden />
      <div>
        <Text fw={600}>{isVideo ? 'Video call' : 'Voice call'}</Text>
        <Text size="sm">{said.filter((one) => one !== '').join(', ') || 'nothing more is known of it'}</Text>
        {call.start !== null && call.end !== null && (
          <Text size="sm" c="dimmed" className="figures">
            {clock.format(new Date(call.start))} to {clock.format(new Date(call.end))}
          </Text>
        )}
        {call.legs.map((leg) => (
          <Text key={leg} size="sm" c="dimmed" dir="auto">
            {leg}
          </Text>
        ))}
      </div>
    </div>
  );
}

function Files({ item }: { readonly item: Item }) {
  if (item.attachments.length === 0 || item.id === null) return null;
  return (
    <ul className={styles['files']}>
      {item.attachments.map(({ index, name, type, bytes }) => (
        <li key={index}>
          <IconPaperclip size={14} aria-hidden />
          <Anchor href={apiAddress(`/messages/${item.id ?? ''}/attachments/${index}`)} download title={`Download ${type}`}>
            {name === '' ? '(no name)' : name}
          </Anchor>
          <span>{bytesText(bytes)}</span>
        </li>
      ))}
    </ul>
  );
}

function Marks({ item }: { readonly item: Item }) {
  return item.marks
    .filter((mark) => !shownOtherwise.has(mark))
    .map((mark) => {
      const look = markLook(mark);
      return (
        <Badge key={mark} size="sm" variant="light" color={look.color} tt="none" mr={4} title={look.means}>
          {look.word}
        </Badge>
      );
    });
}

type ItemChange = Item['changes'][number];

/** @param isAlone the original is missing: then the words of its changes are all there is */
function Changes({ item, isAlone = false }: { readonly item: Item; readonly isAlone?: boolean }) {
  const said = [item.text];
  return item.changes.map((change) => {
    const text = change.kind === 'edit' && !isAlone ? editedWords(change.text, said) : change.text.trim();
    if (change.kind === 'edit') said.push(text);
    return <Change key={change.id} change={change} at={item.at} text={change.kind === 'edit' || isAlone ? text : ''} />;
  });
}

/** An edit with its words, or a deletion; a deletion repeats what stands above it, so it has no words where something stands there. */
function Change({ change, at, text }: { readonly change: ItemChange; readonly at: string; readonly text: string }) {
  const sameDay = new Date(at).toDateString() === new Date(change.at).toDateString();
  const when = (sameDay ? clock : dayAndClock).format(new Date(change.at));
  const whom = change.deletedFor === 'all' ? ' for everyone' : change.deletedFor === 'me' ? ' for the owner only' : '';
  const read = change.readState === null || change.readState === 'unknown' ? '' : `, ${change.readState} before`;
  return (
    <section className={`${styles['change'] ?? ''} ${change.kind === 'delete' ? (styles['deletion'] ?? '') : ''}`}>
      <Anchor component={Link} href={`/messages/${change.id}`} title="Open the message that says so">
        {change.kind === 'edit' ? 'Edited' : 'Deleted'} {when}
        {change.kind === 'delete' && whom}
      </Anchor>
      {read}
      {change.copies.length > 0 && <span>, {countOf(change.copies.length, 'copy', 'copies')} of this</span>}
      {text !== '' && (
        <div className={styles['words']} dir="auto">
          {text}
        </div>
      )}
    </section>
  );
}

function Copies({ owners, copies }: { readonly owners: readonly string[]; readonly copies: readonly string[] }) {
  if (owners.length < 2 && copies.length === 0) return null;
  return (
    <footer className={styles['copies']}>
      {owners.length > 1 && <>In the archives of {owners.join(', ')}. </>}
      {copies.length > 0 && (
        <>
          {countOf(copies.length, 'copy', 'copies')}:{' '}
          {copies.slice(0, 6).map((id, index) => (
            <span key={id}>
              {index > 0 && ', '}
              <Anchor component={Link} href={`/messages/${id}`} className="mono">
                {id.slice(0, 8)}
              </Anchor>
            </span>
          ))}
          {copies.length > 6 && ', …'}
        </>
      )}
    </footer>
  );
}

function Gap({ item }: { readonly item: Item }): ReactNode {
  const named = item.missing?.nativeId;
  return (
    <article className={`${styles['item'] ?? ''} ${styles['gap'] ?? ''}`} aria-label="Gap">
      <header className={styles['head']}>
        <IconAlertTriangle size={16} aria-hidden />
        <b>Gap</b>
        <ItemTime item={item} />
      </header>
      <Text size="sm" className={styles['wrap'] ?? ''}>
        {named == null ? (
          'An item that is not named'
        ) : (
          <>
            Item <span className="mono">{named}</span>
          </>
        )}{' '}
        is not in the archive. It is known only by what became of it{item.from !== '' && <>, from {item.from}</>}:
      </Text>
      <Changes item={item} isAlone />
    </article>
  );
}
