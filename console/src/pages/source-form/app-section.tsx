/** The app of Microsoft Entra that opens the mailbox: its ids, its credential, and under Advanced what hardly anybody changes. */
import { NativeSelect, PasswordInput, SegmentedControl, Stack, Text, Textarea, TextInput } from '@mantine/core';
import type { SourceDraft } from '../../../../src/service/api.ts';
import type { FormDraft } from './draft.ts';
import { Pair, Section } from './section.tsx';
import { fieldProps, type SourceForm } from './use-source-form.ts';

type App = FormDraft['app'];
type Credential = App['credential'];

const clouds = [
  { value: 'global', label: 'Global (also GCC)' },
  { value: 'gcc-high', label: 'US Government GCC High' },
  { value: 'dod', label: 'US Government DoD' },
  { value: 'china', label: 'China (21Vianet)' },
  { value: 'custom', label: 'Endpoints given by hand' },
] as const;

const defaultScopes: Readonly<Record<App['cloud'], string>> = {
  global: 'https://outlook.office365.com/.default',
  'gcc-high': 'https://outlook.office365.us/.default',
  dod: 'https://webmail.apps.mil/.default',
  china: 'https://partner.outlook.cn/.default',
  custom: 'https://outlook.office365.com/.default',
};

export function AppSection({
  form,
  tenants,
  secretKept,
  trial,
}: {
  readonly form: SourceForm;
  /** Names of tenants of the configuration file. */
  readonly tenants: readonly string[];
  readonly secretKept: boolean;
  readonly trial: boolean;
}) {
  const { draft, change } = form;
  const { app } = draft;
  const edit = (next: Partial<App>) => change({ ...draft, app: { ...app, ...next } });
  return (
    <Section
      title="App of Microsoft Entra"
      why="Application and directory id stand side by side on Overview of the app registration. The secret is made under Certificates & secrets."
    >
      {tenants.length > 0 && (
        <NativeSelect
          label="App"
          data={[
            { value: '', label: 'Its ids are typed here' },
            ...tenants.map((name) => ({ value: name, label: `${name} of the configuration file` })),
          ]}
          value={draft.tenant ?? ''}
          onChange={(event) => change({ ...draft, tenant: event.currentTarget.value === '' ? null : event.currentTarget.value })}
          {...fieldProps(form, 'tenant')}
        />
      )}
      {draft.tenant === null && (
        <>
          <TextInput
            label="Application (Client) ID"
            placeholder="00000000-0000-0000-0000-000000000000"
            required
            className="mono-input"
            autoComplete="off"
            spellCheck={false}
            value={app.clientId}
            onChange={(event) => edit({ clientId: event.currentTarget.value })}
            {...fieldProps(form, 'app.clientId')}
          />
          <CredentialFields form={form} edit={(credential) => edit({ credential })} secretKept={secretKept} trial={trial} />
          <TextInput
            label="Directory (Tenant) ID"
            placeholder="00000000-0000-0000-0000-000000000000"
            required
            className="mono-input"
            autoComplete="off"
            spellCheck={false}
            value={app.tenantId}
            onChange={(event) => edit({ tenantId: event.currentTarget.value })}
            {...fieldProps(form, 'app.tenantId')}
          />
          <Advanced form={form} edit={edit} />
        </>
      )}
    </Section>
  );
}

function CredentialFields({
  form,
  edit,
  secretKept,
  trial,
}: {
  readonly form: SourceForm;
  readonly edit: (credential: Credential) => void;
  readonly secretKept: boolean;
  readonly trial: boolean;
}) {
  const { credential } = form.draft.app;
  return (
    <>
      <div>
        <Text size="sm" fw={500} id="credential-kind" mb={4}>
          Credential
        </Text>
        <SegmentedControl
          aria-labelledby="credential-kind"
          value={credential.kind}
          onChange={(kind) => edit(emptyCredential(kind))}
          data={[
            { value: 'secret', label: 'Secret' },
            { value: 'certificate', label: 'Certificate' },
            { value: 'reference', label: 'Reference' },
          ]}
        />
      </div>
      {credential.kind === 'secret' && (
        <Pair>
          <PasswordInput
            label="Application (Client) Secret"
            required={!secretKept}
            autoComplete="off"
            className="mono-input"
            maxLength={1000}
            placeholder={secretKept ? 'as it was saved' : ''}
            value={credential.secret ?? ''}
            onChange={(event) => edit({ ...credential, secret: event.currentTarget.value })}
            {...fieldProps(
              form,
              'app.credential.secret',
              trial
                ? 'The trial tenant prints it where it was started.'
                : secretKept
                  ? 'Leave it empty to keep the one that is saved.'
                  : 'The Value, not the Secret ID. It is kept encrypted and never shown again.',
            )}
          />
          <TextInput
            type="date"
            label="Expires"
            value={credential.expires ?? ''}
            onChange={(event) => edit({ ...credential, expires: event.currentTarget.value })}
            {...fieldProps(form, 'app.credential.expires', 'As the portal shows it, so that you are warned in time.')}
          />
        </Pair>
      )}
      {credential.kind === 'certificate' && (
        <>
          <Textarea
            label="Certificate (PEM)"
            required={!secretKept}
            className="mono-input"
            autosize
            minRows={3}
            maxRows={8}
            spellCheck={false}
            placeholder="-----BEGIN CERTIFICATE-----"
            value={credential.certificate ?? ''}
            onChange={(event) => edit({ ...credential, certificate: event.currentTarget.value })}
            {...fieldProps(form, 'app.credential.certificate', 'The public half, as it was uploaded to the app registration.')}
          />
          <Textarea
            label="Private key (PEM)"
            required={!secretKept}
            className="mono-input"
            autosize
            minRows={3}
            maxRows={8}
            spellCheck={false}
            autoComplete="off"
            placeholder={secretKept ? 'as it was saved' : '-----BEGIN PRIVATE KEY-----'}
            value={credential.key ?? ''}
            onChange={(event) => edit({ ...credential, key: event.currentTarget.value })}
            {...fieldProps(form, 'app.credential.key', 'Without a passphrase. It is kept encrypted and never shown again.')}
          />
        </>
      )}
      {credential.kind === 'reference' && (
        <Pair>
          <TextInput
            label="Environment variable"
            className="mono-input"
            spellCheck={false}
            autoComplete="off"
            placeholder="CONTOSO_SECRET"
            value={credential.env ?? ''}
            onChange={(event) => edit({ ...credential, env: event.currentTarget.value })}
            {...fieldProps(form, 'app.credential.env', 'Of the service, holding the secret.')}
          />
          <TextInput
            label="or a file"
            className="mono-input"
            spellCheck={false}
            autoComplete="off"
            placeholder="/run/credentials/contoso-secret"
            value={credential.file ?? ''}
            onChange={(event) => edit({ ...credential, file: event.currentTarget.value })}
            {...fieldProps(form, 'app.credential.file', 'On the machine of the service; nothing is kept here.')}
          />
        </Pair>
      )}
    </>
  );
}

function emptyCredential(kind: string): Credential {
  if (kind === 'certificate') return { kind: 'certificate', certificate: '', key: '' };
  if (kind === 'reference') return { kind: 'reference', env: '', file: '' };
  return { kind: 'secret', secret: '' };
}

function Advanced({ form, edit }: { readonly form: SourceForm; readonly edit: (next: Partial<App>) => void }) {
  const { app } = form.draft;
  const custom = app.custom ?? { authority: '', imap: '', pop: '' };
  const open = app.cloud !== 'global' || app.scope !== null || form.errors.some(({ field }) => /^app\.(?:scope|cloud|custom)/.test(field));
  return (
    <details className="advanced" open={open}>
      <summary>Advanced: cloud and token scope</summary>
      <Stack gap="sm" mt="sm">
        <NativeSelect
          label="Cloud"
          data={[...clouds]}
          value={app.cloud}
          onChange={(event) => {
            const cloud = clouds.find(({ value }) => value === event.currentTarget.value)?.value ?? 'global';
            edit({ cloud, custom: cloud === 'custom' ? custom : app.custom });
          }}
          {...fieldProps(form, 'app.cloud')}
        />
        <TextInput
          label="Token scope"
          className="mono-input"
          spellCheck={false}
          placeholder={defaultScopes[app.cloud]}
          value={app.scope ?? ''}
          onChange={(event) => edit({ scope: event.currentTarget.value === '' ? null : event.currentTarget.value })}
          {...fieldProps(form, 'app.scope', 'Empty: the one of the cloud, which is right for nearly everybody.')}
        />
        {app.cloud === 'custom' && <CustomFields form={form} custom={custom} edit={(next) => edit({ custom: next })} />}
      </Stack>
    </details>
  );
}

type Custom = NonNullable<NonNullable<SourceDraft['app']>['custom']>;

function CustomFields({
  form,
  custom,
  edit,
}: {
  readonly form: SourceForm;
  readonly custom: Custom;
  readonly edit: (next: Custom) => void;
}) {
  return (
    <>
      <TextInput
        label="Authority"
        className="mono-input"
        required
        placeholder="https://login.example"
        value={custom.authority}
        onChange={(event) => edit({ ...custom, authority: event.currentTarget.value })}
        {...fieldProps(form, 'app.custom.authority', 'Origin of the token endpoint.')}
      />
      <Pair>
        <TextInput
          label="IMAP host"
          className="mono-input"
          placeholder="imap.example:993"
          value={custom.imap}
          onChange={(event) => edit({ ...custom, imap: event.currentTarget.value })}
          {...fieldProps(form, 'app.custom.imap')}
        />
        <TextInput
          label="POP3 host"
          className="mono-input"
          placeholder="pop.example:995"
          value={custom.pop}
          onChange={(event) => edit({ ...custom, pop: event.currentTarget.value })}
          {...fieldProps(form, 'app.custom.pop')}
        />
      </Pair>
      <Textarea
        label="Certificate authority (PEM)"
        className="mono-input"
        autosize
        minRows={2}
        maxRows={5}
        spellCheck={false}
        value={custom.ca ?? ''}
        onChange={(event) => edit({ ...custom, ca: event.currentTarget.value })}
        {...fieldProps(form, 'app.custom.ca', 'Trusted for these endpoints, besides those of the system.')}
      />
    </>
  );
}
