/**
 * What becomes of a form under which somebody else has saved: three drafts, the one that the form began with, the newer one, and what is
 * typed. What was typed here stays; a field that nobody touched here follows the newer one. Pure.
 */
import type { FormDraft } from './draft.ts';

export interface Difference {
  /** Dotted, as the service names fields. */
  readonly field: string;
  readonly before: string;
  readonly now: string;
  /** Where something else was typed here. */
  readonly typed: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

export function merged(before: FormDraft, now: FormDraft, typed: FormDraft): FormDraft {
  // Made of the parts of three drafts, field by field.
  return mergedValue(before, now, typed) as FormDraft;
}

function mergedValue(before: unknown, now: unknown, typed: unknown): unknown {
  if (isSame(typed, before)) return now;
  if (!isFields(before) || !isFields(now) || !isFields(typed)) return typed;
  // Of another kind (a certificate for a secret): its fields belong together.
  if (now['kind'] !== typed['kind']) return typed;
  const names = new Set([...Object.keys(now), ...Object.keys(typed)]);
  const fields = [...names].map((name) => [name, mergedValue(before[name], now[name], typed[name])] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

/** The fields that the newer one changes. */
export function differences(before: FormDraft, now: FormDraft, typed: FormDraft): readonly Difference[] {
  const [old, fresh, here] = [flat(before), flat(now), flat(typed)];
  return [...new Set([...old.keys(), ...fresh.keys()])].flatMap((field) => {
    const [was, is, stands] = [old.get(field) ?? '', fresh.get(field) ?? '', here.get(field) ?? ''];
    if (was === is) return [];
    return [{ field, before: was, now: is, typed: stands === was ? undefined : stands }];
  });
}

function flat(value: unknown, path = ''): ReadonlyMap<string, string> {
  if (!isFields(value)) return new Map([[path, textOf(value)]]);
  return new Map(Object.entries(value).flatMap(([name, one]) => [...flat(one, path === '' ? name : `${path}.${name}`)]));
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  return value === null || value === undefined ? '' : String(value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSame(one: unknown, other: unknown): boolean {
  if (isFields(one) && isFields(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((name) => isSame(one[name], other[name]));
  }
  return JSON.stringify(one) === JSON.stringify(other);
}
