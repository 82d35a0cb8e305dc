/** What a client may do: a test for each axis of its rights, over each protocol; and what becomes of rights that change. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { isFault } from '../../src/fault/fault.ts';
import { changeClient, newPassword, removeClient } from '../../src/proxy/clients/edit.ts';
import type { LoginRefusal, ProxyProtocol } from '../../src/proxy/port.ts';
import { type Dialogue, dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

let place: ProxyPlace;
before(async () => {
  place = await startProxyPlace({ more: '  tenants: { lab: ["*@contoso.test"] }\n  limits: { failures: 1000 }\n' });
  for (const name of ['own', 'other', 'boss']) place.mailbox(`${name}@contoso.test`);
});
after(() => place.close());

interface Try {
  readonly user: string;
  readonly password: string;
  readonly protocol: ProxyProtocol;
}

/** Logs in. @returns the talk where it worked; else the words of the refusal */
async function logIn({ user, password, protocol }: Try): Promise<{ readonly talk: Dialogue; readonly refused: string | undefined }> {
  const talk = await dial(place.port(protocol));
  const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
  const say = {
    imap: `a LOGIN "${user}" "${password}"\r\n`,
    pop3: `USER ${user}\r\nPASS ${password}\r\n`,
    smtp: `EHLO x\r\nAUTH PLAIN ${plain}\r\n`,
  }[protocol];
  const done = { imap: /^a (OK|NO) .*\r\n/m, pop3: /\+OK\r\n(\+OK|-ERR) .*\r\n/m, smtp: /^(235|[45]\d\d) .*\r\n/m }[protocol];
  talk.say(say);
  const said = await talk.until(done);
  const verdict = done.exec(said)?.[1] ?? '';
  return { talk, refused: ['OK', '+OK', '235'].includes(verdict) ? undefined : (said.trim().split('\r\n').at(-1) ?? '') };
}

async function works(wish: Try): Promise<void> {
  const { talk, refused } = await logIn(wish);
  talk.end();
  assert.equal(refused, undefined);
}

/** Logins that the server has seen. */
function loginsAtServer(): number {
  return [...place.sandbox.tenant.mailboxes.values()].reduce((sum, { seen }) => sum + seen.logins, 0);
}

const said = {
  imap: 'a NO [AUTHENTICATIONFAILED] User name or password is wrong.',
  pop3: '-ERR [AUTH] User name or password is wrong.',
  smtp: '535 5.7.8 User name or password is wrong',
};

/** Refused, in the same words whatever the reason; the reason is told to the operator only. Nobody has asked the server. */
async function isRefused(wish: Try, reason: LoginRefusal): Promise<void> {
  const logins = loginsAtServer();
  const count = place.events.length;
  const { talk, refused } = await logIn(wish);
  talk.end();
  assert.equal(refused, said[wish.protocol]);
  const told = place.events.slice(count).find((event) => event.kind === 'login-refused');
  assert.equal(told?.kind === 'login-refused' ? told.reason : undefined, reason);
  assert.equal(loginsAtServer(), logins);
}

for (const protocol of ['imap', 'pop3', 'smtp'] as const) {
  test(`a client reaches over ${protocol} the mailboxes of its list and no other`, async () => {
    const password = await place.client({ name: `mail-${protocol}`, mailboxes: ['own@contoso.test'] });
    await works({ user: 'own@contoso.test', password, protocol });
    await works({ user: `mail-${protocol}/OWN@contoso.test`, password, protocol });
    await isRefused({ user: 'other@contoso.test', password, protocol }, 'mailbox-not-allowed');
    await isRefused({ user: `mail-${protocol}/other@contoso.test`, password, protocol }, 'mailbox-not-allowed');
  });

  test(`a client without ${protocol} in its list is refused there and works elsewhere`, async () => {
    const others = (['imap', 'pop3', 'smtp'] as const).filter((one) => one !== protocol);
    const password = await place.client({ name: `no-${protocol}`, protocols: others });
    await isRefused({ user: 'own@contoso.test', password, protocol }, 'protocol-not-allowed');
    for (const other of others) await works({ user: 'own@contoso.test', password, protocol: other });
  });

  test(`a client that may come from elsewhere only is refused over ${protocol}`, async () => {
    const password = await place.client({ name: `far-${protocol}`, networks: ['192.0.2.0/24', '2001:db8::/32'] });
    await isRefused({ user: 'own@contoso.test', password, protocol }, 'network-not-allowed');
    const near = await place.client({ name: `near-${protocol}`, networks: ['192.0.2.0/24', '127.0.0.0/8'] });
    await works({ user: 'own@contoso.test', password: near, protocol });
  });

  test(`one client's password opens nothing over ${protocol} under another one's name`, async () => {
    const [one] = await Promise.all([place.client({ name: `one-${protocol}` })]);
    const password = await place.client({ name: `two-${protocol}` });
    await isRefused({ user: `one-${protocol}/own@contoso.test`, password, protocol }, 'wrong-password');
    await isRefused({ user: `nobody/own@contoso.test`, password, protocol }, 'unknown-client');
    await works({ user: `one-${protocol}/own@contoso.test`, password: one, protocol });
  });

  test(`a mailbox that no tenant serves is refused over ${protocol}`, async () => {
    const password = await place.client({ name: `all-${protocol}`, mailboxes: ['*'] });
    await isRefused({ user: 'somebody@elsewhere.test', password, protocol }, 'no-tenant');
  });

  test(`a wrong password is refused over ${protocol}, also one with octets that no password of ours has`, async () => {
    const password = await place.client({ name: `odd-${protocol}` });
    for (const wrong of [password.slice(0, -1), `${password}x`, password.toUpperCase(), '\xff\x80', 'x'.repeat(24)]) {
      await isRefused({ user: 'own@contoso.test', password: wrong, protocol }, 'wrong-password');
    }
  });
}

test('the client secret of the app, and an access token, are no passwords here', async () => {
  await isRefused({ user: 'own@contoso.test', password: place.sandbox.clientSecret, protocol: 'imap' }, 'wrong-password');
});

test('a right that is taken away ends the sessions that stood on it, and no others', async () => {
  const password = await place.client({ name: 'shrinks', mailboxes: ['own@contoso.test', 'other@contoso.test'] });
  const own = await logIn({ user: 'own@contoso.test', password, protocol: 'imap' });
  const other = await logIn({ user: 'other@contoso.test', password, protocol: 'imap' });
  await changeClient(place.clientsFile, 'shrinks', { mailboxes: ['own@contoso.test'] });
  assert.match(await other.talk.closed(), /\* BYE .*rights/);
  own.talk.say('b NOOP\r\n');
  await own.talk.until(/b OK .*\r\n/);
  await removeClient(place.clientsFile, 'shrinks');
  await own.talk.closed();
  await isRefused({ user: 'own@contoso.test', password, protocol: 'imap' }, 'wrong-password');
});

test('a new password shuts the old one out and leaves sessions alone', async () => {
  const password = await place.client({ name: 'renewed' });
  const { talk } = await logIn({ user: 'own@contoso.test', password, protocol: 'imap' });
  const fresh = (await newPassword(place.clientsFile, 'renewed')).reveal();
  await place.proxy.reloadClients();
  await isRefused({ user: 'own@contoso.test', password, protocol: 'imap' }, 'wrong-password');
  await works({ user: 'own@contoso.test', password: fresh, protocol: 'imap' });
  talk.say('b NOOP\r\n');
  await talk.until(/b OK .*\r\n/);
  talk.end();
});

test('a list of clients that cannot be read is told (proxy.clients-unreadable), and the clients who were there go on', async () => {
  const password = await place.client({ name: 'stays' });
  writeFileSync(place.clientsFile, '{"version":1,"clients":[{"name":"x"}]}');
  await place.event('fault', ({ fault }) => fault.code === 'proxy.clients-unreadable');
  await works({ user: 'own@contoso.test', password, protocol: 'imap' });
  assert.ok(isFault(place.proxy.snapshot().stale, 'proxy.clients-unreadable'));
});
