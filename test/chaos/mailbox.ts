/**
 * The other side of a schedule: a mailbox of the sandbox, driven and read through its control port, and everything that was ever in it.
 *
 * The hard thing is to be an independent witness. What counts is the list of bytes that was delivered from here and the sandbox's own
 * list of UIDs and hashes; nothing is asked by IMAP and nothing is parsed.
 */
import { createHash } from 'node:crypto';
import { chanceOf } from '../crash/chance.ts';
import type { Delivery, Letter, Protocol, Schedule } from './schedule.ts';

const deadlineMs = 20_000;
const dayMs = 86_400_000;

/** What a server calls a message: by IMAP its UID, by POP3 its UIDL. */
export type Id = number | string;

/** The messages of a folder under one UIDVALIDITY: SHA-256 of the bytes that the protocol can hand out. */
export type Uids = ReadonlyMap<Id, string>;

export interface FolderNow {
  readonly name: string;
  /** 0 over POP3, which has none: there a folder that is made anew has new UIDLs. */
  readonly uidValidity: number;
  readonly uids: Uids;
  /** Those that are marked as read. */
  readonly seen: readonly Id[];
}

/** A message that is gone, though nobody here removed it. */
export interface Taken {
  readonly name: string;
  readonly uidValidity: number;
  readonly id: Id;
  readonly sha256: string;
}

interface Listed {
  readonly uid: number;
  readonly uidl?: string;
  readonly sha256: string;
  readonly flags: readonly string[];
}

export class ServerMailbox {
  readonly address: string;
  readonly #control: string;
  readonly #seed: number;
  /** Names as they are now, by the name that they had at first. */
  readonly #names: Map<string, string>;
  /** Everything that was ever listed, by folder (its first name) and UIDVALIDITY. Never shrinks. */
  readonly #history = new Map<string, Map<Id, string>>();
  readonly #delivered = new Set<string>();
  readonly #protocol: Protocol;
  /** SHA-256 as POP3 hands a message out, by that of its bytes. */
  readonly #overPop = new Map<string, string>();
  readonly #scenariosOn = new Set<string>();
  /** UIDs of which the bytes are withheld or replaced by a scenario that was on at some time. */
  #hadSpoiltUids = false;
  #hadHiddenUids = false;
  #hadOtherSizes = false;
  #wasRenumberedBehindOurBack = false;
  readonly #now = new Map<string, FolderNow>();
  /** What somebody here is removing. */
  readonly #removed = new Set<string>();
  readonly #taken: Taken[] = [];

  constructor(control: string, address: string, { seed, folders, protocol }: Schedule) {
    this.#control = control;
    this.address = address;
    this.#seed = seed;
    this.#protocol = protocol;
    this.#names = new Map(folders.map((name) => [name, name]));
  }

  /** Whether scenarios were on that hold bytes back or replace them. */
  get hadSpoiltUids(): boolean {
    return this.#hadSpoiltUids;
  }

  /** Whether a folder got a new UIDVALIDITY at a login, so that {@link uidsOf} may lack some of its numbers. */
  get hasUnknownEras(): boolean {
    return this.#wasRenumberedBehindOurBack;
  }

  /** Whether messages were counted before they were listed. */
  get hadHiddenUids(): boolean {
    return this.#hadHiddenUids;
  }

  /** What the import itself took off the server. */
  get taken(): readonly Taken[] {
    return this.#taken;
  }

  /** What is marked as read now. */
  seenIn(): readonly Taken[] {
    return [...this.#now.values()].flatMap(({ name, uidValidity, uids, seen }) =>
      seen.map((id) => ({ name, uidValidity, id, sha256: uids.get(id) ?? '' })),
    );
  }

  /** The hashes of what lies in the folder to which the import moves messages. */
  async moved(folder: string): Promise<readonly string[]> {
    const { folders } = await this.#summary();
    return folders.some(({ name }) => name === folder) ? (await this.#listed(folder)).map(({ sha256 }) => sha256) : [];
  }

  /** Whether the sizes that the server announces were others at another time. */
  get hadOtherSizes(): boolean {
    return this.#hadOtherSizes;
  }

  /** UIDs that were in a folder under this UIDVALIDITY when it was looked at last, if it still has it. */
  presentIn(name: string, uidValidity: number): Iterable<Id> {
    const now = this.#now.get(firstName(name));
    return now?.uidValidity === uidValidity ? now.uids.keys() : [];
  }

  get deliveredHashes(): ReadonlySet<string> {
    return this.#delivered;
  }

  async create(): Promise<void> {
    await this.#call('POST', '/mailboxes', { address: this.address });
    const { folders } = await this.#summary();
    for (const name of this.#names.keys()) {
      if (!folders.some((one) => one.name === name)) await this.#call('POST', `${this.#path}/folders`, { name });
    }
  }

  async destroy(): Promise<void> {
    await this.#call('DELETE', this.#path);
  }

  async deliver(deliveries: readonly Delivery[]): Promise<void> {
    for (const { folder, letter, daysAgo } of deliveries) {
      const bytes = letterBytes(this.#seed, letter);
      const at = new Date(Date.now() - daysAgo * dayMs).toISOString();
      const where = `folder=${encodeURIComponent(this.#nameOf(folder))}&internalDate=${at}`;
      this.#overPop.set(sha256(bytes), sha256(overPop(bytes)));
      this.#delivered.add(sha256(this.#protocol === 'pop3' ? overPop(bytes) : bytes));
      await this.#send('POST', `${this.#path}/messages?${where}`, bytes);
    }
    await this.look();
  }

  async remove(folder: string, where: number): Promise<void> {
    const listed = await this.#listed(this.#nameOf(folder));
    const chosen = listed[Math.min(listed.length - 1, Math.floor(where * listed.length))];
    if (chosen === undefined) return;
    const uidValidity = (await this.look()).get(folder)?.uidValidity ?? 0;
    this.#removed.add(messageKey(folder, uidValidity, this.#idOf(chosen)));
    // Gone already where the import itself was told to remove it.
    await this.#call('DELETE', `${this.#path}/messages/${chosen.uid}?folder=${encodeURIComponent(this.#nameOf(folder))}`).catch(
      () => undefined,
    );
    await this.look();
  }

  async renumber(folder: string): Promise<void> {
    const before = (await this.look()).get(folder);
    // Over POP3 every message of the folder goes, and others of the same bytes come.
    if (this.#protocol === 'pop3') for (const id of before?.uids.keys() ?? []) this.#removed.add(messageKey(folder, 0, id));
    await this.#call('POST', `${this.#path}/uidvalidity?folder=${encodeURIComponent(this.#nameOf(folder))}`);
    await this.look();
  }

  /** Gives a folder another name, or its first one back. INBOX keeps its. */
  async rename(folder: string): Promise<void> {
    if (folder === 'INBOX') return;
    const from = this.#nameOf(folder);
    const to = from === folder ? `${folder} renamed` : folder;
    await this.#call('POST', `${this.#path}/folders/rename`, { from, to });
    this.#names.set(folder, to);
    await this.look();
  }

  async scenario(name: string, on: boolean): Promise<void> {
    await this.#call(on ? 'PUT' : 'DELETE', `${this.#path}/scenarios/${name}`);
    if (on) this.#scenariosOn.add(name);
    else this.#scenariosOn.delete(name);
    this.#hadSpoiltUids ||= on && (name === 'substitute' || name === 'empty-fetch');
    this.#hadOtherSizes ||= name === 'wrong-size';
    this.#hadHiddenUids ||= on && name === 'late-uid';
    this.#wasRenumberedBehindOurBack ||= on && name === 'uidvalidity-changes';
  }

  /** Ends everything that is wrong with it. */
  async heal(): Promise<void> {
    for (const name of [...this.#scenariosOn]) await this.scenario(name, false);
    for (const [first, now] of this.#names) if (now !== first) await this.rename(first);
  }

  /** Cuts its sessions at the server. */
  async cut(): Promise<void> {
    await this.#call('POST', `/sessions/cut?mailbox=${this.address}`);
  }

  async expireTokens(): Promise<void> {
    await this.#call('POST', '/tokens/expire');
  }

  async tokenEndpoint(clientId: string, busy: { readonly kind: string; readonly times: number } | null): Promise<void> {
    await this.#call('POST', `/apps/${clientId}`, { quirks: { busy } });
  }

  /** What is in its folders now, by their first names. Whatever was ever seen here is remembered. */
  async look(): Promise<ReadonlyMap<string, FolderNow>> {
    const found = new Map<string, FolderNow>();
    for (const first of this.#names.keys()) found.set(first, await this.#folderNow(first));
    return found;
  }

  /** What UIDs stood for in a folder under this UIDVALIDITY, as far as it was ever looked at. `name` is any that the folder had. */
  uidsOf(name: string, uidValidity: number): Uids | undefined {
    return this.#history.get(eraKey(firstName(name), uidValidity));
  }

  async #folderNow(first: string): Promise<FolderNow> {
    const name = this.#nameOf(first);
    const [{ folders }, listed] = await Promise.all([this.#summary(), this.#listed(name)]);
    const isPop = this.#protocol === 'pop3';
    const uidValidity = isPop ? 0 : folders.find((one) => one.name === name)?.uidValidity;
    if (uidValidity === undefined) throw new Error(`the sandbox has no folder ${name}`);
    const uids = new Map<Id, string>(
      listed.map((one) => [this.#idOf(one), isPop ? (this.#overPop.get(one.sha256) ?? one.sha256) : one.sha256]),
    );
    const seen = listed.filter(({ flags }) => flags.includes('\\Seen')).map((one) => this.#idOf(one));
    const key = eraKey(first, uidValidity);
    this.#history.set(key, new Map([...(this.#history.get(key) ?? []), ...uids]));
    const before = this.#now.get(first);
    if (before?.uidValidity === uidValidity) {
      const gone = [...before.uids].filter(([id]) => !uids.has(id) && !this.#removed.has(messageKey(first, uidValidity, id)));
      this.#taken.push(...gone.map(([id, sha256]) => ({ name, uidValidity, id, sha256 })));
    }
    const now = { name, uidValidity, uids, seen };
    this.#now.set(first, now);
    return now;
  }

  async #listed(name: string): Promise<readonly Listed[]> {
    return (await this.#call('GET', `${this.#path}/messages?folder=${encodeURIComponent(name)}`)) as Listed[];
  }

  #idOf({ uid, uidl = '' }: Listed): Id {
    return this.#protocol === 'pop3' ? uidl : uid;
  }

  async #summary(): Promise<{ readonly folders: readonly { readonly name: string; readonly uidValidity: number }[] }> {
    return (await this.#call('GET', this.#path)) as { folders: { name: string; uidValidity: number }[] };
  }

  #nameOf(folder: string): string {
    return this.#names.get(folder) ?? folder;
  }

  get #path(): string {
    return `/mailboxes/${this.address}`;
  }

  #call(method: string, path: string, body?: object): Promise<unknown> {
    return this.#send(method, path, body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
  }

  async #send(method: string, path: string, body?: Buffer): Promise<unknown> {
    const init = { method, signal: AbortSignal.timeout(deadlineMs), ...(body === undefined ? {} : { body }) };
    const answer = await fetch(`${this.#control}${path}`, init);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the sandbox did not do ${method} ${path}: ${text}`);
    return JSON.parse(text);
  }
}

/** A message stays the same when its folder is renamed. */
export function messageKey(folder: string, uidValidity: number, id: Id): string {
  return JSON.stringify([firstName(folder), uidValidity, id]);
}

/** The name that a folder had at first. */
export function firstName(name: string): string {
  return name.replace(/ renamed$/, '');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** RFC 1939 §3: an answer consists of lines, so a last line without an end gets one. */
function overPop(bytes: Buffer): Buffer {
  return bytes.length === 0 || bytes.subarray(-2).toString('latin1') === '\r\n' ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);
}

function eraKey(folder: string, uidValidity: number): string {
  return `${folder}\0${uidValidity}`;
}

/** The bytes of a letter: the same for the same seed and number, different from every other unless it is a twin. */
export function letterBytes(seed: number, { number, sizeBytes, twinOf }: Letter): Buffer {
  if (sizeBytes === 0) return Buffer.alloc(0);
  const own = twinOf ?? number;
  const chance = chanceOf(seed * 1_000 + own);
  const head = `From: chaos@contoso.test\r\nTo: archive@contoso.test\r\nSubject: letter ${own} of ${seed}\r\nMessage-ID: <${own}.${seed}@contoso.test>\r\n\r\n`;
  const lines = [head];
  for (let length = head.length; length < sizeBytes; ) {
    const line = `${oddStart(chance.next())}${(chance.next() * 1e16).toString(36)} ${'lorem ipsum '.repeat(chance.between(0, 5))}\r\n`;
    lines.push(line);
    length += line.length;
  }
  // Now and then the last line has no end, or the bytes are no text at all.
  if (chance.next() < 0.1) lines.push('a last line without an end');
  if (chance.next() < 0.05) lines.push('\u0000\u0001\u00fe\u00ff');
  return Buffer.from(lines.join(''), 'latin1');
}

/** Lines that look like the protocol's own. */
function oddStart(drawn: number): string {
  if (drawn < 0.05) return '.';
  if (drawn < 0.07) return '..';
  if (drawn < 0.09) return '* 1 FETCH (UID 7 BODY[] {3}\r\n';
  if (drawn < 0.11) return ')\r\nA1 OK done\r\n';
  return '';
}
