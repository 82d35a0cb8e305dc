/** What the form says at once of what is typed, and how it stands beside what the service says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyDraft, type FormDraft } from './draft.ts';
import { remarksByField, shapeRemarks } from './shapes.ts';

const client = '11111111-2222-3333-4444-555555555555';

function withApp(app: Partial<FormDraft['app']>): FormDraft {
  return { ...emptyDraft, app: { ...emptyDraft.app, ...app } };
}

function fieldsOf(draft: FormDraft): string[] {
  return shapeRemarks(draft).map(({ field }) => field);
}

test('nothing is said of a form that nobody has filled in', () => {
  assert.deepEqual(shapeRemarks(emptyDraft), []);
});

test('the Secret ID in place of its value is noticed', () => {
  const [remark] = shapeRemarks(withApp({ credential: { kind: 'secret', secret: client } }));
  assert.equal(remark?.field, 'app.credential.secret');
  assert.match(remark?.says ?? '', /Secret ID/);
  assert.deepEqual(fieldsOf(withApp({ credential: { kind: 'secret', secret: 'aB3~a.secret-value' } })), []);
});

test('ids have the shape of ids, the directory may be a domain, and the two are not the same', () => {
  assert.deepEqual(fieldsOf(withApp({ clientId: 'my app' })), ['app.clientId']);
  assert.deepEqual(fieldsOf(withApp({ clientId: client, tenantId: 'contoso.com' })), []);
  assert.deepEqual(fieldsOf(withApp({ clientId: client, tenantId: client.toUpperCase() })), ['app.tenantId']);
  assert.deepEqual(fieldsOf(withApp({ tenantId: 'contoso' })), ['app.tenantId']);
});

test('an app that is not sent is not judged', () => {
  assert.deepEqual(fieldsOf({ ...withApp({ clientId: 'my app' }), authentication: 'password' }), []);
  assert.deepEqual(fieldsOf({ ...withApp({ clientId: 'my app' }), tenant: 'contoso' }), []);
});

test('of two remarks on a field the error stands, and an entry of a list belongs to its list', () => {
  const found = remarksByField(
    [{ field: 'mailbox', level: 'error', says: 'quick' }],
    [
      { field: 'mailbox', level: 'hint', says: 'hint' },
      { field: 'folders.2', level: 'error', says: 'no such folder' },
    ],
  );
  assert.deepEqual(
    [...found.values()].map(({ field, says }) => [field, says]),
    [
      ['mailbox', 'quick'],
      ['folders', 'no such folder'],
    ],
  );
});
