/**
 * SMTP submission: EHLO, STARTTLS, AUTH; and, only when it was asked for, one mail from the mailbox to itself.
 *
 * M365 (doc): at Exchange a login alone does not prove that the mailbox may send (a missing grant shows with the mail); only `send` does.
 */
import { randomUUID } from 'node:crypto';
import { connectSmtp, type OutgoingMail, type SmtpClient } from '../../mail/smtp/client.ts';
import { ladder, type Observation } from '../observation.ts';
import { clientOptions, leave, type MailPorts, type MailTarget } from './session.ts';

export async function lookAtSmtp(target: MailTarget, sendTest: boolean, ports: MailPorts): Promise<readonly Observation[]> {
  const { server, credential, place, mailbox } = target;
  let client: SmtpClient | undefined;
  const open = (): SmtpClient => {
    if (client === undefined) throw new Error('the ladder lets nothing run before the login');
    return client;
  };
  try {
    return await ladder(place, ports, [
      [
        'login',
        async () => {
          client = await connectSmtp(server, clientOptions(ports));
          await client.authenticate(credential);
          return client.serverHost === undefined ? {} : { serverHost: client.serverHost };
        },
      ],
      ...(sendTest
        ? [
            [
              'send',
              async () => {
                const { code, text } = await open().send(testMail(mailbox, ports.clock.now()));
                return { code, server: text.slice(0, 300) };
              },
            ] as const,
          ]
        : []),
    ]);
  } finally {
    await leave(() => client?.quit() ?? Promise.resolve());
    client?.close();
  }
}

/** RFC 5322 §3.6. To nobody but the mailbox itself. */
function testMail(mailbox: string, nowMs: number): OutgoingMail {
  const date = new Date(nowMs).toUTCString().replace('GMT', '+0000');
  const lines = [
    `Date: ${date}`,
    `From: <${mailbox}>`,
    `To: <${mailbox}>`,
    'Subject: Test mail of postern check',
    `Message-ID: <${randomUUID()}@postern.invalid>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    'Auto-Submitted: auto-generated',
    '',
    'This mail shows that this mailbox can submit mail with OAuth 2.0. It can be deleted.',
    '',
  ];
  return { from: mailbox, to: [mailbox], bytes: Buffer.from(lines.join('\r\n')) };
}
