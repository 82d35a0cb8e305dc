/** What may be done with a source: run now, pause and resume, test, edit. Who may not press a button does not see it. */
import { ActionIcon, Button, Group, Tooltip } from '@mantine/core';
import { IconEdit, IconListSearch, IconPlayerPause, IconPlayerPlay, IconRefresh } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { SourceCard } from '../../../../src/service/api.ts';
import { faultOf } from '../../api.ts';
import { putCard } from '../../events.tsx';
import { Worded } from '../../parts/fault.tsx';
import { useSay } from '../../parts/say.tsx';
import { useApi, useMay } from '../../session.tsx';

type Action = 'run' | 'pause' | 'resume';

export function useSourceAction(name: string) {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  return useMutation({
    mutationFn: (action: Action) => api.post<SourceCard>(`/sources/${encodeURIComponent(name)}/actions`, { action }),
    onSuccess: (card) => {
      putCard(queries, card);
      // An event may have told of a later one before this answer came.
      void queries.invalidateQueries({
        predicate: ({ queryKey: [key] }) => key === '/sources' || key === `/sources/${encodeURIComponent(name)}`,
      });
    },
    onError: (error) => {
      const { says, fix } = faultOf(error);
      say(
        <>
          <b>{name}</b>: <Worded text={`${says} ${fix}`} />
        </>,
        'bad',
      );
    },
  });
}

interface Act {
  readonly verb: string;
  readonly icon: ReactNode;
  readonly disabled?: boolean;
  readonly loading?: boolean;
  readonly href?: string;
  readonly onClick?: () => void;
}

/** `onTest` absent: in a list, where the buttons are small and the test stands on the source's own page, to which its link leads. */
export function SourceActions({
  card,
  onTest,
  testing = false,
}: {
  readonly card: SourceCard;
  readonly onTest?: () => void;
  readonly testing?: boolean;
}) {
  const mayOperate = useMay('operate');
  const mayEdit = useMay('administer') && card.origin === 'console';
  const action = useSourceAction(card.name);
  if (!mayOperate) return null;
  const path = `/sources/${encodeURIComponent(card.name)}`;
  const acts: Act[] = [
    ...(card.paused
      ? [
          {
            verb: 'Resume',
            icon: <IconPlayerPlay size={16} aria-hidden />,
            loading: action.isPending,
            onClick: () => action.mutate('resume'),
          },
        ]
      : [
          { verb: 'Run now', icon: <IconRefresh size={16} aria-hidden />, disabled: card.running, onClick: () => action.mutate('run') },
          { verb: 'Pause', icon: <IconPlayerPause size={16} aria-hidden />, onClick: () => action.mutate('pause') },
        ]),
    {
      verb: 'Test',
      icon: <IconListSearch size={16} aria-hidden />,
      loading: testing,
      ...(onTest === undefined ? { href: `${path}?test` } : { onClick: onTest }),
    },
    ...(mayEdit ? [{ verb: 'Edit', icon: <IconEdit size={16} aria-hidden />, href: `${path}/edit` }] : []),
  ];
  return (
    <Group gap={6} className="source-actions">
      {acts.map((act) =>
        onTest === undefined ? <Small key={act.verb} act={act} name={card.name} /> : <Wide key={act.verb} act={act} name={card.name} />,
      )}
    </Group>
  );
}

function Small({ act, name }: { readonly act: Act; readonly name: string }) {
  const { verb, icon, href, disabled = false, loading = false, onClick } = act;
  const label = `${verb}: ${name}`;
  return (
    <Tooltip label={verb}>
      {href === undefined ? (
        <ActionIcon variant="default" size="lg" aria-label={label} disabled={disabled} aria-busy={loading} onClick={onClick}>
          {icon}
        </ActionIcon>
      ) : (
        <ActionIcon component={Link} href={href} variant="default" size="lg" aria-label={label}>
          {icon}
        </ActionIcon>
      )}
    </Tooltip>
  );
}

function Wide({ act, name }: { readonly act: Act; readonly name: string }) {
  const { verb, icon, href, disabled = false, loading = false, onClick } = act;
  const label = `${verb}: ${name}`;
  return href === undefined ? (
    <Button size="xs" variant="default" leftSection={icon} aria-label={label} disabled={disabled} aria-busy={loading} onClick={onClick}>
      {verb}
    </Button>
  ) : (
    <Button size="xs" variant="default" component={Link} href={href} leftSection={icon} aria-label={label}>
      {verb}
    </Button>
  );
}
