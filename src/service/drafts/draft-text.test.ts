/** Drafts, definitions, YAML: there and back, and the same meaning as the configuration file. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SourceConfig } from '../../config/config.ts';
import { readConfig } from '../../config/load.ts';
import { readOneSource } from '../../config/one-source.ts';
import { problemLine } from '../../config/problem.ts';
import type { SourceDraft } from '../api/source.ts';
import { definitionOfDraft } from './draft-text.ts';
import { draftOfYaml, yamlOf } from './draft-yaml.ts';
import { spanText } from './span-text.ts';
import { draftOfConfig, draftOfText } from './text-draft.ts';

/** Self-signed, made for this test, of nobody. */
const pem = `-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUDm4w3mQ1mJmJrcXk0e3V8rX0pS8wCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
`;

const app: NonNullable<SourceDraft['app']> = {
  clientId: '66666666-7777-8888-9999-000000000000',
  tenantId: '11111111-2222-3333-4444-555555555555',
  cloud: 'global',
  custom: null,
  scope: null,
  credential: { kind: 'secret' },
};

function draft(change: Partial<SourceDraft> = {}): SourceDraft {
  return {
    name: 'telemessage',
    protocol: 'imap',
    authentication: 'oauth2',
    tenant: null,
    app,
    password: null,
    server: null,
    mailbox: 'telemessage@contoso.com',
    folders: ['INBOX'],
    every: '1m',
    since: null,
    format: 'auto',
    nameOrder: 'first-last',
    country: null,
    owners: [],
    onCompletion: { kind: 'leave' },
    hold: false,
    silentAfter: null,
    ...change,
  };
}

const custom = { authority: 'https://localhost:8443', imap: 'localhost:1993', pop: '[::1]:1995' };
const drafts: readonly SourceDraft[] = [
  draft(),
  draft({
    name: '0.odd-NAME_1',
    every: '90s',
    silentAfter: '2d',
    country: '1',
    owners: ['anna@contoso.com', '+1 555 010 0199'],
    hold: true,
  }),
  draft({
    folders: ['*', '!Junk', '!Imported', '\\Sent', "It's: #1"],
    since: '2026-01-01',
    onCompletion: { kind: 'move', folder: 'Imported' },
    format: 'telemessage',
    nameOrder: 'last-first',
  }),
  draft({ folders: ['*', '!Imported'], onCompletion: { kind: 'delete', after: '30d' } }),
  draft({ protocol: 'pop3', onCompletion: { kind: 'delete', after: '12h' } }),
  draft({ onCompletion: { kind: 'seen' }, app: { ...app, cloud: 'gcc-high', credential: { kind: 'secret', expires: '2027-01-31' } } }),
  draft({
    app: {
      ...app,
      scope: 'https://outlook.office.com/.default',
      credential: { kind: 'reference', env: 'ELSEWHERE', expires: '2027-01-31' },
    },
  }),
  draft({ app: { ...app, credential: { kind: 'reference', file: './secret' } } }),
  draft({ app: { ...app, cloud: 'custom', custom, scope: 'https://outlook.office365.com/.default' } }),
  draft({
    authentication: 'password',
    app: null,
    password: { user: 'anna' },
    server: { host: 'mail.example.com', port: 993, tls: 'implicit' },
    mailbox: 'anna',
  }),
  draft({ authentication: 'password', app: null, password: { user: '' }, server: { host: 'localhost', port: null, tls: 'none' } }),
];

test('a draft becomes a definition and that a draft again, by its text and by YAML', () => {
  for (const one of drafts) {
    const { text } = definitionOfDraft(one);
    assert.deepEqual(draftOfText(text, text.secrets), one);
    assert.deepEqual(draftOfYaml(yamlOf(text)), one);
  }
});

test('certificates go along with YAML as comments and come back', () => {
  const one = draft({
    app: {
      ...app,
      cloud: 'custom',
      custom: { ...custom, ca: pem },
      scope: 'https://x.example/.default',
      credential: { kind: 'certificate', certificate: pem },
    },
  });
  const { text } = definitionOfDraft(one);
  assert.deepEqual(draftOfYaml(yamlOf(text)), one);
});

/** But for what must differ: the name of the tenant, and where the secret is. */
function meaning({ auth, ...source }: SourceConfig): unknown {
  if (auth.kind === 'password') return { ...source, user: auth.user };
  const { name: _, credential, ...tenant } = auth.tenant;
  return { ...source, tenant, credential: { ...credential, secret: undefined } };
}

test('the YAML of a definition, put into a configuration file, means the same source', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-yaml-'));
  try {
    for (const one of drafts) {
      const { text } = definitionOfDraft(one);
      const file = join(folder, 'postern.yaml');
      writeFileSync(file, yamlOf(text));
      const { config, problems } = await readConfig(file, {});
      assert.deepEqual(
        problems.map((problem) => problemLine('', problem)),
        [],
      );
      const tenant = text.app === undefined ? undefined : { name: 'app:x', value: text.app };
      const { source } = await readOneSource(
        {
          name: text.name,
          source: tenant === undefined ? text.source : { tenant: 'app:x', ...text.source },
          tenant,
          kept: { secrets: new Map(), files: new Map() },
        },
        { folder, env: {}, tenants: new Map(), sources: [] },
      );
      assert.ok(source !== undefined && config !== undefined);
      const [ofFile] = config.sources;
      assert.ok(ofFile);
      assert.deepEqual(meaning(source), meaning(ofFile));
      // What is shown of a source of the file has the same settings.
      const shown = draftOfConfig(ofFile);
      const settings = { app: null, tenant: null, server: null, password: null, every: '', folders: [] };
      assert.deepEqual({ ...shown, ...settings }, { ...one, ...settings });
      assert.deepEqual([spanText(ofFile.everyMs), [...shown.folders].sort()], [shown.every, [...one.folders].sort()]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what was typed as a secret is in no text of the definition', () => {
  const secret = 'abc8Q~this-is-the-value-0123456789';
  for (const credential of [{ kind: 'secret', secret } as const, { kind: 'certificate', certificate: pem, key: secret } as const]) {
    const { text, drafted } = definitionOfDraft(draft({ app: { ...app, credential } }));
    assert.ok(!JSON.stringify(text).includes(secret) && !yamlOf(text).includes(secret) && !JSON.stringify(drafted).includes(secret));
  }
});

test('a span is written with the largest unit that leaves nothing over', () => {
  assert.deepEqual([1_000, 60_000, 90_000, 3_600_000, 5_400_000, 86_400_000, 250].map(spanText), [
    '1s',
    '1m',
    '90s',
    '1h',
    '90m',
    '1d',
    '250ms',
  ]);
});
