/** Mail that was taken from applications and not handed over yet: to whom, what the server said, and when it is tried again. */
import { Button, Group, Text } from '@mantine/core';
import { IconCircleX, IconClock } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { QueuedMail } from '../../../../src/service/api.ts';
import { faultOf } from '../../api.ts';
import { ConfirmButton } from '../../parts/confirm.tsx';
import { Worded } from '../../parts/fault.tsx';
import { bytesText, countText, TimeAgo } from '../../parts/figures.tsx';
import { useSay } from '../../parts/say.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useApi, useMay, useRead } from '../../session.tsx';
import { Grid } from './grid.tsx';

export function Queue() {
  const queue = useRead<{ readonly messages: readonly QueuedMail[]; readonly more: number }>('/proxy/queue');
  const mayAct = useMay('operate');
  const { messages, more } = queue.data ?? { messages: [], more: 0 };
  return (
    <div>
      <Grid
        title="Queue"
        columns={['Client', 'From', 'To', '#Size', 'Taken', 'State', ...(mayAct ? [''] : [])]}
        empty="Everything that was taken has been sent."
      >
        {messages.map((mail) => ({
          key: mail.id,
          cells: [
            <b key="client">{mail.client}</b>,
            mail.from,
            <Recipients key="to" mail={mail} />,
            bytesText(mail.bytes),
            <TimeAgo key="taken" at={mail.taken} />,
            <MailState key="state" mail={mail} />,
            ...(mayAct ? [<Acts key="acts" mail={mail} />] : []),
          ],
        }))}
      </Grid>
      {more > 0 && (
        <Text size="sm" c="dimmed">
          and {countText(more)} more: postern proxy queue list
        </Text>
      )}
    </div>
  );
}

function Recipients({ mail }: { readonly mail: QueuedMail }) {
  return mail.recipients.map(({ address, state, seen }) => (
    <div key={address}>
      {address}{' '}
      {state !== 'waiting' && (
        <Text component="span" size="xs" c="dimmed">
          {state}
          {seen === null ? '' : `: ${seen}`}
        </Text>
      )}
    </div>
  ));
}

function MailState({ mail }: { readonly mail: QueuedMail }) {
  return (
    <>
      {mail.state === 'failed' ? (
        <StateBadge color="red" icon={IconCircleX} word="set aside" />
      ) : (
        <>
          <StateBadge color="gray" icon={IconClock} word="waiting" /> next try <TimeAgo at={mail.nextAt} />
        </>
      )}
      {mail.fault !== null && (
        <Text size="sm">
          <Worded text={`${mail.fault.says} ${mail.fault.fix}`} />
        </Text>
      )}
    </>
  );
}

function Acts({ mail }: { readonly mail: QueuedMail }) {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  const path = `/proxy/queue/${encodeURIComponent(mail.id)}`;
  const readAgain = () => queries.invalidateQueries({ predicate: ({ queryKey: [key] }) => key === '/proxy' || key === '/proxy/queue' });
  const retry = useMutation({
    mutationFn: () => api.post(`${path}/retry`),
    onSuccess: readAgain,
    onError: (error) => say(faultOf(error).says, 'bad'),
  });
  return (
    <Group gap={6} wrap="nowrap" justify="flex-end">
      <Button size="xs" variant="default" disabled={retry.isPending} onClick={() => retry.mutate()}>
        Try now
      </Button>
      <ConfirmButton
        label="Drop"
        button={{ size: 'xs' }}
        title="Drop this message?"
        verb="Drop it"
        danger
        onConfirm={async () => {
          await api.del(path);
          await readAgain();
        }}
      >
        From {mail.from} to {mail.recipients.map(({ address }) => address).join(', ')}: it is not sent, and nobody is told.
      </ConfirmButton>
    </Group>
  );
}
