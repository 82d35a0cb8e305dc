/** The schema of what concerns all sources: bounds, the service with its console, alerts. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { isAddress, isDomain, isLoopback } from '../tenant/ids.ts';
import { amount, ca, duration, path, secretReference, text } from './schema-leaf.ts';
import { access } from './schema-source.ts';

export const importSchema = z.strictObject(
  {
    connections: amount(1, 500).prefault(8).meta({
      description: 'Connections of all sources together that are open at once, at most. Those that only listen are not counted.',
      reason: 'enough to hide the ways to and fro, few enough for any server',
    }),
    perHost: amount(1, 500).prefault(20).meta({
      description: 'Connections to one host that are open at once, at most, those that only listen among them.',
      reason: 'what a server bears from one client without a word',
    }),
  },
  { error: 'bounds: { connections, perHost }' },
);

/** `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`. Undefined: not that. */
export function listenAddress(value: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):(\d{1,5})$/.exec(value);
  const [host, port] = [match?.[1]?.replaceAll(/[[\]]/g, ''), Number(match?.[2])];
  const address = host === 'localhost' ? '127.0.0.1' : host?.includes(':') ? `[${host}]` : host;
  if (host === undefined || !(port <= 65_535) || !URL.canParse(`http://${address}/`)) return undefined;
  return { host, port };
}

const tls = z.strictObject(
  {
    certificate: path.meta({
      description: 'PEM file of the certificate and those between it and its root. It is read again when it changes.',
      example: './tls/fullchain.pem',
    }),
    key: secretReference.meta({
      description: 'A reference to its private key (PEM).',
      example: { file: '/run/credentials/postern-tls-key' },
    }),
  },
  { error: 'tls: { certificate, key }' },
);

const hostName = text(
  'a host name such as postern.contoso.com',
  (value) => value === value.toLowerCase() && (isDomain(value) || isLoopback(value)),
);

export const serviceSchema = z.strictObject(
  {
    listen: text('an address of this machine such as 127.0.0.1:9464', (value) => listenAddress(value) !== undefined)
      .optional()
      .meta({
        description:
          'Address and port where `serve` serves the console, its API, health and metrics; and where `import run` serves health and metrics over plain HTTP, without a login and without message content. Port 0: a free one, which is printed.',
        reason: '`serve` listens on 127.0.0.1:8473, `import run` on nothing',
        example: '127.0.0.1:9464',
      }),
    tls: tls.optional().meta({
      description: 'The certificate by which `serve` speaks TLS. Other machines are served with it, or through a proxy, and not else.',
      reason: '`serve` speaks plain HTTP, to this machine alone',
    }),
    names: z
      .array(hostName, { error: 'a list of host names' })
      .prefault([])
      .meta({
        description: 'Names under which people open the console, besides those of this machine and of the certificate; others are refused.',
        reason: 'none besides those',
        example: ['postern.contoso.com'],
      }),
    behindProxy: z
      .array(
        text('an IP address such as 10.0.0.5', (value) => isIP(value) !== 0),
        { error: 'a list of the addresses of the proxy' },
      )
      .min(1, { error: 'at least one address' })
      .optional()
      .meta({
        description:
          'Addresses from which a reverse proxy asks. It has to speak TLS with the browsers; what it says in `X-Forwarded-For` and `X-Forwarded-Proto` is believed, of nobody else.',
        reason: 'forwarded headers are not believed',
        example: ['127.0.0.1'],
      }),
    key: secretReference.optional().meta({
      description:
        'A reference to the key (at least 32 characters) by which the secrets of sources made in the console are encrypted; keep it, they cannot be read without it.',
      reason: 'a key is made in the data folder, for its owner alone',
    }),
  },
  { error: 'a service: { listen: 127.0.0.1:9464 }' },
);

/** Whether alerts may be sent there: encrypted, or to this machine. */
export function isWebhookUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password } = new URL(value);
  return (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) && username === '' && password === '';
}

const urlExpected = 'an https address (http on this machine only) without user and password, or a reference { env: NAME } to it';

const webhook = z.strictObject(
  {
    url: z.union([text(urlExpected, isWebhookUrl), secretReference], { error: urlExpected }).meta({
      description: 'Where alerts are sent as JSON: an https address or, because it often holds a token, a reference to one.',
      example: { env: 'ALERT_URL' },
    }),
    secret: secretReference.optional().meta({
      description:
        'A reference to the key of the HMAC-SHA-256 that is sent with each alert in `Postern-Signature`, so that the receiver knows it is ours.',
      reason: 'alerts are sent unsigned',
    }),
    ca: ca.optional(),
  },
  { error: 'a webhook: { url: { env: NAME } }' },
);

const address = (description: string, example: string) =>
  text('an address such as postern@contoso.com', isAddress).meta({ description, example });

const mail = z.strictObject(
  {
    ...access,
    from: address('Sender of the alerts. With a tenant, the mailbox that is logged in to.', 'postern@contoso.com'),
    to: z
      .array(text('an address such as admin@contoso.com', isAddress), { error: 'a list of addresses' })
      .min(1, { error: 'at least one address' })
      .meta({ description: 'Who gets the alerts.', example: ['admin@contoso.com'] }),
  },
  { error: 'alerts by mail: { tenant, from, to }' },
);

export const alertsSchema = z.strictObject(
  {
    webhook: webhook.optional().meta({ description: 'Alerts to a web address.', reason: 'no alert is sent there' }),
    mail: mail.optional().meta({
      description: 'Alerts by mail: by the tenant’s SMTP host with OAuth 2.0, or by a `server` with or without `auth`.',
      reason: 'no alert is sent there',
    }),
    remindEvery: duration('1h or 1d', '1m', '1y').prefault('24h').meta({
      description: 'After how long an alert that still stands is sent again, unless it was acknowledged.',
      reason: 'once a day is seen, and not yet noise',
    }),
  },
  { error: 'alerts: { webhook, mail, remindEvery }' },
);
