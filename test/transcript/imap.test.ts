/** Plays every transcript of `imap/` against our client: once as whole writes, once byte by byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault/fault.ts';
import { connectImap, type ImapClient } from '../../src/mail/imap/client.ts';
import type { ImapCredential } from '../../src/mail/imap/endpoint.ts';
import type { IdleOptions } from '../../src/mail/imap/idle.ts';
import { plain, xoauth2 } from '../../src/mail/sasl.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { startPeer } from './peer.ts';
import { readTranscripts, type Transcript } from './transcript.ts';

const user = 'box@contoso.test';
const token = new Secret('token.for.tests');
const password = new Secret('se"cret');
const words = {
  initial: xoauth2(user, token).reveal(),
  plain: plain(user, password).reveal(),
  challenge: Buffer.from('{"status":"401","schemes":"bearer","scope":"mail"}').toString('base64'),
};

for (const transcript of readTranscripts(new URL('imap/', import.meta.url))) {
  for (const pieceBytes of [0, 1]) {
    const way = pieceBytes === 0 ? '' : ', byte by byte';
    test(`${transcript.about} (${transcript.name}${way})`, { timeout: 120_000 }, () => play(transcript, pieceBytes));
  }
}

async function play(transcript: Transcript, pieceBytes: number): Promise<void> {
  const peer = await startPeer(transcript, { words, pieceBytes });
  const given: string[] = [];
  const faults: Fault[] = [];
  const said: string[] = [];
  let client: ImapClient | undefined;
  const guard = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults.push(error);
    }
  };
  try {
    await guard(async () => {
      client = await connectImap(
        { host: '127.0.0.1', port: peer.port, tls: transcript.starttls ? 'starttls' : 'none' },
        { limits: { ...transcript.limits }, onDialogue: ({ text }) => said.push(text) },
      );
    });
    for (const act of transcript.acts) {
      const connected = client;
      if (connected !== undefined) await guard(() => perform(connected, act, given));
    }
    client?.close();
    await peer.end();
    const seen = peer.dialogue.join('\n');
    assert.deepEqual(given, transcript.gives, seen);
    assert.deepEqual([...new Set(faults.map((fault) => fault.code))].join(' '), transcript.fault ?? '', `${faults}\n${seen}`);
    for (const [key, value] of Object.entries(transcript.evidence)) assert.equal(String(faults[0]?.evidence[key]), value, seen);
    const spoken = `${said.join('\n')}${faults.map((fault) => JSON.stringify(fault.evidence)).join('\n')}`;
    for (const secret of [words.initial, words.plain, token.reveal(), password.reveal()]) assert.ok(!spoken.includes(secret), spoken);
  } finally {
    client?.close();
    await peer.end().catch(() => {});
  }
}

/** What a `do:` line says; what it hands back goes to `given` as text. */
async function perform(client: ImapClient, act: string, given: string[]): Promise<void> {
  const [verb = '', ...rest] = act.split(' ');
  const argument = rest.join(' ');
  switch (verb) {
    case 'login':
      return await client.authenticate(credential(argument));
    case 'capabilities':
      given.push(`capabilities ${[...client.capabilities].sort().join(' ').replace('IMAP4REV1', 'IMAP4rev1')}`);
      return;
    case 'greeting':
      given.push(`greeting from ${client.serverHost}`);
      return;
    case 'list':
      for (const { name, separator, attributes, selectable } of await client.list()) {
        given.push(`folder ${[name, separator ?? 'none', ...(selectable ? [] : ['closed']), ...[...attributes].sort()].join(' ')}`);
      }
      return;
    case 'examine':
    case 'select': {
      const { uidValidity, uidNext, exists } = await client[verb](argument);
      given.push(`selected uidvalidity=${uidValidity} uidnext=${uidNext ?? 'none'} exists=${exists}`);
      return;
    }
    case 'search':
      given.push(['uids', ...(await client.searchUids(argument))].join(' '));
      return;
    case 'status': {
      const { messages, uidNext, uidValidity } = await client.status(argument);
      given.push(`status messages=${messages} uidnext=${uidNext ?? 'none'} uidvalidity=${uidValidity ?? 'none'}`);
      return;
    }
    case 'describe':
      for await (const { uid, internalDate, announcedBytes, messageId } of client.describe(numbers(argument))) {
        given.push(`described uid=${uid} size=${announcedBytes} date=${internalDate?.toISOString()} id=${messageId ?? 'none'}`);
      }
      return;
    case 'changes':
      given.push(`exists ${client.view.exists}, changes ${client.view.changes}`);
      return;
    case 'powers':
      given.push(`move ${client.powers.move}, remove ${client.powers.remove}`);
      return;
    case 'seen':
      return await client.setSeen(numbers(argument));
    case 'remove':
      return await client.remove(numbers(argument));
    case 'move': {
      const [set = '', ...name] = argument.split(' ');
      const { uidValidity, uids } = await client.move(numbers(set), name.join(' '));
      given.push(`moved uidvalidity=${uidValidity ?? 'none'} ${[...uids].map(([from, to]) => `${from}>${to}`).join(' ')}`.trimEnd());
      return;
    }
    case 'fetch':
      return await fetchAll(client, argument, given);
    case 'skip':
      return await skipAll(client, argument, given);
    case 'idle':
      return await listen(client, {}, Number(argument), given);
    case 'renew':
      return await listen(client, { renewMs: 20 }, Number(argument), given);
    case 'listen': {
      const stop = new AbortController();
      return await listen(client, { signal: stop.signal }, Number(argument), given, stop);
    }
    case 'noop':
      return await client.noop();
    case 'logout':
      return await client.logout();
    default:
      throw new Error(`no such act: ${act}`);
  }
}

/** Takes so many events and then leaves, by the signal where there is one, else by breaking off. */
async function listen(client: ImapClient, options: IdleOptions, events: number, given: string[], stop?: AbortController): Promise<void> {
  let wanted = events;
  for await (const event of client.idle(options)) {
    given.push(event.kind === 'exists' ? `exists ${event.count}` : event.kind === 'expunge' ? `expunge ${event.sequence}` : 'other');
    wanted -= 1;
    if (wanted > 0) continue;
    if (stop === undefined) break;
    stop.abort();
  }
}

function credential(argument: string): ImapCredential {
  const [kind, own] = argument.split(' ');
  if (kind === 'password') return { kind, user, password: own === undefined ? password : new Secret(own) };
  return { kind: 'xoauth2', user, token: async () => token };
}

async function fetchAll(client: ImapClient, argument: string, given: string[]): Promise<void> {
  const [set = '', , perCommand = '200', , inFlight = '3'] = argument.split(' '); // `1:9 per 2 ahead 3`
  for await (const message of client.fetchMessages(numbers(set), { perCommand: Number(perCommand), inFlight: Number(inFlight) })) {
    let body: string | undefined;
    if (message.body !== undefined) {
      body = '';
      for await (const chunk of message.body) body += Buffer.from(chunk).toString('latin1');
    }
    const { uid, announcedBytes, flags, internalDate } = message.attributes();
    const date = internalDate?.toISOString() ?? 'none';
    given.push(`message uid=${uid} size=${announcedBytes ?? 'none'} flags=${flags.join(' ')} date=${date} body=${body ?? 'none'}`);
  }
}

/** Takes the messages without reading their bodies; their attributes are complete when the next one is there. */
async function skipAll(client: ImapClient, set: string, given: string[]): Promise<void> {
  const messages = [];
  for await (const message of client.fetchMessages(numbers(set))) messages.push(message);
  for (const message of messages) given.push(`message uid=${message.attributes().uid}`);
}

function numbers(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split(':').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
