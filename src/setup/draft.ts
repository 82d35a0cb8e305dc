/** A plan while it is made: what it is made from, and what it has come to so far. */
import type { Desired } from './desired.ts';
import type { Observed } from './observed.ts';
import type { Remark, Step } from './step.ts';

export const entraAdmin = 'Cloud Application Administrator';
export const roleManagement = 'Exchange Administrator (Role Management)';
export const mailRecipients = 'Exchange Recipient Administrator (Mail Recipients)';

export class Draft {
  readonly desired: Desired;
  readonly observed: Observed;
  readonly nowMs: number;
  readonly steps: Step[] = [];
  readonly remarks: Remark[] = [];

  constructor(desired: Desired, observed: Observed, nowMs: number) {
    this.desired = desired;
    this.observed = observed;
    this.nowMs = nowMs;
  }

  step(step: Omit<Step, 'id' | 'from' | 'to' | 'destructive'> & Partial<Pick<Step, 'from' | 'to' | 'destructive'>>): void {
    this.steps.push({ from: undefined, to: undefined, destructive: false, ...step, id: `${step.act.kind} ${step.key}` });
  }

  remark(kind: Remark['kind'], text: string): void {
    this.remarks.push({ kind, text });
  }
}

/** Subject of the certificates that the setup makes. */
export function certificateName(uniqueName: string): string {
  return `CN=postern-${uniqueName}`;
}

/** Whether a credential with this end still serves. */
export function isGood(endDateTime: string | null | undefined, nowMs: number): boolean {
  return endDateTime !== undefined && endDateTime !== null && Date.parse(endDateTime) > nowMs;
}
