/** Looks at what the configuration says, before anything is sent: shapes of ids, whether the credential can be had and used. */
import { X509Certificate } from 'node:crypto';
import type { TenantConfig } from '../../config/config.ts';
import type { Evidence } from '../../fault/fault.ts';
import type { HttpRequest } from '../../runtime/http.ts';
import { isGuid, isTenantId } from '../../tenant/ids.ts';
import { tokenRequest } from '../../token/request.ts';
import { type AskingPorts, type Observation, observe } from '../observation.ts';
import { tokenApp } from './token.ts';

/**
 * Tenant id, client id, credential. The credential is resolved and signed with, so everything short of sending it is tried; a managed
 * identity is asked for at the local endpoint of the machine.
 */
export async function lookAtConfiguration(tenant: TenantConfig, ports: AskingPorts): Promise<readonly Observation[]> {
  const { clock, request, signal } = ports;
  const place = { tenant: tenant.name };
  const { tenantId, clientId, cloud, scope } = tenant;
  const shape = isGuid(tenantId) ? 'GUID' : isTenantId(tenantId) ? 'domain' : 'neither GUID nor domain';
  return [
    await observe('tenant', place, ports, () => ({ tenantId, shape, cloud: cloud.name, authority: cloud.authority })),
    await observe('client', place, ports, () => ({ clientId, shape: isGuid(clientId) ? 'GUID' : 'no GUID', scope })),
    await observe('credential', place, ports, async () => {
      const ask: HttpRequest = (question) => request({ ...question, ...(signal === undefined ? {} : { signal }) });
      const { provenBy } = await tokenRequest(tokenApp(tenant), clock.now(), ask);
      return credentialFacts(tenant, provenBy, clock.now());
    }),
  ];
}

const dayMs = 86_400_000;

function credentialFacts({ credential }: TenantConfig, provenBy: Evidence, nowMs: number): Evidence {
  if (credential.kind === 'secret') return { kind: credential.kind, reference: credential.secret.describe };
  if (credential.kind !== 'certificate') {
    const { credential: kind = credential.kind, ...said } = provenBy;
    return { kind, ...said };
  }
  const certificate = new X509Certificate(credential.certificate);
  return {
    kind: 'certificate',
    reference: credential.key.describe,
    subject: certificate.subject,
    thumbprintSha1: certificate.fingerprint.replaceAll(':', ''),
    validTo: certificate.validToDate.toISOString(),
    daysLeft: Math.floor((certificate.validToDate.getTime() - nowMs) / dayMs),
  };
}
