/** Mailboxes that the app may open though nobody listed them: every mailbox of the organisation is asked. */
import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import { getMailboxPermissions, getPointers, hasFullAccess, listMailboxes } from '../admin/exchange/cmdlets.ts';
import { isFault } from '../fault/fault.ts';
import type { Desired } from './desired.ts';
import type { Plan } from './step.ts';

/** @returns addresses; undefined where Exchange is left out @throws Fault exchange.* */
export async function unlistedGrants(
  desired: Desired,
  { appId, principalId }: Plan['ids'],
  exchange: ExchangeAdmin | undefined,
  onProgress: (what: string) => void,
): Promise<readonly string[] | undefined> {
  if (exchange === undefined) return undefined;
  if (appId === undefined) return [];
  const pointer = (await getPointers(exchange, appId)).find((one) => one.objectId === principalId);
  if (pointer === undefined) return [];
  const listed = new Set(desired.mailboxes.map(({ address }) => address.toLowerCase()));
  const addresses = (await listMailboxes(exchange)).filter((address) => !listed.has(address.toLowerCase()));
  const found: string[] = [];
  for (const [index, address] of addresses.entries()) {
    onProgress(`asking mailbox ${index + 1} of ${addresses.length}`);
    try {
      if (hasFullAccess(await getMailboxPermissions(exchange, address), pointer)) found.push(address);
    } catch (error) {
      if (!isFault(error, 'exchange.not-found')) throw error; // gone meanwhile
    }
  }
  return found;
}
