/**
 * Judges a draft: remarks that know the form, then what the configuration's own reader says, each at its field. With any error the draft
 * cannot be saved or tested.
 *
 * The hard thing is one remark for one mistake: where a field has been found wrong already, what the reader says of it is left out.
 */

import type { SourceConfig } from '../../config/config.ts';
import { ownTenantName } from '../../config/one-source.ts';
import { type Problem, problemSentence } from '../../config/problem.ts';
import type { Definition, DefinitionText, ReadingPurpose, SecretName } from '../../definitions/definitions.ts';
import { Secret } from '../../runtime/secret.ts';
import type { FieldRemark, SourceDraft } from '../api/source.ts';
import type { ServiceParts } from '../parts.ts';
import { type DraftedDefinition, definitionOfDraft } from './draft-text.ts';
import { knownObjectIds } from './known-object-ids.ts';
import { remarksOn } from './remarks.ts';

export interface Judged extends DraftedDefinition {
  readonly remarks: readonly FieldRemark[];
  /** Undefined where there is an error. */
  readonly config: SourceConfig | undefined;
}

/** @param saved name of the source that it replaces */
export async function judgeDraft(
  draft: SourceDraft,
  saved: Definition | undefined,
  parts: ServiceParts,
  purpose: ReadingPurpose = 'keep',
): Promise<Judged> {
  const { definitions, engine, clock } = parts;
  // A name that was changed is one mistake; the rest is read under the name that stays.
  const drafted = definitionOfDraft(saved === undefined ? draft : { ...draft, name: saved.name }, saved);
  const carried = saved === undefined ? [] : await definitions.carries(drafted.text);
  const remarks = [
    ...remarksOn(draft, {
      names: purpose === 'try' ? [] : engine.sources().flatMap(({ config }) => (config.name === saved?.name ? [] : [config.name])),
      saved: saved && { name: saved.name, protocol: saved.source['protocol'] === 'pop3' ? 'pop3' : 'imap' },
      kept: saved?.secrets ?? [],
      carried,
      objectIds: knownObjectIds(parts),
      nowMs: clock.now(),
    }),
  ];
  const { source, problems } = await definitions.judge(drafted.text, { ...unsaid(drafted.text.secrets), ...drafted.drafted }, purpose);
  const before = remarks.filter(({ level }) => level === 'error').map(({ field }) => field);
  for (const problem of problems) {
    const remark = remarkOf(problem, drafted.text);
    if (!before.some((field) => isAbout(field, remark.field))) remarks.push(remark);
  }
  if (source === undefined || remarks.some(({ level }) => level === 'error')) return { ...drafted, remarks, config: undefined };
  // What the archive has under this name is of one mailbox, for ever.
  const objection = purpose === 'try' ? undefined : await engine.objection(source);
  if (objection !== undefined) {
    const { says, fix } = objection.entry;
    remarks.push({ field: saved === undefined ? 'name' : 'mailbox', level: 'error', says: `${says} ${fix}` });
    return { ...drafted, remarks, config: undefined };
  }
  return { ...drafted, remarks, config: await definitions.read(drafted.text, drafted.drafted, purpose) };
}

/** For the reading alone, which sends nothing. */
function unsaid(names: readonly SecretName[]): Readonly<Partial<Record<SecretName, Secret>>> {
  return Object.fromEntries(names.map((name) => [name, new Secret('')]));
}

/** Whether what is said of one field is said of the other too. */
function isAbout(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`);
}

/** Fields of the form by the keys of the configuration, the longer first. */
const fields: readonly (readonly [key: string, field: string])[] = [
  ['tenant.credential.certificate.file', 'app.credential.certificate'],
  ['tenant.credential.certificate.key', 'app.credential.key'],
  ['tenant.credential.secret.env', 'app.credential.env'],
  ['tenant.credential.secret.file', 'app.credential.file'],
  ['tenant.credential.secret', 'app.credential.secret'],
  ['tenant.credential.expires', 'app.credential.expires'],
  ['tenant.credential', 'app.credential.secret'],
  ['tenant.cloud.authority', 'app.custom.authority'],
  ['tenant.cloud.scope', 'app.scope'],
  ['tenant.cloud.imap', 'app.custom.imap'],
  ['tenant.cloud.pop3', 'app.custom.pop'],
  ['tenant.cloud', 'app.cloud'],
  ['tenant.ca', 'app.custom.ca'],
  ['tenant.tenantId', 'app.tenantId'],
  ['tenant.clientId', 'app.clientId'],
  ['tenant.scope', 'app.scope'],
  ['source.auth.user', 'password.user'],
  ['source.auth', 'password.secret'],
  ['source.server.port', 'server.port'],
  ['source.server.tls', 'server.tls'],
  ['source.server.ca', 'server.ca'],
  ['source.server', 'server.host'],
  ['source.onCompletion.move', 'onCompletion.folder'],
  ['source.onCompletion.delete', 'onCompletion.after'],
];

function remarkOf(problem: Problem, { name, app }: DefinitionText): FieldRemark {
  const place =
    withoutName(problem.key, `sources.${name}`, 'source') ?? withoutName(problem.key, `tenants.${ownTenantName(name)}`, 'tenant');
  const says = problemSentence(problem.text);
  if (place === undefined) return { field: 'name', level: 'error', says };
  const known = fields.find(([key]) => place === key || place.startsWith(`${key}.`));
  // The cloud of an app that names no host for the protocol.
  if (place === 'source.server' && app !== undefined && /names no/.test(problem.text))
    return { field: /pop3/.test(problem.text) ? 'app.custom.pop' : 'app.custom.imap', level: 'error', says };
  if (known !== undefined) return { field: known[1], level: 'error', says };
  return { field: place.replace(/^(?:source|tenant)\.?/, '') || 'name', level: 'error', says };
}

function withoutName(key: string, prefix: string, instead: string): string | undefined {
  if (key === prefix) return instead;
  return key.startsWith(`${prefix}.`) ? `${instead}${key.slice(prefix.length)}` : undefined;
}
