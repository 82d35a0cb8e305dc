/**
 * Seals every secret with a new key. May be killed anywhere and run again, and run beside a service, which reads the keys anew each time:
 * the key before is kept until the next change, and nothing is sealed with an older one once this has ended.
 */
import type { Config } from '../config/config.ts';
import { Fault } from '../fault/fault.ts';
import { type DefinitionsPorts, FileDefinitions } from './file-definitions.ts';
import { KeyRing } from './key-ring.ts';

export interface Rotated {
  /** How many sources were sealed anew. */
  readonly sources: number;
  /** Of the key that seals now. */
  readonly keyId: string;
}

/**
 * Makes a new key; where `service.key` names the operator's own, seals with the first of those that stand there.
 * @throws Fault definitions.key-not-ours where the operator's own has no new one in front; definitions.*
 */
export async function rotateDefinitionsKey(config: Config, ports: DefinitionsPorts): Promise<Rotated> {
  const keys = new KeyRing(config.dataFolder, config.service?.key);
  const definitions = new FileDefinitions(config, keys, ports);
  // First what an earlier change did not get to: afterwards the key before the present one is no longer needed.
  const caughtUp = await definitions.resealAll();
  if (keys.isOperators) {
    if (caughtUp === 0) throw new Fault('definitions.key-not-ours', { reference: config.service?.key?.describe ?? '' });
    return { sources: caughtUp, keyId: (await keys.sealing()).id };
  }
  const { id } = await keys.addKey();
  return { sources: await definitions.resealAll(), keyId: id };
}
