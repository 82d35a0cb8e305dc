/** What a person reads of a check: broken where a terminal ends, except for what is to be pasted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account } from '../check/account.ts';
import type { Finding } from '../check/finding.ts';
import type { Observation } from '../check/observation.ts';
import type { CheckResult } from '../check/run.ts';
import type { SecretReference } from '../config/secret-reference.ts';
import { Secret } from '../runtime/secret.ts';
import { checkText } from './check-text.ts';

const password: SecretReference = { kind: 'env', describe: 'environment variable P', resolve: async () => new Secret('word') };
const server = { host: 'outlook.office365.com', port: 993, tls: 'implicit', ca: [] } as const;

function accountOf(mailbox: string, mustBeRefused = false): Account {
  const login = { kind: 'password', user: mailbox, password } as const;
  return { mailbox, login, servers: { imap: server }, wanted: ['imap'], beside: [], folders: ['INBOX'], mustBeRefused };
}

function resultOf(observations: readonly Observation[], findings: readonly Finding[], accounts: readonly Account[]): CheckResult {
  const attempts = accounts.map((account) => ({ account, protocol: 'imap', wanted: true }) as const);
  return { observations, findings, attempts, dialogues: [], tookMs: 5, startedAtMs: 0 };
}

const place = { mailbox: 'a@contoso.test', protocol: 'imap' } as const;
const said = `${'no word of it is short '.repeat(12)}[AM0PR01 2026-11-22 08D0]`;
const refused = {
  probe: 'login',
  place,
  outcome: 'refused',
  seen: { server: said },
  code: 'imap.authenticate-refused',
  tookMs: 1,
} as const;

test('prose is broken under where it began, and a line to paste never is', () => {
  const line = `Add-MailboxPermission -Identity ${'a'.repeat(120)}@contoso.test -User x -AccessRights FullAccess`;
  const finding: Finding = {
    code: 'imap.authenticate-refused',
    certainty: 'sure',
    level: 'fault',
    places: [place],
    seen: refused.seen,
    repair: [line],
    rests: [refused],
  };
  const text = checkText(resultOf([refused], [finding], [accountOf('a@contoso.test')]), false);
  const lines = text.split('\n');
  assert.ok(lines.includes(`          ${line}`));
  const long = lines.filter((one) => one.length > 120 && !one.includes(line));
  assert.deepEqual(long, []);
  // In the tree it is cut, and without the stamp of the server; in the finding it is whole.
  assert.match(text, /short no word…/);
  assert.ok(text.replace(/\n +/g, ' ').includes(`"${said}"`));
});

test('a server is shown with what it is for, and its certificate with a day', () => {
  const seen = { version: 'TLSv1.3', issuer: 'C=US, O=DigiCert Inc, CN=G2', validTo: 'Dec 22 04:22:48 2026 GMT' };
  const tls = { probe: 'tls', place: { server: 'outlook.office365.com:993' }, outcome: 'ok', seen, tookMs: 1 } as const;
  const text = checkText(resultOf([tls], [], [accountOf('a@contoso.test')]), false);
  assert.match(text, /^ {2}ok {7}outlook\.office365\.com:993 IMAP {2}TLSv1\.3, issued by DigiCert Inc, until 2026-12-22$/m);
});

test('a mailbox that must be closed and is not does not look good', () => {
  const login = { probe: 'login', place, outcome: 'ok', seen: {}, tookMs: 1 } as const;
  assert.match(checkText(resultOf([login], [], [accountOf('a@contoso.test', true)]), false), /^ {2}open {5}a@contoso\.test/m);
  assert.match(checkText(resultOf([refused], [], [accountOf('a@contoso.test', true)]), false), /^ {2}closed {3}a@contoso\.test/m);
});
