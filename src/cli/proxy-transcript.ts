/** `postern proxy transcript`: what applications say to a running proxy, written down for a while, for when one cannot log in. */
import type { KeptTranscript } from '../proxy/transcript/transcripts.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { duration, json, printable, table } from './print.ts';

const verbs = ['list', 'start', 'stop', 'show', 'clear'] as const;
type Verb = (typeof verbs)[number];
const usualMs = 10 * 60_000;

export const proxyTranscript: Command = {
  name: 'proxy transcript',
  summary: 'Write down for a while what applications say to the proxy, without their secrets; for when one cannot log in.',
  usage: 'list | start [--for 10m] [--network CIDR…] [--client NAME…] | stop | show [ID] | clear [--config FILE] [--json]',
  details: `list   what was written down, and whether more is (the default)
start  for ten minutes, or as --for says (24h at most), write down each new connection: the dialogue up to the login, of
       SMTP also that behind it, what became of the login and why, and what was said to the server
stop   no more, though the time is not over
show   one of them, by its ID or the first letters of it; without an ID the newest
clear  remove them all

No password, token, mail or unknown word is written down, only its length: what is not known to be harmless is left out. A
running proxy sees start and stop within a second; a connection is written down when it is over, of IMAP and POP3 when its
login is. 64 KB a connection and 200 connections are kept, for seven days.

Example:
  postern proxy transcript start --network 10.1.7.20    # now press "test" on the scanner
  postern proxy transcript show`,
  options: {
    for: { type: 'string', value: 'TIME', help: 'How long, as 30s, 10m or 2h; 10m unless said.' },
    network: { type: 'string', value: 'CIDR', multiple: true, help: 'Only connections from this address or range. May be repeated.' },
    client: {
      type: 'string',
      value: 'NAME',
      multiple: true,
      help: 'Only logins by the name or the password of this client. May be repeated.',
    },
  },
  run: async (args, terminal) => {
    const wish = await wishOf(args);
    const { readConfiguration } = await import('./wire.ts');
    const { dataFolder } = await readConfiguration(args, terminal);
    const { readTranscripts, removeTranscripts } = await import('../proxy/transcript/transcripts.ts');
    const { readTranscriptWish, writeTranscriptWish } = await import('../proxy/transcript/wish.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const now = systemClock.now();
    const asJson = args.values['json'] === true;
    switch (wish.verb) {
      case 'list': {
        const { untilMs = 0 } = readTranscriptWish(dataFolder) ?? {};
        return list(await readTranscripts(dataFolder), Math.max(0, untilMs - now), terminal, asJson);
      }
      case 'show':
        return await show(await readTranscripts(dataFolder), wish.id, terminal, asJson);
      case 'start':
        await written(() => writeTranscriptWish(dataFolder, { ...wish, untilMs: now + wish.forMs }));
        if (asJson) json(terminal, { until: new Date(now + wish.forMs).toISOString() });
        else terminal.stdout.write(`New connections are written down for ${duration(wish.forMs)}.\n`);
        return exit.done;
      case 'stop':
        await written(() => writeTranscriptWish(dataFolder, undefined));
        if (asJson) json(terminal, { until: null });
        else terminal.stdout.write('No more connections are written down.\n');
        return exit.done;
      case 'clear': {
        const removed = await removeTranscripts(dataFolder);
        if (asJson) json(terminal, { removed });
        else terminal.stdout.write(`${removed} removed.\n`);
        return exit.done;
      }
    }
  },
};

interface Wish {
  readonly verb: Verb;
  readonly id: string | undefined;
  readonly forMs: number;
  readonly networks: readonly string[];
  readonly clients: readonly string[];
}

async function wishOf({ positionals, values }: Arguments): Promise<Wish> {
  const { Fault } = await import('../fault/fault.ts');
  const { isClientName, isNetwork } = await import('../proxy/clients/client.ts');
  const { longestTranscriptMs } = await import('../proxy/transcript/wish.ts');
  const { parseDuration } = await import('../config/quantity.ts');
  const wrong = (expected: string, found: string) => new Fault('cli.wrong-use', { command: 'proxy transcript', expected, found });
  const [given = 'list', id, ...more] = positionals;
  const verb = verbs.find((one) => one === given);
  if (verb === undefined) throw wrong('list, start, stop, show or clear', given);
  if (more.length > 0 || (id !== undefined && verb !== 'show')) throw wrong(`nothing more after ${verb}`, [id, ...more].join(' '));
  const of = (key: string): readonly string[] => {
    const value = values[key];
    return Array.isArray(value) ? value.map(String) : [];
  };
  const [networks, clients, time] = [of('network'), of('client'), values['for']];
  if (verb !== 'start' && (networks.length > 0 || clients.length > 0 || time !== undefined))
    throw wrong('--for, --network and --client with start only', verb);
  const forMs = typeof time === 'string' ? (parseDuration(time) ?? 0) : usualMs;
  if (forMs <= 0 || forMs > longestTranscriptMs) throw wrong('--for a time such as 10m, 24h at most', String(time));
  const badNetwork = networks.find((one) => !isNetwork(one));
  if (badNetwork !== undefined) throw wrong('--network an address or a range such as 10.1.0.0/16', badNetwork);
  const badClient = clients.find((one) => !isClientName(one));
  if (badClient !== undefined) throw wrong('--client the name of a client', badClient);
  return { verb, id, forMs, networks, clients };
}

async function written(act: () => void): Promise<void> {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const { Fault } = await import('../fault/fault.ts');
    throw new Fault('proxy.transcript-unwritable', { folder: 'proxy', errno: String(error.code) }, { cause: error });
  }
}

function list(kept: readonly KeptTranscript[], leftMs: number, terminal: Terminal, asJson: boolean): ExitCode {
  const rows = kept.map(({ id, text }) => {
    const [, at = '', protocol = '', address = ''] = /^(\S+) protocol=(\S+) address=(\S+)/.exec(text) ?? [];
    const outcome = [...text.matchAll(/^ *[\d.]+ {14}(.*)$/gm)].map(([, note = '']) => note);
    return { id, at, protocol, address, outcome: outcome.findLast((note) => /^log/.test(note)) ?? outcome.at(-1) ?? 'no login' };
  });
  if (asJson) {
    json(terminal, { secondsLeft: Math.round(leftMs / 1000), transcripts: rows });
    return exit.done;
  }
  const columns = [{ title: 'id' }, { title: 'protocol' }, { title: 'address' }, { title: 'outcome' }];
  const shown = rows.map(({ id, protocol, address, outcome }) => [id, protocol, address, printable(outcome).slice(0, 100)]);
  if (rows.length > 0) terminal.stdout.write(table(columns, shown));
  terminal.stdout.write(
    leftMs > 0
      ? `New connections are written down for another ${duration(leftMs)}.\n`
      : 'Nothing is being written down; `postern proxy transcript start` begins.\n',
  );
  return exit.done;
}

async function show(kept: readonly KeptTranscript[], id: string | undefined, terminal: Terminal, asJson: boolean): Promise<ExitCode> {
  const fitting = kept.filter((one) => id === undefined || one.id === id || one.id.startsWith(id));
  const found = id === undefined ? fitting.at(-1) : fitting[0];
  if (found === undefined || (id !== undefined && fitting.length > 1 && found.id !== id)) {
    const { Fault } = await import('../fault/fault.ts');
    throw new Fault('cli.wrong-use', {
      command: 'proxy transcript',
      expected: 'the ID of one transcript; `list` shows them',
      found: `${fitting.length} of ${kept.length}`,
    });
  }
  if (asJson) json(terminal, found);
  else terminal.stdout.write(found.text);
  return exit.done;
}
