/** A failure on its way between threads: structured cloning keeps neither a fault's code nor SQLite's numbers, so they travel as data. */
import type { FaultCode } from '../fault/catalog.ts';
import { type Evidence, Fault } from '../fault/fault.ts';

export interface ThreadFailure {
  /** Undefined for a bug of ours. */
  readonly code: FaultCode | undefined;
  readonly evidence: Evidence;
  /** The stack, for a bug. */
  readonly text: string;
}

/** @param error already translated into a Fault where it is one */
export function packFailure(error: unknown): ThreadFailure {
  if (error instanceof Fault) return { code: error.code, evidence: error.evidence, text: error.message };
  return { code: undefined, evidence: {}, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

export function unpackFailure(failure: ThreadFailure): Error {
  return failure.code === undefined ? new Error(failure.text) : new Fault(failure.code, failure.evidence);
}
