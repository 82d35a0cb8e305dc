/** A form under which somebody else has saved: nothing that was typed is lost, and nothing that the other one changed is undone unseen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyDraft, type FormDraft } from './draft.ts';
import { differences, merged } from './newer.ts';

const before: FormDraft = {
  ...emptyDraft,
  name: 'one',
  every: '1h',
  folders: ['INBOX'],
  app: { ...emptyDraft.app, clientId: 'c', tenantId: 't', credential: { kind: 'secret' } },
};

test('what was typed stays, what was not follows the newer one', () => {
  const now: FormDraft = { ...before, every: '2h', format: 'journal', app: { ...before.app, scope: 'theirs' } };
  const typed: FormDraft = {
    ...before,
    every: '3h',
    app: { ...before.app, tenantId: 'mine', credential: { kind: 'secret', secret: 's' } },
  };
  assert.deepEqual(merged(before, now, typed), {
    ...before,
    every: '3h',
    format: 'journal',
    app: { ...before.app, tenantId: 'mine', scope: 'theirs', credential: { kind: 'secret', secret: 's' } },
  });
  assert.deepEqual(merged(before, now, before), now);
  assert.deepEqual(merged(before, before, typed), typed);
});

test('a list is one field, and a credential of another kind is taken whole', () => {
  const now: FormDraft = {
    ...before,
    folders: ['INBOX', 'Calls'],
    app: { ...before.app, credential: { kind: 'secret', expires: '2030-01-01' } },
  };
  const typed: FormDraft = { ...before, folders: ['Sent'], app: { ...before.app, credential: { kind: 'certificate', key: 'k' } } };
  const result = merged(before, now, typed);
  assert.deepEqual([result.folders, result.app.credential], [['Sent'], { kind: 'certificate', key: 'k' }]);
});

test('each field that the newer one changes is named with what was, what is, and what was typed over it', () => {
  const now: FormDraft = { ...before, every: '2h', folders: ['INBOX', 'Calls'], since: '2026-01-01' };
  const typed: FormDraft = { ...before, every: '3h', format: 'mail' };
  assert.deepEqual(differences(before, now, typed), [
    { field: 'folders', before: 'INBOX', now: 'INBOX, Calls', typed: undefined },
    { field: 'every', before: '1h', now: '2h', typed: '3h' },
    { field: 'since', before: '', now: '2026-01-01', typed: undefined },
  ]);
});
