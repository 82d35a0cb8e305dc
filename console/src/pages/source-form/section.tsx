/** A part of the form: a fieldset with its title, why it is asked, and its fields in one or two columns. */
import { Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';

export function Section({ title, why, children }: { readonly title: string; readonly why?: ReactNode; readonly children: ReactNode }) {
  return (
    <fieldset className="panel section">
      <legend>{title}</legend>
      {why !== undefined && (
        <Text size="sm" c="dimmed" mb="sm">
          {why}
        </Text>
      )}
      <Stack gap="sm">{children}</Stack>
    </fieldset>
  );
}

export function Pair({ children }: { readonly children: ReactNode }) {
  return <div className="pair">{children}</div>;
}
