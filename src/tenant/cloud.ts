/**
 * A cloud is a set of addresses: who gives tokens, for which resource, and where the mail hosts are.
 *
 * Code above never asks which cloud it is in; it uses the addresses. So a sandbox, a national cloud and a hand-made one are all the
 * same to it. Grades as in the sources: `doc` = Microsoft says so, `recorded` = seen in use by several independent tools, `assumed` =
 * one weak source, or sources that disagree.
 */

/** Where a mail protocol is spoken and how TLS begins there. `none` is for loopback only. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
}

export type CloudName = 'global' | 'gcc-high' | 'dod' | 'china';

export interface Cloud {
  readonly name: CloudName | 'custom';
  /** Origin of the token endpoint, without a path and without a slash at the end, e.g. `https://login.microsoftonline.com`. */
  readonly authority: string;
  /** Scope of a token for IMAP, POP3 and SMTP. */
  readonly scope: string;
  /** Mail hosts; one may be absent in a custom cloud only. */
  readonly imap?: MailServer;
  readonly pop3?: MailServer;
  readonly smtp?: MailServer;
  /** Origin of Microsoft Graph; absent in a custom cloud only. */
  readonly graph?: string;
  /** What a token for Graph is asked for: its origin, unless a custom cloud stands in for another one. */
  readonly graphResource?: string;
  /** Origin of the administrative interface of Exchange; absent in a custom cloud only. */
  readonly exchangeAdmin?: string;
  /** Value of `Connect-ExchangeOnline -ExchangeEnvironmentName`; absent where the default serves. */
  readonly exchangeEnvironment?: string;
}

function outlook(host: string): { readonly imap: MailServer; readonly pop3: MailServer } {
  return { imap: { host, port: 993, tls: 'implicit' }, pop3: { host, port: 995, tls: 'implicit' } };
}

/** The clouds that Microsoft runs. */
export const clouds: Readonly<Record<CloudName, Cloud>> = {
  // M365 (doc): authority, scope and hosts, also for GCC.
  global: {
    name: 'global',
    authority: 'https://login.microsoftonline.com',
    scope: 'https://outlook.office365.com/.default',
    ...outlook('outlook.office365.com'),
    // M365 (doc): port 465 is not offered here.
    smtp: { host: 'smtp.office365.com', port: 587, tls: 'starttls' },
    // M365 (doc): Graph; M365 (recorded): the Exchange module's own interface.
    graph: 'https://graph.microsoft.com',
    exchangeAdmin: 'https://outlook.office365.com',
  },
  // M365 (doc): authority and the IMAP and POP hosts (endpoints pages).
  'gcc-high': {
    name: 'gcc-high',
    authority: 'https://login.microsoftonline.us',
    // M365 (recorded): several tools.
    scope: 'https://outlook.office365.us/.default',
    ...outlook('outlook.office365.us'),
    // M365 (assumed): community sources; the official list shows outlook.office365.us with port 587.
    smtp: { host: 'smtp.office365.us', port: 587, tls: 'starttls' },
    // M365 (doc): Graph. M365 (assumed): Exchange, as its documented interface (v2.0) is reached.
    graph: 'https://graph.microsoft.us',
    exchangeAdmin: 'https://outlook.office365.us',
    exchangeEnvironment: 'O365USGovGCCHigh',
  },
  dod: {
    name: 'dod',
    // M365 (doc): the same authority as GCC High.
    authority: 'https://login.microsoftonline.us',
    // M365 (assumed): tools disagree between this and outlook.office365.us; `scope:` overrides it.
    scope: 'https://outlook-dod.office365.us/.default',
    // M365 (recorded): endpoints list and several tools.
    ...outlook('outlook-dod.office365.us'),
    // M365 (assumed).
    smtp: { host: 'outlook-dod.office365.us', port: 587, tls: 'starttls' },
    // As for GCC High.
    graph: 'https://dod-graph.microsoft.us',
    exchangeAdmin: 'https://outlook-dod.office365.us',
    exchangeEnvironment: 'O365USGovDoD',
  },
  // M365 (recorded): run by 21Vianet; an older authority, login.chinacloudapi.cn, is still found in code.
  china: {
    name: 'china',
    authority: 'https://login.partner.microsoftonline.cn',
    scope: 'https://partner.outlook.cn/.default',
    ...outlook('partner.outlook.cn'),
    smtp: { host: 'smtp.partner.outlook.cn', port: 587, tls: 'starttls' },
    // M365 (doc): Graph. M365 (assumed): Exchange; the documented interface (v2.0) names outlook.office365.cn.
    graph: 'https://microsoftgraph.chinacloudapi.cn',
    exchangeAdmin: 'https://partner.outlook.cn',
    exchangeEnvironment: 'O365China',
  },
};

/** The token endpoint of a tenant. M365 (doc): the path is fixed, discovery is not needed. */
export function tokenEndpoint(authority: string, tenantId: string): URL {
  return new URL(`${authority}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`);
}
