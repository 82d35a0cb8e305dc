/** What a tenant should have: as `setup:` says it, or, where nothing says it, what its sources need of the app that they name. */
import type { TenantConfig } from '../../config/config.ts';
import { type CredentialStore, noStore } from '../../setup/credential-store.ts';
import type { Desired, DesiredMailbox, SetupProtocol } from '../../setup/desired.ts';
import { desiredOf, storeOf } from '../../setup/from-config.ts';
import type { KnownTenant } from './tenants.ts';

export interface DesiredAccess {
  readonly desired: Desired;
  readonly store: CredentialStore;
  /** Of `setup:` in the configuration. */
  readonly isConfigured: boolean;
}

/** The configuration's own defaults (schema-setup.ts). */
const lifetimeDays = 180;
const overlapDays = 7;

export function desiredAccess({ tenant, sources }: KnownTenant): DesiredAccess {
  const { setup, cloud } = tenant;
  if (setup !== undefined) {
    return { desired: desiredOf(tenant.name, cloud.authority, setup), store: storeOf(setup.store), isConfigured: true };
  }
  const mailboxes = new Map<string, DesiredMailbox>();
  for (const { mailbox, protocol } of sources) {
    const key = mailbox.toLowerCase();
    const known = mailboxes.get(key)?.protocols ?? [];
    mailboxes.set(key, { address: mailbox, protocols: [...new Set<SetupProtocol>([...known, protocol])], sendAs: [] });
  }
  const all = [...mailboxes.values()];
  const order: readonly SetupProtocol[] = ['imap', 'pop3'];
  return {
    desired: {
      tenant: tenant.name,
      authority: cloud.authority,
      app: { uniqueName: 'postern-mail', displayName: undefined, audience: 'AzureADMyOrg', adopt: tenant.clientId },
      protocols: order.filter((protocol) => all.some((one) => one.protocols.includes(protocol))),
      mailboxes: all,
      credential: credentialOf(tenant),
      smtp: { mode: 'claims' },
      enableClientAccess: false,
    },
    store: noStore(),
    isConfigured: false,
  };
}

function credentialOf({ credential }: TenantConfig): Desired['credential'] {
  return { kind: credential.kind === 'certificate' ? 'certificate' : 'secret', lifetimeDays, overlapDays };
}
