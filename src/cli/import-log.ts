/**
 * What an import tells, for machines: one JSON object a line. Never a word of a message.
 *
 * Single messages are not told: a pass says how many there were, and those that need a person come one by one anyway.
 */
import { Fault } from '../fault/fault.ts';
import type { ImportEvent } from '../import/events.ts';
import type { Teller } from './import-talk.ts';
import { faultAsJson } from './print.ts';

/** UIDs in one line at most. */
const namedUids = 100;

/** @param now milliseconds since 1970: the `time` of each line */
export function importLog(out: { write(text: string): unknown }, now: () => number): Teller {
  const line = (fields: Readonly<Record<string, unknown>>): void => {
    out.write(`${JSON.stringify({ time: new Date(now()).toISOString(), ...fields })}\n`);
  };
  return {
    tell(event) {
      if (event.kind !== 'message') line(fieldsOf(event));
    },
    announce: (text) => line({ event: 'note', text: text.trim() }),
    unreadable: (source, fault) => line({ event: 'source-unreadable', source, ...Object(faultAsJson(fault)) }),
    journalFailed: (fault) => line({ event: 'journal-failed', fault: fieldOf(fault) }),
  };
}

function fieldsOf(event: ImportEvent): Readonly<Record<string, unknown>> {
  const { kind, ...rest } = event;
  const fields: Record<string, unknown> = { event: kind };
  for (const [name, value] of Object.entries(rest)) fields[name] = fieldOf(value);
  if (event.kind === 'vanished' || event.kind === 'missing') fields['count'] = event.uids.length;
  return fields;
}

function fieldOf(value: unknown): unknown {
  if (value instanceof Fault) return { code: value.code, says: value.entry.says, evidence: value.evidence };
  if (value instanceof Map) return [...value].map(([folder, fault]) => ({ folder, fault: fieldOf(fault) }));
  if (Array.isArray(value)) return value.slice(0, namedUids);
  return typeof value === 'number' ? Math.round(value) : value;
}
