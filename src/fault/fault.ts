/**
 * A failure that a person can meet, by its code in the catalogue.
 *
 * What was SEEN goes into `evidence`; what is SUPPOSED stands in the catalogue. Whoever throws adds only facts.
 */
import { catalog, type FaultCode } from './catalog.ts';
import type { FaultEntry } from './entry.ts';

/** Facts for the log and the report. A `Secret` does not fit this type, so it cannot get in. */
export type Evidence = Readonly<Record<string, string | number | boolean>>;

export class Fault extends Error {
  readonly code: FaultCode;
  readonly evidence: Evidence;

  constructor(code: FaultCode, evidence: Evidence = {}, options?: { readonly cause?: unknown }) {
    super(`${code}: ${catalog[code].says}`, options);
    this.name = 'Fault';
    this.code = code;
    this.evidence = evidence;
  }

  /** The catalogue's entry for this code: what to tell a person, and whether to try again. */
  get entry(): FaultEntry {
    return catalog[this.code];
  }
}

/** Whether `error` is a fault, and, where codes are given, one of these. */
export function isFault(error: unknown, ...codes: readonly FaultCode[]): error is Fault {
  return error instanceof Fault && (codes.length === 0 || codes.includes(error.code));
}
