/**
 * The journal in `<data>/journal.sqlite`: each method one short transaction, so that a service and the commands beside it can all write.
 *
 * The hard thing is what may be forgotten. States and runs are a history that grows with every minute, so old ones are thinned out;
 * gaps, reconciliations and alerts are what an auditor asks for, so they are kept for ever.
 */
import { zstdCompressSync } from 'node:zlib';
import type {
  Alert,
  Gap,
  GapClosure,
  Journal,
  ListOptions,
  MessagePlace,
  NewAlert,
  NewGap,
  NotedFault,
  RaisedAlert,
  Reconciliation,
  RetryRequest,
  Run,
  RunCounts,
  RunOutcome,
  ServiceNote,
  ServiceStatus,
  SourceStatus,
  StateChange,
  StatusChange,
} from './journal.ts';
import { JournalFile, type JournalFileOptions } from './sqlite-file.ts';
import {
  asAlert,
  asGap,
  asReconciliation,
  asReconciliationHead,
  asRetry,
  asRun,
  asService,
  asStateChange,
  asStatus,
  faultText,
  milliseconds,
} from './sqlite-rows.ts';

/** Of each source the last so many runs stay whatever they brought; older ones only where they brought something or ended badly. */
const keptRuns = 200;
/** And of each source not more than these. */
const mostRuns = 2_000;
const keptStateChanges = 500;
/** Retry requests that are done, of all sources. */
const keptRetries = 10_000;
const defaultLimit = 100;

/**
 * Opens the journal of a data folder, making it where it is not there.
 * @throws Fault journal.unwritable, journal.unreadable, journal.newer-format
 */
export function openJournal(dataFolder: string, options: JournalFileOptions): Journal {
  return new SqliteJournal(new JournalFile(dataFolder, options), options.clock.now);
}

class SqliteJournal implements Journal {
  readonly #file: JournalFile;
  readonly #now: () => number;

  constructor(file: JournalFile, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  async begun(): Promise<Date | undefined> {
    const row = this.#file.look(() => this.#file.get("select value from meta where key = 'begun'"));
    return row === undefined ? undefined : new Date(Number(row['value']));
  }

  async statuses(): Promise<readonly SourceStatus[]> {
    return this.#file.look(() => this.#file.all('select * from source_status order by source').map(asStatus));
  }

  async status(source: string): Promise<SourceStatus | undefined> {
    return this.#file.look(() => this.#status(source));
  }

  async noteStatus(source: string, change: StatusChange): Promise<void> {
    this.#file.change(() => {
      const now = this.#now();
      const before = this.#status(source) ?? newStatus(source, now);
      const counters: Record<string, number> = { ...before.counters };
      for (const [name, by] of Object.entries(change.add ?? {})) counters[name] = (counters[name] ?? 0) + by;
      const { add: _, ...changed } = change;
      const after: SourceStatus = { ...before, ...changed, counters };
      const isOther = after.state !== before.state;
      this.#file.run(
        `insert or replace into source_status (source, state, since, last_pass, last_arrival, next_look, last_fault, counters, concerns)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        source,
        after.state,
        isOther ? now : before.since.getTime(),
        milliseconds(after.lastPass),
        milliseconds(after.lastArrival),
        milliseconds(after.nextLook),
        faultText(after.lastFault),
        JSON.stringify(counters),
        JSON.stringify(after.concerns),
      );
      if (isOther) this.#noteStateChange(after, now);
    });
  }

  async noteService(service: ServiceNote): Promise<void> {
    this.#file.change(() => {
      this.#file.run(
        'insert or replace into service (one, pid, note, beat, stopped) values (1, ?, ?, ?, null)',
        service.pid,
        JSON.stringify(service),
        this.#now(),
      );
    });
  }

  async endService(pid: number): Promise<void> {
    this.#file.change(() => void this.#file.run('update service set stopped = ? where pid = ? and stopped is null', this.#now(), pid));
  }

  async service(): Promise<ServiceStatus | undefined> {
    const row = this.#file.look(() => this.#file.get('select * from service'));
    return row === undefined ? undefined : asService(row);
  }

  async history(options: ListOptions = {}): Promise<readonly StateChange[]> {
    return this.#newest('state_change', options).map(asStateChange);
  }

  async beginRun(source: string): Promise<number> {
    return this.#file.change(() => {
      const now = this.#now();
      // One process writes an archive at a time, and it runs a source once: whatever has no end has lost its process.
      this.#file.run("update run set ended = ?, outcome = 'interrupted' where source = ? and ended is null", now, source);
      return this.#file.run('insert into run (source, started) values (?, ?)', source, now).id;
    });
  }

  async endRun(id: number, { outcome, counts, fault }: { outcome: RunOutcome; counts: RunCounts; fault?: NotedFault | undefined }) {
    this.#file.change(() => {
      const ended = [this.#now(), outcome, JSON.stringify(counts), faultText(fault)] as const;
      this.#file.run('update run set ended = ?, outcome = ?, counts = ?, fault = ? where id = ?', ...ended, id);
      this.#thinRuns(id);
    });
  }

  async runs(options: ListOptions = {}): Promise<readonly Run[]> {
    return this.#newest('run', options).map(asRun);
  }

  async openGaps(gaps: readonly NewGap[]): Promise<void> {
    if (gaps.length === 0) return;
    this.#file.change(() => {
      for (const gap of gaps) this.#openGap(gap);
    });
  }

  async closeGaps(places: readonly NewGap[], closure: GapClosure, explanation?: string): Promise<void> {
    if (places.length === 0) return;
    this.#file.change(() => {
      for (const place of places) this.#closeGap(place, closure, explanation ?? null);
    });
  }

  async gaps({ state, ...options }: ListOptions & { readonly state?: 'open' | 'permanent' | 'closed' } = {}): Promise<readonly Gap[]> {
    const where = { open: 'closed is null', permanent: permanentGap, closed: 'closed is not null' } as const;
    return this.#newest('gap', options, state === undefined ? undefined : where[state]).map(asGap);
  }

  async explainGap(id: number, explanation: string): Promise<Gap | undefined> {
    return this.#file.change(() => {
      const { changes } = this.#file.run(
        `update gap set closed = coalesce(closed, ?2), closure = coalesce(closure, 'explained'), explanation = concat_ws('; ', explanation, ?3)
         where id = ?1 and (closed is null or ${permanentGap})`,
        id,
        this.#now(),
        explanation,
      );
      const row = changes === 0 ? undefined : this.#file.get('select * from gap where id = ?', id);
      return row === undefined ? undefined : asGap(row);
    });
  }

  async gapCounts(): Promise<readonly { readonly source: string; readonly open: number; readonly permanent: number }[]> {
    const rows = this.#file.look(() =>
      this.#file.all(
        `select source, count(*) filter (where closed is null) as open, count(*) filter (where ${permanentGap}) as permanent
         from gap group by source order by source`,
      ),
    );
    return rows.map((row) => ({ source: String(row['source']), open: Number(row['open']), permanent: Number(row['permanent']) }));
  }

  async noteReconciliation({ sources, equal, evidence, report }: Omit<Reconciliation, 'id' | 'at'>): Promise<number> {
    const packed = zstdCompressSync(report);
    return this.#file.change(
      () =>
        this.#file.run(
          'insert into reconciliation (at, sources, equal, evidence, report) values (?, ?, ?, ?, ?)',
          this.#now(),
          JSON.stringify(sources),
          equal ? 1 : 0,
          evidence,
          packed,
        ).id,
    );
  }

  async reconciliations({ source, limit = defaultLimit }: ListOptions = {}): Promise<readonly Omit<Reconciliation, 'report'>[]> {
    return this.#file.look(() =>
      this.#file
        .all(
          `select id, at, sources, equal, evidence from reconciliation
           where ?1 is null or exists (select 1 from json_each(sources) where value = ?1) order by id desc limit ?2`,
          source ?? null,
          limit,
        )
        .map(asReconciliationHead),
    );
  }

  async reconciliation(id: number): Promise<Reconciliation | undefined> {
    const row = this.#file.look(() => this.#file.get('select * from reconciliation where id = ?', id));
    return row === undefined ? undefined : asReconciliation(row);
  }

  async raiseAlert(alert: NewAlert): Promise<RaisedAlert> {
    return this.#file.change(() => {
      const now = this.#now();
      const open = this.#alert('key = ? and cleared is null', alert.key);
      const measure = alert.measure ?? 0;
      if (open === undefined) {
        const { id } = this.#file.run(
          `insert into alert (key, kind, severity, source, text, fault, measure, opened, last_seen) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          alert.key,
          alert.kind,
          alert.severity,
          alert.source ?? null,
          alert.text,
          faultText(alert.fault),
          measure,
          now,
          now,
        );
        return { alert: this.#knownAlert(id), isNew: true, grew: false };
      }
      const grew = measure > open.measure;
      this.#file.run(
        'update alert set severity = ?, text = ?, fault = ?, measure = ?, last_seen = ? where id = ?',
        alert.severity,
        alert.text,
        faultText(alert.fault),
        measure,
        now,
        open.id,
      );
      if (grew) this.#file.run('update alert set last_told = null, acknowledged = null where id = ?', open.id);
      return { alert: this.#knownAlert(open.id), isNew: false, grew };
    });
  }

  async toldAlert(id: number): Promise<void> {
    this.#file.change(() => {
      const now = this.#now();
      this.#file.run('update alert set last_told = ? where id = ? and cleared is null', now, id);
      this.#file.run('update alert set cleared_told = ? where id = ? and cleared is not null', now, id);
    });
  }

  async acknowledgeAlert(id: number, by: string, note: string): Promise<boolean> {
    return this.#file.change(() => {
      const acknowledgement = JSON.stringify({ by, at: new Date(this.#now()), note });
      return this.#file.run('update alert set acknowledged = ? where id = ? and cleared is null', acknowledgement, id).changes > 0;
    });
  }

  async clearAlert(key: string): Promise<Alert | undefined> {
    return this.#file.change(() => {
      const open = this.#alert('key = ? and cleared is null', key);
      if (open === undefined) return undefined;
      this.#file.run('update alert set cleared = ? where id = ?', this.#now(), open.id);
      return this.#knownAlert(open.id);
    });
  }

  async alerts({ open, untold, ...options }: ListOptions & { readonly open?: boolean; readonly untold?: boolean } = {}) {
    const conditions = [
      ...(open === undefined ? [] : [open ? 'cleared is null' : 'cleared is not null']),
      ...(untold === true
        ? ['((cleared is null and last_told is null) or (cleared is not null and cleared_told is null and last_told is not null))']
        : []),
    ];
    return this.#newest('alert', options, conditions.length === 0 ? undefined : conditions.join(' and ')).map(asAlert);
  }

  async requestRetries(places: readonly MessagePlace[], by: string): Promise<number> {
    if (places.length === 0) return 0;
    return this.#file.change(() => {
      let added = 0;
      for (const { source, folder, uidValidity, uid, uidl } of places) {
        const values = [source, folder, uidValidity, uid, uidl ?? null, this.#now(), by] as const;
        added += this.#file.run(
          'insert into retry (source, folder, uid_validity, uid, uidl, asked, by) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing',
          ...values,
        ).changes;
      }
      return added;
    });
  }

  async pendingRetries(source?: string): Promise<readonly RetryRequest[]> {
    return this.#file.look(() =>
      this.#file.all('select * from retry where done is null and (?1 is null or source = ?1) order by id', source ?? null).map(asRetry),
    );
  }

  async endRetry(id: number, outcome: 'came' | 'quarantined-again' | 'gone'): Promise<void> {
    this.#file.change(() => {
      this.#file.run('update retry set done = ?, outcome = ? where id = ? and done is null', this.#now(), outcome, id);
      this.#file.run(
        'delete from retry where done is not null and id <= (select id from retry where done is not null order by id desc limit 1 offset ?)',
        keptRetries,
      );
    });
  }

  async close(): Promise<void> {
    this.#file.close();
  }

  #status(source: string): SourceStatus | undefined {
    const row = this.#file.get('select * from source_status where source = ?', source);
    return row === undefined ? undefined : asStatus(row);
  }

  #noteStateChange({ source, state, lastFault }: SourceStatus, now: number): void {
    this.#file.run('insert into state_change (source, state, at, fault) values (?, ?, ?, ?)', source, state, now, faultText(lastFault));
    this.#file.run(
      'delete from state_change where source = ?1 and id <= (select id from state_change where source = ?1 order by id desc limit 1 offset ?2)',
      source,
      keptStateChanges,
    );
  }

  #thinRuns(id: number): void {
    const source = this.#file.get('select source from run where id = ?', id)?.['source'];
    if (typeof source !== 'string') return;
    const old = 'source = ?1 and id <= (select id from run where source = ?1 order by id desc limit 1 offset ?2)';
    this.#file.run(`delete from run where ${old} and outcome = 'complete' and ${broughtNothing}`, source, keptRuns);
    this.#file.run(`delete from run where ${old}`, source, mostRuns);
  }

  #openGap(gap: NewGap): void {
    this.#file.run(
      `insert into gap (source, folder, uid_validity, name, uid, uidl, opened_by, internal_date, announced_bytes, message_id, opened, last_seen)
       values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)
       on conflict (source, folder, uid_validity, name) where closed is null do update set last_seen = excluded.last_seen,
         internal_date = coalesce(internal_date, excluded.internal_date), announced_bytes = coalesce(announced_bytes, excluded.announced_bytes),
         message_id = coalesce(message_id, excluded.message_id)`,
      ...placeOf(gap),
      gap.uid,
      gap.uidl ?? null,
      gap.openedBy,
      milliseconds(gap.internalDate),
      gap.announcedBytes ?? null,
      gap.messageId ?? null,
      this.#now(),
    );
  }

  #closeGap(place: NewGap, closure: GapClosure, explanation: string | null): void {
    const close = (): number =>
      this.#file.run(
        `update gap set closed = ?5, last_seen = ?5, closure = ?6, explanation = ?7
         where source = ?1 and folder = ?2 and uid_validity = ?3 and name = ?4 and closed is null`,
        ...placeOf(place),
        this.#now(),
        closure,
        explanation,
      ).changes;
    if (close() > 0 || closure !== 'vanished') return;
    const known = this.#file.get(
      "select 1 from gap where source = ? and folder = ? and uid_validity = ? and name = ? and closure = 'vanished'",
      ...placeOf(place),
    );
    if (known !== undefined) return;
    this.#openGap(place);
    close();
  }

  #alert(where: string, value: string | number): Alert | undefined {
    const row = this.#file.get(`select * from alert where ${where}`, value);
    return row === undefined ? undefined : asAlert(row);
  }

  #knownAlert(id: number): Alert {
    const alert = this.#alert('id = ?', id);
    if (alert === undefined) throw new Error(`the alert ${id} that was just written is not there`);
    return alert;
  }

  #newest(table: 'state_change' | 'run' | 'gap' | 'alert', { source, limit = defaultLimit }: ListOptions, where = 'true') {
    const sql = `select * from ${table} where ${where} ${source === undefined ? '' : 'and source = ?'} order by id desc limit ?`;
    return this.#file.look(() => this.#file.all(sql, ...(source === undefined ? [limit] : [source, limit])));
  }
}

/** Closed, and the message never came. */
const permanentGap = "closed is not null and closure <> 'came'";

const broughtNothing =
  "json_extract(counts, '$.archived') = 0 and json_extract(counts, '$.duplicate') = 0 and json_extract(counts, '$.quarantined') = 0 and json_extract(counts, '$.vanished') = 0";

function newStatus(source: string, now: number): SourceStatus {
  return {
    source,
    state: 'new',
    since: new Date(now),
    lastPass: undefined,
    lastArrival: undefined,
    lastFault: undefined,
    nextLook: undefined,
    counters: {},
    concerns: [],
  };
}

function placeOf({ source, folder, uidValidity, uid, uidl }: MessagePlace): readonly [string, string, number, string] {
  return [source, folder, uidValidity, uidl ?? String(uid)];
}
