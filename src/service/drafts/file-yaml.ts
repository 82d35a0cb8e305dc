/**
 * What the configuration file itself says of a source and of its tenant. Read from the file, since only there stands how it is written;
 * shown only where it is still sound, so that a secret which somebody has just pasted there is not shown.
 */
import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { Config, SourceConfig } from '../../config/config.ts';
import { readConfig } from '../../config/load.ts';
import { readYaml } from '../../config/yaml-text.ts';
import { Fault } from '../../fault/fault.ts';

/** @throws Fault config.unreadable, config.invalid */
export async function fileYaml(config: Config, { name, auth }: SourceConfig): Promise<string> {
  const { problems } = await readConfig(config.file, {});
  if (problems.length > 0) throw new Fault('config.invalid', { file: config.file, count: problems.length });
  const value: unknown = readYaml(await readFile(config.file, 'utf8')).value;
  const under = (key: string, entry: string): unknown => Object(Object(value)[key])[entry];
  const tenant = auth.kind === 'oauth2' ? auth.tenant.name : undefined;
  const source = under('sources', name);
  if (source === undefined) throw new Fault('config.invalid', { file: config.file, source: name });
  const text = { ...(tenant === undefined ? {} : { tenants: { [tenant]: under('tenants', tenant) } }), sources: { [name]: source } };
  return stringify(withoutArguments(text), { lineWidth: 0 });
}

/** Of a command that fetches a secret only the program is shown, here as everywhere: an argument may be a secret itself. */
function withoutArguments(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutArguments);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]: [string, unknown]) => [
      key,
      key === 'command' && Array.isArray(one) && one.length > 1 ? [one[0], '…'] : withoutArguments(one),
    ]),
  );
}
