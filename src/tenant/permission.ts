/**
 * The permissions (app roles) that matter to mail, as the Exchange Online resource names them.
 *
 * The look-alikes are here too, because they are what is found instead when a login fails: delegated ones, EWS, PowerShell.
 */

/** The application id of "Office 365 Exchange Online" in every tenant. M365 (doc). */
export const exchangeOnlineAppId = '00000002-0000-0ff1-ce00-000000000000';

export interface Permission {
  /** The value as it stands in the `roles` (or `scp`) claim. */
  readonly name: string;
  readonly id: string;
  /** `application`: granted to the app itself; `delegated`: to a person using it, of no use without one. */
  readonly kind: 'application' | 'delegated';
  /** What it opens, in a few words. */
  readonly opens: string;
}

/** What each protocol wants in the token. M365 (doc); the id of SMTP.SendAsApp is M365 (recorded): two manifests agree. */
export const protocolPermission = {
  imap: { name: 'IMAP.AccessAsApp', id: '5e5addcd-3e8d-4e90-baf5-964efab2b20a', kind: 'application', opens: 'IMAP' },
  pop3: { name: 'POP.AccessAsApp', id: 'cb842b43-da6e-4506-86fe-bb12199c656d', kind: 'application', opens: 'POP3' },
  smtp: { name: 'SMTP.SendAsApp', id: '7146a1f0-8703-45b3-9eae-527a64c00995', kind: 'application', opens: 'SMTP submission' },
} as const satisfies Record<string, Permission>;

/** Permissions that are often granted in place of the right ones. M365 (doc). */
export const lookAlikes: readonly Permission[] = [
  { name: 'full_access_as_app', id: 'dc890d15-9560-4a4c-9b7f-a736ec74ec40', kind: 'application', opens: 'EWS, not IMAP or POP3' },
  { name: 'Exchange.ManageAsApp', id: 'dc50a0fb-09a3-484d-be87-e023b12c6440', kind: 'application', opens: 'Exchange PowerShell' },
  { name: 'Mail.Send', id: 'b633e1c5-b582-4048-a93e-9f11b44c7e96', kind: 'application', opens: 'High Volume Email' },
  { name: 'IMAP.AccessAsUser.All', id: '195adc35-e27b-454b-a7ed-1ecdffa1c09f', kind: 'delegated', opens: 'IMAP for a signed-in person' },
  { name: 'POP.AccessAsUser.All', id: 'fb698133-92fa-453e-a9ed-688e10f2e5ac', kind: 'delegated', opens: 'POP3 for a signed-in person' },
  { name: 'SMTP.Send', id: '76faac2a-0f20-42f1-928a-50de5b9dbe52', kind: 'delegated', opens: 'SMTP for a signed-in person' },
];
