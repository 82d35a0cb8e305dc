/** Words that several parts of the API share. Schemas are the truth: validation, the OpenAPI document and the console's types come from them. */
import { z } from 'zod';

/** An instant, ISO 8601 in UTC. */
export const instant = z.iso.datetime();
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a person is told of a failure: code and words of the catalogue, and what was seen. Never a secret. */
export const fault = z.strictObject({
  code: z.string(),
  says: z.string(),
  cause: z.string(),
  fix: z.string(),
  retry: z.enum(['soon', 'after-wait', 'never']),
  evidence: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type ApiFault = z.infer<typeof fault>;

/** The body of every answer with a status of 400 or more. `fields`: of a form, what is wrong with which field (dotted path). */
export const failure = z.strictObject({
  fault,
  fields: z.array(z.strictObject({ field: z.string(), says: z.string() })).optional(),
});
export type ApiFailure = z.infer<typeof failure>;

/** Where the next page begins; null where this one is the last. */
export const next = z.string().nullable();

export const limit = z.coerce.number().int().min(1).max(500);
