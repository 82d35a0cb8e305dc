/** The door. It stands in the place of the page that was asked for, at the same address. */
import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { Session } from '../../../../src/service/api.ts';
import { ApiError, faultOf } from '../../api.ts';
import { Mark } from '../../parts/mark.tsx';
import { useApi, useSetSession } from '../../session.tsx';
import { PasswordForm } from '../account/password-form.tsx';

function Door({ title, children }: { readonly title: string; readonly children: React.ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Postern`;
  }, [title]);
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper className="panel" p="xl" w="100%" maw={420}>
        <Stack>
          <Mark />
          <Title order={1}>{title}</Title>
          {children}
        </Stack>
      </Paper>
    </Center>
  );
}

export function LoginPage() {
  const api = useApi();
  const setSession = useSetSession();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  async function logIn(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      setSession(await api.post<Session>('/session', { user: user.trim(), password }));
    } catch (problem) {
      setError(problem);
      setPassword('');
    } finally {
      setBusy(false);
    }
  }
  return (
    <Door title="Log in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void logIn();
        }}
      >
        <Stack>
          <TextInput
            label="User name"
            name="user"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            withAsterisk={false}
            autoFocus
            value={user}
            onChange={(event) => setUser(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            name="password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {error !== undefined && <Refusal error={error} />}
          <Button type="submit" loading={busy} disabled={user.trim() === '' || password === ''}>
            Log in
          </Button>
        </Stack>
      </form>
      <Text size="sm" c="dimmed">
        A new installation prints its first user and password once, where the service was started.
      </Text>
    </Door>
  );
}

/** What a person at the door is told: little, and an act. */
function Refusal({ error }: { readonly error: unknown }) {
  const fault = faultOf(error);
  return (
    <Alert color="red" role="alert" title={fault.says}>
      {error instanceof ApiError && error.status === 401 ? 'Type name and password again; capital letters count.' : fault.fix}
    </Alert>
  );
}

/** After the first login with a password that was printed somewhere. */
export function FirstPasswordPage({ session }: { readonly session: Session }) {
  const setSession = useSetSession();
  return (
    <Door title="Choose a password of your own">
      <Text>
        You are logged in as <b>{session.user}</b> with a password that somebody could have seen. It is good for this one step only.
      </Text>
      <PasswordForm onChanged={(next) => setSession(next ?? { ...session, mustChangePassword: false })} />
    </Door>
  );
}
