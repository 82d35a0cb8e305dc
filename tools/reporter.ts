/**
 * A reporter for `node:test` that writes each result as one line of JSON, for tools/tests.ts to read.
 *
 * The last line is `{"end":true}`: a test file that leaves early (process.exit, a crash) lacks it, and that is how it is noticed.
 */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** One finished test. Suites are left out: they hold tests and are none. */
export interface TestLine {
  readonly name: string;
  readonly line: number | undefined;
  readonly durationMs: number;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'todo';
  /** Why it was skipped or is yet to do, in its author's words. */
  readonly reason?: string;
  /** The error with its stack, for `failed`. */
  readonly error?: string;
}

export type ReportLine = TestLine | { readonly end: true };

// biome-ignore lint/style/noDefaultExport: node takes a reporter from the default export only
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const line = testLine(event);
      if (line !== undefined) yield `${JSON.stringify(line)}\n`;
    }
  }
  yield `${JSON.stringify({ end: true } satisfies ReportLine)}\n`;
}

function testLine(event: Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>): TestLine | undefined {
  const { data } = event;
  const error: unknown = 'error' in data.details ? data.details.error : undefined;
  // A suite, or a test around tests, that fails only because of what is inside: the inside is reported on its own.
  const onlyInner = failureType(error) === 'subtestsFailed';
  if (onlyInner) return undefined;
  if (data.details.type === 'suite' && event.type === 'test:pass' && data.skip === undefined) return undefined;
  const base = { name: data.name, line: data.line, durationMs: data.details.duration_ms };
  if (data.skip !== undefined) return { ...base, outcome: 'skipped', reason: said(data.skip) };
  if (data.todo !== undefined) return { ...base, outcome: 'todo', reason: said(data.todo) };
  if (event.type === 'test:pass') return { ...base, outcome: 'passed' };
  return { ...base, outcome: 'failed', error: withoutNodesOwnFrames(inspect(causeOf(error), { colors: false, depth: 6 })) };
}

function said(reason: string | boolean): string {
  return typeof reason === 'string' && reason !== '' ? reason : 'no reason given';
}

function failureType(error: unknown): unknown {
  return error instanceof Error && 'failureType' in error ? error.failureType : undefined;
}

function withoutNodesOwnFrames(text: string): string {
  return text.replaceAll(/\n\s+at [^\n]*\(?node:internal\/[^\n{]*(?=\n| \{|$)/g, '');
}

/** node:test wraps what was thrown; the wrapper says nothing that the thing itself does not. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && failureType(error) !== undefined && error.cause !== undefined ? error.cause : error;
}
