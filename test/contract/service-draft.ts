/** What a person types into the form for the sandbox's tenant, and what the tests of the form have in common. */
import assert from 'node:assert/strict';
import type { Sandbox } from '../../sandbox/src/place.ts';
import { failure } from '../../src/service/api/leaf.ts';
import type { SourceDraft } from '../../src/service/api/source.ts';
import type { Answered } from './service-place.ts';

/** What a person types for the sandbox's tenant. */
export function draftFor(
  sandbox: Sandbox,
  change: Partial<SourceDraft> = {},
  app: Partial<NonNullable<SourceDraft['app']>> = {},
): SourceDraft {
  return {
    name: 'telemessage',
    protocol: 'imap',
    authentication: 'oauth2',
    tenant: null,
    app: {
      clientId: sandbox.clientId,
      tenantId: sandbox.tenant.id,
      cloud: 'custom',
      custom: {
        authority: sandbox.authority,
        imap: `localhost:${sandbox.imap.tlsPort}`,
        pop: `localhost:${sandbox.pop.tlsPort}`,
        ca: sandbox.caPem,
      },
      scope: null,
      credential: { kind: 'secret', secret: sandbox.clientSecret },
      ...app,
    },
    password: null,
    server: null,
    mailbox: sandbox.seededMailbox,
    folders: ['INBOX'],
    every: '1s',
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

/** The fields of a refusal. */
export function fieldsOf(answer: Answered): readonly string[] {
  assert.equal(answer.status, 400, answer.text);
  return (answer.as(failure).fields ?? []).map(({ field }) => field);
}
