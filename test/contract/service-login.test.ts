/** Logging in and out over HTTP, users, tokens and what is noted of them, with a clock of its own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { Secret } from '../../src/runtime/secret.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';
import { asked, codeOf, type Heard, logIn, type Served, type ServedWish, served, word } from './service-server-place.ts';

describe('logging in', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  function promise(name: string, act: (server: Served) => Promise<void>, wish: ServedWish = {}): void {
    test(name, () => served(place, wish, act));
  }

  promise('gives a cookie that no script reads, no other site sends and no other path or host gets', async ({ accounts, url }) => {
    await accounts.addUser({ name: 'ann', role: 'auditor', password: new Secret(word), mustChangePassword: false });
    const { headers } = await asked(`${url}/api/v1/session`, { method: 'POST', json: { user: 'ann', password: word } });
    const [cookie = '', more] = headers['set-cookie'] ?? [];
    assert.equal(more, undefined);
    assert.match(cookie, /^postern_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  promise(
    'takes no session from outside: the cookie that was there before is not the one after, and is over',
    async ({ accounts, url, user }) => {
      const before = await user('ann', 'auditor');
      const fixed = 'postern_session=chosen-by-somebody-else';
      for (const cookie of [fixed, before.cookie]) {
        const { headers } = await asked(`${url}/api/v1/session`, {
          method: 'POST',
          headers: { cookie },
          json: { user: 'ann', password: word },
        });
        assert.ok(!headers['set-cookie']?.[0]?.startsWith(cookie));
        assert.equal((await asked(`${url}/api/v1/session`, { headers: { cookie } })).status, 401);
      }
      assert.equal((await accounts.log({ limit: 10, action: 'login' })).length, 3);
    },
  );

  promise('out ends the session at the server and takes the cookie away', async ({ url, user }) => {
    const { cookie, headers } = await user('ann', 'auditor');
    const out = await asked(`${url}/api/v1/session`, { method: 'DELETE', headers });
    assert.equal(out.status, 204);
    assert.match(out.headers['set-cookie']?.[0] ?? '', /^postern_session=; .*Expires=Thu, 01 Jan 1970/);
    assert.equal((await asked(`${url}/api/v1/session`, { headers: { cookie } })).status, 401);
  });

  promise('with a wrong name and with a wrong password is the same answer', async ({ url, user }) => {
    await user('ann', 'auditor');
    const wrong = await asked(`${url}/api/v1/session`, { method: 'POST', json: { user: 'ann', password: 'wrong' } });
    const nobody = await asked(`${url}/api/v1/session`, { method: 'POST', json: { user: 'nobody', password: word } });
    assert.deepEqual([wrong.status, codeOf(wrong)], [401, 'service.login-refused']);
    assert.equal(wrong.text, nobody.text);
  });

  promise('what was typed as a name is noted only where there is such a user: it may be a password', async ({ accounts, url, user }) => {
    await user('ann', 'auditor');
    for (const typed of ['ann', 'my secret password 1']) {
      await asked(`${url}/api/v1/session`, { method: 'POST', json: { user: typed, password: 'wrong' } });
    }
    const lines = await accounts.log({ limit: 10, action: 'login-refused' });
    assert.deepEqual(
      lines.map(({ who, object, outcome }) => [who, object, outcome]),
      [
        ['', '', 'refused'],
        ['', 'ann', 'refused'],
      ],
    );
  });

  promise('is slowed down after wrong passwords, says for how long, and heals by itself', async ({ url, user, clock }) => {
    await user('ann', 'auditor');
    const attempt = (password: string): Promise<Heard> =>
      asked(`${url}/api/v1/session`, { method: 'POST', json: { user: 'ann', password }, from: '127.0.0.9' });
    const seen: number[] = [];
    for (let round = 0; round < 7; round += 1) seen.push((await attempt(`wrong ${round}`)).status);
    assert.deepEqual(seen, [401, 401, 401, 401, 401, 429, 429]);
    const waits = await attempt(word);
    assert.deepEqual([waits.status, codeOf(waits)], [429, 'service.login-wait']);
    const seconds = Number(waits.headers['retry-after']);
    assert.ok(seconds >= 1 && seconds <= 300, String(seconds));
    clock.pass(seconds * 1_000);
    assert.equal((await attempt(word)).status, 200);
  });

  promise('many at once are refused by their number, whoever they are', async ({ url }) => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        asked(`${url}/api/v1/session`, { method: 'POST', json: { user: `u${index}`, password: 'x' } }),
      ),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    assert.deepEqual([...statuses].sort(), [401, 429]);
  });

  promise('for the first time leads to another password, after which everything is open', async ({ accounts, url }) => {
    await accounts.addUser({ name: 'ann', role: 'administrator', password: new Secret(word), mustChangePassword: true });
    const { headers } = await logIn(url, 'ann');
    assert.equal(codeOf(await asked(`${url}/api/v1/users`, { headers })), 'service.password-first');
    const change = (current: string, next: string): Promise<Heard> =>
      asked(`${url}/api/v1/session/password`, { method: 'PUT', headers, json: { current, next } });
    assert.equal(codeOf(await change('wrong', 'another long sentence')), 'service.password-wrong');
    assert.equal(codeOf(await change(word, 'passwordpassword')), 'accounts.password-unfit');
    assert.equal((await change(word, 'another long sentence')).status, 200);
    assert.equal((await asked(`${url}/api/v1/users`, { headers })).status, 200);
  });

  promise('ends by itself after eight hours without use', async ({ url, user, clock }) => {
    const { headers } = await user('ann', 'auditor');
    clock.pass(8 * 3_600_000);
    assert.equal((await asked(`${url}/api/v1/session`, { headers })).status, 401);
  });
});

describe('users and tokens', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  function promise(name: string, act: (server: Served) => Promise<void>, wish: ServedWish = {}): void {
    test(name, () => served(place, wish, act));
  }

  promise('the last administrator stays, a name is given once, an unknown one is told', async ({ url, user }) => {
    const { headers } = await user('ann');
    const to = (method: string, path: string, json?: unknown): Promise<Heard> =>
      asked(`${url}/api/v1${path}`, { method, headers, ...(json === undefined ? {} : { json }) });
    assert.deepEqual(
      [(await to('DELETE', '/users/ann')).status, codeOf(await to('DELETE', '/users/ann'))],
      [409, 'accounts.last-administrator'],
    );
    assert.equal(codeOf(await to('PATCH', '/users/ann', { disabled: true })), 'accounts.last-administrator');
    const again = await to('POST', '/users', { name: 'ann', role: 'auditor', password: 'a good long sentence' });
    assert.deepEqual([again.status, codeOf(again)], [409, 'accounts.user-exists']);
    const unknown = await to('PATCH', '/users/nobody', {});
    assert.deepEqual([unknown.status, codeOf(unknown)], [404, 'accounts.user-unknown']);
    const token = await to('DELETE', '/tokens/t_none');
    assert.deepEqual([token.status, codeOf(token)], [404, 'accounts.token-unknown']);
    const own = await to('PATCH', '/users/ann', { password: 'a good long sentence' });
    assert.deepEqual([own.status, codeOf(own)], [400, 'service.bad-input']);
  });

  promise(
    'who changes a user that somebody else has changed meanwhile is told by whom, and nothing is done',
    async ({ url, user, accounts }) => {
      const { headers } = await user('ann');
      const other = await user('eve');
      await user('bob', 'operator');
      const change = (json: unknown, by = headers): Promise<Heard> =>
        asked(`${url}/api/v1/users/bob`, { method: 'PATCH', headers: by, json });
      const seen = { role: 'operator', disabled: false };
      assert.equal((await change({ role: 'auditor', seen }, other.headers)).status, 200);
      const refused = await change({ role: 'administrator', seen });
      const { code, evidence } = failure.parse(JSON.parse(refused.text)).fault;
      assert.deepEqual([refused.status, code, evidence['role'], evidence['by']], [409, 'accounts.user-changed', 'auditor', 'eve']);
      assert.equal((await accounts.users()).find(({ name }) => name === 'bob')?.role, 'auditor');
      const both = await Promise.all(
        ['operator', 'administrator'].map((role) => change({ role, seen: { role: 'auditor', disabled: false } })),
      );
      assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409]);
    },
  );

  promise(
    'whoever is changed is out at once, and every act stands in the access log with a chain that holds',
    async ({ accounts, url, user }) => {
      const { headers } = await user('ann');
      const bob = await user('bob', 'operator');
      await asked(`${url}/api/v1/users/bob`, { method: 'PATCH', headers, json: { role: 'auditor' } });
      assert.equal((await asked(`${url}/api/v1/overview`, { headers: bob.headers })).status, 401);
      await asked(`${url}/api/v1/tokens`, { method: 'POST', headers, json: { name: 'backup', role: 'auditor', expiresInDays: null } });
      await asked(`${url}/api/v1/users/bob`, { method: 'DELETE', headers });
      const lines = await accounts.log({ limit: 10, who: 'ann' });
      assert.deepEqual(
        lines.map(({ action, object, detail }) => [action, object, detail]),
        [
          ['user.remove', 'bob', ''],
          ['token.add', 'backup', 'auditor, without end'],
          ['user.change', 'bob', 'auditor'],
          ['login', 'ann', ''],
        ],
      );
      const proof = await asked(`${url}/api/v1/access-log/proof`, { headers });
      const { lines: proven, brokenAt, head } = Object(JSON.parse(proof.text));
      assert.deepEqual([brokenAt, head], [null, await accounts.logHead()]);
      assert.ok(proven >= 6);
    },
  );

  promise('what cannot be noted is not shown', async ({ url, user, folder }) => {
    const { headers } = await user('ann');
    const other = new DatabaseSync(join(folder, 'accounts.sqlite'));
    other.exec('begin immediate');
    const answered = await asked(`${url}/api/v1/access-log/proof`, { headers });
    assert.deepEqual([answered.status, codeOf(answered)], [503, 'accounts.unwritable']);
    other.exec('rollback');
    other.close();
    assert.equal((await asked(`${url}/api/v1/access-log/proof`, { headers })).status, 200);
  });
});
