/**
 * Bytes from the application to the server and back, untouched, as fast as the slower of the two takes them.
 *
 * The hard thing is to do almost nothing: a chunk that was read is the chunk that is written, and only its length is looked at. Whoever
 * cannot take more stops the other one's reading (TCP's window closes), each side may end its half before the other, and a half that
 * stays open without a byte is closed in the end.
 */
import type { Socket } from 'node:net';

export interface PassedOn {
  /** From the application. */
  bytesIn: number;
  /** To it. */
  bytesOut: number;
  /** By `now`. */
  lastByteMs: number;
}

export interface PassOnOptions {
  readonly client: Socket;
  readonly server: Socket;
  /** What both have said already, in their order: it goes first. */
  readonly fromClient: Uint8Array;
  readonly fromServer: Uint8Array;
  readonly now: () => number;
  /** Sees every chunk before it goes; must not keep or change it. */
  readonly onClient?: (chunk: Uint8Array) => void;
  readonly onServer?: (chunk: Uint8Array) => void;
}

export type PassOnEnd = 'client-ended' | 'server-ended' | 'client-lost' | 'server-lost' | 'stopped';

export interface Passing {
  readonly passed: PassedOn;
  /** When both connections are closed. */
  readonly done: Promise<PassOnEnd>;
  /** Lets nothing of the application pass for so long; a longer hold stands. */
  hold(ms: number): void;
  /** Ends both. `words` go to the application before. */
  stop(words?: string): void;
}

/** One side has ended; so long may the other go on without a byte. */
const halfOpenMs = 60_000;

export function passOn({ client, server, fromClient, fromServer, now, onClient, onServer }: PassOnOptions): Passing {
  const passed: PassedOn = { bytesIn: 0, bytesOut: 0, lastByteMs: now() };
  let end: PassOnEnd | undefined;
  let held: NodeJS.Timeout | undefined;
  let heldUntil = 0;
  let halfOpen: NodeJS.Timeout | undefined;
  let corked = false;
  const finished = Promise.withResolvers<PassOnEnd>();

  const toServer = (chunk: Uint8Array): void => {
    passed.bytesIn += chunk.length;
    passed.lastByteMs = now();
    onClient?.(chunk);
    if (!server.write(chunk)) client.pause();
    halfOpen?.refresh();
  };
  const toClient = (chunk: Uint8Array): void => {
    passed.bytesOut += chunk.length;
    passed.lastByteMs = now();
    onServer?.(chunk);
    // TLS hands a read out in pieces of 16 kB, one after the other: they go out together.
    if (!corked) {
      corked = true;
      client.cork();
      setImmediate(uncork);
    }
    if (!client.write(chunk)) server.pause();
    halfOpen?.refresh();
  };
  const uncork = (): void => {
    corked = false;
    client.uncork();
  };
  const giveUp = (): void => {
    client.destroy();
    server.destroy();
  };
  const oneEnded = (by: PassOnEnd, other: Socket): void => {
    end ??= by;
    other.end();
    halfOpen ??= setTimeout(giveUp, halfOpenMs);
  };
  const closed = (): void => {
    if (!client.destroyed || !server.destroyed) return;
    clearTimeout(held);
    clearTimeout(halfOpen);
    finished.resolve(end ?? 'stopped');
  };

  client
    .on('data', toServer)
    .on('end', () => oneEnded('client-ended', server))
    .on('drain', () => server.resume())
    .on('error', () => {
      end ??= 'client-lost';
      server.destroy();
    })
    .on('close', () => {
      end ??= 'client-lost';
      // What is on its way to the server still gets there.
      if (!server.destroyed) server.end(() => server.destroy());
      halfOpen ??= setTimeout(giveUp, halfOpenMs);
      closed();
    });
  server
    .on('data', toClient)
    .on('end', () => oneEnded('server-ended', client))
    .on('drain', () => {
      if (held === undefined) client.resume();
    })
    .on('error', () => {
      end ??= 'server-lost';
      client.end();
    })
    .on('close', () => {
      end ??= 'server-lost';
      // Last words of the server that the application has not read yet.
      if (!client.destroyed) client.end(() => client.destroy());
      halfOpen ??= setTimeout(giveUp, halfOpenMs);
      closed();
    });

  if (fromServer.length > 0) toClient(fromServer);
  if (fromClient.length > 0) toServer(fromClient);
  // Whoever has ended already says so no more.
  if (client.readableEnded) oneEnded('client-ended', server);
  else if (!server.writableNeedDrain) client.resume();
  if (server.readableEnded) oneEnded('server-ended', client);
  else if (!client.writableNeedDrain) server.resume();
  if (client.destroyed) server.destroy();
  if (server.destroyed) client.destroy();
  closed();

  return {
    passed,
    done: finished.promise,
    hold(ms) {
      const until = now() + ms;
      if (held !== undefined && until <= heldUntil) return;
      heldUntil = until;
      clearTimeout(held);
      client.pause();
      held = setTimeout(() => {
        held = undefined;
        if (!server.writableNeedDrain) client.resume();
      }, ms);
      held.unref();
    },
    stop(words = '') {
      end ??= 'stopped';
      server.destroy();
      if (client.destroyed) return;
      client.end(words, 'latin1', () => client.destroy());
      setTimeout(() => client.destroy(), lastWordsMs).unref();
    },
  };
}

const lastWordsMs = 2_000;
