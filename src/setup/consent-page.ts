/** Where administrators of other tenants consent to a multi-tenant app. */
import type { Draft } from './draft.ts';

/**
 * M365 (doc): for IMAP and POP the scope is that of ps.outlook.com, for SMTP that of outlook.office365.com; the page comes back to a
 * redirect address that the app registers. Each of those tenants wants its own pointer: the object id is another one there.
 */
export function consentPages(draft: Draft): void {
  const { app, protocols } = draft.desired;
  if (app.audience !== 'AzureADMultipleOrgs') return;
  const clientId = draft.observed.entra.app?.appId;
  if (clientId === undefined) {
    draft.remark('note', 'The app is for any organisation: the page of consent for each other tenant is told once the app is there.');
    return;
  }
  const reads = protocols.some((one) => one !== 'smtp');
  const resources = [
    ...(reads ? ['https://ps.outlook.com'] : []),
    ...(protocols.includes('smtp') ? ['https://outlook.office365.com'] : []),
  ];
  for (const resource of resources) {
    const scope = encodeURIComponent(`${resource}/.default`);
    draft.remark(
      'note',
      `Another tenant consents ${resource.includes('ps.') ? 'for IMAP and POP' : 'for SMTP'} at ${draft.desired.authority}/TENANT/v2.0/adminconsent?client_id=${clientId}&scope=${scope}&redirect_uri=REDIRECT, and then wants a setup of its own: its pointer has another object id.`,
    );
  }
}
