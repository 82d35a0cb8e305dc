/** What is there besides what is wanted: told, and left as it is. */
import { ourPrefix, rolesWanted } from './desired.ts';
import { certificateName, type Draft, isGood } from './draft.ts';

export function drift(draft: Draft): void {
  const { app, principal, owners, federated } = draft.observed.entra;
  const wanted = new Set(rolesWanted(draft.desired));
  for (const { role, onExchange } of principal?.assignments ?? []) {
    if (onExchange && wanted.has(role)) continue;
    // Told as standing in the way, with its reason.
    if (onExchange && role === 'SMTP.SendAsApp' && draft.desired.smtp.mode === 'rbac') continue;
    draft.remark('drift', `Consented and not wanted: ${role}${onExchange ? '' : ' of another API'}. It widens what the app may do.`);
  }
  for (const name of principal?.memberOf ?? [])
    draft.remark('drift', `The service principal is a member of ${name}: it should have no directory role.`);
  if (owners.length > 0) draft.remark('drift', `Owners of the registration: ${owners.length}. Each of them can add a secret to it.`);
  for (const secret of app?.passwordCredentials ?? []) {
    const name = secret.displayName ?? 'without a name';
    if (!isGood(secret.endDateTime, draft.nowMs))
      draft.remark('drift', `The secret ${name} (${secret.keyId}) has expired and can be removed.`);
    else if (!secret.displayName?.startsWith(ourPrefix))
      draft.remark('drift', `A secret that is not ours: ${name} (${secret.keyId}), until ${secret.endDateTime?.slice(0, 10)}.`);
  }
  for (const key of app?.keyCredentials ?? []) {
    const name = certificateName(draft.desired.app.uniqueName);
    if (!key.displayName?.startsWith(name))
      draft.remark('drift', `A certificate that is not ours: ${key.displayName ?? key.keyId}, until ${key.endDateTime?.slice(0, 10)}.`);
  }
  const { credential } = draft.desired;
  for (const one of federated) {
    if (credential.kind === 'federated' && one.issuer === credential.issuer && one.subject === credential.subject) continue;
    draft.remark('drift', `A federated credential that is not wanted: ${one.name} (${one.subject} of ${one.issuer}).`);
  }
}
