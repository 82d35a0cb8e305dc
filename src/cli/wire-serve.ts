/**
 * Puts the service together and takes it apart: archive, journal, accounts, definitions, engine, watch, HTTP server.
 *
 * The hard thing is the order. What can be refused (an archive in use, a port taken) is asked before anything begins, and at the end
 * nothing is closed that somebody still writes to: requests first, then the sources, then the archive.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstAdministrator } from '../accounts/first-administrator.ts';
import type { Config, TenantConfig } from '../config/config.ts';
import type { FoundDefinition } from '../definitions/definitions.ts';
import { openDefinitions } from '../definitions/open-definitions.ts';
import { type Rotated, rotateDefinitionsKey } from '../definitions/rotate-key.ts';
import { Fault } from '../fault/fault.ts';
import type { ImportEvent } from '../import/events.ts';
import { gapKeeper } from '../import/reconcile/run-gaps.ts';
import type { Journal } from '../journal/journal.ts';
import type { ProxyEvent } from '../proxy/port.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { request } from '../runtime/http.ts';
import type { Secret } from '../runtime/secret.ts';
import type { Overview } from '../service/api/operation.ts';
import { serviceAddress } from '../service/http/address.ts';
import { startServer } from '../service/http/server.ts';
import { ImportEngine, type Unreadable } from '../service/import-engine.ts';
import type { Live } from '../service/live.ts';
import { liveConfig } from '../service/live-config.ts';
import { liveListeners } from '../service/live-listeners.ts';
import type { ServiceParts } from '../service/parts.ts';
import { lastClaims } from '../service/setup/last-claims.ts';
import { figuresOf, type RunningWatch, startWatch } from '../service/start-watch.ts';
import { takingOver } from '../service/take-over.ts';
import { createTokenSource } from '../token/source.ts';
import type { TokenSource } from '../token/token.ts';
import {
  accountsToWrite,
  alertLogin,
  archiveBesideReading,
  archiveToWrite,
  credentialEnd,
  importSource,
  journalForImport,
  journalToWrite,
  recordProfile,
  type TokensOf,
  tokenApp,
} from './wire.ts';
import { proxyFor } from './wire-proxy.ts';

export interface ServeWish {
  readonly config: Config;
  /** Reads the configuration again, as it was read at the start. @throws Fault config.* */
  readonly read: () => Promise<Config>;
  /** What `--listen` says. */
  readonly listen: string | undefined;
  readonly trial: Overview['trial'];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Hears every event of the import. Never waits, never throws. */
  readonly report: (event: ImportEvent) => void;
  /** The same of the proxy. */
  readonly onProxy: (event: ProxyEvent) => void;
  /** Tells a person something about the service itself. */
  readonly announce: (text: string) => void;
  /** The journal could not be written; the service goes on. */
  readonly onJournalFault: (fault: Fault) => void;
  /** A source that is kept here cannot be read; the others go on. */
  readonly onUnreadable: (source: string, fault: Fault) => void;
  readonly onBug: (error: unknown) => void;
  /** Aborted when the service is to end. */
  readonly signal: AbortSignal;
  /** Does something of which a bug is told and does not end the import. */
  readonly spare?: <T>(act: () => T) => T;
}

export interface RunningService {
  readonly url: string;
  readonly parts: ServiceParts;
  /** Where there was no user before: the one that was made, and its password, to be shown once. */
  readonly first: { readonly user: string; readonly password: Secret } | undefined;
  /** Resolves when everything has ended and is closed. @throws Fault of the archive; a bug of ours */
  readonly ended: Promise<void>;
}

/** Sessions of the proxy may come to their end for so long when the service ends. */
const proxyDrainMs = 3_000;
/** That something of the proxy has changed is told so often at most. */
const proxyEveryMs = 1_000;

const consoleFolder = fileURLToPath(new URL('../../console/dist', import.meta.url));

/** @throws Fault archive.write-failed */
function makeDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const seen = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('archive.write-failed', { folder, error: seen, call: 'mkdir' }, { cause: error });
  }
}

/** @throws Fault archive.*, accounts.*, service.*, cli.wrong-use; then nothing has begun */
export async function startService(wish: ServeWish): Promise<RunningService> {
  const { announce, onJournalFault } = wish;
  const file = liveConfig(wish.config);
  const { config } = file;
  const clock = systemClock;
  const address = await serviceAddress(config, wish.listen);
  const closing: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  const stop = new AbortController();
  const signal = AbortSignal.any([wish.signal, stop.signal]);
  try {
    makeDataFolder(config.dataFolder);
    const definitions = await openDefinitions(config, { clock, env: wish.env });
    closing.push(() => definitions.close());
    const found = await definitions.findAll();
    const made = found.flatMap((one) => ('config' in one ? [one.config] : []));
    const archive = await archiveToWrite({ dataFolder: config.dataFolder, sources: [...config.sources, ...made] });
    // Searches block the thread that they run on: those of the console have threads of their own.
    const searched = archiveBesideReading(archive, config);
    closing.push(() => searched.close());
    const forgiving = journalForImport(config, onJournalFault, (await archive.heads()).ledger.rows > 0);
    closing.push(() => forgiving.close());
    const journal = writtenJournal(config, forgiving, onJournalFault);
    closing.push(() => journal.close());
    const accounts = accountsToWrite(config);
    closing.push(() => accounts.close());

    const gaps = gapKeeper(forgiving, archive);
    const live = liveListeners(clock, signal);
    const tokens = tokensOf(clock);
    const engine = new ImportEngine(
      {
        archive,
        journal: forgiving,
        definitions,
        clock,
        random: Math.random,
        live,
        importSource: (source) => importSource(source, tokens, clock),
        profile: recordProfile,
        report: (event) => {
          wish.report(event);
          gaps.tell(event);
        },
        limits: { connections: config.import.connections, perHost: config.import.perHost },
        onBug: wish.onBug,
        signal,
      },
      { file: config.sources, console: made, unreadable: unreadable(found, wish.onUnreadable), paused: await definitions.paused() },
    );
    const proxyChanged = told(live, clock);
    const proxy =
      config.proxy === undefined
        ? undefined
        : await proxyFor(config, {
            tokens,
            onBug: wish.onBug,
            onEvent: (event) => {
              wish.onProxy(event);
              proxyChanged();
            },
          });
    if (proxy !== undefined) closing.push(() => proxy.close(proxyDrainMs));
    let watch: RunningWatch | undefined;
    const figures = figuresOf(clock);
    const parts: ServiceParts = {
      config,
      archive: searched,
      journal,
      accounts,
      definitions,
      engine,
      live,
      watch: () => watch?.snapshot(),
      tokens,
      proxy,
      takeOver: takingOver({
        live: file,
        read: wish.read,
        engine,
        definitions,
        proxy,
        setAlerts: (alerts) => watch?.setAlerts(alerts, alertLogin({ ...config, alerts })) ?? false,
        onTenantChanged: (name) => lastClaims(parts).forget(name),
      }),
      request,
      clock,
      random: Math.random,
      env: wish.env,
      version: figures().version,
      started: new Date(clock.now()),
      trial: wish.trial,
      onBug: wish.onBug,
      signal,
    };
    const spare = wish.spare ?? ((act) => act());
    if (!existsSync(join(consoleFolder, 'index.html'))) {
      announce('The console is not built: `npm run build` in the folder of Postern, then start again. Until then there is the API.');
    }
    const server = await spare(() => startServer(parts, { address, consoleFolder, figures, announce }));
    closing.push(() => server.close());
    watch = await startWatch({
      config,
      sources: engine.active,
      archive,
      journal: forgiving,
      clock,
      random: Math.random,
      request,
      credentialEnd: credentialEnd(),
      mailCredential: alertLogin(config),
      once: false,
      listen: undefined,
      within: { address: server.address, onLook: () => engine.looked() },
      announce,
    });
    const watching = watch;
    closing.push(() => watching.close());
    // Last: its password is told once, so nothing may fail behind it.
    const first = await firstAdministrator(accounts);
    closing.pop();
    signal.addEventListener('abort', () => server.leave(), { once: true });
    const run = async (): Promise<void> => {
      try {
        await watching.during(engine.run(watching));
      } finally {
        server.leave();
        stop.abort(new Error('the service ends'));
        await watching.close();
        await gaps.settled();
        await closeAll();
      }
    };
    return { url: server.url, parts, first, ended: run() };
  } catch (error) {
    stop.abort(error);
    await closeAll();
    throw error;
  }
}

/** Tells that something of the proxy has changed; what changes meanwhile is told in one. */
function told(live: Live, clock: Clock): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    void clock.sleep(proxyEveryMs).then(() => {
      isDue = false;
      live.tell({ kind: 'proxy' });
    });
  };
}

/** For the routes: what somebody wants noted and could not be noted is told to that person. Where there is none, the forgiving one. */
function writtenJournal(config: Config, forgiving: Journal, onFault: (fault: Fault) => void): Journal {
  try {
    return journalToWrite(config, onFault);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return forgiving;
  }
}

/** One source of tokens for each app as it is configured: one that was changed in the console has another credential. */
function tokensOf(clock: Clock): TokensOf {
  const known = new WeakMap<TenantConfig, TokenSource>();
  return (tenant) => {
    const source = known.get(tenant) ?? createTokenSource(tokenApp(tenant), { clock });
    known.set(tenant, source);
    return source;
  };
}

function unreadable(found: readonly FoundDefinition[], tell: ServeWish['onUnreadable']): readonly Unreadable[] {
  return found.flatMap((one) => {
    if (!('fault' in one)) return [];
    tell(one.name, one.fault);
    return [{ kept: { name: one.name, mailbox: '', protocol: 'imap', authentication: 'oauth2' } as const, fault: one.fault }];
  });
}

/** Seals what is kept with a new key. @throws Fault definitions.* */
export function definitionsKey(config: Config, env: ServeWish['env']): Promise<Rotated> {
  return rotateDefinitionsKey(config, { clock: systemClock, env });
}
