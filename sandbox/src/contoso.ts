/**
 * The tenant as it stands at start: contoso.test with the healthy app, the seeded mailbox, and everything that the scenario table names.
 *
 * The hard thing is that it must be the same at every start but for the keys, secrets and object ids, so that a test can rely on names.
 */

import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, makeSelfSigned } from './certificates.ts';
import { makeDirectory } from './directory/state.ts';
import { entraIssuer, outsideIssuer } from './entra/federation.ts';
import { syntheticMail } from './mail/synthetic.ts';
import {
  appScenarios,
  bulkMailbox,
  clientIdOf,
  domain,
  healthyClientId,
  type MailboxScenario,
  mailboxScenarios,
  seededMailbox,
  tenantId,
} from './scenario.ts';
import { type AppSecret, folderOf, type Mailbox, makeApp, makeMailbox, makeSecret, registerPointer, type Tenant } from './tenant.ts';

export interface Contoso {
  readonly tenant: Tenant;
  readonly clientId: string;
  /** The secret of the healthy app and of every scenario app that has a usable one. */
  readonly clientSecret: string;
  readonly clientSecretId: string;
  /** Key and certificate of the apps that have a good one, in PEM. */
  readonly appKeyPem: string;
  readonly appCertificatePem: string;
  /** Certificates that will not do: out of date, and never uploaded to any app. */
  readonly expiredCertificate: Identity;
  readonly unregisteredCertificate: Identity;
}

const dayMs = 86_400_000;
const journalLength = 500;

export async function makeContoso(now: () => Date): Promise<Contoso> {
  const start = now();
  const days = (count: number) => new Date(start.getTime() + count * dayMs);
  const [signingKey, foreignKey, outsideKey, good, expired, unregistered] = await Promise.all([
    makeSelfSigned('accounts.accesscontrol.sandbox.test', days(-30), days(365)),
    makeSelfSigned('accounts.accesscontrol.elsewhere.test', days(-30), days(365)),
    makeSelfSigned('kubernetes.contoso.test', days(-30), days(365)),
    makeSelfSigned('postern-app', days(-1), days(180)),
    makeSelfSigned('postern-app-expired', days(-400), days(-35)),
    makeSelfSigned('postern-app-unregistered', days(-1), days(180)),
  ]);
  const journal: string[] = [];
  const tenant: Tenant = {
    id: tenantId,
    domain,
    apps: new Map(),
    pointers: [],
    sendAssignments: [],
    smtpClientAuthenticationDisabled: true,
    popPipelining: false,
    submitted: [],
    mailboxes: new Map(),
    directory: makeDirectory(domain),
    signingKey,
    foreignKey,
    issuers: new Map([
      [outsideIssuer, outsideKey],
      [entraIssuer, signingKey],
    ]),
    tokensTakenFrom: 0,
    nextTokenSerial: 0,
    sessions: new Set(),
    journal,
    note(text) {
      journal.push(`${now().toISOString()} ${text}`);
      if (journal.length > journalLength) journal.shift();
    },
    now,
  };
  const value = makeSecret();
  const clientSecretId = randomUUID();
  const secrets: Readonly<Record<'usual' | 'ending' | 'expired' | 'none', readonly AppSecret[]>> = {
    usual: [{ id: clientSecretId, value, expires: days(180) }],
    ending: [{ id: randomUUID(), value, expires: days(20) }],
    expired: [{ id: randomUUID(), value, expires: days(-1) }],
    none: [],
  };
  for (const scenario of appScenarios) {
    const { secret = 'usual', certificate, name, number, graphRoles, ownsItself, ...shape } = scenario;
    const app = makeApp({
      ...shape,
      clientId: clientIdOf(number),
      name: number === 1 ? 'Postern' : `Postern (${name})`,
      secrets: secrets[secret],
      certificates: certificate === undefined ? [] : [(certificate === 'good' ? good : expired).certificate],
      ...(shape.quirks ? { quirks: structuredClone(shape.quirks) } : {}),
    });
    tenant.apps.set(app.clientId, app);
    if (graphRoles && app.principal) app.principal.graphRoles = [...graphRoles];
    if (ownsItself && app.principal) tenant.directory.owners.set(app.objectId, [app.principal.oid]);
    registerPointer(tenant, app, scenario.pointer);
    if (scenario.assignedToSend && app.principal) tenant.sendAssignments.push({ objectId: app.principal.oid });
  }
  addMailboxes(tenant, days(-60));
  return {
    tenant,
    clientId: healthyClientId,
    clientSecret: value,
    clientSecretId,
    appKeyPem: good.keyPem,
    appCertificatePem: good.certificatePem,
    expiredCertificate: expired,
    unregisteredCertificate: unregistered,
  };
}

/** Adds a healthy mailbox on which every registered service principal has FullAccess. */
export function addMailbox(tenant: Tenant, mailbox: Mailbox, isGranted = true): Mailbox {
  tenant.mailboxes.set(mailbox.address, mailbox);
  if (isGranted) for (const app of tenant.apps.values()) if (app.principal) mailbox.grants.add(app.principal.oid);
  return mailbox;
}

function addMailboxes(tenant: Tenant, from: Date): void {
  addMailbox(tenant, makeMailbox(seededMailbox));
  addMailbox(tenant, makeMailbox(bulkMailbox));
  for (const [index, scenario] of mailboxScenarios.entries()) addScenarioMailbox(tenant, scenario, index, from);
}

function addScenarioMailbox(tenant: Tenant, scenario: MailboxScenario, index: number, from: Date): void {
  const address = `${scenario.name}@${domain}`;
  const mailbox = makeMailbox(address, scenario.language, structuredClone(scenario.quirks ?? {}));
  mailbox.imapEnabled = scenario.imapEnabled ?? true;
  mailbox.popEnabled = scenario.popEnabled ?? true;
  if (scenario.smtpClientAuthenticationDisabled !== undefined) {
    mailbox.smtpClientAuthenticationDisabled = scenario.smtpClientAuthenticationDisabled;
  }
  mailbox.isInSendScope = scenario.isInSendScope ?? true;
  addMailbox(tenant, mailbox, scenario.granted ?? true);
  fillMailbox(mailbox, { count: scenario.messages ?? 12, seed: 100 + index, from, medianBytes: 4096, boundBytes: 60_000 });
}

export interface FillOptions {
  readonly count: number;
  readonly seed: number;
  readonly from: Date;
  readonly folder?: string;
  readonly medianBytes?: number;
  readonly boundBytes?: number;
  readonly large?: number;
  readonly largeMinBytes?: number;
  readonly largeMaxBytes?: number;
}

/** Fills a folder with synthetic mail, the same for the same seed. Returns how many bytes it is. */
export function fillMailbox(mailbox: Mailbox, options: FillOptions): number {
  const folder = folderOf(mailbox, options.folder ?? 'INBOX');
  if (!folder) throw new Error(`no folder ${options.folder} in ${mailbox.address}`);
  let sizeBytes = 0;
  const mail = syntheticMail({
    large: 0,
    largeMinBytes: 1_000_000,
    largeMaxBytes: 20_000_000,
    medianBytes: 8192,
    boundBytes: 480 * 1024,
    ...options,
    recipient: mailbox.address,
  });
  for (const { chunks, internalDate } of mail) {
    sizeBytes += folder.deliver(chunks, { internalDate }).sizeBytes;
  }
  const newest = folder.messages.at(-1);
  if (mailbox.quirks.lateUid && newest) newest.hiddenFor = mailbox.quirks.lateUid;
  return sizeBytes;
}

/** Delivers every `.eml` of a folder in order of name; its Date header is the internal date. */
export async function seedMailbox(mailbox: Mailbox, directory: string, now: Date): Promise<number> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.eml')).sort();
  const inbox = folderOf(mailbox, 'INBOX');
  for (const name of names) {
    const bytes = await readFile(join(directory, name));
    const date = new Date(/^date:[ \t]*(.+?)\r?$/im.exec(bytes.toString('latin1', 0, 16_384))?.[1] ?? '');
    inbox?.deliver([bytes], { internalDate: Number.isNaN(date.getTime()) ? now : date });
  }
  return names.length;
}
