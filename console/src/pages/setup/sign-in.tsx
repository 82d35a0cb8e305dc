/**
 * An administrator signs in on Microsoft's page with a code, so that the plan is compared with the tenant as it is. Postern only reads
 * there, and forgets the sign-in when it has looked.
 */
import { Alert, Button, Code, Group, Loader, Stack, Text } from '@mantine/core';
import { IconExternalLink, IconEye } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { PlanSignIn } from '../../../../src/service/api.ts';
import type { Api } from '../../api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { FaultNote, Problem } from '../../parts/fault.tsx';
import { TimeAgo } from '../../parts/figures.tsx';
import { useApi } from '../../session.tsx';

const askEveryMs = 2_000;

export function SignIn({ tenant, onChange }: { readonly tenant: string; readonly onChange: (signIn: PlanSignIn | undefined) => void }) {
  const api = useApi();
  const [signIn, setSignIn] = useState<PlanSignIn>();
  const [error, setError] = useState<unknown>();
  const going = signIn !== undefined && (signIn.state === 'waiting' || signIn.state === 'looking');
  const id = signIn?.id;

  useEffect(() => {
    if (!going || id === undefined) return undefined;
    const timer = setInterval(() => {
      api.get<PlanSignIn>(`/setup/sign-ins/${id}`).then(
        (next) => {
          setSignIn(next);
          if (next.plan !== null) onChange(next);
        },
        (problem: unknown) => {
          setError(problem);
          setSignIn(undefined);
        },
      );
    }, askEveryMs);
    return () => clearInterval(timer);
  }, [api, going, id, onChange]);

  // Whoever leaves the page leaves no sign-in behind: few may go on at once, and nobody would see its end.
  const left = useRef<string>(undefined);
  left.current = going ? id : undefined;
  const gone = useRef(false);
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      if (left.current !== undefined) end(api, left.current);
    };
  }, [api]);

  async function begin(): Promise<void> {
    setError(undefined);
    onChange(undefined);
    try {
      const begun = await api.post<PlanSignIn>(`/setup/${encodeURIComponent(tenant)}/sign-ins`);
      if (gone.current) end(api, begun.id);
      else setSignIn(begun);
    } catch (problem) {
      setError(problem);
    }
  }

  if (going)
    return (
      <Waiting
        signIn={signIn}
        onCancel={() => {
          end(api, signIn.id);
          setSignIn(undefined);
        }}
      />
    );
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <Button variant="default" leftSection={<IconEye size={16} aria-hidden />} onClick={() => void begin()}>
          {signIn?.state === 'done' ? 'Look at the tenant again' : 'Sign in and look at the tenant'}
        </Button>
        <Text size="sm" c="dimmed">
          An administrator signs in on Microsoft’s page; Postern only reads there, and changes nothing.
        </Text>
      </Group>
      {error !== undefined && <Problem error={error} />}
      {signIn?.fault != null && <FaultNote fault={signIn.fault} />}
    </Stack>
  );
}

/** What cannot be ended now ends by itself: nobody asks for it any more. */
function end(api: Api, id: string): void {
  api.del(`/setup/sign-ins/${id}`).catch(() => undefined);
}

function Waiting({ signIn, onCancel }: { readonly signIn: PlanSignIn; readonly onCancel: () => void }) {
  return (
    <Alert
      color="harbour"
      icon={<Loader size={18} aria-hidden />}
      title={signIn.says === '' ? 'Waiting for the sign-in' : signIn.says}
      role="status"
    >
      <Stack gap="xs">
        {signIn.code !== null && signIn.page !== null && (
          <Group gap="sm">
            <span>Open</span>
            <a href={signIn.page} target="_blank" rel="noreferrer noopener" className="with-icon">
              {signIn.page} <IconExternalLink size={14} aria-hidden />
            </a>
            <span>and type the code</span>
            <Code className="sign-in-code">{signIn.code}</Code>
            <CopyButton value={signIn.code} what="the code" />
            {signIn.expires !== null && (
              <Text size="sm" c="dimmed">
                it ends <TimeAgo at={signIn.expires} />
              </Text>
            )}
          </Group>
        )}
        <Group>
          <Button size="xs" variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
