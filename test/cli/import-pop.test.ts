/** POP3 sources through the whole binary: what goes wrong on the server, what a person is told, and that nothing is lost or twice. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { rawOf } from '../../sandbox/src/folder.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, mailboxOf } from '../../sandbox/src/tenant.ts';
import { exit } from '../../src/cli/command.ts';
import { hashesOf } from '../contract/import-place.ts';
import { postern, type Ran } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-pop-'));
let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
});
after(async () => {
  await sandbox?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What of twelve messages is archived and what kept apart; where there are more, of these. */
const expected: Readonly<Record<string, readonly [listed: number, archived: number, quarantined: number]>> = {
  'pop-pipelining': [60, 60, 0],
  throttled: [12, 12, 0],
  'pop-refuses': [12, 11, 1],
  'pop-locked': [12, 12, 0],
  'pop-same-name': [12, 12, 0],
  'pop-cut-at-quit': [12, 12, 0],
  'empty-fetch': [12, 11, 1],
  substitute: [12, 11, 1],
  'wrong-size': [12, 12, 0],
  drops: [60, 60, 0],
  expires: [40, 40, 0],
  'server-unavailable': [12, 12, 0],
};

function configured(name: string, mailboxes: readonly string[], keys = ''): string {
  const file = join(folder, `${name}.yaml`);
  const sources = mailboxes.map(
    (mailbox) => `  ${mailbox}:
    tenant: lab
    protocol: pop3
    server: { host: localhost, port: ${sandbox.pop.tlsPort}, ca: ca.pem }
    mailbox: ${mailbox}@contoso.test
${keys}`,
  );
  writeFileSync(
    file,
    `data: ./${name}
tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}" }
    credential: { secret: { env: LAB_SECRET } }
    ca: ca.pem
sources:
${sources.join('')}`,
  );
  return file;
}

function imported(config: string, ...words: readonly string[]): Promise<Ran> {
  return postern(['import', 'run', '--once', '--config', config, ...words], { env: { LAB_SECRET: sandbox.clientSecret } });
}

test('every source ends with all that its server hands out, whatever goes wrong on the way; a second run brings nothing', async () => {
  const config = configured('all', Object.keys(expected));
  const first = await imported(config, '--json');
  assert.equal(first.code, exit.done, first.talk);
  const { sources } = JSON.parse(first.out);
  assert.deepEqual(
    sources.map(({ source, folders: [one] }: Summary) => [source, one?.listed, one?.archived, one?.quarantined, one?.missing.length]),
    Object.entries(expected).map(([source, row]) => [source, ...row, 0]),
  );
  const second = await imported(config, '--json');
  assert.equal(second.code, exit.done, second.talk);
  const again: readonly Summary[] = JSON.parse(second.out).sources;
  assert.ok(again.every(({ folders: [one] }) => one?.archived === 0 && one?.duplicate === 0));
  assert.equal((await postern(['archive', 'verify', '--config', config])).code, exit.done);
  const stats = JSON.parse((await postern(['archive', 'stats', '--json', '--config', config])).out);
  const served = Object.keys(expected).flatMap((name) => {
    const mailbox = mailboxOf(sandbox.tenant, `${name}@contoso.test`);
    return (mailbox === undefined ? undefined : folderOf(mailbox, 'INBOX'))?.messages.map(rawOf) ?? [];
  });
  // Two that never came, and one in whose place a text came that counts as a message too.
  assert.equal(stats.messages, hashesOf(served).length - 2);
});

test('a server without lasting names: the words say what to do, and the exit code says that it is not done', async () => {
  const ran = await imported(configured('unnamed', ['pop-no-uidl']));
  assert.equal(ran.code, exit.fault);
  assert.match(ran.talk, /pop\.uidl-missing/);
  assert.match(ran.talk, /protocol: imap/);
});

test('what POP3 cannot do is refused in the configuration, with the line', async () => {
  const ran = await imported(configured('impossible', ['throttled'], '    onCompletion: { move: Imported }\n'));
  assert.equal(ran.code, exit.usage);
  assert.match(ran.talk, /impossible\.yaml:15:19 sources\.throttled\.onCompletion: POP3 has no folders to move to/);
});

interface Summary {
  readonly source: string;
  readonly folders: readonly {
    readonly listed: number;
    readonly archived: number;
    readonly duplicate: number;
    readonly quarantined: number;
    readonly missing: readonly number[];
  }[];
}
