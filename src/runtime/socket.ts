/**
 * A TCP or TLS connection as a pull of bytes: whoever reads asks, whoever writes waits, every wait has a deadline.
 *
 * The hard thing is trust. Certificates are always checked, but by us and after the handshake, not by Node during it: Node would
 * throw the certificate away together with the connection, and a person could not be told who had issued it. So `rejectUnauthorized`
 * is off in `handshake()` and the refusal stands in the same function, before anybody gets the socket to read or write.
 */
import net from 'node:net';
import tls from 'node:tls';
import { type Evidence, Fault } from '../fault/fault.ts';

export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM texts of authorities trusted beside the system's and Node's own. */
  readonly ca?: readonly string[];
}

export interface ConnectOptions {
  /** For name, TCP and TLS together. */
  readonly timeoutMs: number;
  /** Destroys the connection whenever it is aborted, while connecting or later. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions {
  /** How long silence may last. Undefined: as long as the peer likes (IDLE). */
  readonly timeoutMs?: number | undefined;
  /** Gives up this wait only; the connection stays, and nothing that arrives is lost. */
  readonly signal?: AbortSignal | undefined;
}

/** Above this the peer is told to wait (TCP's window closes), below half of it to go on. */
const maxQueuedBytes = 256 * 1024;
/** Time to deliver a write that the peer does not take. */
const writeTimeoutMs = 60_000;
/** Silence after which TCP asks whether the peer is still there; keeps firewalls from forgetting an idle session. */
const keepAliveAfterMs = 60_000;

/**
 * Connects, with TLS where the target says so.
 * @throws Fault `network.*`, with host, port and what was seen; the signal's reason where it was aborted.
 */
export async function connectSocket(target: SocketTarget, options: ConnectOptions): Promise<ByteSocket> {
  options.signal?.throwIfAborted();
  const patience = new Patience(options.timeoutMs, options.signal);
  try {
    const tcp = await connectTcp(target, patience);
    return new ByteSocket(target, target.tls ? await handshake(target, tcp, patience) : tcp, options.signal);
  } finally {
    patience.end();
  }
}

export class ByteSocket {
  readonly #target: SocketTarget;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.destroy();
  readonly #onData = (chunk: Uint8Array): void => {
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes > maxQueuedBytes) this.#socket.pause();
    this.#wake();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake();
  };
  readonly #onError = (error: Error): void => {
    this.#failure ??= this.#fault('network.connection-lost', { errno: errorCode(error) }, error);
  };
  #socket: net.Socket;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended = false;
  #failure: Error | undefined;
  #waiter: { resolve: () => void } | undefined;

  constructor(target: SocketTarget, socket: net.Socket, signal?: AbortSignal) {
    this.#target = target;
    this.#socket = socket;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#listen();
    if (signal?.aborted) this.destroy();
  }

  get secure(): boolean {
    return this.#socket instanceof tls.TLSSocket;
  }

  /** Bytes that have arrived and were not read yet. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#socket.readableLength;
  }

  /** The next bytes, if some are there already: the fast way, without a promise. */
  take(): Uint8Array | undefined {
    const chunk = this.#queue.shift();
    if (chunk === undefined) return undefined;
    this.#queuedBytes -= chunk.length;
    if (this.#queuedBytes < maxQueuedBytes / 2 && this.#socket.isPaused()) this.#socket.resume();
    return chunk;
  }

  /**
   * The next bytes, in chunks as they arrive; undefined when the peer has ended its side. One reader at a time.
   * @throws Fault `network.timeout` (the connection stays usable), `network.connection-lost`; the signal's reason.
   */
  async read(options: ReadOptions): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.take();
      if (chunk !== undefined) return chunk;
      this.#throwIfGone();
      if (this.#ended) return undefined;
      options.signal?.throwIfAborted();
      await this.#arrival(options);
    }
  }

  /**
   * Sends bytes; resolves when the machine has taken them.
   * @throws Fault `network.timeout` when the peer does not read, `network.connection-lost`; the signal's reason.
   */
  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfGone();
    const socket = this.#socket;
    if (!socket.writable) throw this.#fault('network.connection-lost', { closedBy: 'peer' });
    if (socket.write(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => done(this.#fault('network.timeout', { waitedMs: writeTimeoutMs, waitedFor: 'write' })),
        writeTimeoutMs,
      );
      const onDrain = (): void => done();
      const onClose = (): void => done(this.#failure ?? this.#fault('network.connection-lost', {}));
      const done = (error?: Error): void => {
        clearTimeout(timer);
        socket.off('drain', onDrain).off('close', onClose);
        if (error) reject(error);
        else resolve();
      };
      socket.on('drain', onDrain).on('close', onClose);
    });
    this.#throwIfGone();
  }

  /**
   * Turns a plain connection into a TLS one.
   * The caller must have seen that nothing lies in `bufferedBytes` or in its own buffers: text from before the handshake must never be read as if it came from behind it.
   * @throws Fault `network.*`
   */
  async startTls(timeoutMs: number): Promise<void> {
    if (this.secure || this.bufferedBytes > 0) throw new Error('startTls: the connection is secure already, or bytes lie unread');
    this.#deafen();
    const patience = new Patience(timeoutMs, this.#signal);
    try {
      this.#socket = await handshake(this.#target, this.#socket, patience);
      this.#listen();
    } finally {
      patience.end();
    }
  }

  /**
   * Hands the connection over: its new owner listens to it from now on, and `unread` comes before all that it will hear. Nothing else
   * may be asked of this object afterwards. The socket is paused.
   */
  release(): { readonly socket: net.Socket; readonly unread: readonly Uint8Array[] } {
    this.#throwIfGone();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#deafen();
    this.#socket.pause();
    const unread = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#failure = new Error('the connection was handed over');
    return { socket: this.#socket, unread };
  }

  /** Ends the connection at once. May be called often; what is waiting fails. */
  destroy(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#failure ??= this.#fault('network.connection-lost', { closedBy: 'us' });
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#socket.destroy();
    this.#wake();
  }

  #listen(): void {
    this.#socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onEnd);
  }

  #deafen(): void {
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onEnd);
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve();
  }

  #throwIfGone(): void {
    this.#signal?.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #arrival({ timeoutMs, signal }: ReadOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (error: unknown): void => {
        release();
        this.#waiter = undefined;
        reject(error);
      };
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => giveUp(this.#fault('network.timeout', { waitedMs: timeoutMs, waitedFor: 'read' })), timeoutMs);
      const onAbort = (): void => giveUp(signal?.reason);
      const release = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiter = {
        resolve: () => {
          release();
          resolve();
        },
      };
    });
  }

  #fault(code: 'network.timeout' | 'network.connection-lost', evidence: Evidence, cause?: unknown): Fault {
    return new Fault(code, { host: this.#target.host, port: this.#target.port, ...evidence }, { cause });
  }
}

/** A deadline and an abort signal in one. */
class Patience {
  readonly timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#controller.abort();
  #timedOut = false;

  constructor(timeoutMs: number, signal: AbortSignal | undefined) {
    this.timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, timeoutMs);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.#controller.abort();
  }

  /** Aborted when it is over. */
  get over(): AbortSignal {
    return this.#controller.signal;
  }

  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** What to throw for `error`: the outer signal's reason comes first. */
  explain(error: unknown, otherwise: (error: unknown) => Fault): unknown {
    return this.#signal?.aborted ? this.#signal.reason : otherwise(error);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

async function connectTcp(target: SocketTarget, patience: Patience): Promise<net.Socket> {
  const where = { host: target.host, port: target.port };
  const socket = net.connect({ ...where, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs });
  try {
    await settled(socket, 'connect', patience.over);
    return socket;
  } catch (failure) {
    throw patience.explain(failure, (error) => {
      if (patience.timedOut) return new Fault('network.unreachable', { ...where, waitedMs: patience.timeoutMs });
      const errno = errorCode(error);
      const code = errno === 'ENOTFOUND' || errno === 'EAI_AGAIN' ? 'network.name-not-found' : 'network.unreachable';
      return new Fault(code, { ...where, errno }, { cause: error });
    });
  }
}

async function handshake(target: SocketTarget, tcp: net.Socket, patience: Patience): Promise<tls.TLSSocket> {
  const where = { host: target.host, port: target.port };
  const socket = tls.connect({
    socket: tcp,
    host: target.host,
    // RFC 6066 §3: no address may stand in the server name; the certificate is then checked against the address.
    ...(net.isIP(target.host) === 0 ? { servername: target.host } : {}),
    secureContext: trust(target.ca ?? []),
    rejectUnauthorized: false,
  });
  try {
    await settled(socket, 'secureConnect', patience.over);
  } catch (failure) {
    tcp.destroy();
    throw patience.explain(failure, (error) => {
      if (patience.timedOut) return new Fault('network.timeout', { ...where, waitedMs: patience.timeoutMs, waitedFor: 'TLS handshake' });
      return new Fault('network.tls-failed', { ...where, tlsCode: errorCode(error) }, { cause: error });
    });
  }
  if (!socket.authorized) {
    const evidence = { ...where, ...certificateEvidence(socket) };
    socket.destroy();
    throw new Fault(certificateFault(evidence.tlsCode), evidence);
  }
  return socket;
}

/** Waits for `event` of a socket that is being set up, leaves no listener behind. Rejects with the socket's error, and destroys it, or when `over` is aborted. */
function settled(socket: net.Socket, event: string, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: unknown): void => {
      release();
      // An error that comes after we gave up must not end the program.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onEvent = (): void => {
      release();
      resolve();
    };
    const onOver = (): void => fail();
    const onClose = (): void => fail(new Error('closed by the peer'));
    const release = (): void => {
      over.removeEventListener('abort', onOver);
      socket.off(event, onEvent).off('error', fail).off('close', onClose);
    };
    over.addEventListener('abort', onOver, { once: true });
    socket.on(event, onEvent).on('error', fail).on('close', onClose);
    if (over.aborted) onOver();
  });
}

/** OpenSSL's verdicts, by the three things that a person can do about them. */
function certificateFault(
  tlsCode: string,
): 'network.certificate-expired' | 'network.certificate-wrong-host' | 'network.certificate-not-trusted' {
  if (tlsCode === 'CERT_HAS_EXPIRED' || tlsCode === 'CERT_NOT_YET_VALID') return 'network.certificate-expired';
  if (tlsCode === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'network.certificate-wrong-host';
  return 'network.certificate-not-trusted';
}

function certificateEvidence(socket: tls.TLSSocket): { readonly tlsCode: string } & Evidence {
  // Node sets a string here, whatever its types say.
  const seen: unknown = socket.authorizationError;
  const tlsCode = typeof seen === 'string' ? seen : errorCode(seen);
  const certificate = socket.getPeerCertificate();
  if (certificate.issuer === undefined) return { tlsCode };
  return {
    tlsCode,
    issuer: distinguishedName(certificate.issuer),
    subject: distinguishedName(certificate.subject),
    names: (certificate.subjectaltname ?? '').slice(0, 500),
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

function errorCode(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return String(error);
}

/**
 * OpenSSL keeps the keys that it offered for as long as a connection lives, and one of the post-quantum group is 8 kB. So only X25519 is
 * offered with the first message; a server that wants the other asks for it (RFC 8446 §4.1.4), at the price of one round trip.
 * M365 (assumed): Exchange does not. OpenSSL before 3.5 knows neither the group nor the asterisk.
 */
const groups = Number.parseFloat(process.versions.openssl) >= 3.5 ? { ecdhCurve: 'X25519MLKEM768:*X25519:P-256:P-384:P-521' } : {};

/** One trust store for each set of extra authorities: reading some 300 certificates takes longer than a handshake. A pure memo, no state. */
const trustStores = new Map<string, tls.SecureContext>();

function trust(extra: readonly string[]): tls.SecureContext {
  const key = extra.join('\n');
  let context = trustStores.get(key);
  if (context === undefined) {
    const authorities = new Set([...tls.rootCertificates, ...tls.getCACertificates('system'), ...tls.getCACertificates('extra'), ...extra]);
    context = tls.createSecureContext({ ca: [...authorities], minVersion: 'TLSv1.2', ...groups });
    trustStores.set(key, context);
  }
  return context;
}
