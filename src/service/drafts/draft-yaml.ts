/**
 * A definition as YAML for the configuration file, and YAML of it as a draft.
 *
 * The hard thing is what a file cannot hold in itself: certificates go along as comments, under the path at which they are to be put, and
 * come back from there; of secrets only the places are named where the file would look for them.
 */
import { stringify } from 'yaml';
import { z } from 'zod';
import { ownTenantName } from '../../config/one-source.ts';
import { readYaml } from '../../config/yaml-text.ts';
import type { DefinitionText } from '../../definitions/definitions.ts';
import { Fault } from '../../fault/fault.ts';
import type { SourceDraft } from '../api/source.ts';
import { BadFields } from '../http/bad-fields.ts';
import { draftOfText, NotForTheForm } from './text-draft.ts';

export function yamlOf({ name, source, app, files }: Omit<DefinitionText, 'secrets'>): string {
  const body = {
    ...(app === undefined ? {} : { tenants: { [name]: app } }),
    sources: { [name]: app === undefined ? source : { tenant: name, ...source } },
  };
  const beside = Object.entries(files).map(([path, pem]) => `\n# ${path}:\n${pem.trim().replace(/^/gm, '# ')}\n`);
  const head = `# The source ${name} for the configuration file. No secret stands here: put each one where its reference points.\n`;
  return `${head}${stringify(body, { lineWidth: 0 })}${beside.join('')}`;
}

const record = z.record(z.string(), z.unknown());
const shape = z.looseObject({ tenants: z.record(z.string(), record).optional(), sources: z.record(z.string(), record) });

/** @throws BadFields at `yaml` */
export function draftOfYaml(text: string): SourceDraft {
  const wrong = (says: string): BadFields => new BadFields([{ field: 'yaml', says }], new Fault('service.bad-input', { fields: 1 }));
  const yaml = readYaml(text);
  const [error] = yaml.errors;
  if (error !== undefined) throw wrong(`Line ${error.place.line}: ${error.text}.`);
  const read = shape.safeParse(yaml.value);
  if (!read.success) throw wrong('Expected a map with `sources:` and one source in it.');
  const { tenants = {}, sources } = read.data;
  const [[name, source] = ['', {}], ...more] = Object.entries(sources);
  if (name === '' || more.length > 0) throw wrong('Expected exactly one source under `sources:`.');
  const tenant = typeof source['tenant'] === 'string' ? source['tenant'] : undefined;
  const app = tenant === undefined ? undefined : (tenants[tenant] ?? tenants[ownTenantName(name)]);
  try {
    return draftOfText({ name, source, app, files: filesIn(text) }, undefined);
  } catch (cause) {
    if (cause instanceof NotForTheForm) throw wrong(cause.message);
    if (cause instanceof z.ZodError) throw wrong(`${cause.issues[0]?.path.join('.') ?? ''}: not what the form can hold.`);
    throw cause;
  }
}

/** Certificates that {@link yamlOf} wrote as comments. */
function filesIn(text: string): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [, path = '', lines = ''] of text.matchAll(/^# (\.\/[\w.-]+):\r?\n((?:# ?[A-Za-z0-9+/= -]*\r?\n?)+)/gm)) {
    files[path] = lines.replace(/^# ?/gm, '');
  }
  return files;
}
