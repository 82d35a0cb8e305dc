/**
 * What can be said of a field while it is typed, before the service is asked: shapes, and the mistakes that everybody makes once (the
 * Secret ID in place of its value, the two ids swapped). The service judges everything again.
 */
import type { FieldRemark } from '../../../../src/service/api.ts';
import type { FormDraft } from './draft.ts';

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const domain = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/i;
const name = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/;
const duration = /^\d+(?:ms|s|m|h|d|w|y)$/;

export function shapeRemarks(draft: FormDraft): FieldRemark[] {
  const remarks: FieldRemark[] = [];
  function say(field: string, says: string, level: FieldRemark['level'] = 'error'): void {
    remarks.push({ field, level, says });
  }
  if (draft.name !== '' && !name.test(draft.name.trim())) {
    say('name', 'Letters, digits, - _ and . only, without blanks; it becomes the name in the archive.');
  }
  if (draft.mailbox !== '' && draft.authentication === 'oauth2' && !/^[^\s@]+@[^\s@]+$/.test(draft.mailbox.trim())) {
    say('mailbox', 'The primary address of the mailbox is wanted, like capture@contoso.com.');
  }
  if (draft.every !== '' && !duration.test(draft.every.trim())) say('every', 'A number with its unit: 30s, 5m, 1h.');
  if (draft.authentication === 'oauth2' && draft.tenant === null) appRemarks(draft.app, say);
  return remarks;
}

function appRemarks(app: FormDraft['app'], say: (field: string, says: string, level?: FieldRemark['level']) => void): void {
  const [client, tenant] = [app.clientId.trim(), app.tenantId.trim()];
  if (client !== '' && !guid.test(client)) {
    say('app.clientId', 'It has the shape 00000000-0000-0000-0000-000000000000; copy it from Overview of the app registration.');
  }
  if (tenant !== '' && !guid.test(tenant) && !domain.test(tenant)) {
    say('app.tenantId', 'It is an id of the shape 00000000-0000-0000-0000-000000000000, or a verified domain like contoso.com.');
  }
  if (client !== '' && client.toLowerCase() === tenant.toLowerCase()) {
    say('app.tenantId', 'This is the Application (Client) ID once more; the Directory (Tenant) ID stands below it in Overview.');
  }
  if (app.credential.kind === 'secret' && guid.test(app.credential.secret?.trim() ?? '')) {
    say('app.credential.secret', 'This is the Secret ID. Its Value is wanted, which the portal shows only once, after it was made.');
  }
}

/** Those of the service where it has judged the field, else the quick ones; one for each field, errors first. */
export function remarksByField(quick: readonly FieldRemark[], judged: readonly FieldRemark[]): ReadonlyMap<string, FieldRemark> {
  const found = new Map<string, FieldRemark>();
  for (const remark of [...judged, ...quick]) {
    // Of a list one entry is named (`folders.2`); its field is the list.
    const field = remark.field.replace(/\.\d+$/, '');
    const known = found.get(field);
    if (known === undefined || (known.level === 'hint' && remark.level === 'error')) found.set(field, { ...remark, field });
  }
  return found;
}
