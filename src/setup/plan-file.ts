/** A saved plan, read again: only what this version wrote for this tenant and this configuration is applied. */
import { readFileSync } from 'node:fs';
import { Fault } from '../fault/fault.ts';
import type { Desired } from './desired.ts';
import { desiredText } from './plan.ts';
import type { Plan } from './step.ts';

/** @throws Fault setup.plan-unreadable */
export function readPlan(file: string, desired: Desired): Plan {
  const refused = (seen: string): Fault => new Fault('setup.plan-unreadable', { file, seen });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw refused(error instanceof Error && 'code' in error ? String(error.code) : 'no JSON');
  }
  if (!isPlan(value)) throw refused('no postern.plan/1');
  if (value.tenant !== desired.tenant) throw refused(`made for the tenant ${value.tenant}`);
  if (value.desired !== desiredText(desired)) throw refused('made for another configuration');
  return value;
}

/** What a plan says is done only where the tenant is the same and the configuration too, so its steps are those that would be made now. */
function isPlan(value: unknown): value is Plan {
  const plan = Object(value);
  const isObject = (one: unknown): boolean => typeof one === 'object' && one !== null;
  return (
    plan.schema === 'postern.plan/1' &&
    Array.isArray(plan.steps) &&
    plan.steps.every(isObject) &&
    Array.isArray(plan.remarks) &&
    typeof plan.observed === 'string'
  );
}
