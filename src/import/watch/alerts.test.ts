import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultCode } from '../../fault/catalog.ts';
import { Fault } from '../../fault/fault.ts';
import { changesOf, headline, type OpenAlert, patienceMs, wantedAlerts } from './alerts.ts';
import { ago, type Instant } from './instant.ts';
import type { Concern, ConcernKind, Heard, SourceVerdict } from './state.ts';

const now: Instant = { wallMs: Date.UTC(2031, 3, 7, 9), steadyMs: 90_000_000 };

function concern(kind: ConcernKind, code: FaultCode, wish: Partial<Concern> = {}): Concern {
  return { kind, since: now, fault: new Fault(code), measure: 0, mayPass: false, light: false, ...wish };
}

function verdict(source: string, concerns: readonly Concern[], heard: Heard = 'pass'): SourceVerdict {
  return { source, state: concerns.length === 0 ? 'healthy' : 'late', concerns, nextLook: undefined, heard };
}

function wanted(...verdicts: readonly SourceVerdict[]) {
  return wantedAlerts({ verdicts, service: [], beside: [], tenantOf: () => 'contoso' }, now);
}

function opened(...verdicts: readonly SourceVerdict[]): ReadonlyMap<string, OpenAlert> {
  return changesOf(new Map(), wanted(...verdicts), verdicts, now).open;
}

const quarantine = (measure: number): Concern => concern('quarantine', 'watch.quarantined', { measure });

test('what may pass by itself is told only when it has lasted', () => {
  const of = (lasted: number) =>
    wanted(verdict('mail', [concern('throttled', 'imap.throttled', { mayPass: true, since: ago(lasted, now) })]));
  assert.equal(of(patienceMs - 1).size, 0);
  assert.equal(of(patienceMs).size, 1);
});

test('a fault of the token stops all sources of a tenant and is one alert, which names them', () => {
  const refused = (source: string): SourceVerdict => verdict(source, [concern('refused', 'token.secret-expired')]);
  const [alert, ...others] = [...wanted(refused('a'), refused('b')).values()];
  assert.deepEqual([alert?.key, alert?.sources, others], ['tenant contoso refused', ['a', 'b'], []]);
  assert.equal(alert && headline(alert), 'tenant contoso (2 sources: a, b): refused. The client secret has expired.');
});

test('a fault of a mailbox is one alert for each source', () => {
  const refused = (source: string): SourceVerdict => verdict(source, [concern('refused', 'imap.not-connected')]);
  assert.deepEqual([...wanted(refused('a'), refused('b')).keys()], ['source a refused', 'source b refused']);
});

test('an alert is opened once, renewed when it grows, and not when it shrinks or grows back to what it was', () => {
  const first = opened(verdict('mail', [quarantine(2)]));
  const step = (open: ReadonlyMap<string, OpenAlert>, measure: number) => {
    const verdicts = [verdict('mail', [quarantine(measure)])];
    return changesOf(open, wanted(...verdicts), verdicts, now);
  };
  const same = step(first, 2);
  assert.deepEqual([same.opened, same.renewed, same.cleared], [[], [], []]);
  const less = step(same.open, 1);
  assert.equal(less.renewed.length, 0);
  const back = step(less.open, 2);
  assert.equal(back.renewed.length, 0);
  assert.deepEqual(
    step(back.open, 3).renewed.map(({ measure }) => measure),
    [3],
  );
});

test('one that grows is no longer acknowledged', () => {
  const first = new Map(
    [...opened(verdict('mail', [quarantine(2)]))].map(([key, alert]) => [key, { ...alert, acknowledged: true, id: 7 }]),
  );
  const verdicts = [verdict('mail', [quarantine(3)])];
  const { renewed } = changesOf(first, wanted(...verdicts), verdicts, now);
  assert.deepEqual(
    renewed.map(({ acknowledged, id }) => [acknowledged, id]),
    [[false, 7]],
  );
});

test('what is over is cleared, once', () => {
  const verdicts = [verdict('mail', [])];
  const { cleared, open } = changesOf(opened(verdict('mail', [quarantine(2)])), wanted(...verdicts), verdicts, now);
  assert.deepEqual([cleared.map(({ key }) => key), open.size], [['source mail quarantine'], 0]);
});

test('a refusal that an earlier process told of is not over before this one has heard of the source', () => {
  const open = opened(verdict('mail', [concern('refused', 'imap.not-connected')]));
  const unheard = [verdict('mail', [], 'nothing')];
  assert.deepEqual(changesOf(open, wanted(...unheard), unheard, now).cleared, []);
  const heard = [verdict('mail', [], 'progress')];
  assert.equal(changesOf(open, wanted(...heard), heard, now).cleared.length, 1);
});

test('a folder that did not open is over only when a whole look has ended', () => {
  const open = opened(verdict('mail', [concern('folder', 'imap.folder-unknown', { folder: 'Sent' })]));
  const midway = [verdict('mail', [], 'progress')];
  assert.deepEqual(changesOf(open, wanted(...midway), midway, now).cleared, []);
  const ended = [verdict('mail', [])];
  assert.deepEqual(
    changesOf(open, wanted(...ended), ended, now).cleared.map(({ key }) => key),
    ['source mail folder Sent'],
  );
});

test('a silence is not over because the source does not work any more', () => {
  const open = opened(verdict('mail', [concern('silent', 'watch.silent')]));
  const refused = [verdict('mail', [concern('refused', 'imap.not-connected')])];
  assert.deepEqual(changesOf(open, wanted(...refused), refused, now).cleared, []);
});

test('people of whom nothing comes are told by their number and never by their names', () => {
  const [alert] = [...wanted(verdict('mail', [concern('voices', 'watch.owners-silent', { measure: 2, light: true })])).values()];
  assert.deepEqual([alert?.severity, alert?.measure], ['warning', 2]);
});

test('of a source that is watched no more nobody could see that it is over: its alerts end, those of others stay', () => {
  const refused = (source: string): SourceVerdict => verdict(source, [concern('refused', 'imap.not-connected')], 'nothing');
  const open = opened(refused('gone'), refused('there'), verdict('silent', [concern('silent', 'watch.silent')]));
  const left = [refused('there')];
  const { cleared } = changesOf(open, wanted(...left), left, now);
  assert.deepEqual(
    cleared.map(({ key }) => key),
    ['source gone refused', 'source silent silent'],
  );
});

test('a credential that was replaced by one that also ends soon is told of at its own steps', () => {
  const ending = (expires: string, measure: number) => [
    verdict('mail', [
      concern('expiring', 'watch.credential-expiring', { measure, fault: new Fault('watch.credential-expiring', { expires }) }),
    ]),
  ];
  const look = (open: ReadonlyMap<string, OpenAlert>, verdicts: readonly SourceVerdict[]) =>
    changesOf(open, wanted(...verdicts), verdicts, now);
  const first = look(new Map(), ending('2031-04-09', 5));
  const replaced = look(first.open, ending('2031-05-05', 2));
  assert.deepEqual([replaced.opened.length, replaced.renewed.length, replaced.cleared.length, replaced.moved.length], [0, 0, 0, 1]);
  const nearer = look(replaced.open, ending('2031-05-05', 3));
  assert.deepEqual([nearer.renewed.length, nearer.moved.length], [1, 0]);
  assert.equal(look(nearer.open, []).cleared.length, 1);
});
