/** What the configuration says of a setup, in the setup's own words. Pure. */
import type { SetupConfig, SetupStore } from '../config/config.ts';
import { type CredentialStore, certificateStore, commandStore, fileStore, noStore } from './credential-store.ts';
import type { Desired, SetupProtocol } from './desired.ts';

const dayMs = 86_400_000;

export function desiredOf(tenant: string, authority: string, setup: SetupConfig): Desired {
  const { uniqueName, displayName, adopt, audience, mailboxes, store, enableClientAccess, smtp } = setup;
  const order: readonly SetupProtocol[] = ['imap', 'pop3', 'smtp'];
  const lifetimeDays = Math.max(1, Math.round(setup.lifetimeMs / dayMs));
  const overlapDays = setup.overlapMs / dayMs;
  const kind = store.kind === 'certificate' ? 'certificate' : 'secret';
  return {
    tenant,
    authority,
    app: { uniqueName, displayName, audience: audience === 'single-tenant' ? 'AzureADMyOrg' : 'AzureADMultipleOrgs', adopt },
    protocols: order.filter((protocol) => mailboxes.some((one) => one.protocols.includes(protocol))),
    mailboxes,
    credential: store.kind === 'federated' ? store : { kind, lifetimeDays, overlapDays },
    enableClientAccess,
    smtp,
  };
}

export function storeOf(store: SetupStore): CredentialStore {
  switch (store.kind) {
    case 'file':
      return fileStore(store.path);
    case 'certificate':
      return certificateStore(store.certificateFile, store.keyFile);
    case 'command':
      return commandStore(store.command);
    case 'federated':
      return noStore();
  }
}
