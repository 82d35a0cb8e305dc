/**
 * Odd questions to every route, made out of the routes' own schemas: whatever is asked, nothing meets a bug of ours.
 *
 * Most of a question fits its schema, so that it gets past the door; some of it is what people and programs send by mistake or on purpose.
 * The same seed asks the same again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { messagePage } from '../../src/service/api/message.ts';
import type { Route } from '../../src/service/http/route.ts';
import { serviceRoutes } from '../../src/service/routes.ts';
import { startServicePlace } from './service-place.ts';

const seeds = [1, 2, 3];
const questionsOfSeed = 250;

const odd: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '1e309',
  'NaN',
  '999999999999999999999',
  'a'.repeat(300),
  '../..',
  '%',
  'ü\u{1f600}',
  '\u202e',
  '"',
  "'; drop table log; --",
  '*',
  '(',
  'from:',
  'subject:"',
  'a OR',
  'NOT',
  '2026-99-99',
  '__proto__',
  'constructor',
  'toString',
  '$(x)',
  '\0',
];
const usual: readonly string[] = [
  'mail',
  'x@contoso.test',
  'INBOX',
  '1m',
  'localhost',
  'contoso.com',
  'a long enough text',
  '11111111-2222-4333-8444-555555555555',
];

interface Shape {
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to 1 (Park and Miller). */
  next(): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647;
    return this.#state / 2_147_483_647;
  }

  of<T>(values: readonly T[]): T {
    const value = values[Math.floor(this.next() * values.length)];
    if (value === undefined) throw new Error('there is nothing to choose from');
    return value;
  }
}

function made(shape: Shape, chance: Chance, depth = 0): unknown {
  if (depth > 8 || chance.next() < 0.03) return chance.of<unknown>([null, -1, 1e21, '', [], {}, true, chance.of(odd)]);
  const branches = shape.anyOf ?? shape.oneOf;
  if (branches !== undefined) return made(chance.of(branches), chance, depth + 1);
  if (shape.const !== undefined) return shape.const;
  if (shape.enum !== undefined) return chance.of(shape.enum);
  switch (shape.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(shape.properties ?? {})
          .filter(() => chance.next() < 0.98)
          .map(([name, inner]) => [name, made(inner, chance, depth + 1)]),
      );
    case 'array':
      return Array.from({ length: Math.floor(chance.next() * 3) }, () => made(shape.items ?? {}, chance, depth + 1));
    case 'integer':
    case 'number':
      return chance.of([0, 1, 5, 100, 500]);
    case 'boolean':
      return chance.next() < 0.5;
    case 'null':
      return null;
    default:
      return chance.next() < 0.3 ? chance.of(odd) : chance.of(usual);
  }
}

function shapeOf(schema: z.ZodType | undefined): Shape {
  return schema === undefined ? {} : (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape);
}

function question(
  { path, query, body, method }: Route,
  chance: Chance,
  found: readonly string[],
): { readonly path: string; readonly body: unknown } {
  const part = (): string => encodeURIComponent(chance.of(chance.next() < 0.4 ? found : [...odd, ...usual])) || 'x';
  const words = Object.entries(shapeOf(query).properties ?? {})
    .filter(() => chance.next() < 0.5)
    .map(([name, shape]) => `${name}=${encodeURIComponent(String(made(shape, chance)))}`);
  return {
    path: `${path.replaceAll(/:\w+/g, part)}?${words.join('&')}`,
    body: method === 'GET' || body === undefined ? undefined : made(shapeOf(body), chance),
  };
}

test('whatever is asked of any route, it is answered or refused, and never meets a bug of ours', { timeout: 300_000 }, async () => {
  const place = await startServicePlace({
    seeded: true,
    yaml: ({ tenant, imap, mailbox }) =>
      `tenants:\n  lab: ${tenant}\nsources:\n  mail: { tenant: lab, mailbox: ${mailbox}, server: ${imap}, every: 1h }\n`,
  });
  try {
    await place.card('mail', ({ messages }) => messages > 3);
    await place.parts.archive.derived();
    const { rows } = (await place.admin('GET', '/messages?limit=5')).as(messagePage);
    const found = rows.flatMap(({ id, threadId }) => (threadId === null ? [id] : [id, threadId]));
    // What would end the asking itself is left out.
    const routes = serviceRoutes(place.parts).filter(({ path, answer }) => answer !== 'events' && !path.startsWith('/session'));
    const wrong: string[] = [];
    for (const seed of seeds) {
      const chance = new Chance(seed);
      for (let round = 0; round < questionsOfSeed; round += 1) {
        const route = chance.of(routes);
        const asked = question(route, chance, found);
        const { status, text } = await place.admin(route.method, asked.path, asked.body);
        if (status >= 500 || status === 401)
          wrong.push(`seed ${seed}: ${route.method} ${asked.path} ${JSON.stringify(asked.body)}: ${status} ${text}`);
      }
    }
    assert.deepEqual(wrong, []);
    assert.deepEqual(place.bugs, []);
  } finally {
    await place.close();
  }
});
