/**
 * Sets up the watch over a running import: its looks, the ways of its alerts, and where health and metrics are served.
 *
 * One call for whoever runs an import; it hands on the events and ends it. A fault of the watch never ends the import: one that a person
 * must know before anything runs (an address that is taken) is thrown by `startWatch`, all others are told and lived with.
 */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Archive } from '../archive/archive.ts';
import type { AlertsConfig, Config, SourceConfig, TenantConfig } from '../config/config.ts';
import { madeApp } from '../config/made-app.ts';
import { Fault } from '../fault/fault.ts';
import type { ImportEvent } from '../import/events.ts';
import { mailWay } from '../import/watch/alert-mail.ts';
import { type CertificateFile, certificateEnds } from '../import/watch/certificate-ends.ts';
import { CredentialEnds } from '../import/watch/credential-ends.ts';
import type { CredentialExpiry } from '../import/watch/expiry.ts';
import type { ProcessFigures } from '../import/watch/metrics.ts';
import type { AlertWay } from '../import/watch/notice.ts';
import { Watch, type WatchedSource, type WatchSnapshot } from '../import/watch/watch.ts';
import { isLoopback, webhookWay } from '../import/watch/webhook.ts';
import type { Journal } from '../journal/journal.ts';
import type { MailCredential } from '../mail/endpoint.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HttpRequest } from '../runtime/http.ts';
import { serveHealth } from './health.ts';

export interface WatchSetup {
  readonly config: Config;
  /** Sources of this run. */
  readonly sources: readonly SourceConfig[];
  readonly archive: Archive;
  /** One that forgives: nothing here may stop the import. */
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly request: HttpRequest;
  /** Asks a tenant when its credential ends. */
  readonly credentialEnd: CredentialExpiry;
  /** How alerts log in at `alerts.mail`; undefined: not at all. */
  readonly mailCredential: (signal: AbortSignal) => Promise<MailCredential | undefined>;
  /** A run that ends by itself: nothing is served, and it is judged at its end. */
  readonly once: boolean;
  /** What `--listen` says; else the configuration decides. */
  readonly listen: string | undefined;
  /** Of `serve`, which serves health and metrics itself, and whose sources come and go. */
  readonly within?:
    | {
        /** Where, for the journal. */
        readonly address: string;
        /** Hears that a look has ended. Never waits, never throws. */
        readonly onLook: () => void;
      }
    | undefined;
  /** Tells a person something about the watch itself. */
  readonly announce: (text: string) => void;
}

/** So long the end of a run is held up by a question to Graph, at most. */
const graphGraceMs = 3_000;

export interface RunningWatch {
  /** Where health and metrics are served; undefined: nowhere. */
  readonly address: string | undefined;
  /** Hears an event of the import. Never waits, never throws. */
  tell(event: ImportEvent): void;
  /** Watches over a source from now on; to be called before it begins. */
  add(source: SourceConfig): Promise<void>;
  /** Watches over it no more: it is gone or paused. */
  remove(name: string): void;
  isWatched(name: string): boolean;
  snapshot(): WatchSnapshot;
  /** From now on alerts go out like this. @returns false where there would be other ways, or another pace: those are of the start */
  setAlerts(alerts: AlertsConfig, mailCredential: WatchSetup['mailCredential']): boolean;
  /** Hears the fault that ends the whole import, so that it can be told. @throws it, and whatever else `run` ends with */
  during<T>(run: Promise<T>): Promise<T>;
  /** Notes the end, delivers what is to be told for some seconds, and ends. @throws a bug of ours */
  close(): Promise<void>;
}

/** @throws Fault watch.listen-refused, watch.listen-failed, cli.wrong-use */
export async function startWatch(setup: WatchSetup): Promise<RunningWatch> {
  const { config, clock, announce } = setup;
  const { once, within } = setup;
  const own = new Map(setup.sources.map((source) => [source.name, source]));
  const where =
    once || within !== undefined ? undefined : setup.listen === undefined ? config.service?.listen : listenAddress(setup.listen);
  // The port first: when it is taken nothing has begun yet.
  let begun: Watch | undefined;
  const health =
    where === undefined ? undefined : await serveHealth({ ...where, snapshot: () => begun?.snapshot(), figures: figuresOf(clock) });
  const { archive, journal, random, credentialEnd } = setup;
  const standing = waysOf(config.alerts, setup);
  let ways = standing;
  function wayNow(name: AlertWay['name']): AlertWay {
    const way = ways.find((one) => one.name === name);
    if (way === undefined) throw new Error(`there is no way ${name} any more`);
    return way;
  }
  const ends = new CredentialEnds({
    tenants: () => tenantsOf(config, own.values()).values(),
    ask: credentialEnd,
    noted: (tenant) => notedEnd(config, tenant),
    clock,
    random,
  });
  const ports = {
    archive,
    journal,
    clock,
    random,
    disk: async () => {
      const { bavail, blocks, bsize } = await statfs(config.dataFolder);
      return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
    },
    credentials: (now: number) => ends.view(now),
    credentialNotes: (now: number) => ends.notes(now),
    certificates: () => certificateEnds(ownCertificates(config, within !== undefined)),
    ways: standing.map((way): AlertWay => ({ ...way, deliver: (notices, signal) => wayNow(way.name).deliver(notices, signal) })),
  };
  const { remindEveryMs } = config.alerts;
  const all = { sources: config.sources.map(({ name }) => name), tenants: [...config.tenants.keys()] };
  const watch = new Watch([...own.values()].map(watchedSource), ports, {
    remindEveryMs,
    host: hostname(),
    pid: process.pid,
    // Those of the file that `serve` does not run are paused, which ends their alerts.
    configured: within === undefined ? all : { sources: [], tenants: [] },
    tenantsBeside: () => tenantsBeside(config),
    once,
    listen: within?.address ?? health?.address,
    notesRuns: within === undefined,
    onLook: within?.onLook,
  });
  ends.restore((await journal.service())?.credentials ?? []);
  await watch.begin();
  begun = watch;
  const stop = new AbortController();
  let bug: unknown;
  // Beside it and never before it: nobody waits for Graph.
  const asking = (once ? ends.look(stop.signal, true) : ends.run(stop.signal)).catch((error: unknown) => {
    if (!stop.signal.aborted) bug ??= error;
  });
  const running = watch.run(stop.signal).catch((error: unknown) => {
    bug = error;
    announce('The watch over this import has ended by a bug; mail goes on coming in. /livez says no from now on.');
  });
  return {
    address: health?.address,
    tell: (event) => watch.tell(event),
    add: async (source) => {
      own.set(source.name, source);
      await watch.add(watchedSource(source));
    },
    remove: (name) => {
      own.delete(name);
      watch.remove(name);
    },
    isWatched: (name) => own.has(name),
    snapshot: () => watch.snapshot(),
    setAlerts: (alerts, mailCredential) => {
      const next = waysOf(alerts, { ...setup, mailCredential });
      const isSameKind = next.length === standing.length && standing.every(({ name }) => next.some((one) => one.name === name));
      if (!isSameKind || alerts.remindEveryMs !== remindEveryMs) return false;
      ways = next;
      return true;
    },
    during: async (run) => {
      try {
        return await run;
      } catch (error) {
        if (error instanceof Fault) watch.ended(error);
        throw error;
      }
    },
    close: async () => {
      health?.leave();
      // A run that ends by itself is judged at its end, once a day with what Graph is about to say.
      if (once) await Promise.race([asking, clock.sleep(graphGraceMs, stop.signal)]);
      stop.abort();
      await Promise.all([running, asking]);
      await health?.close();
      if (bug !== undefined) throw bug;
    },
  };
}

function watchedSource({ name, everyMs, silentAfterMs, auth, server }: SourceConfig): WatchedSource {
  return { name, everyMs, silentAfterMs, host: server.host, tenant: auth.kind === 'oauth2' ? auth.tenant.name : undefined };
}

/** What `setup` has noted of the credential that it stored last; `setup rotate` does it beside a running service. */
function notedEnd({ dataFolder }: Config, { name, setup, clientId }: TenantConfig): Date | undefined {
  if (setup === undefined) return undefined;
  const made = madeApp(dataFolder, name);
  return made?.appId.toLowerCase() === clientId.toLowerCase() ? made.credentialEnds : undefined;
}

/** Tenants that others than sources log in with: the proxy, and the alerts themselves. */
function tenantsBeside({ proxy, alerts }: Config): readonly string[] {
  const auth = alerts.mail?.auth;
  const names = (proxy?.upstreams ?? []).map(({ tenant }) => tenant.name);
  return [...new Set([...names, ...(auth?.kind === 'oauth2' ? [auth.tenant.name] : [])])];
}

/** Files of the certificates by which Postern itself is known: to browsers, and to the applications at the proxy. */
function ownCertificates({ service, proxy }: Config, servesConsole: boolean): readonly CertificateFile[] {
  return [
    ...(servesConsole && service?.tls !== undefined ? [{ of: 'console' as const, file: service.tls.certificateFile }] : []),
    ...(proxy?.certificate === undefined ? [] : [{ of: 'proxy' as const, file: proxy.certificate.file }]),
  ];
}

/** Those of the file, and those that sources bring with them. */
function tenantsOf({ tenants }: Config, sources: Iterable<SourceConfig>): Config['tenants'] {
  const all = new Map(tenants);
  for (const { auth } of sources) if (auth.kind === 'oauth2') all.set(auth.tenant.name, auth.tenant);
  return all;
}

function waysOf({ webhook, mail }: AlertsConfig, { request, mailCredential }: WatchSetup): readonly AlertWay[] {
  const ways: AlertWay[] = [];
  if (webhook !== undefined) {
    const { url, secret, ca } = webhook;
    ways.push(webhookWay({ url: () => url.resolve(), secret: secret && (() => secret.resolve()), ca, request }));
  }
  if (mail !== undefined) ways.push(mailWay({ endpoint: mail.server, credential: mailCredential, from: mail.from, to: mail.to }));
  return ways;
}

/**
 * Reads what stands after `--listen`: `127.0.0.1:9464`, `localhost:9464`, `[::1]:9464`.
 * @throws Fault cli.wrong-use; watch.listen-refused for what others can reach
 */
export function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  if (host === undefined || port > 65_535) {
    throw new Fault('cli.wrong-use', { option: '--listen', expected: 'HOST:PORT, e.g. 127.0.0.1:9464', found: text });
  }
  if (!isLoopback(host)) throw new Fault('watch.listen-refused', { host, port });
  return { host, port };
}

export function figuresOf(clock: Clock): () => ProcessFigures {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const version = String(JSON.parse(text).version);
  const startedMs = clock.now() - process.uptime() * 1000;
  return () => {
    const { user, system } = process.cpuUsage();
    return { version, residentBytes: process.memoryUsage.rss(), startedMs, cpuSeconds: (user + system) / 1e6 };
  };
}
