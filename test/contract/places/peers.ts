/**
 * The real peers that tests run against: which there are, which Debian package brings them, and whether this machine has them.
 *
 * A test of a peer that is not here is skipped by name on a person's machine. With CI=true the same is a failure:
 * a suite that quietly tests less than it says is worse than a red one.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Peer {
  readonly binary: string;
  /** What to hand to apt-get. */
  readonly packages: string;
}

export const peers = {
  dovecot: { binary: 'dovecot', packages: 'dovecot-imapd dovecot-pop3d dovecot-submissiond' },
  mbsync: { binary: 'mbsync', packages: 'isync' },
  curl: { binary: 'curl', packages: 'curl' },
  openssl: { binary: 'openssl', packages: 'openssl' },
  mpop: { binary: 'mpop', packages: 'mpop' },
  getmail: { binary: 'getmail', packages: 'getmail6' },
  msmtp: { binary: 'msmtp', packages: 'msmtp' },
  fetchmail: { binary: 'fetchmail', packages: 'fetchmail' },
  swaks: { binary: 'swaks', packages: 'swaks' },
  haproxy: { binary: 'haproxy', packages: 'haproxy' },
  stunnel: { binary: 'stunnel4', packages: 'stunnel4' },
  chromium: { binary: 'chromium', packages: 'chromium' },
} as const satisfies Record<string, Peer>;
export type PeerName = keyof typeof peers;

/** Servers stand in sbin, which a person's PATH need not name. */
const alsoLookIn = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Where the peer's program is, or undefined. */
export function findPeer(name: PeerName): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...alsoLookIn];
  return folders.map((folder) => join(folder, peers[name].binary)).find(isExecutable);
}

/** Where the peer's program is. For code that runs only when {@link unlessPeers} found it. */
export function peerProgram(name: PeerName): string {
  const program = findPeer(name);
  if (program === undefined) throw new Error(absence(name));
  return program;
}

/**
 * For a test's `skip`: `false` if all of them are here, else why not, e.g. `no dovecot (apt-get install dovecot-imapd …)`.
 * @throws Error with CI=true, instead of skipping.
 */
export function unlessPeers(...names: readonly PeerName[]): string | false {
  const absent = names.filter((name) => findPeer(name) === undefined).map(absence);
  return skipOrFail(absent.length === 0 ? undefined : absent.join(', '));
}

/**
 * As {@link unlessPeers}, for a Dovecot that a test starts: it changes to the users that Debian made for it, which only root may.
 * @throws Error with CI=true, instead of skipping.
 */
export function unlessDovecot(...others: readonly PeerName[]): string | false {
  const missing = unlessPeers('dovecot', ...others);
  if (missing !== false) return missing;
  return skipOrFail(process.getuid?.() === 0 ? undefined : 'dovecot is started as root only (sudo npm test)');
}

/** The real and nasty mail that lies beside a development checkout; no clone brings it along. */
export const corporaFolder = resolve(dirname(fileURLToPath(import.meta.url)), '../../../../shared/corpora');

/** For a test's `skip`: `false` if the corpora are here. They are never required, not in CI either. */
export function unlessCorpora(): string | false {
  return existsSync(join(corporaFolder, 'manifest.json')) ? false : 'no corpora';
}

function absence(name: PeerName): string {
  return `no ${name} (apt-get install ${peers[name].packages})`;
}

function skipOrFail(reason: string | undefined): string | false {
  if (reason === undefined) return false;
  if (process.env['CI'] === 'true') throw new Error(`${reason}; with CI=true every peer has to be there`);
  return reason;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
