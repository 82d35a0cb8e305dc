/** Drafts of the form: judged while they are typed, their folders asked of the server, and read from YAML. Nothing here keeps anything. */
import { definitionText, draftJudgement, draftQuery, folderList, sourceDraft } from '../api/source.ts';
import { draftBytes } from '../drafts/draft-bytes.ts';
import { draftOfYaml } from '../drafts/draft-yaml.ts';
import { listFolders } from '../drafts/folders.ts';
import { judged, tried } from '../drafts/judged.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

const tag = 'drafts';

export function draftsRoutes(parts: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/drafts/judge',
      may: 'administer',
      summary: 'What is wrong or strange about a draft, field by field.',
      tag,
      query: draftQuery,
      body: sourceDraft,
      bodyLimit: draftBytes,
      answer: draftJudgement,
      handle: async ({ body, query }) => {
        const { remarks, config } = await judged(parts, body, query.name);
        return { remarks: [...remarks], savable: config !== undefined };
      },
    }),
    route({
      method: 'POST',
      path: '/drafts/folders',
      may: 'administer',
      summary: 'The folders of the mailbox, asked of the server with the login of the draft.',
      tag,
      query: draftQuery,
      body: sourceDraft,
      bodyLimit: draftBytes,
      answer: folderList,
      handle: async ({ body, query, signal, log }) => {
        // Which folders are wanted is what is being asked for, so they may still be missing.
        const config = await tried(parts, body, query.name, { folders: ['INBOX'] });
        await log('source.folders', query.name ?? 'a draft', config.mailbox);
        return { folders: [...(await listFolders(config, parts, signal))] };
      },
    }),
    route({
      method: 'POST',
      path: '/sources/import',
      may: 'administer',
      summary: 'Reads YAML of one source, as the configuration file would hold it, into a draft. Secrets do not come along.',
      tag,
      body: definitionText,
      answer: sourceDraft,
      handle: async ({ body }) => draftOfYaml(body.yaml),
    }),
  ];
}
