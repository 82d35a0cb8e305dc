/** A refusal that the plane below has named already is passed on as a finding under that name. */
import type { Finding } from '../finding.ts';
import type { Observation, Ran } from '../observation.ts';

/** @returns nothing where the observation is no refusal, or one without a name. */
export function passedOn(
  observation: Observation | undefined,
  more: { readonly level?: Finding['level']; readonly certainty?: Finding['certainty']; readonly repair?: readonly string[] } = {},
): Finding[] {
  if (observation === undefined || observation.outcome !== 'refused' || observation.code === undefined) return [];
  const { code, place, seen } = observation;
  return [
    {
      code,
      certainty: more.certainty ?? 'sure',
      level: more.level ?? 'fault',
      places: [place],
      seen,
      repair: more.repair ?? [],
      rests: [observation],
    },
  ];
}

/** Adds observations that the finding explains too. */
export function resting(findings: readonly Finding[], also: readonly (Ran | undefined)[]): Finding[] {
  const known = also.filter((one) => one !== undefined);
  return findings.map((finding) => ({ ...finding, rests: [...finding.rests, ...known] }));
}
