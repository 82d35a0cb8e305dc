/**
 * Whatever goes wrong, as an answer: status and `{ fault, fields? }`.
 *
 * The hard thing is a bug of ours. Its text may hold what was being worked on, a piece of a message or worse, so neither the asker nor the
 * log gets it: both get a number, and the log besides only what kind of error it was and where in the code.
 */
import { randomBytes } from 'node:crypto';
import { ZodError } from 'zod';
import { Fault } from '../../fault/fault.ts';
import { TooManyWaiting } from '../../runtime/password-hash.ts';
import type { ApiFailure } from '../api/leaf.ts';
import { BadFields, type FieldProblem } from './bad-fields.ts';
import { statusOf } from './status.ts';

export interface Failure {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ApiFailure;
  /** Of a bug: to be told to the log. */
  readonly bug: Error | undefined;
}

/** @param place method and pattern of the route, never what was asked for. @param isKnown somebody is logged in, who may see evidence */
export function failureOf(error: unknown, place: string, isKnown: boolean): Failure {
  if (error instanceof BadFields) return answered(error.fault, isKnown, { fields: error.fields });
  if (error instanceof Fault) return answered(error, isKnown);
  if (error instanceof TooManyWaiting) return answered(new Fault('service.too-many-requests', { seconds: 5 }), isKnown);
  const status = statusOfHttp(error);
  if (status !== undefined) {
    const code = status === 413 ? 'service.too-large' : status === 429 ? 'service.too-many-requests' : 'service.bad-input';
    return { ...answered(new Fault(code), isKnown), status };
  }
  const number = randomBytes(4).toString('hex');
  const failure = answered(new Fault('service.broken', { number }), true);
  return { ...failure, bug: withoutContent(error, `${number} ${place}`) };
}

function answered(fault: Fault, isKnown: boolean, { fields }: { readonly fields?: readonly FieldProblem[] } = {}): Failure {
  const { code, entry, evidence } = fault;
  const { says, cause, fix, retry } = entry;
  const { seconds } = evidence;
  // Paths of files and the like are nobody's business who has not logged in; how long to wait is.
  const shown = isKnown ? evidence : seconds === undefined ? {} : { seconds };
  return {
    status: statusOf(fault),
    headers: typeof seconds === 'number' ? { 'retry-after': String(Math.max(1, Math.ceil(seconds))) } : {},
    body: { fault: { code, says, cause, fix, retry, evidence: { ...shown } }, ...(fields === undefined ? {} : { fields: [...fields] }) },
    bug: undefined,
  };
}

/** What fastify itself refuses: a body that is too large, no JSON, of another type. Never 500: that would be ours. */
function statusOfHttp(error: unknown): number | undefined {
  if (!(error instanceof Error) || error instanceof ZodError || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

/** Kind and places in the code. What zod says of an answer names keys and types, no values. */
function withoutContent(error: unknown, place: string): Error {
  const name = error instanceof Error ? error.name : typeof error;
  const seen =
    error instanceof ZodError
      ? `: ${error.issues
          .map(({ path, message }) => `${path.join('.')} ${message}`)
          .join('; ')
          .slice(0, 500)}`
      : '';
  const bug = new Error(`${place}: ${name}${seen}`);
  const frames = error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  bug.stack = [bug.message, ...frames].join('\n');
  return bug;
}
