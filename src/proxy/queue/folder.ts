/** Where the queue lies: in the data folder, so that a backup of that has it, and no second process finds another one. */
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';

export function queueFolder({ dataFolder }: Pick<Config, 'dataFolder'>): string {
  return join(dataFolder, 'proxy', 'queue');
}
