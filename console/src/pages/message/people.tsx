/** Who wrote to whom, and when; each person leads to all messages in which they take part. */
import { Anchor, Badge, Button, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { MessageDetail } from '../../../../src/service/api.ts';
import { bytesText, countText, Instant } from '../../parts/figures.tsx';
import { condition } from '../messages/query-text.ts';
import styles from './message.module.css';

type Person = MessageDetail['people'][number];

const roles: readonly (readonly [string, string])[] = [
  ['sender', 'From'],
  ['on-behalf-of', 'On behalf of'],
  ['recipient', 'To'],
  ['cc', 'Cc'],
  ['bcc', 'Bcc'],
  ['group-member', 'In the group'],
  ['owner', 'Archived for'],
];
const shownFirst = 8;

export function People({ message }: { readonly message: MessageDetail }) {
  const { people } = message;
  if (people.length === 0) {
    return (
      <dl className={styles['people']}>
        <Row title="From">{message.from === '' ? '(nobody named)' : message.from}</Row>
        {message.to !== '' && <Row title="To">{message.to}</Row>}
      </dl>
    );
  }
  const known = new Set(roles.map(([role]) => role));
  const others = [...new Set(people.map(({ role }) => role).filter((role) => !known.has(role)))].map((role) => [role, role] as const);
  return (
    <dl className={styles['people']}>
      {[...roles, ...others].map(([role, title]) => {
        const inRole = people.filter((one) => one.role === role);
        return inRole.length === 0 ? null : (
          <Row key={role} title={title}>
            <PeopleList people={inRole} />
          </Row>
        );
      })}
      {message.threadName !== null && <Row title="Chat">{message.threadName}</Row>}
    </dl>
  );
}

function Row({ title, children }: { readonly title: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd dir="auto">{children}</dd>
    </div>
  );
}

function PeopleList({ people }: { readonly people: readonly Person[] }) {
  const [isLong, setLong] = useState(false);
  const shown = isLong ? people : people.slice(0, shownFirst);
  return (
    <ul className={styles['names']}>
      {shown.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a person may stand there twice, and the list does not move
        <li key={index}>
          <Name person={one} />
        </li>
      ))}
      {people.length > shown.length && (
        <li>
          <Button variant="subtle" size="compact-xs" onClick={() => setLong(true)}>
            and {countText(people.length - shown.length)} more
          </Button>
        </li>
      )}
    </ul>
  );
}

function Name({ person }: { readonly person: Person }) {
  const { name, number, email, display, monitored, external } = person;
  const asked = number ?? email ?? name ?? display;
  const called = name ?? number ?? email ?? display;
  const more = [number, email].filter((one) => one !== null && one !== called);
  return (
    <>
      <Anchor
        underline="always"
        component={Link}
        href={`/messages?q=${encodeURIComponent(condition('with', asked))}`}
        title={`All messages with ${asked}`}
      >
        {called === '' ? '(no name)' : called}
      </Anchor>
      {more.length > 0 && <span className={styles['more']}> {more.join(', ')}</span>}
      {monitored === true && (
        <Badge size="xs" ml={4} variant="light" color="harbour" tt="none" title="On the list of monitored people">
          monitored
        </Badge>
      )}
      {external === true && (
        <Badge size="xs" ml={4} variant="light" color="gray" tt="none" title="Outside of the domains of the owners and of the mailbox">
          outside
        </Badge>
      )}
    </>
  );
}

export function Times({ message }: { readonly message: MessageDetail }) {
  const arrivals = message.occurrences.map(({ acceptedAt }) => acceptedAt).sort();
  return (
    <Text size="sm" c="dimmed" component="div" className={styles['times'] ?? ''}>
      <span>
        Sent <Instant at={message.at} />
      </span>
      {arrivals[0] !== undefined && (
        <span>
          in the archive since <Instant at={arrivals[0]} />
        </span>
      )}
      <span className="figures">{bytesText(message.bytes)}</span>
    </Text>
  );
}
