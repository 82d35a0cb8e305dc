/** The tenant's policy for credentials of apps. M365 (doc): `defaultAppManagementPolicy`; to read it wants Policy.Read.All. */
import type { GraphClient } from './client.ts';
import { readPolicy, type SecretPolicy } from './shapes.ts';

const daysIn: Readonly<Record<string, number>> = { D: 1, W: 7, M: 30, Y: 365 };

/** @throws Fault graph.not-allowed where the person may not read it, graph.* */
export async function getSecretPolicy(graph: GraphClient): Promise<SecretPolicy> {
  const found = readPolicy((await graph.get('policies/defaultAppManagementPolicy')) ?? {});
  const inForce = found.isEnabled
    ? (found.applicationRestrictions?.passwordCredentials ?? []).filter((one) => one.state !== 'disabled')
    : [];
  const limits = inForce
    .filter((one) => one.restrictionType === 'passwordLifetime')
    .flatMap((one) => {
      const days = daysOf(one.maxLifetime ?? '');
      return days === undefined ? [] : [days];
    });
  return {
    allowed: !inForce.some((one) => one.restrictionType === 'passwordAddition'),
    maxDays: limits.length === 0 ? undefined : Math.min(...limits),
  };
}

/** ISO 8601, whole units only, as the policy has them: `P180D`, `P6M`. Undefined: another form. */
function daysOf(duration: string): number | undefined {
  const parts = [...duration.matchAll(/(\d+)([DWMY])/g)];
  if (!/^P(?:\d+[DWMY])+(?:T.*)?$/.test(duration)) return undefined;
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (daysIn[unit] ?? 0), 0);
}
