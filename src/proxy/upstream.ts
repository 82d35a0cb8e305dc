/**
 * The way to the server: which tenant serves a mailbox, and a connection that has logged in there with the tenant's token.
 *
 * The hard thing is the token that many share. It is dropped when the server refuses it although it may have been taken back or issued
 * before a right was given; but a mailbox that is closed for good must not make us ask for a new token at each of its logins, so a token
 * is doubted once in some minutes only.
 */

import type { ProxyUpstream, TenantConfig } from '../config/config.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { DialogueLine, HandedOver, MailEndpoint } from '../mail/endpoint.ts';
import { connectImap } from '../mail/imap/client.ts';
import { connectPop } from '../mail/pop/client.ts';
import { connectSmtp, type SmtpClient } from '../mail/smtp/client.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Secret } from '../runtime/secret.ts';
import { protocolPermission } from '../tenant/permission.ts';
import { readClaims } from '../token/claims.ts';
import type { AccessToken, TokenSource } from '../token/token.ts';
import { covers } from './address-pattern.ts';
import type { ProxyProtocol } from './port.ts';

export interface UpstreamPorts {
  readonly clock: Clock;
  /** One for each tenant, whoever asks. */
  readonly tokens: (tenant: TenantConfig) => TokenSource;
}

export type Opened =
  | { readonly protocol: 'imap'; readonly stream: HandedOver; readonly capabilities: readonly string[] }
  | { readonly protocol: 'pop3'; readonly stream: HandedOver }
  | { readonly protocol: 'smtp'; readonly client: SmtpClient }
  /** Messages are taken into the queue; nobody has logged in at the server. */
  | { readonly protocol: 'smtp-queue' };

/** A token is dropped for a refused login no more often than this. */
const doubtEveryMs = 5 * 60_000;

interface LoginClient {
  authenticate(credential: { readonly kind: 'xoauth2'; readonly user: string; readonly token: () => Promise<Secret> }): Promise<void>;
  close(): void;
}

export class Upstreams {
  readonly #ports: UpstreamPorts;
  #table: readonly ProxyUpstream[];
  /** By tenant: when its token was last dropped because of a refusal. */
  readonly #doubted = new Map<string, number>();

  constructor(table: readonly ProxyUpstream[], ports: UpstreamPorts) {
    this.#table = table;
    this.#ports = ports;
  }

  use(table: readonly ProxyUpstream[]): void {
    this.#table = table;
  }

  tenantOf(mailbox: string): TenantConfig | undefined {
    return this.#table.find(({ mailboxes }) => covers(mailboxes, mailbox))?.tenant;
  }

  /** Connects and logs in. @throws Fault of the mail and token planes; the signal's reason */
  async open(
    tenant: TenantConfig,
    mailbox: string,
    protocol: ProxyProtocol,
    signal: AbortSignal,
    onDialogue?: (line: DialogueLine) => void,
  ): Promise<Opened> {
    const server = tenant.cloud[protocol];
    if (server === undefined) throw new Fault('proxy.no-server', { tenant: tenant.name, protocol });
    const endpoint: MailEndpoint = { ...server, ca: tenant.ca };
    const options = { signal, ...(onDialogue === undefined ? {} : { onDialogue }) };
    switch (protocol) {
      case 'imap': {
        const client = await this.#loggedIn(protocol, () => connectImap(endpoint, options), tenant, mailbox, signal);
        // Our reader makes them upper case; some programs look for the one word as the RFC writes it.
        const capabilities = [...client.capabilities].map((word) => word.replace(/^IMAP4REV/, 'IMAP4rev'));
        return { protocol, capabilities, stream: client.release() };
      }
      case 'pop3':
        return {
          protocol,
          stream: (await this.#loggedIn(protocol, () => connectPop(endpoint, options), tenant, mailbox, signal)).release(),
        };
      case 'smtp':
        return { protocol, client: await this.#loggedIn(protocol, () => connectSmtp(endpoint, options), tenant, mailbox, signal) };
    }
  }

  async #loggedIn<C extends LoginClient>(
    protocol: ProxyProtocol,
    connect: () => Promise<C>,
    tenant: TenantConfig,
    mailbox: string,
    signal: AbortSignal,
  ): Promise<C> {
    const source = this.#ports.tokens(tenant);
    for (;;) {
      // Begun before the connection is there: it takes its time, too.
      const asked = source.token(signal);
      asked.catch(() => undefined);
      const client = await connect();
      let sent: AccessToken | undefined;
      try {
        await client.authenticate({
          kind: 'xoauth2',
          user: mailbox,
          token: async () => {
            sent = await asked;
            return sent.value;
          },
        });
        return client;
      } catch (error) {
        client.close();
        if (sent === undefined || !this.#mayDoubt(tenant, sent, error))
          throw sent === undefined ? error : withClaims(error, sent, protocol);
        source.drop(sent);
      }
    }
  }

  #mayDoubt({ name }: TenantConfig, token: AccessToken, error: unknown): boolean {
    if (isFault(error, 'imap.token-expired', 'pop.token-expired', 'smtp.token-expired')) return this.#noteDoubt(name, 0);
    if (!isFault(error, 'imap.authenticate-refused', 'pop.authenticate-refused', 'smtp.authenticate-refused')) return false;
    // A token that was just issued knows all that there is to know.
    if (this.#ports.clock.now() - token.issuedAtMs < freshMs) return false;
    return this.#noteDoubt(name, doubtEveryMs);
  }

  #noteDoubt(tenant: string, everyMs: number): boolean {
    const now = this.#ports.clock.monotonic();
    const last = this.#doubted.get(tenant);
    if (last !== undefined && now - last < Math.max(everyMs, leastDoubtMs)) return false;
    this.#doubted.set(tenant, now);
    return true;
  }
}

/** What the token says that was refused: the likeliest cause can be read off it, and `oid` is what Exchange has to know. */
function withClaims(error: unknown, token: AccessToken, protocol: ProxyProtocol): unknown {
  if (!isFault(error, 'imap.authenticate-refused', 'pop.authenticate-refused', 'smtp.authenticate-refused')) return error;
  const claims = readClaims(token.value);
  if (claims === undefined) return error;
  const { aud, oid, roles = [] } = claims;
  const wanted = protocolPermission[protocol].name;
  const told = { ...(aud === undefined ? {} : { tokenAudience: aud }), ...(oid === undefined ? {} : { oid }), tokenRoles: roles.join(' ') };
  return new Fault(error.code, { ...error.evidence, ...told, ...(roles.includes(wanted) ? {} : { tokenLacks: wanted }) }, { cause: error });
}

const freshMs = 60_000;
/** However often a server says that a token has run out: a clock that goes wrong must not become a loop. */
const leastDoubtMs = 10_000;
