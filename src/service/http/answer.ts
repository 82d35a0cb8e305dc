/**
 * What a route gives back, as an answer: JSON that was held against its schema, a file to save, a mail's HTML for its frame, plain text.
 *
 * The hard thing is that the schema is a promise to programs and a wall for secrets: what it does not name does not leave, and an answer
 * that does not fit is a bug that is told, not sent.
 */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { attachmentHeader, harmlessType } from './file-name.ts';
import { downloadHeaders, framedHeaders } from './headers.ts';
import type { Download, FramedDocument, PlainText, Route } from './route.ts';

/** @throws ZodError where the route gives something else than it has promised */
export function sendAnswer(reply: FastifyReply, promised: Exclude<Route['answer'], 'events'>, given: unknown): FastifyReply {
  switch (promised) {
    case 'nothing':
      return reply.code(204).send();
    // The route's types hold these to their kinds.
    case 'download':
      return sendDownload(reply, given as Download);
    case 'framed-document':
      return sendFramed(reply, given as FramedDocument);
    case 'text':
      return sendText(reply, given as PlainText);
    default:
      return sendJson(reply, promised, given);
  }
}

function sendJson(reply: FastifyReply, schema: z.ZodType, given: unknown): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(schema.parse(given)));
}

function sendDownload(reply: FastifyReply, { fileName, type, bytes, body }: Download): FastifyReply {
  reply.headers({ ...downloadHeaders, 'content-type': harmlessType(type), 'content-disposition': attachmentHeader(fileName) });
  if (bytes !== undefined) reply.header('content-length', bytes);
  return reply.send(Readable.from(body, { objectMode: false }));
}

function sendFramed(reply: FastifyReply, { html }: FramedDocument): FastifyReply {
  return reply.headers({ ...framedHeaders, 'content-type': 'text/html; charset=utf-8' }).send(html);
}

function sendText(reply: FastifyReply, { type, text, fileName }: PlainText): FastifyReply {
  const plain = /^(text\/(plain|yaml|csv)|application\/(yaml|json))$/.test(type) ? type : 'text/plain';
  reply.headers({ ...downloadHeaders, 'content-type': `${plain}; charset=utf-8` });
  if (fileName !== undefined) reply.header('content-disposition', attachmentHeader(fileName));
  return reply.send(text);
}
