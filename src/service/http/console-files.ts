/**
 * The files of the console: those with a hash in their name for ever, everything else asked for anew; each page of the console is the same
 * `index.html`, with a fresh nonce for its style tags.
 *
 * The hard thing is that any path may be asked for. Only files below the folder are served, by a library that does nothing else
 * (@fastify/static); what has no ending is a page, and what was not built is explained.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { consolePolicy } from './headers.ts';

/** Stands in index.html wherever the nonce belongs. */
const nonceMark = '__CSP_NONCE__';
const forever = 'public, max-age=31536000, immutable';

/** @returns what answers a path that is none of the API */
export async function consoleFiles(
  app: FastifyInstance,
  folder: string,
): Promise<(request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>> {
  const page = join(folder, 'index.html');
  const isBuilt = existsSync(page);
  if (isBuilt) {
    // Without a route of its own: a file is sent only by the lines below.
    await app.register(fastifyStatic, {
      root: folder,
      serve: false,
      preCompressed: true,
      cacheControl: false,
      dotfiles: 'deny',
      index: false,
    });
  }
  return async (request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(reply.header('allow', 'GET, HEAD'), 405, 'GET and HEAD only');
    const path = pathOf(request.url);
    if (path === undefined) return plain(reply, 404, 'not found');
    if (/\.[^/]*$/.test(path)) {
      // Asked before: what is not there must not be kept for ever as not there.
      if (!isBuilt || !(await isFile(join(folder, path)))) return plain(reply, 404, 'not found');
      reply.header('cache-control', /^\/assets\//.test(path) ? forever : 'no-cache');
      return reply.sendFile(path.slice(1));
    }
    return sendPage(reply, isBuilt ? await readFile(page, 'utf8') : notBuilt);
  };
}

function sendPage(reply: FastifyReply, text: string): FastifyReply {
  const nonce = randomBytes(16).toString('base64');
  return reply
    .headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', 'content-security-policy': consolePolicy(nonce) })
    .send(text.replaceAll(nonceMark, nonce));
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Undefined for what no file of ours is called by: it is not even looked for. */
function pathOf(url: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(url.split(/[?#]/)[0] ?? '/');
  } catch {
    return undefined;
  }
  const isSound = !/\p{Cc}|\\/u.test(path) && !path.includes('//') && !path.split('/').some((part) => part.startsWith('.'));
  return isSound ? path : undefined;
}

function plain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Postern</title>
<style nonce="${nonceMark}">body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>The console is not built yet</h1>
<p>The service runs: mail comes in, and the API answers below <code>/api/v1</code>.</p>
<p>Build the console with <code>npm run build</code> in the folder of Postern, then start the service again.</p>
</html>
`;
