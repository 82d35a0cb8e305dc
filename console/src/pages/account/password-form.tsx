/** The change of one's own password. The service judges it again; here it is only told early what it wants. */
import { Button, PasswordInput, Stack } from '@mantine/core';
import { useState } from 'react';
import type { Session } from '../../../../src/service/api.ts';
import { Problem } from '../../parts/fault.tsx';
import { useApi } from '../../session.tsx';

const shortest = 12;

export function PasswordForm({ onChanged }: { readonly onChanged: (session: Session | undefined) => void }) {
  const api = useApi();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const tooShort = next !== '' && next.length < shortest;
  const different = again !== '' && again !== next;
  async function change(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      const session = await api.put<Session | undefined>('/session/password', { current, next });
      setCurrent('');
      setNext('');
      setAgain('');
      onChanged(session);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void change();
      }}
    >
      <Stack>
        <PasswordInput
          label="Current password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        <PasswordInput
          label="New password"
          description={`At least ${shortest} characters. A few words are better than odd signs.`}
          autoComplete="new-password"
          required
          withAsterisk={false}
          maxLength={200}
          value={next}
          error={tooShort ? `${shortest - next.length} more characters` : undefined}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        <PasswordInput
          label="Repeat new password"
          autoComplete="new-password"
          required
          withAsterisk={false}
          maxLength={200}
          value={again}
          error={different ? 'It is not the same.' : undefined}
          onChange={(event) => setAgain(event.currentTarget.value)}
        />
        {error !== undefined && <Problem error={error} />}
        <Button type="submit" loading={busy} disabled={current === '' || next.length < shortest || again !== next}>
          Change password
        </Button>
      </Stack>
    </form>
  );
}
