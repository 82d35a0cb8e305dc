/** What is to be done in Exchange: the pointer, its rights on mailboxes, and the switches of those. */
import { type Draft, mailRecipients, roleManagement } from './draft.ts';
import type { ObservedMailbox } from './observed.ts';

export function pointer(draft: Draft): void {
  const { exchange, entra } = draft.observed;
  if (exchange === undefined) {
    draft.remark('note', 'Exchange was not looked at: this plan is for Entra only.');
    return;
  }
  for (const pointer of exchange.pointers.filter((one) => one.objectId !== entra.principal?.id)) {
    const isRegistration = pointer.objectId === entra.app?.id;
    draft.step({
      plane: 'exchange',
      sign: '-/+',
      object: 'pointer (service principal in Exchange)',
      key: pointer.objectId,
      from: `${pointer.objectId}${isRegistration ? ', which is the app registration’s object id' : ''}`,
      to: entra.principal?.id ?? '(known after apply)',
      reason: 'it must carry the object id of the Enterprise application: the `oid` of the token',
      needs: roleManagement,
      undo: 'it never worked',
      destructive: true,
      act: { kind: 'remove-pointer', objectId: pointer.objectId },
    });
  }
  if (exchange.pointers.some((one) => one.objectId === entra.principal?.id)) return;
  draft.step({
    plane: 'exchange',
    sign: '+',
    object: 'pointer (service principal in Exchange)',
    key: entra.app?.appId ?? draft.desired.app.uniqueName,
    to: entra.principal?.id ?? '(known after apply)',
    reason: 'Exchange knows a service principal only by it',
    needs: roleManagement,
    undo: 'setup destroy',
    act: { kind: 'create-pointer' },
  });
}

export function mailboxes(draft: Draft): void {
  for (const { address } of draft.desired.mailboxes) mailbox(draft, address);
}

function mailbox(draft: Draft, address: string): void {
  const { exchange } = draft.observed;
  const seen = exchange?.mailboxes[address.toLowerCase()];
  if (exchange === undefined || seen === undefined) return;
  if (seen.info === undefined) {
    draft.remark('blocked', `There is no mailbox ${address} in this organisation.`);
    return;
  }
  if (seen.info.address.toLowerCase() !== address.toLowerCase()) {
    draft.remark('note', `${address} is the mailbox ${seen.info.address}: log in with its primary address.`);
  }
  if (!seen.fullAccess) {
    draft.step({
      plane: 'exchange',
      sign: '+',
      object: 'FullAccess of the pointer',
      key: address,
      reason: 'the app reaches this mailbox by it, and no other',
      needs: mailRecipients,
      undo: 'setup destroy, or take the mailbox out of the configuration',
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
    to: `${off.join(', ')} on`,
    reason: 'a mailbox whose switch is off is not opened, whatever is granted; the organisation’s switch stays as it is',
    needs: mailRecipients,
    undo: 'setup destroy sets it back',
    act: { kind: 'client-access', address, change },
  });
}

export function sendAs(draft: Draft): void {
  const { exchange } = draft.observed;
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
        undo: 'setup destroy',
        act: { kind: 'send-as', address },
      });
    }
  }
}
