/** `GET /openapi.json`: the description of the API, made of the same table that the server serves. */
import { z } from 'zod';
import { openApiDocument } from '../http/openapi.ts';
import { type Route, route } from '../http/route.ts';

/** @param others every other route; this one describes itself too */
export function openApiRoute(others: readonly Route[], version: string): Route {
  const own: Route = route({
    method: 'GET',
    path: '/openapi.json',
    may: 'read',
    summary: 'This document.',
    tag: 'session',
    answer: z.record(z.string(), z.unknown()),
    handle: () => ({ ...document() }),
  });
  const document = (): Readonly<Record<string, unknown>> => openApiDocument([...others, own], version);
  return own;
}
