/**
 * The control port: how a person or a test changes the tenant while it runs. HTTP on loopback, JSON; sandbox/README.md describes it.
 *
 * The hard thing is to stay dull: each route changes one thing of the state, and the servers notice by themselves.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { addMailbox, fillMailbox } from './contoso.ts';
import { setQuirks as setDirectoryQuirks } from './directory/state.ts';
import { nextUidValidity, renameFolder } from './exchange/imap/folders.ts';
import { uniqueIdOf } from './exchange/pop/maildrop.ts';
import { Folder, sha256Of } from './folder.ts';
import { directoryScenarioNamed, directoryScenarios } from './scenario/directory.ts';
import { howToReach, type MailboxScenario, scenarioNamed, scenarios } from './scenario.ts';
import { type App, folderOf, type Mailbox, mailboxOf, makeMailbox, makeSecret, registerPointer, type Tenant } from './tenant.ts';

const bodyLimitBytes = 200 * 1024 * 1024;
const dayMs = 86_400_000;

/** A request that cannot be done, with the HTTP status that says so. */
class ControlError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Call {
  readonly tenant: Tenant;
  /** What stood in the places of the route's path. */
  readonly places: readonly string[];
  readonly query: URLSearchParams;
  body(): Promise<Buffer>;
  json(): Promise<Record<string, unknown>>;
}

type Act = (call: Call) => unknown;

export function serveControl(tenant: Tenant): Server {
  return createServer((request, response) => {
    handle(tenant, request)
      .then((result) => ({ status: 200, result }))
      .catch((error: unknown) => ({
        status: error instanceof ControlError ? error.status : 500,
        result: { error: error instanceof Error ? error.message : String(error) },
      }))
      .then(({ status, result }) => {
        const body = Buffer.isBuffer(result) ? result : Buffer.from(`${JSON.stringify(result, undefined, 2)}\n`);
        const type = Buffer.isBuffer(result) ? 'message/rfc822' : 'application/json';
        response.writeHead(status, { 'content-type': type, 'content-length': body.length });
        response.end(body);
      });
  });
}

async function handle(tenant: Tenant, request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  // A page in a browser must not be able to drive this port: browsers send Origin, tools do not.
  const isHere = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '');
  if (request.headers.origin !== undefined || !isHere) throw new ControlError(403, 'not for browsers');
  const segments = url.pathname
    .split('/')
    .filter((one) => one !== '')
    .map((one) => decodeURIComponent(one));
  for (const [method, path, act] of routes) {
    if (method !== request.method) continue;
    const wanted = path.split('/').filter((one) => one !== '');
    if (wanted.length !== segments.length) continue;
    if (!wanted.every((one, index) => one === '*' || one === segments[index])) continue;
    const places = segments.filter((_, index) => wanted[index] === '*');
    const body = () => readAll(request);
    const json = async () => asRecord((await body()).toString());
    return (await act({ tenant, places, query: url.searchParams, body, json })) ?? { done: true };
  }
  throw new ControlError(404, `no such route: ${request.method} ${url.pathname}`);
}

const routes: readonly (readonly [method: string, path: string, act: Act])[] = [
  ['GET', '/', ({ tenant }) => summary(tenant)],
  ['GET', '/scenarios', () => [...scenarios.map((one) => ({ ...one, how: howToReach(one) })), ...directoryScenarios]],
  ['GET', '/journal', ({ tenant }) => tenant.journal],
  ['GET', '/submitted', ({ tenant }) => tenant.submitted],
  ['POST', '/tenant', changeTenant],
  ['GET', '/directory', ({ tenant }) => directorySummary(tenant)],
  ['POST', '/directory', changeDirectory],
  ['PUT', '/directory/scenarios/*', (call) => setDirectoryScenario(call, true)],
  ['DELETE', '/directory/scenarios/*', (call) => setDirectoryScenario(call, false)],
  ['POST', '/tokens/expire', ({ tenant }) => expireTokens(tenant)],
  ['POST', '/sessions/cut', ({ tenant, query }) => cutSessions(tenant, query.get('mailbox'))],
  ['GET', '/apps/*', (call) => appSummary(appOf(call))],
  ['POST', '/apps/*', changeApp],
  ['PUT', '/apps/*/pointer', setPointer],
  ['DELETE', '/apps/*/pointer', removePointer],
  ['PUT', '/apps/*/send-assignment', (call) => setSendAssignment(call, true)],
  ['DELETE', '/apps/*/send-assignment', (call) => setSendAssignment(call, false)],
  ['POST', '/apps/*/secrets', addSecret],
  ['DELETE', '/apps/*/secrets/*', removeSecret],
  ['POST', '/mailboxes', createMailbox],
  ['GET', '/mailboxes/*', (call) => mailboxSummary(mailboxFor(call))],
  ['POST', '/mailboxes/*', changeMailbox],
  ['DELETE', '/mailboxes/*', removeMailbox],
  ['PUT', '/mailboxes/*/scenarios/*', (call) => setScenario(call, true)],
  ['DELETE', '/mailboxes/*/scenarios/*', (call) => setScenario(call, false)],
  ['PUT', '/mailboxes/*/grants/*', (call) => setGrant(call, 'grants', true)],
  ['DELETE', '/mailboxes/*/grants/*', (call) => setGrant(call, 'grants', false)],
  ['PUT', '/mailboxes/*/send-as/*', (call) => setGrant(call, 'sendAs', true)],
  ['DELETE', '/mailboxes/*/send-as/*', (call) => setGrant(call, 'sendAs', false)],
  ['POST', '/mailboxes/*/fill', fill],
  ['GET', '/mailboxes/*/messages', listMessages],
  ['POST', '/mailboxes/*/messages', deliver],
  ['GET', '/mailboxes/*/messages/*', (call) => Buffer.concat(messageFor(call).message.chunks)],
  ['DELETE', '/mailboxes/*/messages/*', removeMessage],
  ['POST', '/mailboxes/*/uidvalidity', (call) => folderFor(call).renumber()],
  ['POST', '/mailboxes/*/folders', createFolder],
  ['POST', '/mailboxes/*/folders/rename', rename],
];

function summary(tenant: Tenant): unknown {
  return {
    tenantId: tenant.id,
    domain: tenant.domain,
    sessions: tenant.sessions.size,
    smtpClientAuthenticationDisabled: tenant.smtpClientAuthenticationDisabled,
    popPipelining: tenant.popPipelining,
    apps: [...tenant.apps.values()].map(appSummary),
    mailboxes: [...tenant.mailboxes.values()].map(mailboxSummary),
  };
}

/** Without the secret's values: they are printed once, at start. */
function appSummary(app: App): unknown {
  return {
    clientId: app.clientId,
    name: app.name,
    objectId: app.objectId,
    oid: app.principal?.oid,
    enabled: app.principal?.enabled,
    roles: app.principal?.roles,
    graphRoles: app.principal?.graphRoles,
    secrets: app.secrets.map(({ id, expires }) => ({ id, expires })),
    tokenLifetimeSeconds: app.tokenLifetimeSeconds,
    tokenRequests: app.tokenRequests,
    quirks: app.quirks,
  };
}

function mailboxSummary(mailbox: Mailbox): unknown {
  return {
    address: mailbox.address,
    imapEnabled: mailbox.imapEnabled,
    popEnabled: mailbox.popEnabled,
    smtpClientAuthenticationDisabled: mailbox.smtpClientAuthenticationDisabled,
    isInSendScope: mailbox.isInSendScope,
    grants: mailbox.grants.size,
    sendAs: mailbox.sendAs.size,
    seen: mailbox.seen,
    quirks: mailbox.quirks,
    folders: mailbox.folders.map(({ name, uidValidity, uidNext, messages }) => ({ name, uidValidity, uidNext, messages: messages.length })),
  };
}

/** Every token issued up to now is refused from now on, and every open session ends as by an expired token. */
function expireTokens(tenant: Tenant): unknown {
  tenant.tokensTakenFrom = tenant.nextTokenSerial;
  const sessions = [...tenant.sessions].filter((session) => session.mailbox !== '');
  for (const session of sessions) session.expire();
  return { sessions: sessions.length };
}

function cutSessions(tenant: Tenant, address: string | null): unknown {
  const sessions = [...tenant.sessions].filter((session) => address === null || session.mailbox === address.toLowerCase());
  for (const session of sessions) session.cut();
  return { sessions: sessions.length };
}

function appOf({ tenant, places }: Call): App {
  const app = tenant.apps.get((places[0] ?? '').toLowerCase());
  if (!app) throw new ControlError(404, `no app ${places[0]}`);
  return app;
}

async function changeApp(call: Call): Promise<unknown> {
  const app = appOf(call);
  const wanted = await call.json();
  if (typeof wanted['tokenLifetimeSeconds'] === 'number') app.tokenLifetimeSeconds = wanted['tokenLifetimeSeconds'];
  if (app.principal && typeof wanted['enabled'] === 'boolean') app.principal.enabled = wanted['enabled'];
  if (app.principal && Array.isArray(wanted['roles'])) app.principal.roles = wanted['roles'].map(String);
  if (app.principal && Array.isArray(wanted['graphRoles'])) app.principal.graphRoles = wanted['graphRoles'].map(String);
  setQuirks(app.quirks, wanted['quirks']);
  return appSummary(app);
}

async function changeTenant({ tenant, json }: Call): Promise<unknown> {
  const { smtpClientAuthenticationDisabled, popPipelining } = await json();
  if (typeof smtpClientAuthenticationDisabled === 'boolean') tenant.smtpClientAuthenticationDisabled = smtpClientAuthenticationDisabled;
  if (typeof popPipelining === 'boolean') tenant.popPipelining = popPipelining;
  return { smtpClientAuthenticationDisabled: tenant.smtpClientAuthenticationDisabled, popPipelining: tenant.popPipelining };
}

/** Without tokens and codes. */
function directorySummary({ directory }: Tenant): unknown {
  return {
    quirks: directory.quirks,
    admins: [...directory.admins.values()].map(({ upn, roles }) => ({ upn, roles })),
    groups: [...directory.groups.values()].map(({ address, members }) => ({ address, members: [...members] })),
    scopes: directory.scopes,
    roleAssignments: directory.roleAssignments,
    deleted: directory.deletedApps.map(({ app }) => app.clientId),
    audit: directory.audit,
  };
}

/** Quirks of administration, and members of a group: `{"quirks": {…}, "members": {"senders@contoso.test": ["a@contoso.test"]}}`. */
async function changeDirectory({ tenant, json }: Call): Promise<unknown> {
  const { quirks, members } = await json();
  if (typeof quirks === 'object' && quirks !== null) setDirectoryQuirks(tenant.directory.quirks, quirks);
  for (const [address, list] of Object.entries(Object(members))) {
    const group = tenant.directory.groups.get(address.toLowerCase());
    if (!group || !Array.isArray(list)) throw new ControlError(404, `no group ${address}`);
    group.members.clear();
    for (const one of list) group.members.add(String(one).toLowerCase());
  }
  return directorySummary(tenant);
}

function setDirectoryScenario({ tenant, places }: Call, isOn: boolean): unknown {
  const scenario = directoryScenarioNamed(places[0] ?? '');
  if (!scenario) throw new ControlError(404, `no scenario of administration ${places[0]}`);
  const { quirks } = scenario;
  setDirectoryQuirks(tenant.directory.quirks, isOn ? quirks : Object.fromEntries(Object.keys(quirks).map((name) => [name, null])));
  return directorySummary(tenant);
}

/** `New-ServicePrincipal`: the object id that is given is taken as it is; without one it is the right one. */
async function setPointer(call: Call): Promise<unknown> {
  const app = appOf(call);
  const { objectId } = await call.json();
  removePointer(call);
  if (typeof objectId === 'string') call.tenant.pointers.push({ appId: app.clientId, objectId, refusesLogins: 0 });
  else registerPointer(call.tenant, app);
  return call.tenant.pointers.find((one) => one.appId === app.clientId);
}

function removePointer(call: Call): void {
  const { clientId } = appOf(call);
  const left = call.tenant.pointers.filter((one) => one.appId !== clientId);
  call.tenant.pointers.splice(0, call.tenant.pointers.length, ...left);
}

function setSendAssignment(call: Call, isAssigned: boolean): unknown {
  const objectId = appOf(call).principal?.oid;
  if (objectId === undefined) throw new ControlError(409, 'the app has no service principal');
  const { sendAssignments } = call.tenant;
  const left = sendAssignments.filter((one) => one.objectId !== objectId);
  sendAssignments.splice(0, sendAssignments.length, ...left, ...(isAssigned ? [{ objectId }] : []));
  return { objectId, isAssigned };
}

/** Adds a secret and answers with its value. `expiresInDays` may be negative. */
async function addSecret(call: Call): Promise<unknown> {
  const { expiresInDays } = await call.json();
  const days = typeof expiresInDays === 'number' ? expiresInDays : 180;
  const secret = { id: randomUUID(), value: makeSecret(), expires: new Date(call.tenant.now().getTime() + days * dayMs) };
  appOf(call).secrets.push(secret);
  return secret;
}

function removeSecret(call: Call): void {
  const { secrets } = appOf(call);
  const at = secrets.findIndex((secret) => secret.id === call.places[1]);
  if (at < 0) throw new ControlError(404, `no secret ${call.places[1]}`);
  secrets.splice(at, 1);
}

function mailboxFor({ tenant, places }: Call): Mailbox {
  const mailbox = mailboxOf(tenant, places[0] ?? '');
  if (!mailbox) throw new ControlError(404, `no mailbox ${places[0]}`);
  return mailbox;
}

function folderFor(call: Call): Folder {
  const name = call.query.get('folder') ?? 'INBOX';
  const folder = folderOf(mailboxFor(call), name);
  if (!folder) throw new ControlError(404, `no folder ${name}`);
  return folder;
}

/** Guardrail: only domains that are reserved for tests and documents. RFC 2606. */
async function createMailbox({ tenant, json }: Call): Promise<unknown> {
  const address = String((await json())['address'] ?? '').toLowerCase();
  if (!/^[^@\s]+@(?:[a-z0-9-]+\.)*[a-z0-9-]+\.(?:test|example)$/.test(address)) {
    throw new ControlError(400, 'an address in a domain that ends in .test or .example');
  }
  if (mailboxOf(tenant, address)) throw new ControlError(409, `${address} is there already`);
  return mailboxSummary(addMailbox(tenant, makeMailbox(address)));
}

async function changeMailbox(call: Call): Promise<unknown> {
  const mailbox = mailboxFor(call);
  const wanted = await call.json();
  if (typeof wanted['imapEnabled'] === 'boolean') mailbox.imapEnabled = wanted['imapEnabled'];
  if (typeof wanted['popEnabled'] === 'boolean') mailbox.popEnabled = wanted['popEnabled'];
  if (typeof wanted['isInSendScope'] === 'boolean') mailbox.isInSendScope = wanted['isInSendScope'];
  const isDisabled = wanted['smtpClientAuthenticationDisabled'];
  if (typeof isDisabled === 'boolean' || isDisabled === null) mailbox.smtpClientAuthenticationDisabled = isDisabled;
  setQuirks(mailbox.quirks, wanted['quirks']);
  return mailboxSummary(mailbox);
}

/** Whoever is logged in is cut off: there is nothing left to read. */
function removeMailbox(call: Call): void {
  const { address } = mailboxFor(call);
  cutSessions(call.tenant, address);
  call.tenant.mailboxes.delete(address);
}

/** Switches a mailbox scenario on for this mailbox, whatever its address, or off again; several may be on as far as they differ in their quirks. */
function setScenario(call: Call, isOn: boolean): unknown {
  const mailbox = mailboxFor(call);
  const scenario = mailboxScenarioFor(call);
  for (const [name, value] of Object.entries(scenario.quirks ?? {})) {
    setQuirks(mailbox.quirks, { [name]: isOn ? structuredClone(value) : null });
  }
  if (scenario.imapEnabled !== undefined) mailbox.imapEnabled = isOn ? scenario.imapEnabled : true;
  if (scenario.popEnabled !== undefined) mailbox.popEnabled = isOn ? scenario.popEnabled : true;
  if (scenario.isInSendScope !== undefined) mailbox.isInSendScope = isOn ? scenario.isInSendScope : true;
  const { smtpClientAuthenticationDisabled } = scenario;
  if (smtpClientAuthenticationDisabled !== undefined) {
    mailbox.smtpClientAuthenticationDisabled = isOn ? smtpClientAuthenticationDisabled : false;
  }
  if (scenario.granted === false) {
    for (const { principal } of call.tenant.apps.values()) {
      if (principal === undefined) continue;
      if (isOn) mailbox.grants.delete(principal.oid);
      else mailbox.grants.add(principal.oid);
    }
  }
  return mailboxSummary(mailbox);
}

function mailboxScenarioFor({ places }: Call): MailboxScenario {
  const scenario = scenarioNamed(places[1] ?? '');
  if (scenario?.reach !== 'mailbox') throw new ControlError(404, `no mailbox scenario ${places[1]}`);
  if (scenario.language !== undefined)
    throw new ControlError(400, `${scenario.name} is in its own mailbox only: it has folders of its own`);
  return scenario;
}

/** Sets the given quirks; null takes one away. */
function setQuirks(quirks: object, wanted: unknown): void {
  if (typeof wanted !== 'object' || wanted === null) return;
  for (const [name, value] of Object.entries(wanted)) {
    if (value === null) Reflect.deleteProperty(quirks, name);
    else Reflect.set(quirks, name, value);
  }
}

/** The grant is named by object id or by client id. */
function setGrant(call: Call, right: 'grants' | 'sendAs', isGranted: boolean): unknown {
  const mailbox = mailboxFor(call);
  const named = (call.places[1] ?? '').toLowerCase();
  const oid = call.tenant.apps.get(named)?.principal?.oid ?? named;
  if (isGranted) mailbox[right].add(oid);
  else mailbox[right].delete(oid);
  return { oid, isGranted };
}

function fill(call: Call): unknown {
  const number = (name: string, fallback: number) => {
    const value = Number(call.query.get(name) ?? fallback);
    if (!Number.isSafeInteger(value) || value < 0) throw new ControlError(400, `${name} is a whole number`);
    return value;
  };
  const folder = folderFor(call);
  const sizeBytes = fillMailbox(mailboxFor(call), {
    count: number('count', 100),
    seed: number('seed', 1),
    large: number('large', 0),
    largeMinBytes: number('largeMinBytes', 1_000_000),
    largeMaxBytes: number('largeMaxBytes', 20_000_000),
    medianBytes: number('medianBytes', 8192),
    boundBytes: number('boundBytes', 480 * 1024),
    from: new Date('2026-01-05T08:00:00Z'),
    folder: folder.name,
  });
  return { messages: folder.messages.length, addedBytes: sizeBytes, uidNext: folder.uidNext };
}

/** `uidl` is what POP3 calls it, which has INBOX only. */
function listMessages(call: Call): unknown {
  const [mailbox, folder] = [mailboxFor(call), folderFor(call)];
  return folder.messages.map((message) => ({
    uid: message.uid,
    ...(folder.name === 'INBOX' ? { uidl: uniqueIdOf(mailbox, message) } : {}),
    sha256: sha256Of(message),
    sizeBytes: message.sizeBytes,
    internalDate: message.internalDate,
    flags: [...message.flags],
  }));
}

async function deliver(call: Call): Promise<unknown> {
  const mailbox = mailboxFor(call);
  const hiddenFor = mailbox.quirks.lateUid ?? 0;
  const at = call.query.get('internalDate');
  const internalDate = at === null ? call.tenant.now() : new Date(at);
  if (Number.isNaN(internalDate.getTime())) throw new ControlError(400, 'internalDate is a date such as 2026-03-01T08:00:00Z');
  const message = folderFor(call).deliver([await call.body()], { internalDate, hiddenFor });
  return { uid: message.uid, sha256: sha256Of(message), sizeBytes: message.sizeBytes };
}

function messageFor(call: Call) {
  const folder = folderFor(call);
  const message = folder.byUid(Number(call.places[1]));
  if (!message) throw new ControlError(404, `no message with UID ${call.places[1]}`);
  return { folder, message };
}

function removeMessage(call: Call): void {
  const { folder, message } = messageFor(call);
  folder.remove(new Set([message]));
}

async function createFolder(call: Call): Promise<unknown> {
  const mailbox = mailboxFor(call);
  const name = String((await call.json())['name'] ?? '');
  if (name === '' || folderOf(mailbox, name)) throw new ControlError(409, 'a name that is new');
  mailbox.folders.push(new Folder({ name, uidValidity: nextUidValidity(mailbox) }));
  return mailboxSummary(mailbox);
}

async function rename(call: Call): Promise<unknown> {
  const mailbox = mailboxFor(call);
  const { from, to } = await call.json();
  const folder = folderOf(mailbox, String(from));
  if (!folder) throw new ControlError(404, `no folder ${from}`);
  renameFolder(mailbox, folder, String(to));
  return mailboxSummary(mailbox);
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyLimitBytes) throw new ControlError(413, 'too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function asRecord(text: string): Record<string, unknown> {
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {}
  throw new ControlError(400, 'a JSON object');
}
