import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultCode } from '../../fault/catalog.ts';
import { Fault } from '../../fault/fault.ts';
import { changesOf, headline, type OpenAlert, wantedAlerts } from './alerts.ts';
import { gathered, manyFrom } from './gathered.ts';
import type { Instant } from './instant.ts';
import type { Concern, ConcernKind, SourceVerdict } from './state.ts';

const now: Instant = { wallMs: Date.UTC(2031, 3, 7, 9), steadyMs: 90_000_000 };

function stopped(source: string, kind: ConcernKind = 'overdue', code: FaultCode = 'watch.overdue'): SourceVerdict {
  const concern: Concern = { kind, since: now, fault: new Fault(code, { source }), measure: 0, mayPass: false, light: false };
  return { source, state: 'late', concerns: [concern], nextLook: undefined, heard: 'nothing' };
}

function well(source: string): SourceVerdict {
  return { source, state: 'healthy', concerns: [], nextLook: undefined, heard: 'pass' };
}

const names = (count: number, from = 0): readonly string[] => Array.from({ length: count }, (_, at) => `box${from + at}`);

/** One look after another. */
function watch(tenant: string | null = 'contoso') {
  let open: ReadonlyMap<string, OpenAlert> = new Map();
  return {
    look(...verdicts: readonly SourceVerdict[]) {
      const found = wantedAlerts({ verdicts, service: [], beside: [], tenantOf: () => tenant ?? undefined }, now);
      const place = tenant === null ? 'server mail.example.com' : `tenant ${tenant}`;
      const changes = changesOf(
        open,
        gathered(found, () => place, open),
        verdicts,
        now,
      );
      open = changes.open;
      const told = (alerts: readonly OpenAlert[]) => alerts.map(({ key, sources }) => `${key}: ${sources.length}`);
      return { opened: told(changes.opened), renewed: told(changes.renewed), cleared: told(changes.cleared) };
    },
    acknowledge: () => {
      open = new Map([...open].map(([key, alert]) => [key, { ...alert, acknowledged: true }]));
    },
    open: () => [...open.values()],
  };
}

test('a thousand sources of a tenant that stop at once are one alert, and one when it is over', () => {
  const at = watch();
  const all = names(1000);
  assert.deepEqual(at.look(...all.map((name) => stopped(name))).opened, ['tenant contoso overdue watch.overdue: 1000']);
  assert.deepEqual(at.look(...all.map((name) => stopped(name))), { opened: [], renewed: [], cleared: [] });
  const half = at.look(...all.map((name, index) => (index < 500 ? well(name) : stopped(name))));
  assert.deepEqual(half, { opened: [], renewed: [], cleared: [] });
  const last = at.look(...all.map((name) => (name === 'box999' ? stopped(name) : well(name))));
  assert.deepEqual([last.opened, at.open()[0]?.sources], [[], ['box999']]);
  assert.deepEqual(at.look(...all.map(well)).cleared, ['tenant contoso overdue watch.overdue: 1']);
});

test('those that stop one after another are told one by one only until they are many', () => {
  const at = watch();
  const opened: string[] = [];
  for (let count = 1; count <= 200; count += 1) opened.push(...at.look(...names(count).map((name) => stopped(name))).opened);
  assert.deepEqual(opened, [...names(manyFrom - 1).map((name) => `source ${name} overdue: 1`), 'tenant contoso overdue watch.overdue: 1']);
  assert.equal(at.open().find(({ tenant }) => tenant === 'contoso')?.sources.length, 200 - (manyFrom - 1));
  assert.equal(at.look(...names(200).map(well)).cleared.length, manyFrom);
});

test('what has different causes is told apart, and so is what sources have by themselves', () => {
  const at = watch();
  const refused = names(6).map((name) => stopped(name, 'refused', 'imap.not-connected'));
  const shut = names(6, 6).map((name) => stopped(name, 'refused', 'imap.authenticate-refused'));
  const gaps = names(6, 12).map((name) => stopped(name, 'gap', 'watch.gaps-open'));
  const { opened } = at.look(...refused, ...shut, ...gaps);
  assert.deepEqual(opened.toSorted(), [
    ...names(6, 12).map((name) => `source ${name} gap: 1`),
    'tenant contoso refused imap.authenticate-refused: 6',
    'tenant contoso refused imap.not-connected: 6',
  ]);
});

test('an alert that somebody has acknowledged takes in no others unnoticed', () => {
  const at = watch();
  const begun = names(10);
  at.look(...begun.map((name) => stopped(name)));
  at.acknowledge();
  const two = at.look(...names(12).map((name) => stopped(name)));
  assert.deepEqual(two, { opened: ['source box10 overdue: 1', 'source box11 overdue: 1'], renewed: [], cleared: [] });
  const many = at.look(...names(30).map((name) => stopped(name)));
  assert.deepEqual([many.opened, many.renewed], [[], ['tenant contoso overdue watch.overdue: 28']]);
  assert.equal(at.open().find(({ tenant }) => tenant === 'contoso')?.acknowledged, false);
});

test('a source that has something else by now does not keep the alert of the many open: that is told by itself', () => {
  const at = watch();
  at.look(...names(10).map((name) => stopped(name, 'refused', 'imap.authenticate-refused')));
  const rest = stopped('box9', 'refused', 'imap.not-connected');
  const next = at.look(...names(9).map(well), rest);
  assert.deepEqual(next, {
    opened: ['source box9 refused: 1'],
    renewed: [],
    cleared: ['tenant contoso refused imap.authenticate-refused: 10'],
  });
});

test('sources with passwords have their server in common', () => {
  const at = watch(null);
  at.look(...names(6).map((name) => stopped(name)));
  const [alert] = at.open();
  assert.match(
    alert === undefined ? '' : headline(alert),
    /^server mail\.example\.com \(6 sources: box0, box1, box2, box3, box4, …\): overdue\./,
  );
  assert.deepEqual([alert?.source, alert?.tenant], [undefined, undefined]);
});
