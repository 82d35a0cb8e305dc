/**
 * The way to a server: its name, a connection, TLS. Three probes over one connection, so that what was seen belongs together.
 *
 * The hard thing: to say who issued a certificate also when all is well, and to look behind STARTTLS. So this probe makes its own
 * handshake, with the same trust as every other connection of Postern, sends nothing secret over it, and closes it.
 */
import dns from 'node:dns';
import net from 'node:net';
import tls from 'node:tls';
import { type Evidence, Fault } from '../../fault/fault.ts';
import { ladder, type Observation, type Protocol, type Watched } from '../observation.ts';

export interface ServerTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly ca: readonly string[];
  /** How STARTTLS is said there. */
  readonly protocol: Protocol | 'https';
}

export interface ServerPorts extends Watched {
  /** Made once for a check: reading some 300 authorities takes longer than a handshake. */
  readonly trust: (ca: readonly string[]) => tls.SecureContext;
  /** For each of the three steps. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The system's and Node's own authorities, and the given ones; remembers what it made. */
export function trustStore(): (ca: readonly string[]) => tls.SecureContext {
  const made = new Map<string, tls.SecureContext>();
  return (ca) => {
    const key = ca.join('\n');
    const known = made.get(key);
    if (known !== undefined) return known;
    const authorities = new Set([...tls.rootCertificates, ...tls.getCACertificates('system'), ...tls.getCACertificates('extra'), ...ca]);
    const context = tls.createSecureContext({ ca: [...authorities], minVersion: 'TLSv1.2' });
    made.set(key, context);
    return context;
  };
}

/** `name`, `connection`, and `tls` where the server speaks it. */
export async function lookAtServer(target: ServerTarget, ports: ServerPorts): Promise<readonly Observation[]> {
  const { host, port } = target;
  const place = { server: `${host}:${port}` };
  let socket: net.Socket | undefined;
  try {
    const seen = await ladder(place, ports, [
      ['name', async () => await lookUp(host, ports)],
      [
        'connection',
        async () => {
          socket = await connect(host, port, ports);
          return { address: socket.remoteAddress ?? '' };
        },
      ],
      ...(target.tls === 'none'
        ? []
        : [
            [
              'tls',
              async () => {
                if (socket === undefined) throw new Error('the ladder lets no TLS run without a connection');
                if (target.tls === 'starttls') await startTls(socket, target, ports);
                return await handshake(socket, target, ports);
              },
            ] as const,
          ]),
    ]);
    return seen;
  } finally {
    socket?.destroy();
  }
}

async function lookUp(host: string, ports: ServerPorts): Promise<Evidence> {
  if (net.isIP(host) !== 0) return { addresses: host };
  try {
    const found = await within(ports, dns.promises.lookup(host, { all: true }), () => undefined);
    return { addresses: found.map(({ address }) => address).join(', ') };
  } catch (error) {
    throw new Fault('network.name-not-found', { host, errno: ports.signal?.aborted ? 'ABORTED' : codeOf(error) }, { cause: error });
  }
}

async function connect(host: string, port: number, ports: ServerPorts): Promise<net.Socket> {
  const socket = net.connect({ host, port, noDelay: true });
  try {
    await within(ports, event(socket, 'connect'), () => socket.destroy());
    return socket;
  } catch (error) {
    socket.destroy();
    throw new Fault('network.unreachable', { host, port, errno: codeOf(error) }, { cause: error });
  }
}

const startWords: Readonly<Record<Protocol, readonly (readonly [say: string, good: RegExp])[]>> = {
  imap: [['p STARTTLS\r\n', /^p OK/im]],
  pop3: [['STLS\r\n', /^\+OK/m]],
  smtp: [
    ['EHLO localhost\r\n', /^250 /m],
    ['STARTTLS\r\n', /^220/m],
  ],
};

const withoutStartTls = { imap: 'imap.starttls-missing', pop3: 'pop.starttls-missing', smtp: 'smtp.starttls-missing' } as const;

/** RFC 9051 §6.2.1, RFC 2595 §4, RFC 3207 §4. Only what it takes to get to the handshake; the clients do it properly. */
async function startTls(socket: net.Socket, target: ServerTarget, ports: ServerPorts): Promise<void> {
  if (target.protocol === 'https') throw new Error('https has no STARTTLS');
  const where = { host: target.host, port: target.port };
  let said = await answer(socket, /\n$/, where, ports);
  for (const [say, good] of startWords[target.protocol]) {
    socket.write(say);
    said = await answer(socket, /^(?:p (?:OK|NO|BAD)|\+OK|-ERR|\d{3} ).*\r?\n$/im, where, ports);
    if (!good.test(said)) {
      const server = said.trim().slice(0, 300);
      throw new Fault(withoutStartTls[target.protocol], { ...where, reason: 'not offered, or refused', server });
    }
  }
}

/** What the server says up to a text that fits. */
async function answer(socket: net.Socket, end: RegExp, where: Evidence, ports: ServerPorts): Promise<string> {
  let said = '';
  const complete = Promise.withResolvers<void>();
  const onData = (chunk: Buffer): void => {
    said += chunk.toString('latin1');
    if (end.test(said) || said.length > 64_000) complete.resolve();
  };
  const onEnd = (): void => complete.resolve();
  // Adding a reader does not wake a stream that was told to pause.
  socket.on('data', onData).on('end', onEnd).on('error', onEnd).resume();
  try {
    await within(ports, complete.promise, () => socket.destroy());
  } catch (error) {
    throw new Fault('network.timeout', { ...where, waitedMs: ports.timeoutMs, waitedFor: 'greeting or STARTTLS' }, { cause: error });
  } finally {
    socket.off('data', onData).off('end', onEnd).off('error', onEnd);
    socket.pause();
  }
  return said;
}

async function handshake(tcp: net.Socket, target: ServerTarget, ports: ServerPorts): Promise<Evidence> {
  const where = { host: target.host, port: target.port };
  const secure = tls.connect({
    socket: tcp,
    ...(net.isIP(target.host) === 0 ? { servername: target.host } : {}),
    host: target.host,
    secureContext: ports.trust(target.ca),
    // Judged below: refused here, the certificate could not be shown.
    rejectUnauthorized: false,
  });
  try {
    await within(ports, event(secure, 'secureConnect'), () => secure.destroy());
    const seen = certificateFacts(secure);
    if (secure.authorized) return seen;
    const verdict: unknown = secure.authorizationError;
    const tlsCode = typeof verdict === 'string' ? verdict : codeOf(verdict);
    throw new Fault(certificateFault(tlsCode), { ...where, tlsCode, ...seen });
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (codeOf(error) === timedOut) throw new Fault('network.timeout', { ...where, waitedMs: ports.timeoutMs, waitedFor: 'TLS handshake' });
    throw new Fault('network.tls-failed', { ...where, tlsCode: codeOf(error) }, { cause: error });
  } finally {
    secure.on('error', () => undefined).destroy();
  }
}

/** As runtime/socket.ts says it for every connection of mail. */
function certificateFault(
  tlsCode: string,
): 'network.certificate-expired' | 'network.certificate-wrong-host' | 'network.certificate-not-trusted' {
  if (tlsCode === 'CERT_HAS_EXPIRED' || tlsCode === 'CERT_NOT_YET_VALID') return 'network.certificate-expired';
  return tlsCode === 'ERR_TLS_CERT_ALTNAME_INVALID' ? 'network.certificate-wrong-host' : 'network.certificate-not-trusted';
}

function certificateFacts(socket: tls.TLSSocket): Evidence {
  const certificate = socket.getPeerCertificate();
  const version = socket.getProtocol() ?? 'unknown';
  if (certificate.issuer === undefined) return { version };
  return {
    version,
    issuer: distinguishedName(certificate.issuer),
    subject: distinguishedName(certificate.subject),
    names: (certificate.subjectaltname ?? '').slice(0, 300),
    validFrom: certificate.valid_from,
    validTo: certificate.valid_to,
    sha256: certificate.fingerprint256,
  };
}

function distinguishedName(name: tls.Certificate): string {
  return Object.entries(name)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join('+') : value}`)
    .join(', ');
}

function event(emitter: net.Socket, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(name, () => resolve());
    // Stays: an error that comes later must not end the program.
    emitter.on('error', reject);
    emitter.once('close', () => reject(new Error('closed by the peer')));
  });
}

const timedOut = 'ETIMEDOUT';

/** The promise, or a rejection at the deadline or when the check is ended; then `giveUp` ends what was begun. */
async function within<T>({ timeoutMs, signal }: ServerPorts, promise: Promise<T>, giveUp: () => void): Promise<T> {
  const late = Promise.withResolvers<never>();
  const fail = (error: unknown): void => {
    late.reject(error);
    giveUp();
  };
  const timer = setTimeout(() => fail(Object.assign(new Error('no answer'), { code: timedOut })), timeoutMs);
  const onAbort = (): void => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  promise.catch(() => undefined);
  late.promise.catch(() => undefined);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return String(error);
}
