/**
 * Exports: asked for with a reason, made in the background, downloaded as one file.
 *
 * The hard thing is who took what out of the house: the wish, each download and the removal are lines of the access log before they happen,
 * with the reason and the query.
 */
import { createReadStream } from 'node:fs';
import { Fault } from '../../fault/fault.ts';
import { exportJob, exportList, exportParams, newExport } from '../api/message.ts';
import { ExportDesk } from '../exports/export-desk.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

export function exportsRoutes(parts: ServiceParts): readonly Route[] {
  const desk = new ExportDesk(parts);
  return [
    route({
      method: 'POST',
      path: '/exports',
      may: 'read',
      summary: 'Asks for an export of what a search finds, as .eml files or one mbox, with a manifest of their hashes.',
      tag: 'exports',
      body: newExport,
      answer: exportJob,
      handle: async ({ body: { q, format, reason }, who, log }) => {
        await log('export.start', q === '' ? 'everything' : q, `${format}: ${reason}`);
        return await desk.start({ q, format, reason, by: who.name });
      },
    }),
    route({
      method: 'GET',
      path: '/exports',
      may: 'read',
      summary: 'Exports that are being made or are kept, newest first.',
      tag: 'exports',
      answer: exportList,
      handle: async () => ({ exports: [...(await desk.list())] }),
    }),
    route({
      method: 'GET',
      path: '/exports/:id',
      may: 'read',
      summary: 'One export, and how far it is.',
      tag: 'exports',
      params: exportParams,
      answer: exportJob,
      handle: async ({ params: { id } }) => await desk.job(id),
    }),
    route({
      method: 'DELETE',
      path: '/exports/:id',
      may: 'read',
      summary: 'Stops an export that is being made, or removes one that is kept. Others’ only by an administrator.',
      tag: 'exports',
      params: exportParams,
      answer: 'nothing',
      handle: async ({ params: { id }, who, log }) => {
        const { by, state, q } = await desk.job(id);
        if (by !== who.name && who.role !== 'administrator') throw new Fault('service.not-allowed', { by });
        await log('export.remove', id, `${state}: ${q}`);
        await desk.remove(id);
        return undefined;
      },
    }),
    route({
      method: 'GET',
      path: '/exports/:id/file',
      may: 'read',
      summary: 'The file of an export that is done: a zip.',
      tag: 'exports',
      params: exportParams,
      answer: 'download',
      handle: async ({ params: { id }, log }) => {
        const { path, bytes, job } = await desk.file(id);
        await log('export.download', id, `${job.format}, ${job.messages} messages: ${job.q}`);
        return { kind: 'download', fileName: job.fileName, type: 'application/zip', bytes, body: createReadStream(path) };
      },
    }),
  ];
}
