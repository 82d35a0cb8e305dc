/** What `setup apply` noted of the app that it made, so that nobody has to copy it into the configuration. No secret stands there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGuid } from '../tenant/ids.ts';

export interface MadeApp {
  readonly appId: string;
  /** When the secret that it stored ends; undefined: it stored none. */
  readonly credentialEnds: Date | undefined;
}

/** @returns undefined where nothing is noted, or nothing that can be read: then the id is wanted in the file */
export function madeApp(dataFolder: string, tenant: string): MadeApp | undefined {
  let noted: Readonly<Record<string, unknown>>;
  try {
    noted = Object(JSON.parse(readFileSync(join(dataFolder, 'setup', `${tenant}.json`), 'utf8')));
  } catch {
    return undefined;
  }
  const { appId, credentialEnds } = noted;
  if (typeof appId !== 'string' || !isGuid(appId)) return undefined;
  const ends = typeof credentialEnds === 'string' ? new Date(credentialEnds) : undefined;
  return { appId, credentialEnds: ends === undefined || Number.isNaN(ends.getTime()) ? undefined : ends };
}
