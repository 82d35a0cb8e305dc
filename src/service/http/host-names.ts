/**
 * Whether the `Host` of a request is a name of ours. A page of the web can point a name of its own at this machine (DNS rebinding) and
 * then ask us from the browser as if it were ours: so a name that nobody gave us is not served. An address as such cannot be re-pointed.
 */
import { isIP } from 'node:net';
import { isLoopback } from '../../tenant/ids.ts';
import type { ServiceAddress } from './address.ts';

/** @param header as it came, e.g. `postern.contoso.com:8443` or `[::1]:8473` */
export function isOurName(header: string | undefined, { names, tls }: ServiceAddress): boolean {
  const name = hostOf(header);
  if (name === undefined) return false;
  if (isLoopback(name) || isIP(name.replaceAll(/[[\]]/g, '')) !== 0) return true;
  return [...names, ...(tls?.names ?? [])].some((known) => covers(known, name));
}

/** Without the port, in small letters; undefined where it is no host. RFC 9110 §7.2. */
export function hostOf(header: string | undefined): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(header ?? '');
  return match?.[1]?.toLowerCase().replace(/\.$/, '');
}

/** RFC 9525 §6.3: `*` stands for one whole label, the first. */
function covers(known: string, name: string): boolean {
  return known === name || (known.startsWith('*.') && name.includes('.') && name.slice(name.indexOf('.')) === known.slice(1));
}
