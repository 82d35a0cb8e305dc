/** What an IMAP server may claim, leave out or repeat without end, and what may not come of it: a false message, a dead archive, a busy loop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactly } from '../../src/import/folders.ts';
import { imapMailbox } from '../../src/import/from-imap.ts';
import { runOn } from '../../src/import/run.ts';
import type { ImportSource } from '../../src/import/source.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { startStubborn } from './import-peer.ts';
import { hurrying, mail, mails, until, watched, withArchive } from './import-place.ts';
import { once } from './import-suite.ts';
import { startLineServer } from './line-server.ts';

interface Claims {
  readonly uidValidity?: string;
  readonly search?: string;
  /** Of the message with UID 2, behind its UID. */
  readonly second?: string;
  /** Behind the `+` of IDLE. */
  readonly idle?: (tag: string) => string;
  /** Hears each command; true: no answer at all. */
  readonly isSilent?: (command: string) => boolean;
}

/** So long a command without an answer is waited for: what is answered at once is, on a busy machine too. */
const patienceMs = 500;

/** A folder of two messages. */
async function withClaims(claims: Claims, act: (source: (name: string, clock?: Clock) => ImportSource) => Promise<void>): Promise<void> {
  const first = Buffer.from(mail('first')).toString('latin1');
  let idleTag = '';
  const server = await startLineServer('* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] ready\r\n', (line) => {
    if (line === 'DONE') return `${idleTag} OK done\r\n`;
    const [, tag = '', command = '', args = ''] = /^(\S+) ((?:UID )?\S+) ?(.*)$/.exec(line) ?? [];
    if (claims.isSilent?.(command) === true) return undefined;
    switch (command) {
      case 'EXAMINE':
        return `* 2 EXISTS\r\n* OK [UIDVALIDITY ${claims.uidValidity ?? 7}] valid\r\n* OK [UIDNEXT 3] next\r\n${tag} OK examined\r\n`;
      case 'UID SEARCH':
        return `* SEARCH ${claims.search ?? '1 2'}\r\n${tag} OK found\r\n`;
      case 'UID FETCH': {
        const set = args.split(' ')[0];
        const one = set === '2' ? '' : `* 1 FETCH (UID 1 RFC822.SIZE ${first.length} BODY[] {${first.length}}\r\n${first})\r\n`;
        const two = set === '1' ? '' : `* 2 FETCH (UID 2 ${claims.second ?? 'RFC822.SIZE 5 BODY[] "other"'})\r\n`;
        return `${one}${two}${tag} OK fetched\r\n`;
      }
      case 'IDLE':
        idleTag = tag;
        return `+ listening\r\n${claims.idle?.(tag) ?? ''}`;
      case 'LOGOUT':
        return `* BYE farewell\r\n${tag} OK bye\r\n`;
      default:
        return `${tag} OK\r\n`;
    }
  });
  const source = (name: string, clock: Clock = hurrying()): ImportSource => ({
    name,
    folders: exactly(['INBOX']),
    everyMs: 3_600_000,
    connect: imapMailbox(
      { host: '127.0.0.1', port: server.port, tls: 'none' },
      { kind: 'password', user: name, password: async () => new Secret('word') },
      clock,
      { commandTimeoutMs: claims.isSilent === undefined ? 40_000 : patienceMs },
    ),
  });
  try {
    await act(source);
  } finally {
    server.close();
  }
}

for (const [what, claims] of [
  ['a UIDVALIDITY that is none', { uidValidity: '99999999999999999999' }],
  ['a UID that is none', { search: '1 2 99999999999999999999' }],
  ['the UID 0', { search: '0 1 2' }],
] as const satisfies readonly (readonly [string, Claims])[]) {
  test(`${what} is a fault of its source, and other sources go on`, async () => {
    const other = await startStubborn({ messages: mails('sound', 3) });
    try {
      await withClaims(claims, (source) =>
        withArchive(async (archive) => {
          const { sources } = await once([source('odd'), other.source('sound')], watched(archive));
          assert.deepEqual(
            sources.map(({ source: name, fault, folders }) => [name, fault?.code, folders[0]?.archived]),
            [
              ['odd', 'imap.protocol', 0],
              ['sound', undefined, 3],
            ],
          );
        }),
      );
    } finally {
      await other.close();
    }
  });
}

for (const [what, second, states] of [
  ['what comes without a size and without a byte is no message, and is kept apart', 'BODY[] ""', [1, 1]],
  ['a message that is announced as empty and comes so is archived as it is', 'RFC822.SIZE 0 BODY[] ""', [2, 0]],
] as const) {
  test(what, async () => {
    await withClaims({ second }, (source) =>
      withArchive(async (archive) => {
        const { sources } = await once([source('one')], watched(archive));
        const folder = sources[0]?.folders[0];
        assert.deepEqual([folder?.archived, folder?.quarantined], states);
      }),
    );
  });
}

test('a run comes to its end at a server that lets more than a minute go by before each failure', async () => {
  const hurried = hurrying();
  let silentMs = 0;
  let asked = 0;
  const isSilent = (command: string): boolean => {
    if (command !== 'EXAMINE') return false;
    asked += 1;
    silentMs += 121_000;
    return true;
  };
  const clock: Clock = { ...hurried, now: () => hurried.now() + silentMs, monotonic: () => hurried.monotonic() + silentMs };
  await withClaims({ isSilent }, (source) =>
    withArchive(async (archive) => {
      const ports = watched(archive, () => asked > 50 && ports.stop(), clock);
      const { sources } = await once([source('silent', clock)], ports);
      assert.deepEqual([sources[0]?.stopped, sources[0]?.fault?.code, asked], [false, 'network.timeout', 6]);
    }),
  );
});

for (const [what, idle] of [
  ['ends IDLE by itself', (tag) => `${tag} OK over\r\n`],
  ['repeats in IDLE how many there are', () => '* 2 EXISTS\r\n'],
] as const satisfies readonly (readonly [string, Claims['idle']])[]) {
  test(`a server that ${what} is listened to without haste`, async () => {
    let idles = 0;
    const counted = (tag: string): string => {
      idles += 1;
      return idle(tag);
    };
    await withClaims({ idle: counted }, (source) =>
      withArchive(async (archive) => {
        const ports = watched(archive, undefined, systemClock);
        const running = runOn([source('listening', systemClock)], ports, { connections: 1 });
        await until(() => idles > 0);
        // Time for some thousand rounds, where there is nothing between them.
        await systemClock.sleep(300);
        ports.stop();
        await running;
        assert.deepEqual([idles, ports.of('pass').length], [1, 1]);
      }),
    );
  });
}
