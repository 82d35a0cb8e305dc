/**
 * Exports that are made in the background: asked for, made one after the other, kept for a day, removed.
 *
 * The hard thing is what a crash leaves. A file gets its name and the note beside it only when it is whole, so whatever has another name, or no
 * note, or is too old, is removed when the service starts; and what the disk or the archive refuses is the fault of that one export. Whoever
 * may read may export as much as he likes: so no export takes the room that the import needs.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { exportZip, type ZipSummary } from '../../archive/export-zip.ts';
import { readQuery } from '../../archive/query.ts';
import { Fault } from '../../fault/fault.ts';
import { isNearlyFull } from '../../import/watch/service-state.ts';
import { type ExportJob, exportJob } from '../api/message.ts';
import type { ServiceParts } from '../parts.ts';
import { shownFault } from '../shown.ts';

type Parts = Pick<ServiceParts, 'archive' | 'clock' | 'config' | 'live' | 'onBug' | 'signal'>;

/** So many are made at once; the others wait for their turn. */
const atOnce = 2;
const waitingMost = 10;
const keptMs = 24 * 3_600_000;
const lookMs = 60_000;
const toldEveryMs = 500;
/** The room that is left is looked at again and again while an export is made. */
const roomEveryMs = 200;

interface Work {
  job: ExportJob;
  readonly stop: AbortController;
  /** Resolves when nothing is written for it any more. */
  ended: Promise<void>;
}

export interface Wish {
  readonly q: string;
  readonly format: ExportJob['format'];
  readonly reason: string;
  readonly by: string;
}

export class ExportDesk {
  readonly #parts: Parts;
  readonly #folder: string;
  readonly #works = new Map<string, Work>();
  readonly #ready: Promise<void>;
  /** Those that wait for their turn, which is handed to the first of them. */
  readonly #queue: (() => void)[] = [];
  #making = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#folder = join(parts.config.dataFolder, 'exports');
    // What cannot be looked through now is told when somebody asks for an export.
    this.#ready = this.#takeUp().catch(() => undefined);
    const timer = setInterval(() => void this.#removeOld(), lookMs).unref();
    parts.signal.addEventListener('abort', () => {
      clearInterval(timer);
      for (const { stop } of this.#works.values()) stop.abort();
    });
  }

  /** Newest first. */
  async list(): Promise<readonly ExportJob[]> {
    await this.#ready;
    return [...this.#works.values()].map(({ job }) => job).sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  }

  /** @throws Fault export.unknown */
  async job(id: string): Promise<ExportJob> {
    return (await this.#work(id)).job;
  }

  /** @throws Fault archive.query-unreadable, export.too-many, export.unwritable */
  async start({ q, format, reason, by }: Wish): Promise<ExportJob> {
    await this.#ready;
    const query = readQuery(q);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw unwritable(error);
    });
    // From here to where it is noted without a pause: a hundred at the same moment are counted one by one.
    const running = [...this.#works.values()].filter(({ job }) => job.state === 'running').length;
    if (running >= atOnce + waitingMost) throw new Fault('export.too-many', { running, most: atOnce + waitingMost });
    const id = randomBytes(16).toString('hex');
    const at = new Date(this.#parts.clock.now());
    const work: Work = {
      job: {
        id,
        by,
        at: at.toISOString(),
        q,
        reason,
        format,
        state: 'running',
        messages: 0,
        bytes: 0,
        total: null,
        damaged: 0,
        zipBytes: null,
        fileName: `postern-export-${at.toISOString().slice(0, 10)}-${id.slice(0, 8)}.zip`,
        manifest: null,
        fault: null,
        expires: new Date(at.getTime() + keptMs).toISOString(),
      },
      stop: new AbortController(),
      ended: Promise.resolve(),
    };
    this.#works.set(id, work);
    work.ended = this.#made(work, query, at).catch((error: unknown) => this.#parts.onBug(error));
    this.#tell(work);
    return work.job;
  }

  /** Stops it where it is being made, and removes its file. @throws Fault export.unknown */
  async remove(id: string): Promise<void> {
    const work = await this.#work(id);
    work.stop.abort();
    await work.ended;
    this.#works.delete(id);
    await this.#removeFiles(id);
  }

  /** The file of one that is done. @throws Fault export.unknown, export.not-done */
  async file(id: string): Promise<{ readonly path: string; readonly bytes: number; readonly job: ExportJob }> {
    const { job } = await this.#work(id);
    if (job.state !== 'done') throw new Fault('export.not-done', { state: job.state });
    const path = this.#path(id, 'zip');
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new Fault('export.unknown', { id });
    return { path, bytes: found.size, job };
  }

  async #work(id: string): Promise<Work> {
    await this.#ready;
    const work = this.#works.get(id);
    if (work === undefined) throw new Fault('export.unknown', { id });
    return work;
  }

  async #made(work: Work, query: ReturnType<typeof readQuery>, now: Date): Promise<void> {
    const { id, format } = work.job;
    const { archive, signal } = this.#parts;
    const unfinished = this.#path(id, 'unfinished');
    const stop = AbortSignal.any([work.stop.signal, signal]);
    const hasTurn = await this.#turn(stop);
    const room = new AbortController();
    try {
      stop.throwIfAborted();
      await this.#checkRoom();
      const looking = this.#lookForRoom(room);
      const { messages, complete } = await archive.facets(query);
      this.#change(work, { total: complete ? messages : null });
      const summary = await exportZip(archive, query, format, unfinished, {
        now,
        signal: AbortSignal.any([stop, room.signal]),
        onProgress: (sums) => this.#change(work, sums),
      }).catch((error: unknown) => {
        throw room.signal.reason instanceof Fault ? room.signal.reason : error;
      });
      room.abort();
      await looking;
      await this.#keep(work, summary, unfinished);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      const fault = stop.aborted ? undefined : error instanceof Fault ? error : unwritable(error);
      if (fault !== undefined && !(fault instanceof Fault)) {
        this.#change(work, { state: 'failed' }, true);
        throw error;
      }
      this.#change(work, fault === undefined ? { state: 'stopped' } : { state: 'failed', fault: shownFault(fault) }, true);
    } finally {
      room.abort();
      if (hasTurn) this.#handOn();
    }
  }

  /** @throws Fault export.unwritable where what is left is for the import */
  async #checkRoom(): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    const [freeBytes, sizeBytes] = [bavail * bsize, blocks * bsize];
    if (isNearlyFull({ freeBytes, sizeBytes })) throw new Fault('export.unwritable', { error: 'ENOSPC', freeBytes });
  }

  /** Aborts `room`, with the fault, when there is too little of it; ends when it is aborted. */
  async #lookForRoom(room: AbortController): Promise<void> {
    while (!room.signal.aborted) {
      try {
        await this.#parts.clock.sleep(roomEveryMs, room.signal);
        await this.#checkRoom();
      } catch (error) {
        // What cannot be looked at is met where it is written.
        if (error instanceof Fault) room.abort(error);
      }
    }
  }

  /** The file first, then the note that says it is whole. */
  async #keep(work: Work, summary: ZipSummary, unfinished: string): Promise<void> {
    const { id } = work.job;
    const { messages, bytes, damaged, firstDamage, manifest } = summary;
    const { size } = await stat(unfinished);
    await rename(unfinished, this.#path(id, 'zip'));
    const done: ExportJob = {
      ...work.job,
      state: 'done',
      messages,
      bytes,
      total: messages + damaged,
      damaged,
      zipBytes: size,
      manifest,
      fault: firstDamage === undefined ? null : shownFault(firstDamage),
    };
    await writeDurably(this.#path(id, 'note'), JSON.stringify(done));
    await rename(this.#path(id, 'note'), this.#path(id, 'json'));
    this.#change(work, done, true);
  }

  /** @returns false where it was given up while it waited */
  async #turn(stop: AbortSignal): Promise<boolean> {
    if (this.#making < atOnce) {
      this.#making += 1;
      return true;
    }
    const mine = Promise.withResolvers<boolean>();
    const begin = (): void => mine.resolve(true);
    this.#queue.push(begin);
    const leave = (): void => {
      const place = this.#queue.indexOf(begin);
      if (place < 0) return;
      this.#queue.splice(place, 1);
      mine.resolve(false);
    };
    if (stop.aborted) leave();
    stop.addEventListener('abort', leave, { once: true });
    try {
      return await mine.promise;
    } finally {
      stop.removeEventListener('abort', leave);
    }
  }

  /** Whoever waits longest goes on in its place; nobody who comes in between. */
  #handOn(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#making -= 1;
    else next();
  }

  readonly #toldAt = new Map<string, number>();

  /** @param isLast whether it has to be told, however short ago the last telling was */
  #change(work: Work, change: Partial<ExportJob>, isLast = false): void {
    work.job = { ...work.job, ...change };
    const now = this.#parts.clock.monotonic();
    if (!isLast && now - (this.#toldAt.get(work.job.id) ?? Number.NEGATIVE_INFINITY) < toldEveryMs) return;
    this.#toldAt.set(work.job.id, now);
    if (isLast) this.#toldAt.delete(work.job.id);
    this.#tell(work);
  }

  #tell({ job }: Work): void {
    this.#parts.live.tell({ kind: 'export', job });
  }

  /** What an earlier run of the service left: whole ones are there again, everything else goes. */
  async #takeUp(): Promise<void> {
    const names: readonly string[] = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      const [, id] = /^([0-9a-f]{32})\.json$/.exec(name) ?? [];
      const job = id === undefined ? undefined : await this.#noted(id);
      if (job !== undefined && job.id === id && names.includes(`${id}.zip`)) {
        this.#works.set(job.id, { job, stop: new AbortController(), ended: Promise.resolve() });
      }
    }
    for (const name of names) {
      const [, id, kind] = /^([0-9a-f]{32})\.(json|zip|note|unfinished|unfinished\.manifest)$/.exec(name) ?? [];
      const isKept = id !== undefined && this.#works.has(id) && (kind === 'json' || kind === 'zip');
      if (id !== undefined && !isKept) await rm(join(this.#folder, name), { force: true });
    }
    await this.#removeOld();
  }

  async #noted(id: string): Promise<ExportJob | undefined> {
    try {
      return exportJob.parse(JSON.parse(await readFile(this.#path(id, 'json'), 'utf8')));
    } catch {
      return undefined;
    }
  }

  async #removeOld(): Promise<void> {
    const now = this.#parts.clock.now();
    for (const { job } of this.#works.values()) {
      if (job.state === 'running' || Date.parse(job.expires) > now) continue;
      this.#works.delete(job.id);
      // What cannot be removed now is looked at again when the service starts.
      await this.#removeFiles(job.id).catch(() => undefined);
    }
  }

  async #removeFiles(id: string): Promise<void> {
    for (const kind of ['json', 'zip', 'note', 'unfinished'] as const) await rm(this.#path(id, kind), { force: true });
  }

  #path(id: string, kind: 'json' | 'zip' | 'note' | 'unfinished'): string {
    return join(this.#folder, `${id}.${kind}`);
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the operating system says; anything else as it is. */
function unwritable(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return error;
  return new Fault('export.unwritable', { error: String(error.code), call: String(error.syscall) }, { cause: error });
}
