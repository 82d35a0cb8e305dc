/** What is pasted from elsewhere fills in the form: by the names of the import source page, of the portal, and of scripts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyDraft } from './draft.ts';
import { isDefinition, readPasted } from './pasted.ts';

const client = '11111111-2222-3333-4444-555555555555';
const tenant = '66666666-7777-8888-9999-aaaaaaaaaaaa';

test('the fields of the import source page are understood by their names', () => {
  const { draft, understood } = readPasted(
    `Authentication Mode: OAuth 2.0
     Application (Client) ID: ${client}
     Application (Client) Secret: aB3~secret.value
     Directory (Tenant) ID: ${tenant}
     Protocol: IMAP`,
    { ...emptyDraft, authentication: 'password' },
  );
  assert.equal(draft.authentication, 'oauth2');
  assert.equal(draft.app.clientId, client);
  assert.equal(draft.app.tenantId, tenant);
  assert.deepEqual(draft.app.credential, { kind: 'secret', secret: 'aB3~secret.value' });
  assert.deepEqual(understood, [
    'Authentication Mode',
    'Application (Client) ID',
    'Application (Client) Secret',
    'Directory (Tenant) ID',
    'Protocol',
  ]);
});

test('values on the next line, after a tab, an equals sign or between quotes are found as well', () => {
  for (const text of [
    `Application (client) ID\n${client}\nDirectory (tenant) ID\n${tenant}`,
    `Application (client) ID\t${client}\nDirectory (tenant) ID\t${tenant}`,
    `CLIENT_ID="${client}"\nTENANT_ID='${tenant}'`,
  ]) {
    const { draft } = readPasted(text, emptyDraft);
    assert.deepEqual([draft.app.clientId, draft.app.tenantId], [client, tenant], text);
  }
});

test('a field without a value does not take the name of the next one for it', () => {
  const { draft, understood } = readPasted(`Application (Client) ID:\nDirectory (Tenant) ID: ${tenant}`, emptyDraft);
  assert.equal(draft.app.clientId, '');
  assert.deepEqual(understood, ['Directory (Tenant) ID']);
});

test('server, user and password of a mail account make a source with a password', () => {
  const { draft } = readPasted(
    'Authentication: Password\nServer: mail.example.com\nUser name: box@example.com\nPassword: pa:ss word',
    emptyDraft,
  );
  assert.equal(draft.authentication, 'password');
  assert.equal(draft.server.host, 'mail.example.com');
  assert.deepEqual(draft.password, { user: 'box@example.com', secret: 'pa:ss word' });
});

test('other text changes nothing', () => {
  const { draft, understood } = readPasted('Dear colleague,\nplease find the ids in the portal.', emptyDraft);
  assert.equal(draft, emptyDraft);
  assert.deepEqual(understood, []);
});

test('a definition in YAML is told from a list of fields', () => {
  assert.equal(isDefinition('sources:\n  telemessage:\n    mailbox: a@b.example\n'), true);
  assert.equal(isDefinition('Application (Client) ID: x'), false);
});
