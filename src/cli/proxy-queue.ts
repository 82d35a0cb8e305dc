/** `postern proxy queue`: what the proxy has taken and not yet handed over, and what a person does with it. */
import type { QueuedMessage, Spool } from '../proxy/queue/spool.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { bytes, count, duration, json, printable, table } from './print.ts';

const columns = [
  { title: 'id' },
  { title: 'taken' },
  { title: 'size', right: true },
  { title: 'client' },
  { title: 'from' },
  { title: 'to' },
  { title: 'next try' },
  { title: 'last answer' },
];

const verbs = ['list', 'retry', 'export', 'drop'] as const;
type Verb = (typeof verbs)[number];

export const proxyQueue: Command = {
  name: 'proxy queue',
  summary: 'Show, try again, save or drop the mail that the proxy has taken and not yet handed over.',
  usage: '[list|retry|export|drop] [ID…|--all] [--to FOLDER] [--config FILE] [--json]',
  details: `list    what waits and what was set aside, why, and when it is tried next (the default)
retry   try these again at once, also those that were set aside; a running proxy sees it within seconds
export  write these as ID.eml, with their envelope as ID.json, into the folder after --to
drop    remove these for good: they are not sent, and nobody is told

An ID may be cut short as long as it is the only one that begins so. The exit code is 0 when the queue is empty or
what was asked is done, 3 when \`list\` finds mail that was set aside.`,
  options: {
    all: { type: 'boolean', help: 'All of them instead of named ones.' },
    to: { type: 'string', value: 'FOLDER', help: 'Where `export` writes; made where it is not there.' },
  },
  run: async (args, terminal) => {
    const wish = await wishOf(args);
    const { readConfiguration } = await import('./wire.ts');
    const { queueFolder } = await import('../proxy/queue/folder.ts');
    const { Spool } = await import('../proxy/queue/spool.ts');
    const spool = new Spool(queueFolder(await readConfiguration(args, terminal)));
    if (wish.verb === 'list') return await list(spool, terminal, args.values['json'] === true);
    const messages = wish.all ? await spool.list() : await Promise.all(wish.ids.map((id) => spool.find(id)));
    const { systemClock } = await import('../runtime/clock.ts');
    if (wish.verb === 'retry') for (const { id } of messages) await spool.retry(id, systemClock.now());
    else if (wish.verb === 'drop') for (const message of messages) await spool.remove(message.id);
    else await save(spool, messages, wish.to);
    const done = { retry: 'tried again at once', export: `written to ${wish.to}`, drop: 'dropped' }[wish.verb];
    if (args.values['json'] === true) json(terminal, { [wish.verb]: messages.map(({ id }) => id) });
    else terminal.stdout.write(`${count(messages.length, 'message')} ${done}\n`);
    return exit.done;
  },
};

interface Wish {
  readonly verb: Verb;
  readonly ids: readonly string[];
  readonly all: boolean;
  readonly to: string;
}

async function wishOf(args: Arguments): Promise<Wish> {
  const { Fault } = await import('../fault/fault.ts');
  const [given = 'list', ...ids] = args.positionals;
  const verb = verbs.find((one) => one === given);
  const wrong = (expected: string, found: string) => new Fault('cli.wrong-use', { command: 'proxy queue', expected, found });
  if (verb === undefined) throw wrong('list, retry, export or drop', given);
  const [all, to] = [args.values['all'] === true, args.values['to']];
  if (verb === 'list' && ids.length > 0) throw wrong('no ID after list', ids.join(' '));
  if (verb !== 'list' && all === ids.length > 0) throw wrong(`IDs after ${verb}, or --all`, all ? ids.join(' ') : 'none');
  if ((verb === 'export') !== (typeof to === 'string')) throw wrong('--to FOLDER with export, and only with it', String(to ?? 'none'));
  return { verb, ids, all, to: typeof to === 'string' ? to : '' };
}

async function list(spool: Spool, terminal: Terminal, asJson: boolean): Promise<ExitCode> {
  const messages = await spool.list();
  if (asJson) json(terminal, { queue: messages });
  else terminal.stdout.write(await listText(messages));
  return messages.some(({ state }) => state === 'failed') ? exit.foundFaults : exit.done;
}

async function listText(messages: readonly QueuedMessage[]): Promise<string> {
  if (messages.length === 0) return 'Nothing waits.\n';
  const { catalog } = await import('../fault/catalog.ts');
  const { systemClock } = await import('../runtime/clock.ts');
  const now = systemClock.now();
  const rows = messages.map((message) => {
    const [last] = message.attempts;
    const inMs = Date.parse(message.nextAt) - now;
    const next = message.state === 'failed' ? 'set aside' : inMs <= 0 ? 'now' : `in ${duration(inMs)}`;
    return [
      message.id.slice(0, 12),
      `${duration(Math.max(0, now - Date.parse(message.taken)))} ago`,
      bytes(message.bytes),
      printable(message.client),
      printable(message.from),
      recipientsText(message),
      next,
      last === undefined ? '' : `${last.code}: ${catalog[last.code]?.says ?? ''}`,
    ];
  });
  const failed = messages.filter(({ state }) => state === 'failed').length;
  const end = `${count(messages.length - failed, 'message')} waiting, ${failed} set aside\n`;
  return `${table(columns, rows)}${end}`;
}

function recipientsText({ recipients }: QueuedMessage): string {
  const [first, ...more] = recipients;
  const sent = recipients.filter(({ state }) => state === 'sent').length;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `${printable(first?.address ?? '')}${others}${sent === 0 ? '' : ` (${sent} sent)`}`;
}

async function save(spool: Spool, messages: readonly QueuedMessage[], folder: string): Promise<void> {
  const { copyFile, mkdir, writeFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const { Fault } = await import('../fault/fault.ts');
  try {
    await mkdir(folder, { recursive: true });
    for (const message of messages) {
      // As it lies there, also where it is damaged: what is left of it is all that there is.
      await copyFile(spool.fileOf(message.id), join(folder, `${message.id}.eml`));
      await writeFile(join(folder, `${message.id}.json`), `${JSON.stringify(message, undefined, 1)}\n`);
    }
  } catch (error) {
    const seen = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('cli.wrong-use', {
      command: 'proxy queue',
      option: '--to',
      expected: 'a folder that can be written',
      found: `${folder} (${seen})`,
    });
  }
}
