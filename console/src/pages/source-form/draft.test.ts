/** What is sent of the form: only the chosen way of authentication, and never an empty secret. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyDraft, type FormDraft, fromDefinition, toSend, trialDraft, withProtocol } from './draft.ts';

const filled: FormDraft = {
  ...emptyDraft,
  name: ' telemessage ',
  app: { ...emptyDraft.app, clientId: 'c', tenantId: 't', credential: { kind: 'secret', secret: 's' } },
  password: { user: 'u', secret: 'p' },
  server: { host: 'mail.example.com', port: 993, tls: 'implicit' },
};

test('with OAuth 2.0 neither password nor server are sent, with a password no app', () => {
  const oauth = toSend(filled);
  assert.deepEqual([oauth.name, oauth.password, oauth.server, oauth.app?.clientId], ['telemessage', null, null, 'c']);
  const password = toSend({ ...filled, authentication: 'password' });
  assert.deepEqual([password.app, password.password, password.server?.host], [null, { user: 'u', secret: 'p' }, 'mail.example.com']);
});

test('a tenant of the configuration file stands in place of the ids', () => {
  const sent = toSend({ ...filled, tenant: 'contoso' });
  assert.deepEqual([sent.tenant, sent.app], ['contoso', null]);
});

test('a secret that is left empty is not sent, so that the saved one stays', () => {
  const sent = toSend({ ...filled, app: { ...filled.app, credential: { kind: 'secret', secret: '', expires: '' } } });
  assert.deepEqual(sent.app?.credential, { kind: 'secret' });
  const key = toSend({ ...filled, app: { ...filled.app, credential: { kind: 'certificate', certificate: 'PEM', key: '' } } });
  assert.deepEqual(key.app?.credential, { kind: 'certificate', certificate: 'PEM' });
});

test('endpoints given by hand go only with their cloud', () => {
  const custom = { authority: 'https://login.example', imap: 'imap.example', pop: 'pop.example', ca: '' };
  assert.equal(toSend({ ...filled, app: { ...filled.app, custom } }).app?.custom, null);
  assert.deepEqual(toSend({ ...filled, app: { ...filled.app, cloud: 'custom', custom } }).app?.custom, {
    authority: 'https://login.example',
    imap: 'imap.example',
    pop: 'pop.example',
  });
});

test('a saved definition comes back as it was sent', () => {
  const sent = toSend(filled);
  assert.deepEqual(toSend(fromDefinition(sent)), sent);
  const password = toSend({ ...filled, authentication: 'password' });
  assert.deepEqual(toSend(fromDefinition(password)), password);
});

test('POP3 keeps nothing that it cannot do', () => {
  const draft = withProtocol(
    { ...filled, folders: ['INBOX', 'Archive'], since: '2026-01-01', onCompletion: { kind: 'move', folder: 'Done' } },
    'pop3',
  );
  const sent = toSend(draft);
  assert.deepEqual([sent.folders, sent.since, sent.onCompletion], [['INBOX'], null, { kind: 'leave' }]);
});

test('a tenant to try things with fills in everything but the secret', () => {
  const sent = toSend(
    trialDraft({
      clientId: 'c',
      tenantId: 't',
      authority: 'https://a.test',
      imap: 'i:1',
      pop: 'p:2',
      mailbox: 'box@contoso.test',
      ca: 'PEM',
    }),
  );
  assert.deepEqual(
    [sent.name, sent.mailbox, sent.app?.cloud, sent.app?.credential],
    ['box', 'box@contoso.test', 'custom', { kind: 'secret' }],
  );
});
