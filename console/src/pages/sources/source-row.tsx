/** One source in the list. */
import { Badge, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { SourceCard } from '../../../../src/service/api.ts';
import { FaultLine } from '../../parts/fault.tsx';
import { countText, durationText, TimeAgo } from '../../parts/figures.tsx';
import { Sparkline } from '../../parts/sparkline.tsx';
import { SourceStateBadge } from '../../parts/state-badge.tsx';
import { SourceActions } from './source-actions.tsx';

export function SourceRow({ card }: { readonly card: SourceCard }) {
  const worst = card.concerns[0];
  return (
    <li className="source-row" aria-labelledby={`source-${card.name}`}>
      <div className="source-main">
        <div className="source-title">
          <Link href={`/sources/${encodeURIComponent(card.name)}`} id={`source-${card.name}`} className="source-name">
            {card.name}
          </Link>
          <SourceStateBadge state={card.state} />
          {card.running && card.state !== 'paused' && (
            <Badge color="harbour" variant="outline" radius="sm" tt="none" size="sm">
              looking now
            </Badge>
          )}
        </div>
        <Text size="sm" c="dimmed" className="source-mailbox" component="div">
          <span>{card.mailbox}</span>
          <span>{card.protocol === 'imap' ? 'IMAP' : 'POP3'}</span>
          <span>{card.authentication === 'oauth2' ? 'OAuth 2.0' : 'password'}</span>
          {card.origin === 'file' && <span>configuration file</span>}
        </Text>
      </div>
      <dl className="source-figures figures">
        <Figure name="Last message">
          <TimeAgo at={card.lastArrival} never="none yet" />
        </Figure>
        <Figure name="Lag">{card.lagSeconds === null ? '–' : durationText(card.lagSeconds)}</Figure>
        <Figure name="Messages">{countText(card.messages)}</Figure>
        <Figure name="Last 24 hours">
          <Sparkline values={card.arrivals} />
        </Figure>
      </dl>
      <SourceActions card={card} />
      {worst !== undefined && (
        <div className="source-wrong">
          <FaultLine
            fault={worst.fault}
            level={card.state === 'refused' || card.state === 'stopped' ? 'fault' : 'warning'}
            known={{ SOURCE: card.name, MAILBOX: card.mailbox }}
          />
          <Link href={`/sources/${encodeURIComponent(card.name)}`} className="source-more">
            {card.concerns.length > 1 ? `All of it, and ${countText(card.concerns.length - 1)} more` : 'All of it'}
            <span className="visually-hidden">: {card.name}</span>
          </Link>
        </div>
      )}
    </li>
  );
}

function Figure({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
