/** One's own account: name, role and what it allows, and the password. */
import { Paper, Stack, Text, Title } from '@mantine/core';
import { Page } from '../../parts/page.tsx';
import { useSay } from '../../parts/say.tsx';
import { useSession, useSetSession } from '../../session.tsx';
import { roleMeans } from '../users/roles.ts';
import { PasswordForm } from './password-form.tsx';

export function AccountPage() {
  const session = useSession();
  const setSession = useSetSession();
  const say = useSay();
  return (
    <Page title="Your account" subtitle={`${session.user}, ${session.role}: ${roleMeans[session.role]}`}>
      <Paper className="panel" p="md" maw={460}>
        <Stack>
          <Title order={2}>Password</Title>
          <Text c="dimmed">Other sessions of yours end when it changes.</Text>
          <PasswordForm
            onChanged={(next) => {
              say('The password is changed.');
              if (next !== undefined) setSession(next);
            }}
          />
        </Stack>
      </Paper>
    </Page>
  );
}
