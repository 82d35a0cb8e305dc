/** What the routes of the service stand on. Made once, by the wiring of `serve`; a route file takes these and returns its routes. */
import type { Accounts } from '../accounts/accounts.ts';
import type { Archive } from '../archive/archive.ts';
import type { Config, TenantConfig } from '../config/config.ts';
import type { Definitions } from '../definitions/definitions.ts';
import type { WatchSnapshot } from '../import/watch/watch.ts';
import type { Journal } from '../journal/journal.ts';
import type { ProxyPort } from '../proxy/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HttpRequest } from '../runtime/http.ts';
import type { TokenSource } from '../token/token.ts';
import type { TakenOver } from './api/configuration.ts';
import type { Overview } from './api/operation.ts';
import type { Engine } from './engine.ts';
import type { Live } from './live.ts';

export interface ServiceParts {
  /** Of the file, as it was taken over last; sources and tenants made in the console are in `definitions`. */
  readonly config: Config;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly definitions: Definitions;
  readonly engine: Engine;
  readonly live: Live;
  /** How everything is at the last look, for health, metrics and the overview; undefined before the watch began. */
  readonly watch: () => WatchSnapshot | undefined;
  /** The token source of an app: the import logs in with the same one, so a token is asked for once. */
  readonly tokens: (tenant: TenantConfig) => TokenSource;
  /** The door for applications with passwords, where the file says so. */
  readonly proxy: ProxyPort | undefined;
  /** Reads the file again and takes it over. @throws Fault config.*, import.other-mailbox, proxy.*; then nothing has changed */
  readonly takeOver: () => Promise<TakenOver>;
  readonly request: HttpRequest;
  readonly clock: Clock;
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly started: Date;
  /** A tenant to try things with, that the service was told of when it was started. */
  readonly trial: Overview['trial'];
  /** Something inside has failed by a bug: told on stderr, and the import goes on. */
  readonly onBug: (error: unknown) => void;
  /** The service ends. */
  readonly signal: AbortSignal;
}
