/**
 * The OpenAPI 3.1 document of the API, made of the table of routes and their schemas: the very ones by which questions are checked and
 * answers are held to. So it cannot say anything else than the server does.
 */
import { z } from 'zod';
import * as event from '../api/event.ts';
import * as leaf from '../api/leaf.ts';
import * as message from '../api/message.ts';
import * as operation from '../api/operation.ts';
import * as session from '../api/session.ts';
import * as source from '../api/source.ts';
import * as tenant from '../api/tenant.ts';
import type { Permission, Route } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

const whoMay: { readonly [may in Permission]: string } = {
  anyone: 'Without a login.',
  read: 'Every role.',
  'read-log': 'Administrator and auditor.',
  operate: 'Administrator and operator.',
  administer: 'Administrator.',
};

const failures: Readonly<Record<number, string>> = {
  400: 'What was sent does not have the expected form; `fields` names what is wrong.',
  401: 'Nobody is logged in.',
  403: 'The role does not permit it, or the request was not sent by the console.',
  404: 'There is no such thing.',
  409: 'It does not fit how things are.',
  413: 'The body is too large.',
  429: 'Too many requests; `Retry-After` says when to come again.',
  500: 'A bug of ours, with a number that stands in the log too.',
  503: 'Not now: a disk is full, a file cannot be read, or the service is ending.',
};

/** Shapes of some size stand once, under the names that the code has for them: `sourceCard` is `SourceCard`. */
const named: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...leaf, ...session, ...source, ...tenant, ...message, ...operation, ...event })
    .filter(([, schema]) => schema instanceof z.ZodObject || schema instanceof z.ZodDiscriminatedUnion)
    .map(([name, schema]) => [JSON.stringify(schemaOf(schema, 'output')), name.charAt(0).toUpperCase() + name.slice(1)]),
);

export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replaceAll(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: withReferences(described(route)) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Postern',
      version,
      summary: 'The API of `postern serve`.',
      description:
        'Instants are ISO 8601 in UTC; what is not known is null. A browser logs in by `POST /api/v1/session` and sends the `csrf` of the answer as `x-postern-csrf` with every request that is no GET; a program sends an API token as `Authorization: Bearer pst_…`.',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { session: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].sort().map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token, made on the page Tokens.' },
        session: { type: 'apiKey', in: 'cookie', name: 'postern_session', description: 'With TLS its name is `__Host-postern_session`.' },
      },
      responses: Object.fromEntries(
        Object.entries(failures).map(([code, description]) => [
          `Refused${code}`,
          { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Failure' } } } },
        ]),
      ),
      schemas: usedSchemas(paths),
    },
  };
}

/** Those that something refers to, and those that these refer to. */
function usedSchemas(paths: unknown): Json {
  const used: Record<string, unknown> = {};
  const take = (text: string): void => {
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      const schema = [...named].find(([, known]) => known === name)?.[0];
      if (schema === undefined || Object.hasOwn(used, name)) continue;
      used[name] = withReferences(JSON.parse(schema), true);
      take(JSON.stringify(used[name]));
    }
  };
  take('"#/components/schemas/Failure"');
  take(JSON.stringify(paths));
  return Object.fromEntries(Object.entries(used).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Every shape that has a name by its name. @param isWhole the outermost one stays as it is */
function withReferences(node: unknown, isWhole = false): unknown {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map((one) => withReferences(one));
  const name = isWhole ? undefined : named.get(JSON.stringify(node));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withReferences(value)]));
}

function described(route: Route): Json {
  const { method, path, may, summary, tag, params, query, body, answer } = route;
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const inPath = propertiesOf(params);
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: inPath.properties[name] ?? { type: 'string' } })),
    ...Object.entries(propertiesOf(query).properties).map(([name, schema]) => ({
      name,
      in: 'query',
      required: propertiesOf(query).required.includes(name),
      schema,
    })),
  ];
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z]+(\w)/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/\W/g, '')}`,
    summary,
    description: whoMay[may],
    tags: [tag],
    ...(may === 'anyone' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    responses: { ...answered(answer), ...refused(route) },
  };
}

function answered(answer: Route['answer']): Json {
  const content = (type: string, schema: Json = { type: 'string' }): Json => ({ [type]: { schema } });
  switch (answer) {
    case 'nothing':
      return { 204: { description: 'Done.' } };
    case 'download':
      return {
        200: { description: 'A file to save.', content: content('application/octet-stream', { type: 'string', format: 'binary' }) },
      };
    case 'framed-document':
      return { 200: { description: 'HTML for a sandboxed frame; its policy lets nothing run or load.', content: content('text/html') } };
    case 'text':
      return { 200: { description: 'Text.', content: content('text/plain') } };
    case 'events':
      return { 200: { description: 'Server-sent events, until the asker goes.', content: content('text/event-stream') } };
    default:
      return { 200: { description: 'Done.', content: content('application/json', schemaOf(answer, 'output')) } };
  }
}

function refused({ method, path, may, params, query, body }: Route): Json {
  const isAsked = params !== undefined || query !== undefined || body !== undefined;
  const codes = [
    ...(isAsked ? [400] : []),
    401,
    ...(may === 'read' && method === 'GET' ? [] : [403]),
    ...(path.includes(':') ? [404] : []),
    ...(body === undefined ? [] : [409, 413]),
    429,
    500,
    503,
  ];
  return Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/responses/Refused${code}` }]));
}

function propertiesOf(schema: z.ZodType | undefined): { readonly properties: Json; readonly required: readonly string[] } {
  if (schema === undefined) return { properties: {}, required: [] };
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as { properties?: Json; required?: readonly string[] };
  return { properties, required };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
    // That a whole number is one of JavaScript's is nothing that a reader has to know.
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return rest;
}
