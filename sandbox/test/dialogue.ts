/**
 * What the sandbox's own tests have in common: token requests, and a dialogue by hand over IMAP, POP3 and SMTP.
 *
 * Every wait has a deadline, and a failing wait shows the dialogue with `>` and `<`.
 */

import assert from 'node:assert/strict';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Sandbox } from '../src/place.ts';

/** Longer than a busy machine needs, so that a test that hangs says where. */
const deadlineMs = 40_000;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One https request with the sandbox's authority. */
export function ask(
  sandbox: Sandbox,
  url: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const outgoing = request(url, { method, headers, ca: sandbox.caPem, agent: false, timeout: deadlineMs }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString() }),
      );
      incoming.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${url} within ${deadlineMs} ms`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Posts a form to the token endpoint. What is undefined is left out; the healthy app's request is the default. */
export function askToken(sandbox: Sandbox, change: Readonly<Record<string, string | undefined>> = {}, tenant: string = sandbox.tenant.id) {
  const form = new URLSearchParams();
  const usual = {
    grant_type: 'client_credentials',
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
    scope: sandbox.scope,
  };
  for (const [name, value] of Object.entries({ ...usual, ...change })) if (value !== undefined) form.set(name, value);
  return ask(sandbox, `${sandbox.authority}/${tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
}

export async function tokenFor(sandbox: Sandbox, clientId: string = sandbox.clientId): Promise<string> {
  const { status, body } = await askToken(sandbox, { client_id: clientId });
  if (status !== 200) throw new Error(`no token: ${body}`);
  return String(JSON.parse(body).access_token);
}

export function xoauth2(user: string, token: string): string {
  return Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
}

/** A connection by hand. */
export class Dialogue {
  readonly #socket: TLSSocket;
  readonly #lines: string[] = [];
  #received = '';
  #closed = false;
  #wake: (() => void) | undefined;
  #tag = 0;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#lines.push(`< ${text}`);
      this.#wake?.();
    });
    const end = () => {
      this.#closed = true;
      this.#wake?.();
    };
    socket.on('close', end);
    socket.on('error', end);
  }

  static async #tls(sandbox: Sandbox, port: number, greeting: RegExp): Promise<Dialogue> {
    const dialogue = new Dialogue(connect({ host: '127.0.0.1', port, servername: 'localhost', ca: sandbox.caPem }));
    await dialogue.until(greeting);
    return dialogue;
  }

  static async open(sandbox: Sandbox): Promise<Dialogue> {
    return await Dialogue.#tls(sandbox, sandbox.imap.tlsPort, /^\* OK .*\r\n/);
  }

  static async openPop(sandbox: Sandbox): Promise<Dialogue> {
    return await Dialogue.#tls(sandbox, sandbox.pop.tlsPort, /^\+OK .*\r\n/);
  }

  /** Opens POP3 and logs in by the two lines. Returns the dialogue and what the server said to the token. */
  static async popLogin(sandbox: Sandbox, user: string, token?: string): Promise<{ dialogue: Dialogue; said: string }> {
    const dialogue = await Dialogue.openPop(sandbox);
    assert.equal(await dialogue.line('AUTH XOAUTH2'), '+ \r\n');
    return { dialogue, said: await dialogue.line(xoauth2(user, token ?? (await tokenFor(sandbox)))) };
  }

  /** Opens SMTP, says EHLO, puts TLS on, and says EHLO again. */
  static async openSmtp(sandbox: Sandbox): Promise<Dialogue> {
    const plain = connectPlain({ host: '127.0.0.1', port: sandbox.smtp.starttlsPort });
    for (const [wanted, next] of [
      [/^220 .*\r\n$/, 'EHLO tester.test\r\n'],
      [/^(?:250-.*\r\n)+250 .*\r\n$/, 'STARTTLS\r\n'],
      [/^220 .*\r\n$/, ''],
    ] as const) {
      const said = await new Promise<Buffer>((resolve) => plain.once('data', resolve));
      assert.match(said.toString(), wanted);
      if (next !== '') plain.write(next);
    }
    const dialogue = new Dialogue(connect({ socket: plain, servername: 'localhost', ca: sandbox.caPem }));
    await dialogue.reply('EHLO tester.test');
    return dialogue;
  }

  /** Opens SMTP and logs in. Returns the dialogue and what the server said to the token. */
  static async smtpLogin(sandbox: Sandbox, user: string, token?: string): Promise<{ dialogue: Dialogue; said: string }> {
    const dialogue = await Dialogue.openSmtp(sandbox);
    return { dialogue, said: await dialogue.reply(`AUTH XOAUTH2 ${xoauth2(user, token ?? (await tokenFor(sandbox)))}`) };
  }

  /** Sends a line and returns the one line that comes back. */
  async line(text: string): Promise<string> {
    this.send(`${text}\r\n`);
    return await this.until(/^[^\n]*\r\n/);
  }

  /** Sends a line and returns all up to a dot alone. */
  async lines(text: string): Promise<string> {
    this.send(`${text}\r\n`);
    return await this.until(/^-ERR[^\n]*\r\n|\r\n\.\r\n/);
  }

  /** Sends a line and returns an SMTP reply, which may have more than one line. */
  async reply(text: string): Promise<string> {
    this.send(`${text}\r\n`);
    return await this.until(/^(?:\d{3}-[^\n]*\r\n)*\d{3} [^\n]*\r\n/);
  }

  /** Opens IMAP and logs in. */
  static async loggedIn(sandbox: Sandbox, user: string, token?: string): Promise<Dialogue> {
    const dialogue = await Dialogue.open(sandbox);
    await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(user, token ?? (await tokenFor(sandbox)))}`);
    return dialogue;
  }

  send(text: string): void {
    this.#lines.push(`> ${text}`);
    this.#socket.write(text, 'latin1');
  }

  /** Sends a tagged command and returns all up to its tagged answer. */
  async command(text: string): Promise<string> {
    this.#tag += 1;
    const tag = `t${this.#tag}`;
    this.send(`${tag} ${text}\r\n`);
    const answer = await this.until(new RegExp(`(?:^|\\r\\n)${tag} [^\\r\\n]*\\r\\n`));
    return answer.replaceAll(`${tag} `, 'TAG ');
  }

  /** Waits until what has come matches, takes it, and returns it. */
  async until(wanted: RegExp): Promise<string> {
    const end = Date.now() + deadlineMs;
    for (;;) {
      const found = wanted.exec(this.#received);
      if (found) {
        const taken = this.#received.slice(0, found.index + found[0].length);
        this.#received = this.#received.slice(taken.length);
        return taken;
      }
      if (this.#closed || Date.now() > end)
        throw new Error(`${this.#closed ? 'closed' : 'too late'} before ${wanted}\n${this.#lines.join('\n')}`);
      await this.#more(end - Date.now());
    }
  }

  /** Waits for the end of the connection and returns what came until then. */
  async rest(): Promise<string> {
    const end = Date.now() + deadlineMs;
    while (!this.#closed) {
      if (Date.now() > end) throw new Error(`still open\n${this.#lines.join('\n')}`);
      await this.#more(end - Date.now());
    }
    return this.#received;
  }

  async #more(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, Math.max(1, ms));
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  close(): void {
    this.#socket.destroy();
  }
}
