/** What an import tells, as lines for the ticker of the console. Nothing of a message stands in them. */
import type { ImportEvent } from '../import/events.ts';
import type { LiveEvent } from './api/event.ts';
import { shownFault } from './shown.ts';

type Talk = Extract<LiveEvent, { readonly kind: 'talk' }>;

/** @returns undefined for what is of no interest one by one */
export function talkOf(event: ImportEvent, now: number): Talk | undefined {
  const text = textOf(event);
  if (text === undefined) return undefined;
  return {
    kind: 'talk',
    at: new Date(now).toISOString(),
    source: 'source' in event ? event.source : null,
    text,
    fault: 'fault' in event ? shownFault(event.fault) : null,
  };
}

function textOf(event: ImportEvent): string | undefined {
  switch (event.kind) {
    case 'connecting':
      return event.attempt > 1 ? `connecting, attempt ${event.attempt}` : undefined;
    case 'logged-in':
      return `logged in after ${Math.round(event.afterMs)} ms`;
    case 'quarantined':
      return `message ${event.uid} of ${event.folder} is kept apart`;
    case 'uid-validity-changed':
      return `${event.folder} was numbered anew on the server: comparing by content`;
    case 'folder-renamed':
      return `${event.now} is new and ${event.before} is gone: ${messages(event.messages)} had come before`;
    case 'vanished':
      return `${messages(event.uids.length)} of ${event.folder} vanished from the server before they could be fetched`;
    case 'missing':
      return `${messages(event.uids.length)} of ${event.folder} still to come`;
    case 'completed':
      return `${messages(event.messages)} of ${event.folder} ${event.step}${event.target === undefined ? '' : ` to ${event.target}`} on the server`;
    case 'completion-failed':
      return 'what is to be done on the server was not done, and is tried again';
    case 'fewer-connections':
      return `going on with ${event.connections} ${event.connections === 1 ? 'connection' : 'connections'}: the server would not have more`;
    case 'waiting':
      return `waiting ${seconds(event.waitMs)}: ${event.fault.entry.says}`;
    case 'deriving-failed':
      return 'mail comes in and is not made searchable';
    case 'folder-failed':
      return `${event.folder}: ${event.fault.entry.says}`;
    case 'failed':
      return event.fault.entry.says;
    case 'pass': {
      const came = event.arrived + event.duplicate + event.quarantined;
      return came === 0 ? undefined : `${messages(came)} came`;
    }
    default:
      return undefined;
  }
}

function messages(count: number): string {
  return `${count} ${count === 1 ? 'message' : 'messages'}`;
}

function seconds(ms: number): string {
  return ms < 90_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
