/** The first screen of a new installation: what Postern does, and the one path to a working source. */
import { Button, Group, Stack, Text, Title } from '@mantine/core';
import { IconArrowRight, IconFlask } from '@tabler/icons-react';
import { Link } from 'wouter';
import type { Overview } from '../../../../src/service/api.ts';
import { useMay } from '../../session.tsx';

const steps: readonly { readonly title: string; readonly text: string; readonly link?: { readonly to: string; readonly words: string } }[] =
  [
    {
      title: 'Let Postern in',
      text: 'An app of Microsoft Entra opens the mailbox, without a password and without a person. Setup shows what that takes and writes the script for your administrator.',
      link: { to: '/setup', words: 'What has to be set up in Microsoft 365?' },
    },
    {
      title: 'Make a source and test it',
      text: 'Type the three ids of the app and the mailbox. The test walks the whole way and says what does not hold, why, and which command mends it.',
    },
    {
      title: 'Watch it come in',
      text: 'Each message is kept once, byte for byte, under its SHA-256; counted for each day; searched, exported, proven complete.',
    },
  ];

export function FirstScreen({ trial }: { readonly trial: Overview['trial'] }) {
  const mayMake = useMay('administer');
  return (
    <Stack className="panel first-screen" gap="lg">
      <div>
        <Title order={2}>Bring the first mailbox in</Title>
        <Text c="dimmed" mt={4}>
          Postern brings mail out of Microsoft 365 into an archive of its own: exactly once, unattended, and so that it can be shown.
        </Text>
      </div>
      <ol className="first-steps">
        {steps.map(({ title, text, link }, index) => (
          <li key={title}>
            <span className="first-number" aria-hidden>
              {index + 1}
            </span>
            <div>
              <Title order={3}>{title}</Title>
              <Text c="dimmed">{text}</Text>
              {link !== undefined && <Link href={link.to}>{link.words}</Link>}
            </div>
          </li>
        ))}
      </ol>
      {mayMake ? (
        <Group>
          <Button component={Link} href="/sources/new?format=telemessage" size="md" rightSection={<IconArrowRight size={18} aria-hidden />}>
            Make the first source
          </Button>
          {trial !== null && (
            <Button
              component={Link}
              href="/sources/new?trial"
              size="md"
              variant="default"
              leftSection={<IconFlask size={18} aria-hidden />}
            >
              Use the trial tenant
            </Button>
          )}
        </Group>
      ) : (
        <Text>Nothing is imported yet. An administrator makes the first source.</Text>
      )}
      {trial !== null && mayMake && (
        <Text size="sm" c="dimmed">
          This service was started with a tenant to try things with ({trial.mailbox}): the form comes filled in, and mail arrives by itself.
        </Text>
      )}
    </Stack>
  );
}
