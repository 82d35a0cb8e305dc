/**
 * Plays one transcript of a line protocol (POP3, SMTP) against our client, and compares what it handed back and what it threw.
 *
 * The protocol's own part is how to connect and what a `do:` line means. The words that stand for credentials are the same everywhere,
 * and none of them may show in the dialogue or in a fault.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault/fault.ts';
import type { DialogueLine, MailCredential, MailEndpoint } from '../../src/mail/endpoint.ts';
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
  user: Buffer.from(user).toString('base64'),
  password: Buffer.from(password.reveal()).toString('base64'),
  challenge: Buffer.from('{"status":"401","schemes":"bearer","scope":"mail"}').toString('base64'),
};

interface Closable {
  close(): void;
}

export interface Player<Client extends Closable> {
  connect(
    endpoint: MailEndpoint,
    options: { readonly limits: Readonly<Record<string, number>>; readonly onDialogue: (line: DialogueLine) => void },
  ): Promise<Client>;
  /** What a `do:` line says; what it hands back goes to `given` as text. */
  perform(client: Client, act: string, given: string[]): Promise<void>;
}

/** A test for each transcript of the folder: once as whole writes, once byte by byte. */
export function testTranscripts<Client extends Closable>(folder: URL, player: Player<Client>): void {
  for (const transcript of readTranscripts(folder)) {
    for (const pieceBytes of [0, 1]) {
      const way = pieceBytes === 0 ? '' : ', byte by byte';
      test(`${transcript.about} (${transcript.name}${way})`, { timeout: 20_000 }, () => play(transcript, pieceBytes, player));
    }
  }
}

/** `xoauth2`, `password`, or `password WORD`; `\n` in a word is a line end. */
export function credential(argument: string): MailCredential {
  const [kind, own] = argument.split(' ');
  if (kind === 'password') return { kind, user, password: own === undefined ? password : new Secret(own.replaceAll('\\n', '\n')) };
  return { kind: 'xoauth2', user, token: async () => token };
}

async function play<Client extends Closable>(transcript: Transcript, pieceBytes: number, player: Player<Client>): Promise<void> {
  const peer = await startPeer(transcript, { words, pieceBytes });
  const given: string[] = [];
  const faults: Fault[] = [];
  const said: string[] = [];
  let client: Client | undefined;
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
      client = await player.connect(
        { host: '127.0.0.1', port: peer.port, tls: transcript.starttls ? 'starttls' : 'none' },
        { limits: transcript.limits, onDialogue: ({ text }) => said.push(text) },
      );
    });
    for (const act of transcript.acts) {
      const connected = client;
      if (connected !== undefined) await guard(() => player.perform(connected, act, given));
    }
    client?.close();
    await peer.end();
    const seen = peer.dialogue.join('\n');
    assert.deepEqual(given, transcript.gives, seen);
    assert.equal([...new Set(faults.map((fault) => fault.code))].join(' '), transcript.fault ?? '', `${faults}\n${seen}`);
    for (const [key, value] of Object.entries(transcript.evidence)) assert.equal(String(faults[0]?.evidence[key]), value, seen);
    const spoken = `${said.join('\n')}${faults.map((fault) => JSON.stringify(fault.evidence)).join('\n')}`;
    for (const secret of [words.initial, words.plain, words.password, token.reveal(), password.reveal()]) {
      assert.ok(!spoken.includes(secret), spoken);
    }
  } finally {
    client?.close();
    await peer.end().catch(() => {});
  }
}
