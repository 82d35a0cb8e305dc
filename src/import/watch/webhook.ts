/**
 * Alerts by webhook: one POST of JSON for each notice, signed where a secret is configured.
 *
 * The address itself often is a secret (chat services put a token into its path), so it appears nowhere but in the request: faults of the
 * connection name host and port only, and the answer's text is never kept.
 */
import { createHmac } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { Fault, isFault } from '../../fault/fault.ts';
import type { HttpRequest } from '../../runtime/http.ts';
import type { Secret } from '../../runtime/secret.ts';
import type { AlertWay, Notice } from './notice.ts';

export interface WebhookOptions {
  /** Asked at each delivery, so that a changed one is used without a restart. */
  readonly url: () => Promise<Secret>;
  /** The key of the signature. */
  readonly secret: (() => Promise<Secret>) | undefined;
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
  readonly request: HttpRequest;
}

/** A receiver that needs longer has not taken it. */
const deadlineMs = 15_000;
/** Its text is of no interest, so little is read. */
const maxAnswerBytes = 64 * 1024;

/** @throws Fault watch.webhook-address, watch.webhook-refused, network.*, http.*, config.secret-* while delivering */
export function webhookWay(options: WebhookOptions): AlertWay {
  return {
    name: 'webhook',
    atOnce: 1,
    deliver: async (notices, signal) => {
      const url = addressOf(await options.url());
      for (const notice of notices) await post(url, notice, options, signal);
    },
  };
}

async function post(url: URL, notice: Notice, options: WebhookOptions, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify(notice);
  const secret = await options.secret?.();
  const { status } = await options
    .request({
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Postern',
        'postern-delivery': notice.deliveryId,
        ...(secret === undefined ? {} : { 'postern-signature': signature(body, secret) }),
      },
      body,
      ca: options.ca,
      timeoutMs: deadlineMs,
      maxBytes: maxAnswerBytes,
      signal,
    })
    .catch((error: unknown) => {
      // It has answered; that the answer is long changes nothing.
      if (isFault(error, 'http.answer-unusable') && isAccepted(error.evidence['status'])) return { status: 200 };
      throw error;
    });
  if (!isAccepted(status)) throw new Fault('watch.webhook-refused', { host: url.host, status });
}

function isAccepted(status: unknown): boolean {
  return typeof status === 'number' && status >= 200 && status <= 299;
}

/** `sha256=` and the HMAC-SHA-256 of the body's bytes in lower-case hex. RFC 2104. */
export function signature(body: string, secret: Secret): string {
  return `sha256=${createHmac('sha256', secret.reveal()).update(body).digest('hex')}`;
}

/** @throws Fault watch.webhook-address, which never shows the address */
function addressOf(address: Secret): URL {
  const url = URL.parse(address.reveal().trim());
  if (url === null) throw new Fault('watch.webhook-address', { seen: 'no URL' });
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new Fault('watch.webhook-address', { seen: `${url.protocol}// to ${url.hostname}` });
  }
  return url;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
