/** Looks when the credential ends: asks Graph where the app may ask there, else says what the configuration says. Never a refusal. */
import { type OwnEnd, ownCredentialEnd } from '../../admin/graph/own-credential.ts';
import { whyUnknown } from '../../admin/graph/unknown-end.ts';
import type { TenantConfig } from '../../config/config.ts';
import type { Evidence } from '../../fault/fault.ts';
import { createTokenSource } from '../../token/source.ts';
import { type AskingPorts, type Observation, observe } from '../observation.ts';
import { tokenApp } from './token.ts';

/** Nobody waits long for what is told besides. */
const timeoutMs = 15_000;
const dayMs = 86_400_000;

/** @returns nothing where there is no such end, or nobody to ask: a certificate shows its own */
export async function lookAtCredentialEnd(tenant: TenantConfig, ports: AskingPorts): Promise<readonly Observation[]> {
  const { credential, cloud } = tenant;
  if (credential.kind !== 'secret' || (cloud.graph === undefined && credential.expires === undefined)) return [];
  return [
    await observe('end', { tenant: tenant.name }, ports, async () => {
      const found = await ask(tenant, ports);
      if (found.kind === 'known') return seen(found.ends, 'graph', ports);
      const why = whyUnknown(found.because, found.fault?.code);
      if (credential.expires === undefined) return { known: false, because: why };
      return { ...seen(credential.expires, credential.expiresFrom ?? 'configuration', ports), graph: why };
    }),
  ];
}

function seen(ends: Date, origin: string, { clock }: AskingPorts): Evidence {
  return { known: true, ends: ends.toISOString(), daysLeft: Math.floor((ends.getTime() - clock.now()) / dayMs), origin };
}

async function ask(tenant: TenantConfig, { clock, request, signal }: AskingPorts): Promise<OwnEnd> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const token = async (scope: string, waiting: AbortSignal) =>
    (await createTokenSource({ ...tokenApp(tenant), scope }, { clock, request }).token(waiting)).value;
  try {
    const asking = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    return await ownCredentialEnd(tenant, { request, clock, random: () => 0.5, token }, asking);
  } catch (error) {
    if (signal?.aborted || !deadline.aborted) throw error;
    return { kind: 'unknown', because: 'failed' };
  }
}
