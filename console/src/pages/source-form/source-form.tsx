/**
 * The form of a source, in the order in which an administrator thinks: how to reach it, who proves who we are, which mailbox, when, and
 * what the messages are. Beside it the test, before anything is saved.
 */
import { Button, Group, Loader, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconListSearch, IconPlayerStop } from '@tabler/icons-react';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Link } from 'wouter';
import type { AccessList, SourceDetail } from '../../../../src/service/api.ts';
import { ApiError } from '../../api.ts';
import { Ladder } from '../../ladder/ladder.tsx';
import { useSourceTest } from '../../ladder/use-source-test.ts';
import { Problem } from '../../parts/fault.tsx';
import { countOf } from '../../parts/figures.tsx';
import { useApi, useRead } from '../../session.tsx';
import { AppSection } from './app-section.tsx';
import { toSend, withProtocol } from './draft.ts';
import { FormatSection } from './format-section.tsx';
import { MailboxSection } from './mailbox-section.tsx';
import { PasswordSection } from './password-section.tsx';
import { ScheduleSection } from './schedule-section.tsx';
import { Pair, Section } from './section.tsx';
import { draftPath, fieldProps, type SourceForm } from './use-source-form.ts';

export function SourceFormBody({
  form,
  secretKept,
  trial,
  onSaved,
  revision,
  onNewer,
  note,
}: {
  readonly form: SourceForm;
  readonly secretKept: boolean;
  readonly trial: boolean;
  readonly onSaved: (detail: SourceDetail) => void;
  /** Of the saved source that is changed: another one is not overwritten. */
  readonly revision?: string | undefined;
  /** There is another one. */
  readonly onNewer?: () => void;
  /** Stands in the place of what was refused. */
  readonly note?: ReactNode;
}) {
  const api = useApi();
  const test = useSourceTest();
  const [busy, setBusy] = useState(false);
  /** Of the revision that was to be changed: what was refused of another one is of no interest any more. */
  const [error, setError] = useState<{ readonly problem: unknown; readonly revision: string | undefined }>();
  const frame = useRef<HTMLFormElement>(null);
  const ladder = useRef<HTMLElement>(null);
  const id = useId();
  const tenants = useRead<AccessList>('/access').data?.tenants.filter(({ origin }) => origin === 'file') ?? [];
  const { draft, change, refuse, saved } = form;
  const refused = test.error;
  useEffect(() => {
    if (refused !== undefined) refuse(refused);
  }, [refused, refuse]);
  useWarningBeforeLeaving(form.changed && !busy);

  async function save(): Promise<void> {
    form.touchAll();
    setError(undefined);
    if (form.blocking.length > 0) return focusField(frame.current, form.blocking[0]?.field);
    setBusy(true);
    try {
      const body = toSend(draft);
      onSaved(
        saved === undefined
          ? await api.post<SourceDetail>('/sources', body)
          : await api.put<SourceDetail>(`/sources/${encodeURIComponent(saved)}`, { ...body, revision }),
      );
    } catch (problem) {
      refuse(problem);
      setError({ problem, revision });
      if (problem instanceof ApiError && problem.fault.code === 'definitions.changed-meanwhile') onNewer?.();
      if (problem instanceof ApiError) setTimeout(() => focusField(frame.current, problem.fields[0]?.field));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form
      ref={frame}
      id={id}
      noValidate
      className="source-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Stack gap="md" className="source-fields">
        <Section title="Connection">
          <TextInput
            label="Name"
            required
            disabled={saved !== undefined}
            placeholder="telemessage"
            autoComplete="off"
            spellCheck={false}
            maxLength={63}
            value={draft.name}
            onChange={(event) => change({ ...draft, name: event.currentTarget.value })}
            {...fieldProps(
              form,
              'name',
              saved === undefined ? 'The archive keeps this name for ever.' : 'The archive keeps this name: it cannot change.',
            )}
          />
          <Pair>
            <NativeSelect
              label="Protocol"
              disabled={saved !== undefined}
              data={[
                { value: 'imap', label: 'IMAP' },
                { value: 'pop3', label: 'POP3' },
              ]}
              value={draft.protocol}
              onChange={(event) => change(withProtocol(draft, event.currentTarget.value === 'pop3' ? 'pop3' : 'imap'))}
              {...fieldProps(form, 'protocol')}
            />
            <NativeSelect
              label="Authentication Mode"
              data={[
                { value: 'oauth2', label: 'OAuth 2.0' },
                { value: 'password', label: 'Password' },
              ]}
              value={draft.authentication}
              onChange={(event) => change({ ...draft, authentication: event.currentTarget.value === 'password' ? 'password' : 'oauth2' })}
              {...fieldProps(form, 'authentication')}
            />
          </Pair>
        </Section>
        {draft.authentication === 'oauth2' ? (
          <AppSection form={form} tenants={tenants.map(({ tenant }) => tenant)} secretKept={secretKept} trial={trial} />
        ) : (
          <PasswordSection form={form} secretKept={secretKept} />
        )}
        <MailboxSection form={form} />
        <ScheduleSection form={form} />
        <FormatSection form={form} />
      </Stack>
      <aside ref={ladder} className="source-test" aria-label="Test of the connection">
        <div className="panel source-test-panel">
          <Group justify="space-between" mb="xs">
            <Title order={2}>Test</Title>
            {test.running && (
              <Button size="xs" variant="default" leftSection={<IconPlayerStop size={15} aria-hidden />} onClick={test.stop}>
                Stop
              </Button>
            )}
          </Group>
          {test.error !== undefined && <Problem error={test.error} />}
          {test.error !== undefined ? null : test.test === undefined ? (
            <Text c="dimmed" size="sm">
              Walks the whole way as it stands in the form: name, connection, TLS, token, what the token permits, login, folder, one
              message. Nothing is saved or changed by it.
            </Text>
          ) : (
            <Ladder test={test.test} />
          )}
        </div>
      </aside>
      <div className="source-bar panel">
        {note ?? (error !== undefined && error.revision === revision && <Problem error={error.problem} />)}
        <Group justify="space-between" gap="xs">
          <Text size="sm" c="dimmed" role="status">
            {form.errors.length === 0
              ? ''
              : `${countOf(form.errors.length, 'field')} ${form.errors.length === 1 ? 'is' : 'are'} not right yet`}
          </Text>
          <Group gap="xs">
            <Button
              variant="subtle"
              component={Link}
              href={saved === undefined ? '/sources' : `/sources/${encodeURIComponent(saved)}`}
              data-leaves
            >
              Cancel
            </Button>
            <Button
              variant="default"
              leftSection={test.running ? <Loader size={16} aria-hidden /> : <IconListSearch size={16} aria-hidden />}
              aria-busy={test.running}
              onClick={() => {
                if (test.running) return;
                form.touchAll();
                test.begin(draftPath('/drafts/tests', saved), toSend(draft));
                // On a phone the ladder stands below the form.
                ladder.current?.scrollIntoView({ block: 'nearest' });
              }}
            >
              Test
            </Button>
            <Button type="submit" loading={busy}>
              Save
            </Button>
          </Group>
        </Group>
      </div>
    </form>
  );
}

/** Brings the person to the field that is wrong. */
function focusField(frame: HTMLElement | null, field: string | undefined): void {
  if (frame === null || field === undefined) return;
  const found = [...frame.querySelectorAll<HTMLElement>('[data-field]')].find(({ dataset }) => dataset['field'] === field);
  const details = found?.closest('details');
  if (details !== null && details !== undefined) details.open = true;
  found?.focus();
}

function useWarningBeforeLeaving(changed: boolean): void {
  useEffect(() => {
    if (!changed) return undefined;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    // A link of the console leaves the form as well; only Cancel means it.
    const ask = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
      if (link === null || link.hasAttribute('data-leaves') || link.getAttribute('href')?.startsWith('#')) return;
      if (link.getAttribute('target') !== '_blank' && !window.confirm('Leave the form? What was typed is not saved.')) {
        event.preventDefault();
        event.stopPropagation();
      }
    };
    window.addEventListener('beforeunload', warn);
    document.addEventListener('click', ask, { capture: true });
    return () => {
      window.removeEventListener('beforeunload', warn);
      document.removeEventListener('click', ask, { capture: true });
    };
  }, [changed]);
}
