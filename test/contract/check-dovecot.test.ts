/**
 * `check` against a real Dovecot that takes XOAUTH2 only, with tokens of the sandbox's token endpoint.
 *
 * Dovecot knows no pointer and no grant; what it shares with Exchange is that one line stands for many causes. Other than Exchange it says
 * a little more in a challenge, and that has to reach the person as evidence.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { thumbprints } from '../../sandbox/src/certificates.ts';
import { type Connection, connectionTo, posternYaml, writeConnection } from '../../sandbox/src/connection.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { scenarioNamed } from '../../sandbox/src/scenario.ts';
import { accountsToCheck } from '../../src/check/account.ts';
import type { Finding } from '../../src/check/finding.ts';
import { type Protocol, protocols } from '../../src/check/observation.ts';
import { verdictOf } from '../../src/check/report.ts';
import { type CheckResult, check } from '../../src/check/run.ts';
import { checkText } from '../../src/cli/check-text.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';
import { selfSignedCertificate } from './places/certificate.ts';
import { type DovecotPlace, startDovecot } from './places/dovecot.ts';
import { unlessDovecot } from './places/peers.ts';

const skip = unlessDovecot('openssl');
const open = 'open@contoso.test';
const other = 'other@contoso.test';
const denied = 'closed@contoso.test';
const mail = Buffer.from('Subject: first\r\n\r\nGood morning.\r\n');

let folder = '';
let sandbox: Sandbox;
let dovecot: DovecotPlace;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'postern-check-dovecot-'));
  const [started, tls] = await Promise.all([startSandbox({ withoutSeed: true }), selfSignedCertificate()]);
  sandbox = started;
  dovecot = await startDovecot({
    tls,
    signer: {
      issuer: `https://sts.windows.net/${sandbox.tenant.id}/`,
      kid: thumbprints(sandbox.tenant.signingKey.certificate).x5t,
      publicKeyPem: sandbox.tokenKeyPem,
    },
    denied: [denied],
  });
  for (const mailbox of [open, other]) dovecot.deliver(mailbox, 'INBOX', [mail, mail]);
  writeFileSync(join(folder, 'authorities.pem'), sandbox.caPem + tls.certificatePem);
});

after(async () => {
  await dovecot?.close();
  await sandbox?.close();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

interface Wish {
  readonly mailboxes: readonly string[];
  readonly refused?: readonly string[];
  readonly protocols?: readonly Protocol[];
  /** The app of this scenario; the healthy one unless given. */
  readonly app?: string;
  readonly tls?: 'implicit' | 'starttls';
}

async function checked({ mailboxes, refused = [], protocols: over = protocols, app, tls = 'implicit' }: Wish): Promise<CheckResult> {
  const { host, ports } = dovecot;
  const inside = mkdtempSync(join(folder, 'run-'));
  const { imap, pop, smtp, ...rest } = connectionTo(sandbox, app === undefined ? undefined : scenarioNamed(app));
  const connection: Connection = {
    ...rest,
    imap: { ...imap, host, port: tls === 'implicit' ? ports.imaps : ports.imap, tls },
    pop: { ...pop, host, port: tls === 'implicit' ? ports.pop3s : ports.pop3, tls },
    smtp: { ...smtp, host, port: ports.submission },
  };
  await writeConnection(connection, inside);
  const file = join(inside, 'postern.yaml');
  writeFileSync(file, posternYaml(connection).replace('ca: ./ca.pem', `ca: ${join(folder, 'authorities.pem')}`));
  const accounts = accountsToCheck(await loadConfig(file, {}), { mailboxes, refused, protocols: over });
  const look = { clock: systemClock, request, authorities: [] };
  return await check(accounts, look, { connections: 4, sendTest: false, transcript: true });
}

/** `check.mailbox-closed supposed closed@contoso.test imap+pop3` */
function told(findings: readonly Finding[]): string[] {
  return findings.map(({ code, certainty, level, places }) => {
    const mailboxes = new Set(places.map(({ mailbox }) => mailbox ?? ''));
    return [code, certainty, level, [...mailboxes].join('+'), places.map(({ protocol }) => protocol ?? '').join('+')].join(' ');
  });
}

for (const tls of ['implicit', 'starttls'] as const) {
  test(`Dovecot: a good mailbox is green on IMAP, POP3 and submission (${tls})`, { skip }, async () => {
    const { observations, findings, attempts, dialogues } = await checked({ mailboxes: [open], tls });
    assert.deepEqual([told(findings), attempts.length], [[], 3], dovecot.log());
    assert.deepEqual(
      observations.filter(({ outcome }) => outcome !== 'ok'),
      [],
    );
    const opened = observations.flatMap((one) => (one.probe === 'open' && one.outcome === 'ok' ? one.seen['messages'] : []));
    assert.deepEqual(opened, [2, 2]);
    assert.ok(dialogues.every(({ lines }) => !lines.some(({ text }) => text.includes('eyJ') || text.includes('dXNlcj'))));
  });
}

test('Dovecot: a denied mailbox beside good ones is told from a wrong pointer, with what the challenge said', { skip }, async () => {
  const result = await checked({ mailboxes: [open, denied, other] });
  assert.deepEqual(told(result.findings), [`check.mailbox-closed supposed fault ${denied} imap+pop3+smtp`], dovecot.log());
  assertChallengeShown(result);
  assert.match(checkText(result, false), /Get-Mailbox -Identity closed@contoso\.test/);
});

test('Dovecot: tokens of an app whose key it does not know are refused everywhere, which points at the app', { skip }, async () => {
  const result = await checked({ mailboxes: [open, other], app: 'foreign-signature' });
  const both = [open, other];
  assert.deepEqual(told(result.findings), [
    `check.pointer-wrong supposed fault ${both.join('+')} ${both.map(() => 'imap+pop3+smtp').join('+')}`,
  ]);
  assertChallengeShown(result);
});

test('Dovecot: a mailbox that must be closed is proven closed, and one that is not is found open', { skip }, async () => {
  const closed = await checked({ mailboxes: [open], refused: [denied], protocols: ['imap', 'pop3'] });
  assert.deepEqual([told(closed.findings), verdictOf(closed.findings)], [[], 'good']);
  assert.match(checkText(closed, false), /closed {3}closed@contoso\.test over IMAP/);
  const found = await checked({ mailboxes: [open], refused: [other], protocols: ['imap', 'pop3'] });
  assert.deepEqual(told(found.findings), [`check.mailbox-open sure fault ${other} imap+pop3`]);
  // A token of an app that gets in nowhere proves nothing.
  const nowhere = await checked({ mailboxes: [open], refused: [denied], protocols: ['imap'], app: 'foreign-signature' });
  assert.ok(
    nowhere.findings.some(({ code }) => code === 'check.refusal-unproven'),
    told(nowhere.findings).join(', '),
  );
});

/** RFC 7628 §3.2.2: `status`, `schemes` and `scope`; read on every protocol, and shown to the person. */
function assertChallengeShown(result: CheckResult): void {
  const refused = result.observations.filter(({ probe, outcome }) => probe === 'login' && outcome === 'refused');
  const challenges = new Map(
    refused.map(({ place, ...one }) => [
      place.protocol,
      'seen' in one ? [one.seen['challenge-status'], one.seen['challenge-schemes']] : [],
    ]),
  );
  assert.deepEqual([...challenges.keys()].sort(), ['imap', 'pop3', 'smtp']);
  for (const [protocol, challenge] of challenges) assert.deepEqual(challenge, ['401', 'bearer'], protocol);
  assert.match(checkText(result, false), /challenge-status: 401; challenge-schemes: bearer; challenge-scope: mail/);
}
