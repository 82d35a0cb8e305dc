/**
 * Exchange's cmdlets over HTTPS, by the interface that the PowerShell module itself uses.
 *
 * The hard thing: it is not documented. M365 (recorded): path, body, headers and errors as several open clients have them; the smallest
 * set of headers seen in a shipped product is sent, under our own name. A refusal may come without a body, or with one that is no JSON.
 */
import { randomUUID } from 'node:crypto';
import { Fault, isFault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { HttpAnswer, HttpRequest } from '../../runtime/http.ts';
import { retryAfterSeconds } from '../../runtime/retry-after.ts';
import type { AdminToken, AdminTokens } from '../token.ts';
import type { CmdletParameters, CmdletResult, CmdletRow, CmdletTrace, ExchangeAdmin } from './admin.ts';
import { cmdletFault, isPassing } from './refusal.ts';

export interface InvokeCommandPlace {
  /** Origin, e.g. `https://outlook.office365.com`. */
  readonly origin: string;
  /** As a GUID. */
  readonly tenantId: string;
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}

export interface InvokeCommandPorts {
  readonly request: HttpRequest;
  readonly clock: Clock;
  readonly random: () => number;
  readonly tokens: AdminTokens;
  readonly signal: AbortSignal;
  readonly onTrace?: (trace: CmdletTrace) => void;
}

const maxAttempts = 6;
const firstWaitMs = 2_000;
const longestWaitMs = 60_000;
const timeoutMs = 120_000;
const maxBytes = 32 * 1024 * 1024;
const maxPages = 10_000;
/** M365 (recorded): the system mailbox to which calls without a person are anchored. */
const appAnchor = 'SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}';

export function invokeCommand(place: InvokeCommandPlace, ports: InvokeCommandPorts): ExchangeAdmin {
  return new InvokeCommand(place, ports);
}

class InvokeCommand implements ExchangeAdmin {
  readonly way = 'InvokeCommand';
  readonly #place: InvokeCommandPlace;
  readonly #ports: InvokeCommandPorts;

  constructor(place: InvokeCommandPlace, ports: InvokeCommandPorts) {
    this.#place = place;
    this.#ports = ports;
  }

  async run(cmdlet: string, parameters: CmdletParameters): Promise<CmdletResult> {
    const rows: CmdletRow[] = [];
    const warnings: string[] = [];
    const { origin, tenantId } = this.#place;
    let url: URL | undefined = new URL(`${origin}/adminapi/beta/${encodeURIComponent(tenantId)}/InvokeCommand`);
    for (let pages = 0; url !== undefined; pages += 1) {
      if (pages > maxPages) throw unreadable(cmdlet, 'a list that does not end');
      const page = await this.#ask(cmdlet, parameters, url);
      const value = page['value'];
      if (Array.isArray(value)) rows.push(...value.map((one): CmdletRow => Object(one)));
      const told = page['@adminapi.warnings'];
      if (Array.isArray(told)) warnings.push(...told.map(String));
      // The token goes nowhere else than to where it is for.
      const next = page['@odata.nextLink'];
      url = typeof next === 'string' && URL.canParse(next) ? new URL(next) : undefined;
      if (url !== undefined && url.origin !== origin) throw unreadable(cmdlet, 'the link to the next page leads to another host');
    }
    return { rows, warnings };
  }

  /** M365 (recorded): the file that the module loads at its start names what the caller may run. */
  async allowedCmdlets(): Promise<ReadonlySet<string>> {
    const { request, tokens, signal } = this.#ports;
    const { origin, tenantId, ca } = this.#place;
    const token = await tokens.token('exchange', signal);
    const url = new URL(`${origin}/adminapi/v1.0/${encodeURIComponent(tenantId)}/EXOModuleFile?Version=3.5.0`);
    const answer = await request({
      method: 'GET',
      url,
      headers: { ...this.#headers(token), commandname: '*' },
      ca,
      timeoutMs,
      maxBytes,
      signal,
    });
    if (answer.status !== 200) throw this.#refused('EXOModuleFile', answer, token);
    const values = jsonOf(answer)?.['value'];
    const names = (Array.isArray(values) ? values : []).flatMap((one) => {
      const exported: unknown = Object(one)['exportedCmdlets'];
      return (Array.isArray(exported) ? exported.map(String) : String(exported ?? '').split(',')).map((name) => name.trim());
    });
    if (names.length === 0) throw unreadable('EXOModuleFile', 'no exportedCmdlets');
    return new Set(names.filter((name) => name !== ''));
  }

  async close(): Promise<void> {
    // Nothing stays open between two calls.
  }

  async #ask(cmdlet: string, parameters: CmdletParameters, url: URL): Promise<Readonly<Record<string, unknown>>> {
    const { clock, random, signal } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#askOnce(cmdlet, parameters, url);
      } catch (error) {
        const reads = cmdlet.startsWith('Get-') || cmdlet.startsWith('Test-');
        const again = isFault(error, 'exchange.busy') || (reads && isFault(error, 'network.connection-lost', 'network.timeout'));
        if (!again && !reads && isFault(error, 'network.connection-lost', 'network.timeout')) {
          throw new Fault('exchange.outcome-unknown', { cmdlet, ...error.evidence }, { cause: error });
        }
        if (!again || attempt === maxAttempts) throw error;
        const asked = error.evidence['retryAfterSeconds'];
        const waitMs = typeof asked === 'number' ? asked * 1_000 : firstWaitMs * 2 ** (attempt - 1) * (0.5 + random() / 2);
        await clock.sleep(Math.min(waitMs, longestWaitMs), signal);
      }
    }
  }

  async #askOnce(cmdlet: string, parameters: CmdletParameters, url: URL): Promise<Readonly<Record<string, unknown>>> {
    const { request, tokens, signal, onTrace } = this.#ports;
    const token = await tokens.token('exchange', signal);
    const answer = await request({
      method: 'POST',
      url,
      headers: {
        ...this.#headers(token),
        'content-type': 'application/json; charset=utf-8',
        'x-cmdletname': cmdlet,
        prefer: 'odata.maxpagesize=1000',
      },
      body: JSON.stringify({ CmdletInput: { CmdletName: cmdlet, Parameters: parameters } }),
      ca: this.#place.ca,
      timeoutMs,
      maxBytes,
      signal,
    });
    onTrace?.({ cmdlet, parameters, status: answer.status, requestId: answer.headers['request-id'] ?? '' });
    if (answer.status >= 300) throw this.#refused(cmdlet, answer, token);
    // M365 (recorded): what changes something often answers with nothing.
    if (answer.text.trim() === '') return {};
    const body = jsonOf(answer);
    if (body === undefined) throw unreadable(cmdlet, `status ${answer.status}, ${answer.headers['content-type'] ?? 'no type'}`);
    // A question for a confirmation means that the cmdlet did nothing.
    if (body['@adminapi.confirmationmessage'] !== undefined) throw unreadable(cmdlet, 'it asks for a confirmation');
    return body;
  }

  #headers({ value, claims }: AdminToken): Record<string, string> {
    const anchor = claims.upn === undefined ? `APP:${appAnchor}@${this.#place.tenantId}` : `UPN:${claims.upn}`;
    return {
      authorization: `Bearer ${value.reveal()}`,
      accept: 'application/json',
      'x-anchormailbox': anchor,
      'x-clientapplication': 'Postern',
      'client-request-id': randomUUID(),
    };
  }

  #refused(cmdlet: string, answer: HttpAnswer, token: AdminToken): Fault {
    const seen = {
      cmdlet,
      status: answer.status,
      requestId: answer.headers['request-id'] ?? '',
      diagnostics: (answer.headers['x-ms-diagnostics'] ?? 'none').slice(0, longestText),
    };
    if (answer.status === 401) return new Fault('exchange.token-refused', seen);
    if (answer.status === 403) return new Fault('exchange.not-allowed', { ...seen, scopes: token.claims.permissions.join(' ') });
    const failure = failureIn(answer);
    const wait = retryAfterSeconds(answer.headers['retry-after'], this.#ports.clock.now());
    if (answer.status === 429 || answer.status >= 500 || isPassing(failure)) {
      return new Fault('exchange.busy', { ...seen, ...failure, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) });
    }
    return cmdletFault({ cmdlet, ...failure, status: answer.status, requestId: seen.requestId });
  }
}

const longestText = 1_000;

/** M365 (recorded): first of the details, then the inner exception, then the message, which is generic. */
function failureIn(answer: HttpAnswer): { readonly type: string; readonly text: string } {
  const error = Object(jsonOf(answer)?.['error']) as Record<string, unknown>;
  const { details, innererror, message } = error;
  const [first] = Array.isArray(details) ? details : [];
  const detail: unknown = Object(first)['message'];
  const [, type, ...text] = typeof detail === 'string' ? detail.split('|') : [];
  if (type !== undefined && text.length > 0) return { type, text: text.join('|').slice(0, longestText) };
  const inner = Object(Object(innererror)['internalexception']) as Record<string, unknown>;
  const best = [detail, inner['message'], message].find((one) => typeof one === 'string' && one !== '');
  return { type: String(inner['type'] ?? answer.headers['x-exceptiontype'] ?? 'unknown'), text: String(best ?? '').slice(0, longestText) };
}

function jsonOf(answer: HttpAnswer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(answer.text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(cmdlet: string, seen: string): Fault {
  return new Fault('exchange.answer-unreadable', { cmdlet, seen });
}
