/** Before any tenant is known here: what has to be there, in the order in which it is done, and the two ways to it. */
import { Button, Group, Stack, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { Command } from '../../parts/copy-button.tsx';
import { useMay } from '../../session.tsx';

const parts = [
  {
    title: 'An app registration in Microsoft Entra',
    text: 'With a secret or, better, a certificate. It gives the Application (Client) ID and the Directory (Tenant) ID.',
  },
  {
    title: 'Its permission IMAP.AccessAsApp or POP.AccessAsApp, with the consent of an administrator',
    text: 'An application permission of Office 365 Exchange Online; a delegated one does not help where nobody signs in.',
  },
  {
    title: 'Its service principal in Exchange Online',
    text: 'New-ServicePrincipal with the object id of the Enterprise application, not with that of the app registration: this is the commonest mistake.',
  },
  {
    title: 'FullAccess on each mailbox that is imported, and on no other',
    text: 'Add-MailboxPermission for the service principal. A new permission may take half an hour until it holds.',
  },
];

export function ByHand() {
  const mayMake = useMay('administer');
  return (
    <div className="halves">
      <section className="panel first-screen" aria-labelledby="by-hand">
        <Title order={2} id="by-hand" mb="md">
          Four things have to be there
        </Title>
        <ol className="first-steps">
          {parts.map(({ title, text }, index) => (
            <li key={title}>
              <span className="first-number" aria-hidden>
                {index + 1}
              </span>
              <div>
                <Title order={3}>{title}</Title>
                <Text c="dimmed">{text}</Text>
              </div>
            </li>
          ))}
        </ol>
      </section>
      <Stack>
        <section className="panel block" aria-labelledby="by-hand-source">
          <Title order={2} id="by-hand-source" mb={4}>
            They are there already
          </Title>
          <Text c="dimmed" mb="sm">
            Make the source: its test says which of the four does not hold, and writes the command that mends it.
          </Text>
          {mayMake && (
            <Group>
              <Button component={Link} href="/sources/new">
                Add source
              </Button>
            </Group>
          )}
        </section>
        <section className="panel block" aria-labelledby="by-hand-plan">
          <Title order={2} id="by-hand-plan" mb={4}>
            Nothing is there yet
          </Title>
          <Text c="dimmed" mb="sm">
            Name the tenant and its mailboxes in <code>postern.yaml</code> (<code>tenants.NAME.setup</code>); then the plan with its script
            stands on this page. On the command line it is shown, applied step by step, and taken back:
          </Text>
          <Stack gap={6}>
            <Command text="postern config sample" />
            <Command text="postern setup plan" />
            <Command text="postern setup script" />
            <Command text="postern setup apply" />
          </Stack>
        </section>
      </Stack>
    </div>
  );
}
