/** The configuration file, read again. */
import { takenOver } from '../api/configuration.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

export function configurationRoutes({ config, takeOver }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/configuration/reload',
      may: 'administer',
      summary:
        'Reads the configuration file again and takes over its sources, tenants, alerts and proxy. One that is wrong changes nothing.',
      tag: 'configuration',
      answer: takenOver,
      handle: async ({ log }) => {
        await log('configuration.reload', config.file);
        return await takeOver();
      },
    }),
  ];
}
