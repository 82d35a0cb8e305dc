/**
 * How many round trips a look costs that finds nothing new, counted at a door without TLS: over a session that is open, and on a new one.
 *
 * The hard thing is what a round trip is: the client waits for an answer before it goes on. So it is counted each time the client
 * speaks after the server has, whatever it says in one breath.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { selfSignedCertificate } from '../../test/contract/places/certificate.ts';
import { startDovecot } from '../../test/contract/places/dovecot.ts';
import { type Accounts, type Protocol, posternProgram, posternSettings } from './contenders.ts';
import { openDoor } from './door.ts';
import { buildMailbox } from './mailbox.ts';
import { goalLine, machine, type Section } from './report.ts';

const user = 'bench@contoso.test';
const password = 'bench';
const every = '2s';
/** Enough for three looks over the open session. */
const listenMs = 8_000;
const goals = { open: 1, fresh: 3 } as const;

/** What the client said in one breath, by connection. */
type Breaths = string[][];

export async function measureRoundTrips(folder: string): Promise<Section> {
  const tls = await selfSignedCertificate();
  const dovecot = await startDovecot({ tls, passwords: { [user]: password } });
  try {
    buildMailbox(dovecot.maildir(user, 'INBOX'), { messages: 50, totalBytes: 400_000, seed: 3 });
    const parts: string[] = [];
    for (const protocol of ['imap', 'pop3'] as const) {
      mkdirSync(join(folder, protocol));
      parts.push(await measure(protocol, protocol === 'imap' ? dovecot.ports.imap : dovecot.ports.pop3, join(folder, protocol)));
    }
    return {
      title: 'Round trips of a look that finds nothing new',
      text: `Counted at a door before Dovecot. ${machine()}\n\n${parts.join('\n\n')}`,
    };
  } finally {
    await dovecot.close();
  }
}

async function measure(protocol: Protocol, port: number, folder: string): Promise<string> {
  const breaths: Breaths = [];
  let lastFrom: string[] = [];
  const door = await openDoor(port, 0, {
    listen(connection, from, bytes) {
      breaths[connection - 1] ??= [];
      const own = breaths[connection - 1] ?? [];
      if (from === 'client') {
        if (lastFrom[connection] === 'client') own.push(`${own.pop() ?? ''}${bytes.toString('latin1')}`);
        else own.push(bytes.toString('latin1'));
      }
      lastFrom[connection] = from;
    },
  });
  const start = (): void => {
    breaths.length = 0;
    lastFrom = [];
  };
  try {
    const accounts: Accounts = { protocol, port: door.port, users: [user], password, caFile: undefined };
    writeFileSync(join(folder, 'postern.yaml'), posternSettings(accounts, every));
    await postern(folder, ['--once']);
    // Connections are numbered on by the door: those of before stay behind.
    start();
    await postern(folder, ['--once']);
    const fresh = afterLogin(breaths);
    start();
    if (protocol === 'imap') await postern(folder, [], listenMs);
    const [open] = looksOf(breaths);
    // With the answer to DONE the look is over; IDLE begins the next wait.
    const asked = open?.filter((text) => !/^\S+ IDLE\r\n/im.test(text)).length;
    return [
      `- ${protocol.toUpperCase()}, new session, after the login: ${fresh.length} (${fresh.map(shown).join('; ')}).`,
      ...(protocol === 'imap'
        ? [
            `- IMAP, open session: ${open === undefined ? 'no look was seen' : `${asked}, and one to listen again (${open.map(shown).join('; ')})`}.`,
          ]
        : []),
      ...(protocol === 'imap'
        ? [
            goalLine('3 round trips on a new session after the login', String(fresh.length), fresh.length <= goals.fresh).trimEnd(),
            goalLine('one round trip over an open session', String(asked ?? 'nothing'), asked === goals.open).trimEnd(),
          ]
        : []),
    ].join('\n');
  } finally {
    await door.close();
  }
}

/** What was said on the last connection behind the login, without the goodbye. */
function afterLogin(breaths: Breaths): string[] {
  const own = breaths.findLast((one) => one?.length > 0) ?? [];
  const login = own.findIndex((text) => /AUTHENTICATE|LOGIN|^AUTH|^PASS/im.test(text));
  return own.slice(login + 1).filter((text) => !/^\S* ?(?:LOGOUT|QUIT)/im.test(text));
}

/** What was said from one wait to the next, over and over: DONE ends the wait, IDLE begins the next. */
function looksOf(breaths: Breaths): string[][] {
  const own = breaths.findLast((one) => one?.some((text) => /IDLE/i.test(text))) ?? [];
  const looks: string[][] = [];
  for (const text of own) {
    if (/^DONE/im.test(text)) looks.push([]);
    looks.at(-1)?.push(text);
  }
  // The last one may be the end: it says goodbye.
  return looks.filter((one) => !one.some((text) => /LOGOUT/i.test(text)));
}

/** Commands without their tags, and nothing of a login. */
function shown(text: string): string {
  return text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => (/^\S+ (?:AUTHENTICATE|LOGIN)/i.test(line) ? 'login' : line.replace(/^[A-Z]*\d+ /i, '')))
    .join(' + ');
}

async function postern(folder: string, words: readonly string[], forMs?: number): Promise<void> {
  const child = spawn(posternProgram, ['import', 'run', ...words, '--config', join(folder, 'postern.yaml')], {
    env: { ...process.env, BENCH_PASSWORD: password },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let talk = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    talk += text;
  });
  const exited = once(child, 'exit');
  if (forMs !== undefined) await pause(forMs);
  if (forMs !== undefined) child.kill('SIGINT');
  const [code] = await exited;
  if (code !== 0) throw new Error(`postern ended with ${code}:\n${talk}`);
}
