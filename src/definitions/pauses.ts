/**
 * Which sources a person has paused, of the file and of the console alike, with who and when.
 *
 * The hard thing is a list that is damaged: what somebody has stopped must not begin by itself, so then nothing begins until a person has looked.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Fault } from '../fault/fault.ts';
import { writeWhole } from '../runtime/whole-file.ts';
import { errnoOf, unreadable, unwritable } from './system-refusal.ts';

const listSchema = z.strictObject({
  schema: z.literal('postern.paused/1'),
  paused: z.record(z.string(), z.strictObject({ by: z.string(), at: z.iso.datetime() })),
});
type List = z.infer<typeof listSchema>['paused'];

export class Pauses {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws Fault definitions.unreadable, definitions.pauses-damaged */
  read(): ReadonlySet<string> {
    return new Set(Object.keys(this.#list()));
  }

  /** Durable when it returns. @throws Fault definitions.unwritable and those of {@link read} */
  set(name: string, paused: boolean, note?: { readonly by: string; readonly at: Date }): void {
    const { [name]: _, ...others } = this.#list();
    // A source may be called `constructor`, which every object has.
    if (paused === this.read().has(name)) return;
    const list = paused ? { ...others, [name]: { by: note?.by ?? '', at: (note?.at ?? new Date(0)).toISOString() } } : others;
    try {
      writeWhole(this.#file, `${JSON.stringify({ schema: 'postern.paused/1', paused: list })}\n`);
    } catch (error) {
      throw unwritable(this.#file, error);
    }
  }

  #list(): List {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return {};
      throw unreadable(this.#file, error);
    }
    const read = listSchema.safeParse(jsonOf(text));
    if (!read.success) throw new Fault('definitions.pauses-damaged', { file: this.#file });
    return read.data.paused;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
