/** What the operating system refuses, as faults of the definitions. */
import { Fault } from '../fault/fault.ts';

export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

export function unwritable(file: string, error: unknown): Fault {
  return new Fault('definitions.unwritable', { file, errno: errnoOf(error) }, { cause: error });
}

export function unreadable(file: string, error: unknown): Fault {
  return new Fault('definitions.unreadable', { file, errno: errnoOf(error) }, { cause: error });
}
