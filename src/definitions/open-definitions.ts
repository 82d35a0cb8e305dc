/** Opens the definitions of a data folder. */
import type { Config } from '../config/config.ts';
import type { Definitions } from './definitions.ts';
import { type DefinitionsPorts, FileDefinitions } from './file-definitions.ts';
import { KeyRing } from './key-ring.ts';

/** The key is asked for when a secret is sealed or opened, so one that is wrong keeps nothing else from running. */
export async function openDefinitions(config: Config, ports: DefinitionsPorts): Promise<Definitions> {
  return new FileDefinitions(config, new KeyRing(config.dataFolder, config.service?.key), ports);
}
