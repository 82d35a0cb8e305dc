/** What a check concludes: a code of the catalogue, how sure it is, what it rests on, and the act that repairs it with real ids. */
import type { FaultCode } from '../fault/catalog.ts';
import type { Evidence } from '../fault/fault.ts';
import type { Observation, Place } from './observation.ts';

export interface Finding {
  readonly code: FaultCode;
  /** `sure`: what was seen can mean nothing else. `supposed`: it fits, and is likelier than what stands behind it. */
  readonly certainty: 'sure' | 'supposed';
  /** A warning is nothing that keeps from working what was asked to work. */
  readonly level: 'fault' | 'warning';
  /** What it is about: the tenant, the server, or each mailbox and protocol. */
  readonly places: readonly Place[];
  /** What was seen, of all the observations that it rests on. */
  readonly seen: Evidence;
  /** More than the catalogue knows about the cause, where the comparison says more. */
  readonly because?: string;
  /** Lines to paste, or the page to open, in the order in which to do it. */
  readonly repair: readonly string[];
  /** The observations that this finding explains. */
  readonly rests: readonly Observation[];
}
