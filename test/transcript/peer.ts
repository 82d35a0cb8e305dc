/**
 * A server that plays the `S:` side of a transcript and holds the client to the `C:` side. It knows nothing of the protocol but lines.
 *
 * Where the client says something else, the peer hangs up and `end` rejects with the dialogue.
 */
import net from 'node:net';
import type { Step, Transcript } from './transcript.ts';

export interface Peer {
  readonly port: number;
  /** What was said, with `>` and `<` as the client sees it. */
  readonly dialogue: readonly string[];
  /** Ends the server. Rejects when the client said something else than the transcript, or not all of it. */
  end(): Promise<void>;
}

export interface PeerOptions {
  readonly words: Readonly<Record<string, string>>;
  /** Bytes a write; 0 for all at once. */
  readonly pieceBytes: number;
}

export async function startPeer(transcript: Transcript, options: PeerOptions): Promise<Peer> {
  const dialogue: string[] = [];
  const sockets = new Set<net.Socket>();
  let outcome: Promise<unknown> = Promise.resolve();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    outcome = play(transcript.steps, socket, options, dialogue).then(
      () => undefined,
      (error: unknown) => {
        socket.destroy();
        return error;
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    dialogue,
    end: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.end();
      const error = await outcome;
      for (const socket of sockets) socket.destroy();
      await closed;
      if (error !== undefined) throw error;
    },
  };
}

async function play(steps: readonly Step[], socket: net.Socket, options: PeerOptions, dialogue: string[]): Promise<void> {
  const tags = new Map<string, string>();
  const lines = readLines(socket);
  for (const step of steps) {
    if (step.does === 'close') {
      socket.end();
    } else if (step.does === 'reset') {
      socket.resetAndDestroy();
    } else if (step.does === 'say') {
      const text = withWords(step.text, options.words).replace(/^([a-z]\d+)(?= )/gm, (name) => tags.get(name) ?? name);
      dialogue.push(
        ...text
          .trimEnd()
          .split('\r\n')
          .map((line) => `< ${line.slice(0, 200)}`),
      );
      await send(socket, Buffer.from(text), options.pieceBytes);
    } else {
      const { value: line } = await lines.next();
      dialogue.push(`> ${line ?? '(nothing more)'}`);
      const expected = withWords(step.line, options.words);
      const problem = compare(expected, line, tags);
      if (problem) throw new Error(`expected of the client: ${expected}\n${dialogue.join('\n')}`);
    }
  }
}

/** Whether the line is another than the expected one; learns the tag. */
function compare(expected: string, line: string | undefined, tags: Map<string, string>): boolean {
  if (line === undefined) return true;
  const [, name, rest] = /^([a-z]\d+) (.*)$/.exec(expected) ?? [];
  if (name === undefined) return line !== expected;
  const space = line.indexOf(' ');
  tags.set(name, line.slice(0, space));
  return line.slice(space + 1) !== rest;
}

function withWords(text: string, words: Readonly<Record<string, string>>): string {
  return text
    .replace(/\$x(\d+)/g, (_, count: string) => 'x'.repeat(Number(count)))
    .replace(/\$([a-z]+)/g, (whole, name: string) => words[name] ?? whole);
}

async function send(socket: net.Socket, bytes: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes || bytes.length) {
    await new Promise<void>((resolve) => socket.write(bytes.subarray(at, at + (pieceBytes || bytes.length)), () => resolve()));
  }
}

async function* readLines(socket: net.Socket): AsyncGenerator<string, undefined, void> {
  let rest = '';
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      rest += String(chunk);
      const lines = rest.split('\r\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch {
    // The client hung up hard; for the transcript that is the end of its lines.
  }
  return undefined;
}
