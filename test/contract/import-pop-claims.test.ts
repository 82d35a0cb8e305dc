/** What a POP3 server may claim and must not be believed, and what is certain of a removal that was cut off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactly } from '../../src/import/folders.ts';
import { popMailbox } from '../../src/import/from-pop.ts';
import type { MailLogin } from '../../src/import/login.ts';
import { popWriter } from '../../src/import/pop-writer.ts';
import type { MailEndpoint } from '../../src/mail/endpoint.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { hurrying, mail, mails, sourcesFor, watched, withArchive } from './import-place.ts';
import { popSandboxPlace } from './import-pop-place.ts';
import { once } from './import-suite.ts';
import { type LineServer, startLineServer } from './line-server.ts';

const login: MailLogin = { kind: 'password', user: 'eva', password: async () => new Secret('word') };

function endpoint({ port }: LineServer): MailEndpoint {
  return { host: '127.0.0.1', port, tls: 'none' };
}

/** @param uidl lines of UIDL; each message has 100 bytes by LIST */
async function withServer(uidl: string, act: (server: LineServer, quitAsked: Promise<void>) => Promise<void>): Promise<void> {
  const quit = Promise.withResolvers<void>();
  const server = await startLineServer('+OK ready\r\n', (line) => {
    switch (line.split(' ')[0]) {
      case 'CAPA':
        return '+OK\r\nUSER\r\nUIDL\r\n.\r\n';
      case 'LIST':
        return `+OK\r\n${uidl.replaceAll(/ \S+\r\n/g, ' 100\r\n')}.\r\n`;
      case 'UIDL':
        return `+OK\r\n${uidl}.\r\n`;
      case 'RETR':
        return `+OK\r\n${Buffer.from(mail(line)).toString('latin1')}.\r\n`;
      case 'QUIT':
        quit.resolve();
        return undefined;
      default:
        return '+OK\r\n';
    }
  });
  try {
    await act(server, quit.promise);
  } finally {
    server.close();
  }
}

for (const [what, uidl] of [
  ['gives two messages one number', '1 one\r\n1 other\r\n'],
  ['gives a message the number 0', '0 one\r\n'],
] as const) {
  test(`a server that ${what} has a fault of its own, and other sources go on`, async () => {
    await withServer(uidl, async (server) => {
      const place = await popSandboxPlace();
      try {
        const mailbox = place.mailbox();
        place.deliver(mailbox, 'INBOX', mails('sound', 3));
        await withArchive(async (archive) => {
          const odd = {
            name: 'odd',
            folders: exactly(['INBOX']),
            everyMs: 60_000,
            exclusive: true,
            connect: popMailbox(endpoint(server), login, 'odd', hurrying()),
          };
          const { sources } = await once([odd, ...(await sourcesFor(place, { mailbox }))], watched(archive));
          assert.deepEqual(
            sources.map(({ source, fault, folders }) => [source, fault?.code, folders[0]?.archived]),
            [
              ['odd', 'pop.protocol', 0],
              ['s0', undefined, 3],
            ],
          );
        });
      } finally {
        await place.close();
      }
    });
  });
}

test('Ctrl-C while a server thinks about QUIT leaves the removal unconfirmed', async () => {
  await withServer('1 one\r\n', (server, quitAsked) =>
    withArchive(async (archive) => {
      const body = async function* (): AsyncGenerator<Uint8Array> {
        yield mail('removed');
      };
      const era = { source: 's0', folder: 'INBOX', uidValidity: 0 };
      await archive.accept(body(), () => ({ era, uid: 1, uidl: 'one', announcedBytes: 100, cursor: 1 }));
      await archive.flush();
      const person = new AbortController();
      const writer = await popWriter(endpoint(server), login, 's0', systemClock)(person.signal, archive);
      await (await writer.open('INBOX')).remove([1]);
      const finished = assert.rejects(writer.finish(), /enough/);
      await quitAsked;
      person.abort(new Error('enough'));
      await finished;
      await writer.close();
    }),
  );
});

test('a message that the server names otherwise than before is not taken for one that is gone', async () => {
  const place = await popSandboxPlace();
  try {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('asked', 3));
    await withArchive(async (archive) => {
      const era = { source: 's0', folder: 'INBOX', uidValidity: 0 };
      const run = async (more: string) => await once(await sourcesFor(place, { mailbox, more }), watched(archive));
      const answers = async (): Promise<readonly (string | number | undefined)[][]> => {
        const notes: (string | number | undefined)[][] = [];
        for await (const { uid, phase } of archive.completions(era)) if (phase !== 'asked') notes.push([uid, phase]);
        return notes;
      };
      assert.ok((await run('')).complete);
      // As a process leaves it that is killed between its note and the server's answer.
      await archive.complete([1, 3].map((uid) => ({ era, uid, step: 'deleted', phase: 'asked' })));
      place.remove(mailbox, 'INBOX', 2);
      place.state(mailbox).quirks.sizeFactor = 1 / 3;
      assert.equal((await run('onCompletion: { delete: { after: 30d } }')).sources[0]?.completion?.fault, undefined);
      assert.deepEqual(await answers(), [[3, 'done']]);
      assert.equal(place.list(mailbox, 'INBOX').length, 2);
    });
  } finally {
    await place.close();
  }
});
