/**
 * A client: an application that logs in here with a password of its own, and what it may do. Pure.
 *
 * The hard thing is that a right has four axes (who, mailbox, protocol, network) and each must hold by itself; none may stand in for another.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { covers } from '../address-pattern.ts';
import type { LoginRefusal, ProxyProtocol } from '../port.ts';

export interface ProxyClient {
  readonly name: string;
  /** The part of the password that says whose it is, and is no secret. */
  readonly tag: string;
  /** Of the whole password; see runtime/password-hash.ts. */
  readonly hash: string;
  /** Patterns in lower case. */
  readonly mailboxes: readonly string[];
  readonly protocols: readonly ProxyProtocol[];
  /** Addresses and CIDR ranges; empty: from anywhere. */
  readonly networks: readonly string[];
  readonly createdMs: number;
}

export interface Wish {
  readonly mailbox: string;
  readonly protocol: ProxyProtocol;
  readonly address: string;
}

/** Why the client may not do this; undefined: it may. */
export function whyNot(client: ProxyClient, { mailbox, protocol, address }: Wish): LoginRefusal | undefined {
  if (!isWithin(client.networks, address)) return 'network-not-allowed';
  if (!client.protocols.includes(protocol)) return 'protocol-not-allowed';
  return covers(client.mailboxes, mailbox) ? undefined : 'mailbox-not-allowed';
}

/** `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  if (more.length > 0 || isIP(address) === 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128));
}

/** A name that may stand before the slash of a login: no blank, no slash, no `@`, so that it is never taken for a mailbox. */
export function isClientName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

/** An IPv4 address that comes over an IPv6 socket is that IPv4 address. RFC 4291 §2.5.5.2. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? address.replace(/%.*$/, '');
}

/** To whom an address belongs: with IPv6 everybody has a whole /64 of them, and programs change within it every day. RFC 6177, RFC 8981. */
export function holderOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

const lists = new WeakMap<readonly string[], BlockList>();

/** Whether an address lies in one of these; no networks: it does. */
export function isWithin(networks: readonly string[], address: string): boolean {
  if (networks.length === 0) return true;
  let list = lists.get(networks);
  if (list === undefined) {
    list = new BlockList();
    for (const network of networks) {
      const [net = '', bits] = network.split('/');
      const family = isIPv6(net) ? 'ipv6' : 'ipv4';
      list.addSubnet(net, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
    }
    lists.set(networks, list);
  }
  const plain = plainAddress(address);
  return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}
