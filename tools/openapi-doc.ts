/**
 * docs/openapi.json, the description of the API for other programs: prints it, or with `--write` puts it in its place.
 * test/contract/service-security.test.ts fails while the file and what a service serves differ.
 *
 * It is taken from a service that runs, so that it is the truth and not one more thing that is made of it.
 */
import { writeFileSync } from 'node:fs';
import { openApiDocument } from '../src/service/http/openapi.ts';
import type { Route } from '../src/service/http/route.ts';
import { serviceRoutes } from '../src/service/routes.ts';
import { startServicePlace } from '../test/contract/service-place.ts';

/** Without the version of the package: else the file would be stale with each release, though nothing in the API had changed. */
export function openApiFile(routes: readonly Route[]): string {
  return `${JSON.stringify(openApiDocument(routes, '1'), null, 2)}\n`;
}

if (import.meta.main) {
  const place = await startServicePlace();
  try {
    const file = openApiFile(serviceRoutes(place.parts));
    if (process.argv.includes('--write')) writeFileSync(new URL('../docs/openapi.json', import.meta.url), file);
    else process.stdout.write(file);
  } finally {
    await place.close();
  }
}
