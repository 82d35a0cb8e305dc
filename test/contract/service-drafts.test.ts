/** The form of a source over real HTTP: what is remarked while it is typed, the folders that are listed, YAML out and in. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failure } from '../../src/service/api/leaf.ts';
import { draftJudgement, folderList, type SourceDraft, sourceDraft } from '../../src/service/api/source.ts';
import { draftFor, fieldsOf } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
before(async () => {
  place = await startServicePlace();
  const made = await place.admin('POST', '/sources', draftFor(place.sandbox, { every: '2s' }));
  assert.equal(made.status, 200, made.text);
});
after(async () => {
  await place.close();
});

test('a definition goes out as YAML without its secret and comes back as a draft', async () => {
  const { sandbox, admin } = place;
  const out = await admin('GET', '/sources/telemessage/definition');
  assert.match(out.headers.get('content-disposition') ?? '', /telemessage\.yaml/);
  const draft = (await admin('POST', '/sources/import', { yaml: out.text })).as(sourceDraft);
  const { every, ...expected } = draftFor(sandbox, {}, { credential: { kind: 'secret' }, scope: sandbox.scope });
  assert.deepEqual({ ...draft, every }, { ...expected, every });
  assert.equal(draft.every, '2s');
  for (const [yaml, says] of [
    ['sources: [', /Line 1/],
    ['sources: {}', /exactly one source/],
    [
      'sources: { a: { mailbox: a@b.c, tenant: t } }\ntenants: { t: { tenantId: b.c, credential: { managedIdentity: {} } } }',
      /managedIdentity/,
    ],
  ] as const) {
    const answer = await admin('POST', '/sources/import', { yaml });
    assert.deepEqual(fieldsOf(answer), ['yaml']);
    assert.match(answer.text, says);
  }
});

test('the folders of the mailbox are asked of the server with what stands in the draft', async () => {
  const { sandbox, admin } = place;
  const { folders } = (await admin('POST', '/drafts/folders', draftFor(sandbox, { name: '', folders: [] }))).as(folderList);
  assert.deepEqual(
    folders.filter(({ name }) => name === 'INBOX').map(({ messages, selectable }) => [messages, selectable]),
    [[0, true]],
  );
  assert.ok(folders.some(({ use }) => use === '\\Sent'));
  const wrong = await admin(
    'POST',
    '/drafts/folders',
    draftFor(sandbox, { name: '' }, { credential: { kind: 'secret', secret: 'wrong-value~0123456789abcdef' } }),
  );
  assert.equal(wrong.as(failure).fault.code, 'token.secret-wrong');
});

test('what a seed warns of is found at its field, in words that say what it is', async () => {
  const { sandbox, admin } = place;
  const other = { name: 'mistaken', mailbox: 'mistaken@contoso.test' };
  const secret = (text: string) => ({ credential: { kind: 'secret', secret: text } as const });
  const principal = [...sandbox.tenant.apps.values()].find(({ clientId }) => clientId === sandbox.clientId)?.principal?.oid ?? '';
  // The token of the running source says which object id is whose.
  await admin('POST', `/access/${encodeURIComponent('app:telemessage')}/token`);
  const cases: readonly (readonly [string, string, RegExp, SourceDraft])[] = [
    ['error', 'app.credential.secret', /Secret ID/, draftFor(sandbox, other, secret(sandbox.clientSecretId))],
    ['error', 'app.credential.secret', /Application \(client\) ID again/, draftFor(sandbox, other, secret(sandbox.clientId))],
    ['error', 'app.credential.secret', /first letters/, draftFor(sandbox, other, secret('abc***************'))],
    ['error', 'app.credential.secret', /missing|Paste/, draftFor(sandbox, other, { credential: { kind: 'secret' } })],
    ['hint', 'app.credential.secret', /Blanks/, draftFor(sandbox, other, secret(` ${sandbox.clientSecret}\n`))],
    ['error', 'app.clientId', /value of a client secret/, draftFor(sandbox, other, { clientId: sandbox.clientSecret })],
    ['error', 'app.clientId', /same as the Directory/, draftFor(sandbox, other, { clientId: sandbox.tenant.id })],
    ['error', 'app.clientId', /Object ID of the Enterprise application/, draftFor(sandbox, other, { clientId: principal })],
    ['error', 'app.clientId', /Office 365 Exchange Online/, draftFor(sandbox, other, { clientId: '00000002-0000-0ff1-ce00-000000000000' })],
    ['error', 'app.tenantId', /for people who sign in/, draftFor(sandbox, other, { tenantId: 'common' })],
    ['error', 'app.tenantId', /contoso\.test/, draftFor(sandbox, other, { tenantId: 'anna@contoso.test' })],
    ['error', 'app.tenantId', /GUID/, draftFor(sandbox, other, { tenantId: 'Contoso Ltd' })],
    ['hint', 'app.clientId', /Blanks/, draftFor(sandbox, other, { clientId: ` ${sandbox.clientId}` })],
    ['error', 'app.scope', /\/\.default/, draftFor(sandbox, other, { scope: 'https://outlook.office365.com/IMAP.AccessAsApp' })],
    ['error', 'app.scope', /Graph opens no mailbox/, draftFor(sandbox, other, { scope: 'https://graph.microsoft.com/.default' })],
    [
      'error',
      'app.scope',
      /cloud gcc-high/,
      draftFor(sandbox, other, { cloud: 'global', custom: null, scope: 'https://outlook.office365.us/.default' }),
    ],
    [
      'error',
      'app.custom.authority',
      /Without a path/,
      draftFor(sandbox, other, { custom: { authority: `${sandbox.authority}/tenant`, imap: 'localhost:1', pop: '' } }),
    ],
    [
      'error',
      'app.credential.certificate',
      /expired on/,
      draftFor(sandbox, other, {
        credential: { kind: 'certificate', certificate: sandbox.expiredCertificate.certificatePem, key: sandbox.expiredCertificate.keyPem },
      }),
    ],
    [
      'error',
      'app.credential.key',
      /does not belong/,
      draftFor(sandbox, other, {
        credential: { kind: 'certificate', certificate: sandbox.appCertificatePem, key: sandbox.expiredCertificate.keyPem },
      }),
    ],
    [
      'error',
      'app.credential.certificate',
      /private key in it/,
      draftFor(sandbox, other, { credential: { kind: 'certificate', certificate: sandbox.appKeyPem, key: sandbox.appKeyPem } }),
    ],
    ['error', 'mailbox', /address alone/, draftFor(sandbox, { ...other, mailbox: 'Anna <anna@contoso.test>' })],
    ['hint', 'mailbox', /primary address/, draftFor(sandbox, { ...other, mailbox: 'anna@contoso.onmicrosoft.com' })],
    ['error', 'folders.0', /left out/, draftFor(sandbox, { ...other, folders: ['Archive/*', '!*'] })],
    ['error', 'folders', /Only folders to leave out/, draftFor(sandbox, { ...other, folders: ['!Junk'] })],
    ['hint', 'folders.0', /every language/, draftFor(sandbox, { ...other, folders: ['sent'] })],
    ['error', 'folders', /POP3 reaches the inbox only/, draftFor(sandbox, { ...other, protocol: 'pop3', folders: ['Archive'] })],
    ['error', 'every', /With a unit/, draftFor(sandbox, { ...other, every: '5' })],
    ['error', 'every', /[Dd]uration such as/, draftFor(sandbox, { ...other, every: 'soon' })],
    ['error', 'since', /still to come/, draftFor(sandbox, { ...other, since: '2999-01-01' })],
    ['error', 'onCompletion.after', /waiting period/, draftFor(sandbox, { ...other, onCompletion: { kind: 'delete', after: '0' } })],
    [
      'error',
      'onCompletion.folder',
      /itself imported/,
      draftFor(sandbox, { ...other, folders: ['*'], onCompletion: { kind: 'move', folder: 'Imported' } }),
    ],
    [
      'hint',
      'server.host',
      /Microsoft takes no passwords/,
      draftFor(sandbox, {
        ...other,
        authentication: 'password',
        app: null,
        password: { user: 'anna', secret: 'x' },
        server: { host: 'outlook.office365.com', port: null, tls: 'implicit' },
      }),
    ],
    ['error', 'name', /Letters/, draftFor(sandbox, { ...other, name: 'two words' })],
    ['error', 'tenant', /Choose a tenant/, draftFor(sandbox, { ...other, app: null })],
    ['error', 'tenant', /No tenant "nowhere"/, draftFor(sandbox, { ...other, app: null, tenant: 'nowhere' })],
  ];
  for (const [level, field, says, draft] of cases) {
    const { remarks, savable } = (await admin('POST', '/drafts/judge', draft)).as(draftJudgement);
    assert.ok(
      remarks.some((one) => one.level === level && one.field === field && says.test(one.says)),
      `${field} ${says}: ${JSON.stringify(remarks)}`,
    );
    assert.equal(
      savable,
      remarks.every((one) => one.level === 'hint'),
    );
    if (level === 'error') assert.equal(savable, false, says.source);
    assert.equal(
      new Set(remarks.filter((one) => one.level === 'error').map((one) => one.field)).size,
      remarks.filter((one) => one.level === 'error').length,
    );
  }
  const { remarks, savable } = (await admin('POST', '/drafts/judge', draftFor(sandbox, { ...other, every: '1m' }))).as(draftJudgement);
  assert.deepEqual([remarks, savable], [[], true]);
});

/** What people and their clipboards put into a field. */
const odd = [
  '',
  ' ',
  '__proto__',
  'a'.repeat(64),
  '../x',
  'x\ny',
  '\u0000',
  '😀',
  '[',
  '%',
  '*',
  '!*',
  '\\',
  '\\Sent',
  '0',
  '999999y',
  '1d',
  'https://[::1]:99999',
  '[::1]:993',
  'a:b:c',
  '2026-02-30',
  'a@b',
  '66666666-7777-8888-9999-000000000000',
  '/.default',
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  "';--",
  '\u202Eabc',
] as const;
/** Fields whose values the form lets nobody type. */
const chosen: ReadonlySet<string> = new Set(['protocol', 'authentication', 'cloud', 'kind', 'format', 'nameOrder', 'tls']);

test('whatever is typed into any field is judged, at a field that the form has', async () => {
  const { sandbox, admin, bugs } = place;
  let seed = 1;
  const chance = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(seed / 65_536) % below;
  };
  const mutated = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string') return chosen.has(key) || chance(5) > 0 ? value : odd[chance(odd.length)];
    if (Array.isArray(value)) return [...value, odd[chance(odd.length)]].slice(chance(2));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mutated(inner, name)]));
  };
  const bases = [
    draftFor(sandbox, { protocol: 'pop3' }),
    draftFor(sandbox, { tenant: 'lab', app: null, since: '2026-01-01', country: '1', silentAfter: '1d' }),
    draftFor(sandbox, {
      authentication: 'password',
      app: null,
      password: { user: 'a', secret: 'b' },
      server: { host: 'h', port: 1, tls: 'none', ca: 'x' },
    }),
    draftFor(
      sandbox,
      { onCompletion: { kind: 'delete', after: '1d' } },
      { cloud: 'dod', custom: null, scope: 'x', credential: { kind: 'reference', env: 'A' } },
    ),
    draftFor(
      sandbox,
      { onCompletion: { kind: 'move', folder: 'x' } },
      { credential: { kind: 'certificate', certificate: sandbox.appCertificatePem, key: sandbox.appKeyPem } },
    ),
    draftFor(sandbox, {}, { custom: null }),
  ];
  for (let round = 0; round < 120; round += 1) {
    const draft = mutated(bases[round % bases.length]);
    const answer = await admin('POST', '/drafts/judge', draft);
    const isShape = answer.status === 400;
    assert.ok(answer.status === 200 || isShape, `${answer.status} ${answer.text} ${JSON.stringify(draft)}`);
    if (isShape) continue;
    for (const { field, says } of answer.as(draftJudgement).remarks) {
      assert.match(
        field,
        /^(?:name|protocol|tenant|mailbox|every|since|country|silentAfter|(?:folders|owners)(?:\.\d+)?|onCompletion\.(?:folder|after)|server\.(?:host|port|tls|ca)|password\.(?:user|secret)|app\.(?:clientId|tenantId|cloud|scope|custom\.(?:authority|imap|pop|ca)|credential\.(?:secret|expires|certificate|key|env|file)))$/,
      );
      assert.ok(!says.includes(place.folder), `${says} names a place on this machine`);
    }
  }
  assert.deepEqual(bugs, []);
});
