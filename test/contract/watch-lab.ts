/**
 * A sandbox with everything that the tests of the watch change in it: mail, grants, secrets; and a configuration that points there, with a
 * receiver for its alerts.
 */
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import { mail } from './import-place.ts';
import {
  type MovedClock,
  movedClock,
  type Receiver,
  remove,
  type Service,
  type ServiceWish,
  startReceiver,
  startService,
} from './watch-place.ts';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;
export const webhookSecret = 'k3y-of-the-signature-0123456789';

export interface Setting {
  readonly mailbox: string;
  readonly clock: MovedClock;
  readonly receiver: Receiver;
  readonly wish: ServiceWish;
}

export interface SettingWish {
  readonly expires?: string;
  /** Further lines of the source. */
  readonly source?: string;
  readonly mailbox?: string;
  /** Lines under `alerts:`; a signed webhook when absent. */
  readonly alerts?: string;
}

export interface WatchLab {
  readonly sandbox: Sandbox;
  /** A mailbox that the app may open. */
  mailbox(name: string): string;
  setting(wish?: SettingWish): Promise<Setting>;
  /** Runs a service and ends it, whatever comes of the act. */
  serving(wish: SettingWish, act: (service: Service, at: Setting) => Promise<void>): Promise<void>;
  deliver(mailbox: string, ...subjects: readonly string[]): void;
  /** Gives the grant, or takes it back and cuts who is logged in. */
  setGrant(mailbox: string, isGranted: boolean): void;
}

export async function startWatchLab(): Promise<WatchLab> {
  const sandbox = await startSandbox({ withoutSeed: true });
  let made = 0;
  const mailbox = (name: string): string => {
    made += 1;
    return addMailbox(sandbox.tenant, makeMailbox(`${name}${made}@contoso.test`)).address;
  };
  const setting = async (wish: SettingWish = {}): Promise<Setting> => {
    const address = wish.mailbox ?? mailbox('watched');
    const receiver = await startReceiver();
    const cloud = `{ authority: "${sandbox.authority}", scope: "${sandbox.scope}" }`;
    const expires = wish.expires === undefined ? '' : `, expires: ${wish.expires}`;
    const yaml = `
tenants:
  lab: { tenantId: ${sandbox.tenant.id}, clientId: ${sandbox.clientId}, cloud: ${cloud}, credential: { secret: { env: LAB_SECRET }${expires} }, ca: ca.pem }
sources:
  box:
    tenant: lab
    mailbox: ${address}
    server: { host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }
    every: 1s
${(wish.source ?? '').replace(/^(?=.)/gm, '    ')}
alerts:
${(wish.alerts ?? 'webhook: { url: { env: HOOK }, secret: { env: HOOK_KEY } }').replace(/^(?=.)/gm, '  ')}
`;
    const env = { LAB_SECRET: sandbox.clientSecret, HOOK: receiver.url, HOOK_KEY: webhookSecret };
    const clock = movedClock();
    return { mailbox: address, clock, receiver, wish: { yaml, env, files: { 'ca.pem': sandbox.caPem }, clock } };
  };
  return {
    sandbox,
    mailbox,
    setting,
    async serving(wish, act) {
      const at = await setting(wish);
      const service = await startService(at.wish);
      try {
        await act(service, at);
      } finally {
        await service.stop();
        await at.receiver.close();
        remove(service.folder);
      }
    },
    deliver(address, ...subjects) {
      const found = mailboxOf(sandbox.tenant, address);
      const folder = found && folderOf(found, 'INBOX');
      for (const subject of subjects) folder?.deliver([Buffer.from(mail(subject))], { internalDate: sandbox.tenant.now() });
    },
    setGrant(address, isGranted) {
      const box = mailboxOf(sandbox.tenant, address);
      const oid = sandbox.tenant.apps.get(sandbox.clientId)?.principal?.oid ?? '';
      if (isGranted) box?.grants.add(oid);
      else box?.grants.delete(oid);
      if (!isGranted) for (const session of [...sandbox.tenant.sessions]) if (session.mailbox === address) session.cut();
    },
  };
}
