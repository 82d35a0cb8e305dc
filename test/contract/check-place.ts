/** A sandbox and a configuration that points to it, changed as a test wishes: what `check` is run against in this folder. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionTo, writeConnection } from '../../sandbox/src/connection.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import type { Scenario } from '../../sandbox/src/scenario.ts';
import { type Account, accountsToCheck } from '../../src/check/account.ts';
import type { LookPorts } from '../../src/check/look.ts';
import { type CheckResult, check, type WaitOptions } from '../../src/check/run.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';

export type CheckWish = Partial<Parameters<typeof accountsToCheck>[1]> & {
  readonly scenario?: Scenario | undefined;
  /** Changes the text of postern.yaml. */
  readonly yaml?: (text: string) => string;
  readonly secret?: string;
  readonly ports?: Partial<LookPorts>;
  readonly connections?: number;
  readonly transcript?: boolean;
  readonly wait?: WaitOptions;
  /** In place of those that the configuration and the command line give. */
  readonly accounts?: (config: Config) => readonly Account[];
};

export interface CheckPlace {
  readonly sandbox: Sandbox;
  readonly folder: string;
  /** Writes the configuration and gives its file. */
  configure(wish: CheckWish): Promise<string>;
  /** @throws Fault of the configuration or the command line. */
  check(wish: CheckWish): Promise<CheckResult>;
  close(): Promise<void>;
}

/** @param now the time in the sandbox, where a test owns the hours */
export async function startCheckPlace(now?: () => Date): Promise<CheckPlace> {
  const sandbox = await startSandbox(now === undefined ? {} : { now });
  const folder = mkdtempSync(join(tmpdir(), 'postern-check-'));
  let serial = 0;
  const configure = async (wish: CheckWish): Promise<string> => {
    serial += 1;
    const inside = join(folder, String(serial));
    await writeConnection(connectionTo(sandbox, wish.scenario), inside);
    const file = join(inside, 'postern.yaml');
    writeFileSync(file, (wish.yaml ?? ((text) => text))(readFileSync(file, 'utf8')));
    if (wish.secret !== undefined) writeFileSync(join(inside, 'client-secret'), wish.secret);
    return file;
  };
  return {
    sandbox,
    folder,
    configure,
    check: async (wish) => {
      const config = await loadConfig(await configure(wish), {});
      const accounts = wish.accounts?.(config) ?? accountsToCheck(config, { mailboxes: [], refused: [], ...wish });
      const ports = { clock: systemClock, request, authorities: [], ...wish.ports };
      const options = { connections: wish.connections ?? 16, sendTest: wish.sendTest ?? false, transcript: wish.transcript ?? false };
      return await check(accounts, ports, options, wish.wait);
    },
    close: async () => {
      await sandbox.close();
      rmSync(folder, { recursive: true });
    },
  };
}
