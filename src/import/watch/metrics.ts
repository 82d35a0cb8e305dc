/**
 * The numbers of a watched import as Prometheus reads them: text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), names by its conventions: base units, `_total` for what only grows.
 *
 * No label has an unbounded number of values: sources and tenants are those of the configuration, codes those of the catalogue.
 */
import { family, histogram, type Sample } from '../../runtime/exposition.ts';
import { serviceConcernKinds } from './service-state.ts';
import { statesByWeight } from './state.ts';
import { passBuckets, type SourceTally } from './tally.ts';
import type { WatchSnapshot } from './watch.ts';

export interface ProcessFigures {
  readonly version: string;
  readonly residentBytes: number;
  /** By the machine's clock, milliseconds since 1970. */
  readonly startedMs: number;
  readonly cpuSeconds: number;
}

export { metricsContentType } from '../../runtime/exposition.ts';

export function metricsText(snapshot: WatchSnapshot, figures: ProcessFigures): string {
  return [...ofSources(snapshot), ...ofPasses(snapshot), ...ofService(snapshot), ...ofArchive(snapshot), ...ofProcess(figures)].join('');
}

function ofSources(snapshot: WatchSnapshot): readonly string[] {
  const { sources, verdicts, facts, tally, quarantined, gaps } = snapshot;
  const names = sources.map(({ name }) => name);
  const tallied = [...tally.sources];
  const each = (value: (one: SourceTally) => number): Sample[] => tallied.map(([source, one]) => [{ source }, value(one)]);
  const times = (of: 'lastPass' | 'lastArrival'): Sample[] =>
    names.flatMap((source) => {
      const at = facts.get(source)?.[of];
      return at === undefined ? [] : [[{ source }, at.wallMs / 1000] as const];
    });
  return [
    family('postern_source_state', 'gauge', 'Which state a source has: 1 for that one, 0 for the others.', [
      ...names.flatMap((source) =>
        statesByWeight.map((state): Sample => [{ source, state }, verdicts.get(source)?.state === state ? 1 : 0]),
      ),
    ]),
    family('postern_source_last_pass_timestamp_seconds', 'gauge', 'When a look at all folders last came to its end.', times('lastPass')),
    family('postern_source_last_arrival_timestamp_seconds', 'gauge', 'When a message last came.', times('lastArrival')),
    family(
      'postern_source_quarantine_messages',
      'gauge',
      'Messages that are kept apart and did not come whole since.',
      names.map((source) => [{ source }, quarantined.get(source) ?? 0]),
    ),
    family(
      'postern_source_gaps_open',
      'gauge',
      'Messages that the server had and that are not in the archive.',
      names.map((source) => [{ source }, gaps.get(source) ?? 0]),
    ),
    family(
      'postern_source_listed_messages',
      'gauge',
      'Messages that the server listed at the last look.',
      each(({ listed }) => listed),
    ),
    family(
      'postern_source_excluded_messages',
      'gauge',
      'Of these, older than `since`.',
      each(({ excluded }) => excluded),
    ),
    family(
      'postern_source_missing_messages',
      'gauge',
      'Of these, without a ledger row.',
      each(({ missing }) => missing),
    ),
    family(
      'postern_import_messages_total',
      'counter',
      'Messages settled in looks that came to their end, by what became of them.',
      tallied.flatMap(([source, one]) =>
        (['archived', 'duplicate', 'quarantined'] as const).map((state): Sample => [{ source, state }, one[state]]),
      ),
    ),
    family(
      'postern_import_received_messages_total',
      'counter',
      'Messages handed over by the server, durable or not.',
      each((one) => one.messages),
    ),
    family(
      'postern_import_received_bytes_total',
      'counter',
      'Bytes of these.',
      each((one) => one.bytes),
    ),
    family(
      'postern_import_connections_total',
      'counter',
      'Connections asked for.',
      each((one) => one.connections),
    ),
    family(
      'postern_import_retries_total',
      'counter',
      'Faults that were waited for and tried again.',
      each((one) => one.retries),
    ),
    family(
      'postern_import_throttled_seconds_total',
      'counter',
      'Pauses that the server asked for.',
      each((one) => one.throttledMs / 1000),
    ),
    family(
      'postern_import_faults_total',
      'counter',
      'Faults by code; docs/faults.md explains each.',
      tallied.flatMap(([source, one]) => [...one.faults].map(([code, count]): Sample => [{ source, code }, count])),
    ),
  ];
}

function ofPasses({ tally }: WatchSnapshot): readonly string[] {
  return [
    family(
      'postern_import_passes_total',
      'counter',
      'Looks at all folders of a source that came to their end.',
      [...tally.sources].map(([source, one]) => [{ source }, one.passes]),
    ),
    histogram('postern_import_pass_duration_seconds', 'How long such a look took.', passBuckets, tally.passCounts, tally.passSeconds),
  ];
}

function ofService({ service, alerts, ways, credentials, certificates, looked, now }: WatchSnapshot): readonly string[] {
  const severities = ['info', 'warning', 'critical'] as const;
  return [
    family(
      'postern_service_concern',
      'gauge',
      'What is wrong with the service as a whole: 1 while it is.',
      serviceConcernKinds.map((kind) => [{ kind }, service.some((one) => one.kind === kind) ? 1 : 0]),
    ),
    family(
      'postern_alerts_open',
      'gauge',
      'Alerts that stand, by severity and by whether somebody has acknowledged them.',
      severities.flatMap((severity) =>
        [true, false].map((acknowledged): Sample => {
          const count = alerts.filter((one) => one.severity === severity && one.acknowledged === acknowledged).length;
          return [{ severity, acknowledged: String(acknowledged) }, count];
        }),
      ),
    ),
    family(
      'postern_alert_notices_total',
      'counter',
      'Notices that went out.',
      ways.map(({ way, delivered }) => [{ way }, delivered]),
    ),
    family(
      'postern_alert_failures_total',
      'counter',
      'Attempts to deliver that failed.',
      ways.map(({ way, failures }) => [{ way }, failures]),
    ),
    family(
      'postern_alert_dropped_total',
      'counter',
      'Notices given up because too many waited.',
      ways.map(({ way, dropped }) => [{ way }, dropped]),
    ),
    family(
      'postern_alert_queued',
      'gauge',
      'Notices that wait to go out.',
      ways.map(({ way, queued }) => [{ way }, queued]),
    ),
    family(
      'postern_credential_expiry_timestamp_seconds',
      'gauge',
      'When the credential of a tenant ends, where that is known.',
      [...credentials.expiries.values()].map(({ tenant, what, origin, expires }) => [{ tenant, what, origin }, expires / 1000]),
    ),
    family(
      'postern_credential_expiry_unknown',
      'gauge',
      'Credentials of tenants whose end is not known: always 1, with the reason.',
      [...credentials.unknown.values()].map(({ tenant, because }) => [{ tenant, because }, 1]),
    ),
    family(
      'postern_certificate_expiry_timestamp_seconds',
      'gauge',
      'When a certificate of Postern itself ends: that of the console, that of the proxy.',
      certificates.map(({ of, ends }) => [{ of }, ends.getTime() / 1000]),
    ),
    family(
      'postern_watch_last_look_age_seconds',
      'gauge',
      'Since the service last judged its sources: grows when it hangs.',
      looked === undefined ? [] : [[{}, Math.max(0, now.steadyMs - looked.steadyMs) / 1000]],
    ),
  ];
}

function ofArchive({ archive, lag, disk }: WatchSnapshot): readonly string[] {
  const one = (value: number | undefined): Sample[] => (value === undefined ? [] : [[{}, value]]);
  return [
    family('postern_archive_messages', 'gauge', 'Messages in the archive, each once.', one(archive?.messages)),
    family('postern_archive_message_bytes', 'gauge', 'Their bytes as they arrived.', one(archive?.bytes)),
    family('postern_archive_stored_bytes', 'gauge', 'Their bytes on disk.', one(archive?.storedBytes)),
    family(
      'postern_archive_ledger_rows',
      'gauge',
      'Rows of the ledger by state.',
      archive === undefined ? [] : Object.entries(archive.ledger).map(([state, rows]) => [{ state }, rows]),
    ),
    family('postern_archive_lag_messages', 'gauge', 'Messages that are durable and not searchable yet.', one(lag)),
    family('postern_disk_free_bytes', 'gauge', 'Free space under the data folder.', one(disk?.freeBytes)),
    family('postern_disk_size_bytes', 'gauge', 'Size of the file system under it.', one(disk?.sizeBytes)),
  ];
}

function ofProcess({ version, residentBytes, startedMs, cpuSeconds }: ProcessFigures): readonly string[] {
  return [
    family('postern_build_info', 'gauge', 'Always 1; the version is a label.', [[{ version }, 1]]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', [[{}, residentBytes]]),
    family('process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', [[{}, startedMs / 1000]]),
    family('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', [[{}, cpuSeconds]]),
  ];
}
