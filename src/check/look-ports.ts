/** What a check looks through: the machine's clock and sockets, and the authorities of all clouds for tenants that are elsewhere. */
import type { Clock } from '../runtime/clock.ts';
import type { HttpRequest } from '../runtime/http.ts';
import { clouds } from '../tenant/cloud.ts';
import type { LookPorts } from './look.ts';
import type { Watched } from './observation.ts';

export function lookPorts(
  machine: { readonly clock: Clock; readonly request: HttpRequest },
  signal: AbortSignal,
  hears: Pick<Watched, 'onBegin' | 'onObservation'>,
): LookPorts {
  const authorities = Object.values(clouds).map(({ name, authority }) => ({ cloud: name, authority }));
  // Two clouds may have one authority; the first name stands for both.
  const distinct = authorities.filter(({ authority }, index) => authorities.findIndex((other) => other.authority === authority) === index);
  return { ...machine, ...hears, authorities: distinct, signal };
}
