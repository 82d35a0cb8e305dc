/** What is to be done in Exchange: the pointer, its rights on mailboxes, the switches of those, and the scope of sending. */
import { rbacName, scopeFilter, sendersInScope, sendRole, wantsFullAccess } from './desired.ts';
import { type Draft, mailRecipients, roleManagement } from './draft.ts';
import type { ObservedMailbox } from './observed-exchange.ts';
import type { StepAct } from './step.ts';

const pointerObject = 'pointer (service principal in Exchange)';
const later = '(known after apply)';

export function pointer(draft: Draft): void {
  const { exchange, entra } = draft.observed;
  if (exchange === undefined) {
    draft.remark('note', 'Exchange was not looked at: this plan is for Entra only.');
    return;
  }
  for (const pointer of exchange.pointers.filter((one) => one.objectId !== entra.principal?.id)) {
    const isRegistration = pointer.objectId === entra.app?.id;
    // Before the pointer goes: what is left on a mailbox afterwards is a bare SID that nobody can read.
    for (const [address, seen] of Object.entries(exchange.mailboxes)) {
      if (seen.wrong.includes(pointer.objectId))
        revoke(draft, address, pointer.objectId, 'full-access', 'it belongs to a pointer that goes');
    }
    draft.step({
      plane: 'exchange',
      sign: '-/+',
      object: pointerObject,
      key: pointer.objectId,
      from: isRegistration ? 'object id of the app registration' : 'object id of nothing that this app has',
      to: entra.principal?.id ?? later,
      reason: 'it must carry the object id of the Enterprise application: the `oid` of the token',
      needs: roleManagement,
      undo: 'nothing, it never worked',
      destructive: true,
      act: { kind: 'remove-pointer', objectId: pointer.objectId },
    });
  }
  if (exchange.pointers.some((one) => one.objectId === entra.principal?.id)) return;
  draft.step({
    plane: 'exchange',
    sign: '+',
    object: pointerObject,
    key: entra.app?.appId ?? draft.desired.app.uniqueName,
    to: `object id ${entra.principal?.id ?? later}`,
    reason: 'Exchange knows a service principal only by it',
    needs: roleManagement,
    undo: 'setup destroy',
    act: { kind: 'create-pointer' },
  });
}

function revoke(draft: Draft, address: string, trustee: string, right: 'full-access' | 'send-as', reason: string): void {
  draft.step({
    plane: 'exchange',
    sign: '-',
    object: right === 'full-access' ? 'FullAccess of the pointer' : 'SendAs of the pointer',
    key: address,
    reason,
    needs: mailRecipients,
    undo: 'list the mailbox again and apply',
    destructive: true,
    act: { kind: 'revoke', address, trustee, right },
  });
}

export function mailboxes(draft: Draft): void {
  for (const { address } of draft.desired.mailboxes) mailbox(draft, address);
}

/** What the setup gave and nobody lists any more. What others gave is told by an audit, and left. */
export function unlisted(draft: Draft): void {
  const { exchange, entra } = draft.observed;
  const trustee = entra.principal?.id;
  if (exchange === undefined || trustee === undefined) return;
  const wanted = draft.desired.mailboxes.filter((one) => wantsFullAccess(one, draft.desired)).map((one) => one.address.toLowerCase());
  const sends = draft.desired.mailboxes.flatMap((one) => one.sendAs).map((one) => one.toLowerCase());
  for (const { address, right } of exchange.granted) {
    const seen = exchange.mailboxes[address.toLowerCase()];
    const isThere = right === 'full-access' ? seen?.fullAccess === true : seen?.sendAs === true;
    const isWanted = (right === 'full-access' ? wanted : sends).includes(address.toLowerCase());
    if (isThere && !isWanted) revoke(draft, address, trustee, right, 'the setup gave it, and the configuration does not list it any more');
  }
}

function mailbox(draft: Draft, address: string): void {
  const { exchange } = draft.observed;
  const seen = exchange?.mailboxes[address.toLowerCase()];
  const wanted = draft.desired.mailboxes.find((one) => one.address === address);
  if (exchange === undefined || seen === undefined || wanted === undefined) return;
  if (seen.info === undefined) {
    draft.remark('blocked', `There is no mailbox ${address} in this organisation.`);
    return;
  }
  if (seen.info.address.toLowerCase() !== address.toLowerCase()) {
    draft.remark('note', `${address} is the mailbox ${seen.info.address}: log in with its primary address.`);
  }
  if (!seen.fullAccess && wantsFullAccess(wanted, draft.desired)) {
    draft.step({
      plane: 'exchange',
      sign: '+',
      object: 'FullAccess of the pointer',
      key: address,
      reason: 'the app reaches this mailbox by it, and no other',
      needs: mailRecipients,
      undo: 'take the mailbox out of the configuration and apply',
      act: { kind: 'grant', address },
    });
  }
  clientAccess(draft, address, seen);
}

function clientAccess(draft: Draft, address: string, { access }: ObservedMailbox): void {
  const wanted = draft.desired.mailboxes.find((one) => one.address === address)?.protocols ?? [];
  if (access === undefined) return;
  const { smtpDisabledForAll } = draft.observed.exchange ?? {};
  const smtpOff = wanted.includes('smtp') && (access.smtpDisabled ?? smtpDisabledForAll) === true;
  const change = {
    ...(wanted.includes('imap') && !access.imap ? ({ imap: true } as const) : {}),
    ...(wanted.includes('pop3') && !access.pop ? ({ pop: true } as const) : {}),
    ...(smtpOff ? ({ smtpDisabled: false } as const) : {}),
  };
  const off = Object.keys(change).map((name) => ({ imap: 'IMAP', pop: 'POP', smtpDisabled: 'SMTP AUTH' })[name] ?? name);
  if (off.length === 0) return;
  if (!draft.desired.enableClientAccess) {
    draft.remark('blocked', `${off.join(' and ')} is off for ${address}; \`clientAccess: {enableWhereNeeded: true}\` would turn it on.`);
    return;
  }
  draft.step({
    plane: 'exchange',
    sign: '~',
    object: 'client access of the mailbox',
    key: address,
    from: `${off.join(', ')} off`,
    to: 'on',
    reason: 'a mailbox whose switch is off is not opened, whatever is granted; the organisation’s switch stays as it is',
    needs: mailRecipients,
    undo: 'setup destroy sets it back',
    act: { kind: 'client-access', address, change },
  });
}

/** By claims only: a role assignment covers the sender's address too, where it is in its scope. */
export function sendAs(draft: Draft): void {
  const { exchange } = draft.observed;
  if (draft.desired.smtp.mode === 'rbac') return;
  for (const address of new Set(draft.desired.mailboxes.flatMap((one) => one.sendAs))) {
    const seen = exchange?.mailboxes[address.toLowerCase()];
    if (seen === undefined) continue;
    if (seen.info === undefined) {
      draft.remark('blocked', `There is no mailbox ${address} to send as.`);
    } else if (!seen.sendAs) {
      draft.step({
        plane: 'exchange',
        sign: '+',
        object: 'SendAs of the pointer',
        key: address,
        reason: 'messages may bear this address as their sender',
        needs: mailRecipients,
        undo: 'take it out of the configuration and apply',
        act: { kind: 'send-as', address },
      });
    }
  }
}

/** Sending by RBAC for Applications: a scope that is a group, and a role assignment in it. M365 (doc). */
export function sending(draft: Draft): void {
  const { desired, observed } = draft;
  const seen = observed.exchange?.sending;
  if (desired.smtp.mode === 'claims' || seen === undefined) return;
  const name = rbacName(desired);
  if (observed.entra.principal?.assignments.some((one) => one.onExchange && one.role === 'SMTP.SendAsApp')) {
    draft.remark(
      'blocked',
      'SMTP.SendAsApp is consented to, and `smtpMode: rbac` does not go with it: with the role in the token FullAccess is asked for, and the scope counts for nothing. Revoke it under Permissions of the Enterprise application.',
    );
  }
  if (desired.protocols.some((one) => one !== 'smtp')) {
    draft.remark(
      'note',
      'This app also reads mail. Whether IMAP or POP by app roles and SMTP by a role assignment go together is not confirmed: a second app for sending is the safe way.',
    );
  }
  // Without a distinguished name there would be no filter, and an empty filter is the whole organisation.
  if (seen.group === undefined || seen.group.dn === '') {
    draft.remark(
      'blocked',
      `There is no group ${desired.smtp.group}; make a mail-enabled security group with the mailboxes as direct members.`,
    );
    return;
  }
  for (const address of sendersInScope(desired)) {
    if (seen.members.includes(address.toLowerCase())) continue;
    draft.remark('blocked', `${address} is no direct member of ${desired.smtp.group}; members of groups in it do not count. Add it.`);
  }
  const filter = scopeFilter(seen.group.dn);
  const common = { plane: 'exchange', needs: roleManagement, undo: 'setup destroy' } as const;
  if (seen.filter === undefined) {
    draft.step({
      ...common,
      sign: '+',
      object: 'management scope',
      key: name,
      to: filter,
      reason: 'sending is permitted for the direct members of this group, and for nobody else',
      act: { kind: 'create-scope', name, filter },
    });
  } else if (seen.filter !== filter) {
    draft.step({
      ...common,
      sign: '~',
      object: 'management scope',
      key: name,
      from: seen.filter === '' ? 'no filter: the whole organisation' : seen.filter,
      to: filter,
      reason: 'sending reaches as far as this filter',
      undo: 'the same with the old filter',
      act: { kind: 'change-scope', name, filter },
    });
  }
  for (const other of seen.assignments.filter((one) => one.name !== name || one.scope !== name)) {
    const reach = other.scope === '' ? 'the whole organisation' : `the scope ${other.scope}`;
    draft.remark(
      other.scope === '' ? 'blocked' : 'drift',
      `Another assignment of ${sendRole}: ${other.name}, for ${reach}. Assignments add up${other.scope === '' ? ', so no scope would hold: remove it first' : ''}.`,
    );
  }
  if (seen.assignments.some((one) => one.name === name && one.scope === name)) return;
  draft.step({
    ...common,
    sign: '+',
    object: 'role assignment',
    key: sendRole,
    to: `in the scope ${name}`,
    reason: 'the app sends by it, without a role in its token and without FullAccess',
    act: { kind: 'assign-sending', name, scope: name, mailboxes: sendersInScope(desired) },
  });
}

/** Cmdlets by which a step is done and read back. */
const cmdletsOf: { readonly [kind in StepAct['kind']]?: readonly string[] } = {
  'create-pointer': ['New-ServicePrincipal'],
  'remove-pointer': ['Remove-ServicePrincipal'],
  grant: ['Add-MailboxPermission', 'Get-MailboxPermission'],
  'send-as': ['Add-RecipientPermission', 'Get-RecipientPermission'],
  revoke: ['Remove-MailboxPermission'],
  'client-access': ['Set-CASMailbox'],
  'create-scope': ['New-ManagementScope'],
  'change-scope': ['Set-ManagementScope'],
  'assign-sending': ['New-ManagementRoleAssignment', 'Test-ServicePrincipalAuthorization'],
};

/** Whoever signed in must be able to do it all, or nothing is begun. To be called when all steps are there. */
export function preflight(draft: Draft): void {
  const { exchange } = draft.observed;
  if (exchange === undefined) return;
  const missing = new Map<string, string>();
  for (const { act, needs } of draft.steps) {
    for (const cmdlet of cmdletsOf[act.kind] ?? []) if (!exchange.cmdlets.includes(cmdlet)) missing.set(cmdlet, needs);
  }
  for (const [cmdlet, needs] of missing) draft.remark('blocked', `Whoever signed in may not run ${cmdlet}: it needs ${needs}.`);
}
