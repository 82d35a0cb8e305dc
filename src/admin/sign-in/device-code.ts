/**
 * Sign-in by device code: the person enters a short code on any machine that has a browser.
 *
 * RFC 8628. M365 (doc): endpoint and answers; many tenants block it by Conditional Access, which is then told with the other ways.
 */
import { Fault } from '../../fault/fault.ts';
import type { AdminResource } from '../token.ts';
import { askToken, isRefusal, objectOf, refusalFault, refusalOf, type SignInPlace, type SignInPorts } from './oauth.ts';
import type { SignIn } from './session.ts';

const way = 'device code';
/** RFC 8628 §3.5: what to add to the interval on `slow_down`. */
const slowerMs = 5_000;

/** What a person is to do, for who shows it otherwise than as a line. */
export interface DeviceCode {
  readonly page: string;
  readonly userCode: string;
  readonly resource: AdminResource;
  readonly lifeMs: number;
}

/** @param onCode hears of each code besides the line that is told */
export function deviceCodeSignIn(place: SignInPlace, ports: SignInPorts, onCode: (code: DeviceCode) => void = () => undefined): SignIn {
  return async ({ id, scope, resource }, signal) => {
    const answer = await ports.request({
      method: 'POST',
      url: new URL(`${place.authority}/${encodeURIComponent(place.tenantId)}/oauth2/v2.0/devicecode`),
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({ client_id: id, scope }).toString(),
      ca: place.ca,
      signal,
    });
    const body = objectOf(answer);
    const { device_code: deviceCode, user_code: userCode, verification_uri: page } = body;
    if (answer.status !== 200 || typeof deviceCode !== 'string' || typeof userCode !== 'string' || typeof page !== 'string') {
      throw refusalFault(refusalOf(answer, body), way);
    }
    const lifeMs = (Number(body['expires_in']) || 900) * 1_000;
    let intervalMs = (Number(body['interval']) || 5) * 1_000;
    onCode({ page, userCode, resource, lifeMs });
    ports.tell(`To sign in (${place.origins[resource]}), open ${page} in any browser and enter the code ${userCode}`);
    const endsAtMs = ports.clock.monotonic() + lifeMs;
    for (;;) {
      await ports.clock.sleep(intervalMs, signal);
      if (ports.clock.monotonic() > endsAtMs) throw new Fault('signin.timed-out', { way, waitedSeconds: Math.round(lifeMs / 1_000) });
      const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: id, device_code: deviceCode };
      const came = await askToken(place, ports, resource, grant, signal);
      if (!isRefusal(came)) return came;
      if (came.error === 'slow_down') intervalMs += slowerMs;
      else if (came.error !== 'authorization_pending') throw refusalFault(came, way);
    }
  };
}
