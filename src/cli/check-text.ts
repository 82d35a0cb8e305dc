/** The result of a check as a person reads it: what was looked at, line by line, then what it means and what to do. */
import { placeText } from '../check/diagnose.ts';
import type { Finding } from '../check/finding.ts';
import type { Dialogue } from '../check/look.ts';
import type { Observation, Place, Ran } from '../check/observation.ts';
import { inOrder, overWhat, verdictOf } from '../check/report.ts';
import { type CheckResult, faultsOf, propagationMs } from '../check/run.ts';
import { catalog } from '../fault/catalog.ts';
import type { Evidence } from '../fault/fault.ts';
import { bytes, count, duration, printable } from './print.ts';

/** `closed` and `open` stand at mailboxes that must be closed: the one is good, the other is not. */
type Mark = 'ok' | 'failed' | 'closed' | 'open' | 'not run';
type Paint = (mark: Mark | 'bold', text: string) => string;

/** Prose is broken here, under where it began; lines to paste never are. The same everywhere, so that outputs can be compared. */
const lineWidth = 120;
/** What a server said, in the tree: the whole of it stands in the finding. */
const saidWidth = 100;
/** Exchange ends its lines with server, time and an id; the finding has them. M365 (recorded) */
const stamp = / \[[^\]]*\]$/;
/** Of the names in the tree; a longer one moves only its own line. */
const widestName = 52;

export function checkText(result: CheckResult, colour: boolean): string {
  const paint: Paint = (mark, text) => (colour ? `${codes[mark]}${text}\x1b[0m` : text);
  const parts = [tree(result, paint), ...result.findings.map((finding, index) => findingText(finding, index + 1, paint))];
  if (result.dialogues.length > 0) parts.push(...result.dialogues.map(dialogueText));
  return `${parts.join('\n')}\n${summary(result)}\n`;
}

const codes = { ok: '\x1b[32m', failed: '\x1b[31m', closed: '\x1b[32m', open: '\x1b[31m', 'not run': '\x1b[33m', bold: '\x1b[1m' } as const;

/** A line for each probe of a tenant, for each server, and for each mailbox and protocol. */
function tree(result: CheckResult, paint: Paint): string {
  const groups = new Map<string, Observation[]>();
  for (const observation of inOrder(result)) {
    const { place, probe } = observation;
    const name = JSON.stringify([place, place.mailbox === undefined && place.server === undefined ? probe : '']);
    groups.set(name, [...(groups.get(name) ?? []), observation]);
  }
  const uses = usesOf(result);
  const shut = new Set(result.attempts.filter(({ account }) => account.mustBeRefused).map(({ account }) => account.mailbox));
  const lines: { readonly title: string; readonly mark: Mark; readonly name: string; readonly says: string; readonly took: string }[] = [];
  for (const observations of groups.values()) {
    const place = observations[0]?.place ?? {};
    const decisive = observations.find(({ outcome }) => outcome !== 'ok') ?? observations.at(-1);
    if (decisive === undefined) continue;
    const isShut = place.mailbox !== undefined && shut.has(place.mailbox);
    const mark =
      decisive.outcome === 'not-run' ? 'not run' : decisive.outcome === 'ok' ? (isShut ? 'open' : 'ok') : isShut ? 'closed' : 'failed';
    const ran = observations.filter((one) => one.outcome !== 'not-run');
    const took = place.mailbox !== undefined && ran.length > 0 ? duration(ran.reduce((sum, one) => sum + one.tookMs, 0)) : '';
    lines.push({ title: titleOf(place), mark, name: nameOf(decisive, uses), says: says(observations, decisive), took });
  }
  const widths = new Map<string, number>();
  for (const { title, name } of lines) widths.set(title, Math.min(widestName, Math.max(widths.get(title) ?? 0, name.length)));
  let title = '';
  return lines
    .map((line) => {
      const head = line.title === title ? '' : `${paint('bold', line.title)}\n`;
      title = line.title;
      const width = widths.get(line.title) ?? 0;
      const indent = 13 + width;
      const words = [...line.says.split(' '), ...(line.took === '' ? [] : [`(${line.took})`])];
      const [first = '', ...more] = wrapped(words, lineWidth - indent);
      const text = `  ${paint(line.mark, line.mark.padEnd(7))}  ${line.name.padEnd(width)}  ${first}`;
      return `${head}${[text, ...more.map((part) => ' '.repeat(indent) + part)].map((part) => `${part.trimEnd()}\n`).join('')}`;
    })
    .join('');
}

function titleOf({ tenant, server, mailbox }: Place): string {
  if (mailbox !== undefined) return 'mailboxes';
  return server !== undefined ? 'servers' : `tenant ${tenant ?? ''}`;
}

/** What each `host:port` is for: `IMAP`, or `IMAP, POP3`; those that serve no mail are not in it. */
function usesOf({ attempts }: CheckResult): ReadonlyMap<string, string> {
  const names = new Map<string, Set<string>>();
  for (const { account, protocol } of attempts) {
    const server = account.servers[protocol];
    if (server === undefined) continue;
    const key = `${server.host}:${server.port}`;
    names.set(key, (names.get(key) ?? new Set()).add(protocol.toUpperCase()));
  }
  return new Map([...names].map(([key, protocols]) => [key, [...protocols].join(', ')]));
}

function nameOf({ place, probe }: Observation, uses: ReadonlyMap<string, string>): string {
  if (place.mailbox !== undefined) return printable(placeText(place));
  if (place.server !== undefined) return `${place.server} ${uses.get(place.server) ?? 'Entra'}`;
  return { tenant: 'tenant id', client: 'client id', end: 'ends' }[String(probe)] ?? probe;
}

/** What was seen, in the order of the chain, up to what decided. */
function says(observations: readonly Observation[], decisive: Observation): string {
  if (decisive.outcome === 'not-run') return decisive.because;
  const sends = observations.some(({ probe }) => probe === 'send');
  const ok = observations.filter((one): one is Ran => one.outcome === 'ok').map((one) => seenInWords(one, sends));
  if (decisive.outcome === 'ok') return ok.filter((text) => text !== '').join(', ');
  const { server, reason, errno, tlsCode, description, seen } = decisive.seen;
  const told = [server, description, reason, errno, tlsCode, seen].find((one) => one !== undefined);
  const at = decisive.place.mailbox === undefined && decisive.place.server === undefined ? '' : `${decisive.probe}: `;
  return `${at}${decisive.code ?? ''}${told === undefined ? '' : `, ${cut(printable(String(told).replace(stamp, '')), saidWidth)}`}`;
}

function seenInWords({ probe, seen, place }: Ran, sends: boolean): string {
  const text = (key: string): string => printable(String(seen[key] ?? ''));
  switch (probe) {
    case 'tenant':
      return `${text('tenantId')} at ${text('authority')}`;
    case 'client':
      return text('clientId');
    case 'credential':
      return seen['validTo'] === undefined
        ? `${text('kind')}, ${text('reference')}`
        : `certificate ${text('thumbprintSha1')} until ${text('validTo').slice(0, 10)}`;
    case 'name':
      return text('addresses');
    case 'connection':
      return '';
    case 'tls':
      return `${text('version')}, issued by ${shortName(text('issuer'))}, until ${day(text('validTo'))}`;
    case 'discovery':
      return [text('tenantId'), seen['region'] === undefined ? '' : `region ${text('region')}`].filter((one) => one !== '').join(', ');
    case 'token':
      return `lives ${duration(Number(seen['expiresInSeconds']) * 1000)}`;
    case 'claims':
      return `oid ${text('oid')}, aud ${text('aud')}, roles ${text('roles') === '' ? 'none' : text('roles')}`;
    case 'end':
      return endInWords(seen);
    case 'login':
      // M365 (recorded): a missing grant shows with a mail only.
      return place.protocol === 'smtp' && !sends ? 'login (whether it may send shows with --send-test)' : 'login';
    case 'open':
      return seen['folders'] === undefined ? count(Number(seen['messages']), 'message') : text('folders');
    case 'fetch':
      return seen['bytes'] === undefined
        ? text('fetched').replace(/^nothing: /, '')
        : `one ${place.protocol === 'pop3' ? 'header' : 'message'} read (${bytes(Number(seen['bytes']))})`;
    case 'send':
      return `test mail taken: ${cut(text('server').replace(stamp, ''), 80)}`;
    default:
      return '';
  }
}

function endInWords({ known, because, ends, daysLeft, origin, graph }: Ran['seen']): string {
  if (known === false) return `not known: ${because}`;
  const from = graph === undefined ? String(origin) : `${origin}; ${graph}`;
  return `${day(String(ends))}, in ${count(Math.max(0, Number(daysLeft)), 'day')} (${from})`;
}

/** The organisation, or else the common name. */
function shortName(distinguished: string): string {
  return /\bO=([^,]+)/.exec(distinguished)?.[1] ?? /\bCN=([^,]+)/.exec(distinguished)?.[1] ?? distinguished;
}

function findingText(finding: Finding, number: number, paint: Paint = (_, text) => text): string {
  const { says: sentence, cause, fix } = catalog[finding.code];
  const mark = finding.level === 'fault' ? 'failed' : 'not run';
  const head = `${number}. ${paint(mark, finding.code)} (${finding.certainty}${finding.level === 'warning' ? ', a warning' : ''}): ${paint('bold', sentence)}`;
  const shown = finding.places.slice(0, 10).map(placeText);
  const more = finding.places.length - shown.length;
  const part = (title: string, lines: readonly string[]): string[] =>
    lines
      .flatMap((line) => wrapped(printable(line).split(' '), lineWidth - 10))
      .map((line, index) => `   ${paint('bold', (index === 0 ? title : '').padEnd(5))}  ${line}`);
  return [
    head,
    ...part('where', [`${shown.join('; ')}${more > 0 ? ` and ${more} more` : ''}`]),
    ...part('seen', seenLines(finding.seen)),
    ...part('cause', [cause, ...(finding.because === undefined ? [] : [finding.because])]),
    ...part('fix', [fix]),
    ...finding.repair.map((line) => `          ${printable(line)}`),
    '',
  ].join('\n');
}

/** Lines of at most so many signs, broken between the words; a word that is longer has a line of its own. */
export function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1).trimEnd()}…` : text;
}

/** `Dec 22 04:22:48 2026 GMT`, as TLS gives it, as `2026-12-22`. */
function day(date: string): string {
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? date : new Date(ms).toISOString().slice(0, 10);
}

/** What the other side said, as it said it, on a line of its own; the facts around it on another. */
function seenLines(seen: Evidence): string[] {
  const { server, description, ...facts } = seen;
  const said = [server, description].filter((text) => text !== undefined).map((text) => `"${text}"`);
  const around = Object.entries(facts)
    // That it could be read shows in that there is more.
    .filter(([name, value]) => value !== '' && !(name === 'readable' && value === true))
    .map(([name, value]) => `${name.replace(/[A-Z]+/g, (letters) => ` ${letters.toLowerCase()}`)}: ${value}`);
  return [...said, ...(around.length === 0 ? [] : [around.join('; ')])];
}

function dialogueText({ place, lines }: Dialogue): string {
  const talk = lines.map(({ from, text }) => `  ${from === 'client' ? '>' : '<'} ${printable(text.trimEnd())}\n`).join('');
  return `${placeText(place)}, ${place.server ?? ''}\n${talk}`;
}

function summary(result: CheckResult): string {
  const { findings, attempts, tookMs, waited } = result;
  const faults = faultsOf(findings).length;
  const warnings = findings.length - faults;
  const mailboxes = count(new Set(attempts.map(({ account }) => account.mailbox)).size, 'mailbox', 'mailboxes');
  const also = warnings === 0 ? '' : `, ${count(warnings, 'warning')}`;
  const verdicts = {
    good: `All good${also}: ${mailboxes} over ${overWhat(attempts)} in ${duration(tookMs)}.`,
    // Several may be supposed of one refusal, so they are not counted as so many faults.
    faults: `Not all is well: ${count(faults, 'finding')}${faults > 1 ? ', the likeliest first' : ''}${also}.`,
    configuration: `Not all is well: a secret or key of the configuration cannot be had${also}.`,
    later: `Not now: ${count(faults, 'passing fault')}${also}; try again later.`,
  } as const;
  return [verdicts[verdictOf(findings)], ...(waited === undefined ? [] : [waitedText(waited)])].join('\n');
}

/** "Too early" and "wrong" told apart, as far as waiting can tell. */
function waitedText({ rounds, failedSinceMs, untilMs, outcome }: NonNullable<CheckResult['waited']>): string {
  const since = `${time(failedSinceMs)} to ${time(untilMs)}, ${count(rounds, 'round')}`;
  if (outcome === 'healed') return `It failed first and came right while waiting (${since}): it was too early, not wrong.`;
  if (outcome === 'waiting-cannot-help')
    return `Waiting was ended after ${count(rounds, 'round')}: what was found does not pass by itself.`;
  return untilMs - failedSinceMs >= propagationMs
    ? `It failed from ${since}: longer than changes need to arrive, so take it as wrong, not as too early.`
    : `It failed from ${since}. Changes in Entra and Exchange need up to ${duration(propagationMs)}, so it may still be too early: \`--wait\` longer.`;
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)}Z`;
}
