/** Rules about the way to the servers: names, connections, TLS, and who stands in between. */
import type { Case } from '../case.ts';
import type { Finding } from '../finding.ts';
import type { Ran } from '../observation.ts';
import { passedOn } from './passing-on.ts';

/** Host names that only Microsoft runs. M365 (doc): the endpoints pages. */
const microsoftHost =
  /(?:^|\.)(?:office365\.com|office365\.us|outlook\.com|outlook\.office\.com|partner\.outlook\.cn|microsoftonline\.(?:com|us|cn))$/i;

/** Organisations that issue certificates for these hosts. M365 (assumed): those seen over the years; hence only supposed. */
const microsoftIssuers = /\bO=(?:"?DigiCert|Microsoft Corporation|GlobalSign|Baltimore|Entrust|Let's Encrypt)/i;

export function wayRules(facts: Case): Finding[] {
  return facts.observations.flatMap((observation) => {
    if (observation.outcome === 'not-run') return [];
    const { probe } = observation;
    if (probe !== 'name' && probe !== 'connection' && probe !== 'tls') return [];
    const level = isNeeded(facts, observation) ? 'fault' : 'warning';
    if (observation.outcome === 'refused') return passedOn(observation, { level });
    return probe === 'tls' ? intercepted(observation) : [];
  });
}

/** An authority always is; a mail server is where something that must work goes through it. */
function isNeeded(facts: Case, { place }: Ran): boolean {
  const users = facts.tried.filter(({ attempt: { account, protocol } }) => {
    const server = account.servers[protocol];
    return server !== undefined && `${server.host}:${server.port}` === place.server;
  });
  return users.length === 0 || users.some(({ attempt }) => attempt.wanted);
}

function intercepted(tls: Ran): Finding[] {
  const host = (tls.place.server ?? '').replace(/:\d+$/, '');
  const issuer = String(tls.seen['issuer'] ?? '');
  if (!microsoftHost.test(host) || issuer === '' || microsoftIssuers.test(issuer)) return [];
  return [
    {
      code: 'check.tls-intercepted',
      certainty: 'supposed',
      level: 'warning',
      places: [tls.place],
      seen: { host, ...tls.seen },
      repair: [],
      rests: [tls],
    },
  ];
}
