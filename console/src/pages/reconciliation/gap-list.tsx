/**
 * Gaps: messages that a server had and the archive has not. Open ones, those that will never come, and those that are closed.
 * Who may says why one is missing; what was said stays beside the gap for ever.
 */
import { Stack, Table, Text } from '@mantine/core';
import type { Gap } from '../../../../src/service/api.ts';
import { ConfirmButton } from '../../parts/confirm.tsx';
import { Instant, TimeAgo } from '../../parts/figures.tsx';
import { Loaded } from '../../parts/page.tsx';
import { useMay } from '../../session.tsx';
import { MissingTable, missingName } from './missing-table.tsx';
import { useGaps, useJobActs } from './use-reconciliation.ts';

type GapState = 'open' | 'permanent' | 'closed';

const means: Readonly<Record<GapState, string>> = {
  open: 'The server lists them, and they are not in the archive. The import goes on trying; each look that finds one closes its gap.',
  permanent:
    'They were gone from the server before they could be fetched, by somebody else’s hand. They will never come, and stay named here.',
  closed: 'What was missing once, and how that ended.',
};

const none: Readonly<Record<GapState, string>> = {
  open: 'No gap is open: nothing that a server listed is missing.',
  permanent: 'No message is known to have been lost before it could be fetched.',
  closed: 'No gap was ever opened, or none is closed yet.',
};

const closures = { came: 'it came', vanished: 'gone from the server before it came', explained: 'explained' } as const;

export function GapList({ state, source }: { readonly state: GapState; readonly source: string | undefined }) {
  const gaps = useGaps(state, source);
  const mayOperate = useMay('operate');
  return (
    <Loaded query={gaps}>
      {({ gaps: list }) =>
        list.length === 0 ? (
          <Text c="dimmed">{none[state]}</Text>
        ) : (
          <Stack gap="xs">
            <Text size="sm" c="dimmed">
              {means[state]}
            </Text>
            <div className="panel">
              <MissingTable
                missing={list}
                withPlace
                heads={
                  <>
                    <Table.Th>Found</Table.Th>
                    <Table.Th>{state === 'open' ? 'Last seen' : 'Ended'}</Table.Th>
                    <Table.Th>What is said of it</Table.Th>
                  </>
                }
                cells={(gap) => <GapCells gap={gap} mayExplain={mayOperate && gap.closure !== 'came'} />}
              />
            </div>
          </Stack>
        )
      }
    </Loaded>
  );
}

function GapCells({ gap, mayExplain }: { readonly gap: Gap; readonly mayExplain: boolean }) {
  const { explain } = useJobActs();
  return (
    <>
      <Table.Td data-says="found">
        <TimeAgo at={gap.opened} />
        <Text size="sm" c="dimmed" component="div">
          by {gap.openedBy === 'run' ? 'a run' : 'a reconciliation'}
        </Text>
      </Table.Td>
      <Table.Td data-says={gap.closed === null ? 'last seen' : 'ended'}>
        {gap.closed === null ? <TimeAgo at={gap.lastSeen} /> : <Instant at={gap.closed} />}
        {gap.closure !== null && (
          <Text size="sm" c="dimmed">
            {closures[gap.closure]}
          </Text>
        )}
      </Table.Td>
      <Table.Td maw={320} style={{ overflowWrap: 'anywhere' }}>
        {gap.explanation !== null && <Text size="sm">{gap.explanation}</Text>}
        {mayExplain && (
          <ConfirmButton
            label={gap.explanation === null ? 'Explain' : 'Say more'}
            title={`Why is ${missingName(gap)} missing?`}
            verb="Save the explanation"
            button={{ size: 'compact-sm' }}
            reason={{
              label: 'Explanation',
              description: 'What became of it, and how you know. It stays for ever, with your name and the day.',
            }}
            onConfirm={(text) => explain(gap.id, text)}
          >
            {gap.closed === null
              ? 'The gap is closed as explained. If the message comes after all, it is archived as any other.'
              : 'The message never came, so the gap stays in this list; your words stand beside it.'}
          </ConfirmButton>
        )}
      </Table.Td>
    </>
  );
}
