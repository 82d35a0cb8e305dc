/** Who is logged in at the proxy just now. Ending a session is asked for first: its application may lose what it was doing. */
import { useQueryClient } from '@tanstack/react-query';
import type { ProxySession } from '../../../../src/service/api.ts';
import { ConfirmButton } from '../../parts/confirm.tsx';
import { bytesText, countOf, TimeAgo } from '../../parts/figures.tsx';
import { useApi, useMay } from '../../session.tsx';
import { Grid, protocolWords } from './grid.tsx';

export function Sessions({ sessions }: { readonly sessions: readonly ProxySession[] }) {
  const mayEnd = useMay('operate');
  return (
    <Grid
      title="Sessions"
      columns={['Client', 'Mailbox', 'Protocol', 'From', 'Since', 'Last byte', '#In', '#Out', ...(mayEnd ? [''] : [])]}
      empty="Nobody is logged in just now."
    >
      {sessions.map((session) => ({
        key: session.id,
        cells: [
          <b key="client">{session.client}</b>,
          session.mailbox,
          protocolWords[session.protocol],
          <span key="address" className="mono nowrap">
            {session.address}
          </span>,
          <TimeAgo key="since" at={session.since} />,
          <TimeAgo key="last" at={session.lastByte} />,
          bytesText(session.bytesIn),
          session.messages === 0 ? bytesText(session.bytesOut) : `${bytesText(session.bytesOut)}, ${countOf(session.messages, 'message')}`,
          ...(mayEnd ? [<EndButton key="end" session={session} />] : []),
        ],
      }))}
    </Grid>
  );
}

function EndButton({ session }: { readonly session: ProxySession }) {
  const api = useApi();
  const queries = useQueryClient();
  return (
    <ConfirmButton
      label="End"
      button={{ size: 'xs' }}
      title={`End the session of ${session.client}?`}
      verb="End the session"
      danger
      onConfirm={async () => {
        await api.del(`/proxy/sessions/${encodeURIComponent(session.id)}`);
        await queries.invalidateQueries({ queryKey: ['/proxy'] });
      }}
    >
      Its connection is closed in the middle of what it does. The application may log in again at once.
    </ConfirmButton>
  );
}
