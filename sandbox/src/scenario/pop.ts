/** What goes wrong over POP3 only. Scenarios of the mailbox itself (`no-grant`, `drops`, `slow-login` …) stand in `imap.ts` and show here too. */

import { type MailboxScenario, refusedFacts, type SaidScenario } from './shape.ts';

export const popMailboxes: readonly MailboxScenario[] = [
  {
    reach: 'mailbox',
    name: 'pop-off',
    does: 'POP3 refuses the login with "-ERR Authentication failure: unknown user name or bad password.", because PopEnabled is false.',
    grade: 'doc',
    source: "Microsoft's page on OAuth for IMAP, POP and SMTP",
    popEnabled: false,
  },
  {
    reach: 'mailbox',
    name: 'pop-pipelining',
    does: 'CAPA after the login offers PIPELINING. Exchange never does.',
    grade: 'assumed',
    source: 'RFC 2449 section 6.8; here to try clients that can',
    quirks: { popPipelining: true },
    messages: 60,
  },
];

export const popSaid: readonly SaidScenario[] = [
  {
    reach: 'said',
    name: 'pop-one-line',
    how: 'AUTH XOAUTH2 with the token on the same line',
    does: 'POP3 answers "-ERR Protocol error. Connection is closed. 10" and closes.',
    grade: 'recorded',
    source: 'getmail6 issue 256; jakartaee/mail-api issue 461',
  },
  {
    reach: 'said',
    name: 'pop-password',
    how: 'USER and PASS',
    does: 'POP3 answers "-ERR Logon failure: unknown user name or bad password."',
    grade: 'recorded',
    source: 'traces of Exchange POP3',
  },
  {
    reach: 'said',
    name: 'pop-unknown-mailbox',
    how: 'a token with an address that is no mailbox',
    does: 'POP3 answers "-ERR Authentication failure: unknown user name or bad password."',
    grade: 'recorded',
    source: refusedFacts,
  },
];
