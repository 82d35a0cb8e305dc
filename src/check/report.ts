/**
 * The result of a check for machines: JSON with a named schema, JUnit's XML, one line for monitoring. Pure.
 *
 * `postern.check/1`: keys may be added under this name; a change of meaning, or a key that goes, makes it /2.
 */
import { catalog } from '../fault/catalog.ts';
import { placeText } from './diagnose.ts';
import type { Finding } from './finding.ts';
import type { Attempt } from './look.ts';
import { type Observation, type Place, probes, protocols } from './observation.ts';
import { type CheckResult, faultsOf, isPassing } from './run.ts';

/**
 * `good`: what must work does. `configuration`: a secret or key could not be had. `later`: only what the catalogue calls passing.
 * `faults`: everything else.
 */
export type Verdict = 'good' | 'faults' | 'configuration' | 'later';

export function verdictOf(findings: readonly Finding[]): Verdict {
  const faults = faultsOf(findings);
  if (faults.length === 0) return 'good';
  if (faults.some(({ code }) => code.startsWith('config.'))) return 'configuration';
  return faults.every(isPassing) ? 'later' : 'faults';
}

/** Along the chain: tenants, servers, mailboxes in the order in which they were named. */
export function inOrder(result: Pick<CheckResult, 'observations' | 'attempts'>): readonly Observation[] {
  const mailboxes = result.attempts.map(({ account }) => account.mailbox);
  const rank = ({ place, probe }: Observation): readonly (number | string)[] => [
    place.mailbox !== undefined ? 2 : place.server !== undefined ? 1 : 0,
    place.mailbox === undefined ? 0 : mailboxes.indexOf(place.mailbox),
    place.protocol === undefined ? 0 : protocols.indexOf(place.protocol),
    place.tenant ?? '',
    place.server ?? '',
    probes.indexOf(probe),
  ];
  return result.observations.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    for (const [index, value] of left.entries()) {
      const other = right[index] ?? 0;
      if (value !== other) return value < other ? -1 : 1;
    }
    return 0;
  });
}

export function asJson(result: CheckResult): Record<string, unknown> {
  const { findings, attempts, startedAtMs, tookMs, waited, dialogues } = result;
  return {
    schema: 'postern.check/1',
    verdict: verdictOf(findings),
    startedAt: new Date(startedAtMs).toISOString(),
    tookMs,
    tried: attempts.map(({ account, protocol, wanted }: Attempt) => ({
      mailbox: account.mailbox,
      protocol,
      mustWork: wanted && !account.mustBeRefused,
      mustBeRefused: account.mustBeRefused,
    })),
    findings: findings.map((finding) => {
      const { says, cause, fix, retry } = catalog[finding.code];
      const { code, level, certainty, places, because, seen, repair } = finding;
      return { code, level, certainty, says, places, seen, cause, ...(because === undefined ? {} : { because }), fix, repair, retry };
    }),
    observations: inOrder(result),
    ...(waited === undefined
      ? {}
      : {
          waited: {
            ...waited,
            failedSince: new Date(waited.failedSinceMs).toISOString(),
            until: new Date(waited.untilMs).toISOString(),
          },
        }),
    ...(dialogues.length === 0 ? {} : { transcripts: dialogues }),
  };
}

/** The form that CI servers read: a suite for each place, a case for each probe. A case fails where a fault rests on what it saw. */
export function asJunit(result: CheckResult): string {
  const faults = faultsOf(result.findings);
  const suites = new Map<string, Observation[]>();
  for (const observation of inOrder(result)) {
    const name = placeText(observation.place);
    suites.set(name, [...(suites.get(name) ?? []), observation]);
  }
  const told = new Set<Finding>();
  const parts = [...suites].map(([name, observations]) => {
    const cases = observations.map((observation) => {
      const mine = faults.filter(({ rests }) => rests.includes(observation));
      for (const finding of mine) told.add(finding);
      return junitCase(name, observation, mine);
    });
    return suite(name, cases);
  });
  const homeless = faults.filter((finding) => !told.has(finding));
  const rest = homeless.map(
    (finding) => `    <testcase classname="findings" name=${attribute(finding.code)}>${failure(finding)}</testcase>\n`,
  );
  if (rest.length > 0) parts.push(suite('findings', rest));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="postern check">\n${parts.join('')}</testsuites>\n`;
}

function suite(name: string, cases: readonly string[]): string {
  const count = (word: string): number => cases.filter((one) => one.includes(`<${word}`)).length;
  const numbers = `tests="${cases.length}" failures="${count('failure')}" skipped="${count('skipped')}" errors="0"`;
  return `  <testsuite name=${attribute(name)} ${numbers}>\n${cases.join('')}  </testsuite>\n`;
}

function junitCase(suiteName: string, observation: Observation, faults: readonly Finding[]): string {
  const seconds = observation.outcome === 'not-run' ? 0 : observation.tookMs / 1000;
  const inside =
    observation.outcome === 'not-run' ? `<skipped message=${attribute(observation.because)}/>` : faults.map((one) => failure(one)).join('');
  return `    <testcase classname=${attribute(suiteName)} name="${observation.probe}" time="${seconds}">${inside}</testcase>\n`;
}

function failure(finding: Finding): string {
  const { says, fix } = catalog[finding.code];
  const text = [finding.because, fix, ...finding.repair].filter((line) => line !== undefined).join('\n');
  return `<failure type=${attribute(finding.code)} message=${attribute(`${finding.certainty}: ${says}`)}>${escaped(text)}</failure>`;
}

function attribute(text: string): string {
  return `"${escaped(text).replaceAll('\n', '&#10;')}"`;
}

/** XML 1.0 §2.2: most control characters may not stand in it at all, not even escaped. */
function escaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"']/g, (sign) => signs[sign] ?? sign);
}

/** One line in the manner of monitoring plug-ins: a word, what it is about, and numbers behind a bar. */
export function asBrief(result: CheckResult): string {
  const { findings, attempts, tookMs } = result;
  const faults = faultsOf(findings);
  const warnings = findings.length - faults.length;
  const mailboxes = new Set(attempts.map(({ account }) => account.mailbox)).size;
  const words = { good: warnings > 0 ? 'WARNING' : 'OK', faults: 'CRITICAL', configuration: 'CRITICAL', later: 'WARNING' } as const;
  const [first] = findings;
  const says =
    first === undefined
      ? `${mailboxes} ${mailboxes === 1 ? 'mailbox' : 'mailboxes'} over ${overWhat(attempts)}`
      : `${first.code} (${first.certainty}): ${catalog[first.code].says} ${where(first.places)}`;
  const numbers = `time=${(tookMs / 1000).toFixed(3)}s mailboxes=${mailboxes} faults=${faults.length} warnings=${warnings}`;
  return `POSTERN ${words[verdictOf(findings)]} - ${says
    .replaceAll('|', '/')
    .replace(/\p{Cc}/gu, ' ')
    .trim()} | ${numbers}\n`;
}

/** `IMAP, POP3` */
export function overWhat(attempts: readonly Attempt[]): string {
  const names = { imap: 'IMAP', pop3: 'POP3', smtp: 'SMTP' } as const;
  return protocols
    .filter((protocol) => attempts.some((attempt) => attempt.protocol === protocol))
    .map((protocol) => names[protocol])
    .join(', ');
}

function where(places: readonly Place[]): string {
  const [first, ...more] = places;
  if (first === undefined) return '';
  return `[${placeText(first)}${more.length > 0 ? ` and ${more.length} more` : ''}]`;
}
