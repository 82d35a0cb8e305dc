/** A server that is not Microsoft's, with user and password. */
import { NativeSelect, PasswordInput, TextInput } from '@mantine/core';
import type { FormDraft } from './draft.ts';
import { Pair, Section } from './section.tsx';
import { fieldProps, type SourceForm } from './use-source-form.ts';

const tlsWays = [
  { value: 'implicit', label: 'TLS from the first byte' },
  { value: 'starttls', label: 'STARTTLS' },
  { value: 'none', label: 'None (this machine only)' },
] as const;

export function PasswordSection({ form, secretKept }: { readonly form: SourceForm; readonly secretKept: boolean }) {
  const { draft, change } = form;
  const server = (next: Partial<FormDraft['server']>) => change({ ...draft, server: { ...draft.server, ...next } });
  const usual = { imap: { implicit: 993, starttls: 143, none: 143 }, pop3: { implicit: 995, starttls: 110, none: 110 } }[draft.protocol];
  return (
    <Section
      title="Server and password"
      why="For servers that are not Microsoft’s: Exchange Online takes no password any more. The password is kept encrypted."
    >
      <Pair>
        <TextInput
          label="Server"
          required
          className="mono-input"
          placeholder="mail.example.com"
          spellCheck={false}
          value={draft.server.host}
          onChange={(event) => server({ host: event.currentTarget.value })}
          {...fieldProps(form, 'server.host')}
        />
        <TextInput
          label="Port"
          type="number"
          step={1}
          min={1}
          max={65_535}
          placeholder={String(usual[draft.server.tls])}
          value={draft.server.port ?? ''}
          onChange={(event) => server({ port: event.currentTarget.value === '' ? null : event.currentTarget.valueAsNumber })}
          {...fieldProps(form, 'server.port')}
        />
      </Pair>
      <NativeSelect
        label="Encryption"
        data={[...tlsWays]}
        value={draft.server.tls}
        onChange={(event) => server({ tls: tlsWays.find(({ value }) => value === event.currentTarget.value)?.value ?? 'implicit' })}
        {...fieldProps(form, 'server.tls')}
      />
      <Pair>
        <TextInput
          label="User"
          autoComplete="off"
          spellCheck={false}
          placeholder="the mailbox"
          value={draft.password.user}
          onChange={(event) => change({ ...draft, password: { ...draft.password, user: event.currentTarget.value } })}
          {...fieldProps(form, 'password.user')}
        />
        <PasswordInput
          label="Password"
          required={!secretKept}
          autoComplete="off"
          placeholder={secretKept ? 'as it was saved' : ''}
          value={draft.password.secret ?? ''}
          onChange={(event) => change({ ...draft, password: { ...draft.password, secret: event.currentTarget.value } })}
          {...fieldProps(form, 'password.secret')}
        />
      </Pair>
    </Section>
  );
}
