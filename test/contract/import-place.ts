/**
 * A place to import from, as the suite sees it, and what a test needs around one: a configuration, an archive, a clock that hurries.
 *
 * The client under test is the product's own from the configuration file on; only the clock of the waits between two attempts is ours.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Archive } from '../../src/archive/archive.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { importSources } from '../../src/cli/wire.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ImportEvent } from '../../src/import/events.ts';
import type { MailLogin } from '../../src/import/login.ts';
import type { ImportPorts, ImportSource } from '../../src/import/source.ts';
import type { MailEndpoint } from '../../src/mail/endpoint.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { createTokenSource } from '../../src/token/source.ts';

export interface ImportPlace {
  readonly name: string;
  /** The keys of `tenants.lab`, as a flow mapping. Its files (ca.pem, client-secret) are in `files`. */
  readonly tenant: string;
  readonly files: Readonly<Record<string, string>>;
  /** `server:` of a source. */
  readonly server: { readonly implicit: string; readonly starttls: string };
  /** Makes an empty mailbox that the app may open, and returns its address. */
  mailbox(): string;
  /** Puts messages into a folder, which comes to be if it is not there. Their order is that of their UIDs; `at` is their INTERNALDATE. */
  deliver(mailbox: string, folder: string, messages: readonly Uint8Array[], at?: Date): void;
  /** What lies in a folder, in the order of the UIDs. */
  list(mailbox: string, folder: string): readonly { readonly bytes: Uint8Array; readonly flags: string }[];
  remove(mailbox: string, folder: string, index: number): void;
  /** Gives the folder a new UIDVALIDITY. */
  renumber(mailbox: string, folder: string): void;
  /** Marks a message as deleted, as another program does, and leaves it there. Absent where nobody can. */
  readonly mark?: (mailbox: string, folder: string, index: number) => void;
  /** Gives the folder another name. Absent where there are no folders. */
  readonly rename?: (mailbox: string, folder: string, name: string) => void;
  /** Cuts every connection of logged-in sessions without a word. */
  cut(): void;
  close(): Promise<void>;
}

export interface SourceWish {
  readonly mailbox: string;
  readonly folders?: readonly string[];
  readonly tls?: 'implicit' | 'starttls';
  readonly every?: string;
  /** Further lines of the source, or other ones than `tenant` and `server`. */
  readonly keys?: string;
  /** Further lines of the source. */
  readonly more?: string;
}

/** The sources of a configuration file, wired as the program does it. Their names are s0, s1 … */
export async function sourcesFor(place: ImportPlace, ...wishes: readonly SourceWish[]): Promise<readonly ImportSource[]> {
  return importSources(await configFor(place, ...wishes), []);
}

/** The way into a mailbox of the place, as the configuration names it. */
export async function accessTo(
  place: ImportPlace,
  mailbox: string,
): Promise<{ readonly endpoint: MailEndpoint; readonly login: MailLogin }> {
  const config = await configFor(place, { mailbox });
  const [source, tenant] = [config.sources[0], config.tenants.get('lab')];
  if (source === undefined || tenant === undefined) throw new Error('the configuration lacks what was written into it');
  const { tenantId, clientId, scope, credential, ca } = tenant;
  const tokens = createTokenSource(
    { authority: tenant.cloud.authority, tenantId, clientId, scope, credential, ca },
    { clock: systemClock },
  );
  const supply = { token: async (signal?: AbortSignal) => (await tokens.token(signal)).value, drop: () => undefined };
  return { endpoint: source.server, login: { kind: 'xoauth2', user: mailbox, tokens: supply } };
}

async function configFor(place: ImportPlace, ...wishes: readonly SourceWish[]): Promise<Config> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
  try {
    for (const [name, text] of Object.entries(place.files)) writeFileSync(join(folder, name), text);
    const sources = wishes.map(
      (wish, index) => `  s${index}:
    mailbox: ${wish.mailbox}
    folders: ${JSON.stringify(wish.folders ?? ['INBOX'])}
    every: ${wish.every ?? '1m'}
    ${wish.keys ?? `{ tenant: lab, server: ${place.server[wish.tls ?? 'implicit']} }`.slice(2, -2).replace(', server', '\n    server')}
    ${wish.more ?? ''}
`,
    );
    writeFileSync(join(folder, 'postern.yaml'), `tenants:\n  lab: ${place.tenant}\nsources:\n${sources.join('')}`);
    return await loadConfig(join(folder, 'postern.yaml'), { LAB_SECRET: place.files['client-secret'] ?? '' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An archive in a folder of its own, closed and removed afterwards. */
export async function withArchive(act: (archive: Archive) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-archive-'));
  const archive = await openArchive(folder, systemClock);
  try {
    await act(archive);
  } finally {
    await archive.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Watched extends ImportPorts {
  readonly events: readonly ImportEvent[];
  /** Waits that were asked for, milliseconds. */
  readonly sleptMs: readonly number[];
  /** Ends the import as Ctrl-C does. */
  stop(): void;
  of<K extends ImportEvent['kind']>(kind: K): readonly Extract<ImportEvent, { kind: K }>[];
}

/** Ports that remember what was told. Waits are over at once unless a clock is given (which keeps `sleptMs` for itself). `on` hears each event when it is told. */
export function watched(archive: Archive, on: (event: ImportEvent, ports: Watched) => void = () => undefined, clock?: Clock): Watched {
  const events: ImportEvent[] = [];
  const sleptMs: number[] = [];
  const control = new AbortController();
  const ports: Watched = {
    archive,
    clock: clock ?? hurrying(sleptMs),
    random: () => 0.5,
    report(event) {
      events.push(event);
      on(event, ports);
    },
    signal: control.signal,
    events,
    sleptMs,
    stop: () => control.abort(new Error('stopped by the test')),
    of: <K extends ImportEvent['kind']>(kind: K) =>
      events.filter((event): event is Extract<ImportEvent, { kind: K }> => event.kind === kind),
  };
  return ports;
}

/** A clock whose waits are over at the next turn; the time that they stand for goes by. */
export function hurrying(sleptMs: number[] = []): Clock {
  let ahead = 0;
  return {
    now: () => systemClock.now() + ahead,
    monotonic: () => systemClock.monotonic() + ahead,
    async sleep(ms, signal) {
      sleptMs.push(ms);
      ahead += ms;
      await systemClock.sleep(0, signal);
    },
  };
}

/** Waits until a peer's log or the like says what it is about to say: longer than a busy machine needs, so that a test that hangs says where. */
export async function until(isSo: () => boolean, deadlineMs = 40_000): Promise<void> {
  for (const began = performance.now(); !isSo(); await systemClock.sleep(5)) {
    if (performance.now() - began > deadlineMs) throw new Error(`did not come to be within ${deadlineMs} ms: ${isSo}`);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Hashes of messages as the archive gives them back, byte by byte, in order. */
export async function archivedHashes(archive: Archive): Promise<string[]> {
  const hashes: string[] = [];
  for await (const message of archive.matches({ terms: [] })) {
    const hash = createHash('sha256');
    for await (const chunk of archive.read(message.sha256)) hash.update(chunk);
    hashes.push(hash.digest('hex'));
  }
  return hashes.sort();
}

/** The hashes of messages, each once, in order: what an archive that has them all gives back. */
export function hashesOf(messages: readonly Uint8Array[]): string[] {
  return [...new Set(messages.map(sha256))].sort();
}

/** A message that no other has the bytes of, with line ends as the wire has them. */
export function mail(subject: string, sizeBytes = 0): Uint8Array {
  const head = `From: eva@contoso.test\r\nTo: archive@contoso.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replaceAll(' ', '.')}@contoso.test>\r\n\r\n`;
  const line = `${subject} ${'0123456789'.repeat(7)}\r\n`;
  return Buffer.from(head + line.repeat(Math.max(1, Math.ceil((sizeBytes - head.length) / line.length))));
}

export function mails(subject: string, count: number, sizeBytes = 0): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => mail(`${subject} ${index + 1}`, sizeBytes));
}
