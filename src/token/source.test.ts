import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import { type HttpRequest, request } from '../runtime/http.ts';
import { Secret } from '../runtime/secret.ts';
import { createTokenSource, tokenSources } from './source.ts';
import type { TokenApp, TokenSource } from './token.ts';

/** A clock that moves when it is told to, and by what is slept. */
class HandClock implements Clock {
  ms = Date.parse('2026-11-22T12:00:00Z');
  readonly slept: number[] = [];
  now(): number {
    return this.ms;
  }
  monotonic(): number {
    return this.ms;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.ms += ms;
  }
}

type Answer = readonly [status: number, body: string, headers?: Record<string, string>];

/** A token endpoint that gives these answers in turn, the last one for ever; each token has a number. */
class Endpoint {
  readonly answers: Answer[] = [];
  lifeSeconds = 3600;
  asked = 0;
  /** Resolved by the test to let held answers go. */
  hold: Promise<void> = Promise.resolve();
  readonly #server = http.createServer(async (question, answer) => {
    question.resume();
    this.asked += 1;
    const granted = JSON.stringify({ token_type: 'Bearer', expires_in: this.lifeSeconds, access_token: `token ${this.asked}` });
    const [status, body, headers = {}] = this.answers.shift() ?? [200, granted];
    await this.hold;
    answer.writeHead(status, headers).end(body);
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const endpoints: Endpoint[] = [];
after(() => {
  for (const endpoint of endpoints) endpoint.stop();
});

interface Place {
  readonly endpoint: Endpoint;
  readonly clock: HandClock;
  readonly app: TokenApp;
  readonly tokens: TokenSource;
}

async function place(changes: Partial<TokenApp> = {}, ask: HttpRequest = request): Promise<Place> {
  const endpoint = new Endpoint();
  endpoints.push(endpoint);
  const app: TokenApp = {
    authority: await endpoint.start(),
    tenantId: 'contoso.test',
    clientId: '66666666-7777-8888-9999-000000000001',
    scope: 'https://outlook.office365.com/.default',
    credential: { kind: 'secret', secret: { resolve: async () => new Secret('hunter2') } },
    ca: [],
    ...changes,
  };
  const clock = new HandClock();
  return { endpoint, clock, app, tokens: createTokenSource(app, { clock, request: ask }) };
}

async function value(tokens: TokenSource, signal?: AbortSignal): Promise<string> {
  return (await tokens.token(signal)).value.reveal();
}

const throttled: Answer = [429, 'Too Many Requests', { 'retry-after': '7' }];
const unavailable: Answer = [503, '<html>', { 'content-type': 'text/html' }];
const expired: Answer = [401, JSON.stringify({ error: 'invalid_client', error_codes: [7000222] }), { 'content-type': 'application/json' }];

test('however many ask at once, one request is made, and the token is kept', async () => {
  const { endpoint, tokens } = await place();
  const all = await Promise.all(Array.from({ length: 200 }, () => value(tokens)));
  assert.deepEqual(new Set([...all, await value(tokens)]), new Set(['token 1']));
  assert.equal(endpoint.asked, 1);
});

test('a token is renewed five minutes before its end, while the old one still serves', async () => {
  const { endpoint, clock, tokens } = await place();
  const first = await tokens.token();
  clock.ms = first.expiresAtMs - 300_001;
  assert.equal(await value(tokens), 'token 1');
  assert.equal(endpoint.asked, 1);
  clock.ms += 1;
  assert.equal(await value(tokens), 'token 1');
  // The renewal is under way; who comes after the end of the old token gets the new one, by the same request.
  clock.ms = first.expiresAtMs;
  assert.equal(await value(tokens), 'token 2');
  assert.equal(endpoint.asked, 2);
});

test('a short life is renewed at four fifths of it', async () => {
  const { endpoint, clock, tokens } = await place();
  endpoint.lifeSeconds = 600;
  const first = await tokens.token();
  clock.ms = first.issuedAtMs + 479_999;
  assert.equal(await value(tokens), 'token 1');
  assert.equal(endpoint.asked, 1);
  clock.ms = first.expiresAtMs - 5_000;
  assert.equal(await value(tokens), 'token 2');
});

test('a renewal that fails costs nothing as long as the old token lives, and is then the fault', async () => {
  const { endpoint, clock, tokens } = await place();
  const first = await tokens.token();
  endpoint.answers.push(expired, expired);
  clock.ms = first.expiresAtMs - 60_000;
  assert.equal(await value(tokens), 'token 1');
  clock.ms = first.expiresAtMs;
  await assert.rejects(tokens.token(), (error) => isFault(error, 'token.secret-expired'));
});

test('a dropped token is asked for anew, but dropping it late does not harm the next one', async () => {
  const { tokens } = await place();
  const first = await tokens.token();
  tokens.drop(first);
  assert.equal(await value(tokens), 'token 2');
  tokens.drop(first);
  assert.equal(await value(tokens), 'token 2');
});

test('throttling is waited out for as long as it asks, unavailability with growing pauses', async () => {
  const { endpoint, clock, tokens } = await place();
  endpoint.answers.push(throttled, unavailable, unavailable);
  assert.equal(await value(tokens), 'token 4');
  assert.deepEqual(clock.slept, [7_000, 10_000, 20_000]);
});

test('patience ends after four requests', async () => {
  const { endpoint, tokens } = await place();
  endpoint.answers.push(...Array<Answer>(9).fill(unavailable));
  await assert.rejects(tokens.token(), (error) => isFault(error, 'token.service-unavailable') && error.entry.retry === 'soon');
  assert.equal(endpoint.asked, 4);
});

test('a long wait is a fault at once, and holds for those who ask later, until it is over', async () => {
  const { endpoint, clock, tokens } = await place();
  endpoint.answers.push([429, '', { 'retry-after': '3600' }]);
  await assert.rejects(tokens.token(), (error) => isFault(error, 'token.throttled') && error.evidence['retryAfterSeconds'] === 3600);
  await assert.rejects(tokens.token(), (error) => isFault(error, 'token.throttled'));
  assert.deepEqual([endpoint.asked, clock.slept], [1, []]);
  clock.ms += 3_600_000;
  assert.equal(await value(tokens), 'token 2');
});

test('a refusal that waiting does not mend is asked once, says who asked, and never what with', async () => {
  const { endpoint, app, tokens } = await place();
  endpoint.answers.push(expired);
  await assert.rejects(tokens.token(), (error) => {
    assert.ok(isFault(error, 'token.secret-expired'));
    assert.deepEqual([error.evidence['authority'], error.evidence['clientId']], [app.authority, app.clientId]);
    assert.doesNotMatch(JSON.stringify(error.evidence), /hunter2/);
    return true;
  });
  assert.equal(endpoint.asked, 1);
});

test('who gives up stops waiting alone; when the last one does, the request ends too', async () => {
  let ended = false;
  const { endpoint, tokens } = await place({}, (question) => {
    question.signal?.addEventListener('abort', () => {
      ended = true;
    });
    return request(question);
  });
  const held = Promise.withResolvers<void>();
  endpoint.hold = held.promise;
  const [one, other] = [new AbortController(), new AbortController()];
  const first = value(tokens, one.signal);
  const second = value(tokens, other.signal);
  one.abort(new Error('enough'));
  await assert.rejects(first, /enough/);
  assert.equal(ended, false);
  held.resolve();
  assert.equal(await second, 'token 1');
  assert.equal(endpoint.asked, 1);
  await assert.rejects(tokens.token(one.signal), /enough/);

  tokens.drop(await tokens.token());
  endpoint.hold = new Promise(() => undefined);
  const third = new AbortController();
  const asking = value(tokens, third.signal);
  third.abort(new Error('enough'));
  await assert.rejects(asking, /enough/);
  endpoint.hold = Promise.resolve();
  assert.match(await value(tokens), /^token \d$/);
});

test('a fault of the network passes through as it is, once', async () => {
  const { endpoint, tokens } = await place();
  endpoint.stop();
  await assert.rejects(tokens.token(), (error) => isFault(error, 'network.unreachable'));
});

test('a secret that cannot be had is the fault, and the next call looks again', async () => {
  let there = false;
  const secret = {
    resolve: async () => {
      if (!there) throw new Error('not there yet');
      return new Secret('x');
    },
  };
  const { endpoint, tokens } = await place({ credential: { kind: 'secret', secret } });
  await assert.rejects(tokens.token(), /not there yet/);
  there = true;
  assert.equal(await value(tokens), 'token 1');
  assert.equal(endpoint.asked, 1);
});

test('all users of one app and scope share one source', async () => {
  const { app } = await place();
  const shared = tokenSources({ clock: new HandClock() });
  assert.equal(shared(app), shared({ ...app, tenantId: 'CONTOSO.test' }));
  assert.notEqual(shared(app), shared({ ...app, scope: 'https://ps.outlook.com/.default' }));
});
