/**
 * The proxy benchmark: Postern beside haproxy and stunnel, which only forward (plain text or TLS in, TLS out), between the same ends: Debian's
 * Dovecot with XOAUTH2, and a client that counts bytes. With the forwarders the client logs in itself; Postern has to check a password,
 * have a token and log in on the client's behalf.
 *
 * proxy.ts [--runs 5] [--megabytes 500] [--idle 100,1000,5000] [--only login,burst,round-trip,throughput,idle] [--contender NAME] [--write]
 * Needs Debian's dovecot, haproxy and stunnel4, and root. Absolute figures mean little on a shared machine; what counts are ratios.
 * With EMAIL_OAUTH2_PROXY=FILE, the path of an emailproxy.py, that proxy runs beside them too (it needs python3-cryptography); what it does
 * not come to an end with is shown as such.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { thumbprints } from '../../sandbox/src/certificates.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { request } from '../../src/runtime/http.ts';
import { selfSignedCertificate } from '../../test/contract/places/certificate.ts';
import { type DovecotPlace, startDovecot } from '../../test/contract/places/dovecot.ts';
import { unlessDovecot } from '../../test/contract/places/peers.ts';
import { Session, startHolder, type Way } from './proxy-ends.ts';
import { type Ground, type Name, names, peerFile, startField } from './proxy-field.ts';
import { goalLine, machine, median, mega, type Section, writeSection } from './report.ts';
import { memoryOf } from './turn.ts';

const measures = ['login', 'burst', 'round-trip', 'throughput', 'idle'] as const;
type Measure = (typeof measures)[number];

const atOnce = 60;
const pings = 500;
const logins = 15;
const bodyMegabytes = 50;
/** A measure of the peer that takes longer is given up. */
const peerMs = 120_000;

interface Wish {
  readonly runs: number;
  readonly megabytes: number;
  readonly idle: readonly number[];
  readonly only: ReadonlySet<Measure>;
  readonly names: readonly Name[];
}

type Results = Map<string, Map<Name, number[]>>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      megabytes: { type: 'string', default: '500' },
      idle: { type: 'string', default: '100,1000,5000' },
      only: { type: 'string' },
      contender: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const without = unlessDovecot('openssl', 'haproxy', 'stunnel');
  if (without !== false) throw new Error(without);
  const only = measures.filter((one) => values.only === undefined || values.only.split(',').includes(one));
  const wish: Wish = {
    runs: Number(values.runs),
    megabytes: Number(values.megabytes),
    idle: values.idle.split(',').map(Number),
    only: new Set(only),
    names: names.filter((name) => (values.contender === undefined || name.startsWith(values.contender)) && isThere(name)),
  };
  const section = await measure(wish);
  process.stdout.write(`## ${section.title}\n\n${section.text}\n`);
  if (values.write) writeSection(section);
}

function isThere(name: Name): boolean {
  return name !== 'email-oauth2-proxy' || peerFile !== undefined;
}

async function measure(wish: Wish): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  const sandbox = await startSandbox({ withoutSeed: true });
  const identity = await selfSignedCertificate();
  const ground: Ground = {
    folder,
    sandbox,
    token: await tokenOf(sandbox),
    certificate: join(folder, 'certificate.pem'),
    key: join(folder, 'key.pem'),
    certificatePem: identity.certificatePem,
  };
  writeFileSync(ground.certificate, identity.certificatePem);
  writeFileSync(ground.key, identity.keyPem);
  const results: Results = new Map();
  try {
    const dovecot = await startDovecot({
      tls: identity,
      signer: {
        issuer: `https://sts.windows.net/${sandbox.tenant.id}/`,
        kid: thumbprints(sandbox.tenant.signingKey.certificate).x5t,
        publicKeyPem: sandbox.tokenKeyPem,
      },
    });
    try {
      await race(wish, ground, dovecot, results);
    } finally {
      await dovecot.close();
    }
    const memory = wish.only.has('idle') ? await idle(wish, ground) : '';
    return { title: 'The proxy beside plain forwarders', text: `${tables(wish, results)}${memory}` };
  } finally {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function race(wish: Wish, ground: Ground, dovecot: DovecotPlace, results: Results): Promise<void> {
  const body = `Subject: large\r\n\r\n${`${'x'.repeat(998)}\r\n`.repeat(bodyMegabytes * 1000)}`;
  dovecot.deliver('large@contoso.test', 'INBOX', [Buffer.from(body)]);
  const field = await startField(ground, dovecot.ports.imaps, join(ground.folder, 'race'), wish.names);
  try {
    for (let run = 1; run <= wish.runs; run += 1) {
      for (const [name, way] of field.ways) {
        say(`run ${run}: ${name}`);
        const tried = async (key: string, act: () => Promise<number>): Promise<void> =>
          note(results, key, name, await orNothing(name, act));
        if (wish.only.has('login')) await tried('login', () => loginMs(way));
        if (wish.only.has('burst')) await tried('burst', () => burst(way));
        if (wish.only.has('round-trip')) await tried('round-trip', () => roundTripMs(way));
        if (!wish.only.has('throughput')) continue;
        const pid = field.pids.get(name) ?? 0;
        for (const sessions of [1, 4]) {
          const before = cpuSeconds(pid);
          await tried(`throughput ${sessions}`, () => throughput(way, sessions, wish.megabytes));
          note(results, `processor ${sessions}`, name, ((cpuSeconds(pid) - before) * 1000) / wish.megabytes);
        }
      }
    }
  } finally {
    await field.end();
  }
}

/** Of the peer that may not come to an end with it: NaN. Whoever else fails has a fault that must be seen. */
async function orNothing(name: Name, act: () => Promise<number>): Promise<number> {
  if (name !== 'email-oauth2-proxy') return await act();
  const late = AbortSignal.timeout(peerMs);
  const given = new Promise<number>((resolve) => late.addEventListener('abort', () => resolve(Number.NaN), { once: true }));
  return await Promise.race([act().catch(() => Number.NaN), given]);
}

/** From the first packet to an authenticated session. */
async function loginMs(way: Way): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < logins; turn += 1) {
    const startedAt = performance.now();
    const session = await Session.open(way, `user${turn}@contoso.test`);
    times.push(performance.now() - startedAt);
    session.end();
  }
  return median(times);
}

/** Logins a second of many at once. */
async function burst(way: Way): Promise<number> {
  const startedAt = performance.now();
  const sessions = await Promise.all(Array.from({ length: atOnce }, (_, index) => Session.open(way, `user${index}@contoso.test`)));
  const tookMs = performance.now() - startedAt;
  for (const session of sessions) session.end();
  return (atOnce * 1000) / tookMs;
}

async function roundTripMs(way: Way): Promise<number> {
  const session = await Session.open(way, 'user1@contoso.test');
  const times: number[] = [];
  for (let turn = 0; turn < pings; turn += 1) {
    const startedAt = performance.now();
    await session.ask('NOOP');
    times.push(performance.now() - startedAt);
  }
  session.end();
  return median(times);
}

/** Megabytes a second, of all sessions together. */
async function throughput(way: Way, count: number, megabytes: number): Promise<number> {
  const sessions = await Promise.all(Array.from({ length: count }, () => Session.open(way, 'large@contoso.test')));
  await Promise.all(sessions.map((session) => session.ask('EXAMINE INBOX')));
  const times = Math.max(1, Math.round(megabytes / bodyMegabytes / count));
  const startedAt = performance.now();
  await Promise.all(sessions.map((session) => session.swallow(times, bodyMegabytes * 1_000_000)));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const session of sessions) session.end();
  return (times * count * bodyMegabytes) / seconds;
}

/** Resident memory with so many sessions that have logged in and do nothing, each of which still answers. */
async function idle(wish: Wish, ground: Ground): Promise<string> {
  // M365 (assumed): Exchange does not take the post-quantum group. Keys of that are 8 kB more at our end.
  const holder = await startHolder(ground.certificate, ground.key, 'X25519:P-256');
  const withMlKem = await startHolder(ground.certificate, ground.key);
  const lines: string[] = [];
  let missed = '';
  try {
    const plainOnes = wish.names.filter((one) => one !== 'direct' && one !== 'haproxy, TLS in');
    const rows = plainOnes.map((name) => ({ name, label: `${name}`, port: holder.port }));
    if (plainOnes.includes('postern'))
      rows.push({ name: 'postern', label: 'postern, to a server that takes ML-KEM', port: withMlKem.port });
    for (const { name, label, port } of rows) {
      const field = await startField(ground, port, join(ground.folder, `idle-${label.replace(/\W+/g, '-')}`), [name]);
      const cells: string[] = [];
      const open: Session[] = [];
      try {
        const way = field.ways.get(name);
        const pid = field.pids.get(name);
        if (way === undefined || pid === undefined) throw new Error(`${name} does not run`);
        cells.push(mega(memoryOf(pid, 'VmRSS')));
        for (const count of wish.idle) {
          say(`idle: ${label}, ${count} sessions`);
          while (open.length < count) {
            const from = open.length;
            const more = Math.min(50, count - from);
            open.push(
              ...(await Promise.all(Array.from({ length: more }, (_, index) => Session.open(way, `u${from + index}@contoso.test`)))),
            );
          }
          for (const session of open) await session.ask('NOOP');
          cells.push(mega(memoryOf(pid, 'VmRSS')));
        }
        const most = wish.idle.at(-1) ?? 0;
        if (label === 'postern' && most >= 5000) {
          missed = goalLine('5,000 idle sessions held and answering within 300 MB', `${cells.at(-1)} MB`, Number(cells.at(-1)) < 300);
        }
      } catch (error) {
        if (name !== 'email-oauth2-proxy') throw error;
        cells.push(`no answer beyond ${open.length}`);
      } finally {
        for (const session of open) session.end();
        await field.end();
      }
      const rest = Array.from({ length: 1 + wish.idle.length - cells.length }, () => '–');
      lines.push(`| ${label} | ${[...cells, ...rest].join(' | ')} |`);
    }
  } finally {
    holder.end();
    withMlKem.end();
  }
  const heads = [0, ...wish.idle].map((count) => count.toLocaleString('en'));
  return `\nResident memory in MB with idle sessions that have logged in, each of which answers a command at the end. The server takes no post-quantum keys but where a line says so (M365 (assumed): as Exchange):\n\n| sessions | ${heads.join(' | ')} |\n|---|${'---:|'.repeat(heads.length)}\n${lines.join('\n')}\n${missed}`;
}

const titles: Readonly<Record<string, readonly [title: string, digits: number]>> = {
  login: ['to a session, ms', 2],
  burst: [`${atOnce} at once, logins/s`, 0],
  'round-trip': ['round trip, ms', 3],
  'throughput 1': ['one session, MB/s', 0],
  'throughput 4': ['four sessions, MB/s', 0],
  'processor 1': ['its processor, s/GB', 2],
  'processor 4': ['of four, s/GB', 2],
};

function tables(wish: Wish, results: Results): string {
  const keys = Object.keys(titles).filter((key) => results.has(key));
  const value = (key: string, name: Name): number => median(results.get(key)?.get(name) ?? []);
  const rows = names
    .filter((name) => keys.some((key) => results.get(key)?.has(name)))
    .map((name) => `| ${name} | ${keys.map((key) => shown(value(key, name), titles[key]?.[1] ?? 0)).join(' | ')} |`);
  const ratio = (key: string): number => value(key, 'postern') / value(key, 'haproxy');
  const goal = (key: string, says: string, reached: (ratio: number) => boolean): string =>
    keys.includes(key) ? goalLine(says, ratio(key).toFixed(2), reached(ratio(key))) : '';
  const apart = value('round-trip', 'postern') - value('round-trip', 'haproxy');
  return `Medians of ${wish.runs} ${wish.runs === 1 ? 'run' : 'runs'}; ${wish.megabytes} MB in messages of ${bodyMegabytes} MB. haproxy with one thread, stunnel as Debian ships it. Where nothing is said the client speaks plain text on loopback; out it is TLS. ${machine()}

| | ${keys.map((key) => titles[key]?.[0] ?? key).join(' | ')} |
|---|${'---:|'.repeat(keys.length)}
${rows.join('\n')}
${goal('throughput 1', 'throughput of one session at least 0.7 of haproxy’s', (one) => one >= 0.7)}${goal('throughput 4', 'throughput of four sessions at least 0.7 of haproxy’s', (one) => one >= 0.7)}${goal('burst', `${atOnce} logins at once at least at 0.7 of haproxy’s rate`, (one) => one >= 0.7)}${keys.includes('round-trip') ? goalLine('a round trip on an idle session within 0.1 ms of haproxy’s', `${apart.toFixed(3)} ms`, apart <= 0.1) : ''}`;
}

function shown(value: number, digits: number): string {
  return Number.isNaN(value) ? 'not in 2 min' : value.toFixed(digits);
}

function note(results: Results, key: string, name: Name, value: number): void {
  const row = results.get(key) ?? new Map<Name, number[]>();
  results.set(key, row);
  row.set(name, [...(row.get(name) ?? []), value]);
  say(`  ${key}: ${value.toFixed(3)}`);
}

async function tokenOf({ tokenEndpoint, clientId, clientSecret, scope, caPem }: Sandbox): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope });
  const answer = await request({
    method: 'POST',
    url: new URL(tokenEndpoint),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: body.toString(),
    ca: [caPem],
    timeoutMs: 10_000,
  });
  return String(JSON.parse(answer.text).access_token);
}

/** What a process has used of all processors; 0 for none. It says more than the time on a machine that others use. */
function cpuSeconds(pid: number): number {
  if (pid === 0) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Linux says so to programs, whatever the kernel was built with. */
const ticksPerSecond = 100;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
