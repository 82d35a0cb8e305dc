/** Alerts: what is wrong now and since when, what to do about it, and who has taken it on; and those that are over. */
import { Anchor, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconBellCheck, IconCheck, IconCircleX, IconInfoCircle, IconUserCheck } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { Alert } from '../../../../src/service/api.ts';
import { ConfirmButton } from '../../parts/confirm.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FaultNote } from '../../parts/fault.tsx';
import { Instant, TimeAgo } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useApi, useMay, useRead } from '../../session.tsx';

const severities = {
  critical: { color: 'red', icon: IconCircleX, rank: 0 },
  warning: { color: 'yellow', icon: IconAlertTriangle, rank: 1 },
  info: { color: 'harbour', icon: IconInfoCircle, rank: 2 },
} as const;

/** Nobody has taken it on first, then the worst, then the newest. */
function byUrgency(one: Alert, other: Alert): number {
  return (
    Number(one.acknowledged !== null) - Number(other.acknowledged !== null) ||
    severities[one.severity].rank - severities[other.severity].rank ||
    other.opened.localeCompare(one.opened)
  );
}

export function AlertsPage() {
  const [words] = useSearchParams();
  const [, go] = useLocation();
  const isOpen = words.get('past') === null;
  const list = useRead<{ alerts: readonly Alert[] }>('/alerts', { open: isOpen });
  return (
    <Page
      title="Alerts"
      subtitle="Opened when something is wrong, and cleared by themselves when it is over."
      actions={
        <SegmentedControl
          aria-label="Which alerts"
          value={isOpen ? 'open' : 'past'}
          onChange={(value) => go(value === 'past' ? '/alerts?past=1' : '/alerts')}
          data={[
            { value: 'open', label: 'Open' },
            { value: 'past', label: 'Past' },
          ]}
        />
      }
    >
      <Loaded query={list}>
        {({ alerts }) => {
          const shown = alerts.filter(({ cleared }) => (cleared === null) === isOpen);
          if (shown.length === 0) return <NoAlerts isOpen={isOpen} />;
          const sorted = isOpen ? [...shown].sort(byUrgency) : shown;
          return (
            <Stack component="ul" gap="sm" p={0} m={0} style={{ listStyle: 'none' }} aria-label={isOpen ? 'Open alerts' : 'Past alerts'}>
              {sorted.map((alert) => (
                <li key={alert.id}>
                  <AlertCard alert={alert} />
                </li>
              ))}
            </Stack>
          );
        }}
      </Loaded>
    </Page>
  );
}

function NoAlerts({ isOpen }: { readonly isOpen: boolean }) {
  return isOpen ? (
    <Empty icon={<IconBellCheck size={32} aria-hidden />} title="Nothing is wrong">
      Every source looks into its mailbox in time, and nothing waits for a person. Alerts can also be sent by mail or to a webhook:{' '}
      <code>alerts:</code> in the configuration.
    </Empty>
  ) : (
    <Empty icon={<IconBellCheck size={32} aria-hidden />} title="No past alerts">
      Alerts that are over stay here for ever, with who took them on.
    </Empty>
  );
}

function AlertCard({ alert }: { readonly alert: Alert }) {
  const api = useApi();
  const queries = useQueryClient();
  const mayOperate = useMay('operate');
  const severity = severities[alert.severity];
  const isOpen = alert.cleared === null;
  // The card of the fault below says the same, and more.
  const isToldByFault = isOpen && alert.fault !== null && alert.source !== null && alert.text.endsWith(alert.fault.says);
  async function acknowledge(note: string): Promise<void> {
    await api.post(`/alerts/${alert.id}/acknowledgement`, { note });
    await Promise.all([queries.invalidateQueries({ queryKey: ['/alerts'] }), queries.invalidateQueries({ queryKey: ['/overview'] })]);
  }
  return (
    <Stack className="panel" p="md" gap="xs" component="article">
      <Group justify="space-between" align="flex-start" gap="xs">
        <Group gap="xs">
          <StateBadge color={severity.color} icon={severity.icon} word={alert.severity} />
          <Title order={2} size="md">
            {alert.kind}
          </Title>
          {alert.source !== null && (
            <Anchor component={Link} href={`/sources/${encodeURIComponent(alert.source)}`}>
              {alert.source}
            </Anchor>
          )}
          {!isOpen && <StateBadge color="green" icon={IconCheck} word="over" />}
        </Group>
        {mayOperate && isOpen && alert.acknowledged === null && (
          <ConfirmButton
            label="Acknowledge"
            title="Acknowledge this alert"
            verb="Acknowledge"
            button={{ leftSection: <IconUserCheck size={16} aria-hidden /> }}
            reason={{ label: 'Note', description: 'What is being done about it, and by whom. It stays for ever.' }}
            onConfirm={acknowledge}
          >
            It is not told again unless it grows worse. It stays open until what is wrong is over.
          </ConfirmButton>
        )}
      </Group>
      {!isToldByFault && <Text style={{ overflowWrap: 'anywhere' }}>{alert.text}</Text>}
      <Text size="sm" c="dimmed">
        Opened <TimeAgo at={alert.opened} />
        {isOpen ? (
          <>
            , last seen <TimeAgo at={alert.lastSeen} />
          </>
        ) : (
          <>
            , over since <Instant at={alert.cleared} />
          </>
        )}
        ,{' '}
        {alert.lastTold === null ? (
          'not told by mail or webhook'
        ) : (
          <>
            last told <TimeAgo at={alert.lastTold} />
          </>
        )}
      </Text>
      {alert.acknowledged !== null && (
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          <IconUserCheck size={15} aria-hidden style={{ verticalAlign: '-2px' }} /> <b>{alert.acknowledged.by}</b>,{' '}
          <TimeAgo at={alert.acknowledged.at} />: {alert.acknowledged.note}
        </Text>
      )}
      {alert.fault !== null && isOpen && (
        <FaultNote
          fault={alert.fault}
          level={alert.severity === 'critical' ? 'fault' : 'warning'}
          // Without the source's name there is no way to its test, which is not for everybody.
          known={{ ID: String(alert.id), SOURCE: mayOperate ? alert.source : null }}
        />
      )}
    </Stack>
  );
}
