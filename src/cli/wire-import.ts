/**
 * Finds every source of an installation, for the commands beside the console: those of the configuration file, and those that were made in
 * the console, with what is wrong with one that cannot be begun.
 *
 * The hard thing is to hide nothing and to let nothing stand in for another: a source whose key is missing is told with its fault and keeps
 * no other from running, and one that a person has paused is known as that. That nothing runs twice the archive's lock sees to.
 */
import { statSync } from 'node:fs';
import type { SourceConfig } from '../config/config.ts';
import { openDefinitions } from '../definitions/open-definitions.ts';
import { isFault } from '../fault/fault.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Arguments, Terminal } from './command.ts';
import type { AllSources, KnownSource } from './known-sources.ts';
import { readConfiguration } from './wire.ts';

/** @throws Fault config.*, definitions.unreadable */
export async function allSources(args: Arguments, terminal: Terminal): Promise<AllSources> {
  const config = await readConfiguration(args, terminal);
  // Nothing was made where there is no data folder; what lies in its place whoever writes there tells.
  if (!isFolder(config.dataFolder))
    return { config, known: config.sources.map((source) => ofTheFile(source, false)), pausesFault: undefined };
  const definitions = await openDefinitions(config, { clock: systemClock, env: terminal.env });
  const found = await definitions.findAll();
  const paused = await definitions.paused().catch((error: unknown) => {
    if (isFault(error)) return error;
    throw error;
  });
  const isPaused = (name: string): boolean => !isFault(paused) && paused.has(name);
  const ofFile = config.sources.map((source) => ofTheFile(source, isPaused(source.name)));
  const mailboxes = new Map((await definitions.list()).map(({ name, source }) => [name, source['mailbox']] as const));
  // The name of a shadowed one is the file's now; that it is shadowed the service tells.
  const own = found.filter(({ name }) => !ofFile.some((one) => one.name === name));
  const made = own.map((one): KnownSource => {
    const mailbox = mailboxes.get(one.name);
    return {
      name: one.name,
      origin: 'console',
      mailbox: typeof mailbox === 'string' ? mailbox : undefined,
      fault: 'fault' in one ? one.fault : undefined,
      paused: isPaused(one.name),
    };
  });
  return {
    config: { ...config, sources: [...config.sources, ...own.flatMap((one) => ('config' in one ? [one.config] : []))] },
    known: [...ofFile, ...made],
    pausesFault: isFault(paused) ? paused : undefined,
  };
}

function ofTheFile({ name, mailbox }: SourceConfig, paused: boolean): KnownSource {
  return { name, origin: 'file', mailbox, fault: undefined, paused };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
