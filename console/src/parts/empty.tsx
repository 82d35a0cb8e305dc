/** Where there is nothing yet: what would be here, why, and the way to it. */
import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

export function Empty({
  icon,
  title,
  children,
  action,
}: {
  readonly icon?: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <Stack className="panel empty" align="center" gap="xs" p="xl">
      {icon !== undefined && <div className="empty-icon">{icon}</div>}
      <Title order={2}>{title}</Title>
      <Text component="div" c="dimmed" maw={560} ta="center">
        {children}
      </Text>
      {action}
    </Stack>
  );
}
