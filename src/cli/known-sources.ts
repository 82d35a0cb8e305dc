/** Which sources there are, where each comes from, and which of them a command may use. Pure; wire-import.ts finds them. */
import type { Config } from '../config/config.ts';
import { Fault } from '../fault/fault.ts';
import { faultAsJson } from './print.ts';

export interface KnownSource {
  readonly name: string;
  readonly origin: 'file' | 'console';
  /** Undefined where its definition is damaged. */
  readonly mailbox: string | undefined;
  /** Why it cannot be begun. */
  readonly fault: Fault | undefined;
  readonly paused: boolean;
}

export interface AllSources {
  /** With every source that can be begun, of the file first. */
  readonly config: Config;
  /** Of the file first, then by name. */
  readonly known: readonly KnownSource[];
  /** The list of the paused ones cannot be read: nothing may begin. */
  readonly pausesFault: Fault | undefined;
}

/** The sources that are meant, all where none is named. @throws Fault import.no-sources, import.source-unknown */
export function meant({ config, known }: AllSources, names: readonly string[]): readonly KnownSource[] {
  if (known.length === 0) throw new Fault('import.no-sources', { file: config.file });
  const unknown = names.filter((name) => !known.some((source) => source.name === name));
  if (unknown.length > 0) {
    throw new Fault('import.source-unknown', { given: unknown.join(', '), known: known.map(({ name }) => name).join(', ') });
  }
  return known.filter(({ name }) => names.length === 0 || names.includes(name));
}

export interface Usable {
  /** At least one. */
  readonly names: readonly string[];
  /** Left out: each with its fault, and those that are paused. */
  readonly faulty: readonly { readonly name: string; readonly fault: Fault }[];
  readonly paused: readonly string[];
}

/**
 * Of the sources that are meant, those that can be used; what was named and cannot be is a fault, and so is nothing at all.
 * @param act `begin`: not the paused ones. `look`: those too, since looking changes nothing
 * @throws Fault import.no-sources, import.source-unknown, import.paused, definitions.*
 */
export function usable(all: AllSources, names: readonly string[], act: 'begin' | 'look'): Usable {
  if (act === 'begin' && all.pausesFault !== undefined) throw all.pausesFault;
  const sources = meant(all, names);
  const faulty = sources.flatMap(({ name, fault }) => (fault === undefined ? [] : [{ name, fault }]));
  const sound = sources.filter(({ fault }) => fault === undefined);
  const paused = act === 'begin' ? sound.filter((source) => source.paused).map(({ name }) => name) : [];
  const rest = sound.map(({ name }) => name).filter((name) => !paused.includes(name));
  const isNamed = names.length > 0;
  if (faulty[0] !== undefined && (isNamed || sound.length === 0)) throw faulty[0].fault;
  if (paused.length > 0 && (isNamed || rest.length === 0)) throw new Fault('import.paused', { source: paused.join(', ') });
  return { names: rest, faulty, paused };
}

/** The same for machines. */
export function leftOutJson({ faulty, paused }: Pick<Usable, 'faulty' | 'paused'>): readonly object[] {
  return [
    ...faulty.map(({ name, fault }) => ({ source: name, because: 'fault', ...Object(faultAsJson(fault)) })),
    ...paused.map((name) => ({ source: name, because: 'paused' })),
  ];
}

/** Says what is left out, before the others are begun. */
export function tellLeftOut(
  { faulty, paused }: Usable,
  talk: { unreadable(source: string, fault: Fault): void; announce(text: string): void },
): void {
  for (const { name, fault } of faulty) talk.unreadable(name, fault);
  if (paused.length > 0) talk.announce(`Paused in the console, so left out: ${paused.join(', ')}.`);
}

export function originOf({ known }: Pick<AllSources, 'known'>, name: string): KnownSource['origin'] {
  return known.find((source) => source.name === name)?.origin ?? 'file';
}

/** A name, and where its source comes from where that is not the file. */
export function labelOf(all: Pick<AllSources, 'known'>, name: string): string {
  return originOf(all, name) === 'console' ? `${name} (console)` : name;
}
