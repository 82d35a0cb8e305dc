/**
 * The rules as a table: what was seen, and what is said of it. Observations are written as the probes write them.
 *
 * The whole table of causes is here, also for answers that no simulated server gives.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantConfig } from '../config/config.ts';
import type { FaultCode } from '../fault/catalog.ts';
import type { Evidence } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { clouds } from '../tenant/cloud.ts';
import type { Account } from './account.ts';
import { diagnose } from './diagnose.ts';
import type { Attempt } from './look.ts';
import type { Observation, Place, ProbeName, Protocol } from './observation.ts';
import { quoted } from './repair.ts';
import { verdictOf } from './report.ts';

const oid = '0b9e0000-0000-4000-8000-000000000001';
const contoso: TenantConfig = {
  name: 'contoso',
  tenantId: '7d1f0000-0000-4000-8000-000000000001',
  clientId: '2c9a0000-0000-4000-8000-000000000001',
  cloud: clouds.global,
  scope: clouds.global.scope,
  credential: { kind: 'secret', secret: { kind: 'env', describe: 'environment variable S', resolve: async () => new Secret('s') } },
  ca: [],
  setup: undefined,
};
const inTenant: Place = { tenant: 'contoso' };
const allRoles = 'IMAP.AccessAsApp POP.AccessAsApp SMTP.SendAsApp';
const goodClaims = {
  readable: true,
  aud: 'https://outlook.office365.com',
  tid: contoso.tenantId,
  appid: contoso.clientId,
  oid,
  roles: allRoles,
  secondsLeft: 3599,
};

function ok(probe: ProbeName, place: Place, seen: Evidence = {}): Observation {
  return { probe, place, outcome: 'ok', seen, tookMs: 1 };
}

function refused(probe: ProbeName, place: Place, code: FaultCode, seen: Evidence = {}): Observation {
  return { probe, place, outcome: 'refused', code, seen, tookMs: 1 };
}

/** How a mailbox answered over one protocol: open, or the code of the refusal and the probe that met it. */
type Answer = 'open' | FaultCode | readonly [ProbeName, FaultCode] | 'not-run';

interface Tried {
  readonly mailbox: string;
  readonly answers: Readonly<Partial<Record<Protocol, Answer>>>;
  readonly beside?: readonly Protocol[];
  readonly mustBeRefused?: boolean;
  readonly withoutServers?: boolean;
}

function seen(tried: readonly Tried[], ...more: readonly Observation[]): { observations: Observation[]; attempts: Attempt[] } {
  const observations: Observation[] = [...more];
  // A test says only what differs; whatever probe it does not speak of went well.
  for (const [probe, facts] of [
    ['discovery', { tenantId: contoso.tenantId }],
    ['token', {}],
    ['claims', goodClaims],
  ] as const) {
    if (!more.some((one) => one.probe === probe)) observations.push(ok(probe, inTenant, facts));
  }
  const attempts: Attempt[] = [];
  for (const { mailbox, answers, beside = [], mustBeRefused = false, withoutServers = false } of tried) {
    const server = { host: 'outlook.office365.com', port: 993, tls: 'implicit', ca: [] } as const;
    const servers = withoutServers ? {} : { imap: server, pop3: { ...server, port: 995 }, smtp: { ...server, port: 587 } };
    const wanted = (['imap', 'pop3', 'smtp'] as const).filter((protocol) => answers[protocol] !== undefined && !beside.includes(protocol));
    const login = { kind: 'oauth2', tenant: contoso } as const;
    const account: Account = { mailbox, login, servers, wanted, beside, folders: ['INBOX'], mustBeRefused };
    for (const protocol of ['imap', 'pop3', 'smtp'] as const) {
      const answer = answers[protocol];
      if (answer === undefined) continue;
      attempts.push({ account, protocol, wanted: wanted.includes(protocol) });
      const place = { tenant: 'contoso', mailbox, protocol };
      if (answer === 'open') observations.push(ok('login', place), ...(protocol === 'smtp' ? [] : [ok('open', place), ok('fetch', place)]));
      else if (answer === 'not-run') observations.push({ probe: 'login', place, outcome: 'not-run', because: 'TLS failed' });
      else if (typeof answer === 'string') observations.push(refused('login', place, answer, { server: 'no' }));
      else observations.push(ok('login', place), refused(answer[0], place, answer[1], { server: 'no' }));
    }
  }
  return { observations, attempts };
}

const no = { imap: 'imap.authenticate-refused', pop3: 'pop.authenticate-refused', smtp: 'smtp.authenticate-refused' } as const;
const notConnected = ['open', 'imap.not-connected'] as const;
const claims = (differing: Evidence): Observation => ok('claims', inTenant, { ...goodClaims, ...differing });

const supposed = (code: string): string => `${code}, supposed`;
const warning = (code: string): string => `${code}, a warning`;

/** What was seen, and the findings in their order. */
const table: readonly (readonly [says: string, look: ReturnType<typeof seen>, findings: readonly string[]])[] = [
  ['all open: nothing to say', seen([{ mailbox: 'a@x.test', answers: { imap: 'open', pop3: 'open', smtp: 'open' } }]), []],
  [
    'one mailbox refused over all: the pointer, and behind it the mailbox',
    seen([{ mailbox: 'a@x.test', answers: no }]),
    [supposed('check.pointer-wrong'), supposed('check.mailbox-closed')],
  ],
  [
    'two mailboxes refused: the pointer alone',
    seen([
      { mailbox: 'a@x.test', answers: { imap: no.imap } },
      { mailbox: 'b@x.test', answers: { imap: no.imap } },
    ]),
    [supposed('check.pointer-wrong')],
  ],
  [
    'one of two refused: that mailbox, not the pointer',
    seen([
      { mailbox: 'a@x.test', answers: { imap: 'open' } },
      { mailbox: 'b@x.test', answers: { imap: no.imap } },
    ]),
    [supposed('check.mailbox-closed')],
  ],
  [
    'one let in but not connected: the pointer is right all the same',
    seen([
      { mailbox: 'a@x.test', answers: { imap: notConnected } },
      { mailbox: 'b@x.test', answers: { imap: no.imap } },
    ]),
    [supposed('check.grant-missing'), supposed('check.protocol-off'), supposed('check.mailbox-closed')],
  ],
  [
    'not connected over IMAP and refused over POP3: one cause, the grant',
    seen([{ mailbox: 'a@x.test', answers: { imap: notConnected, pop3: no.pop3 } }]),
    [supposed('check.grant-missing'), supposed('check.protocol-off')],
  ],
  [
    'not connected over IMAP, open over POP3: the switch',
    seen([{ mailbox: 'a@x.test', answers: { imap: notConnected, pop3: 'open' } }]),
    [supposed('check.protocol-off')],
  ],
  [
    'refused over POP3, open over IMAP: the switch',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open', pop3: no.pop3 } }]),
    [supposed('check.protocol-off')],
  ],
  [
    'open over IMAP, a protocol beside it is refused: a warning',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open', pop3: no.pop3 }, beside: ['pop3'] }]),
    [warning(supposed('check.protocol-off'))],
  ],
  [
    'SMTP refused with its role while IMAP opens: what the server said, without a guess',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open', smtp: no.smtp } }]),
    [supposed('smtp.authenticate-refused')],
  ],
  [
    'no role for SMTP and refused',
    seen([{ mailbox: 'a@x.test', answers: { smtp: no.smtp } }], claims({ roles: '' })),
    [supposed('check.smtp-role-missing')],
  ],
  [
    'no role for SMTP and let in: RBAC for Applications',
    seen([{ mailbox: 'a@x.test', answers: { smtp: 'open' } }], claims({ roles: '' })),
    [],
  ],
  [
    'no role for SMTP, and it could not be tried: a warning',
    seen([{ mailbox: 'a@x.test', answers: { smtp: 'not-run' } }], claims({ roles: '' })),
    [warning(supposed('check.smtp-role-missing'))],
  ],
  [
    'SMTP AUTH is off for the tenant',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open', smtp: 'smtp.disabled-for-tenant' } }]),
    ['smtp.disabled-for-tenant'],
  ],
  [
    'the test mail finds no mailbox behind the login',
    seen([{ mailbox: 'a@x.test', answers: { smtp: ['send', 'smtp.mailbox-logon-failed'] } }]),
    [supposed('check.grant-missing')],
  ],
  [
    'no role at all explains every refusal',
    seen([{ mailbox: 'a@x.test', answers: { imap: no.imap } }], claims({ roles: '' })),
    ['check.roles-none'],
  ],
  [
    'the role for POP3 only explains IMAP and not POP3',
    seen([{ mailbox: 'a@x.test', answers: { imap: no.imap, pop3: 'open' } }], claims({ roles: 'POP.AccessAsApp' })),
    ['check.role-missing'],
  ],
  [
    'a login that is accepted without the role is worth more than the claim',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], claims({ roles: '' })),
    [],
  ],
  [
    'a token for Graph explains every refusal',
    seen([{ mailbox: 'a@x.test', answers: no }], claims({ aud: 'https://graph.microsoft.com', roles: 'Mail.Read' })),
    ['check.token-audience'],
  ],
  ...['https://outlook.office365.com/', 'https://outlook.office.com', 'https://ps.outlook.com', '00000002-0000-0ff1-ce00-000000000000'].map(
    (aud) =>
      [
        `${aud} is Exchange Online`,
        seen([{ mailbox: 'a@x.test', answers: { imap: no.imap } }], claims({ aud })),
        [supposed('check.pointer-wrong'), supposed('check.mailbox-closed')],
      ] as const,
  ),
  [
    'a token of a person',
    seen([{ mailbox: 'a@x.test', answers: { imap: no.imap } }], claims({ scp: 'IMAP.AccessAsUser.All' })),
    ['check.token-delegated'],
  ],
  [
    'a token of another tenant',
    seen([{ mailbox: 'a@x.test', answers: { imap: no.imap } }], claims({ tid: '7d1f0000-0000-4000-8000-00000000ffff' })),
    ['check.token-foreign'],
  ],
  [
    'a token that had expired',
    seen([{ mailbox: 'a@x.test', answers: { imap: no.imap } }], claims({ secondsLeft: -60 })),
    ['check.token-expired'],
  ],
  [
    'a token of five minutes',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], claims({ secondsLeft: 299 })),
    [warning('check.token-short-lived')],
  ],
  [
    'an opaque token that works',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], ok('claims', inTenant, { readable: false })),
    [warning('check.token-unreadable')],
  ],
  [
    'a clock that is ten minutes ahead',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], ok('token', inTenant, { clockAheadSeconds: 600 })),
    [warning('check.clock-off')],
  ],
  [
    'a certificate with a week left',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], ok('credential', inTenant, { kind: 'certificate', daysLeft: 7 })),
    [warning('check.certificate-ends-soon')],
  ],
  [
    'a secret that Graph says has a week left',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], ok('end', inTenant, { known: true, daysLeft: 7, origin: 'graph' })),
    [warning('check.secret-ends-soon')],
  ],
  [
    'a secret whose end the app may not ask for',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], ok('end', inTenant, { known: false, because: 'the app may not' })),
    [],
  ],
  [
    'discovery and token both do not know the tenant: told once',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'not-run' } }],
      refused('discovery', inTenant, 'token.tenant-not-found'),
      refused('token', inTenant, 'token.tenant-not-found'),
    ),
    ['token.tenant-not-found'],
  ],
  [
    'another cloud knows the tenant',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'not-run' } }],
      refused('discovery', inTenant, 'token.tenant-not-found', { knownIn: 'china', knownBy: 'https://login.partner.microsoftonline.cn' }),
      refused('token', inTenant, 'token.tenant-not-found'),
    ),
    ['token.wrong-cloud'],
  ],
  [
    'one host that does not resolve, on two ports: told once',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'not-run', pop3: 'not-run' } }],
      refused('name', { server: 'outlook.office365.com:993' }, 'network.name-not-found'),
      refused('name', { server: 'outlook.office365.com:995' }, 'network.name-not-found'),
    ),
    ['network.name-not-found'],
  ],
  [
    'certificates of one unknown authority on three servers, two of them beside: told once, as a fault',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'not-run', pop3: 'not-run', smtp: 'not-run' }, beside: ['pop3', 'smtp'] }],
      refused('tls', { server: 'outlook.office365.com:995' }, 'network.certificate-not-trusted', { issuer: 'O=Corp' }),
      refused('tls', { server: 'outlook.office365.com:993' }, 'network.certificate-not-trusted', { issuer: 'O=Corp' }),
      refused('tls', { server: 'outlook.office365.com:587' }, 'network.certificate-not-trusted', { issuer: 'O=Corp' }),
    ),
    ['network.certificate-not-trusted'],
  ],
  [
    'a closed port that only a protocol beside needs: a warning',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'open', smtp: 'not-run' }, beside: ['smtp'] }],
      refused('connection', { server: 'outlook.office365.com:587' }, 'network.unreachable'),
    ),
    [warning('network.unreachable')],
  ],
  [
    'TLS to Microsoft, issued by somebody else and trusted here',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'open' } }],
      ok('tls', { server: 'outlook.office365.com:993' }, { issuer: 'O=Corp, CN=Inspect' }),
    ),
    [warning(supposed('check.tls-intercepted'))],
  ],
  [
    'TLS to Microsoft, issued by DigiCert',
    seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'open' } }],
      ok('tls', { server: 'outlook.office365.com:993' }, { issuer: 'C=US, O=DigiCert Inc' }),
    ),
    [],
  ],
  [
    'TLS to a server that is not Microsoft’s, whoever issued it',
    seen([{ mailbox: 'a@x.test', answers: { imap: 'open' } }], ok('tls', { server: 'mail.example.com:993' }, { issuer: 'O=Corp' })),
    [],
  ],
  ['a protocol without a server', seen([{ mailbox: 'a@x.test', answers: { pop3: 'not-run' }, withoutServers: true }]), ['check.no-server']],
  [
    'a mailbox that must be closed and is, while another opens',
    seen([
      { mailbox: 'a@x.test', answers: { imap: 'open' } },
      { mailbox: 'shut@x.test', answers: { imap: notConnected }, mustBeRefused: true },
    ]),
    [],
  ],
  [
    'a mailbox that must be closed and is open',
    seen([
      { mailbox: 'a@x.test', answers: { imap: 'open' } },
      { mailbox: 'shut@x.test', answers: { imap: 'open' }, mustBeRefused: true },
    ]),
    ['check.mailbox-open'],
  ],
  [
    'a closed mailbox alone proves nothing',
    seen([{ mailbox: 'shut@x.test', answers: { imap: no.imap }, mustBeRefused: true }]),
    ['check.refusal-unproven'],
  ],
  [
    'a closed mailbox beside another that does not open proves nothing either',
    seen([
      { mailbox: 'a@x.test', answers: { imap: no.imap } },
      { mailbox: 'shut@x.test', answers: { imap: no.imap }, mustBeRefused: true },
    ]),
    [supposed('check.pointer-wrong'), supposed('check.mailbox-closed'), warning('check.refusal-unproven')],
  ],
  [
    'what is sure stands before what is supposed',
    seen([
      { mailbox: 'a@x.test', answers: { imap: no.imap } },
      { mailbox: 'b@x.test', answers: { imap: 'imap.throttled' } },
    ]),
    ['imap.throttled', supposed('check.pointer-wrong'), supposed('check.mailbox-closed')],
  ],
  [
    'a hundred mailboxes with one trouble: told once',
    seen(
      Array.from({ length: 100 }, (_, index) => ({ mailbox: `m${index}@x.test`, answers: { imap: 'imap.server-unavailable' } as const })),
    ),
    ['imap.server-unavailable'],
  ],
];

for (const [says, look, findings] of table) {
  test(`rules: ${says}`, () => {
    const said = diagnose(look).map(({ code, certainty, level }) => {
      const sure = certainty === 'supposed' ? supposed(code) : code;
      return level === 'warning' ? warning(sure) : sure;
    });
    assert.deepEqual(said, findings);
  });
}

test('a repair names this app, the object id of the token and this mailbox, ready to paste', () => {
  const [pointer, closed] = diagnose(seen([{ mailbox: "o'brien@x.test", answers: { imap: no.imap } }]));
  assert.ok(
    pointer?.repair.includes(`New-ServicePrincipal -AppId ${contoso.clientId} -ObjectId ${oid} -DisplayName Postern`),
    pointer?.repair.join('\n'),
  );
  assert.ok(
    closed?.repair.includes(`Add-MailboxPermission -Identity 'o''brien@x.test' -User ${oid} -AccessRights FullAccess`),
    closed?.repair.join('\n'),
  );
  const [off] = diagnose(seen([{ mailbox: 'a@x.test', answers: { imap: 'open', smtp: 'smtp.disabled-for-mailbox' } }]));
  assert.ok(off?.repair.includes('Set-CASMailbox -Identity a@x.test -SmtpClientAuthenticationDisabled $false'), off?.repair.join('\n'));
  const [open] = diagnose(seen([{ mailbox: 'a@x.test', answers: { imap: 'open' }, mustBeRefused: true }]));
  assert.ok(
    open?.repair.includes(`Remove-MailboxPermission -Identity a@x.test -User ${oid} -AccessRights FullAccess`),
    open?.repair.join('\n'),
  );
});

test('a repair in a national cloud opens Exchange there', () => {
  const look = seen([{ mailbox: 'a@x.test', answers: { imap: no.imap } }]);
  const login = { kind: 'oauth2', tenant: { ...contoso, cloud: clouds.china } } as const;
  const attempts = look.attempts.map((attempt) => ({ ...attempt, account: { ...attempt.account, login } }));
  const [pointer] = diagnose({ ...look, attempts });
  assert.equal(pointer?.repair[0], 'Connect-ExchangeOnline -ExchangeEnvironmentName O365China');
});

test('nothing that a mailbox is called gets out of its quotes in PowerShell', () => {
  assert.equal(quoted('a.b-c_d@x.test'), 'a.b-c_d@x.test');
  assert.equal(quoted('$(Remove-Item x)@x.test'), "'$(Remove-Item x)@x.test'");
  assert.equal(quoted("a'; iex 'x@x.test"), "'a''; iex ''x@x.test'");
  // PowerShell takes typographic quotes for quotes.
  assert.equal(quoted('a’b@x.test'), "'a’’b@x.test'");
});

test('the verdict is good with warnings alone, later with passing faults alone, and configuration before everything', () => {
  const verdict = (...answers: readonly Answer[]): string =>
    verdictOf(diagnose(seen(answers.map((imap, index) => ({ mailbox: `m${index}@x.test`, answers: { imap } })))));
  assert.equal(verdict('open'), 'good');
  assert.equal(verdict('open', 'imap.server-unavailable'), 'later');
  assert.equal(verdict('open', 'imap.server-unavailable', 'imap.authenticate-refused'), 'faults');
  const look = seen([{ mailbox: 'a@x.test', answers: { imap: 'not-run' } }], refused('credential', inTenant, 'config.secret-not-set'));
  assert.equal(verdictOf(diagnose(look)), 'configuration');
});

test('a refused assertion is told with what to compare, and a line to add it only where nothing in it means anything to a shell', () => {
  const assertion = { kind: 'file', describe: 'file t', resolve: async () => new Secret('a.b.c') } as const;
  const federated: TenantConfig = { ...contoso, credential: { kind: 'assertion', assertion } };
  const told = (claims: Evidence): readonly [string | undefined, readonly string[]] => {
    const { observations, attempts } = seen(
      [{ mailbox: 'a@x.test', answers: { imap: 'not-run' } }],
      refused('token', inTenant, 'token.subject-not-trusted', claims),
      { probe: 'claims', place: inTenant, outcome: 'not-run', because: 'there is no token' },
    );
    const login = { kind: 'oauth2', tenant: federated } as const;
    const changed = attempts.map((attempt) => ({ ...attempt, account: { ...attempt.account, login } }));
    const [first] = diagnose({ observations, attempts: changed });
    assert.deepEqual([first?.code, first?.certainty], ['token.subject-not-trusted', 'sure']);
    return [first?.because, first?.repair ?? []];
  };
  const pod = {
    issuer: 'https://cluster.test/',
    subject: 'system:serviceaccount:mail:postern',
    audience: 'https://kubernetes.default.svc',
  };
  const [because, repair] = told(pod);
  assert.match(
    because ?? '',
    /subject system:serviceaccount:mail:postern, audience https:\/\/kubernetes.* api:\/\/AzureADTokenExchange is usual/,
  );
  assert.match(repair[0] ?? '', /^az ad app federated-credential list --id 2c9a0000-/);
  assert.ok(repair.some((line) => line.startsWith('az ad app federated-credential create') && line.includes(pod.subject)));
  assert.doesNotMatch(told({ ...pod, audience: 'api://AzureADTokenExchange' })[0] ?? '', /usual/);
  for (const subject of ["x'; rm -rf ~; '", 'a b', '$(id)', 'x\u2019y']) {
    assert.ok(!told({ ...pod, subject })[1].some((line) => line.includes(subject)), subject);
  }
});
