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
  {
    reach: 'mailbox',
    name: 'pop-refuses',
    does: 'RETR of the third message is refused with "-ERR The message could not be retrieved."; it is listed all the same.',
    grade: 'assumed',
    source: 'servers refuse messages that they cannot convert; the words are ours',
    quirks: { pop: { refuse: [3] } },
  },
  {
    reach: 'mailbox',
    name: 'pop-locked',
    does: 'A POP3 session locks the mailbox: a login beside it is answered "-ERR [IN-USE]". The first two logins find it locked by somebody else.',
    grade: 'assumed',
    source: 'RFC 1939 section 4, RFC 2449 section 8.1.2; of Exchange no lock is known',
    quirks: { pop: { exclusive: true, lockedFor: 2 } },
  },
  {
    reach: 'mailbox',
    name: 'pop-same-name',
    does: 'UIDL gives the second and the third message one name, which RFC 1939 forbids.',
    grade: 'assumed',
    source: 'RFC 1939 section 7 lets servers compute names from the content; which do is not known',
    quirks: { pop: { sameName: [2, 3] } },
  },
  {
    reach: 'mailbox',
    name: 'pop-no-uidl',
    does: 'UIDL is refused, so that messages have no lasting names.',
    grade: 'assumed',
    source: 'RFC 1939 section 7: UIDL is optional; Exchange has it',
    quirks: { pop: { unnamed: true } },
  },
  {
    reach: 'mailbox',
    name: 'pop-cut-at-quit',
    does: 'QUIT removes what was marked and then cuts the connection instead of answering.',
    grade: 'assumed',
    source: 'connections end at any time; here at the worst',
    quirks: { pop: { cutAtQuit: 'after' } },
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
