/**
 * IMAP before the login: what an application may say to us, up to LOGIN or AUTHENTICATE PLAIN. RFC 9051 §6.1 and §6.2, RFC 4959, RFC 7888.
 *
 * The hard thing is the literal: a line that ends in {n} goes on behind n bytes, for which the application waits to be asked, unless it
 * wrote {n+}. One that is too long cannot be stepped over without reading it all, so it ends the connection.
 */

import type { Caller } from './caller.ts';
import type { LoginAnswer } from './login.ts';
import { fromBase64, readPlain, type Talk, TalkEnded } from './talk.ts';

/** M365 (assumed): on-premises Exchange takes 10,240 bytes for a line. A login is far shorter. */
const maxLineBytes = 8 * 1024;
/** A user name or a password. */
const maxLiteralBytes = 1024;
const maxCommands = 50;
const maxRefusals = 3;

interface Command {
  readonly tag: string;
  readonly name: string;
  /** Text and literals, one character a byte. */
  readonly args: readonly string[];
}

/** Talks until somebody is logged in. @returns with the session that has begun; @throws TalkEnded */
export async function imapDoor(caller: Caller): Promise<Extract<LoginAnswer, { kind: 'opened' }>> {
  const { talk } = caller;
  talk.say(`* OK [CAPABILITY ${capabilities(caller)}] Postern is ready.\r\n`);
  let refusals = 0;
  for (let commands = 0; commands < maxCommands; commands += 1) {
    const command = await readCommand(caller);
    if (command === undefined) continue;
    const { tag, name, args } = command;
    if (name === 'LOGIN' || name === 'AUTHENTICATE') {
      const answer = name === 'LOGIN' ? await login(caller, tag, args) : await authenticate(caller, tag, args);
      if (answer === undefined) continue;
      if (answer.kind === 'opened') {
        const told = answer.opened.protocol === 'imap' ? `[CAPABILITY ${answer.opened.capabilities.join(' ')}] ` : '';
        talk.say(`${tag} OK ${told}${name} completed.\r\n`);
        return answer;
      }
      talk.say(`${tag} ${words(answer)}\r\n`);
      refusals += 1;
      if (refusals < maxRefusals) continue;
      talk.close('* BYE Too many logins failed.\r\n');
      throw new TalkEnded('closing');
    }
    await other(caller, tag, name, args);
  }
  talk.close('* BYE Too many commands without a login.\r\n');
  throw new TalkEnded('too-many-commands');
}

function capabilities({ mayLogIn, mayStartTls }: Caller): string {
  const login = mayLogIn ? 'AUTH=PLAIN SASL-IR' : 'LOGINDISABLED';
  return `IMAP4rev1 ${mayStartTls ? 'STARTTLS ' : ''}${login} LITERAL+ ID`;
}

async function other(caller: Caller, tag: string, name: string, args: readonly string[]): Promise<void> {
  const { talk } = caller;
  switch (name) {
    case 'CAPABILITY':
      talk.say(`* CAPABILITY ${capabilities(caller)}\r\n${tag} OK CAPABILITY completed.\r\n`);
      return;
    case 'NOOP':
      talk.say(`${tag} OK NOOP completed.\r\n`);
      return;
    case 'ID':
      talk.say(`* ID ("name" "Postern")\r\n${tag} OK ID completed.\r\n`);
      return;
    case 'LOGOUT':
      talk.close(`* BYE Goodbye.\r\n${tag} OK LOGOUT completed.\r\n`);
      throw new TalkEnded('closing');
    case 'STARTTLS':
      if (!caller.mayStartTls || args.length > 0) {
        talk.say(`${tag} BAD STARTTLS is not possible here.\r\n`);
        return;
      }
      if (talk.pending) return caller.refuseInjection(`${tag} BAD There were bytes behind STARTTLS.\r\n`);
      talk.say(`${tag} OK Begin TLS now.\r\n`);
      await caller.startTls();
      return;
    default:
      talk.say(`${tag} BAD ${/^[A-Z]{1,20}$/.test(name) ? `${name} is not possible before the login` : 'This is no command'}.\r\n`);
  }
}

async function login(caller: Caller, tag: string, args: readonly string[]): Promise<LoginAnswer | undefined> {
  const { talk } = caller;
  const [name, password, ...more] = args;
  if (name === undefined || password === undefined || more.length > 0) {
    talk.say(`${tag} BAD LOGIN wants a user name and a password.\r\n`);
    return undefined;
  }
  if (!caller.mayLogIn) {
    talk.say(`${tag} NO [PRIVACYREQUIRED] Use STARTTLS first.\r\n`);
    return undefined;
  }
  return await caller.logIn({ name, password: Buffer.from(password, 'latin1') });
}

/** RFC 9051 §6.2.2; the initial response of RFC 4959, where `=` stands for an empty one. */
async function authenticate(caller: Caller, tag: string, args: readonly string[]): Promise<LoginAnswer | undefined> {
  const { talk } = caller;
  const [mechanism = '', initial, ...more] = args;
  if (more.length > 0 || mechanism.toUpperCase() !== 'PLAIN') {
    talk.say(`${tag} ${more.length > 0 ? 'BAD This is no AUTHENTICATE' : 'NO [CANNOT] Only PLAIN is possible'}.\r\n`);
    return undefined;
  }
  if (!caller.mayLogIn) {
    talk.say(`${tag} NO [PRIVACYREQUIRED] Use STARTTLS first.\r\n`);
    return undefined;
  }
  if (initial === undefined) talk.say('+ \r\n');
  const response = initial ?? (await readLine(talk, maxLineBytes));
  if (response === '*') {
    talk.say(`${tag} BAD AUTHENTICATE was cancelled.\r\n`);
    return undefined;
  }
  const plain = readPlain(response);
  if (plain === undefined) {
    if (fromBase64(response) !== undefined) return await caller.logIn({ name: '', password: Buffer.alloc(0) });
    talk.say(`${tag} BAD The response is not base64.\r\n`);
    return undefined;
  }
  return await caller.logIn(plain);
}

async function readLine(talk: Talk, most: number): Promise<string> {
  try {
    return await talk.line(most);
  } catch (error) {
    if (error instanceof TalkEnded && error.reason === 'line-too-long') talk.close('* BYE The line is too long.\r\n');
    throw error;
  }
}

/** Undefined: it was answered already. */
async function readCommand({ talk }: Caller): Promise<Command | undefined> {
  let left = maxLineBytes;
  const take = async (): Promise<string> => {
    const line = await readLine(talk, left);
    left -= line.length;
    return line;
  };
  const line = await take();
  const [, tag = '*', name = '', rest = ''] = /^([^\s"(){%*+\\]{1,64}) +([^\s]+) ?(.*)$/s.exec(line) ?? [];
  if (tag === '*') {
    talk.say('* BAD This is no command.\r\n');
    return undefined;
  }
  const args: string[] = [];
  let text = rest;
  for (;;) {
    const read = readArguments(text);
    if (read === undefined) {
      talk.say(`${tag} BAD The arguments cannot be read.\r\n`);
      return undefined;
    }
    args.push(...read.args);
    if (read.literal === undefined) return { tag, name: name.toUpperCase(), args };
    const { bytes, atOnce } = read.literal;
    if (bytes > maxLiteralBytes) {
      if (!atOnce) {
        talk.say(`${tag} BAD The literal is too long.\r\n`);
        return undefined;
      }
      talk.close('* BYE The literal is too long.\r\n');
      throw new TalkEnded('line-too-long');
    }
    if (!atOnce) talk.say('+ Go on.\r\n');
    args.push((await talk.bytes(bytes)).toString('latin1'));
    text = await take();
  }
}

interface Arguments {
  readonly args: readonly string[];
  /** The line ends in one. */
  readonly literal: { readonly bytes: number; readonly atOnce: boolean } | undefined;
}

/** Quoted strings, atoms and parenthesised lists (for ID; taken as they are). RFC 9051 §9. Undefined: none of these. */
function readArguments(text: string): Arguments | undefined {
  const args: string[] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    const literal = /^\{(\d{1,10})(\+?)\}$/.exec(rest);
    if (literal !== null) return { args, literal: { bytes: Number(literal[1]), atOnce: literal[2] === '+' } };
    const found = /^(?:"((?:[^"\\]|\\["\\])*)"|(\((?:[^"()]|"(?:[^"\\]|\\["\\])*")*\))|([^\s"(){]+))(?= |$)/s.exec(rest);
    if (found === null) return undefined;
    args.push(found[1] === undefined ? (found[2] ?? found[3] ?? '') : found[1].replace(/\\(["\\])/g, '$1'));
    rest = rest.slice(found[0].length).trimStart();
  }
  return { args, literal: undefined };
}

/** RFC 5530 §3. */
function words(answer: Exclude<LoginAnswer, { kind: 'opened' }>): string {
  if (answer.kind === 'refused') return 'NO [AUTHENTICATIONFAILED] User name or password is wrong.';
  const { code, says } = { code: answer.fault.code, says: answer.fault.entry.says };
  if (answer.kind === 'failed') return `NO [CONTACTADMIN] ${says} (${code})`;
  return `NO [${code === 'proxy.mailbox-full' || code === 'proxy.full' ? 'LIMIT' : 'UNAVAILABLE'}] ${says} Try again later. (${code})`;
}
