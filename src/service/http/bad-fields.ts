/** What is wrong with which field of what was sent: thrown by a route that sees more than its schema does, answered with `fields`. */
import { Fault } from '../../fault/fault.ts';

export interface FieldProblem {
  /** Dotted path in the body, e.g. `app.clientId`. */
  readonly field: string;
  readonly says: string;
}

export class BadFields extends Error {
  readonly fields: readonly FieldProblem[];
  readonly fault: Fault;

  constructor(fields: readonly FieldProblem[], fault = new Fault('service.bad-input', { fields: fields.length })) {
    super(`${fault.code}: ${fields.map(({ field }) => field).join(', ')}`);
    this.fields = fields;
    this.fault = fault;
  }
}
