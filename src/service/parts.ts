/** What the routes of the service stand on. Made once, by the wiring of `serve`; a route file takes these and returns its routes. */
import type { Accounts } from '../accounts/accounts.ts';
import type { Archive } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import type { Definitions } from '../definitions/definitions.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Engine } from './engine.ts';
import type { Live } from './live.ts';

export interface ServiceParts {
  /** Of the file; sources and tenants made in the console are in `definitions`. */
  readonly config: Config;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly definitions: Definitions;
  readonly engine: Engine;
  readonly live: Live;
  readonly clock: Clock;
  readonly random: () => number;
  /** The service ends. */
  readonly signal: AbortSignal;
}
