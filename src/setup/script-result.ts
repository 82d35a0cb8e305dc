/** What the script prints at its end: ids, and nothing secret. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Fault } from '../fault/fault.ts';

const guid = z.guid();
const result = z.object({
  schema: z.literal('postern.setup-result/1'),
  appId: guid,
  appObjectId: guid,
  principalId: guid,
  keyId: guid.optional(),
  credentialEnds: z.string().optional(),
});

export type ScriptResult = Omit<z.infer<typeof result>, 'schema'>;

/** Takes the JSON out of whatever stands around it in the file. @throws Fault setup.result-unreadable */
export function readScriptResult(file: string): ScriptResult {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Fault('setup.result-unreadable', { file, seen: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' });
  }
  const found = /\{[^{}]*"postern\.setup-result\/1"[^{}]*\}/.exec(text)?.[0];
  const read = result.safeParse(found === undefined ? undefined : jsonOf(found));
  if (!read.success)
    throw new Fault('setup.result-unreadable', {
      file,
      seen: found === undefined ? 'no postern.setup-result/1' : 'an id is missing or no GUID',
    });
  const { schema: _, ...ids } = read.data;
  return ids;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
