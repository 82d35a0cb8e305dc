/**
 * From what was seen to what it means: observations in, findings out, likeliest first. Pure; judges, never looks.
 *
 * The hard thing is one finding for one cause. Rules that explain a refusal keep others from explaining it again; what many mailboxes
 * share is told once, with all of them named; and the sure stands before the supposed.
 */
import { Case, samePlace } from './case.ts';
import type { Finding } from './finding.ts';
import type { Look } from './look.ts';
import { type Place, probes } from './observation.ts';
import { loginRules } from './rules/login.ts';
import { tokenRules } from './rules/token.ts';
import { wayRules } from './rules/way.ts';

export function diagnose(look: Pick<Look, 'observations' | 'attempts'>): readonly Finding[] {
  const facts = new Case(look);
  const about = tokenRules(facts);
  const found = [...wayRules(facts), ...about, ...loginRules(facts, spoiltTokens(about))];
  return ordered(merged(found));
}

const ofWholeToken: ReadonlySet<string> = new Set([
  'check.token-audience',
  'check.token-delegated',
  'check.token-foreign',
  'check.token-expired',
]);

function spoiltTokens(findings: readonly Finding[]): ReadonlySet<string> {
  return new Set(
    findings.flatMap(({ code, level, places }) => (level === 'fault' && ofWholeToken.has(code) ? (places[0]?.tenant ?? []) : [])),
  );
}

/** One finding for each code, tenant and server, with all its places; and one for all servers whose certificates the same authority made. */
function merged(findings: readonly Finding[]): Finding[] {
  const byKey = new Map<string, Finding>();
  for (const finding of findings) {
    const { code, level, certainty, places, because, seen } = finding;
    const [first] = places;
    const host = first?.server?.replace(/:\d+$/, '');
    const port = code === 'network.name-not-found' ? host : first?.server;
    const key =
      code === 'network.certificate-not-trusted' && seen['issuer'] !== undefined
        ? JSON.stringify([code, seen['issuer']])
        : JSON.stringify([code, level, certainty, because, first?.tenant, port]);
    const known = byKey.get(key);
    // What must work is told of first, and makes it a fault.
    const isWorse = known !== undefined && known.level === 'warning' && level === 'fault';
    byKey.set(key, known === undefined ? finding : isWorse ? joined(finding, known) : joined(known, finding));
  }
  return [...byKey.values()];
}

function joined(one: Finding, other: Finding): Finding {
  const places = [...one.places, ...other.places.filter((place) => !one.places.some((known) => samePlace(known, place)))];
  return { ...one, places, repair: [...new Set([...one.repair, ...other.repair])], rests: [...new Set([...one.rests, ...other.rests])] };
}

/** Faults before warnings, the sure before the supposed, then along the chain; rules give the likelier first, and that order stays. */
function ordered(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ level, certainty, rests }: Finding): readonly number[] => [
    level === 'fault' ? 0 : 1,
    certainty === 'sure' ? 0 : 1,
    certainty === 'sure' ? Math.min(probes.length, ...rests.map(({ probe }) => probes.indexOf(probe))) : 0,
  ];
  return findings.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    return left.map((value, index) => value - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
  });
}

/** In words: `telemessage@contoso.com over IMAP`, `outlook.office365.com:993`, `tenant contoso`. */
export function placeText({ tenant, server, mailbox, protocol }: Place): string {
  const names = { imap: 'IMAP', pop3: 'POP3', smtp: 'SMTP' } as const;
  if (mailbox !== undefined) return protocol === undefined ? mailbox : `${mailbox} over ${names[protocol]}`;
  return server ?? (tenant === undefined ? 'the configuration' : `tenant ${tenant}`);
}
