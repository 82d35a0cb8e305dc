/**
 * POP3 before the login: USER and PASS, AUTH PLAIN, CAPA, STLS, QUIT. RFC 1939, 2449, 2595, 5034.
 *
 * The hard thing is to promise nothing that the server behind may not keep: what is said of capabilities here is what every server has;
 * after the login the answer is its own.
 */
import type { Caller } from './caller.ts';
import type { LoginAnswer } from './login.ts';
import { fromBase64, readPlain, TalkEnded } from './talk.ts';

/** RFC 2449 §4: 255 octets; an AUTH with its response is longer. */
const maxLineBytes = 4 * 1024;
const maxCommands = 50;
const maxRefusals = 3;

/** Talks until somebody is logged in. @returns with the session that has begun; @throws TalkEnded */
export async function popDoor(caller: Caller): Promise<Extract<LoginAnswer, { kind: 'opened' }>> {
  const { talk } = caller;
  talk.say('+OK Postern is ready.\r\n');
  let user: string | undefined;
  let refusals = 0;
  for (let commands = 0; commands < maxCommands; commands += 1) {
    const line = await readLine(caller);
    const [, word = '', rest = ''] = /^([A-Za-z]{1,10})(?: (.*))?$/s.exec(line) ?? [];
    const command = word.toUpperCase();
    let answer: LoginAnswer | undefined;
    if (command === 'USER') user = takeUser(caller, rest);
    else if (command === 'PASS') {
      answer = await pass(caller, user, rest);
      user = undefined;
    } else if (command === 'AUTH') answer = await auth(caller, rest);
    else await other(caller, command, rest);
    if (answer === undefined) continue;
    if (answer.kind === 'opened') {
      talk.say('+OK User successfully authenticated.\r\n');
      return answer;
    }
    talk.say(`-ERR ${words(answer)}\r\n`);
    refusals += 1;
    if (refusals < maxRefusals) continue;
    talk.close();
    throw new TalkEnded('closing');
  }
  talk.close('-ERR Too many commands without a login.\r\n');
  throw new TalkEnded('too-many-commands');
}

async function readLine({ talk }: Caller): Promise<string> {
  try {
    return await talk.line(maxLineBytes);
  } catch (error) {
    if (error instanceof TalkEnded && error.reason === 'line-too-long') talk.close('-ERR The line is too long.\r\n');
    throw error;
  }
}

function takeUser({ talk, mayLogIn }: Caller, name: string): string | undefined {
  if (!mayLogIn) {
    talk.say('-ERR Use STLS first.\r\n');
    return undefined;
  }
  talk.say(name === '' ? '-ERR USER wants a name.\r\n' : '+OK\r\n');
  return name === '' ? undefined : name;
}

async function pass(caller: Caller, user: string | undefined, password: string): Promise<LoginAnswer | undefined> {
  if (!caller.mayLogIn || user === undefined) {
    caller.talk.say(caller.mayLogIn ? '-ERR USER comes first.\r\n' : '-ERR Use STLS first.\r\n');
    return undefined;
  }
  return await caller.logIn({ name: user, password: Buffer.from(password, 'latin1') });
}

async function auth(caller: Caller, rest: string): Promise<LoginAnswer | undefined> {
  const { talk } = caller;
  const [mechanism = '', initial, ...more] = rest.split(' ').filter((word) => word !== '');
  // Some ask this way what there is. RFC 5034 §4 leaves it open.
  if (mechanism === '') talk.say(caller.mayLogIn ? '+OK\r\nPLAIN\r\n.\r\n' : '+OK\r\n.\r\n');
  else if (!caller.mayLogIn) talk.say('-ERR Use STLS first.\r\n');
  else if (more.length > 0 || mechanism.toUpperCase() !== 'PLAIN') talk.say('-ERR Only PLAIN is possible.\r\n');
  else {
    if (initial === undefined) talk.say('+ \r\n');
    const response = initial ?? (await readLine(caller));
    const plain = readPlain(response);
    if (plain !== undefined) return await caller.logIn(plain);
    if (response === '*') talk.say('-ERR AUTH was cancelled.\r\n');
    else if (fromBase64(response) !== undefined) return await caller.logIn({ name: '', password: Buffer.alloc(0) });
    else talk.say('-ERR The response is not base64.\r\n');
  }
  return undefined;
}

async function other(caller: Caller, command: string, rest: string): Promise<void> {
  const { talk } = caller;
  if (command === 'CAPA') {
    const login = caller.mayLogIn ? 'USER\r\nSASL PLAIN\r\n' : '';
    talk.say(`+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n${login}${caller.mayStartTls ? 'STLS\r\n' : ''}.\r\n`);
  } else if (command === 'QUIT') {
    talk.close('+OK Goodbye.\r\n');
    throw new TalkEnded('closing');
  } else if (command === 'STLS' && caller.mayStartTls && rest === '') {
    if (talk.pending) return caller.refuseInjection('-ERR There were bytes behind STLS.\r\n');
    talk.say('+OK Begin TLS now.\r\n');
    await caller.startTls();
  } else talk.say(command === '' ? '-ERR This is no command.\r\n' : `-ERR ${command} is not possible before the login.\r\n`);
}

/** RFC 2449 §8, RFC 3206 §4. */
function words(answer: Exclude<LoginAnswer, { kind: 'opened' }>): string {
  if (answer.kind === 'refused') return '[AUTH] User name or password is wrong.';
  const { code, entry } = answer.fault;
  if (answer.kind === 'failed') return `[SYS/PERM] ${entry.says} (${code})`;
  const isInUse = code === 'proxy.mailbox-full' || code === 'pop.mailbox-locked';
  return `[${isInUse ? 'IN-USE' : 'SYS/TEMP'}] ${entry.says} Try again later. (${code})`;
}
