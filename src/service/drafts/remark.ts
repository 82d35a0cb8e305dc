/** What remarks stand on, and the one that several fields share. */
import type { SecretName } from '../../definitions/definitions.ts';
import type { FieldRemark, SourceDraft } from '../api/source.ts';

export interface RemarkGround {
  /** Names of all sources but the saved one that the draft replaces. */
  readonly names: readonly string[];
  /** The saved one; undefined: it is new. */
  readonly saved: { readonly name: string; readonly protocol: SourceDraft['protocol'] } | undefined;
  /** Secrets kept for it. */
  readonly kept: readonly SecretName[];
  /** Those of them that still go to whom they were given for. */
  readonly carried: readonly SecretName[];
  /** Object ids that are known here, with what they are of. */
  readonly objectIds: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

/** Says something of a field. */
export type Say = (level: FieldRemark['level'], field: string, says: string) => void;

/** @param what is to be typed */
export function wantSecret(field: string, what: SecretName, { kept }: RemarkGround, say: Say): void {
  const name = { secret: 'client secret', key: 'private key', password: 'password' }[what];
  if (kept.includes(what))
    say('error', field, `Type the ${name} again: the one that is kept was given for another tenant, app or server, and goes nowhere else.`);
  else say('error', field, what === 'secret' ? 'Paste the client secret (the column Value).' : `The ${name} is missing.`);
}
