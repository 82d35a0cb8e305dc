/** Event streams: how they begin, what they cost, and that none outlives the session that opened it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newPassword } from '../../src/accounts/first-administrator.ts';
import { openAccounts } from '../../src/accounts/sqlite-accounts.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';
import { asked, codeOf, comes, listened, type Served, type ServedWish, served } from './service-server-place.ts';

describe('event streams', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  function promise(name: string, act: (server: Served) => Promise<void>, wish: ServedWish = {}): void {
    test(name, () => served(place, wish, act));
  }

  promise('begin at once, go on with a heartbeat, and are not kept by a proxy', async ({ url, port, user }) => {
    const { headers } = await user('ann', 'auditor');
    const stream = await listened(port, headers);
    await stream.until(/event: hello\n/);
    assert.match(stream.text(), /content-type: text\/event-stream/);
    assert.match(stream.text(), /x-accel-buffering: no/);
    assert.match(stream.text(), /cache-control: no-store/);
    await stream.until(/(event: beat\ndata: \{\}\n\n[\s\S]*){2}/);
    stream.close();
    void url;
  });

  for (const [what, end] of [
    [
      'the logout',
      async ({ url }: Served, headers: Readonly<Record<string, string>>) =>
        void (await asked(`${url}/api/v1/session`, { method: 'DELETE', headers })),
    ],
    ['a change of the user', async ({ accounts }: Served) => void (await accounts.changeUser('ann', { role: 'operator' }))],
    [
      'a new password given by another process',
      async ({ folder, clock }: Served) => {
        const other = openAccounts(folder, { clock });
        await newPassword(other, 'ann');
        await other.close();
      },
    ],
    ['the end of the session', async ({ clock }: Served) => clock.pass(9 * 3_600_000)],
  ] as const) {
    promise(`end with ${what}, and say so`, async (server) => {
      await server.user('root');
      const { headers } = await server.user('ann', 'auditor');
      const stream = await listened(server.port, headers);
      await stream.until(/event: hello\n/);
      await end(server, headers);
      await stream.ended();
      assert.match(stream.text(), /event: logged-out\ndata: {"kind":"logged-out"}\n\n[\s\S]*$/);
    });
  }

  promise('of a token end when it is revoked', async ({ accounts, port, user }) => {
    await user('ann');
    const { token, made } = await accounts.addToken({ name: 'x', role: 'auditor', createdBy: 'ann', expires: undefined });
    const stream = await listened(port, { authorization: `Bearer ${token.reveal()}` });
    await stream.until(/event: hello\n/);
    await accounts.removeToken(made.id);
    await stream.ended();
  });

  promise('are bounded for each asker, and closing one makes room', async ({ url, port, user }) => {
    const { headers } = await user('ann', 'auditor');
    const open = await Promise.all(Array.from({ length: 20 }, () => listened(port, headers)));
    for (const stream of open) await stream.until(/event: hello\n/);
    const over = await asked(`${url}/api/v1/events`, { headers });
    assert.deepEqual([over.status, codeOf(over)], [429, 'service.too-many-requests']);
    open[0]?.close();
    await comes('there is room', async () => {
      const next = await listened(port, headers);
      await next.until(/HTTP\/1\.1 (200|429)/);
      const isIn = next.text().startsWith('HTTP/1.1 200');
      next.close();
      return isIn;
    });
    for (const stream of open) stream.close();
  });

  promise(
    'leave nothing behind each time that the asker has caught up',
    async ({ port, user }) => {
      const warnings: Error[] = [];
      const hear = (warning: Error): void => void warnings.push(warning);
      process.on('warning', hear);
      try {
        const { headers } = await user('ann', 'auditor');
        const stream = await listened(port, headers);
        await stream.until(/"at":"the last"/);
        stream.close();
      } finally {
        process.off('warning', hear);
      }
      assert.deepEqual(
        warnings.map(({ message }) => message),
        [],
      );
    },
    {
      parts: {
        live: {
          tell: () => undefined,
          async *listen() {
            // Each more than a socket takes at once.
            for (let event = 0; event < 20; event += 1) yield { kind: 'hello', at: 'x'.repeat(200_000) };
            yield { kind: 'hello', at: 'the last' };
          },
        },
      },
    },
  );

  promise('end with the service', async ({ server, port, user }) => {
    const { headers } = await user('ann', 'auditor');
    const stream = await listened(port, headers);
    await stream.until(/event: hello\n/);
    await server.close();
    await stream.ended();
    assert.match(stream.text(), /\r\n0\r\n\r\n$/, 'it was brought to its end and not cut off');
  });
});
