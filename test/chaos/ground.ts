/** What schedules are played on: a sandbox whose clock is ours, the configuration of one source, and, for some, a disk that is soon full. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import type { Completion, Schedule } from './schedule.ts';

const smallDiskMegabytes = 12;

/** Where `onCompletion: move` brings messages. */
export const moveTarget = 'Imported';
/** In the source's part of the configuration. */
const completionKeys: Readonly<Record<Completion, string>> = {
  leave: '',
  seen: '    onCompletion: seen\n',
  move: `    onCompletion: { move: ${moveTarget} }\n`,
  delete: '    onCompletion: { delete: { after: 1s } }\n',
};

/** A tenant that many schedules use one after the other. */
export interface Ground {
  readonly sandbox: Sandbox;
  readonly time: Time;
  readonly folder: string;
  close(): Promise<void>;
}

/** The server's clock may stand elsewhere than the client's, and waits of the client pass at once for both. */
interface Time {
  aheadMs: number;
}

export async function startGround(): Promise<Ground> {
  const time: Time = { aheadMs: 0 };
  const folder = mkdtempSync(join(tmpdir(), 'postern-chaos-'));
  const sandbox = await startSandbox({ withoutSeed: true, now: () => new Date(Date.now() + time.aheadMs) });
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  return {
    sandbox,
    time,
    folder,
    async close() {
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The program's own configuration of one source, behind a door at `port`. */
export function configuration(
  { sandbox, folder }: Ground,
  { protocol, folders, completion }: Schedule,
  mailbox: string,
  port: number,
): string {
  const ca = JSON.stringify(join(folder, 'ca.pem'));
  return `data: ./data
tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}" }
    credential: { secret: { env: CHAOS_SECRET } }
    ca: ${ca}
sources:
  chaos:
    tenant: lab
    server: { host: localhost, port: ${port}, ca: ${ca} }
    mailbox: ${mailbox}
    protocol: ${protocol}
${protocol === 'imap' ? `    folders: ${JSON.stringify(folders)}\n` : ''}${completionKeys[completion]}    every: 1m
`;
}

/** Only root may; elsewhere the schedule is played on the usual disk. */
export function mountSmall(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${smallDiskMegabytes}m`, 'postern-test', folder], {
      stdio: 'ignore',
      timeout: 10_000,
    });
    return true;
  } catch {
    return false;
  }
}
