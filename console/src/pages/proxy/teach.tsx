/** Before there is a proxy: what it is for, and the lines and the command that make one. */
import { Stack, Text, Title } from '@mantine/core';
import { Command } from '../../parts/copy-button.tsx';

const lines = `proxy:
  listeners:
    imap: { protocol: imap, listen: "127.0.0.1:1143" }
    pop3: { protocol: pop3, listen: "127.0.0.1:1110" }
    smtp: { protocol: smtp, listen: "127.0.0.1:2525" }`;

const steps = [
  {
    title: 'Open the door',
    text: 'These lines stand in postern.yaml, beside the tenant whose app reaches the mailboxes. For other machines a listener needs TLS and a certificate.',
    command: lines,
    what: 'the lines',
  },
  {
    title: 'Let an application in',
    text: 'Each has a password of its own, which is printed once, and reaches the mailboxes and protocols of its list and nothing else.',
    command: 'postern proxy client add scanner --mailbox scanner@contoso.com --protocol smtp',
    what: 'the command',
  },
  {
    title: 'Point the application to it',
    text: 'Server and port of the listener, the mailbox’s address as user name, and that password. After a new start of the service its sessions stand on this page.',
  },
];

export function Teach() {
  return (
    <Stack className="panel first-screen" gap="lg">
      <div>
        <Title order={2}>A door for applications that only know a password</Title>
        <Text c="dimmed" mt={4}>
          Scanners, ticket tools and old mail programs log in here as they always did; towards Exchange Online Postern logs in by OAuth 2.0.
        </Text>
      </div>
      <ol className="first-steps">
        {steps.map(({ title, text, command, what }, index) => (
          <li key={title}>
            <span className="first-number" aria-hidden>
              {index + 1}
            </span>
            <Stack gap={6} miw={0}>
              <Title order={3}>{title}</Title>
              <Text c="dimmed">{text}</Text>
              {command !== undefined && <Command text={command} what={what} />}
            </Stack>
          </li>
        ))}
      </ol>
    </Stack>
  );
}
