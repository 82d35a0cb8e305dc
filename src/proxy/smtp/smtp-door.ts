/**
 * SMTP submission before the login: EHLO, STARTTLS, AUTH PLAIN and LOGIN. RFC 5321, 3207, 4954, 6409.
 *
 * The hard thing is AUTH LOGIN, which has no standard: name and password are asked for in base64, one after the other, and some send the
 * name with the command.
 */
import type { Caller } from '../caller.ts';
import type { LoginAnswer } from '../login.ts';
import { fromBase64, readPlain, TalkEnded } from '../talk.ts';

/** RFC 4954 §4: a line of a login may be longer than SMTP's 512. */
export const maxLineBytes = 12 * 1024;
const maxCommands = 50;
const maxRefusals = 3;

/** How we call ourselves. RFC 5321 §4.1.3 wants a name; nobody looks it up. */
export const ownName = 'postern';

/** Talks until somebody is logged in. @returns with the session that has begun; @throws TalkEnded */
export async function smtpDoor(caller: Caller): Promise<Extract<LoginAnswer, { kind: 'opened' }>> {
  const { talk } = caller;
  // RFC 5321 §4.3.1: the server speaks first. Whoever does not wait for that is no mail program.
  talk.say(`220 ${ownName} ESMTP Postern\r\n`);
  let refusals = 0;
  for (let commands = 0; commands < maxCommands; commands += 1) {
    const line = await readLine(caller);
    const [, word = '', rest = ''] = /^([A-Za-z]{1,10})(?: (.*))?$/s.exec(line) ?? [];
    const verb = word.toUpperCase();
    if (verb !== 'AUTH') {
      await other(caller, verb, rest.trim());
      continue;
    }
    const answer = await auth(caller, rest);
    if (answer === undefined) continue;
    if (answer.kind === 'opened') {
      talk.say('235 2.7.0 Authentication successful\r\n');
      return answer;
    }
    talk.say(`${words(answer)}\r\n`);
    refusals += 1;
    if (refusals < maxRefusals) continue;
    talk.close('421 4.7.0 Too many logins failed\r\n');
    throw new TalkEnded('closing');
  }
  talk.close('421 4.7.0 Too many commands without a login\r\n');
  throw new TalkEnded('too-many-commands');
}

async function readLine({ talk }: Caller): Promise<string> {
  try {
    return await talk.line(maxLineBytes);
  } catch (error) {
    if (error instanceof TalkEnded && error.reason === 'line-too-long') talk.close('421 5.5.2 The line is too long\r\n');
    throw error;
  }
}

async function other(caller: Caller, verb: string, rest: string): Promise<void> {
  const { talk } = caller;
  switch (verb) {
    case 'EHLO':
      talk.say(hello(caller));
      return;
    case 'HELO':
      talk.say(`250 ${ownName}\r\n`);
      return;
    case 'NOOP':
    case 'RSET':
      talk.say('250 2.0.0 OK\r\n');
      return;
    case 'QUIT':
      talk.close('221 2.0.0 Goodbye\r\n');
      throw new TalkEnded('closing');
    case 'STARTTLS':
      if (!caller.mayStartTls || rest !== '') return talk.say('503 5.5.1 STARTTLS is not possible here\r\n');
      if (talk.pending) return caller.refuseInjection('554 5.5.1 There were bytes behind STARTTLS\r\n');
      talk.say('220 2.0.0 Begin TLS now\r\n');
      return await caller.startTls();
    case 'MAIL':
    case 'RCPT':
    case 'DATA':
    case 'BDAT':
    case 'VRFY':
    case 'EXPN':
      return talk.say(caller.mayLogIn ? '530 5.7.0 Authentication required\r\n' : '530 5.7.0 Use STARTTLS first\r\n');
    default:
      talk.say('500 5.5.2 This is no command\r\n');
  }
}

/** What every server behind has; after the login its own answer is given. */
function hello({ mayLogIn, mayStartTls }: Caller): string {
  const lines = [ownName, 'PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'];
  if (mayStartTls) lines.push('STARTTLS');
  if (mayLogIn) lines.push('AUTH PLAIN LOGIN');
  return replyLines(250, lines);
}

/** An answer of several lines. RFC 5321 §4.2.1. */
export function replyLines(code: number, lines: readonly string[]): string {
  return lines.map((line, index) => `${code}${index < lines.length - 1 ? '-' : ' '}${line}\r\n`).join('');
}

async function auth(caller: Caller, rest: string): Promise<LoginAnswer | undefined> {
  const { talk } = caller;
  const [mechanism = '', initial, ...more] = rest.split(' ').filter((word) => word !== '');
  if (!caller.mayLogIn) talk.say('538 5.7.11 Use STARTTLS first\r\n');
  else if (more.length > 0 || mechanism === '') talk.say('501 5.5.4 This is no AUTH\r\n');
  else if (mechanism.toUpperCase() === 'PLAIN') return await authPlain(caller, initial);
  else if (mechanism.toUpperCase() === 'LOGIN') return await authLogin(caller, initial);
  else talk.say('504 5.5.4 Only PLAIN and LOGIN are possible\r\n');
  return undefined;
}

async function authPlain(caller: Caller, initial: string | undefined): Promise<LoginAnswer | undefined> {
  if (initial === undefined) caller.talk.say('334 \r\n');
  const response = initial ?? (await readLine(caller));
  const plain = readPlain(response);
  if (plain !== undefined) return await caller.logIn(plain);
  if (fromBase64(response) !== undefined) return await caller.logIn({ name: '', password: Buffer.alloc(0) });
  caller.talk.say(response === '*' ? '501 5.0.0 AUTH was cancelled\r\n' : '501 5.5.2 The response is not base64\r\n');
  return undefined;
}

async function authLogin(caller: Caller, initial: string | undefined): Promise<LoginAnswer | undefined> {
  const { talk } = caller;
  const ask = async (question: string): Promise<Buffer | undefined> => {
    talk.say(`334 ${Buffer.from(question).toString('base64')}\r\n`);
    const answer = await readLine(caller);
    const octets = fromBase64(answer);
    if (octets === undefined) talk.say(answer === '*' ? '501 5.0.0 AUTH was cancelled\r\n' : '501 5.5.2 The response is not base64\r\n');
    return octets;
  };
  const name = initial === undefined ? await ask('Username:') : fromBase64(initial === '=' ? '' : initial);
  if (name === undefined) {
    if (initial !== undefined) talk.say('501 5.5.2 The response is not base64\r\n');
    return undefined;
  }
  const password = await ask('Password:');
  return password === undefined ? undefined : await caller.logIn({ name: name.toString('latin1'), password });
}

/** RFC 4954 §6. */
function words(answer: Exclude<LoginAnswer, { kind: 'opened' }>): string {
  if (answer.kind === 'refused') return '535 5.7.8 User name or password is wrong';
  const { code, entry } = answer.fault;
  if (answer.kind === 'failed') return `535 5.7.1 ${entry.says} (${code})`;
  return `454 4.7.0 ${entry.says} Try again later. (${code})`;
}
