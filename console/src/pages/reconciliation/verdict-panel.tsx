/**
 * The verdict in one sentence, the equation over everything, what kept it from being complete, and the evidence.
 *
 * The hard thing is a claim that is too large: `complete` is said only where every source was compared, with nothing left out.
 */
import { Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { Worded } from '../../parts/fault.tsx';
import { countOf, Instant, TimeAgo } from '../../parts/figures.tsx';
import { Evidence } from './entry-list.tsx';
import { equationText, sum } from './equation.ts';
import type { Shown } from './use-reconciliation.ts';

interface Look {
  readonly tone: string;
  readonly icon: typeof IconCircleX;
  readonly title: string;
}

function lookOf(shown: Shown, uncompared: readonly string[]): Look {
  if (shown.missingCount > 0) {
    return {
      tone: 'var(--postern-bad)',
      icon: IconCircleX,
      title: `Not complete: ${countOf(shown.missingCount, 'message')} on a server and not in the archive`,
    };
  }
  if (!shown.equal || shown.faults.length > 0 || shown.remarks.length > 0) {
    return { tone: 'var(--postern-warn)', icon: IconAlertTriangle, title: 'Not complete: not everything could be compared' };
  }
  if (uncompared.length > 0) {
    return {
      tone: 'var(--postern-warn)',
      icon: IconAlertTriangle,
      title: `Nothing is missing in what was compared; ${countOf(uncompared.length, 'source')} never ${uncompared.length === 1 ? 'was' : 'were'}`,
    };
  }
  return { tone: 'var(--postern-good)', icon: IconCircleCheck, title: 'Complete: nothing is missing' };
}

/** @param uncompared sources of which no comparison says anything */
export function VerdictPanel({ shown, uncompared }: { readonly shown: Shown; readonly uncompared: readonly string[] }) {
  const [newest] = shown.entries;
  const { tone, icon: Icon, title } = lookOf(shown, uncompared);
  const hasRemarks = shown.faults.length + shown.remarks.length + uncompared.length > 0;
  return (
    <Stack gap="xs" className="panel" p="md" component="section" aria-label="Verdict">
      <Title order={2} style={{ display: 'flex', gap: 10, alignItems: 'center' }}>
        <Icon size={24} color={tone} aria-hidden style={{ flex: 'none' }} />
        <span style={{ color: tone }}>{title}</span>
      </Title>
      <Text className="figures">{equationText(sum(shown.days))}</Text>
      {hasRemarks && (
        <ul style={{ margin: 0, paddingInlineStart: 18, overflowWrap: 'anywhere' }}>
          {uncompared.map((name) => (
            <li key={name}>
              <b>{name}</b> was never compared.
            </li>
          ))}
          {shown.faults.map(({ source, folder, code, says }) => (
            <li key={`${source} ${folder ?? ''} ${code}`}>
              <b>
                {source}
                {folder !== null && ` / ${folder}`}
              </b>
              : <Worded text={says} /> <span className="mono">({code})</span>
            </li>
          ))}
          {shown.remarks.map((remark) => (
            <li key={remark}>
              <Worded text={remark} />
            </li>
          ))}
        </ul>
      )}
      {newest !== undefined && (
        <>
          <Text size="sm" c="dimmed">
            Compared <TimeAgo at={newest.at} /> (<Instant at={newest.at} />)
            {shown.entries.length > 1 && (
              <>, and in {countOf(shown.entries.length - 1, 'comparison')} of before: the newest of each source</>
            )}
          </Text>
          <Evidence entry={newest} />
        </>
      )}
    </Stack>
  );
}
