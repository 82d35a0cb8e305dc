/** Faults of HTTP itself, for every plane that asks by it. What an answer means is the plane's own. */
import type { FaultEntry } from '../entry.ts';

export const httpFaults = {
  'http.answer-unusable': {
    says: 'The answer is not one that a web service gives.',
    cause: 'It could not be read as HTTP, or was longer than any answer to such a question (the evidence says which).',
    fix: 'Check that host and port lead to the service itself: `curl -v URL`. Most often another program listens there, or a proxy stands in between.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
