/**
 * Sources: looked at, made, changed, deleted, run, paused and resumed.
 *
 * The hard thing is that nothing leaves with a secret in it, and that what is kept and what runs are the same: a source is kept first and
 * read back from there, only what was read back begins, and two who change one source do so one after the other. The access log has its line
 * before anything happens.
 */
import type { SourceConfig } from '../../config/config.ts';
import { ownTenantName } from '../../config/one-source.ts';
import type { Definition, DefinitionText } from '../../definitions/definitions.ts';
import { Fault, isFault } from '../../fault/fault.ts';
import { Turns } from '../../runtime/turns.ts';
import {
  deletion,
  type SourceCard,
  type SourceDetail,
  type SourceDraft,
  sourceAction,
  sourceCard,
  sourceChange,
  sourceDetail,
  sourceDraft,
  sourceList,
} from '../api/source.ts';
import { draftBytes } from '../drafts/draft-bytes.ts';
import { yamlOf } from '../drafts/draft-yaml.ts';
import { fileYaml } from '../drafts/file-yaml.ts';
import { judgeDraft } from '../drafts/judge.ts';
import { sound } from '../drafts/judged.ts';
import { draftOfConfig, draftOfText } from '../drafts/text-draft.ts';
import { BadFields } from '../http/bad-fields.ts';
import { type Ask, type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { lastClaims } from '../setup/last-claims.ts';
import { sourceName } from './source-name.ts';

const tag = 'sources';

export function sourcesRoutes(parts: ServiceParts): readonly Route[] {
  const { definitions, engine } = parts;
  /** Changes and deletions, by name. */
  const turns = new Turns();
  return [
    route({
      method: 'GET',
      path: '/sources',
      may: 'read',
      summary: 'All sources with how they are, those of the configuration file first.',
      tag,
      answer: sourceList,
      handle: async () => ({ sources: [...(await engine.cards())] }),
    }),
    route({
      method: 'GET',
      path: '/sources/:name',
      may: 'read',
      summary: 'One source whole: how it is, and its definition without any secret.',
      tag,
      params: sourceName,
      answer: sourceDetail,
      handle: async ({ params }) => await detail(parts, params.name),
    }),
    route({
      method: 'GET',
      path: '/sources/:name/definition',
      may: 'read',
      summary: 'The source as YAML for the configuration file, secrets as references.',
      tag,
      params: sourceName,
      answer: 'text',
      handle: async ({ params }) => ({
        kind: 'text',
        type: 'application/yaml; charset=utf-8',
        text: (await detail(parts, params.name)).yaml,
        fileName: `${params.name}.yaml`,
      }),
    }),
    route({
      method: 'POST',
      path: '/sources',
      may: 'administer',
      summary: 'Makes a source, keeps it and begins it.',
      tag,
      body: sourceDraft,
      bodyLimit: draftBytes,
      answer: sourceDetail,
      handle: (ask) => turns.take(ask.body.name.trim(), () => save(parts, ask.body, undefined, ask)),
    }),
    route({
      method: 'PUT',
      path: '/sources/:name',
      may: 'administer',
      summary: 'Changes a source that was made here; a secret that is left out stays as it was. With a revision, only that one.',
      tag,
      params: sourceName,
      body: sourceChange,
      bodyLimit: draftBytes,
      answer: sourceDetail,
      handle: (ask) =>
        turns.take(ask.params.name, async () => {
          const { revision, ...draft } = ask.body;
          const before = await saved(parts, ask.params.name);
          unchanged(before, revision);
          return await save(parts, draft, before, ask);
        }),
    }),
    route({
      method: 'DELETE',
      path: '/sources/:name',
      may: 'administer',
      summary: 'Ends and forgets a source that was made here. What it imported stays in the archive.',
      tag,
      params: sourceName,
      query: deletion,
      answer: 'nothing',
      handle: async ({ params: { name }, query: { confirm, revision }, log }) => {
        if (confirm !== name) throw new BadFields([{ field: 'confirm', says: `Type ${name} to delete it.` }]);
        notOfFile(parts, name);
        return await turns.take(name, async () => {
          // One that is damaged has no revision, and is deleted all the same.
          if (revision !== undefined) unchanged(await soundOne(parts, name), revision);
          await log('source.delete', name);
          await engine.remove(name);
          if (!(await definitions.remove(name))) throw unknown(name);
          lastClaims(parts).forget(ownTenantName(name));
          return undefined;
        });
      },
    }),
    route({
      method: 'POST',
      path: '/sources/:name/actions',
      may: 'operate',
      summary: 'Looks at once, pauses or goes on with a source.',
      tag,
      params: sourceName,
      body: sourceAction,
      answer: sourceCard,
      handle: async ({ params: { name }, body: { action }, who, log }) => {
        if (engine.source(name) === undefined) throw unknown(name);
        await log(`source.${action}`, name);
        if (action === 'run') engine.runNow(name);
        else if (action === 'pause') await engine.pause(name, who.name);
        else await engine.resume(name, who.name);
        return await card(parts, name);
      },
    }),
  ];
}

/** Keeps it, reads it back, and begins what was read. */
async function save(
  parts: ServiceParts,
  draft: SourceDraft,
  before: Definition | undefined,
  { who, log }: Pick<Ask<unknown, unknown, unknown>, 'who' | 'log'>,
): Promise<SourceDetail> {
  const { definitions, engine } = parts;
  const judged = await judgeDraft(draft, before, parts);
  sound(judged);
  const { text, drafted } = judged;
  if (before === undefined) await notKept(parts, text.name);
  await log(before === undefined ? 'source.create' : 'source.change', text.name, changed(before, text, Object.keys(drafted)));
  const kept = await definitions.put(text, drafted, who.name);
  lastClaims(parts).forget(ownTenantName(kept.name));
  await engine.put(await definitions.read(kept));
  return await detail(parts, kept.name);
}

/** Which keys say something else than before, and which secrets are new: never what they are. */
function changed(before: DefinitionText | undefined, after: DefinitionText, secrets: readonly string[]): string {
  const flat = ({ source, app, files }: DefinitionText): Readonly<Record<string, unknown>> => ({ ...source, ...app, ...files });
  const [old, now] = [before === undefined ? {} : flat(before), flat(after)];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  const differing = keys.filter((key) => JSON.stringify(Reflect.get(old, key)) !== JSON.stringify(Reflect.get(now, key)));
  return [...(before === undefined ? [] : differing), ...secrets.map((name) => `new ${name}`)].join(', ');
}

/** One that was made here. @throws Fault definitions.of-file, service.not-found */
async function saved(parts: ServiceParts, name: string): Promise<Definition> {
  notOfFile(parts, name);
  const found = await parts.definitions.get(name);
  if (found === undefined) throw unknown(name);
  return found;
}

function notOfFile({ config }: ServiceParts, name: string): void {
  if (config.sources.some((source) => source.name === name)) throw new Fault('definitions.of-file', { source: name, file: config.file });
}

/**
 * One that is kept and cannot be begun now (its key is missing, say) runs nowhere, and is to be had again: a new one of its name would be the
 * end of it. A damaged one may be made anew. @throws Fault definitions.name-taken
 */
async function notKept(parts: ServiceParts, name: string): Promise<void> {
  const found = await soundOne(parts, name);
  if (found !== undefined) throw new Fault('definitions.name-taken', { name, taken: found.name });
}

async function soundOne({ definitions }: ServiceParts, name: string): Promise<Definition | undefined> {
  return await definitions.get(name).catch((error: unknown) => {
    if (isFault(error, 'definitions.damaged')) return undefined;
    throw error;
  });
}

/** @param seen the revision that was looked at before. @throws Fault definitions.changed-meanwhile */
function unchanged(kept: Definition | undefined, seen: string | undefined): void {
  if (kept === undefined || seen === undefined || kept.revision === seen) return;
  throw new Fault('definitions.changed-meanwhile', { source: kept.name, by: kept.changedBy, at: kept.changedAt.toISOString() });
}

function unknown(name: string): Fault {
  return new Fault('service.not-found', { source: name });
}

async function card({ engine }: ServiceParts, name: string): Promise<SourceCard> {
  const found = await engine.card(name);
  if (found === undefined) throw unknown(name);
  return found;
}

async function detail(parts: ServiceParts, name: string): Promise<SourceDetail> {
  const ofFile = parts.config.sources.find((source) => source.name === name);
  if (ofFile !== undefined) return await fileDetail(parts, ofFile);
  const definition = await parts.definitions.get(name);
  if (definition === undefined) throw unknown(name);
  return {
    card: await card(parts, name),
    definition: draftOfText(definition, definition.secrets),
    secretKept: definition.secrets.length > 0,
    yaml: yamlOf(definition),
    editable: true,
    changed: { at: definition.changedAt.toISOString(), by: definition.changedBy, revision: definition.revision },
  };
}

async function fileDetail(parts: ServiceParts, source: SourceConfig): Promise<SourceDetail> {
  return {
    card: await card(parts, source.name),
    definition: draftOfConfig(source),
    secretKept: false,
    yaml: await fileYaml(parts.config, source).catch((error: unknown) => {
      if (!isFault(error)) throw error;
      return `# ${error.code}: the configuration file was changed since the service began.\n`;
    }),
    editable: false,
    changed: null,
  };
}
