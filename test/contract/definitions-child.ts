/** Changes a definition and rotates its key for ever, telling each change once it is durable: to be killed. And what its parent shares. */
import { join } from 'node:path';
import type { SourceConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DefinitionText } from '../../src/definitions/definitions.ts';
import { openDefinitions } from '../../src/definitions/open-definitions.ts';
import { rotateDefinitionsKey } from '../../src/definitions/rotate-key.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';

/** A source with an app of its own, as the console makes it. */
export function textOf(name: string): DefinitionText {
  return {
    name,
    source: { mailbox: 'telemessage@contoso.com', every: '1m' },
    app: {
      tenantId: '11111111-2222-3333-4444-555555555555',
      clientId: '66666666-7777-8888-9999-000000000000',
      credential: { secret: { env: 'TELEMESSAGE_SECRET' } },
    },
    files: {},
    secrets: ['secret'],
  };
}

/** What would be sent to the token endpoint. */
export async function revealed({ auth }: SourceConfig): Promise<string> {
  if (auth.kind !== 'oauth2' || auth.tenant.credential.kind !== 'secret') throw new Error('no client secret');
  return (await auth.tenant.credential.secret.resolve()).reveal();
}

const [folder, last] = process.argv.slice(2);
if (process.send !== undefined && folder !== undefined && last !== undefined) {
  const config = await loadConfig(join(folder, 'postern.yaml'), {});
  const ports = { clock: systemClock, env: {} };
  const definitions = await openDefinitions(config, ports);
  for (let number = Number(last) + 1; ; number += 1) {
    await definitions.put(textOf('telemessage'), { secret: new Secret(`value-${number}~0123456789abcdef`) }, 'anna');
    process.send(number);
    if (number % 3 === 0) await rotateDefinitionsKey(config, ports);
  }
}
