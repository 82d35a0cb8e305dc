/**
 * Asks the servers again for what is in quarantine, because a person wants it.
 *
 * The hard thing is to have no second way of fetching: a message that was withheld once is withheld by the same oddities as any other. So
 * the wish is noted in the journal, and a run like every other takes it up, over the folders that hold such messages and no others. It is
 * either a run of this process or, where a service holds the archive, the service's next pass; a command that is killed leaves its wish behind.
 */
import type { ArchiveReader, OpenQuarantine, QuarantineReason } from '../archive/archive.ts';
import type { Journal, MessagePlace } from '../journal/journal.ts';
import type { ImportEvent } from './events.ts';
import { type RunOnceOptions, type RunSummary, runOnce } from './run.ts';
import type { ImportPorts, ImportSource } from './source.ts';

export type RetryOutcome =
  /** It is archived now. */
  | { readonly kind: 'came'; readonly sha256: string | undefined }
  /** It stays in quarantine, for what was seen now. */
  | { readonly kind: 'stays'; readonly reason: QuarantineReason }
  /** The server does not list it any more; it stays in quarantine with what there is of it. */
  | { readonly kind: 'gone' }
  /** Its folder was numbered anew, so there is nothing to ask for under its number. What the server has of it came under the new one. */
  | { readonly kind: 'renumbered' }
  /** Its folder could not be brought in to the end, or it is older than what the source imports. The wish stays. */
  | { readonly kind: 'not-known' };

export interface Retried {
  readonly entry: OpenQuarantine;
  readonly outcome: RetryOutcome;
}

export interface RetrySummary {
  readonly retried: readonly Retried[];
  /** Of the run that asked; undefined where there was nothing to ask for. */
  readonly run: RunSummary | undefined;
}

/** What is in quarantine of these sources, in the order in which it came. */
export async function inQuarantine(archive: ArchiveReader, sources: readonly string[]): Promise<readonly OpenQuarantine[]> {
  const found: OpenQuarantine[] = [];
  for (const source of sources) for await (const entry of archive.quarantine({ source })) found.push(entry);
  return found.sort((one, other) => one.row - other.row);
}

/** Notes the wish. @returns how many messages there are to ask for. @throws Fault of the journal */
export async function wishForRetry(
  journal: Pick<Journal, 'requestRetries'>,
  entries: readonly OpenQuarantine[],
  by: string,
): Promise<number> {
  const places = entries.filter(({ renumbered }) => !renumbered).map(placeOf);
  if (places.length > 0) await journal.requestRetries(places, by);
  return places.length;
}

/**
 * Runs over the folders of these messages, once the wish for them is noted. What else is new in the folders comes in with it, as in every
 * run; nothing is changed on the servers.
 * @throws Fault of the archive
 */
export async function retryQuarantine(
  sources: readonly ImportSource[],
  entries: readonly OpenQuarantine[],
  ports: ImportPorts & { readonly retries: Pick<Journal, 'pendingRetries' | 'endRetry'> },
  options: RunOnceOptions,
): Promise<RetrySummary> {
  const asked = entries.filter(({ renumbered }) => !renumbered);
  const narrowed = sources.flatMap((source) => narrow(source, asked));
  const before = (await ports.archive.heads()).ledger.rows;
  const seen = new Map<string, QuarantineReason>();
  const ended = new Map<string, 'came' | 'quarantined-again' | 'gone'>();
  const wishes = new Map<number, string>();
  const run =
    narrowed.length === 0
      ? undefined
      : await runOnce(
          narrowed,
          {
            ...ports,
            report: (event: ImportEvent) => {
              if (event.kind === 'quarantined') seen.set(key(event), event.reason);
              ports.report(event);
            },
            retries: {
              pendingRetries: async (source) => {
                const pending = await ports.retries.pendingRetries(source);
                for (const wish of pending) wishes.set(wish.id, key(wish));
                return pending;
              },
              endRetry: async (id, outcome) => {
                ended.set(wishes.get(id) ?? '', outcome);
                await ports.retries.endRetry(id, outcome);
              },
            },
          },
          options,
        );
  const came = await arrived(ports.archive, asked, before);
  return {
    run,
    retried: entries.map((entry) => ({ entry, outcome: outcomeOf(entry, ended.get(key(entry)), seen.get(key(entry)), came) })),
  };
}

function outcomeOf(
  entry: OpenQuarantine,
  ended: 'came' | 'quarantined-again' | 'gone' | undefined,
  seen: QuarantineReason | undefined,
  came: ReadonlyMap<string, string | undefined>,
): RetryOutcome {
  if (entry.renumbered) return { kind: 'renumbered' };
  // The ledger has the last word: what stands there came, even where the run was cut off before it could say so.
  if (came.has(key(entry))) return { kind: 'came', sha256: came.get(key(entry)) };
  if (ended === 'gone') return { kind: 'gone' };
  if (ended === 'quarantined-again') return { kind: 'stays', reason: seen ?? entry.reason ?? 'no-data' };
  return { kind: 'not-known' };
}

/** The folders of the messages, and nothing to be done on the server: that is for the next run, which sees the whole source. */
function narrow(source: ImportSource, entries: readonly OpenQuarantine[]): readonly ImportSource[] {
  const names = new Set(entries.filter((entry) => entry.source === source.name).map((entry) => entry.folder));
  if (names.size === 0) return [];
  const include = [...names].map((name) => ({ kind: 'name' as const, name }));
  return [{ ...source, folders: { include, exclude: [] }, completion: undefined }];
}

/** Which of these messages have a row since then that is not of the quarantine. */
async function arrived(
  archive: ArchiveReader,
  entries: readonly OpenQuarantine[],
  afterRow: number,
): Promise<ReadonlyMap<string, string | undefined>> {
  const wanted = new Set(entries.map(placeKey));
  const came = new Map<string, string | undefined>();
  for (const source of new Set(entries.map((entry) => entry.source))) {
    for await (const entry of archive.ledger({ source, afterRow })) {
      if (entry.state !== 'quarantined' && wanted.has(placeKey(entry))) came.set(key(entry), entry.sha256);
    }
  }
  return came;
}

function placeOf({ source, folder, uidValidity, uid, uidl }: OpenQuarantine): MessagePlace {
  return { source, folder, uidValidity, uid, ...(uidl === undefined ? {} : { uidl }) };
}

/** Without the UIDVALIDITY, which an event does not tell: of each folder only messages of its last one are asked for. */
function key({ source, folder, uid }: { readonly source: string; readonly folder: string; readonly uid: number }): string {
  return JSON.stringify([source, folder, uid]);
}

function placeKey(place: { readonly source: string; readonly folder: string; readonly uidValidity: number; readonly uid: number }): string {
  return JSON.stringify([place.source, place.folder, place.uidValidity, place.uid]);
}
